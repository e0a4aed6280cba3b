// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Upper bound LOG of multiple-complementary-label learning: L = -W log P_S, W = (C - 1)/(C - k);
/// MarginalNll that trusts small sets less than large ones; 0 for the full set.
/// Reference: Feng et al., ICML 2020, arXiv:1912.12927.
struct MclLog {
  static constexpr const char* name = "mcl_log";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  CANDIST_HD float value(RowStats row) const {
    return row.full() ? 0.0f : -scale(row) * row.log_candidate_mass();
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    // p_j - r_j = -r_j (1 - P_S) inside S: nothing cancels there, however large W is.
    return scale(row) * (cell.candidate ? -row.share(cell) * row.outside_mass() : row.prob(cell));
  }

 private:
  CANDIST_HD static float scale(RowStats row) {
    return static_cast<float>(row.classes - 1) / static_cast<float>(row.classes - row.candidates);
  }
};
static_assert(Loss<MclLog>);

}  // namespace candist
