// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// The weights of the leveraged losses (LWS, LWC): p_j / P_S inside the set, p_j / (1 - P_S)
/// outside; 1/C at first. Reference: Wen et al., ICML 2021, arXiv:2106.05731.
struct LeveragedWeights {
  static constexpr const char* name = "leveraged_weights";
  static constexpr const char* reference = "Wen et al., ICML 2021";
  static constexpr bool targets_are_distributions = false;  // they sum to 2: no labels to mix
  CANDIST_HD Refresh refresh() const { return Refresh::after_step; }
  CANDIST_HD float initial(RowStats row, Cell) const {
    return 1.0f / static_cast<float>(row.classes);
  }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const {
    return cell.candidate ? row.share(cell) : row.outside_share(cell);
  }
};
static_assert(Refinery<LeveragedWeights>);

}  // namespace candist
