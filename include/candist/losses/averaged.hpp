// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/label_loss.hpp"

namespace candist {

/// Average-based strategy (ABS): the mean of a label loss over the candidates, L = (1/k) sum_{j in
/// S} l(z, j). Robust to sets that miss the truth where l is bounded. Reference: Lv et al., TPAMI
/// 2024, arXiv:2106.06152.
template <LabelLoss Base>
struct Averaged {
  Base base{};
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return cell.candidate ? base.label_value(row, cell) / static_cast<float>(row.candidates) : 0.0f;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    return cell.candidate ? base.label_slope(row, cell) / static_cast<float>(row.candidates) : 0.0f;
  }
};

}  // namespace candist
