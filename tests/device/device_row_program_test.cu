// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A few epochs of a training's row part on the device beside RowProgram on the host: the same
// plans, the same targets, the same gradients, also over save() and load(); a row without softmax
// ends it with its number.
#include "candist/cuda/device_stream.cuh"
#include "support/device_runner.cuh"
#include "support/row_program_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

/// work(runner, compute) has nothing to complain about.
template <class Work>
void expect_nothing(Work&& work) {
  DeviceRunner runner;
  DeviceStream compute;
  const std::string complaint = work(runner, compute);
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
  compute.wait();
  DEVICE_CHECK(runner.strips_are_whole());
}
template <class Set, class R>
void check_epochs(const R& refinery) {
  expect_nothing([&](auto& runner, auto& compute) {
    return compare_epochs<Set>(runner, compute, SoftTargetCe{}, refinery);
  });
}

}  // namespace

DEVICE_TEST(epochs_of_the_distribution_refinery) {
  check_epochs<MaskCandidates>(by_evaluation(Refresh::same_forward));
  check_epochs<SparseCandidates>(by_evaluation(Refresh::before_loss));
  check_epochs<DenseCandidates>(by_evaluation(Refresh::after_step));
  check_epochs<MaskCandidates>(by_last_visits());
}
DEVICE_TEST(epochs_of_refineries_that_plan_from_tables) {
  check_epochs<MaskCandidates>(purifying());
  check_epochs<MaskCandidates>(SmallLossMixture{});
}
DEVICE_TEST(a_training_that_was_saved_goes_on_to_the_same_bits) {
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
DEVICE_TEST(few_shapes_of_launch_give_what_all_shapes_give) {
  for (const int classes : {3, 20, 100, 300}) {
    expect_nothing([&](auto& runner, auto& compute) {
      return compare_shapes<MaskCandidates>(runner, compute, SoftTargetCe{}, by_last_visits(), 20,
                                            classes);
    });
    expect_nothing([&](auto& runner, auto& compute) {
      return compare_shapes<DenseCandidates>(runner, compute, EarlyLearning{}, RunningPrediction{},
                                             20, classes);
    });
  }
}
DEVICE_TEST(a_row_that_is_not_finite_ends_the_training_with_its_number) {
  expect_nothing([](auto& runner, auto& compute) {
    return row_that_is_not_finite<RowShapes::all>(runner, compute);
  });
  expect_nothing([](auto& runner, auto& compute) {
    return row_that_is_not_finite<RowShapes::few>(runner, compute);
  });
}
DEVICE_TEST(rows_that_are_not_of_the_set_are_shape_errors) {
  expect_nothing(
      [](auto& runner, auto& compute) { return rows_that_are_refused(runner, compute); });
}
