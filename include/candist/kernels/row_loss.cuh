// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_loss: everything between a batch of logits [B, C] and its gradient, for any Loss, Refinery and
// candidate view, in one launch: softmax, summary of the row, refreshed target written back, the target
// that the epoch's plan makes of the stored one, value of the loss, gradient of the logits.
//   reads   logits and stored targets once (B * C each), the candidates (a bit, a handful of labels, or a
//           weight a class), 8 bytes of plan a row; the second table of refineries that have one
//   writes  gradients once; where wanted, refreshed targets and those of this visit once; a loss and 20
//           bytes of summary a row                 bound: memory from a few hundred classes on, launch below
//   launch  C <= 8: 4 threads a row; <= 32: 8; <= 256: a warp; <= 8192: a block of 128, 256 or 512; <= 131072,
//           where there are clusters (compute capability 9.0): 2 to 16 blocks of 512. The row stays in
//           registers. Else a block of 512, or a cluster of 16, reads the row's cells again for each of its
//           passes (7 to 9), from L2 while the rows under way fit there
//   never   writes a probability, or depends on the order of blocks: the same input gives the same bits
//   host twin: RowProgram::visit, note and revisit in training/row_program.hpp
// Gradients are set, not added. A row without target gets loss 0 and zeros.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

#include "candist/cuda/launch.cuh"
#include "candist/epoch_view.hpp"
#include "candist/error.hpp"
#include "candist/kernels/row_cluster.cuh"
#include "candist/kernels/row_statistics.cuh"
#include "candist/kernels/row_targets.cuh"
#include "candist/kernels/row_value.cuh"

namespace candist {

/// What a launch does with its rows.
enum class RowPass {
  initialize,  ///< sets the stored targets to the refinery's first ones; there are no logits yet
  note,        ///< summaries alone, of an evaluation pass
  visit,       ///< summary, refresh, loss and gradient
  revisit,     ///< refresh alone, from the forward pass after the optimizer's step
};

/// A batch of rows and where everything about them lies; all pointers are of the device.
template <class Logit, class View>
struct RowBatch {
  RowPass pass = RowPass::visit;
  std::int64_t count = 0;              ///< B
  const std::int64_t* rows = nullptr;  ///< [B], their rows of the set; none: first_row + b
  std::int64_t first_row = 0;
  const Logit* logits = nullptr;        ///< [B, C]; none: all 0
  View candidates;                      ///< [N, C]
  float* targets = nullptr;             ///< [N, C], stored
  float* memory = nullptr;              ///< [N, C], of refineries with a second table
  const RowPlan* plans = nullptr;       ///< [N]; none: all as_stored
  RowSummary* summaries = nullptr;      ///< [N]; none: not wanted
  float scale = 1.0f;                   ///< of the gradients
  const float* scale_factor = nullptr;  ///< [1], another factor, known on the device only; none: 1
  Logit* dlogits = nullptr;             ///< [B, C]
  float* final_targets = nullptr;       ///< [B, C], what the loss was given; none: not wanted
  float* losses = nullptr;              ///< [B]
  /// [1], the lowest row of the set whose loss or gradient is not finite; not touched where all are.
  unsigned long long* first_bad_row = nullptr;
};

namespace detail {

template <int Threads>
constexpr int row_block_threads = Threads > warp_size ? Threads : 128;
/// Room for 512 threads leaves each 128 registers, with which none spills.
template <int Threads>
constexpr int row_blocks_at_once = 512 / row_block_threads<Threads>;

template <int Threads>
using RowThreads =
    std::conditional_t<(Threads > warp_size), RowCluster<Threads>, RowGroup<Threads>>;

/// Row `row` of a table [., C]; none where there is no table.
template <class T>
__device__ T* row_of(T* table, long long row, int classes) {
  return table == nullptr ? nullptr : table + row * classes;
}

/// Loss and gradient of a row whose cells hold the stored targets.
template <class Group, class Cells, class L, class R, class Logit, class View>
__device__ void give_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                          Cells& cells, const RowReading& reading, Logit* dlogits, long long b,
                          long long row) {
  float* final_targets = row_of(batch.final_targets, b, batch.candidates.classes());
  const RowPlan plan = batch.plans == nullptr ? RowPlan{} : batch.plans[row];
  if (reading.row.candidates == 0 || plan.treatment == Treatment::without_target) {
    const auto zero = [](const Cell&) { return 0.0f; };
    cells.write(dlogits, zero);
    if (final_targets != nullptr) cells.write(final_targets, zero);
    if (Group::leads()) batch.losses[b] = 0.0f;
    return;
  }
  treat_targets<Group>(plan, sharpening_on_device(refinery), cells);
  if (final_targets != nullptr)
    cells.write(final_targets, [](const Cell& cell) { return cell.target; });
  float scale = batch.scale;
  if (batch.scale_factor != nullptr) scale *= *batch.scale_factor;
  bool finite = true;
  const float value = value_and_gradient<Group>(loss, reading, cells, scale, dlogits, finite);
  if (Group::leads()) batch.losses[b] = value;
  finite = finite && value - value == 0.0f;
  if (!finite && batch.first_bad_row != nullptr)
    atomicMin(batch.first_bad_row, static_cast<unsigned long long>(row));
}

/// One row, by its group.
template <class Group, class Cells, class L, class R, class Logit, class View>
__device__ void work_on_row(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                            Cells& cells, const RowSource<Logit>& source, Logit* dlogits,
                            long long b, long long row) {
  const RowReading reading = read_statistics<Group>(cells, batch.candidates.classes());
  if (batch.pass == RowPass::initialize) {
    initialize_targets(refinery, reading.row, cells, source);
    return;
  }
  if (batch.summaries != nullptr && batch.pass != RowPass::revisit) {
    const RowSummary summary = summarized<Group>(reading, cells);
    if (Group::leads()) batch.summaries[row] = summary;
  }
  if (batch.pass == RowPass::note) return;
  if (batch.pass == RowPass::revisit)
    return refresh_stored<Group>(refinery, reading.row, cells, source);

  const Refresh refresh = refinery.refresh();
  if (refresh == Refresh::before_loss) {
    refresh_stored<Group>(refinery, reading.row, cells, source);
    cells.reload(source);
  }
  // After the same forward pass the loss is still given the targets from before: registers keep those,
  // until the row's plan changes them; memory does not.
  const bool refreshes = refresh == Refresh::same_forward;
  if (Cells::in_registers && refreshes) refresh_stored<Group>(refinery, reading.row, cells, source);
  give_loss<Group>(loss, refinery, batch, cells, reading, dlogits, b, row);
  if constexpr (!Cells::in_registers) {
    cells.forget_treatment();
    if (refreshes) refresh_stored<Group>(refinery, reading.row, cells, source);
  }
}

}  // namespace detail

/// `Threads` a row, of more than a warp in each of its blocks, `Count` cells a thread in registers (0: in
/// memory), `Vector` of them read at once.
template <int Threads, int Count, int Vector, class L, class R, class Logit, class View>
__global__ void __launch_bounds__(detail::row_block_threads<Threads>,
                                  detail::row_blocks_at_once<Threads>)
    row_loss_kernel(L loss, R refinery, RowBatch<Logit, View> batch) {
  using Group = detail::RowThreads<Threads>;
  const long long b = Group::row();
  if (b >= batch.count) return;
  Group::enter();
  const long long row = batch.rows == nullptr ? batch.first_row + b : batch.rows[b];
  const View& candidates = batch.candidates;
  const int classes = candidates.classes();
  const RowStretch stretch = Group::stretch(classes, Vector);
  Logit* dlogits = detail::row_of(batch.dlogits, b, classes);
  const RowSource<Logit> source{
      detail::row_of(batch.logits, b, classes), detail::row_of(batch.targets, row, classes),
      detail::row_of(batch.memory, row, classes), stretch.first, stretch.end};
  const auto weight = [&](int label) { return candidates.weight(row, label); };
  const auto is_candidate = [&](int label) { return weight(label) > 0.0f; };
  RowSource<Logit> given = source;  // before training the stored tables hold nothing
  if (batch.pass == RowPass::initialize) given.targets = given.memory = nullptr;
  if constexpr (Count > 0) {
    RegisterCells<Threads, Count, Vector> cells(given, Group::rank(), is_candidate);
    if (batch.pass == RowPass::initialize)
      cells.replace_targets([&](const Cell& cell) { return weight(cell.label); });
    detail::work_on_row<Group>(loss, refinery, batch, cells, source, dlogits, b, row);
  } else {
    if (batch.pass == RowPass::initialize) {
      for (int label = source.first + Group::rank(); label < source.end; label += Threads)
        source.targets[label] = weight(label);
      given.targets = source.targets;
    }
    MemoryCells<Threads, Logit, decltype(is_candidate)> cells(given, Group::rank(), is_candidate);
    detail::work_on_row<Group>(loss, refinery, batch, cells, source, dlogits, b, row);
  }
  Group::leave();
}

/// Which of the launches above are compiled. A composition takes the compiler a second for each of them.
enum class RowShapes {
  all,
  few,  ///< C <= 32, C <= 256, memory: where batches are small and compositions many
};

/// Puts the batch's work into the stream. The refinery's row part is taken by value. Throws ShapeError
/// where tables are missing or the candidates do not fit the classes.
template <RowShapes shapes = RowShapes::all, class L, class R, class Logit, class View>
void row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
              cudaStream_t stream);

// ---- definitions

namespace detail {

/// `blocks_a_row`: a power of two, of which blocks_of_cluster() has to allow more than 1.
template <int Threads, int Count, int Vector, class L, class R, class Logit, class View>
void launch_row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                     cudaStream_t stream, int blocks_a_row = 1) {
  constexpr int rows_a_block = row_block_threads<Threads> / Threads;
  const auto blocks = (batch.count + rows_a_block - 1) / rows_a_block * blocks_a_row;
  const LaunchShape shape{static_cast<unsigned>(blocks),
                          static_cast<unsigned>(row_block_threads<Threads>)};
  const auto kernel = row_loss_kernel<Threads, Count, Vector, L, R, Logit, View>;
  if (blocks_a_row == 1) return launch(kernel, shape, stream, loss, refinery, batch);
  launch_clusters(kernel, shape, blocks_a_row, stream, loss, refinery, batch);
}

template <class R, class Logit, class View>
void check_row_batch(const R&, const RowBatch<Logit, View>& batch) {
  const auto expect = [](bool holds, const char* what) {
    if (!holds) throw ShapeError(std::string("row_loss: found no ") + what);
  };
  const std::int64_t rows = batch.candidates.rows();
  const bool is_inside =
      batch.rows != nullptr || (batch.first_row >= 0 && batch.first_row <= rows - batch.count);
  if (batch.count < 0 || !is_inside) {
    throw ShapeError("row_loss: found a batch of " + std::to_string(batch.count) +
                     " rows from row " + std::to_string(batch.first_row) +
                     " (from 0) on, expected it within the " + std::to_string(rows) +
                     " rows of the candidate set");
  }
  expect(batch.candidates.classes() >= 1, "classes, expected at least one");
  expect(batch.targets != nullptr, "table of stored targets, expected [N, C]");
  const bool needs_memory = requires(const R refinery, RowStats row, Cell cell) {
    refinery.remembered(row, cell);
  };
  expect(!needs_memory || batch.memory != nullptr,
         "second table, which the refinery keeps, expected [N, C]");
  expect(batch.pass == RowPass::initialize || batch.logits != nullptr, "logits, expected [B, C]");
  expect(batch.pass != RowPass::note || batch.summaries != nullptr, "summaries, expected [N]");
  if (batch.pass != RowPass::visit) return;
  expect(batch.dlogits != nullptr && batch.losses != nullptr,
         "room for gradients or losses, expected [B, C] and [B]");
}

inline bool is_aligned(const void* table) {
  return reinterpret_cast<std::uintptr_t>(table) % 16 == 0;
}

template <class L, class R, class Logit, class View>
void launch_for_classes(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                        cudaStream_t stream) {
  const int classes = batch.candidates.classes();
  constexpr int vector = 16 / static_cast<int>(sizeof(Logit));
  const bool whole_vectors = classes % vector == 0 && is_aligned(batch.logits) &&
                             is_aligned(batch.targets) && is_aligned(batch.memory) &&
                             is_aligned(batch.dlogits) && is_aligned(batch.final_targets);
  const auto run = [&]<int threads, int count>(int blocks) {
    if (whole_vectors && count % vector == 0) {
      launch_row_loss<threads, count, count % vector == 0 ? vector : 1>(loss, refinery, batch,
                                                                        stream, blocks);
    } else {
      launch_row_loss<threads, count, 1>(loss, refinery, batch, stream, blocks);
    }
  };
  if (classes <= 8) return launch_row_loss<4, 2, 1>(loss, refinery, batch, stream);
  if (classes <= 32) return launch_row_loss<8, 4, 1>(loss, refinery, batch, stream);
  if (classes <= 256) return run.template operator()<32, 8>(1);
  if (classes <= 1024) return run.template operator()<128, 8>(1);
  if (classes <= 4096) return run.template operator()<256, 16>(1);
  int blocks = 1;
  while (blocks * 512 * 16 < classes) blocks *= 2;
  if (blocks == 1) return run.template operator()<512, 16>(1);
  const int possible = blocks_of_cluster(row_loss_kernel<512, 16, 1, L, R, Logit, View>, 512,
                                         RowCluster<512>::most_blocks);
  if (blocks <= possible) return run.template operator()<512, 16>(blocks);
  launch_row_loss<512, 0, 1>(loss, refinery, batch, stream, possible);
}

}  // namespace detail

template <RowShapes shapes, class L, class R, class Logit, class View>
void row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
              cudaStream_t stream) {
  detail::check_row_batch(refinery, batch);
  if (batch.count == 0) return;
  if constexpr (shapes == RowShapes::few) {
    const int classes = batch.candidates.classes();
    if (classes <= 32) return detail::launch_row_loss<8, 4, 1>(loss, refinery, batch, stream);
    if (classes <= 256) return detail::launch_row_loss<32, 8, 1>(loss, refinery, batch, stream);
    detail::launch_row_loss<512, 0, 1>(loss, refinery, batch, stream);
  } else {
    detail::launch_for_classes(loss, refinery, batch, stream);
  }
}

}  // namespace candist
