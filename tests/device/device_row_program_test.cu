// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A few epochs of a training's row part on the device beside RowProgram on the host: the same plans, the
// same targets, the same gradients; a row without softmax ends it with its number.
#include <limits>

#include "candist/cuda/stream.cuh"
#include "candist/methods.hpp"
#include "candist/training/device_row_program.cuh"
#include "support/device_runner.cuh"
#include "support/row_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

template <class Set, class R>
void compare_epochs(const R& refinery) {
  constexpr int classes = 6;
  constexpr std::int64_t n = 60;
  const RowTable table(n, classes, 4);
  const Set set(table.weight_view());
  const Stream stream;
  RowProgram host(SoftTargetCe{}, refinery, set.view());
  DeviceRowProgram device(SoftTargetCe{}, refinery, set.view(), 7, stream.get());
  DeviceRunner runner;
  Complaints complaints(std::string(R::name) + ", " + Set::name);
  for (int epoch = 0; epoch < 6; ++epoch) {
    // Logits that move from epoch to epoch, as a student's do.
    const RowTable now(n, classes, 100 + static_cast<std::uint64_t>(epoch));
    const float* logits = runner.upload(now.logits);
    host.note(0, {now.logits.data(), n, classes});
    device.note(0, {logits, n, classes}, stream);
    host.begin_epoch(epoch);
    device.begin_epoch(epoch, stream);
    for (std::int64_t row = 0; row < n; ++row) {
      complaints.expect(host.plan(row).treatment == device.plan(row).treatment &&
                            host.plan(row).outside == device.plan(row).outside,
                        "plan of row " + std::to_string(row));
    }
    for (std::int64_t first = 0; first < n; first += 7) {
      std::vector<std::int64_t> rows;
      for (std::int64_t row = first; row < std::min(first + 7, n); ++row) rows.push_back(row);
      const auto b = static_cast<std::int64_t>(rows.size());
      const auto cells = static_cast<std::size_t>(b * classes);
      std::vector<float> gradients(cells), targets(cells);
      const VisitReport theirs = host.visit(
          rows, {now.logits.data() + first * classes, b, classes}, Denominator::rows_with_target,
          {gradients.data(), b, classes}, {targets.data(), b, classes});
      float* dlogits = runner.room<float>(cells);
      float* final_targets = runner.room<float>(cells);
      device.visit(rows, {logits + first * classes, b, classes}, Denominator::rows_with_target,
                   {dlogits, b, classes}, {final_targets, b, classes}, stream);
      const VisitReport ours = device.report(stream);
      complaints.expect(ours.with_target == theirs.with_target, "rows with target");
      complaints.compare("loss", {static_cast<float>(ours.loss)}, {static_cast<float>(theirs.loss)},
                         2e-5);
      complaints.compare("gradients", runner.download(dlogits, cells), gradients, 1e-5);
      complaints.compare("targets", runner.download(final_targets, cells), targets, 1e-5);
      if (host.wants_revisit()) {
        host.revisit(rows, {now.logits.data() + first * classes, b, classes});
        device.revisit(rows, {logits + first * classes, b, classes}, stream);
      }
    }
  }
  stream.synchronize();
  complaints.compare(
      "stored targets", runner.download(device.targets(), static_cast<std::size_t>(n * classes)),
      std::vector<float>(host.store().targets().data, host.store().targets().data + n * classes),
      1e-5);
  if (!complaints.text().empty()) std::printf("  %s\n", complaints.text().c_str());
  DEVICE_CHECK(complaints.text().empty());
}

}  // namespace

DEVICE_TEST(epochs_of_the_distribution_refinery) {
  DistributionRefineryOptions options;
  options.warm_up_epochs = 1;
  options.tau = 0.8f;
  compare_epochs<MaskCandidates>(DistributionRefinery(options));
  compare_epochs<SparseCandidates>(DistributionRefinery(options));
  options.when = Refresh::after_step;
  options.class_wise = Switch::off;
  compare_epochs<DenseCandidates>(DistributionRefinery(options));
}
DEVICE_TEST(epochs_of_refineries_that_plan_from_tables) {
  ProgressivePurificationOptions options;
  options.warm_up_epochs = 0;
  options.window = 1;
  options.threshold = 0.3f;
  compare_epochs<MaskCandidates>(ProgressivePurification(options));
  compare_epochs<MaskCandidates>(SmallLossMixture{});
}
DEVICE_TEST(a_row_that_is_not_finite_ends_the_training_with_its_number) {
  RowTable table(8, 6, 4);
  const MaskCandidates set(table.weight_view());
  const Stream stream;
  DeviceRowProgram device(SoftTargetCe{}, RenormalisedPrediction{}, set.view(), 8, stream.get());
  device.begin_epoch(0, stream);
  table.logits[3 * 6 + 1] = std::numeric_limits<float>::quiet_NaN();
  DeviceRunner runner;
  const std::vector<std::int64_t> rows{1, 3, 4};
  std::vector<float> logits;
  for (const std::int64_t row : rows)
    logits.insert(logits.end(), table.logits.begin() + row * 6, table.logits.begin() + row * 6 + 6);
  device.visit(rows, {runner.upload(logits), 3, 6}, Denominator::batch_rows,
               {runner.room<float>(18), 3, 6}, {}, stream);
  std::string said;
  try {
    device.report(stream);
  } catch (const RunError& error) {
    said = error.what();
  }
  DEVICE_CHECK(said.find("row 3 (from 0)") != std::string::npos);
  DEVICE_CHECK(said.find("candidates") != std::string::npos);
}
DEVICE_TEST(rows_that_are_not_of_the_set_are_shape_errors) {
  const RowTable table(8, 6, 4);
  const MaskCandidates set(table.weight_view());
  const Stream stream;
  DeviceRowProgram device(SoftTargetCe{}, RenormalisedPrediction{}, set.view(), 8, stream.get());
  device.begin_epoch(0, stream);
  DeviceRunner runner;
  const float* logits = runner.upload(table.logits);
  float* dlogits = runner.room<float>(54);
  const auto said = [](auto&& work) -> std::string {
    try {
      work();
    } catch (const ShapeError& error) {
      return error.what();
    }
    return "";
  };
  const auto visit = [&](const std::vector<std::int64_t>& rows) {
    const auto b = static_cast<std::int64_t>(rows.size());
    return said([&] {
      device.visit(rows, {logits, b, 6}, Denominator::batch_rows, {dlogits, b, 6}, {}, stream);
    });
  };
  const auto has = [](const std::string& text, const char* words) {
    return text.find(words) != std::string::npos;
  };
  DEVICE_CHECK(visit({7}) == "");
  DEVICE_CHECK(has(visit(std::vector<std::int64_t>(9, 1)), "batch of 9 rows, expected at most 8"));
  DEVICE_CHECK(has(visit({1, 8}), "row 8 (from 0) in place 1 of a batch"));
  DEVICE_CHECK(has(visit({-1}), "row -1 (from 0)"));
  const std::vector<std::int64_t> beyond{9};
  DEVICE_CHECK(has(said([&] {
                     device.revisit(beyond, {logits, 1, 6}, stream);
                   }),
                   "row 9 (from 0)"));
  const std::vector<std::int64_t> two{1, 2};
  const auto sizes = [&](MatrixView<const float> z, MatrixView<float> dz,
                         MatrixView<float> targets) {
    return said([&] { device.visit(two, z, Denominator::batch_rows, dz, targets, stream); });
  };
  DEVICE_CHECK(has(sizes({logits, 2, 5}, {dlogits, 2, 6}, {}),
                   "found logits [2, 5], expected [2, 6], the rows of the batch"));
  DEVICE_CHECK(has(sizes({logits, 3, 6}, {dlogits, 2, 6}, {}), "found logits [3, 6]"));
  DEVICE_CHECK(has(sizes({logits, 2, 6}, {dlogits, 1, 6}, {}), "gradients of logits [1, 6]"));
  DEVICE_CHECK(
      has(sizes({logits, 2, 6}, {dlogits, 2, 6}, {dlogits, 2, 7}), "final targets [2, 7]"));
  DEVICE_CHECK(has(said([&] {
                     device.note(4, {logits, 5, 6}, stream);
                   }),
                   "5 rows from row 4 (from 0) on, expected it within the 8 rows"));
  stream.synchronize();
}
