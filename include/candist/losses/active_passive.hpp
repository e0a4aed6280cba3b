// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/mean_absolute_error.hpp"
#include "candist/losses/normalized_ce.hpp"
#include "candist/losses/reverse_ce.hpp"
#include "candist/losses/weighted_sum.hpp"

namespace candist {

/// Active-passive pair NCE + RCE, alpha = beta = 1.
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
struct NceRce : WeightedSum<NormalizedCe, ReverseCe> {
  static constexpr const char* name = "nce_rce";
  static constexpr const char* reference = "Ma et al., ICML 2020";
};

/// Active-passive pair NCE + MAE, alpha = beta = 1.
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
struct NceMae : WeightedSum<NormalizedCe, MeanAbsoluteError> {
  static constexpr const char* name = "nce_mae";
  static constexpr const char* reference = "Ma et al., ICML 2020";
};
static_assert(Loss<NceRce> && Loss<NceMae>);

}  // namespace candist
