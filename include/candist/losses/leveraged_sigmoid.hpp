// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Leveraged weighted loss with the sigmoid base (LWS): L = sum_{j in S} w_j sigma(-z_j) + beta
/// sum_{j not in S} w_j sigma(z_j). The weights w (the targets; over all classes) come from
/// LeveragedWeights. Sigmoids of the logits themselves: a constant added to the row does change it.
/// Reference: Wen et al., ICML 2021, arXiv:2106.05731.
struct LeveragedSigmoid {
  static constexpr const char* name = "lws";
  static constexpr const char* reference = "Wen et al., ICML 2021";
  static constexpr bool shift_invariant = false;
  static constexpr bool reads_leveraged_weights = true;
  float beta = 2.0f;
  CANDIST_HD float term(RowStats row, Cell cell) const {
    const float z = cell.logit + row.shift;
    return cell.target * (cell.candidate ? sigmoid(-z) : beta * sigmoid(z));
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    const float z = cell.logit + row.shift;
    return cell.target * (cell.candidate ? -1.0f : beta) * sigmoid(z) * sigmoid(-z);
  }

 private:
  CANDIST_HD static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
};
static_assert(Loss<LeveragedSigmoid>);

}  // namespace candist
