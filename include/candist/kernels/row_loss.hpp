// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_loss: sums, value and logit gradient of any Loss for one row, as a plain host loop. This is
// the specification; a kernel is an optimisation that must agree with it.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "candist/loss_traits.hpp"

namespace candist {

/// Fills label, candidate and target (the prior weight) of cells [C] from row `row` of a candidate
/// set.
template <CandidateView V>
void load_candidates(const V& view, std::int64_t row, std::span<Cell> cells);

/// Row sums of logits [C]; sets cell.logit (shifted) from logits times `scale` and reads
/// cell.candidate. A row that holds +inf, NaN, or nothing but -inf has no softmax: lse is NaN, and
/// so is every loss of it. Target sums are not filled.
RowStats row_stats(const float* logits, std::span<Cell> cells, float scale = 1.0f);

/// Adds the target sums of cells [C] to `row`.
void add_target_sums(RowStats& row, std::span<const Cell> cells);

/// Value of the loss for one row with its target sums; sets dlogits [C] to `gradient_scale` times
/// the gradient. An empty candidate set has value 0 and no gradient.
template <Loss L>
float row_loss(const L& loss, RowStats row, std::span<const Cell> cells, float gradient_scale,
               float* dlogits);

// ---- definitions

template <CandidateView V>
void load_candidates(const V& view, std::int64_t row, std::span<Cell> cells) {
  for (std::size_t j = 0; j < cells.size(); ++j) {
    const float weight = view.weight(row, static_cast<int>(j));
    cells[j].label = static_cast<int>(j);
    cells[j].candidate = weight > 0.0f;
    cells[j].target = weight;
    cells[j].memory = 0.0f;
  }
}

inline RowStats row_stats(const float* logits, std::span<Cell> cells, float scale) {
  constexpr float none = -std::numeric_limits<float>::infinity();
  RowStats row;
  row.classes = static_cast<int>(cells.size());
  row.shift = none;
  float best_inside = none;
  float best_outside = none;
  float second = none;
  bool undefined = false;
  for (int j = 0; j < row.classes; ++j) {
    const float z = logits[j] * scale;
    Cell& cell = cells[static_cast<std::size_t>(j)];
    undefined |= std::isnan(z) || z == -none;
    if (z > row.shift) {
      second = row.shift;
      row.shift = z;
      row.argmax = j;
    } else if (z > second) {
      second = z;
    }
    float& best = cell.candidate ? best_inside : best_outside;
    if (cell.candidate) {
      ++row.candidates;
      if (row.candidate_argmax < 0 || z > best) row.candidate_argmax = j;
    }
    if (z > best) best = z;
  }
  if (undefined || row.shift == none) {
    for (Cell& cell : cells) cell.logit = 0.0f;
    row.lse = std::numeric_limits<float>::quiet_NaN();
    row.rest_lse = row.candidate_lse = row.outside_lse = row.lse;
    row.candidate_sum = row.outside_sum = row.lse;
    return row;
  }

  // Each group is summed relative to its own largest logit: P_S and 1 - P_S keep their digits
  // however small they are.
  const float top_inside = best_inside - row.shift;
  const float top_outside = best_outside - row.shift;
  const float top_rest = second - row.shift;
  float all = 0.0f;
  float rest = 0.0f;
  float inside = 0.0f;
  float outside = 0.0f;
  for (int j = 0; j < row.classes; ++j) {
    Cell& cell = cells[static_cast<std::size_t>(j)];
    cell.logit = logits[j] * scale - row.shift;
    all += std::exp(cell.logit);
    if (j != row.argmax && top_rest != none) rest += std::exp(cell.logit - top_rest);
    if (cell.candidate) {
      row.candidate_sum += cell.logit;
      if (top_inside != none) inside += std::exp(cell.logit - top_inside);
    } else {
      row.outside_sum += cell.logit;
      if (top_outside != none) outside += std::exp(cell.logit - top_outside);
    }
  }
  row.lse = std::log(all);
  row.rest_lse = top_rest == none ? none : top_rest + std::log(rest);
  row.candidate_lse = top_inside == none ? none : top_inside + std::log(inside);
  row.outside_lse = top_outside == none ? none : top_outside + std::log(outside);
  return row;
}

inline void add_target_sums(RowStats& row, std::span<const Cell> cells) {
  row.target_mass = 0.0f;
  row.target_dot = 0.0f;
  for (const Cell& cell : cells) {
    if (cell.target == 0.0f) continue;  // 0 times a logit of -inf counts nothing
    row.target_mass += cell.target;
    row.target_dot += cell.target * cell.logit;
  }
}

namespace detail {

template <Loss L>
float row_loss_of_stats(const L& loss, RowStats row, std::span<const Cell> cells,
                        float gradient_scale, float* dlogits) {
  if constexpr (HasRowSums<L>) {
    for (int which = 0; which < L::sum_count; ++which) {
      float sum = 0.0f;
      for (const Cell& cell : cells) sum += loss.sum(which, row, cell);
      row.sums[which] = sum;
    }
  }
  float value = 0.0f;
  if constexpr (HasRowValue<L>) value += loss.value(row);
  if constexpr (HasCellTerm<L>) {
    for (const Cell& cell : cells) value += loss.term(row, cell);
  }
  for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] = 0.0f;
  if constexpr (HasLogProbSlope<L>) {
    float slopes = 0.0f;
    for (std::size_t j = 0; j < cells.size(); ++j) {
      dlogits[j] = loss.slope(row, cells[j]);
      slopes += dlogits[j];
    }
    for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] -= row.prob(cells[j]) * slopes;
  }
  if constexpr (HasLogitGradient<L>) {
    for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] += loss.dlogit(row, cells[j]);
  }
  for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] *= gradient_scale;
  return value;
}

}  // namespace detail

template <Loss L>
float row_loss(const L& loss, RowStats row, std::span<const Cell> cells, float gradient_scale,
               float* dlogits) {
  if (row.candidates == 0) {
    for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] = 0.0f;
    return 0.0f;
  }
  if (std::isnan(row.lse)) {  // no softmax: said here once, so that no loss can hide it
    for (std::size_t j = 0; j < cells.size(); ++j) dlogits[j] = row.lse;
    return row.lse;
  }
  if constexpr (requires { loss.temperature; }) {
    std::vector<Cell> cooled(cells.begin(), cells.end());
    std::vector<float> logits(cells.size());
    for (std::size_t j = 0; j < cells.size(); ++j) logits[j] = cells[j].logit + row.shift;
    RowStats cooled_row = row_stats(logits.data(), cooled, 1.0f / loss.temperature);
    add_target_sums(cooled_row, cooled);
    return detail::row_loss_of_stats(loss, cooled_row, cooled, gradient_scale / loss.temperature,
                                     dlogits);
  } else {
    return detail::row_loss_of_stats(loss, row, cells, gradient_scale, dlogits);
  }
}

}  // namespace candist
