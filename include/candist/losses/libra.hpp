// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Log-PRP, the ratio-preserving loss: L = log(1 - P_S) - (1/k) sum_{j in S} log p_j. All
/// candidates get the same push, dL/dz = -1/k inside S and p_j / (1 - P_S) outside, so training
/// keeps the ratios between them; 0 for the full set. Reference: Zombori et al., 2023,
/// arXiv:2307.00465.
struct Libra {
  static constexpr const char* name = "libra";
  static constexpr const char* reference = "Zombori et al., 2023";
  CANDIST_HD float value(RowStats row) const {
    if (row.full()) return 0.0f;
    return row.outside_lse - row.candidate_sum / static_cast<float>(row.candidates);
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    if (row.full()) return 0.0f;
    return cell.candidate ? -1.0f / static_cast<float>(row.candidates) : row.outside_share(cell);
  }
};
static_assert(Loss<Libra>);

}  // namespace candist
