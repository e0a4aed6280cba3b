// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Weighted cross entropy, the base of most of the field: L = -sum_j q_j log p_j, dL/dz = (sum q) p
/// - q. RC, PRODEN, CAVL, POP and CanDist are this loss; they differ in how their refinery moves q.
/// Reference: Lv et al., ICML 2020 (PRODEN), arXiv:2002.08053; CanDist Eq. 5, arXiv:2506.03857.
struct SoftTargetCe {
  static constexpr const char* name = "soft_target_ce";
  static constexpr const char* reference = "Lv et al., ICML 2020";
  CANDIST_HD float value(RowStats row) const { return row.target_mass * row.lse - row.target_dot; }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return row.target_mass * row.prob(cell) - cell.target;
  }
};
static_assert(Loss<SoftTargetCe>);

}  // namespace candist
