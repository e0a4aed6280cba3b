// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/label_loss.hpp"

namespace candist {

/// Any label loss on soft targets: L = sum_j q_j l(z, j). A single label is the one-hot q.
template <LabelLoss Base>
struct Targeted {
  Base base{};
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return cell.target == 0.0f ? 0.0f : cell.target * base.label_value(row, cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    return cell.target == 0.0f ? 0.0f : cell.target * base.label_slope(row, cell);
  }
};

}  // namespace candist
