// expect: candist: this loss and this refinery do not belong together
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/candidates/mask.hpp"
#include "candist/losses/early_learning.hpp"
#include "candist/refineries/renormalised_prediction.hpp"
#include "candist/training/row_program.hpp"
// Without a running prediction the regulariser is log 1: nothing.
void program(const candist::MaskCandidates& set) {
  candist::RowProgram meaningless(candist::EarlyLearning{}, candist::RenormalisedPrediction{},
                                  set.view());
}
