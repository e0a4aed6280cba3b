// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// RowProgram with its tables on the device: stored targets, memory, summaries and plans stay there; what
// crosses over is the epoch's summaries and plans, and of a batch its row numbers and losses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/candidates/device_candidates.cuh"
#include "candist/kernels/row_loss.cuh"
#include "candist/matrix_view.hpp"
#include "candist/training/composition_problem.hpp"
#include "candist/training/non_finite_row.hpp"
#include "candist/training/refinery_parts.hpp"
#include "candist/training/visit_report.hpp"

namespace candist {

/// A loss, a refinery and a candidate set, bound to N rows; host twin: RowProgram. `View` is that of the
/// host and has to outlive it; other matrices are of the device. One visit at a time. Throws CudaError, and
/// ShapeError where a matrix does not match the batch and the candidate set.
template <class LossPolicy, class RefineryPolicy, class View, class Logit = float>
class DeviceRowProgram {
  static_assert(composition_problem<LossPolicy, RefineryPolicy>().empty(),
                "candist: this loss and this refinery do not belong together; "
                "composition_problem() says why");

 public:
  /// `largest_batch`: most rows of a visit.
  DeviceRowProgram(LossPolicy loss, RefineryPolicy refinery, View candidates, int largest_batch,
                   cudaStream_t stream);

  std::int64_t rows() const { return host_candidates_.rows(); }
  int classes() const { return host_candidates_.classes(); }
  PredictionSource predictions(int epoch) const { return predictions_of(refinery_, epoch); }
  bool wants_revisit() const { return refinery_.refresh() == Refresh::after_step; }
  bool has_target(std::int64_t row) const {
    return plans_[static_cast<std::size_t>(row)].treatment != Treatment::without_target;
  }
  const RowPlan& plan(std::int64_t row) const { return plans_[static_cast<std::size_t>(row)]; }

  /// Takes note of the logits [n, C] of rows [first, first + n) of an evaluation pass.
  void note(std::int64_t first, MatrixView<const Logit> logits, cudaStream_t stream);
  /// Plans the epoch, on the host; waits for the stream.
  void begin_epoch(int epoch, cudaStream_t stream);

  /// Starts a visit of `rows` [B] with their logits [B, C]: sets dlogits [B, C] to the gradient of the mean
  /// loss, final_targets [B, C] (may be {}) to what the loss was given, and refreshes the stored targets.
  void visit(std::span<const std::int64_t> rows, MatrixView<const Logit> logits,
             Denominator denominator, MatrixView<Logit> dlogits, MatrixView<float> final_targets,
             cudaStream_t stream);
  /// Waits for it. Throws RunError naming the row when a loss or its gradient is not finite.
  VisitReport report(cudaStream_t stream);
  /// Refreshes the stored targets of `rows` from logits [B, C] of the forward pass after the step.
  void revisit(std::span<const std::int64_t> rows, MatrixView<const Logit> logits,
               cudaStream_t stream);

  /// Stored targets [N, C] on the device.
  const float* targets() const { return targets_.data(); }
  const RowSummary* summaries() const { return summaries_.data(); }

 private:
  template <class T>
  void expect_matrix(MatrixView<T> matrix, std::int64_t count, const char* what) const {
    if (matrix.rows == count && matrix.columns == classes()) return;
    throw ShapeError(std::string("found ") + what + " [" + std::to_string(matrix.rows) + ", " +
                     std::to_string(matrix.columns) + "], expected [" + std::to_string(count) +
                     ", " + std::to_string(classes()) +
                     "], the rows of the batch and the classes of its candidate sets");
  }
  RowBatch<Logit, View> batch_of(RowPass pass);
  void put_rows(std::span<const std::int64_t> rows, cudaStream_t stream);
  void plan_from_tables(EpochView& view, cudaStream_t stream);

  LossPolicy loss_;
  RefineryPolicy refinery_;
  View host_candidates_;
  DeviceCandidates<View> candidates_;
  DeviceBuffer<float> targets_;            // [N, C]
  DeviceBuffer<float> memory_;             // [N, C], or nothing
  DeviceBuffer<RowSummary> summaries_;     // [N]
  DeviceBuffer<RowPlan> device_plans_;     // [N]
  DeviceBuffer<std::int64_t> batch_rows_;  // [largest_batch]
  DeviceBuffer<float> losses_;             // [largest_batch]
  DeviceBuffer<unsigned long long> first_bad_row_;
  PinnedBuffer<std::int64_t> staged_rows_;
  PinnedBuffer<float> staged_losses_;
  PinnedBuffer<unsigned long long> staged_bad_row_;
  std::vector<RowPlan> plans_;
  std::vector<std::uint8_t> empty_;
  std::span<const std::int64_t> visited_;  // of the visit under way, in staged_rows_
};

// ---- definitions

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::DeviceRowProgram(LossPolicy loss,
                                                                            RefineryPolicy refinery,
                                                                            View candidates,
                                                                            int largest_batch,
                                                                            cudaStream_t stream)
    : loss_(std::move(loss)),
      refinery_(std::move(refinery)),
      host_candidates_(candidates),
      candidates_(candidates, stream),
      targets_(static_cast<std::size_t>(rows() * classes())),
      memory_(has_memory(refinery_) ? targets_.size() : 0),
      summaries_(static_cast<std::size_t>(rows())),
      device_plans_(summaries_.size()),
      batch_rows_(static_cast<std::size_t>(largest_batch)),
      losses_(batch_rows_.size()),
      first_bad_row_(1),
      staged_rows_(batch_rows_.size()),
      staged_losses_(batch_rows_.size()),
      staged_bad_row_(1),
      plans_(summaries_.size()),
      empty_(summaries_.size()) {
  for (std::int64_t row = 0; row < rows(); ++row) {
    bool empty = true;
    for (int label = 0; empty && label < classes(); ++label)
      empty = !(host_candidates_.weight(row, label) > 0.0f);
    empty_[static_cast<std::size_t>(row)] = empty ? 1 : 0;
    if (empty) plans_[static_cast<std::size_t>(row)] = {Treatment::without_target, false, -1};
  }
  summaries_.zero(stream);
  device_plans_.copy_from_host(plans_, stream);
  RowBatch<Logit, View> batch = batch_of(RowPass::initialize);
  batch.count = rows();
  row_loss(loss_, row_part_of(refinery_), batch, stream);
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
RowBatch<Logit, View> DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::batch_of(
    RowPass pass) {
  RowBatch<Logit, View> batch;
  batch.pass = pass;
  batch.candidates = candidates_.view();
  batch.targets = targets_.data();
  batch.memory = memory_.data();
  batch.plans = device_plans_.data();
  batch.summaries = summaries_.data();
  return batch;
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::note(std::int64_t first,
                                                                     MatrixView<const Logit> logits,
                                                                     cudaStream_t stream) {
  expect_matrix(logits, logits.rows, "logits");
  RowBatch<Logit, View> batch = batch_of(RowPass::note);
  batch.first_row = first;
  batch.count = logits.rows;
  batch.logits = logits.data;
  row_loss(loss_, row_part_of(refinery_), batch, stream);
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::begin_epoch(int epoch,
                                                                            cudaStream_t stream) {
  std::fill(plans_.begin(), plans_.end(), RowPlan{});
  std::vector<RowSummary> summaries;
  if (predictions(epoch) != PredictionSource::none) {
    summaries.resize(plans_.size());
    summaries_.copy_to_host(summaries, stream);
  }
  CANDIST_CUDA(cudaStreamSynchronize(stream));
  EpochView view{epoch, summaries, {nullptr, rows(), classes()}, {}, plans_};
  if constexpr (plans_from_tables<RefineryPolicy>()) {
    plan_from_tables(view, stream);
  } else {
    plan_epoch(refinery_, view);
  }
  for (std::size_t row = 0; row < empty_.size(); ++row) {  // whatever the refinery said of them
    if (empty_[row] != 0) plans_[row] = {Treatment::without_target, false, -1};
  }
  device_plans_.copy_from_host(plans_, stream);
  CANDIST_CUDA(cudaStreamSynchronize(stream));
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::plan_from_tables(
    EpochView& view, cudaStream_t stream) {
  std::vector<float> targets(targets_.size());
  std::vector<float> memory(memory_.size());
  targets_.copy_to_host(targets, stream);
  memory_.copy_to_host(memory, stream);
  CANDIST_CUDA(cudaStreamSynchronize(stream));
  view.targets = {targets.data(), rows(), classes()};
  view.memory = {memory.data(), memory.empty() ? 0 : rows(), classes()};
  plan_epoch(refinery_, view);
  targets_.copy_from_host(targets, stream);
  memory_.copy_from_host(memory, stream);
  CANDIST_CUDA(cudaStreamSynchronize(stream));
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::put_rows(
    std::span<const std::int64_t> rows, cudaStream_t stream) {
  if (rows.size() > staged_rows_.size()) {
    throw ShapeError("found a batch of " + std::to_string(rows.size()) +
                     " rows, expected at most " + std::to_string(staged_rows_.size()));
  }
  for (std::size_t b = 0; b < rows.size(); ++b) {
    if (rows[b] >= 0 && rows[b] < this->rows()) continue;
    throw ShapeError("found row " + std::to_string(rows[b]) + " (from 0) in place " +
                     std::to_string(b) + " of a batch, expected one of the candidate set's " +
                     std::to_string(this->rows()));
  }
  std::copy(rows.begin(), rows.end(), staged_rows_.begin());
  visited_ = std::span<const std::int64_t>(staged_rows_.data(), rows.size());
  batch_rows_.copy_part_from_host(0, visited_, stream);
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::visit(
    std::span<const std::int64_t> rows, MatrixView<const Logit> logits, Denominator denominator,
    MatrixView<Logit> dlogits, MatrixView<float> final_targets, cudaStream_t stream) {
  const auto count = static_cast<std::int64_t>(rows.size());
  expect_matrix(logits, count, "logits");
  expect_matrix(dlogits, count, "gradients of logits");
  if (final_targets.data != nullptr) expect_matrix(final_targets, count, "final targets");
  put_rows(rows, stream);
  const auto with_target =
      std::count_if(rows.begin(), rows.end(), [&](std::int64_t row) { return has_target(row); });
  const auto divisor = denominator == Denominator::batch_rows
                           ? static_cast<std::int64_t>(rows.size())
                           : static_cast<std::int64_t>(with_target);
  first_bad_row_.fill_bytes(0xFF, stream);
  RowBatch<Logit, View> batch = batch_of(RowPass::visit);
  batch.count = static_cast<std::int64_t>(rows.size());
  batch.rows = batch_rows_.data();
  batch.logits = logits.data;
  batch.scale = divisor > 0 ? 1.0f / static_cast<float>(divisor) : 0.0f;
  batch.dlogits = dlogits.data;
  batch.final_targets = final_targets.data;
  batch.losses = losses_.data();
  batch.first_bad_row = first_bad_row_.data();
  row_loss(loss_, row_part_of(refinery_), batch, stream);
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
VisitReport DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::report(cudaStream_t stream) {
  const std::span<float> losses(staged_losses_.data(), visited_.size());
  losses_.copy_part_to_host(0, losses, stream);
  first_bad_row_.copy_to_host(std::span(staged_bad_row_.data(), 1), stream);
  CANDIST_CUDA(cudaStreamSynchronize(stream));
  VisitReport report;
  const auto bad = static_cast<std::int64_t>(*staged_bad_row_.data());
  for (std::size_t b = 0; b < losses.size(); ++b) {
    if (visited_[b] == bad) {
      std::vector<Cell> cells(static_cast<std::size_t>(classes()));
      load_candidates(host_candidates_, bad, cells);
      stop_at_row(bad, losses[b], cells);
    }
    report.loss += losses[b];
    report.with_target += has_target(visited_[b]) ? 1 : 0;
  }
  return report;
}

template <class LossPolicy, class RefineryPolicy, class View, class Logit>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Logit>::revisit(
    std::span<const std::int64_t> rows, MatrixView<const Logit> logits, cudaStream_t stream) {
  expect_matrix(logits, static_cast<std::int64_t>(rows.size()), "logits");
  put_rows(rows, stream);
  RowBatch<Logit, View> batch = batch_of(RowPass::revisit);
  batch.count = static_cast<std::int64_t>(rows.size());
  batch.rows = batch_rows_.data();
  batch.logits = logits.data;
  row_loss(loss_, row_part_of(refinery_), batch, stream);
}

}  // namespace candist
