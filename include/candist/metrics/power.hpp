// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// How many seeds does it take to see a difference?
#pragma once

#include <algorithm>
#include <array>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "candist/error.hpp"
#include "candist/metrics/intervals.hpp"

namespace candist {

/// The chance that the two-sided paired t test on n pairs finds p <= level where the differences
/// are normal with this standard deviation and mean (by the noncentral t distribution). Throws
/// ShapeError for n < 2 or a deviation below 0.
inline double paired_power(int n, double deviation, double difference, double level = 0.05);

/// The fewest pairs for which paired_power() is at least `power`: how many seeds it takes to see
/// `difference`. At least 2, at most 1,000,000 (which may then be too few). Throws ShapeError for
/// a difference of 0, which no number of pairs shows.
inline int pairs_needed(double deviation_of_differences, double difference, double power = 0.8,
                        double level = 0.05);

inline double paired_power(int n, double deviation, double difference, double level) {
  detail::expect_share(level, "level");
  detail::expect_finite(std::array{deviation, difference}, "power: deviation, difference");
  if (n < 2) throw ShapeError("power of fewer than two pairs");
  if (deviation < 0.0) throw ShapeError("power: a deviation below 0");
  if (difference == 0.0) return deviation == 0.0 ? 0.0 : level;
  const double shift = std::abs(difference) / deviation * std::sqrt(n);
  const double critical =
      boost::math::quantile(boost::math::complement(boost::math::students_t(n - 1), 0.5 * level));
  if (shift > 1e4) {  // too much for Boost; T = (normal + shift) / S is shift / S to 1e-8
    const double s = std::min(shift / critical, 100.0);  // S is never as much as that
    return boost::math::gamma_p(0.5 * (n - 1), 0.5 * (n - 1) * s * s);
  }
  const boost::math::non_central_t t(n - 1, shift);
  const double above = boost::math::cdf(boost::math::complement(t, critical));
  return std::clamp(above + boost::math::cdf(t, -critical), 0.0, 1.0);
}

inline int pairs_needed(double deviation_of_differences, double difference, double power,
                        double level) {
  detail::expect_share(power, "power");
  if (difference == 0.0) throw ShapeError("no number of pairs shows a difference of 0");
  const auto enough = [&](int n) {
    return paired_power(n, deviation_of_differences, difference, level) >= power;
  };
  constexpr int most = 1'000'000;
  int high = 2;
  while (high < most && !enough(high)) high = std::min(2 * high, most);
  int low = std::max(high / 2, 1);  // too few; `high` is enough, or the most
  if (high == most && !enough(most)) return most;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace candist
