// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Squared distance of the prediction to the targets: L = sum_j (p_j - q_j)^2.
/// Reference: Brier, Monthly Weather Review 1950.
struct Brier {
  static constexpr const char* name = "brier";
  static constexpr const char* reference = "Brier, 1950";
  CANDIST_HD float term(RowStats row, Cell cell) const {
    const float difference = row.prob(cell) - cell.target;
    return difference * difference;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    return 2.0f * p * (p - cell.target);
  }
};
static_assert(Loss<Brier>);

}  // namespace candist
