// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/unbiased_risk.hpp"

namespace candist {

/// MCL-URE with the base l = the partially Huberised log loss, tau = 10.
/// Reference: Feng et al., ICML 2020, arXiv:1912.12927.
struct MclUrePhuber : UnbiasedRisk<HuberLoss> {
  static constexpr const char* name = "mcl_ure_phuber_ce";
  static constexpr const char* reference = "Feng et al., ICML 2020";
};
static_assert(Loss<MclUrePhuber>);

}  // namespace candist
