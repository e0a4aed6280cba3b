// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_value: value and logit gradient of any Loss for a row with its targets, by a group of threads: one to
// three reductions. Host twin: row_loss() in row_loss.hpp.
#pragma once

#include "candist/concepts.hpp"
#include "candist/kernels/row_statistics.cuh"
#include "candist/loss_traits.hpp"

namespace candist::detail {

/// Sets a row of dlogits [C] to `scale` times the gradient and returns the value, the same for all
/// threads of the group. `finite` is left true where the gradients of this thread are finite.
template <class Group, class L, class Cells, class To>
__device__ float value_and_gradient(const L& loss, RowReading reading, Cells& cells, float scale,
                                    To* dlogits, bool& finite) {
  RowStats& row = reading.row;
  if (!reading.defined) {  // no softmax: said here once, so that no loss can hide it
    cells.write(dlogits, [](const Cell&) { return not_a_number(); });
    finite = false;
    return not_a_number();
  }
  Sums<2> targets;  // mass, dot
  cells.each([&](const Cell& cell) {
    if (cell.target == 0.0f) return;  // 0 times a logit of -inf counts nothing
    targets.of[0] += cell.target;
    targets.of[1] += cell.target * cell.logit;
  });
  targets = all_merged<Group>(targets);
  row.target_mass = targets.of[0];
  row.target_dot = targets.of[1];
  float temperature = 1.0f;
  if constexpr (at_temperature<L>()) {
    temperature = loss.temperature;
    row.shift /= temperature;
    row.target_dot /= temperature;
    fill_log_sums<Group>(reading, cells, temperature);
    scale /= temperature;
  }
  const auto cooled = [&](Cell cell) {
    if constexpr (at_temperature<L>()) cell.logit /= temperature;
    return cell;
  };

  if constexpr (HasRowSums<L>) {
    Sums<L::sum_count> own;
    cells.each([&](const Cell& cell) {
      for (int which = 0; which < L::sum_count; ++which)
        own.of[which] += loss.sum(which, row, cooled(cell));
    });
    own = all_merged<Group>(own);
    for (int which = 0; which < L::sum_count; ++which) row.sums[which] = own.of[which];
  }
  Sums<3> sums;  // terms; slopes of all classes but the largest logit; its own slope
  if constexpr (HasCellTerm<L> || HasLogProbSlope<L>) {
    cells.each([&](const Cell& given) {
      const Cell cell = cooled(given);
      if constexpr (HasCellTerm<L>) sums.of[0] += loss.term(row, cell);
      if constexpr (HasLogProbSlope<L>) {
        const float slope = loss.slope(row, cell);
        const bool is_top = cell.label == row.argmax;
        sums.of[1] += is_top ? 0.0f : slope;
        sums.of[2] += is_top ? slope : 0.0f;
      }
    });
    sums = all_merged<Group>(sums);
  }
  float value = sums.of[0];
  if constexpr (HasRowValue<L>) value += loss.value(row);

  const float others = sums.of[1];
  const float top = sums.of[2];
  cells.write(dlogits, [&](const Cell& given) {
    const Cell cell = cooled(given);
    float gradient = 0.0f;
    if constexpr (HasLogProbSlope<L>) {
      // Of the largest logit, whose p can come close to 1, without the cancellation.
      gradient = cell.label == row.argmax
                     ? top * expf(row.rest_lse - row.lse) - row.prob(cell) * others
                     : loss.slope(row, cell) - row.prob(cell) * (others + top);
    }
    if constexpr (HasLogitGradient<L>) gradient += loss.dlogit(row, cell);
    gradient *= scale;
    finite = finite && gradient - gradient == 0.0f;
    return gradient;
  });
  return value;
}

}  // namespace candist::detail
