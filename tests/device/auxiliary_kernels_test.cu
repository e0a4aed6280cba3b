// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of the terms beside the loss on the device: against their formulas in double, the
// error at most twice that of the host's loops; rows of others are not touched; the same bits every
// run.
#include <cstdio>

#include "support/auxiliary_twin.hpp"
#include "support/device_runner.cuh"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

/// work(runner) has nothing to complain about.
template <class Work>
void expect_nothing(Work&& work) {
  DeviceRunner runner;
  const std::string complaint = work(runner);
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
  DEVICE_CHECK(runner.strips_are_whole());
}

}  // namespace

DEVICE_TEST(auxiliary_rows_add_the_gradients_of_their_formula) {
  for (const int classes : {1, 2, 6, 31, 33, 150, 1024, 1025, 1500, 20000}) {
    for (const auto kind : {AuxiliaryCase::Logits::ordinary, AuxiliaryCase::Logits::large})
      expect_nothing([&](auto& runner) { return compare_auxiliary(runner, classes, kind); });
  }
}
DEVICE_TEST(auxiliary_rows_that_lack_something_say_so) {
  expect_nothing([](auto& runner) { return refused_auxiliary(runner); });
}
DEVICE_TEST(mixed_rows_and_the_way_of_their_gradients_back) {
  for (const int width : {1, 3, 64, 130, 384, 768}) {
    for (const std::int64_t mixed : {0, 1, 2, 8, 40}) {
      expect_nothing(
          [&](auto& runner) { return compare_mixtures(runner, MixtureCase(40, mixed, 2), width); });
    }
  }
  expect_nothing([](auto& runner) { return compare_mixture_order(runner); });
}
