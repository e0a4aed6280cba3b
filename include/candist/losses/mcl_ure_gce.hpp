// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/unbiased_risk.hpp"

namespace candist {

/// MCL-URE with the base l = (1 - p^q)/q, q = 0.7.
/// Reference: Feng et al., ICML 2020, arXiv:1912.12927.
struct MclUreGce : UnbiasedRisk<PowerLoss> {
  static constexpr const char* name = "mcl_ure_gce";
  static constexpr const char* reference = "Feng et al., ICML 2020";
};
static_assert(Loss<MclUreGce>);

}  // namespace candist
