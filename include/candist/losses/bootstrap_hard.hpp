// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Hard bootstrapping: cross entropy on beta q + (1 - beta) onehot(argmax p).
/// Reference: Reed et al., ICLR workshop 2015, arXiv:1412.6596.
struct BootstrapHard {
  static constexpr const char* name = "bootstrap_hard";
  static constexpr const char* reference = "Reed et al., 2015";
  float beta = 0.8f;
  CANDIST_HD float term(RowStats row, Cell cell) const {
    const float target = mixed(row, cell);
    return target == 0.0f ? 0.0f : -target * row.log_prob(cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const { return -mixed(row, cell); }

 private:
  CANDIST_HD float mixed(RowStats row, Cell cell) const {
    const float own = cell.label == row.argmax ? row.target_mass : 0.0f;
    return beta * cell.target + (1.0f - beta) * own;
  }
};
static_assert(Loss<BootstrapHard>);

}  // namespace candist
