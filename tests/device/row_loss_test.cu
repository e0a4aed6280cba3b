// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every loss on the device against the double reference: the error is at most twice that of the host's
// loop. One composition in every shape of launch, bf16, rows without softmax, the same bits every run.
#include <cmath>

#include "candist/kernels/row_loss.cuh"
#include "candist/methods.hpp"
#include "support/any_loss.hpp"
#include "support/device_runner.cuh"
#include "support/row_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

struct Rows {
  std::vector<RandomRow> rows;
  std::vector<float> logits, weights, targets, memory;

  Rows(int n, int classes) {
    for (int i = 0; i < n; ++i) {
      const int sizes[] = {1, 2, classes, std::max(1, classes / 2)};
      const RandomRow& row = rows.emplace_back(classes, std::min(sizes[i % 4], classes),
                                               static_cast<std::uint64_t>(17 + i));
      for (const Cell& cell : row.cells) {
        logits.push_back(row.logits[static_cast<std::size_t>(cell.label)]);
        weights.push_back(cell.candidate ? 1.0f : 0.0f);
        targets.push_back(cell.target);
        memory.push_back(cell.memory);
      }
    }
  }
};

/// A loss chosen at run time takes long to compile: not every shape of launch.
constexpr auto launch_some = [](const auto& loss, const auto& refinery, const auto& batch) {
  const int classes = batch.candidates.classes();
  if (classes <= 32) return detail::launch_row_loss<8, 4, 1>(loss, refinery, batch, nullptr);
  if (classes <= 256) return detail::launch_row_loss<32, 8, 1>(loss, refinery, batch, nullptr);
  const auto kernel = row_loss_kernel<512, 0, 1, AnyLoss, KeepPrior, float, DenseView>;
  const int blocks = classes <= 32768 ? 1 : detail::blocks_of_cluster(kernel, 512, 16);
  detail::launch_row_loss<512, 0, 1>(loss, refinery, batch, nullptr, blocks);
};
constexpr auto launch_by_size = [](const auto& loss, const auto& refinery, const auto& batch) {
  row_loss(loss, refinery, batch, nullptr);
};

struct Result {
  std::vector<float> losses, gradients;
};

Result on_device(DeviceRunner& runner, const AnyLoss& loss, const Rows& given, int classes) {
  const auto n = static_cast<std::int64_t>(given.rows.size());
  const DenseCandidates set(MatrixView<const float>{given.weights.data(), n, classes});
  RowBatch<float, DenseView> batch;
  batch.candidates = upload(runner, set.view());
  batch.count = n;
  batch.logits = runner.upload(given.logits);
  batch.targets = runner.upload(given.targets);
  batch.memory = runner.upload(given.memory);
  batch.dlogits = runner.room<float>(given.logits.size());
  batch.final_targets = runner.room<float>(given.logits.size());
  batch.losses = runner.room<float>(given.rows.size());
  launch_some(loss, KeepPrior{}, batch);
  const Result first{runner.download(batch.losses, given.rows.size()),
                     runner.download(batch.dlogits, given.logits.size())};
  launch_some(loss, KeepPrior{}, batch);
  DEVICE_CHECK(first.losses == runner.download(batch.losses, given.rows.size()));
  DEVICE_CHECK(first.gradients == runner.download(batch.dlogits, given.logits.size()));
  return first;
}

/// Ours may be twice as far from the exact number as theirs, and a few last places more.
bool close(float ours, float theirs, double exact, double allowed) {
  const double error = std::abs(static_cast<double>(ours) - exact);
  return error <= 2.0 * std::abs(static_cast<double>(theirs) - exact) + allowed;
}

template <class L>
void check(int number, int n, int classes) {
  const Rows given(n, classes);
  DeviceRunner runner;
  const Result result = on_device(runner, AnyLoss{number}, given, classes);
  DEVICE_CHECK(runner.strips_are_whole());
  const double places = 4e-7 * (1.0 + std::sqrt(static_cast<double>(classes)));
  int wrong = 0;
  for (int i = 0; i < n; ++i) {
    const RandomRow& row = given.rows[static_cast<std::size_t>(i)];
    std::vector<float> gradient;
    const float value = row.value_and_gradient(L{}, gradient);
    const auto exact = row.reference<double>();
    const double exact_value = *reference_value(L::name, exact);
    wrong += close(result.losses[static_cast<std::size_t>(i)], value, exact_value,
                   places * (1.0 + std::abs(exact_value)))
                 ? 0
                 : 1;
    double scale = 1.0;
    for (const float slope : gradient)
      scale = std::max(scale, std::abs(static_cast<double>(slope)));
    const std::size_t step = gradient.size() / 40 + 1;  // the differences cost C each
    for (std::size_t j = 0; j < gradient.size(); ++j) {
      const float ours = result.gradients[static_cast<std::size_t>(i) * gradient.size() + j];
      const double theirs = j % step == 0 && classes <= 1025 ? reference_slope(L::name, exact, j)
                                                             : static_cast<double>(gradient[j]);
      wrong += close(ours, gradient[j], theirs, places * scale) ? 0 : 1;
    }
  }
  if (wrong > 0) std::printf("  %s, C = %d, N = %d: %d numbers\n", L::name, classes, n, wrong);
  DEVICE_CHECK(wrong == 0);
}

void check_all(int n, int classes) {
  int number = 0;
  for_each_type(AllLosses{}, [&]<class L>() { check<L>(number++, n, classes); });
}

template <class Logit>
void check_composition(std::int64_t rows, int classes) {
  DeviceRunner runner;
  const std::string complaint =
      compare_with_program<SoftTargetCe, DistributionRefinery, MaskCandidates, Logit>(
          runner, RowTable(rows, classes, 5), SoftTargetCe{}, DistributionRefinery{},
          launch_by_size);
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
  DEVICE_CHECK(runner.strips_are_whole());
}

}  // namespace

DEVICE_TEST(losses_of_few_classes) {
  for (const int classes : {1, 2, 5, 6, 25}) {
    for (const int n : {1, 7, 32}) check_all(n, classes);
  }
}
DEVICE_TEST(losses_of_some_classes) {
  for (const int classes : {33, 77, 128}) check_all(7, classes);
}
DEVICE_TEST(losses_of_many_classes) {
  check_all(4, 1025);
  check_all(2, 5000);
  check_all(1, 32768);
}
DEVICE_TEST(losses_of_very_many_classes) { check_all(1, 131072); }
DEVICE_TEST(losses_of_many_rows) { check<MarginalNll>(2, 4099, 6); }

DEVICE_TEST(every_shape_of_launch) {
  for (const int classes : {1, 2, 5, 6, 25, 33, 77, 128, 1024, 1025, 4096, 8191, 8192, 32768}) {
    for (const std::int64_t rows : {1, 7, 32}) check_composition<float>(rows, classes);
  }
}
/// Clusters of 2, 4, 8 and 16 blocks where the device has them, partial vectors among them; memory.
DEVICE_TEST(rows_of_several_blocks) {
  for (const int classes : {8193, 16384, 20001, 40000, 65536, 131072, 250000})
    check_composition<float>(3, classes);
  for (const int classes : {8200, 131072}) check_composition<__nv_bfloat16>(3, classes);
}

DEVICE_TEST(bf16_logits_through_a_training) {
  for (const int classes : {6, 77, 128, 1024}) check_composition<__nv_bfloat16>(37, classes);
}

DEVICE_TEST(rows_without_softmax_are_named) {
  DeviceRunner runner;
  const std::string complaint = rows_without_softmax(runner, launch_by_size);
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
}
