// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/label_loss.hpp"

namespace candist {

/// A label loss divided by its sum over all labels: L = sum_j q_j l(z, j) / sum_c l(z, c). Bounded
/// and noise tolerant
/// ("active"), and prone to underfit alone: see active_passive.hpp.
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
template <LabelLoss Base>
struct Normalized {
  static constexpr int sum_count = 2;
  Base base{};
  CANDIST_HD float sum(int which, RowStats row, Cell cell) const {
    if (which == 1) return base.label_value(row, cell);
    return cell.target == 0.0f ? 0.0f : cell.target * base.label_value(row, cell);
  }
  /// C = 1 has nothing to tell apart: 0 / 0 is taken as 0.
  CANDIST_HD float value(RowStats row) const {
    return row.sums[1] > 0.0f ? row.sums[0] / row.sums[1] : 0.0f;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    if (!(row.sums[1] > 0.0f)) return 0.0f;
    // d/dx (a/b) = (q - a/b) l' / b. A class of probability 0 has an infinite term in b: a/b = 0,
    // no slope.
    return (cell.target - row.sums[0] / row.sums[1]) * base.label_slope(row, cell) / row.sums[1];
  }
};

}  // namespace candist
