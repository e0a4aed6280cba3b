// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/unbiased_risk.hpp"

namespace candist {

/// MCL-URE with the base l(z, j) = sum_c (p_c - [c = j])^2 = 1 - 2 p_j + sum_c p_c^2. The weights
/// of the estimator sum to 1, so the last sum enters once. Reference: Feng et al., ICML 2020,
/// arXiv:1912.12927.
struct MclUreMse {
  static constexpr const char* name = "mcl_ure_mse";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  CANDIST_HD float term(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    const float p = row.prob(cell);
    return UnbiasedRisk<LogLoss>::cell_weight(row, cell) * (1.0f - 2.0f * p) + p * p;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    const float p = row.prob(cell);
    return 2.0f * p * (p - UnbiasedRisk<LogLoss>::cell_weight(row, cell));
  }
};
static_assert(Loss<MclUreMse>);

}  // namespace candist
