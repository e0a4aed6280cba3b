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
  static constexpr bool reads_leveraged_weights = true;
  static constexpr int sum_count = 3;
  float beta = 2.0f;
  /// The weights inside S; beta w_j p_j / (1 - p_j) outside S, without the largest logit; beta w_t
  /// where the largest logit t is outside S.
  CANDIST_HD float sum(int which, RowStats row, Cell cell) const {
    const bool top = cell.label == row.argmax;
    if (which == 0) return cell.candidate ? cell.target : 0.0f;
    if (cell.candidate || top != (which == 2)) return 0.0f;
    return beta * cell.target * (top ? 1.0f : row.odds(cell));
  }
  CANDIST_HD float term(RowStats row, Cell cell) const {
    if (cell.target == 0.0f) return 0.0f;
    return -cell.target * (cell.candidate ? row.log_prob(cell) : beta * row.log_other(cell));
  }
  // Inside S as in SoftTargetCe, outside as in NegativeLearning: the odds of the largest logit,
  // which overflow as it approaches 1, never appear.
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    const bool top = cell.label == row.argmax;
    float gradient = p * (row.sums[0] - row.sums[1]);
    if (cell.candidate) {
      gradient -= cell.target;
    } else {
      gradient += beta * cell.target * (top ? p : row.odds(cell));
    }
    if (!top && row.sums[2] > 0.0f)
      gradient -= row.sums[2] * expf(cell.logit - row.rest_lse - row.lse);
    return gradient;
  }
};
static_assert(Loss<LeveragedCe>);

}  // namespace candist
