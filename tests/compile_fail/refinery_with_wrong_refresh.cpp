// expect: refinery.refresh()
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/refineries/keep_prior.hpp"
struct SaysYes : candist::KeepPrior {
  bool refresh() const { return true; }
};
static_assert(candist::Refinery<SaysYes>);
