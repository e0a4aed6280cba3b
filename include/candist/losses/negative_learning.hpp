// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Learns from what the set rules out: L = -sum_{j not in S} log(1 - p_j). The supervised part of
/// CR-DPLL. Reference: Wu, Wang and Zhang, ICML 2022; Kim et al., ICCV 2019 (NLNL),
/// arXiv:1908.07387.
struct NegativeLearning {
  static constexpr const char* name = "negative_learning";
  static constexpr const char* reference = "Wu, Wang and Zhang, ICML 2022";
  // dL/dz_i = sum_{j not in S} o_j ([i = j] - p_i) with the odds o_j = p_j / (1 - p_j). Only the odds
  // of the largest logit t can exceed 1. Where t is outside S its part is written out, so that
  // neither o_t overflows nor o_t - p_t o_t cancels: p_t at i = t, -p_t p_i / (1 - p_t) elsewhere.
  static constexpr int sum_count = 1;
  CANDIST_HD float sum(int, RowStats row, Cell cell) const {
    return cell.candidate || cell.label == row.argmax ? 0.0f : row.odds(cell);
  }
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return cell.candidate ? 0.0f : -row.log_other(cell);
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    const bool top = cell.label == row.argmax;
    float gradient = -p * row.sums[0];
    if (!cell.candidate) gradient += top ? p : row.odds(cell);
    if (!top && row.argmax != row.candidate_argmax)
      gradient -= expf(cell.logit - row.rest_lse - row.lse);  // p_t = exp(-lse)
    return gradient;
  }
};
static_assert(Loss<NegativeLearning>);

}  // namespace candist
