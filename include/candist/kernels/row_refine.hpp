// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_refine: the row part of any Refinery as a plain host loop; the specification of the device
// version.
#pragma once

#include <cmath>
#include <span>

#include "candist/epoch_view.hpp"
#include "candist/kernels/row_loss.hpp"

namespace candist {

/// Sets cell.target (and cell.memory) to the refinery's stored values before training; cell.target
/// holds the prior.
template <Refinery R>
void initialize_row(const R& refinery, RowStats row, std::span<Cell> cells);

/// Replaces the stored target (and memory) of cells [C] by the refreshed ones.
template <Refinery R>
void refresh_row(const R& refinery, RowStats row, std::span<Cell> cells);

/// Turns the stored targets of cells [C] into those the loss is given: as_stored, sharpened (to the
/// power of `sharpening`, normalised) or one_hot.
void treat_row(const RowPlan& plan, float sharpening, std::span<Cell> cells);

/// What the student thinks of a row, for the epoch part; cells carry the stored targets.
RowSummary summarize_row(RowStats row, std::span<const Cell> cells);

// ---- definitions

template <Refinery R>
void initialize_row(const R& refinery, RowStats row, std::span<Cell> cells) {
  for (Cell& cell : cells) {
    const Cell prior = cell;
    cell.target = refinery.initial(row, prior);
    if constexpr (requires { refinery.initial_memory(row, prior); }) {
      cell.memory = refinery.initial_memory(row, prior);
    }
  }
}

template <Refinery R>
void refresh_row(const R& refinery, RowStats row, std::span<Cell> cells) {
  if (row.candidates == 0) return;
  if constexpr (requires(Cell cell) { refinery.score(row, cell); }) {
    float best = 0.0f;
    for (const Cell& cell : cells) {
      if (!cell.candidate) continue;
      const float score = refinery.score(row, cell);
      if (row.chosen < 0 || score > best) {
        best = score;
        row.chosen = cell.label;
      }
    }
  }
  float sum = 0.0f;
  for (Cell& cell : cells) {
    const Cell old = cell;
    cell.target = refinery.refreshed(row, old);
    if constexpr (requires { refinery.remembered(row, old); }) {
      cell.memory = refinery.remembered(row, old);
    }
    sum += cell.target;
  }
  if constexpr (requires { R::normalizes; }) {
    // A sum of 0 (every kept candidate underflows) leaves nothing to scale; the next refresh sets
    // the row anew.
    if (sum > 0.0f) {
      for (Cell& cell : cells) cell.target /= sum;
    }
  }
}

inline void treat_row(const RowPlan& plan, float sharpening, std::span<Cell> cells) {
  if (plan.treatment == Treatment::one_hot) {
    for (Cell& cell : cells) cell.target = cell.label == plan.label ? 1.0f : 0.0f;
  } else if (plan.treatment == Treatment::sharpened) {
    // Relative to the largest target, so that a power of a tiny one cannot take the whole row to 0.
    float best = 0.0f;
    float sum = 0.0f;
    for (const Cell& cell : cells) best = cell.target > best ? cell.target : best;
    if (!(best > 0.0f)) return;
    for (Cell& cell : cells) {
      cell.target = cell.target > 0.0f ? std::pow(cell.target / best, sharpening) : 0.0f;
      sum += cell.target;
    }
    for (Cell& cell : cells) cell.target /= sum;
  }
}

inline RowSummary summarize_row(RowStats row, std::span<const Cell> cells) {
  RowSummary summary;
  summary.argmax = row.argmax;
  summary.confidence = row.prob(cells[static_cast<std::size_t>(row.argmax)]);
  summary.labelled = row.candidates > 0;
  summary.inside = cells[static_cast<std::size_t>(row.argmax)].candidate;
  if (std::isnan(row.lse)) summary.renormalised_loss = summary.stored_loss = row.lse;
  for (const Cell& cell : cells) {
    const float share = row.share(cell);
    if (share > 0.0f) summary.renormalised_loss -= share * row.log_prob(cell);
    if (cell.target > 0.0f) summary.stored_loss -= cell.target * row.log_prob(cell);
  }
  return summary;
}

}  // namespace candist
