// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of the terms beside the loss, their own source, run by the host executor: against
// their formulas in double and the host's loops.
#include "support/host_executor.hpp"
//
#include "support/auxiliary_twin.hpp"
#include "support/catch.hpp"
#include "support/host_runner.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// work(runner) has nothing to complain about.
template <class Work>
void expect_nothing(Work&& work) {
  HostRunner runner;
  CHECK(work(runner) == "");
  CHECK(runner.strips_are_whole());
}

}  // namespace

TEST_CASE("auxiliary rows add the gradients of their formula", "[auxiliary_kernels]") {
  for (const int classes : {1, 2, 6, 31, 33, 150, 1024, 1025, 1500}) {
    for (const auto kind : {AuxiliaryCase::Logits::ordinary, AuxiliaryCase::Logits::large})
      expect_nothing([&](auto& runner) { return compare_auxiliary(runner, classes, kind); });
  }
}

TEST_CASE("auxiliary rows that lack something say so", "[auxiliary_kernels]") {
  expect_nothing([](auto& runner) { return refused_auxiliary(runner); });
}

TEST_CASE("mixed rows and the way of their gradients back are the host's", "[auxiliary_kernels]") {
  for (const int width : {1, 3, 64, 130, 384}) {
    for (const std::int64_t mixed : {0, 1, 2, 8, 11}) {
      expect_nothing(
          [&](auto& runner) { return compare_mixtures(runner, MixtureCase(11, mixed, 2), width); });
    }
  }
  expect_nothing([](auto& runner) { return compare_mixture_order(runner); });
}

TEST_CASE("mixtures know what comes back to their first text", "[auxiliary_kernels]") {
  CHECK(check_links() == "");
}
