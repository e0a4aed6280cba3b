// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Several methods on several data sets, compared by their ranks.
#pragma once

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

#include "candist/error.hpp"

namespace candist {

struct RankComparison {
  std::vector<double> mean_ranks;    ///< of each method, over the data sets; 1 is the best
  double chi_squared = 0.0;          ///< Friedman's statistic, corrected for ties
  double p = 1.0;                    ///< of "all methods are equally good"
  double critical_difference = 0.0;  ///< mean ranks further apart than that differ (Nemenyi)
  /// All maximal groups of methods whose mean ranks lie within the critical difference: the bars of
  /// a critical difference diagram. Each from the best to the worst, the best group first; a method
  /// that differs from all others is a group of its own.
  std::vector<std::vector<int>> cliques;
};

/// Friedman's test and Nemenyi's test after it, of scores [data sets][methods], higher is better;
/// equal scores share their ranks' mean. `level` is the chance that any two of equally good methods
/// are told apart. Methods that are tied on every data set give chi_squared = 0, p = 1. Throws
/// ShapeError without data sets, for fewer than two methods, rows that differ in length, a score
/// that is not finite, and a level outside (0, 1). The chi-squared distribution is good from about
/// ten data sets or five methods on.
/// Reference: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006.
inline RankComparison friedman(std::span<const std::vector<double>> scores, double level = 0.05);

namespace detail {
/// P(range of k standard normals <= q) = k * integral of phi(z) (Phi(z) - Phi(z - q))^(k-1) dz. The
/// trapezoid rule's error on such a function falls exponentially with the step.
inline double normal_range_cdf(double q, int k) {
  constexpr double step = 0.05;
  const auto upper_tail = [](double z) { return 0.5 * std::erfc(z / std::sqrt(2.0)); };
  double sum = 0.0;
  for (int i = -180; i <= 180; ++i) {  // phi(9) is 1e-18
    const double z = i * step;
    sum += std::exp(-0.5 * z * z) * std::pow(upper_tail(z - q) - upper_tail(z), k - 1);
  }
  return k * step * sum / std::sqrt(2.0 * 3.14159265358979323846);
}
/// The q with that probability.
inline double normal_range_quantile(double probability, int k) {
  double low = 0.0;
  double high = 40.0;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (normal_range_cdf(middle, k) < probability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}
}  // namespace detail

inline RankComparison friedman(std::span<const std::vector<double>> scores, double level) {
  if (scores.empty()) throw ShapeError("ranks over no data sets");
  if (scores[0].size() < 2) throw ShapeError("ranks of fewer than two methods");
  if (!(level > 0.0 && level < 1.0)) throw ShapeError("level is not between 0 and 1");
  const int k = static_cast<int>(scores[0].size());
  const auto n = static_cast<double>(scores.size());
  std::vector<double> sums(scores[0].size());
  double ties = 0.0;  // sum of t^3 - t over groups of t equal scores
  std::vector<int> order(sums.size());
  std::iota(order.begin(), order.end(), 0);
  const auto at = [](auto& values, int i) -> auto& { return values[static_cast<std::size_t>(i)]; };
  for (const std::vector<double>& row : scores) {
    CANDIST_EXPECT_EQ(row.size(), sums.size(), "scores of a data set, methods");
    for (const double score : row) {
      if (!std::isfinite(score)) throw ShapeError("ranks: a score is not finite");
    }
    std::sort(order.begin(), order.end(), [&](int a, int b) { return at(row, a) > at(row, b); });
    for (int begin = 0, end = 0; begin < k; begin = end) {
      while (end < k && at(row, at(order, end)) == at(row, at(order, begin))) ++end;
      for (int i = begin; i < end; ++i) at(sums, at(order, i)) += 0.5 * (begin + 1 + end);
      const double tied = end - begin;
      ties += tied * tied * tied - tied;
    }
  }

  RankComparison result;
  double squares = 0.0;
  for (const double sum : sums) {
    result.mean_ranks.push_back(sum / n);
    const double off = sum - 0.5 * n * (k + 1);
    squares += off * off;
  }
  const double untied = 1.0 - ties / (n * k * (static_cast<double>(k) * k - 1.0));
  if (untied > 0.0) result.chi_squared = 12.0 * squares / (n * k * (k + 1.0)) / untied;
  const boost::math::chi_squared distribution(k - 1);
  result.p = boost::math::cdf(boost::math::complement(distribution, result.chi_squared));
  result.critical_difference = detail::normal_range_quantile(1.0 - level, k) / std::sqrt(2.0) *
                               std::sqrt(k * (k + 1.0) / (6.0 * n));

  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const double left = at(result.mean_ranks, a);
    const double right = at(result.mean_ranks, b);
    return left != right ? left < right : a < b;
  });
  for (int begin = 0, end = 0, last = 0; begin < k; ++begin, last = end) {
    const double most = at(result.mean_ranks, at(order, begin)) + result.critical_difference;
    while (end < k && at(result.mean_ranks, at(order, end)) <= most) ++end;
    if (end > last) result.cliques.emplace_back(order.begin() + begin, order.begin() + end);
  }
  return result;
}

}  // namespace candist
