// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/averaged.hpp"

namespace candist {

/// ABS-GCE: L = (1/k) sum_{j in S} (1 - p_j^q)/q, q = 0.7.
/// Reference: Lv et al., TPAMI 2024, arXiv:2106.06152.
struct AverageGce : Averaged<PowerLoss> {
  static constexpr const char* name = "abs_gce";
  static constexpr const char* reference = "Lv et al., TPAMI 2024";
};
static_assert(Loss<AverageGce>);

}  // namespace candist
