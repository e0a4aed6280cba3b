// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// RowProgram with its tables on the device: stored targets, memory, summaries and plans stay there; what
// crosses over is the epoch's summaries and plans, and of a batch its row numbers and losses.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/candidates/device_candidates.cuh"
#include "candist/cuda/alternating_staging.hpp"
#include "candist/cuda/arena.hpp"
#include "candist/kernels/row_loss.cuh"
#include "candist/kernels/row_loss.hpp"
#include "candist/matrix_view.hpp"
#include "candist/training/composition_problem.hpp"
#include "candist/training/non_finite_loss.hpp"
#include "candist/training/refinery_parts.hpp"
#include "candist/training/target_store.hpp"
#include "candist/training/visit_report.hpp"

namespace candist {

/// A loss, a refinery and a candidate set, bound to N rows; host twin: RowProgram. `View` is that of the
/// host; it and `compute` have to outlive it; other matrices are of the device. One visit at a time. Compute:
/// DeviceStream, or a stand-in. Throws CudaError, and ShapeError where a matrix does not match the batch and
/// the candidate set.
template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit = float,
          RowShapes shapes = RowShapes::all>
class DeviceRowProgram {
  static_assert(composition_problem<LossPolicy, RefineryPolicy>().empty(),
                "candist: this loss and this refinery do not belong together; "
                "composition_problem() says why");

 public:
  /// `largest_batch`: most rows of a visit.
  DeviceRowProgram(LossPolicy loss, RefineryPolicy refinery, View candidates, int largest_batch,
                   Compute& compute);
  DeviceRowProgram(const DeviceRowProgram&) = delete;
  DeviceRowProgram& operator=(const DeviceRowProgram&) = delete;
  ~DeviceRowProgram() { compute_.drain(); }

  std::int64_t rows() const { return host_candidates_.rows(); }
  int classes() const { return host_candidates_.classes(); }
  PredictionSource predictions(int epoch) const { return predictions_of(refinery_, epoch); }
  bool wants_revisit() const { return refinery_.refresh() == Refresh::after_step; }
  bool targets_are_labels() const { return targets_are_distributions(refinery_); }
  std::span<const RowPlan> plans() const { return plans_; }
  bool has_target(std::int64_t row) const {
    return plan(row).treatment != Treatment::without_target;
  }
  const RowPlan& plan(std::int64_t row) const { return plans_[static_cast<std::size_t>(row)]; }

  /// Takes note of the logits [n, C] of rows [first, first + n) of an evaluation pass.
  void note(std::int64_t first, MatrixView<const Logit> logits);
  /// Plans the epoch, on the host; waits for the device.
  void begin_epoch(int epoch);

  /// Starts a visit of `rows` [B] with their logits [B, C]: sets dlogits [B, C] to the gradient of the mean
  /// loss, final_targets [B, C] (may be {}) to what the loss was given, and refreshes the stored targets.
  void visit(std::span<const std::int64_t> rows, MatrixView<const Logit> logits,
             Denominator denominator, MatrixView<Logit> dlogits, MatrixView<float> final_targets);
  /// Waits for it, and not for what was started behind it. Throws NonFiniteLoss for the lowest row whose loss
  /// or gradient is not finite.
  VisitReport report();
  /// Refreshes the stored targets of `rows` from logits [B, C] of the forward pass after the step.
  void revisit(std::span<const std::int64_t> rows, MatrixView<const Logit> logits);

  /// As RowProgram's; they wait for the device.
  void save(std::ostream& out) const;
  void load(std::istream& in);

  /// Stored targets [N, C] on the device.
  const float* targets() const { return tables_.targets; }
  const RowSummary* summaries() const { return tables_.summaries; }

 private:
  /// What lies on the device.
  struct Tables {
    float* targets = nullptr;                     ///< [N, C]
    float* memory = nullptr;                      ///< [N, C], or none
    RowSummary* summaries = nullptr;              ///< [N]
    RowPlan* plans = nullptr;                     ///< [N]
    std::int64_t* batch_rows = nullptr;           ///< [largest_batch]
    float* losses = nullptr;                      ///< [largest_batch]
    unsigned long long* first_bad_row = nullptr;  ///< [1]
  };
  /// What comes to the host.
  struct Arriving {
    float* losses = nullptr;                      ///< [largest_batch]
    unsigned long long* first_bad_row = nullptr;  ///< [1]
  };

  std::size_t cells() const { return static_cast<std::size_t>(rows() * classes()); }
  Tables laid_out(Arena& arena) const;
  Arriving laid_out_on_host(Arena& arena) const;
  template <class T>
  void expect_matrix(MatrixView<T> matrix, std::int64_t count, const char* what) const {
    if (matrix.rows == count && matrix.columns == classes()) return;
    throw ShapeError(std::string("found ") + what + " [" + std::to_string(matrix.rows) + ", " +
                     std::to_string(matrix.columns) + "], expected [" + std::to_string(count) +
                     ", " + std::to_string(classes()) +
                     "], the rows of the batch and the classes of its candidate sets");
  }
  template <class T>
  void put(T* to, std::span<const T> from) {
    compute_.to_device(to, from.data(), from.size_bytes());
  }
  template <class T>
  void take(std::span<T> to, const T* from) const {
    compute_.to_host(to.data(), from, to.size_bytes());
  }
  void run(const RowBatch<Logit, View>& batch) {
    row_loss<shapes>(loss_, row_part_of(refinery_), batch, compute_.get());
  }
  RowBatch<Logit, View> batch_of(RowPass pass);
  void put_rows(std::span<const std::int64_t> rows);
  void plan_from_tables(EpochView& view);

  LossPolicy loss_;
  RefineryPolicy refinery_;
  View host_candidates_;
  int largest_batch_;
  Compute& compute_;
  DeviceCandidates<View, Compute> candidates_;
  typename Compute::Memory device_;
  typename Compute::Staging host_;
  Tables tables_;
  Arriving arriving_;
  AlternatingStaging<Compute> staged_rows_;
  typename Compute::Mark visit_done_;
  std::vector<RowPlan> plans_;
  std::vector<std::uint8_t> empty_;
  std::vector<std::int64_t> visited_;  // rows of the visit under way
};

// ---- definitions

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::DeviceRowProgram(
    LossPolicy loss, RefineryPolicy refinery, View candidates, int largest_batch, Compute& compute)
    : loss_(std::move(loss)),
      refinery_(std::move(refinery)),
      host_candidates_(candidates),
      largest_batch_(largest_batch),
      compute_(compute),
      candidates_(candidates, compute),
      plans_(static_cast<std::size_t>(rows())),
      empty_(plans_.size()) {
  Arena counted;
  laid_out(counted);
  device_ = typename Compute::Memory(counted.used());
  Arena arena(device_.data());
  tables_ = laid_out(arena);
  Arena counted_on_host;
  laid_out_on_host(counted_on_host);
  host_ = typename Compute::Staging(counted_on_host.used());
  Arena on_host(host_.data());
  arriving_ = laid_out_on_host(on_host);
  staged_rows_ =
      AlternatingStaging<Compute>(static_cast<std::size_t>(largest_batch) * sizeof(std::int64_t));

  for (std::int64_t row = 0; row < rows(); ++row) {
    bool empty = true;
    for (int label = 0; empty && label < classes(); ++label)
      empty = !(host_candidates_.weight(row, label) > 0.0f);
    empty_[static_cast<std::size_t>(row)] = empty ? 1 : 0;
    if (empty) plans_[static_cast<std::size_t>(row)] = {Treatment::without_target, false, -1};
  }
  const std::vector<RowSummary> summaries(plans_.size());
  put<RowSummary>(tables_.summaries, summaries);
  put(tables_.plans, plans());
  RowBatch<Logit, View> batch = batch_of(RowPass::initialize);
  batch.count = rows();
  run(batch);
  compute_.wait();  // for what was copied from here
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
auto DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::laid_out(
    Arena& arena) const -> Tables {
  Tables t;
  t.targets = arena.take<float>(static_cast<std::int64_t>(cells()));
  if (has_memory(refinery_)) t.memory = arena.take<float>(static_cast<std::int64_t>(cells()));
  t.summaries = arena.take<RowSummary>(rows());
  t.plans = arena.take<RowPlan>(rows());
  t.batch_rows = arena.take<std::int64_t>(largest_batch_);
  t.losses = arena.take<float>(largest_batch_);
  t.first_bad_row = arena.take<unsigned long long>(1);
  return t;
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
auto DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::laid_out_on_host(
    Arena& arena) const -> Arriving {
  Arriving s;
  s.losses = arena.take<float>(largest_batch_);
  s.first_bad_row = arena.take<unsigned long long>(1);
  return s;
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
RowBatch<Logit, View>
DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::batch_of(RowPass pass) {
  RowBatch<Logit, View> batch;
  batch.pass = pass;
  batch.candidates = candidates_.view();
  batch.targets = tables_.targets;
  batch.memory = tables_.memory;
  batch.plans = tables_.plans;
  batch.summaries = tables_.summaries;
  return batch;
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::note(
    std::int64_t first, MatrixView<const Logit> logits) {
  expect_matrix(logits, logits.rows, "logits");
  RowBatch<Logit, View> batch = batch_of(RowPass::note);
  batch.first_row = first;
  batch.count = logits.rows;
  batch.logits = logits.data;
  run(batch);
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::begin_epoch(
    int epoch) {
  std::vector<RowSummary> summaries;
  if (predictions(epoch) != PredictionSource::none) {
    summaries.resize(plans_.size());
    take(std::span(summaries), tables_.summaries);
  }
  compute_.wait();
  std::fill(plans_.begin(), plans_.end(), RowPlan{});
  EpochView view{epoch, summaries, {nullptr, rows(), classes()}, {}, plans_};
  if constexpr (plans_from_tables<RefineryPolicy>()) {
    plan_from_tables(view);
  } else {
    plan_epoch(refinery_, view);
  }
  for (std::size_t row = 0; row < empty_.size(); ++row) {  // whatever the refinery said of them
    if (empty_[row] != 0) plans_[row] = {Treatment::without_target, false, -1};
  }
  put(tables_.plans, plans());
  compute_.wait();
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::plan_from_tables(
    EpochView& view) {
  TargetStore store(rows(), classes(), has_memory(refinery_));
  take(store.targets().values(), tables_.targets);
  take(store.memory().values(), tables_.memory);
  compute_.wait();
  view.targets = store.targets();
  view.memory = store.memory();
  plan_epoch(refinery_, view);
  put<float>(tables_.targets, store.targets().values());
  put<float>(tables_.memory, store.memory().values());
  compute_.wait();
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::put_rows(
    std::span<const std::int64_t> rows) {
  if (rows.size() > static_cast<std::size_t>(largest_batch_)) {
    throw ShapeError("found a batch of " + std::to_string(rows.size()) +
                     " rows, expected at most " + std::to_string(largest_batch_));
  }
  for (std::size_t b = 0; b < rows.size(); ++b) {
    if (rows[b] >= 0 && rows[b] < this->rows()) continue;
    throw ShapeError("found row " + std::to_string(rows[b]) + " (from 0) in place " +
                     std::to_string(b) + " of a batch, expected one of the candidate set's " +
                     std::to_string(this->rows()));
  }
  std::byte* room = staged_rows_.next();
  std::memcpy(room, rows.data(), rows.size_bytes());
  compute_.to_device(tables_.batch_rows, room, rows.size_bytes());
  staged_rows_.sent(compute_);
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::visit(
    std::span<const std::int64_t> rows, MatrixView<const Logit> logits, Denominator denominator,
    MatrixView<Logit> dlogits, MatrixView<float> final_targets) {
  const auto count = static_cast<std::int64_t>(rows.size());
  expect_matrix(logits, count, "logits");
  expect_matrix(dlogits, count, "gradients of logits");
  if (final_targets.data != nullptr) expect_matrix(final_targets, count, "final targets");
  put_rows(rows);
  const auto with_target =
      std::count_if(rows.begin(), rows.end(), [&](std::int64_t row) { return has_target(row); });
  const auto divisor =
      denominator == Denominator::batch_rows ? count : static_cast<std::int64_t>(with_target);
  compute_.fill(tables_.first_bad_row, 0xFF, sizeof *tables_.first_bad_row);
  RowBatch<Logit, View> batch = batch_of(RowPass::visit);
  batch.count = count;
  batch.rows = tables_.batch_rows;
  batch.logits = logits.data;
  batch.scale = divisor > 0 ? 1.0f / static_cast<float>(divisor) : 0.0f;
  batch.dlogits = dlogits.data;
  batch.final_targets = final_targets.data;
  batch.losses = tables_.losses;
  batch.first_bad_row = tables_.first_bad_row;
  run(batch);
  visited_.assign(rows.begin(), rows.end());
  take(std::span(arriving_.losses, rows.size()), tables_.losses);
  take(std::span(arriving_.first_bad_row, 1), tables_.first_bad_row);
  compute_.record(visit_done_);
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
VisitReport DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::report() {
  visit_done_.synchronize();
  VisitReport report;
  const auto bad = static_cast<std::int64_t>(*arriving_.first_bad_row);
  for (std::size_t b = 0; b < visited_.size(); ++b) {
    if (visited_[b] == bad) {
      std::vector<Cell> cells(static_cast<std::size_t>(classes()));
      load_candidates(host_candidates_, bad, cells);
      throw NonFiniteLoss(bad, arriving_.losses[b], cells);
    }
    report.loss += arriving_.losses[b];
    report.with_target += has_target(visited_[b]) ? 1 : 0;
  }
  return report;
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::revisit(
    std::span<const std::int64_t> rows, MatrixView<const Logit> logits) {
  expect_matrix(logits, static_cast<std::int64_t>(rows.size()), "logits");
  put_rows(rows);
  RowBatch<Logit, View> batch = batch_of(RowPass::revisit);
  batch.count = static_cast<std::int64_t>(rows.size());
  batch.rows = tables_.batch_rows;
  batch.logits = logits.data;
  run(batch);
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::save(
    std::ostream& out) const {
  TargetStore store(rows(), classes(), has_memory(refinery_));
  take(store.targets().values(), tables_.targets);
  take(store.memory().values(), tables_.memory);
  take(std::span(store.summaries), tables_.summaries);
  compute_.wait();
  store.plans = plans_;
  store.save(out);
  save_refinery(refinery_, out);
}

template <class LossPolicy, class RefineryPolicy, class View, class Compute, class Logit,
          RowShapes shapes>
void DeviceRowProgram<LossPolicy, RefineryPolicy, View, Compute, Logit, shapes>::load(
    std::istream& in) {
  TargetStore store(rows(), classes(), has_memory(refinery_));
  store.load(in);
  load_refinery(refinery_, in);
  plans_ = store.plans;
  put<float>(tables_.targets, store.targets().values());
  put<float>(tables_.memory, store.memory().values());
  put<RowSummary>(tables_.summaries, store.summaries);
  put(tables_.plans, plans());
  compute_.wait();
}

}  // namespace candist
