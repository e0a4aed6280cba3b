// expect: HasRowValue
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/losses/soft_target_ce.hpp"
struct InDouble {
  static constexpr const char* name = "in_double";
  static constexpr const char* reference = "none";
  double value(candist::RowStats) const { return 0.0; }
  float dlogit(candist::RowStats, candist::Cell) const { return 0.0f; }
};
static_assert(candist::Loss<InDouble>);
