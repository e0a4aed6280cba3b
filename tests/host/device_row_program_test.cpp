// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A training's row part as the device has it, run by the host executor, beside RowProgram: the same
// plans, targets and gradients, also over save() and load() and between the two.
#include "support/host_executor.hpp"
//
#include "support/catch.hpp"
#include "support/host_compute.hpp"
#include "support/host_runner.hpp"
#include "support/row_program_twin.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// work(runner, compute) has nothing to complain about.
template <class Work>
void expect_nothing(Work&& work) {
  HostRunner runner;
  HostCompute compute;
  CHECK(work(runner, compute) == "");
  CHECK(runner.strips_are_whole());
}
template <class Set, class R>
void check_epochs(const R& refinery) {
  expect_nothing([&](auto& runner, auto& compute) {
    return compare_epochs<Set>(runner, compute, SoftTargetCe{}, refinery);
  });
}

}  // namespace

TEST_CASE("epochs of the distribution refinery on the device are those of the host",
          "[device_row_program]") {
  check_epochs<MaskCandidates>(by_evaluation(Refresh::same_forward));
  check_epochs<SparseCandidates>(by_evaluation(Refresh::before_loss));
  check_epochs<DenseCandidates>(by_evaluation(Refresh::after_step));
  check_epochs<MaskCandidates>(by_last_visits());
}

TEST_CASE("epochs of refineries that plan from tables on the device are those of the host",
          "[device_row_program]") {
  check_epochs<MaskCandidates>(purifying());
  check_epochs<MaskCandidates>(SmallLossMixture{});
}

TEST_CASE("a device's training that was saved goes on to the same bits", "[device_row_program]") {
  expect_nothing([](auto& runner, auto& compute) {
    return compare_continued<MaskCandidates>(runner, compute, SoftTargetCe{}, by_last_visits());
  });
  expect_nothing([](auto& runner, auto& compute) {
    return compare_continued<DenseCandidates>(runner, compute, SoftTargetCe{}, purifying());
  });
  expect_nothing([](auto& runner, auto& compute) {
    return compare_continued<SparseCandidates>(runner, compute, EarlyLearning{},
                                               RunningPrediction{});
  });
}

TEST_CASE("few shapes of launch give a training what all shapes give", "[device_row_program]") {
  for (const int classes : {3, 20, 100, 300}) {
    const std::int64_t rows = classes < 300 ? 20 : 12;
    expect_nothing([&](auto& runner, auto& compute) {
      return compare_shapes<MaskCandidates>(runner, compute, SoftTargetCe{}, by_last_visits(), rows,
                                            classes);
    });
    expect_nothing([&](auto& runner, auto& compute) {
      return compare_shapes<DenseCandidates>(runner, compute, EarlyLearning{}, RunningPrediction{},
                                             rows, classes);
    });
  }
}

TEST_CASE("a row that is not finite ends a device's training with its number",
          "[device_row_program]") {
  expect_nothing([](auto& runner, auto& compute) {
    return row_that_is_not_finite<RowShapes::all>(runner, compute);
  });
  expect_nothing([](auto& runner, auto& compute) {
    return row_that_is_not_finite<RowShapes::few>(runner, compute);
  });
}

TEST_CASE("rows that are not of the device's set are shape errors", "[device_row_program]") {
  expect_nothing(
      [](auto& runner, auto& compute) { return rows_that_are_refused(runner, compute); });
}

TEST_CASE("staging hands out its two rooms by turns", "[device_row_program]") {
  AlternatingStaging<HostCompute> staging(8);
  const std::byte* const first = staging.next();
  const std::byte* const second = staging.next();
  CHECK(second != first);
  CHECK(staging.filled() == second);
  CHECK(staging.next() == first);
}
