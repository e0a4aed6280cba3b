// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_targets: the row part of any Refinery by a group of threads: first targets, refreshed ones, those
// that the epoch's plan makes of them, and the row's summary. Host twin: row_refine.hpp.
#pragma once

#include "candist/concepts.hpp"
#include "candist/epoch_view.hpp"
#include "candist/kernels/row_statistics.cuh"

namespace candist::detail {

/// A label and how much speaks for it.
struct Scored {
  float score = 0.0f;
  int label = INT_MAX;
};
__device__ inline Scored merged(const Scored& a, const Scored& b) {
  if (a.label == INT_MAX || b.label == INT_MAX) return a.label == INT_MAX ? b : a;
  const bool a_wins = a.score > b.score || (a.score == b.score && a.label < b.label);
  return a_wins ? a : b;
}

/// Sets the stored targets (and memory) from the prior, which the cells hold.
template <class R, class Cells, class Logit>
__device__ void initialize_targets(const R& refinery, const RowStats& row, Cells& cells,
                                   const RowSource<Logit>& source) {
  const auto target = [&](const Cell& cell) { return refinery.initial(row, cell); };
  if constexpr (requires(Cell cell) { refinery.initial_memory(row, cell); }) {
    cells.write_refreshed(source, target,
                          [&](const Cell& cell) { return refinery.initial_memory(row, cell); });
  } else {
    cells.write(source.targets, target);
  }
}

/// Writes the refreshed targets (and memory) over the stored ones; the cells keep theirs. Rows without
/// candidates stay as they are.
template <class Group, class R, class Cells, class Logit>
__device__ void refresh_stored(const R& refinery, RowStats row, Cells& cells,
                               const RowSource<Logit>& source) {
  if (row.candidates == 0) return;
  if constexpr (requires(Cell cell) { refinery.score(row, cell); }) {
    Scored best;
    cells.each([&](const Cell& cell) {
      if (cell.candidate) best = merged(best, Scored{refinery.score(row, cell), cell.label});
    });
    row.chosen = all_merged<Group>(best).label;
  }
  float divisor = 1.0f;
  if constexpr (requires { R::normalizes; }) {
    float sum = 0.0f;
    cells.each([&](const Cell& cell) { sum += refinery.refreshed(row, cell); });
    sum = Group::sum(sum);
    if (sum > 0.0f) divisor = sum;
  }
  const auto target = [&](const Cell& cell) { return refinery.refreshed(row, cell) / divisor; };
  if constexpr (requires(Cell cell) { refinery.remembered(row, cell); }) {
    cells.write_refreshed(source, target,
                          [&](const Cell& cell) { return refinery.remembered(row, cell); });
  } else {
    cells.write(source.targets, target);
  }
}

/// The exponent of Treatment::sharpened.
template <class R>
__device__ float sharpening_on_device(const R& refinery) {
  if constexpr (requires { refinery.sharpening(); }) {
    return refinery.sharpening();
  } else {
    return 1.0f;
  }
}

/// Turns the stored targets of the cells into those that the loss is given.
template <class Group, class Cells>
__device__ void treat_targets(const RowPlan& plan, float sharpening, Cells& cells) {
  if (plan.treatment == Treatment::one_hot) return cells.make_one_hot(plan.label);
  if (plan.treatment != Treatment::sharpened) return;
  // Relative to the largest target, so that a power of a tiny one cannot take the whole row to 0.
  float largest = 0.0f;
  cells.each([&](const Cell& cell) { largest = cell.target > largest ? cell.target : largest; });
  largest = Group::all(largest, [](float a, float b) { return a > b ? a : b; });
  if (!(largest > 0.0f)) return;
  cells.sharpen(largest, sharpening);
  float sum = 0.0f;
  cells.each([&](const Cell& cell) { sum += cell.target; });
  cells.divide_targets(Group::sum(sum));
}

/// What the student thinks of a row; the cells hold the stored targets.
template <class Group, class Cells>
__device__ RowSummary summarized(const RowReading& reading, const Cells& cells) {
  const RowStats& row = reading.row;
  Sums<2> losses;  // of the renormalised prediction, of the stored target
  cells.each([&](const Cell& cell) {
    const float log_prob = row.log_prob(cell);
    const float share = row.share(cell);
    if (share > 0.0f) losses.of[0] -= share * log_prob;
    if (cell.target > 0.0f) losses.of[1] -= cell.target * log_prob;
  });
  losses = all_merged<Group>(losses);
  RowSummary summary;
  summary.argmax = row.argmax;
  summary.confidence = expf(0.0f - row.lse);  // the largest logit is shifted to 0
  summary.labelled = row.candidates > 0;
  summary.inside = reading.argmax_is_candidate;
  summary.renormalised_loss = reading.defined ? losses.of[0] : row.lse;
  summary.stored_loss = reading.defined ? losses.of[1] : row.lse;
  return summary;
}

}  // namespace candist::detail
