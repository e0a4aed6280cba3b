// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/label_loss.hpp"

namespace candist {

/// Unbiased risk estimator of multiple-complementary-label learning (MCL-URE) over any label loss:
/// L = sum_{j in S} l(z, j) - ((k - 1)/(C - k)) sum_{j not in S} l(z, j); 0 for the full set. Can
/// go negative. Reference: Feng et al., ICML 2020, arXiv:1912.12927.
template <LabelLoss Base>
struct UnbiasedRisk {
  Base base{};
  CANDIST_HD float term(RowStats row, Cell cell) const {
    const float weight = cell_weight(row, cell);
    return weight == 0.0f ? 0.0f : weight * base.label_value(row, cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    const float weight = cell_weight(row, cell);
    return weight == 0.0f ? 0.0f : weight * base.label_slope(row, cell);
  }
  /// 1 inside S, -(k - 1)/(C - k) outside; they sum to 1. 0 everywhere for the full set.
  CANDIST_HD static float cell_weight(RowStats row, Cell cell) {
    if (row.full()) return 0.0f;
    if (cell.candidate) return 1.0f;
    return -static_cast<float>(row.candidates - 1) /
           static_cast<float>(row.classes - row.candidates);
  }
};

}  // namespace candist
