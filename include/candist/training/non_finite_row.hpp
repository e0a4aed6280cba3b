// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "candist/error.hpp"
#include "candist/kernels/row_loss.hpp"

namespace candist {

/// Throws RunError that names the row (from 0), its loss and its candidates.
[[noreturn]] inline void stop_at_row(std::int64_t row, float loss, std::span<const Cell> cells) {
  std::string text = "training stopped: the loss of row " + std::to_string(row) + " (from 0) is " +
                     std::to_string(loss) +
                     (std::isfinite(loss) ? ", its gradient not finite," : "") + " with candidates";
  for (const Cell& cell : cells) {
    if (cell.candidate) text += " " + std::to_string(cell.label);
  }
  throw RunError(text + "; a smaller learning rate often helps");
}

}  // namespace candist
