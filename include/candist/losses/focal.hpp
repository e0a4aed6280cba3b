// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/targeted.hpp"

namespace candist {

/// Focal loss on the targets with its true gradient: L = -sum_j q_j (1 - p_j)^gamma log p_j, gamma
/// = 2. Reference: Lin et al., ICCV 2017, arXiv:1708.02002.
struct Focal : Targeted<FocalLabelLoss> {
  static constexpr const char* name = "focal";
  static constexpr const char* reference = "Lin et al., ICCV 2017";
};
static_assert(Loss<Focal>);

}  // namespace candist
