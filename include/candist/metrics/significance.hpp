// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Is a difference more than chance? Tests of paired figures (the same seeds, the same texts), all
// two-sided; and what many of them together say. A figure that is not finite throws
// ShapeError.
#pragma once

#include <algorithm>
#include <array>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/error.hpp"
#include "candist/metrics/intervals.hpp"

namespace candist {

struct PairedTest {
  int n = 0;
  double difference = 0.0;  ///< mean of a - b
  double deviation = 0.0;   ///< sample standard deviation of a - b, as the test took it
  Interval interval;        ///< 95 % confidence interval of it (Student's t)
  double p = 1.0;           ///< of "the mean difference is 0", two-sided
};

/// Student's paired t test of a against b, one pair a seed. Equal differences leave nothing to
/// chance: p = 1 where they are 0, else p = 0. Figures that are counted in steps (accuracies on N texts)
/// may be equal by rounding: a standard deviation of the differences below `resolution` is taken for
/// it. nullopt for fewer than two pairs; throws ShapeError
/// for lengths that differ. Reference: Student, The probable error of a mean, Biometrika 6, 1908.
inline std::optional<PairedTest> paired_t_test(std::span<const double> a, std::span<const double> b,
                                               double resolution = 0.0);

/// Paired permutation test of the mean difference, for instance one difference a text: the share of
/// the 2^n choices of signs whose |sum| is no smaller than the observed one, sums that differ by
/// rounding being equal. The p is exact (zeros, which do not matter, left out)
///  - where all |differences| are equal: this is McNemar's exact test;
///  - where they are whole multiples of one number, such as 1/k for differences averaged over k
///    runs, by adding up the sums' distribution, where that is affordable (to an absolute 1e-30);
///  - where 2^n <= resamples + 1, by going through all signs.
/// Otherwise it is (b + 1) / (resamples + 1), b being how many of `resamples` random choices of
/// signs reach the observed |sum|; the same seed gives the same p. No differences give 1. 100,000
/// differences take below a second. Throws ShapeError for fewer than one resample.
/// Reference: Phipson and Smyth, Permutation p-values should never be zero, SAGMB 9, 2010.
inline double sign_flip_test(std::span<const double> differences, int resamples = 9999,
                             std::uint64_t seed = 1);

/// McNemar's exact test of two methods on the same texts: the two-sided binomial test of a fair
/// coin on the texts that only one of them has right. Throws ShapeError for negative counts.
/// Reference: McNemar, Psychometrika 12, 1947.
inline double mcnemar_test(std::int64_t only_a_right, std::int64_t only_b_right);

/// p-values adjusted for being one of many: those at most alpha may all be called significant, and
/// the chance of any error stays at most alpha. At least the raw ones, at most 1, in the input's
/// order. Throws ShapeError for a p outside [0, 1].
/// Reference: Holm, A simple sequentially rejective multiple test procedure, SJS 6, 1979.
inline std::vector<double> holm_adjusted(std::span<const double> p);

inline std::optional<PairedTest> paired_t_test(std::span<const double> a, std::span<const double> b,
                                               double resolution) {
  CANDIST_EXPECT_EQ(a.size(), b.size(), "figures of a, figures of b");
  std::vector<double> differences(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) differences[i] = a[i] - b[i];
  const Summary s = summarize(differences);
  if (s.n < 2) return std::nullopt;
  const double deviation = std::max(s.deviation, resolution);
  if (deviation == 0.0)
    return PairedTest{s.n, s.mean, 0.0, {s.mean, s.mean}, s.mean == 0.0 ? 1.0 : 0.0};
  const boost::math::students_t t(s.n - 1);
  const double error = deviation / std::sqrt(s.n);
  const double half = boost::math::quantile(boost::math::complement(t, 0.025)) * error;
  const double p = 2.0 * boost::math::cdf(boost::math::complement(t, std::abs(s.mean) / error));
  return PairedTest{s.n, s.mean, deviation, {s.mean - half, s.mean + half}, p};
}

inline double mcnemar_test(std::int64_t only_a_right, std::int64_t only_b_right) {
  if (only_a_right < 0 || only_b_right < 0) throw ShapeError("McNemar's test of negative counts");
  if (only_a_right == only_b_right) return 1.0;
  const auto fewer = static_cast<double>(std::min(only_a_right, only_b_right));
  const boost::math::binomial coin(static_cast<double>(only_a_right + only_b_right), 0.5);
  return std::min(1.0, 2.0 * boost::math::cdf(coin, fewer));
}

inline std::vector<double> holm_adjusted(std::span<const double> p) {
  for (const double one : p) {
    if (!(one >= 0.0 && one <= 1.0)) throw ShapeError(std::to_string(one) + " is no p-value");
  }
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double most = 0.0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, p[order[i]] * static_cast<double>(p.size() - i)));
    adjusted[order[i]] = most;
  }
  return adjusted;
}

namespace detail {

/// Differences as whole multiples of a common number.
struct WholeDifferences {
  struct Group {
    std::int64_t size = 0;  ///< |difference| in units
    std::int64_t count = 0;
  };
  std::vector<Group> groups;      ///< sizes ascending
  std::int64_t total = 0;         ///< sum of |differences|
  std::int64_t positive_sum = 0;  ///< sum of those above 0
};

/// The unit is the smallest |difference| over 1, 2, ..., 64, whichever comes first; nullopt where
/// none of them will do. No difference may be 0.
inline std::optional<WholeDifferences> in_whole_units(std::span<const double> differences) {
  double smallest = std::abs(differences[0]);
  for (const double d : differences) smallest = std::min(smallest, std::abs(d));
  constexpr double tolerance = 1e-7;  // of means of k runs; rounding times `most` is far below
  constexpr double most = 65536.0;
  for (int divisor = 1; divisor <= 64; ++divisor) {
    const auto units = [&](double d) { return std::abs(d) / smallest * divisor; };
    if (!std::all_of(differences.begin(), differences.end(), [&](double d) {
          return units(d) <= most && std::abs(units(d) - std::round(units(d))) <= tolerance;
        }))
      continue;
    WholeDifferences whole;
    std::vector<std::int64_t> sizes;
    for (const double d : differences) {
      sizes.push_back(static_cast<std::int64_t>(std::round(units(d))));
      whole.total += sizes.back();
      if (d > 0.0) whole.positive_sum += sizes.back();
    }
    std::sort(sizes.begin(), sizes.end());
    for (const std::int64_t size : sizes) {
      if (whole.groups.empty() || whole.groups.back().size != size) {
        whole.groups.push_back({size, 0});
      }
      ++whole.groups.back().count;
    }
    return whole;
  }
  return std::nullopt;
}

/// Probabilities of the whole numbers from `first` on; what lies outside is below 1e-40 each.
struct WholeDistribution {
  std::int64_t first = 0;
  std::vector<double> probabilities;

  void trim() {
    constexpr double nothing = 1e-40;
    while (probabilities.size() > 1 && probabilities.back() < nothing) probabilities.pop_back();
    std::size_t zeros = 0;
    while (zeros + 1 < probabilities.size() && probabilities[zeros] < nothing) ++zeros;
    probabilities.erase(probabilities.begin(),
                        probabilities.begin() + static_cast<std::ptrdiff_t>(zeros));
    first += static_cast<std::int64_t>(zeros);
  }
};

/// Heads of n fair coins. From the middle outwards, by the ratio of neighbours: no factorials.
inline WholeDistribution fair_heads(std::int64_t n) {
  std::vector<double> lower;  // of n / 2, n / 2 - 1, ...
  double mass = 0.0;
  double weight = 1.0;
  for (std::int64_t heads = n / 2; heads >= 0 && weight > 1e-42; --heads) {
    lower.push_back(weight);
    mass += 2 * heads == n ? weight : 2.0 * weight;
    weight *= static_cast<double>(heads) / static_cast<double>(n - heads + 1);
  }
  WholeDistribution result{n / 2 + 1 - static_cast<std::int64_t>(lower.size()), {}};
  result.probabilities.assign(lower.rbegin(), lower.rend());
  const std::size_t twin = n % 2 == 0 ? 1 : 0;
  result.probabilities.insert(result.probabilities.end(),
                              lower.begin() + static_cast<std::ptrdiff_t>(twin), lower.end());
  for (double& p : result.probabilities) p /= mass;
  result.trim();
  return result;
}

/// P(|sum| >= observed |sum|): with U the sum of the positive ones, sum = 2 U - total, and U is a
/// sum over groups of size * heads of `count` coins. nullopt where that takes too long.
inline std::optional<double> whole_sign_flips(const WholeDifferences& whole) {
  const std::int64_t least = std::min(whole.positive_sum, whole.total - whole.positive_sum);
  if (2 * least == whole.total) return 1.0;
  double budget = 4e8;  // multiplications, below half a second
  WholeDistribution sum{0, {1.0}};
  for (const WholeDifferences::Group& group : whole.groups) {
    const WholeDistribution heads = fair_heads(group.count);
    const std::size_t stride = static_cast<std::size_t>(group.size);
    const std::size_t width = sum.probabilities.size();
    const std::size_t steps = heads.probabilities.size();
    budget -= static_cast<double>(width) * static_cast<double>(steps);
    budget -= static_cast<double>(stride) * static_cast<double>(steps);
    if (budget < 0.0) return std::nullopt;
    WholeDistribution next{sum.first + group.size * heads.first, {}};
    next.probabilities.resize((steps - 1) * stride + width);
    for (std::size_t h = 0; h < steps; ++h) {
      double* const to = next.probabilities.data() + h * stride;
      for (std::size_t i = 0; i < width; ++i) {
        to[i] += heads.probabilities[h] * sum.probabilities[i];
      }
    }
    next.trim();
    sum = std::move(next);
  }
  double tail = 0.0;
  for (std::size_t i = 0; i < sum.probabilities.size(); ++i) {
    if (sum.first + static_cast<std::int64_t>(i) <= least) tail += sum.probabilities[i];
  }
  return 2.0 * tail;
}

/// The same by going through all signs of all but the first difference, whose sign does not matter.
inline double all_sign_flips(std::span<const double> differences, double observed) {
  const std::uint64_t choices = std::uint64_t{1} << (differences.size() - 1);
  std::uint64_t reached = 0;
  for (std::uint64_t signs = 0; signs < choices; ++signs) {
    double sum = differences[0];
    for (std::size_t i = 1; i < differences.size(); ++i) {
      sum += (signs >> (i - 1) & 1) != 0 ? -differences[i] : differences[i];
    }
    reached += std::abs(sum) >= observed;
  }
  return static_cast<double>(reached) / static_cast<double>(choices);
}

/// The same with random signs: one bit a sign, eight of them at a time through a table of the sums
/// they give.
inline double random_sign_flips(std::span<const double> differences, double observed, int resamples,
                                std::uint64_t seed) {
  constexpr std::size_t bytes = 4;  // of one draw
  std::vector<double> sums(static_cast<std::size_t>(resamples));
  std::vector<std::array<double, 256>> tables(bytes);
  for (std::size_t first = 0; first < differences.size(); first += 8 * bytes) {
    for (std::size_t b = 0; b < bytes; ++b) {
      for (std::size_t signs = 0; signs < 256; ++signs) {
        double sum = 0.0;
        for (std::size_t i = 0; i < 8 && first + 8 * b + i < differences.size(); ++i) {
          const double d = differences[first + 8 * b + i];
          sum += (signs >> i & 1) != 0 ? -d : d;
        }
        tables[b][signs] = sum;
      }
    }
    CounterRng rng(seed, RandomPurpose::resampling, 1, first);
    for (double& sum : sums) {
      const std::uint32_t bits = rng.bits();
      sum += (tables[0][bits & 255] + tables[1][bits >> 8 & 255]) +
             (tables[2][bits >> 16 & 255] + tables[3][bits >> 24]);
    }
  }
  const auto reached = std::count_if(sums.begin(), sums.end(),
                                     [&](double sum) { return std::abs(sum) >= observed; });
  return (static_cast<double>(reached) + 1.0) / (resamples + 1.0);
}

}  // namespace detail

inline double sign_flip_test(std::span<const double> differences, int resamples,
                             std::uint64_t seed) {
  detail::expect_finite(differences, "sign flip test");
  if (resamples < 1) throw ShapeError("sign flip test needs at least one resample");
  std::vector<double> rest;
  double sum = 0.0;
  double size = 0.0;
  for (const double d : differences) {
    if (d == 0.0) continue;
    rest.push_back(d);
    sum += d;
    size += std::abs(d);
  }
  if (rest.empty()) return 1.0;
  if (const auto whole = detail::in_whole_units(rest)) {
    if (whole->groups.size() == 1) {
      const std::int64_t positive = whole->positive_sum / whole->groups[0].size;
      return mcnemar_test(positive, whole->groups[0].count - positive);
    }
    if (const auto p = detail::whole_sign_flips(*whole)) {
      return std::clamp(*p, std::ldexp(2.0, -static_cast<int>(rest.size())), 1.0);
    }
  }
  const double observed = std::abs(sum) - 1e-12 * size;
  const double choices = std::ldexp(1.0, static_cast<int>(std::min<std::size_t>(rest.size(), 64)));
  return choices <= resamples + 1.0 ? detail::all_sign_flips(rest, observed)
                                    : detail::random_sign_flips(rest, observed, resamples, seed);
}

}  // namespace candist
