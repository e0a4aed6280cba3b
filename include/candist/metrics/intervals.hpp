// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A figure with its uncertainty: over seeds (Student's t), over anything (bootstrap), of a share of
// right answers (Clopper and Pearson). All throw ShapeError for a value that is not finite and for
// a level outside (0, 1).
#pragma once

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/error.hpp"

namespace candist {

struct Interval {
  double low = 0.0;
  double high = 0.0;
};

/// Mean and spread of one figure over seeds.
struct Summary {
  int n = 0;
  double mean = 0.0;
  double deviation = 0.0;  ///< sample standard deviation; 0 for one value
  double interval = 0.0;  ///< half width of the 95 % confidence interval of the mean (Student's t);
                          ///< 0 for one value
};

/// Of equal values the mean is that very value and the deviation 0; of no values all is 0.
inline Summary summarize(std::span<const double> values);

/// Confidence interval of the mean by the bias-corrected and accelerated bootstrap (BCa): the
/// `resamples` means of n values drawn with replacement, sorted, read at the levels
///   Phi(z0 + (z0 + z) / (1 - a (z0 + z))),  z = Phi^-1((1 -+ level) / 2),
/// where z0 = Phi^-1(share of those means below the mean, ties half) and a = sum c^3 / (6 (sum
/// c^2)^1.5) with c = value - mean. Equal values v give [v, v]. The same seed gives the same
/// interval. Takes n * resamples draws; good from about ten values on, for fewer it is too short
/// (Student's t of summarize() is better). Throws ShapeError without values or resamples.
/// Reference: Efron, Better bootstrap confidence intervals, JASA 82, 1987.
inline Interval bootstrap_interval(std::span<const double> values, double level = 0.95,
                                   int resamples = 9999, std::uint64_t seed = 1);

/// Confidence interval of a share, `right` of n: all shares that the two one-sided exact binomial
/// tests do not reject at (1 - level) / 2. Covers at least `level`. n = 0 gives [0, 1]. Throws
/// ShapeError unless 0 <= right <= n. Reference: Clopper and Pearson, Biometrika 26, 1934.
inline Interval proportion_interval(std::int64_t right, std::int64_t n, double level = 0.95);

namespace detail {
inline void expect_finite(std::span<const double> values, const char* what) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    throw ShapeError(std::string(what) + ": value " + std::to_string(i) + " is not finite");
  }
}
/// NaN is no share either.
inline void expect_share(double value, const char* what) {
  if (value > 0.0 && value < 1.0) return;
  throw ShapeError(std::string(what) + " " + std::to_string(value) + " is not between 0 and 1");
}

/// From the first value on, so that equal values give no rounding; then once more, from the mean.
inline double mean_of(std::span<const double> values) {
  double mean = values[0];
  for (int pass = 0; pass < 2; ++pass) {
    double sum = 0.0;
    for (const double v : values) sum += v - mean;
    mean += sum / static_cast<double>(values.size());
  }
  return mean;
}
}  // namespace detail

inline Summary summarize(std::span<const double> values) {
  detail::expect_finite(values, "summary");
  Summary s;
  s.n = static_cast<int>(values.size());
  if (s.n == 0) return s;
  s.mean = detail::mean_of(values);
  if (s.n == 1) return s;
  double squares = 0.0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(squares / (s.n - 1));
  const boost::math::students_t t(s.n - 1);
  s.interval = boost::math::quantile(t, 0.975) * s.deviation / std::sqrt(s.n);
  return s;
}

inline Interval bootstrap_interval(std::span<const double> values, double level, int resamples,
                                   std::uint64_t seed) {
  detail::expect_finite(values, "bootstrap");
  detail::expect_share(level, "level");
  if (values.empty()) throw ShapeError("bootstrap of no values");
  if (resamples < 1) throw ShapeError("bootstrap needs at least one resample");
  const double mean = detail::mean_of(values);
  const auto n = static_cast<std::uint32_t>(values.size());
  double squares = 0.0;
  double cubes = 0.0;
  std::vector<double> centred;  // sums of them are small, and so is their rounding
  for (const double v : values) {
    centred.push_back(v - mean);
    squares += centred.back() * centred.back();
    cubes += centred.back() * centred.back() * centred.back();
  }
  if (squares == 0.0) return {mean, mean};
  const double acceleration = cubes / (6.0 * std::pow(squares, 1.5));

  std::vector<double> means(static_cast<std::size_t>(resamples));
  double below = 0.0;
  const double same = 1e-12 * std::sqrt(squares / n);  // two means no further apart are a tie
  for (std::size_t r = 0; r < means.size(); ++r) {
    CounterRng rng(seed, RandomPurpose::resampling, 0, r);
    double sum = 0.0;
    for (std::uint32_t i = 0; i < n; ++i) sum += centred[rng.below(n)];
    means[r] = sum / n;
    below += std::abs(means[r]) <= same ? 0.5 : means[r] < 0.0 ? 1.0 : 0.0;
  }
  std::sort(means.begin(), means.end());
  const auto range = std::minmax_element(values.begin(), values.end());
  const boost::math::normal normal;
  // Not 0 or 1, whose z is infinite.
  const double share = std::clamp(below / resamples, 0.5 / resamples, 1.0 - 0.5 / resamples);
  const double bias = boost::math::quantile(normal, share);
  const auto end = [&](double probability) {
    const double z = bias + boost::math::quantile(normal, probability);
    const double slope = std::max(1.0 - acceleration * z, 1e-9);  // past its pole: the extreme
    const double at = boost::math::cdf(normal, bias + z / slope);
    const double place = at * (resamples - 1);
    const auto left = static_cast<std::size_t>(place);
    const std::size_t right = std::min(left + 1, means.size() - 1);
    const double off = means[left] + (place - std::floor(place)) * (means[right] - means[left]);
    return std::clamp(mean + off, *range.first, *range.second);  // rounding may lead out
  };
  return {end((1.0 - level) / 2.0), end((1.0 + level) / 2.0)};
}

inline Interval proportion_interval(std::int64_t right, std::int64_t n, double level) {
  detail::expect_share(level, "level");
  if (right < 0 || right > n) {
    throw ShapeError(std::to_string(right) + " right of " + std::to_string(n));
  }
  const double tail = (1.0 - level) / 2.0;
  const auto hits = static_cast<double>(right);
  const auto misses = static_cast<double>(n - right);
  Interval all{0.0, 1.0};
  if (right > 0) {
    all.low = boost::math::quantile(boost::math::beta_distribution<>(hits, misses + 1.0), tail);
  }
  if (right < n) {
    const boost::math::beta_distribution<> beta(hits + 1.0, misses);
    all.high = boost::math::quantile(boost::math::complement(beta, tail));
  }
  return all;
}

}  // namespace candist
