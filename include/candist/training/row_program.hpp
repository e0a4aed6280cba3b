// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// From a batch of logits to its gradient, on the host.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/kernels/row_loss.hpp"
#include "candist/kernels/row_refine.hpp"
#include "candist/training/composition_problem.hpp"
#include "candist/training/non_finite_loss.hpp"
#include "candist/training/refinery_parts.hpp"
#include "candist/training/target_store.hpp"
#include "candist/training/visit_report.hpp"

namespace candist {

/// A loss, a refinery and a candidate set, bound to N rows: everything between a batch of logits
/// and its gradient. This host version is the specification of the fused kernel. A row with an
/// empty candidate set has no target.
template <class LossPolicy, class RefineryPolicy, CandidateView View>
class RowProgram {
  static_assert(composition_problem<LossPolicy, RefineryPolicy>().empty(),
                "candist: this loss and this refinery do not belong together; "
                "composition_problem() says why");

 public:
  RowProgram(LossPolicy loss, RefineryPolicy refinery, View candidates);

  std::int64_t rows() const { return candidates_.rows(); }
  int classes() const { return candidates_.classes(); }

  /// Where the next epoch's predictions are wanted from.
  PredictionSource predictions(int epoch) const { return predictions_of(refinery_, epoch); }
  /// Takes note of the logits [n, C] of rows [first, first + n) of an evaluation pass. Thread-safe
  /// for disjoint rows.
  void note(std::int64_t first, MatrixView<const float> logits);
  /// Plans the epoch.
  void begin_epoch(int epoch);
  /// Is a second forward pass wanted after each step?
  bool wants_revisit() const { return refinery_.refresh() == Refresh::after_step; }
  bool has_target(std::int64_t row) const {
    return empty_[static_cast<std::size_t>(row)] == 0 &&
           plan(row).treatment != Treatment::without_target;
  }
  /// Are the targets distributions over the classes, so that they can stand for labels?
  bool targets_are_labels() const { return targets_are_distributions(refinery_); }
  const RowPlan& plan(std::int64_t row) const {
    return store_.plans[static_cast<std::size_t>(row)];
  }

  /// One visit of `rows` [B]: sets dlogits [B, C] to the gradient of the mean loss and
  /// final_targets [B, C] to what the loss was given (zeros where a row has no target), and
  /// refreshes the stored targets. Throws NonFiniteLoss for the first row whose loss or gradient is
  /// not.
  VisitReport visit(std::span<const std::int64_t> rows, MatrixView<const float> logits,
                    Denominator denominator, MatrixView<float> dlogits,
                    MatrixView<float> final_targets);
  /// Refreshes the stored targets of `rows` from logits [B, C] of the forward pass after the step.
  void revisit(std::span<const std::int64_t> rows, MatrixView<const float> logits);

  TargetStore& store() { return store_; }
  void save(std::ostream& out) const {
    store_.save(out);
    save_refinery(refinery_, out);
  }
  void load(std::istream& in) {
    store_.load(in);
    load_refinery(refinery_, in);
  }

 private:
  RowStats read_row(std::int64_t row, const float* logits, std::span<Cell> cells) const {
    load_candidates(candidates_, row, cells);
    store_.read(row, cells);
    return row_stats(logits, cells);
  }

  LossPolicy loss_;
  RefineryPolicy refinery_;
  View candidates_;
  TargetStore store_;
  std::vector<std::uint8_t> empty_;
  std::vector<Cell> cells_;
};

// ---- definitions

template <class LossPolicy, class RefineryPolicy, CandidateView View>
RowProgram<LossPolicy, RefineryPolicy, View>::RowProgram(LossPolicy loss, RefineryPolicy refinery,
                                                         View candidates)
    : loss_(std::move(loss)),
      refinery_(std::move(refinery)),
      candidates_(candidates),
      store_(candidates.rows(), candidates.classes(), has_memory(refinery_)),
      empty_(static_cast<std::size_t>(candidates.rows())),
      cells_(static_cast<std::size_t>(candidates.classes())) {
  const std::vector<float> flat(cells_.size());
  for (std::int64_t row = 0; row < rows(); ++row) {
    load_candidates(candidates_, row, cells_);
    const RowStats stats = row_stats(flat.data(), cells_);
    empty_[static_cast<std::size_t>(row)] = stats.candidates == 0;
    initialize_row(refinery_, stats, std::span<Cell>(cells_));
    store_.write(row, cells_);
  }
}

template <class LossPolicy, class RefineryPolicy, CandidateView View>
void RowProgram<LossPolicy, RefineryPolicy, View>::note(std::int64_t first,
                                                        MatrixView<const float> logits) {
  std::vector<Cell> cells(cells_.size());
  for (std::int64_t r = 0; r < logits.rows; ++r) {
    const RowStats stats = read_row(first + r, logits.row(r), cells);
    store_.summaries[static_cast<std::size_t>(first + r)] = summarize_row(stats, cells);
  }
}

template <class LossPolicy, class RefineryPolicy, CandidateView View>
void RowProgram<LossPolicy, RefineryPolicy, View>::begin_epoch(int epoch) {
  std::fill(store_.plans.begin(), store_.plans.end(), RowPlan{});
  std::span<const RowSummary> summaries;
  if (predictions(epoch) != PredictionSource::none) summaries = store_.summaries;
  EpochView view{epoch, summaries, store_.targets(), store_.memory(), store_.plans};
  plan_epoch(refinery_, view);
  for (std::size_t row = 0; row < empty_.size(); ++row) {  // whatever the refinery said of them
    if (empty_[row] != 0) store_.plans[row] = {Treatment::without_target, false, -1};
  }
}

template <class LossPolicy, class RefineryPolicy, CandidateView View>
VisitReport RowProgram<LossPolicy, RefineryPolicy, View>::visit(std::span<const std::int64_t> rows,
                                                                MatrixView<const float> logits,
                                                                Denominator denominator,
                                                                MatrixView<float> dlogits,
                                                                MatrixView<float> final_targets) {
  CANDIST_EXPECT_EQ(rows.size(), logits.rows, "rows of the batch, rows of logits");
  CANDIST_EXPECT_EQ(classes(), logits.columns, "classes of the candidates, columns of logits");
  VisitReport report;
  for (const std::int64_t row : rows) report.with_target += has_target(row) ? 1 : 0;
  const std::int64_t divisor = denominator == Denominator::batch_rows
                                   ? static_cast<std::int64_t>(rows.size())
                                   : report.with_target;
  const float scale = divisor > 0 ? 1.0f / static_cast<float>(divisor) : 0.0f;

  const Refresh refresh = refinery_.refresh();
  const std::span<Cell> cells(cells_);
  for (std::size_t b = 0; b < rows.size(); ++b) {
    const std::int64_t row = rows[b];
    const auto r = static_cast<std::int64_t>(b);
    RowStats stats = read_row(row, logits.row(r), cells);
    store_.summaries[static_cast<std::size_t>(row)] = summarize_row(stats, cells);
    if (refresh == Refresh::before_loss) {
      refresh_row(refinery_, stats, cells);
      store_.write(row, cells);
    }
    std::fill_n(dlogits.row(r), cells.size(), 0.0f);
    std::fill_n(final_targets.row(r), cells.size(), 0.0f);
    if (has_target(row)) {
      treat_row(plan(row), sharpening_of(refinery_), cells);
      add_target_sums(stats, cells);
      const float value =
          row_loss(loss_, stats, std::span<const Cell>(cells), scale, dlogits.row(r));
      float gradients = 0.0f;  // their sum is finite only where each of them is
      for (std::size_t j = 0; j < cells.size(); ++j) gradients += dlogits.row(r)[j];
      if (!std::isfinite(value) || !std::isfinite(gradients))
        throw NonFiniteLoss(row, value, cells);
      report.loss += value;
      for (std::size_t j = 0; j < cells.size(); ++j) final_targets.row(r)[j] = cells[j].target;
    }
    if (refresh == Refresh::same_forward) {
      store_.read(row, cells);
      refresh_row(refinery_, stats, cells);
      store_.write(row, cells);
    }
  }
  return report;
}

template <class LossPolicy, class RefineryPolicy, CandidateView View>
void RowProgram<LossPolicy, RefineryPolicy, View>::revisit(std::span<const std::int64_t> rows,
                                                           MatrixView<const float> logits) {
  for (std::size_t b = 0; b < rows.size(); ++b) {
    const RowStats stats = read_row(rows[b], logits.row(static_cast<std::int64_t>(b)), cells_);
    refresh_row(refinery_, stats, std::span<Cell>(cells_));
    store_.write(rows[b], cells_);
  }
}

}  // namespace candist
