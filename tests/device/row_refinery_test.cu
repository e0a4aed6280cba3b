// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every refinery and candidate view on the device through a short training, beside the host twin.
#include "candist/kernels/row_loss.cuh"
#include "candist/methods.hpp"
#include "support/device_runner.cuh"
#include "support/row_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

/// Three shapes of launch stand for all: test of the others in row_loss_test.cu.
constexpr auto launch_some = [](const auto& loss, const auto& refinery, const auto& batch) {
  const int classes = batch.candidates.classes();
  if (classes <= 32) {
    detail::launch_row_loss<8, 4, 1>(loss, refinery, batch, nullptr);
  } else if (classes <= 1024) {
    detail::launch_row_loss<128, 8, 1>(loss, refinery, batch, nullptr);
  } else {
    detail::launch_row_loss<512, 0, 1>(loss, refinery, batch, nullptr);
  }
};

template <class R, class Set, class L>
void check(const L& loss) {
  for (const auto& [rows, classes] : {std::pair<std::int64_t, int>{1, 1},
                                      {7, 2},
                                      {32, 6},
                                      {4099, 25},
                                      {37, 33},
                                      {37, 77},
                                      {11, 1024},
                                      {7, 1025}}) {
    DeviceRunner runner;
    const RowTable table(rows, classes, 3, classes == 77 ? 1e4f : 0.0f);
    const std::string complaint =
        compare_with_program<L, R, Set>(runner, table, loss, R{}, launch_some);
    if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
    DEVICE_CHECK(complaint.empty());
    DEVICE_CHECK(runner.strips_are_whole());
  }
}

template <class Set>
void check_all() {
  for_each_type(AllRefineries{}, [&]<class R>() {
    if constexpr (composition_problem<SoftTargetCe, R>().empty()) {
      check<R, Set>(SoftTargetCe{});
    } else {
      check<R, Set>(LeveragedCe{});
    }
  });
}

}  // namespace

DEVICE_TEST(refineries_on_masks) { check_all<MaskCandidates>(); }
DEVICE_TEST(refineries_on_sparse_sets) { check_all<SparseCandidates>(); }
DEVICE_TEST(refineries_on_dense_sets) { check_all<DenseCandidates>(); }
