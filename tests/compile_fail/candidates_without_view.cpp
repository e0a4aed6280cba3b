// expect: set.view()
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/concepts.hpp"
struct NoView {
  static constexpr const char* name = "no_view";
};
static_assert(candist::CandidateSet<NoView>);
