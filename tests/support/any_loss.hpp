// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A loss chosen at run time, on host and device: one kernel then serves a test of all of them. It has every
// part that a loss may have; those that the chosen one lacks are 0.
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/all_losses.hpp"

namespace candist::testing {

template <class List>
struct AnyLossOf;

template <class... Losses>
struct AnyLossOf<TypeList<Losses...>> {
  static constexpr const char* name = "any";
  static constexpr const char* reference = "tests";
  static constexpr int sum_count = RowStats::max_sums;
  int which = 0;

  CANDIST_HD float value(RowStats row) const {
    float sum = 0.0f;
    visit([&](const auto& loss) {
      if constexpr (requires { loss.value(row); }) sum = loss.value(row);
    });
    return sum;
  }
  CANDIST_HD float term(RowStats row, Cell cell) const {
    float sum = 0.0f;
    visit([&](const auto& loss) {
      if constexpr (requires { loss.term(row, cell); }) sum = loss.term(row, cell);
    });
    return sum;
  }
  CANDIST_HD float slope(RowStats row, Cell cell) const {
    float sum = 0.0f;
    visit([&](const auto& loss) {
      if constexpr (requires { loss.slope(row, cell); }) sum = loss.slope(row, cell);
    });
    return sum;
  }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    float sum = 0.0f;
    visit([&](const auto& loss) {
      if constexpr (requires { loss.dlogit(row, cell); }) sum = loss.dlogit(row, cell);
    });
    return sum;
  }
  CANDIST_HD float sum(int number, RowStats row, Cell cell) const {
    float sum = 0.0f;
    visit([&](const auto& loss) {
      if constexpr (requires { loss.sum(number, row, cell); }) {
        if (number < std::decay_t<decltype(loss)>::sum_count) sum = loss.sum(number, row, cell);
      }
    });
    return sum;
  }

 private:
  template <class Visit>
  CANDIST_HD void visit(Visit use) const {
    int number = 0;
    ((number++ == which ? use(Losses{}) : void()), ...);
  }
};
using AnyLoss = AnyLossOf<AllLosses>;
static_assert(Loss<AnyLoss>);

}  // namespace candist::testing
