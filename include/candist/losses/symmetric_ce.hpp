// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/reverse_ce.hpp"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/losses/weighted_sum.hpp"

namespace candist {

/// Symmetric cross entropy: alpha CE + beta RCE with alpha = 0.1, beta = 1.
/// Reference: Wang et al., ICCV 2019, arXiv:1908.06112.
struct SymmetricCe : WeightedSum<SoftTargetCe, ReverseCe> {
  static constexpr const char* name = "sce";
  static constexpr const char* reference = "Wang et al., ICCV 2019";
  CANDIST_HD SymmetricCe(float alpha = 0.1f, float beta = 1.0f)
      : WeightedSum<SoftTargetCe, ReverseCe>{alpha, beta, {}, {}} {}
};
static_assert(Loss<SymmetricCe>);

}  // namespace candist
