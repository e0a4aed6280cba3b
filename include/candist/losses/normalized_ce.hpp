// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/normalized.hpp"

namespace candist {

/// Normalised cross entropy: L = sum_j q_j log p_j / sum_c log p_c.
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
struct NormalizedCe : Normalized<LogLoss> {
  static constexpr const char* name = "nce";
  static constexpr const char* reference = "Ma et al., ICML 2020";
};
static_assert(Loss<NormalizedCe>);

}  // namespace candist
