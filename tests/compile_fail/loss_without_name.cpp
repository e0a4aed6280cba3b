// expect: Named
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/losses/soft_target_ce.hpp"
struct Nameless {
  static constexpr const char* reference = "none";
  float value(candist::RowStats) const { return 0.0f; }
  float dlogit(candist::RowStats, candist::Cell) const { return 0.0f; }
};
static_assert(candist::Loss<Nameless>);
