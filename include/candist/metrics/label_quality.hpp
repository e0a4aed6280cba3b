// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// How good are labels whose truth nobody knows? A random sample that somebody checks says how many
// are right, the confidences help, and what is most likely wrong is looked at first.
#pragma once

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/error.hpp"
#include "candist/metrics/confidence_calibration.hpp"
#include "candist/metrics/intervals.hpp"

namespace candist {

/// What somebody says of the label of one text.
struct CheckedLabel {
  std::int64_t row = 0;
  bool right = false;
};

/// Is the label among the teacher's candidates of its text?
enum class CandidateSide : std::uint8_t { unknown, inside, outside };

/// A share and its confidence interval.
struct ShareEstimate {
  double share = 0.0;
  Interval interval{0.0, 1.0};
};

/// Accuracy of all N labels as n checked ones show it.
struct ExpectedAccuracy {
  std::int64_t checked = 0;
  std::int64_t right = 0;
  double mean_confidence = 0.0;  ///< over all N: what the student believes, verified by nobody
  ShareEstimate sample;          ///< by the sample alone
  /// With the help of the confidences of all N; none with fewer than `least_of_each` right or wrong
  /// ones in the sample, or where all N are checked.
  std::optional<ShareEstimate> assisted;
  static constexpr std::int64_t least_of_each = 5;
};

/// The first `count` rows of a random order of all: each as likely as any other, and a shorter
/// beginning is a random sample too.
inline std::vector<std::int64_t> sample_rows(std::int64_t rows, std::int64_t count,
                                             std::uint64_t seed);

/// Share of N that is right where `right` of `checked`, drawn without repetition, are: exact, by
/// hypergeometric tails (Clopper and Pearson's interval for a finite population; Buonaccorsi, The
/// American Statistician 41, 1987). Throws ShapeError for 0 <= right <= checked <= N not holding or
/// nothing checked.
inline ShareEstimate share_of_finite(std::int64_t right, std::int64_t checked, std::int64_t all,
                                     double level = 0.95);

/// Estimates the accuracy of N labels from a random sample of them; rows in `checked` differ.
/// `assisted` is the difference estimator of survey sampling with Platt-scaled confidences, mean_N
/// g(c) + mean_n (right - g(c)), each label's g fitted without it: unbiased however wrong the
/// confidences are, and the narrower the better they tell right from wrong. Its interval is that of
/// Clopper and Pearson for the sample size that would give its variance.
/// References: Cochran, Sampling Techniques, 1977, ch. 7; Angelopoulos et al. 2023,
/// arXiv:2301.09633; Zrnic and Candes 2024, arXiv:2309.16598; Korn and Graubard, Survey Methodology
/// 24, 1998.
inline ExpectedAccuracy expected_accuracy(std::span<const double> confidences,
                                          std::span<const CheckedLabel> checked,
                                          double level = 0.95);

/// How likely each label is wrong: 1 - confidence, and for one outside the teacher's candidates at
/// least `error_outside`, if that is known.
inline std::vector<double> error_scores(std::span<const double> confidences,
                                        std::span<const CandidateSide> sides,
                                        std::optional<double> error_outside = std::nullopt);

/// All rows, the likeliest wrong first; of equals those outside the candidates, then in order.
inline std::vector<std::int64_t> rank_by_error(std::span<const double> scores,
                                               std::span<const CandidateSide> sides);

/// Share of wrong ones among the checked labels outside the candidates, (wrong + 1) / (all + 2);
/// none with fewer than five of them.
inline std::optional<double> error_outside_candidates(std::span<const CandidateSide> sides,
                                                      std::span<const CheckedLabel> checked);

// ---- definitions

inline std::vector<std::int64_t> sample_rows(std::int64_t rows, std::int64_t count,
                                             std::uint64_t seed) {
  std::vector<std::int64_t> order = random_order(rows, seed, RandomPurpose::resampling, 0);
  order.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, rows)));
  return order;
}

namespace detail {

inline double log_choose(std::int64_t n, std::int64_t k) {
  const auto a = static_cast<double>(n);
  const auto b = static_cast<double>(k);
  return std::lgamma(a + 1.0) - std::lgamma(b + 1.0) - std::lgamma(a - b + 1.0);
}

/// P(first <= X <= last) where X counts the right ones among `drawn` of `all`, `right` of which are.
inline double hypergeometric(std::int64_t first, std::int64_t last, std::int64_t drawn,
                             std::int64_t right, std::int64_t all) {
  first = std::max({first, std::int64_t{0}, drawn - (all - right)});
  last = std::min({last, drawn, right});
  double sum = 0.0;
  for (std::int64_t k = first; k <= last; ++k) {
    sum += std::exp(log_choose(right, k) + log_choose(all - right, drawn - k) -
                    log_choose(all, drawn));
  }
  return sum;
}

/// Clopper and Pearson's interval for a share in (0, 1) seen in a sample whose size is no whole
/// number.
inline ShareEstimate share_of_effective(double share, double size, double level) {
  using boost::math::complement;
  using boost::math::quantile;
  using Beta = boost::math::beta_distribution<double>;
  const double tail = (1.0 - level) / 2.0;
  const double hits = share * size;
  const double misses = size - hits;
  return {share,
          {quantile(Beta(hits, misses + 1.0), tail),
           quantile(complement(Beta(hits + 1.0, misses), tail))}};
}

}  // namespace detail

inline ShareEstimate share_of_finite(std::int64_t right, std::int64_t checked, std::int64_t all,
                                     double level) {
  detail::expect_share(level, "level");
  if (right < 0 || checked < 1 || right > checked || checked > all)
    throw ShapeError("a share needs 0 <= right <= checked <= all, and something checked");
  const double tail = (1.0 - level) / 2.0;
  const std::int64_t wrong = checked - right;
  // The fewest and the most right ones among all that would not make the sample too unlikely.
  std::int64_t fewest = right;
  for (std::int64_t enough = all - wrong; fewest < enough;) {
    const std::int64_t middle = fewest + (enough - fewest) / 2;
    if (detail::hypergeometric(right, checked, checked, middle, all) > tail) {
      enough = middle;
    } else {
      fewest = middle + 1;
    }
  }
  std::int64_t most = all - wrong;
  for (std::int64_t enough = right; enough < most;) {
    const std::int64_t middle = most - (most - enough) / 2;
    if (detail::hypergeometric(0, right, checked, middle, all) > tail) {
      enough = middle;
    } else {
      most = middle - 1;
    }
  }
  const auto n = static_cast<double>(all);
  return {static_cast<double>(right) / static_cast<double>(checked),
          {static_cast<double>(fewest) / n, static_cast<double>(most) / n}};
}

inline ExpectedAccuracy expected_accuracy(std::span<const double> confidences,
                                          std::span<const CheckedLabel> checked, double level) {
  const auto all = static_cast<std::int64_t>(confidences.size());
  std::vector<double> seen;
  std::vector<std::uint8_t> right;
  for (const CheckedLabel& label : checked) {
    if (label.row < 0 || label.row >= all)
      throw ShapeError("checked row " + std::to_string(label.row) + " is none of " +
                       std::to_string(all));
    seen.push_back(confidences[static_cast<std::size_t>(label.row)]);
    right.push_back(label.right ? 1 : 0);
  }
  ExpectedAccuracy result;
  result.checked = static_cast<std::int64_t>(checked.size());
  result.right = std::count(right.begin(), right.end(), 1);
  result.mean_confidence = std::accumulate(confidences.begin(), confidences.end(), 0.0) /
                           static_cast<double>(std::max<std::int64_t>(all, 1));
  result.sample = share_of_finite(result.right, result.checked, all, level);
  if (std::min(result.right, result.checked - result.right) < result.least_of_each ||
      result.checked == all)
    return result;

  const CrossFitPlatt fitted = cross_fit_platt(seen, right);
  std::vector<double> mean_over_all;
  for (const PlattScaling& scaling : fitted.scalings) {
    double sum = 0.0;
    for (const double confidence : confidences) sum += scaling(confidence);
    mean_over_all.push_back(sum / static_cast<double>(all));
  }
  const auto n = static_cast<double>(result.checked);
  std::vector<double> terms;
  double mean = 0.0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    terms.push_back(right[i] - fitted.of(i)(seen[i]) + mean_over_all[i % mean_over_all.size()]);
    mean += terms.back() / n;
  }
  double squares = 0.0;
  for (const double term : terms) squares += (term - mean) * (term - mean);
  const double variance = squares / (n - 1.0) / n * (1.0 - n / static_cast<double>(all));
  const double share = std::clamp(mean, 0.0, 1.0);
  if (share <= 0.0 || share >= 1.0 || !(variance > 0.0)) return result;
  // The variance is estimated too: Student's quantile is the wider one.
  const double tail = (1.0 - level) / 2.0;
  const double ratio =
      quantile(boost::math::normal(), tail) / quantile(boost::math::students_t(n - 1.0), tail);
  const double size = share * (1.0 - share) / variance * ratio * ratio;
  result.assisted = detail::share_of_effective(share, size, level);
  return result;
}

inline std::vector<double> error_scores(std::span<const double> confidences,
                                        std::span<const CandidateSide> sides,
                                        std::optional<double> error_outside) {
  CANDIST_EXPECT_EQ(confidences.size(), sides.size(), "confidences, candidate sides");
  std::vector<double> scores(confidences.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    scores[i] = 1.0 - confidences[i];
    if (sides[i] == CandidateSide::outside && error_outside)
      scores[i] = std::max(scores[i], *error_outside);
  }
  return scores;
}

inline std::vector<std::int64_t> rank_by_error(std::span<const double> scores,
                                               std::span<const CandidateSide> sides) {
  CANDIST_EXPECT_EQ(scores.size(), sides.size(), "scores, candidate sides");
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const auto i = static_cast<std::size_t>(a);
    const auto j = static_cast<std::size_t>(b);
    if (scores[i] != scores[j]) return scores[i] > scores[j];
    return sides[i] == CandidateSide::outside && sides[j] != CandidateSide::outside;
  });
  return order;
}

inline std::optional<double> error_outside_candidates(std::span<const CandidateSide> sides,
                                                      std::span<const CheckedLabel> checked) {
  std::int64_t seen = 0;
  std::int64_t wrong = 0;
  for (const CheckedLabel& label : checked) {
    if (sides[static_cast<std::size_t>(label.row)] != CandidateSide::outside) continue;
    ++seen;
    wrong += label.right ? 0 : 1;
  }
  if (seen < 5) return std::nullopt;
  return static_cast<double>(wrong + 1) / static_cast<double>(seen + 2);
}

}  // namespace candist
