// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/loss_traits.hpp"

namespace candist {

/// a A + b B of two losses: mixing is always visible, never hidden inside a loss. Derive to name
/// it.
template <Loss A, Loss B>
struct WeightedSum {
  static constexpr const char* name = "weighted_sum";
  static constexpr const char* reference = "a wrapper";
  static constexpr int sum_count = sum_count_of<A>() + sum_count_of<B>();
  static constexpr bool detaches = ::candist::detaches<A>() || ::candist::detaches<B>();
  static constexpr bool shift_invariant =
      ::candist::shift_invariant<A>() && ::candist::shift_invariant<B>();
  static constexpr bool reads_leveraged_weights =
      ::candist::reads_leveraged_weights<A>() || ::candist::reads_leveraged_weights<B>();
  static constexpr bool reads_running_prediction =
      ::candist::reads_running_prediction<A>() || ::candist::reads_running_prediction<B>();
  static_assert(!::candist::at_temperature<A>() && !::candist::at_temperature<B>(),
                "candist: AtTemperature is outermost: it wraps a WeightedSum, never stands inside");
  static_assert(sum_count <= RowStats::max_sums,
                "candist: the two losses need more row sums than RowStats has");

  float a = 1.0f;
  float b = 1.0f;
  A first{};
  B second{};

  CANDIST_HD float sum(int which, RowStats row, Cell cell) const {
    if constexpr (HasRowSums<A>) {
      if (which < A::sum_count) return first.sum(which, row, cell);
    }
    if constexpr (HasRowSums<B>) {
      return second.sum(which - sum_count_of<A>(), for_second(row), cell);
    }
    return 0.0f;
  }
  CANDIST_HD float value(RowStats row) const requires(HasRowValue<A> || HasRowValue<B>) {
    float result = 0.0f;
    if constexpr (HasRowValue<A>) result += a * first.value(row);
    if constexpr (HasRowValue<B>) result += b * second.value(for_second(row));
    return result;
  }
  CANDIST_HD float term(RowStats row, Cell cell) const requires(HasCellTerm<A> || HasCellTerm<B>) {
    float result = 0.0f;
    if constexpr (HasCellTerm<A>) result += a * first.term(row, cell);
    if constexpr (HasCellTerm<B>) result += b * second.term(for_second(row), cell);
    return result;
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const
      requires(HasLogitGradient<A> || HasLogitGradient<B>) {
    float result = 0.0f;
    if constexpr (HasLogitGradient<A>) result += a * first.dlogit(row, cell);
    if constexpr (HasLogitGradient<B>) result += b * second.dlogit(for_second(row), cell);
    return result;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const
      requires(HasLogProbSlope<A> || HasLogProbSlope<B>) {
    float result = 0.0f;
    if constexpr (HasLogProbSlope<A>) result += a * first.slope(row, cell);
    if constexpr (HasLogProbSlope<B>) result += b * second.slope(for_second(row), cell);
    return result;
  }

 private:
  CANDIST_HD static RowStats for_second(RowStats row) {
    constexpr int skip = sum_count_of<A>();
    for (int i = 0; i + skip < RowStats::max_sums; ++i) row.sums[i] = row.sums[i + skip];
    return row;
  }
};

}  // namespace candist
