// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/targeted.hpp"

namespace candist {

/// Mean absolute error on the targets, up to its factor 2: L = sum_j q_j (1 - p_j).
/// Reference: Ghosh et al., AAAI 2017, arXiv:1712.09482.
struct MeanAbsoluteError : Targeted<LinearLoss> {
  static constexpr const char* name = "mae";
  static constexpr const char* reference = "Ghosh et al., AAAI 2017";
};
static_assert(Loss<MeanAbsoluteError>);

}  // namespace candist
