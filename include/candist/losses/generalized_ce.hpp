// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/targeted.hpp"

namespace candist {

/// Generalised cross entropy on the targets: L = sum_j q_j (1 - p_j^q)/q, q = 0.7.
/// Reference: Zhang and Sabuncu, NeurIPS 2018, arXiv:1805.07836.
struct GeneralizedCe : Targeted<PowerLoss> {
  static constexpr const char* name = "gce";
  static constexpr const char* reference = "Zhang and Sabuncu, NeurIPS 2018";
};
static_assert(Loss<GeneralizedCe>);

}  // namespace candist
