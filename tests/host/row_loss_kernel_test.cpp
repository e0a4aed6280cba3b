// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The row kernels' own source, run by the host executor: every loss, refinery and view against the host
// twin and the double reference, and the executor's own detection of what a GPU would not forgive.
#include "support/host_executor.hpp"
//
#include <cstdlib>
#include <memory>
#include <utility>

#include "candist/kernels/linear_row_loss.cuh"
#include "candist/kernels/row_loss.cuh"
#include "candist/losses/at_temperature.hpp"
#include "candist/methods.hpp"
#include "support/any_loss.hpp"
#include "support/catch.hpp"
#include "support/host_runner.hpp"
#include "support/linear_twin.hpp"
#include "support/row_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::host_executor::ExecutorError;

namespace {

const auto launch_by_size = [](const auto& loss, const auto& refinery, const auto& batch) {
  row_loss(loss, refinery, batch, nullptr);
};

template <class L>
constexpr int number_of() {
  int number = 0, found = -1;
  for_each_type(AllLosses{}, [&]<class Other>() {
    if (std::is_same_v<L, Other>) found = number;
    ++number;
  });
  return found;
}

/// Value and gradient of one row by the kernel, from given cells.
struct KernelRow {
  float value;
  std::vector<float> gradient;
};
template <int Threads, int Count, int Vector, class L>
KernelRow by_kernel(const L& loss, const RandomRow& row, int blocks = 1) {
  HostRunner runner;
  const auto c = row.cells.size();
  std::vector<float> weights, targets, memory;
  for (const Cell& cell : row.cells) {
    weights.push_back(cell.candidate ? 1.0f : 0.0f);
    targets.push_back(cell.target);
    memory.push_back(cell.memory);
  }
  const DenseCandidates set(MatrixView<const float>{weights.data(), 1, static_cast<int>(c)});
  RowBatch<float, DenseView> batch;
  batch.candidates = set.view();
  batch.count = 1;
  batch.logits = runner.upload(row.logits);
  batch.targets = runner.upload(targets);
  batch.memory = runner.upload(memory);
  batch.dlogits = runner.room<float>(c);
  batch.final_targets = runner.room<float>(c);
  batch.losses = runner.room<float>(1);
  detail::launch_row_loss<Threads, Count, Vector>(loss, KeepPrior{}, batch, nullptr, blocks);
  CHECK(runner.strips_are_whole());
  return {batch.losses[0], runner.download(batch.dlogits, c)};
}

/// Is the kernel's error at most twice that of the host's loop, or a few last places?
template <class L, class Reference>
void check_against_double(const RandomRow& row, const KernelRow& kernel, const L& loss,
                          const Reference& reference) {
  std::vector<float> gradient;
  const float value = row.value_and_gradient(loss, gradient);
  const double places = 4e-7 * (1.0 + std::sqrt(static_cast<double>(gradient.size())));
  const auto check = [&](float ours, float theirs, double exact, double scale) {
    const double error = std::abs(static_cast<double>(ours) - exact);
    CHECK(error <= 2.0 * std::abs(static_cast<double>(theirs) - exact) + places * scale);
  };
  check(kernel.value, value, reference.value, 1.0 + std::abs(reference.value));
  double scale = 1.0;
  for (const double slope : reference.gradient) scale = std::max(scale, std::abs(slope));
  for (std::size_t j = 0; j < gradient.size(); ++j)
    check(kernel.gradient[j], gradient[j], reference.gradient[j], scale);
}

struct Exact {
  double value;
  std::vector<double> gradient;
};

}  // namespace

TEMPLATE_LIST_TEST_CASE("every loss by the kernel is as close to double as by the host's loop", "",
                        AsTuple<AllLosses>::type) {
  for (const int classes : {1, 2, 5, 6, 25, 32}) {
    for (const int size : {1, 2, classes - 1, classes}) {
      if (size < 1 || size > classes) continue;
      INFO(TestType::name << ", C = " << classes << ", k = " << size);
      const RandomRow row(classes, size, 11);
      const auto exact = row.reference<double>();
      check_against_double(row, by_kernel<8, 4, 1>(TestType{}, row), TestType{},
                           Exact{*reference_value(TestType::name, exact),
                                 reference_gradient(TestType::name, exact)});
    }
  }
}

TEST_CASE("every loss in every shape of launch gives what the host gives") {
  for_each_type(AllLosses{}, [&]<class L>() {
    const auto check = [&]<int threads, int count, int vector>(int classes, int blocks = 1) {
      const RandomRow row(classes, std::max(1, classes / 3), 5);
      INFO(L::name << ", C = " << classes << ", " << blocks << " blocks of " << threads
                   << " threads, " << count << " cells");
      const KernelRow kernel =
          by_kernel<threads, count, vector>(AnyLoss{number_of<L>()}, row, blocks);
      std::vector<float> gradient;
      const float value = row.value_and_gradient(L{}, gradient);
      Complaints complaints(L::name);
      const double allowed = 2e-6 * (4.0 + std::sqrt(static_cast<double>(classes)));
      complaints.compare("value", {kernel.value}, {value}, allowed);
      complaints.compare("gradient", kernel.gradient, gradient, allowed);
      CHECK(complaints.text() == "");
    };
    check.template operator()<4, 2, 1>(7);
    check.template operator()<32, 8, 4>(132);
    check.template operator()<128, 8, 1>(77);
    check.template operator()<64, 4, 4>(1000, 4);
    check.template operator()<64, 0, 1>(131);
    check.template operator()<64, 0, 1>(131, 2);
  });
}

TEMPLATE_LIST_TEST_CASE("every refinery and view go through a training as on the host", "",
                        AsTuple<AllRefineries>::type) {
  const auto check = [&](const auto& loss, const RowTable& table, auto&& work) {
    HostRunner runner;
    using L = std::decay_t<decltype(loss)>;
    const std::string complaints[] = {
        compare_with_program<L, TestType, MaskCandidates>(runner, table, loss, TestType{}, work),
        compare_with_program<L, TestType, SparseCandidates>(runner, table, loss, TestType{}, work),
        compare_with_program<L, TestType, DenseCandidates>(runner, table, loss, TestType{}, work)};
    for (const std::string& complaint : complaints) CHECK(complaint == "");
    CHECK(runner.strips_are_whole());
  };
  const auto with_loss = [&](const auto& loss) {
    check(loss, RowTable(9, 6, 1), launch_by_size);
    check(loss, RowTable(7, 25, 2), launch_by_size);
    check(loss, RowTable(1, 1, 3), launch_by_size);
    for (const int blocks : {1, 2}) {
      check(loss, RowTable(7, 40, 4), [&](const auto& l, const auto& refinery, const auto& batch) {
        detail::launch_row_loss<64, 0, 1>(l, refinery, batch, nullptr, blocks);
      });
    }
  };
  if constexpr (composition_problem<SoftTargetCe, TestType>().empty()) {
    with_loss(SoftTargetCe{});
  } else {
    with_loss(LeveragedCe{});
  }
}

TEST_CASE("whole and partial vectors, blocks a row, bf16: the same training") {
  for (const int classes : {33, 77, 128, 257, 1025, 1032}) {
    const RowTable table(3, classes, 9, classes == 77 ? 1e4f : 0.0f);
    HostRunner runner;
    CHECK(compare_with_program<SoftTargetCe, RenormalisedPrediction, MaskCandidates>(
              runner, table, SoftTargetCe{}, RenormalisedPrediction{}, launch_by_size) == "");
    CHECK(runner.strips_are_whole());
  }
  for (const int classes : {6, 64, 1040}) {
    HostRunner runner;
    CHECK(compare_with_program<SoftTargetCe, DistributionRefinery, SparseCandidates, __nv_bfloat16>(
              runner, RowTable(4, classes, 3), SoftTargetCe{}, DistributionRefinery{},
              launch_by_size) == "");
    CHECK(runner.strips_are_whole());
  }
}

TEST_CASE("a row over the blocks of a cluster: the same training") {
  for (const auto& [classes, blocks] :
       {std::pair{2, 2}, {129, 2}, {257, 4}, {700, 8}, {1900, 16}, {2048, 16}}) {
    HostRunner runner;
    const auto in_clusters = [together = blocks](const auto& loss, const auto& refinery,
                                                 const auto& batch) {
      detail::launch_row_loss<64, 2, 1>(loss, refinery, batch, nullptr, together);
    };
    const RowTable table(classes < 1000 ? 5 : 2, classes, 6);
    CHECK(compare_with_program<SoftTargetCe, DistributionRefinery, MaskCandidates>(
              runner, table, SoftTargetCe{}, DistributionRefinery{}, in_clusters) == "");
    CHECK(compare_with_program<SoftTargetCe, RunningPrediction, SparseCandidates>(
              runner, table, SoftTargetCe{}, RunningPrediction{}, in_clusters) == "");
    CHECK(runner.strips_are_whole());
    CHECK(rows_without_softmax(runner, in_clusters) == "");
  }
}

TEST_CASE("more classes than a block holds, with clusters, and in memory without") {
  for (const int largest : {16, 1}) {
    const int before = std::exchange(detail::largest_cluster(), largest);
    for (const int classes : {8193, 8200}) {
      HostRunner runner;
      const RowTable table(2, classes, 7);
      CHECK(compare_with_program<SoftTargetCe, DistributionRefinery, MaskCandidates>(
                runner, table, SoftTargetCe{}, DistributionRefinery{}, launch_by_size) == "");
      CHECK(compare_with_program<SoftTargetCe, DistributionRefinery, MaskCandidates, __nv_bfloat16>(
                runner, table, SoftTargetCe{}, DistributionRefinery{}, launch_by_size) == "");
      CHECK(runner.strips_are_whole());
    }
    detail::largest_cluster() = before;
  }
}

TEST_CASE("who does not ask for the targets of a visit gets the same without") {
  const RowTable table(8, 40, 3);
  const MaskCandidates set(table.weight_view());
  std::vector<RowPlan> plans(8);
  for (std::size_t row = 0; row < 8; ++row)
    plans[row] = {static_cast<Treatment>(row % 4), false, static_cast<std::int32_t>(row)};
  const auto visit = [&](bool asked, auto&& work) {
    HostRunner runner;
    RowBatch<float, MaskView> batch;
    batch.candidates = set.view();
    batch.count = 8;
    batch.logits = runner.upload(table.logits);
    batch.targets = runner.upload(table.weights);
    batch.plans = plans.data();
    batch.dlogits = runner.room<float>(320);
    batch.losses = runner.room<float>(8);
    if (asked) batch.final_targets = runner.room<float>(320);
    work(SoftTargetCe{}, RenormalisedPrediction{}, batch);
    std::vector<float> all = runner.download(batch.dlogits, 320);
    for (const float loss : runner.download(batch.losses, 8)) all.push_back(loss);
    for (const float target : runner.download(batch.targets, 320)) all.push_back(target);
    return all;
  };
  const auto check = [&](auto&& work) { CHECK(visit(true, work) == visit(false, work)); };
  check(launch_by_size);
  for (const int blocks : {1, 2}) {
    check([&](const auto& loss, const auto& refinery, const auto& batch) {
      detail::launch_row_loss<64, 0, 1>(loss, refinery, batch, nullptr, blocks);
    });
  }
}

TEST_CASE("a loss at a temperature") {
  const AtTemperature<SoftTargetCe> loss{{}, 2.5f};
  for (const int classes : {1, 6, 30}) {
    const RandomRow row(classes, std::max(1, classes / 2), 21);
    const KernelRow kernel = by_kernel<8, 4, 1>(loss, row);
    std::vector<float> gradient;
    const float value = row.value_and_gradient(loss, gradient);
    CHECK(kernel.value == Approx(value).epsilon(2e-6));
    for (std::size_t j = 0; j < gradient.size(); ++j)
      CHECK(kernel.gradient[j] == Approx(gradient[j]).margin(2e-6));
  }
}

TEST_CASE("a head fused with the loss gives the gradients of its parts") {
  for (const auto& [rows, classes, width] : {std::tuple<std::int64_t, int, int>{1, 1, 1},
                                             {7, 6, 33},
                                             {32, 5, 64},
                                             {45, 25, 40},
                                             {70, 32, 17}}) {
    HostRunner runner;
    CHECK(compare_linear_head(runner, rows, classes, width) == "");
    CHECK(runner.strips_are_whole());
  }
  HostRunner runner;
  CHECK_THROWS_WITH(compare_linear_head(runner, 2, 33, 8), Catch::Matchers::Contains("at most 32"));
}

TEST_CASE("rows without softmax are named, the others are not touched by them") {
  HostRunner runner;
  CHECK(rows_without_softmax(runner, launch_by_size) == "");
  CHECK(runner.strips_are_whole());
}

TEST_CASE("what a launch lacks is said before it") {
  HostRunner runner;
  const RowTable table(4, 6, 2);
  const MaskCandidates set(table.weight_view());
  RowBatch<float, MaskView> batch;
  batch.candidates = set.view();
  batch.count = 4;
  const auto says = [&](const auto& refinery, const std::string& words) {
    CHECK_THROWS_WITH(row_loss(SoftTargetCe{}, refinery, batch, nullptr),
                      Catch::Matchers::Contains(words));
  };
  says(KeepPrior{}, "stored targets");
  batch.targets = runner.upload(table.weights);
  says(KeepPrior{}, "logits");
  batch.logits = runner.upload(table.logits);
  says(KeepPrior{}, "gradients or losses");
  says(RunningPrediction{}, "second table");
  batch.count = 5;
  says(KeepPrior{}, "5 rows from row 0 (from 0) on, expected it within the 4 rows");
  batch.count = 2;
  batch.first_row = 3;
  says(KeepPrior{}, "2 rows from row 3 (from 0) on, expected it within the 4 rows");
  batch.first_row = 0;
  batch.count = -1;
  says(KeepPrior{}, "-1 rows");
}

// ---- the executor

namespace {

__global__ void diverging_barrier_kernel() {
  if (threadIdx.x != 3) __syncthreads();
}
__global__ void diverging_shuffle_kernel(float* out) {
  float value = static_cast<float>(threadIdx.x);
  if (threadIdx.x < 16) value = __shfl_xor_sync(all_lanes, value, 1);
  out[threadIdx.x] = value;
}
__global__ void beyond_shared_kernel() {
  CANDIST_SHARED(float, array, 32);
  array[threadIdx.x + 1] = 0.0f;
}
__global__ void unwritten_shared_kernel(float* out) {
  CANDIST_SHARED(float, array, 32);
  if (threadIdx.x == 0) array[0] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = array[threadIdx.x];
}
/// A thread writes again before all have read.
__global__ void racing_kernel(float* out) {
  CANDIST_SHARED(float, array, 1);
  for (int round = 0; round < 2; ++round) {
    if (threadIdx.x == 0) array[0] = static_cast<float>(round);
    __syncthreads();
    out[round * 64 + static_cast<int>(threadIdx.x)] = array[0];
  }
}
__global__ void reverse_kernel(float* values) {
  CANDIST_SHARED(float, array, 64);
  array[threadIdx.x] = values[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  values[blockIdx.x * blockDim.x + threadIdx.x] = array[blockDim.x - 1 - threadIdx.x];
}

/// Every block of a cluster tells its neighbour its number.
__global__ void neighbour_kernel(float* out, int silent_block) {
  CANDIST_SHARED(float, array, 1);
  const unsigned blocks = __clusterSizeInBlocks();
  const unsigned block = __clusterRelativeBlockRank();
  if (static_cast<int>(block) == silent_block) return;
  if (threadIdx.x == 0) {
    void* there = __cluster_map_shared_rank(&array[0], (block + 1) % blocks);
    *static_cast<float*>(there) = static_cast<float>(blockIdx.x);
  }
  __cluster_barrier_arrive();
  __cluster_barrier_wait();
  out[blockIdx.x * blockDim.x + threadIdx.x] = array[0];
}
__global__ void unfinished_kernel() { __cluster_barrier_arrive(); }
__global__ void unannounced_kernel() { __cluster_barrier_wait(); }
__global__ void beyond_cluster_kernel() {
  CANDIST_SHARED(float, array, 1);
  __cluster_map_shared_rank(&array[0], 2);
}
__global__ void not_shared_kernel(float* values) { __cluster_map_shared_rank(values, 1); }

}  // namespace

TEST_CASE("the executor runs the blocks of a cluster at once, and sees what they must not do") {
  std::vector<float> values(6 * 40);
  detail::launch_clusters(neighbour_kernel, {6, 40}, 3, nullptr, values.data(), -1);
  for (const auto& [block, neighbour] : {std::pair{0, 2}, {1, 0}, {2, 1}, {3, 5}, {4, 3}, {5, 4}}) {
    CHECK(values[static_cast<std::size_t>(40 * block)] == static_cast<float>(neighbour));
    CHECK(values[static_cast<std::size_t>(40 * block + 39)] == static_cast<float>(neighbour));
  }
  const auto says = [&](const char* words, auto kernel, const auto&... arguments) {
    CHECK_THROWS_WITH(detail::launch_clusters(kernel, {2, 40}, 2, nullptr, arguments...),
                      Catch::Matchers::Contains(words));
  };
  says("40 for their cluster, 40 have ended", neighbour_kernel, values.data(), 1);
  says("between arriving", unfinished_kernel);
  says("has not arrived", unannounced_kernel);
  says("block 2 of a cluster of 2", beyond_cluster_kernel);
  says("not in a shared array", not_shared_kernel, values.data());
}

TEST_CASE("the executor runs blocks and threads, and sees what they must not do") {
  std::vector<float> values(128);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  launch(reverse_kernel, {2, 64}, nullptr, values.data());
  CHECK(values[0] == 63.0f);
  CHECK(values[127] == 64.0f);
  CHECK_THROWS_AS(launch(diverging_barrier_kernel, {1, 32}, nullptr), ExecutorError);
  CHECK_THROWS_AS(launch(diverging_shuffle_kernel, {1, 32}, nullptr, values.data()), ExecutorError);
  CHECK_THROWS_WITH(launch(beyond_shared_kernel, {1, 32}, nullptr),
                    Catch::Matchers::Contains("index 32 of 32"));
  launch(unwritten_shared_kernel, {1, 32}, nullptr, values.data());
  CHECK(values[0] == 1.0f);
  CHECK(std::isnan(values[1]));
  launch(racing_kernel, {1, 64}, nullptr, values.data());
  const bool all_as_meant = std::count(values.begin(), values.begin() + 64, 0.0f) == 64 &&
                            std::count(values.begin() + 64, values.end(), 1.0f) == 64;
  CHECK(!all_as_meant);  // a barrier is missing at the loop's end, and it shows
}
