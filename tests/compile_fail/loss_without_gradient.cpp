// expect: HasLogProbSlope
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/losses/soft_target_ce.hpp"
struct ValueOnly {
  static constexpr const char* name = "value_only";
  static constexpr const char* reference = "none";
  float value(candist::RowStats) const { return 0.0f; }
};
static_assert(candist::Loss<ValueOnly>);
