// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Soft bootstrapping: cross entropy on beta q + (1 - beta) p, with the prediction in the target
/// held constant, as the published codes do: dL/dz = beta ((sum q) p - q). Reference: Reed et al.,
/// ICLR workshop 2015, arXiv:1412.6596.
struct BootstrapSoft {
  static constexpr const char* name = "bootstrap_soft";
  static constexpr const char* reference = "Reed et al., 2015";
  static constexpr bool detaches = true;  // p in the target takes no gradient
  float beta = 0.95f;
  CANDIST_HD float term(RowStats row, Cell cell) const {
    const float target = mixed(row, cell);
    return target == 0.0f ? 0.0f : -target * row.log_prob(cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const { return -mixed(row, cell); }

 private:
  CANDIST_HD float mixed(RowStats row, Cell cell) const {
    return beta * cell.target + (1.0f - beta) * row.target_mass * row.prob(cell);
  }
};
static_assert(Loss<BootstrapSoft>);

}  // namespace candist
