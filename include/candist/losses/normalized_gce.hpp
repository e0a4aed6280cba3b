// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/normalized.hpp"

namespace candist {

/// Normalised generalised cross entropy: L = sum_j q_j (1 - p_j^q) / (C - sum_c p_c^q).
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
struct NormalizedGce : Normalized<PowerLoss> {
  static constexpr const char* name = "ngce";
  static constexpr const char* reference = "Ma et al., ICML 2020";
};
static_assert(Loss<NormalizedGce>);

}  // namespace candist
