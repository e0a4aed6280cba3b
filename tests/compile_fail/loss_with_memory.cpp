// expect: is_trivially_copyable_v
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "candist/losses/soft_target_ce.hpp"
struct Owner : candist::SoftTargetCe {
  std::vector<float> table;  // a kernel cannot take it by value
};
static_assert(candist::Loss<Owner>);
