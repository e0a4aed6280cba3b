// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The head fused with the row step, beside a plain head around RowProgram.
#include <cstdio>
#include <string>
#include <tuple>

#include "candist/kernels/linear_row_loss.cuh"
#include "candist/methods.hpp"
#include "support/device_runner.cuh"
#include "support/linear_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

DEVICE_TEST(a_head_fused_with_the_loss) {
  for (const auto& [rows, classes, width] : {std::tuple<std::int64_t, int, int>{1, 1, 1},
                                             {7, 6, 33},
                                             {32, 5, 384},
                                             {1000, 25, 768},
                                             {70, 32, 17}}) {
    DeviceRunner runner;
    const std::string complaint = compare_linear_head(runner, rows, classes, width);
    if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
    DEVICE_CHECK(complaint.empty());
    DEVICE_CHECK(runner.strips_are_whole());
  }
}
