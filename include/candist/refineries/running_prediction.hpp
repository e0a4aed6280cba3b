// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// ELR's memory t <- beta t + (1 - beta) p, updated by the forward pass before the loss reads it;
/// the targets stay the annotator's. The published code also clamps p to [1e-4, 1 - 1e-4] and
/// renormalises; EarlyLearning keeps <t, p> off 1 instead, to the same end. Reference: Liu et al.,
/// NeurIPS 2020, arXiv:2007.00151.
struct RunningPrediction {
  static constexpr const char* name = "running_prediction";
  static constexpr const char* reference = "Liu et al., NeurIPS 2020";
  static constexpr bool remembers_predictions = true;
  float beta = 0.7f;
  CANDIST_HD Refresh refresh() const { return Refresh::before_loss; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float initial_memory(RowStats, Cell) const { return 0.0f; }
  CANDIST_HD float remembered(RowStats row, Cell cell) const {
    return beta * cell.memory + (1.0f - beta) * row.prob(cell);
  }
};
static_assert(Refinery<RunningPrediction>);

}  // namespace candist
