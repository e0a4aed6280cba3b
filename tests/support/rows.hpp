// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Random rows for tests of losses and refineries.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/kernels/row_loss.hpp"
#include "support/loss_reference.hpp"

namespace candist::testing {

/// A TypeList as the tuple that TEMPLATE_LIST_TEST_CASE wants.
template <class List>
struct AsTuple;
template <class... Types>
struct AsTuple<TypeList<Types...>> {
  using type = std::tuple<Types...>;
};

/// A row with its cells: random logits with outliers so that softmax is not flat, a random
/// candidate set of `size` labels, random targets on it.
struct RandomRow {
  std::vector<float> logits;
  std::vector<Cell> cells;

  RandomRow(int classes, int size, std::uint64_t seed)
      : logits(static_cast<std::size_t>(classes)), cells(logits.size()) {
    CounterRng rng(seed, RandomPurpose::resampling, static_cast<std::uint64_t>(classes),
                   static_cast<std::uint64_t>(size));
    std::vector<int> order(logits.size());
    for (int j = 0; j < classes; ++j) order[static_cast<std::size_t>(j)] = j;
    for (int j = classes - 1; j > 0; --j)
      std::swap(order[static_cast<std::size_t>(j)],
                order[rng.below(static_cast<std::uint32_t>(j + 1))]);
    float targets = 0.0f;
    float memories = 0.0f;
    for (int j = 0; j < classes; ++j) {
      const auto at = static_cast<std::size_t>(j);
      logits[at] = 1.5f * rng.normal() + (rng.uniform() < 0.1f ? 4.0f : 0.0f);
      cells[at].label = j;
      cells[at].memory = rng.uniform();
      memories += cells[at].memory;
    }
    for (int i = 0; i < size; ++i) {
      Cell& cell = cells[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
      cell.candidate = true;
      cell.target = 0.1f + rng.uniform();
      targets += cell.target;
    }
    for (Cell& cell : cells) {
      if (cell.target > 0.0f) cell.target /= targets;
      cell.memory *= 0.9f / memories;
    }
  }

  template <class L>
  float value_and_gradient(const L& loss, std::vector<float>& gradient) const {
    std::vector<Cell> own = cells;
    RowStats row = row_stats(logits.data(), own);
    add_target_sums(row, own);
    gradient.resize(own.size());
    return row_loss(loss, row, std::span<const Cell>(own), 1.0f, gradient.data());
  }
  template <class T>
  ReferenceRow<T> reference() const {
    ReferenceRow<T> row;
    for (std::size_t j = 0; j < cells.size(); ++j) {
      row.z.push_back(static_cast<T>(logits[j]));
      row.s.push_back(cells[j].candidate);
      row.q.push_back(static_cast<T>(cells[j].target));
      row.memory.push_back(static_cast<T>(cells[j].memory));
    }
    row.frozen = row.z;
    return row;
  }
};

/// Largest |a_j - b_j| against what float allows: `epsilons` units in the last place of the largest
/// entry (at least 1). Returns "" or a message with the worst index and the per cent of the
/// allowed.
inline std::string too_far(const std::vector<float>& a, const std::vector<double>& b,
                           double epsilons) {
  double scale = 1.0;
  for (const double v : b) scale = std::max(scale, std::abs(v));
  const double allowed = epsilons * 1.1920929e-7 * scale;
  std::size_t worst = 0;
  double error = 0.0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    const double e = std::abs(static_cast<double>(a[j]) - b[j]);
    if (!(e <= error)) error = e, worst = j;
  }
  if (error <= allowed) return "";
  return "index " + std::to_string(worst) + ": " + std::to_string(a[worst]) + " against " +
         std::to_string(b[worst]) + ", " + std::to_string(100.0 * error / allowed) +
         " % of allowed";
}

}  // namespace candist::testing
