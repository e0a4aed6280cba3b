// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Early-learning regularisation (ELR): L = CE(q, p) + lambda log(1 - <t, p>), t the running mean
/// of the student's own predictions on this text (the refinery's memory, see RunningPrediction).
/// Keeps what was learnt before noise is fitted. Reference: Liu et al., NeurIPS 2020,
/// arXiv:2007.00151.
struct EarlyLearning {
  static constexpr const char* name = "elr";
  static constexpr const char* reference = "Liu et al., NeurIPS 2020";
  static constexpr bool reads_running_prediction = true;
  static constexpr int sum_count = 1;
  float lambda = 3.0f;
  CANDIST_HD float sum(int, RowStats row, Cell cell) const { return cell.memory * row.prob(cell); }
  CANDIST_HD float value(RowStats row) const {
    const float agreement = row.sums[0] < most ? row.sums[0] : most;
    return row.target_mass * row.lse - row.target_dot + lambda * log1pf(-agreement);
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    const float ce = row.target_mass * p - cell.target;
    if (!(row.sums[0] < most)) return ce;  // the regulariser is constant there
    return ce - lambda * p * (cell.memory - row.sums[0]) / (1.0f - row.sums[0]);
  }

 private:
  /// <t, p> counts up to here, so that C = 1 stays finite.
  static constexpr float most = 0.9999f;
};
static_assert(Loss<EarlyLearning>);

}  // namespace candist
