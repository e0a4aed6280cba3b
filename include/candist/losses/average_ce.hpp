// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Every candidate is a label ("naive", "democracy"): L = -(1/k) sum_{j in S} log p_j, dL/dz = p -
/// s/k. Looks at the set only, whatever targets the refinery keeps. Reference: the baseline of Jin
/// and Ghahramani, NIPS 2002, and of CanDist's ablation (Table 6).
struct AverageCe {
  static constexpr const char* name = "average_ce";
  static constexpr const char* reference = "Jin and Ghahramani, NIPS 2002";
  CANDIST_HD float value(RowStats row) const {
    return row.lse - row.candidate_sum / static_cast<float>(row.candidates);
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return row.prob(cell) - (cell.candidate ? 1.0f / static_cast<float>(row.candidates) : 0.0f);
  }
};
static_assert(Loss<AverageCe>);

}  // namespace candist
