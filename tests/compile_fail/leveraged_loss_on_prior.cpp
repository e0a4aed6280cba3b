// expect: candist: this loss and this refinery do not belong together
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/candidates/mask.hpp"
#include "candist/losses/leveraged_ce.hpp"
#include "candist/refineries/keep_prior.hpp"
#include "candist/training/row_program.hpp"
// The weights outside the set, which the loss reads, are 0 in every prior.
void program(const candist::MaskCandidates& set) {
  candist::RowProgram meaningless(candist::LeveragedCe{}, candist::KeepPrior{}, set.view());
}
