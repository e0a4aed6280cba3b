// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Between average (beta = 0) and MarginalNll (beta = 1): targets q proportional to r^beta inside
/// S, held constant, L = -sum_j q_j log p_j, dL/dz = p - q. Reference: Guu et al., ACL 2017,
/// arXiv:1704.07926.
struct BetaMeritocratic {
  static constexpr const char* name = "beta_meritocratic";
  static constexpr const char* reference = "Guu et al., ACL 2017";
  static constexpr bool detaches = true;  // q takes no gradient
  static constexpr int sum_count = 1;
  float beta = 0.5f;
  CANDIST_HD float sum(int, RowStats row, Cell cell) const { return merit(row, cell); }
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return cell.candidate ? -merit(row, cell) / row.sums[0] * row.log_prob(cell) : 0.0f;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const { return -merit(row, cell) / row.sums[0]; }

 private:
  CANDIST_HD float merit(RowStats row, Cell cell) const {
    return cell.candidate ? expf(beta * (cell.logit - row.candidate_lse)) : 0.0f;
  }
};
static_assert(Loss<BetaMeritocratic>);

}  // namespace candist
