// expect: candist: AtTemperature is outermost
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/losses/at_temperature.hpp"
#include "candist/losses/marginal_nll.hpp"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/losses/weighted_sum.hpp"
// The driver scales the logits of a whole loss: a temperature inside a sum would be ignored.
candist::WeightedSum<candist::AtTemperature<candist::SoftTargetCe>, candist::MarginalNll> ignored;
