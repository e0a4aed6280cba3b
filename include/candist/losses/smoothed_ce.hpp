// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Label smoothing: cross entropy on (1 - epsilon) q + epsilon / C.
/// Reference: Szegedy et al., CVPR 2016, arXiv:1512.00567.
struct SmoothedCe {
  static constexpr const char* name = "label_smoothing";
  static constexpr const char* reference = "Szegedy et al., CVPR 2016";
  float epsilon = 0.1f;
  CANDIST_HD float term(RowStats row, Cell cell) const {
    return -smoothed(row, cell) * row.log_prob(cell);
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const { return -smoothed(row, cell); }

 private:
  CANDIST_HD float smoothed(RowStats row, Cell cell) const {
    return (1.0f - epsilon) * cell.target +
           epsilon * row.target_mass / static_cast<float>(row.classes);
  }
};
static_assert(Loss<SmoothedCe>);

}  // namespace candist
