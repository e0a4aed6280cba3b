// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/row_stats.hpp"

namespace candist {

/// A step of a training.
struct StepNumber {
  std::int64_t epoch = 0;  ///< from 1; 0: unknown
  std::int64_t step = 0;   ///< of the epoch, from 1
};

/// The loss of a row, or its gradient, is not finite: the training cannot go on.
struct NonFiniteLoss : RunError {
  NonFiniteLoss(std::int64_t its_row, float its_loss, std::vector<int> its_candidates,
                StepNumber its_place = {})
      : RunError("training stopped" + in_words(its_place) + ": the loss of row " +
                 std::to_string(its_row) + " (from 0) is " + in_words(its_loss) +
                 " with candidates" + listed(its_candidates) +
                 "; a smaller learning rate often helps"),
        row(its_row),
        loss(its_loss),
        candidates(std::move(its_candidates)),
        place(its_place) {}
  NonFiniteLoss(std::int64_t its_row, float its_loss, std::span<const Cell> cells)
      : NonFiniteLoss(its_row, its_loss, candidates_of(cells)) {}
  NonFiniteLoss at(StepNumber where) const { return {row, loss, candidates, where}; }

  std::int64_t row;  ///< from 0
  float loss;
  std::vector<int> candidates;
  StepNumber place;

  /// " in step 4 of epoch 2", or nothing.
  static std::string in_words(StepNumber place) {
    if (place.epoch == 0) return "";
    return " in step " + std::to_string(place.step) + " of epoch " + std::to_string(place.epoch);
  }
  static std::string in_words(float loss) {
    return std::to_string(loss) + (std::isfinite(loss) ? ", its gradient not finite," : "");
  }

 private:
  static std::string listed(const std::vector<int>& labels) {
    std::string text;
    for (const int label : labels) text += ' ' + std::to_string(label);
    return text;
  }
  static std::vector<int> candidates_of(std::span<const Cell> cells) {
    std::vector<int> labels;
    for (const Cell& cell : cells) {
      if (cell.candidate) labels.push_back(cell.label);
    }
    return labels;
  }
};

}  // namespace candist
