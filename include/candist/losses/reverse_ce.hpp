// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/targeted.hpp"

namespace candist {

/// Reverse cross entropy on the targets, log 0 read as A: L = -A sum_j q_j (1 - p_j), A = log 1e-4
/// = -9.21 as in the code of the active-passive losses (the paper says A = -4). Reference: Wang et
/// al., ICCV 2019, arXiv:1908.06112.
struct ReverseCe : Targeted<LinearLoss> {
  static constexpr const char* name = "rce";
  static constexpr const char* reference = "Wang et al., ICCV 2019";
  CANDIST_HD ReverseCe(float log_of_zero = -9.2103404f) : Targeted<LinearLoss>{{-log_of_zero}} {}
};
static_assert(Loss<ReverseCe>);

}  // namespace candist
