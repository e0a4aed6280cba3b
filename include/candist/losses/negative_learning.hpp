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
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return cell.candidate ? 0.0f : -row.log_other(cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    return cell.candidate ? 0.0f : row.odds(cell);
  }
};
static_assert(Loss<NegativeLearning>);

}  // namespace candist
