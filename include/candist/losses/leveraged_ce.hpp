// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Leveraged weighted loss with the cross-entropy base (LWC): L = -sum_{j in S} w_j log p_j - beta
/// sum_{j not in S} w_j log(1 - p_j). The weights w (the targets; over all classes) come from
/// LeveragedWeights. Reference: Wen et al., ICML 2021, arXiv:2106.05731.
struct LeveragedCe {
  static constexpr const char* name = "lwc";
  static constexpr const char* reference = "Wen et al., ICML 2021";
  float beta = 2.0f;
  CANDIST_HD float term(RowStats row, Cell cell) const {
    if (cell.target == 0.0f) return 0.0f;
    return -cell.target * (cell.candidate ? row.log_prob(cell) : beta * row.log_other(cell));
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    if (cell.target == 0.0f) return 0.0f;
    return cell.target * (cell.candidate ? -1.0f : beta * row.odds(cell));
  }
};
static_assert(Loss<LeveragedCe>);

}  // namespace candist
