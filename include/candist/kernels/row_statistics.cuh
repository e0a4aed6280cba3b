// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_statistics: RowStats of a row whose cells are spread over a group of threads; three exp a cell, two
// reductions. Host twin: row_stats() in row_loss.hpp.
#pragma once

#include <climits>

#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/row_stats.hpp"

namespace candist::detail {

__device__ inline float infinity() { return __int_as_float(0x7F800000); }
__device__ inline float not_a_number() { return __int_as_float(0x7FC00000); }

/// Largest logits of the groups of a row, and whose they are.
struct RowTops {
  float top;      ///< of all; -inf where there is none
  float rest;     ///< without the argmax
  float inside;   ///< of the candidates
  float outside;  ///< of the others
  int argmax = INT_MAX;
  int candidate_argmax = INT_MAX;
  int candidates = 0;
  unsigned undefined = 0;  ///< a logit is NaN or +inf
  unsigned argmax_is_candidate = 0;

  __device__ RowTops()
      : top(-infinity()), rest(-infinity()), inside(-infinity()), outside(-infinity()) {}

  __device__ void take(Cell cell) {
    const float z = cell.logit;
    undefined |= (z != z || z == infinity()) ? 1u : 0u;
    if (z > top) {
      rest = top;
      top = z;
      argmax = cell.label;
      argmax_is_candidate = cell.candidate ? 1u : 0u;
    } else if (z > rest) {
      rest = z;
    }
    if (!cell.candidate) {
      outside = z > outside ? z : outside;
      return;
    }
    ++candidates;
    if (candidate_argmax == INT_MAX || z > inside) candidate_argmax = cell.label;
    inside = z > inside ? z : inside;
  }
};

/// Of two parts of a row. Of equal logits the first label wins, as in the loop. (Values are chosen, not
/// references: those would force both parts out of the registers.)
__device__ inline RowTops merged(const RowTops& a, const RowTops& b) {
  const bool a_wins = a.top > b.top || (a.top == b.top && a.argmax < b.argmax);
  const bool a_inside =
      a.inside > b.inside || (a.inside == b.inside && a.candidate_argmax < b.candidate_argmax);
  RowTops both;
  both.top = a_wins ? a.top : b.top;
  both.argmax = a_wins ? a.argmax : b.argmax;
  both.argmax_is_candidate = a_wins ? a.argmax_is_candidate : b.argmax_is_candidate;
  both.rest = fmaxf(a_wins ? b.top : a.top, fmaxf(a.rest, b.rest));
  both.inside = fmaxf(a.inside, b.inside);
  both.candidate_argmax = a_inside ? a.candidate_argmax : b.candidate_argmax;
  both.outside = fmaxf(a.outside, b.outside);
  both.candidates = a.candidates + b.candidates;
  both.undefined = a.undefined | b.undefined;
  return both;
}

/// Sums of a few floats at once.
template <int Count>
struct Sums {
  float of[Count] = {};
};
template <int Count>
__device__ Sums<Count> merged(Sums<Count> a, const Sums<Count>& b) {
  CANDIST_UNROLL
  for (int i = 0; i < Count; ++i) a.of[i] += b.of[i];
  return a;
}

/// merged() over the group.
template <class Group, class T>
__device__ T all_merged(const T& mine) {
  return Group::all(mine, [](const T& a, const T& b) { return merged(a, b); });
}

/// What the row statistics leave behind besides RowStats.
struct RowReading {
  RowStats row;
  float inside_top = 0.0f;   ///< largest shifted logit of the candidates; -inf where there is none
  float outside_top = 0.0f;  ///< of the others
  float rest_top = 0.0f;     ///< of all but the argmax
  bool defined = true;       ///< the row has a softmax
  bool argmax_is_candidate = false;
};

/// Fills the log sums from the shifted logits, each group relative to its own largest one.
/// `temperature` divides them.
template <class Group, class Cells>
__device__ void fill_log_sums(RowReading& reading, const Cells& cells, float temperature) {
  const float rest_top = reading.rest_top / temperature;
  const float inside_top = reading.inside_top / temperature;
  const float outside_top = reading.outside_top / temperature;
  RowStats& row = reading.row;
  Sums<6> sums;  // all, without the argmax, inside, outside; logits inside, outside
  cells.each([&](const Cell& cell) {
    const float logit = cell.logit / temperature;
    sums.of[0] += expf(logit);
    if (cell.label != row.argmax && rest_top != -infinity()) sums.of[1] += expf(logit - rest_top);
    if (cell.candidate) {
      if (inside_top != -infinity()) sums.of[2] += expf(logit - inside_top);
      sums.of[4] += cell.logit;
    } else {
      if (outside_top != -infinity()) sums.of[3] += expf(logit - outside_top);
      sums.of[5] += cell.logit;
    }
  });
  sums = all_merged<Group>(sums);
  row.lse = logf(sums.of[0]);
  row.rest_lse = rest_top == -infinity() ? rest_top : rest_top + logf(sums.of[1]);
  row.candidate_lse = inside_top == -infinity() ? inside_top : inside_top + logf(sums.of[2]);
  row.outside_lse = outside_top == -infinity() ? outside_top : outside_top + logf(sums.of[3]);
  row.candidate_sum = sums.of[4] / temperature;
  row.outside_sum = sums.of[5] / temperature;
}

/// Shifts the cells' logits. Target sums are not filled.
template <class Group, class Cells>
__device__ RowReading read_statistics(Cells& cells, int classes) {
  RowTops tops;
  cells.each([&](const Cell& cell) { tops.take(cell); });
  tops = all_merged<Group>(tops);
  RowReading reading;
  RowStats& row = reading.row;
  row.classes = classes;
  row.candidates = tops.candidates;
  row.argmax = tops.argmax == INT_MAX ? 0 : tops.argmax;
  row.candidate_argmax = tops.candidate_argmax == INT_MAX ? -1 : tops.candidate_argmax;
  row.shift = tops.top;
  reading.argmax_is_candidate = tops.argmax_is_candidate != 0;
  reading.defined = tops.undefined == 0 && tops.top != -infinity();
  cells.shift(row.shift, reading.defined);
  if (!reading.defined) {
    row.lse = not_a_number();
    row.rest_lse = row.candidate_lse = row.outside_lse = row.lse;
    row.candidate_sum = row.outside_sum = row.lse;
    return reading;
  }
  reading.rest_top = tops.rest - row.shift;
  reading.inside_top = tops.inside - row.shift;
  reading.outside_top = tops.outside - row.shift;
  fill_log_sums<Group>(reading, cells, 1.0f);
  return reading;
}

}  // namespace candist::detail
