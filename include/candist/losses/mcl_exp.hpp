// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Upper bound EXP of multiple-complementary-label learning: L = W exp(-P_S), W = (C - 1)/(C - k);
/// 0 for the full set, which says nothing.
/// Reference: Feng et al., ICML 2020, arXiv:1912.12927.
struct MclExp {
  static constexpr const char* name = "mcl_exp";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  CANDIST_HD float value(RowStats row) const {
    return row.full() ? 0.0f : scale(row) * expf(-row.candidate_mass());
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    const float mass = row.candidate_mass();
    const float inside_less_mass = cell.candidate ? row.outside_mass() : -mass;
    return -scale(row) * expf(-mass) * row.prob(cell) * inside_less_mass;
  }

 private:
  CANDIST_HD static float scale(RowStats row) {
    return static_cast<float>(row.classes - 1) / static_cast<float>(row.classes - row.candidates);
  }
};
static_assert(Loss<MclExp>);

}  // namespace candist
