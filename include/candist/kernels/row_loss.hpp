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

#include "candist/loss_traits.hpp"

namespace candist {

/// Fills label, candidate and target (the prior weight) of cells [C] from row `row` of a candidate
/// set.
template <CandidateView V>
void load_candidates(const V& view, std::int64_t row, std::span<Cell> cells);

/// Row sums of logits [C]; sets cell.logit (shifted) and reads cell.candidate. A row that holds
/// +inf, NaN, or nothing but -inf has no softmax: lse is NaN, and so is every loss of it. Target
/// sums are not filled.
RowStats row_stats(const float* logits, std::span<Cell> cells);

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

namespace detail {

inline constexpr float no_logit = -std::numeric_limits<float>::infinity();

/// Largest logits of three groups of a row; no_logit where the group is empty.
struct GroupTops {
  float rest = no_logit;  ///< all classes but the argmax
  float inside = no_logit;
  float outside = no_logit;
};

/// Fills the log sums of the shifted logits cell_at(j).logit. Each group is summed relative to its
/// own largest logit: P_S and 1 - P_S keep their digits however small they are.
template <class CellAt>
void fill_log_sums(RowStats& row, GroupTops tops, const CellAt& cell_at) {
  float all = 0.0f;
  float rest = 0.0f;
  float inside = 0.0f;
  float outside = 0.0f;
  for (int j = 0; j < row.classes; ++j) {
    const Cell& cell = cell_at(j);
    all += std::exp(cell.logit);
    if (j != row.argmax && tops.rest != no_logit) rest += std::exp(cell.logit - tops.rest);
    if (cell.candidate) {
      if (tops.inside != no_logit) inside += std::exp(cell.logit - tops.inside);
    } else {
      if (tops.outside != no_logit) outside += std::exp(cell.logit - tops.outside);
    }
  }
  row.lse = std::log(all);
  row.rest_lse = tops.rest == no_logit ? no_logit : tops.rest + std::log(rest);
  row.candidate_lse = tops.inside == no_logit ? no_logit : tops.inside + std::log(inside);
  row.outside_lse = tops.outside == no_logit ? no_logit : tops.outside + std::log(outside);
}

}  // namespace detail

inline RowStats row_stats(const float* logits, std::span<Cell> cells) {
  using detail::no_logit;
  RowStats row;
  row.classes = static_cast<int>(cells.size());
  row.shift = no_logit;
  detail::GroupTops tops;
  bool undefined = false;
  for (int j = 0; j < row.classes; ++j) {
    const float z = logits[j];
    const Cell& cell = cells[static_cast<std::size_t>(j)];
    undefined |= std::isnan(z) || z == -no_logit;
    if (z > row.shift) {
      tops.rest = row.shift;
      row.shift = z;
      row.argmax = j;
    } else if (z > tops.rest) {
      tops.rest = z;
    }
    float& best = cell.candidate ? tops.inside : tops.outside;
    if (cell.candidate) {
      ++row.candidates;
      if (row.candidate_argmax < 0 || z > best) row.candidate_argmax = j;
    }
    if (z > best) best = z;
  }
  if (undefined || row.shift == no_logit) {
    for (Cell& cell : cells) cell.logit = 0.0f;
    row.lse = std::numeric_limits<float>::quiet_NaN();
    row.rest_lse = row.candidate_lse = row.outside_lse = row.lse;
    row.candidate_sum = row.outside_sum = row.lse;
    return row;
  }
  for (int j = 0; j < row.classes; ++j) {
    Cell& cell = cells[static_cast<std::size_t>(j)];
    cell.logit = logits[j] - row.shift;
    (cell.candidate ? row.candidate_sum : row.outside_sum) += cell.logit;
  }
  tops = {tops.rest - row.shift, tops.inside - row.shift, tops.outside - row.shift};
  detail::fill_log_sums(row, tops,
                        [&](int j) -> const Cell& { return cells[static_cast<std::size_t>(j)]; });
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

/// The row with its logits divided by T, which scales the shifted ones: no digit of a large shift
/// comes in. cell_at(j) gives the cells with theirs divided.
template <class CellAt>
RowStats divide_logits(RowStats row, float temperature, const CellAt& cell_at) {
  GroupTops tops;
  for (int j = 0; j < row.classes; ++j) {
    const Cell cell = cell_at(j);
    if (j != row.argmax && cell.logit > tops.rest) tops.rest = cell.logit;
    float& best = cell.candidate ? tops.inside : tops.outside;
    if (cell.logit > best) best = cell.logit;
  }
  row.shift /= temperature;
  row.candidate_sum /= temperature;
  row.outside_sum /= temperature;
  row.target_dot /= temperature;
  fill_log_sums(row, tops, cell_at);
  return row;
}

template <Loss L, class CellAt>
float row_loss_of_stats(const L& loss, RowStats row, const CellAt& cell_at, float gradient_scale,
                        float* dlogits) {
  const int classes = row.classes;
  if constexpr (HasRowSums<L>) {
    for (int which = 0; which < L::sum_count; ++which) {
      float sum = 0.0f;
      for (int j = 0; j < classes; ++j) sum += loss.sum(which, row, cell_at(j));
      row.sums[which] = sum;
    }
  }
  float value = 0.0f;
  if constexpr (HasRowValue<L>) value += loss.value(row);
  if constexpr (HasCellTerm<L>) {
    for (int j = 0; j < classes; ++j) value += loss.term(row, cell_at(j));
  }
  for (int j = 0; j < classes; ++j) dlogits[j] = 0.0f;
  if constexpr (HasLogProbSlope<L>) {
    float others = 0.0f;  // of all classes but the largest logit
    for (int j = 0; j < classes; ++j) {
      dlogits[j] = loss.slope(row, cell_at(j));
      if (j != row.argmax) others += dlogits[j];
    }
    // The same for the largest logit, whose p can come close to 1, without the cancellation.
    const float top = dlogits[row.argmax];
    const float top_gradient =
        top * expf(row.rest_lse - row.lse) - row.prob(cell_at(row.argmax)) * others;
    for (int j = 0; j < classes; ++j) dlogits[j] -= row.prob(cell_at(j)) * (others + top);
    dlogits[row.argmax] = top_gradient;
  }
  if constexpr (HasLogitGradient<L>) {
    for (int j = 0; j < classes; ++j) dlogits[j] += loss.dlogit(row, cell_at(j));
  }
  for (int j = 0; j < classes; ++j) dlogits[j] *= gradient_scale;
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
  if constexpr (at_temperature<L>()) {
    const auto cooled = [&](int j) {
      Cell cell = cells[static_cast<std::size_t>(j)];
      cell.logit /= loss.temperature;
      return cell;
    };
    return detail::row_loss_of_stats(loss, detail::divide_logits(row, loss.temperature, cooled),
                                     cooled, gradient_scale / loss.temperature, dlogits);
  } else {
    const auto as_given = [&](int j) -> const Cell& { return cells[static_cast<std::size_t>(j)]; };
    return detail::row_loss_of_stats(loss, row, as_given, gradient_scale, dlogits);
  }
}

}  // namespace candist
