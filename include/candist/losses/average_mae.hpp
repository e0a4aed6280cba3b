// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/averaged.hpp"

namespace candist {

/// ABS-MAE: L = (1/k) sum_{j in S} 2 (1 - p_j) = 2 (1 - P_S / k).
/// Reference: Lv et al., TPAMI 2024, arXiv:2106.06152.
struct AverageMae : Averaged<LinearLoss> {
  static constexpr const char* name = "abs_mae";
  static constexpr const char* reference = "Lv et al., TPAMI 2024";
  CANDIST_HD AverageMae() : Averaged<LinearLoss>{{2.0f}} {}
};
static_assert(Loss<AverageMae>);

}  // namespace candist
