// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/error.hpp"

namespace candist {

/// A value on every axis: {"method", "candist"}, {"delta", "0.4"}.
using GridPoint = std::vector<std::pair<std::string, std::string>>;

/// All combinations of named axes, as texts; what they mean is the caller's.
class Grid {
 public:
  /// Throws InputError for an axis without values or named twice.
  Grid& axis(const std::string& name, std::vector<std::string> values) {
    if (values.empty())
      throw InputError("grid: found no value for " + quoted(name) + ", expected one at least");
    for (const auto& [known, unused] : axes_) {
      if (known == name) throw InputError("grid: found the axis " + quoted(name) + " twice");
    }
    axes_.emplace_back(name, std::move(values));
    return *this;
  }
  /// The last axis changes fastest. One empty point where there are no axes.
  std::vector<GridPoint> points() const {
    std::vector<GridPoint> points{{}};
    for (const auto& [name, values] : axes_) {
      std::vector<GridPoint> wider;
      for (const GridPoint& point : points) {
        for (const std::string& value : values) {
          wider.push_back(point);
          wider.back().emplace_back(name, value);
        }
      }
      points = std::move(wider);
    }
    return points;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> axes_;
};

/// Which of `count` settings are tried where only `trials` may be: a random choice without
/// repetition, in their order, the same for the same seed; all where there are no more.
inline std::vector<std::int64_t> drawn_trials(std::int64_t count, std::int64_t trials,
                                              std::uint64_t seed) {
  std::vector<std::int64_t> chosen = random_order(count, seed, RandomPurpose::data_split, 0);
  chosen.resize(static_cast<std::size_t>(std::min(count, trials)));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace candist
