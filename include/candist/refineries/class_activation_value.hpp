// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// CAVL: the one candidate of the largest class activation value z_j |1 - z_j| becomes the label.
/// The choice is made among the candidates only: multiplying by the mask instead, as the published
/// code does, can leave the set when all values are negative. Reference: Zhang et al., ICLR 2022.
struct ClassActivationValue {
  static constexpr const char* name = "class_activation_value";
  static constexpr const char* reference = "Zhang et al., ICLR 2022";
  float smoothing = 0.0f;  ///< epsilon of label smoothing over all classes
  CANDIST_HD Refresh refresh() const { return Refresh::after_step; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float score(RowStats row, Cell cell) const {
    const float z = cell.logit + row.shift;
    return z * fabsf(1.0f - z);
  }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const {
    const float hard = cell.label == row.chosen ? 1.0f : 0.0f;
    return (1.0f - smoothing) * hard + smoothing / static_cast<float>(row.classes);
  }
};
static_assert(Refinery<ClassActivationValue>);

}  // namespace candist
