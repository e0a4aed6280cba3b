// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Bi-PRP: the ratio-preserving loss that also preserves ratios outside the set,
/// L = c (-sum_{j in S} z_j + (k/(C - k)) sum_{j not in S} z_j) with c = 1 - P_S held constant; 0
/// for the full set. Reference: Zombori et al., 2023, arXiv:2307.00465.
struct BiPrp {
  static constexpr const char* name = "bi_prp";
  static constexpr const char* reference = "Zombori et al., 2023";
  static constexpr bool detaches = true;  // c takes no gradient
  CANDIST_HD float value(RowStats row) const {
    if (row.full()) return 0.0f;
    return row.outside_mass() * (ratio(row) * row.outside_sum - row.candidate_sum);
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    return row.outside_mass() * (cell.candidate ? -1.0f : ratio(row));
  }

 private:
  CANDIST_HD static float ratio(RowStats row) {
    return static_cast<float>(row.candidates) / static_cast<float>(row.classes - row.candidates);
  }
};
static_assert(Loss<BiPrp>);

}  // namespace candist
