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
//   launch  C <= 8: 4 threads a row; <= 32: 8; <= 256: a warp; <= 8192: a block of 128, 256 or 512; the row
//           stays in registers. Above: a block of 512 reads the row's cells again for each of its passes
//           (about 8), from L2 while the rows under way fit there, and the targets of the visit go through
//           `final_targets`
//   never   writes a probability, or depends on the order of blocks: the same input gives the same bits
//   host twin: RowProgram::visit, note and revisit in training/row_program.hpp
// Gradients are set, not added. A row without target gets loss 0 and zeros.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "candist/cuda/launch.cuh"
#include "candist/epoch_view.hpp"
#include "candist/error.hpp"
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

/// Row `row` of a table [., C]; none where there is no table.
template <class T>
__device__ T* row_of(T* table, long long row, int classes) {
  return table == nullptr ? nullptr : table + row * classes;
}

/// One row, by its group.
template <class Group, class Cells, class L, class R, class Logit, class View>
__device__ void work_on_row(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                            Cells& cells, const RowSource<Logit>& source, Logit* dlogits,
                            long long b, long long row) {
  const bool leads = Group::rank() == 0;
  RowReading reading = read_statistics<Group>(cells, source.classes);
  if (batch.pass == RowPass::initialize) {
    initialize_targets(refinery, reading.row, cells, source);
    return;
  }
  if (batch.summaries != nullptr && batch.pass != RowPass::revisit) {
    const RowSummary summary = summarized<Group>(reading, cells);
    if (leads) batch.summaries[row] = summary;
  }
  if (batch.pass == RowPass::note) return;

  if (batch.pass == RowPass::revisit)
    return refresh_stored<Group>(refinery, reading.row, cells, source);
  const Refresh refresh = refinery.refresh();
  if (refresh == Refresh::same_forward) {
    // The loss is still given the targets from before; writing the new ones now saves keeping both.
    cells.hold_targets();
    refresh_stored<Group>(refinery, reading.row, cells, source);
  } else if (refresh == Refresh::before_loss) {
    refresh_stored<Group>(refinery, reading.row, cells, source);
    cells.reload(source);
  }

  const RowPlan plan = batch.plans == nullptr ? RowPlan{} : batch.plans[row];
  if (reading.row.candidates == 0 || plan.treatment == Treatment::without_target) {
    const auto zero = [](const Cell&) { return 0.0f; };
    cells.write(dlogits, zero);
    if (batch.final_targets != nullptr) cells.write(source.scratch, zero);
    if (leads) batch.losses[b] = 0.0f;
    return;
  }
  treat_targets<Group>(plan, sharpening_on_device(refinery), cells);
  if (batch.final_targets != nullptr) cells.put_targets(source.scratch);
  float scale = batch.scale;
  if (batch.scale_factor != nullptr) scale *= *batch.scale_factor;
  bool finite = true;
  const float value = value_and_gradient<Group>(loss, reading, cells, scale, dlogits, finite);
  if (leads) batch.losses[b] = value;
  finite = finite && value - value == 0.0f;
  if (!finite && batch.first_bad_row != nullptr)
    atomicMin(batch.first_bad_row, static_cast<unsigned long long>(row));
}

}  // namespace detail

/// A group of `Threads` a row, `Count` cells a thread in registers, `Vector` of them read at once.
template <int Threads, int Count, int Vector, class L, class R, class Logit, class View>
__global__ void __launch_bounds__(detail::row_block_threads<Threads>)
    row_loss_kernel(L loss, R refinery, RowBatch<Logit, View> batch) {
  using Group = RowGroup<Threads>;
  const long long b = Group::row();
  if (b >= batch.count) return;
  const long long row = batch.rows == nullptr ? batch.first_row + b : batch.rows[b];
  const View& candidates = batch.candidates;
  const int classes = candidates.classes();
  const RowSource<Logit> source{detail::row_of(batch.logits, b, classes),
                                detail::row_of(batch.targets, row, classes),
                                detail::row_of(batch.memory, row, classes),
                                detail::row_of(batch.final_targets, b, classes), classes};
  const auto weight = [&](int label) { return candidates.weight(row, label); };
  const auto is_candidate = [&](int label) { return weight(label) > 0.0f; };
  RowSource<Logit> given = source;  // before training the stored tables hold nothing
  if (batch.pass == RowPass::initialize) given.targets = given.memory = nullptr;
  if constexpr (Count > 0) {
    RegisterCells<Threads, Count, Vector> cells(given, Group::rank(), is_candidate);
    if (batch.pass == RowPass::initialize)
      cells.replace_targets([&](const Cell& cell) { return weight(cell.label); });
    detail::work_on_row<Group>(loss, refinery, batch, cells, source,
                               detail::row_of(batch.dlogits, b, classes), b, row);
  } else {
    if (batch.pass == RowPass::initialize) {
      for (int label = Group::rank(); label < classes; label += Threads)
        source.targets[label] = weight(label);
      given.targets = source.targets;
    }
    MemoryCells<Threads, Logit, decltype(is_candidate)> cells(given, Group::rank(), is_candidate);
    detail::work_on_row<Group>(loss, refinery, batch, cells, source,
                               detail::row_of(batch.dlogits, b, classes), b, row);
  }
}

/// Puts the batch's work into the stream. The refinery's row part is taken by value. Throws ShapeError
/// where tables are missing or the candidates do not fit the classes.
template <class L, class R, class Logit, class View>
void row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
              cudaStream_t stream);

// ---- definitions

namespace detail {

template <int Threads, int Count, int Vector, class L, class R, class Logit, class View>
void launch_row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
                     cudaStream_t stream) {
  constexpr int rows_a_block = row_block_threads<Threads> / Threads;
  const auto blocks = (batch.count + rows_a_block - 1) / rows_a_block;
  launch(row_loss_kernel<Threads, Count, Vector, L, R, Logit, View>,
         {static_cast<unsigned>(blocks), static_cast<unsigned>(row_block_threads<Threads>)}, stream,
         loss, refinery, batch);
}

/// Most classes of a row that registers hold.
inline constexpr int most_classes_in_registers = 512 * 16;

template <class R, class Logit, class View>
void check_row_batch(const R&, const RowBatch<Logit, View>& batch) {
  const auto expect = [](bool holds, const char* what) {
    if (!holds) throw ShapeError(std::string("row_loss: ") + what);
  };
  const std::int64_t rows = batch.candidates.rows();
  expect(batch.candidates.classes() >= 1, "found no classes, expected at least one");
  expect(batch.count >= 0 && (batch.rows != nullptr ||
                              (batch.first_row >= 0 && batch.first_row <= rows - batch.count)),
         "found a batch that reaches beyond the rows of the candidate set");
  expect(batch.targets != nullptr, "found no table of stored targets, expected [N, C]");
  const bool needs_memory = requires(const R refinery, RowStats row, Cell cell) {
    refinery.remembered(row, cell);
  };
  expect(!needs_memory || batch.memory != nullptr,
         "found no second table, which the refinery keeps, expected [N, C]");
  expect(batch.pass == RowPass::initialize || batch.logits != nullptr,
         "found no logits, expected [B, C]");
  expect(batch.pass != RowPass::note || batch.summaries != nullptr,
         "found no summaries, expected [N]");
  if (batch.pass != RowPass::visit) return;
  expect(batch.dlogits != nullptr && batch.losses != nullptr,
         "found no room for gradients or losses, expected [B, C] and [B]");
  expect(batch.final_targets != nullptr || batch.candidates.classes() <= most_classes_in_registers,
         "found no final_targets, which rows of more than 8192 classes need, expected [B, C]");
}

inline bool is_aligned(const void* table) {
  return reinterpret_cast<std::uintptr_t>(table) % 16 == 0;
}

}  // namespace detail

template <class L, class R, class Logit, class View>
void row_loss(const L& loss, const R& refinery, const RowBatch<Logit, View>& batch,
              cudaStream_t stream) {
  detail::check_row_batch(refinery, batch);
  if (batch.count == 0) return;
  const int classes = batch.candidates.classes();
  constexpr int vector = 16 / static_cast<int>(sizeof(Logit));
  const bool whole_vectors =
      classes % vector == 0 && detail::is_aligned(batch.logits) &&
      detail::is_aligned(batch.targets) && detail::is_aligned(batch.memory) &&
      detail::is_aligned(batch.dlogits) && detail::is_aligned(batch.final_targets);
  const auto run = [&]<int threads, int count>() {
    if (whole_vectors && count % vector == 0) {
      detail::launch_row_loss<threads, count, count % vector == 0 ? vector : 1>(loss, refinery,
                                                                                batch, stream);
    } else {
      detail::launch_row_loss<threads, count, 1>(loss, refinery, batch, stream);
    }
  };
  if (classes <= 8) return detail::launch_row_loss<4, 2, 1>(loss, refinery, batch, stream);
  if (classes <= 32) return detail::launch_row_loss<8, 4, 1>(loss, refinery, batch, stream);
  if (classes <= 256) return run.template operator()<32, 8>();
  if (classes <= 1024) return run.template operator()<128, 8>();
  if (classes <= 4096) return run.template operator()<256, 16>();
  if (classes <= detail::most_classes_in_registers) return run.template operator()<512, 16>();
  detail::launch_row_loss<512, 0, 1>(loss, refinery, batch, stream);
}

}  // namespace candist
