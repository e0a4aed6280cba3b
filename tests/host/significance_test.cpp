// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What SciPy and statsmodels give (tests/fixtures/make_significance_fixtures.py), and what must
// hold for every test and every interval.
#include "candist/metrics/significance.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "candist/metrics/intervals.hpp"
#include "candist/metrics/power.hpp"
#include "candist/metrics/ranks.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;

namespace {

using Values = std::vector<double>;

nlohmann::json cases(const std::string& file, const std::string& key) {
  const std::filesystem::path folder(CANDIST_EXAMPLES_DATA);
  const auto path = folder / "../../tests/fixtures/significance" / (file + ".json");
  const auto all = nlohmann::json::parse(candist::testing::read_file(path));
  REQUIRE_FALSE(all.at(key).empty());
  return all.at(key);
}

/// Equal to `relative` of the expected, or to 1e-12.
void check_close(double found, double expected, double relative = 1e-10) {
  CAPTURE(found, expected);
  CHECK(std::abs(found - expected) <= std::max(relative * std::abs(expected), 1e-12));
}

/// n normal numbers, the same for the same sample.
Values normals(std::size_t n, std::uint64_t sample, double mean = 0.0) {
  CounterRng rng(5, RandomPurpose::simulated_annotator, 0, sample);
  Values values(n);
  for (double& v : values) v = mean + static_cast<double>(rng.normal());
  return values;
}
/// n whole numbers of [-most, most].
Values whole_numbers(std::size_t n, int most, std::uint64_t sample) {
  CounterRng rng(6, RandomPurpose::simulated_annotator, 0, sample);
  Values values(n);
  for (double& v : values) {
    v = static_cast<int>(rng.below(static_cast<std::uint32_t>(2 * most + 1))) - most;
  }
  return values;
}

/// As defined: every choice of signs, sums compared up to rounding.
double brute_force(const Values& differences) {
  double observed = 0.0;
  for (const double d : differences) observed += d;
  int reached = 0;
  for (int signs = 0; signs < 1 << differences.size(); ++signs) {
    double sum = 0.0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      sum += (signs >> i & 1) != 0 ? differences[i] : -differences[i];
    }
    reached += std::abs(sum) >= std::abs(observed) - 1e-9;
  }
  return static_cast<double>(reached) / (1 << differences.size());
}

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

/// A share seen in `trials` trials of probability p is below p + this but once in 30,000 times.
double four_sigma(double p, int trials) { return 4.0 * std::sqrt(p * (1.0 - p) / trials); }

}  // namespace

// ---- intervals

TEST_CASE("summaries are SciPy's") {
  for (const auto& c : cases("intervals", "summaries")) {
    const Summary s = summarize(c.at("values").get<Values>());
    check_close(s.mean, c.at("mean"));
    check_close(s.deviation, c.at("deviation"));
    check_close(s.mean - s.interval, c.at("low"));
    check_close(s.mean + s.interval, c.at("high"));
  }
}

TEST_CASE("summaries of few and of equal values") {
  CHECK(summarize({}).n == 0);
  CHECK(summarize({}).mean == 0.0);
  const Values one{0.3};
  CHECK(summarize(one).mean == 0.3);
  CHECK(summarize(one).interval == 0.0);
  for (const std::size_t n : {2u, 3u, 10u, 1000u}) {
    const Summary s = summarize(Values(n, 0.1));
    CHECK(s.mean == 0.1);  // to the bit
    CHECK(s.deviation == 0.0);
    CHECK(s.interval == 0.0);
  }
  // What is far from zero loses nothing.
  const Values far{1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0};
  CHECK(summarize(far).mean == 1e9 + 2.0);
  CHECK(summarize(far).deviation == 1.0);
  CHECK_THROWS_AS(summarize(Values{0.0, not_a_number}), ShapeError);
}

TEST_CASE("the interval of a mean covers it in 95 of 100 samples") {
  constexpr int trials = 4000;
  int covered = 0;
  for (int t = 0; t < trials; ++t) {
    const Summary s = summarize(normals(5, static_cast<std::uint64_t>(t), 0.7));
    covered += std::abs(s.mean - 0.7) <= s.interval;
  }
  CHECK(std::abs(covered / double{trials} - 0.95) <= four_sigma(0.95, trials));
}

TEST_CASE("bootstrap intervals are SciPy's, but for the random numbers") {
  for (const auto& c : cases("intervals", "bootstrap")) {
    const auto values = c.at("values").get<Values>();
    const Interval found = bootstrap_interval(values, 0.95, c.at("resamples"));
    // One run of ours against the mean of `seeds` runs of theirs; where the means are few (of zeros
    // and ones, say), all runs may end on the same one.
    const double sigmas = 4.0 * std::sqrt(1.0 + 1.0 / c.at("seeds").get<double>());
    const auto check_end = [&](double end, const std::string& name) {
      CAPTURE(name, end, c.at(name).get<double>());
      CHECK(std::abs(end - c.at(name).get<double>()) <=
            sigmas * c.at(name + "_deviation").get<double>() + 1e-12);
    };
    check_end(found.low, "low");
    check_end(found.high, "high");
  }
}

TEST_CASE("bootstrap intervals: the seed is all the chance there is") {
  const Values values = normals(20, 1);
  const Interval first = bootstrap_interval(values, 0.9, 999, 7);
  const Interval again = bootstrap_interval(values, 0.9, 999, 7);
  CHECK(first.low == again.low);
  CHECK(first.high == again.high);
  CHECK(bootstrap_interval(values, 0.9, 999, 8).low != first.low);
  CHECK(bootstrap_interval(values, 0.99, 999, 7).low < first.low);

  Values shifted = values;
  for (double& v : shifted) v = 100.0 - v;
  const Interval mirrored = bootstrap_interval(shifted, 0.9, 999, 7);
  check_close(mirrored.low, 100.0 - first.high);
  check_close(mirrored.high, 100.0 - first.low);
}

TEST_CASE("bootstrap intervals of odd input") {
  const Interval point = bootstrap_interval(Values(9, 0.1));
  CHECK(point.low == 0.1);
  CHECK(point.high == 0.1);
  const Interval single = bootstrap_interval(Values{0.4});
  CHECK(single.low == 0.4);
  CHECK(single.high == 0.4);
  // One value apart, whose acceleration is the greatest there is; and hardly any resamples.
  Values apart(50, 0.0);
  apart.back() = 1.0;
  for (const int resamples : {1, 2, 9999}) {
    const Interval i = bootstrap_interval(apart, 0.9999, resamples);
    CHECK(0.0 <= i.low);
    CHECK(i.low <= i.high);
    CHECK(i.high <= 1.0);
  }
  CHECK_THROWS_AS(bootstrap_interval({}), ShapeError);
  CHECK_THROWS_AS(bootstrap_interval(Values{infinity}), ShapeError);
  CHECK_THROWS_AS(bootstrap_interval(apart, 1.0), ShapeError);
  CHECK_THROWS_AS(bootstrap_interval(apart, not_a_number), ShapeError);
  CHECK_THROWS_AS(bootstrap_interval(apart, 0.95, 0), ShapeError);
}

TEST_CASE("intervals of shares are SciPy's") {
  for (const auto& c : cases("intervals", "proportions")) {
    const Interval found = proportion_interval(c.at("right"), c.at("n"), c.at("level"));
    // SciPy searches them with brentq, to 2e-12.
    CHECK(std::abs(found.low - c.at("low").get<double>()) <= 1e-11);
    CHECK(std::abs(found.high - c.at("high").get<double>()) <= 1e-11);
  }
}

TEST_CASE("intervals of shares: no texts, mirrored, out of range") {
  CHECK(proportion_interval(0, 0).low == 0.0);
  CHECK(proportion_interval(0, 0).high == 1.0);
  for (int right = 0; right <= 12; ++right) {
    const Interval there = proportion_interval(right, 12, 0.9);
    const Interval back = proportion_interval(12 - right, 12, 0.9);
    check_close(there.low, 1.0 - back.high);
    CHECK(there.low <= right / 12.0);
    CHECK(there.high >= right / 12.0);
  }
  CHECK_THROWS_AS(proportion_interval(-1, 3), ShapeError);
  CHECK_THROWS_AS(proportion_interval(4, 3), ShapeError);
  CHECK_THROWS_AS(proportion_interval(1, 3, 0.0), ShapeError);
}

// ---- differences

TEST_CASE("paired t tests are SciPy's") {
  for (const auto& c : cases("differences", "paired_t")) {
    const auto found = paired_t_test(c.at("a").get<Values>(), c.at("b").get<Values>());
    REQUIRE(found);
    check_close(found->difference, c.at("difference"));
    check_close(found->interval.low, c.at("low"));
    check_close(found->interval.high, c.at("high"));
    check_close(found->p, c.at("p"));
  }
}

TEST_CASE("paired t tests: order, shift, and what leaves nothing to chance") {
  const Values a = normals(7, 1);
  const Values b = normals(7, 2, 0.5);
  const auto there = paired_t_test(a, b);
  const auto back = paired_t_test(b, a);
  REQUIRE(there);
  REQUIRE(back);
  CHECK(there->p == back->p);
  CHECK(there->difference == -back->difference);
  CHECK(there->interval.low == -back->interval.high);
  CHECK((there->p <= 0.05) == (there->interval.low > 0.0 || there->interval.high < 0.0));
  Values a_shifted = a;
  Values b_shifted = b;
  for (std::size_t i = 0; i < a.size(); ++i) {  // what both seeds share does not matter
    a_shifted[i] += static_cast<double>(i);
    b_shifted[i] += static_cast<double>(i);
  }
  check_close(paired_t_test(a_shifted, b_shifted)->p, there->p);

  CHECK(paired_t_test(a, a)->p == 1.0);
  CHECK(paired_t_test(Values(4, 0.75), Values(4, 0.5))->p == 0.0);
  CHECK_FALSE(paired_t_test({}, {}));
  CHECK_FALSE(paired_t_test(Values{1.0}, Values{2.0}));
  CHECK_THROWS_AS(paired_t_test(a, Values(6)), ShapeError);
  CHECK_THROWS_AS(paired_t_test(Values{1.0, infinity}, Values{1.0, 0.0}), ShapeError);
}

TEST_CASE("sign flips are SciPy's") {
  for (const auto& c : cases("differences", "sign_flip_exact")) {
    check_close(sign_flip_test(c.at("differences").get<Values>()), c.at("p"));
  }
  constexpr int resamples = 99999;
  for (const auto& c : cases("differences", "sign_flip_random")) {
    const double p = c.at("p");
    const double found = sign_flip_test(c.at("differences").get<Values>(), resamples);
    const double ours = std::sqrt(p * (1.0 - p) / resamples);
    CAPTURE(p, found);
    CHECK(std::abs(found - p) <= 4.0 * std::hypot(ours, c.at("error").get<double>()));
  }
}

TEST_CASE("sign flips of multiples of 1/k are counted, not drawn") {
  for (const auto& c : cases("differences", "sign_flip_counted")) {
    auto differences = c.at("whole").get<Values>();
    const double per = c.at("per");
    check_close(sign_flip_test(differences), c.at("p"));
    // As they come from means over k runs: with rounding.
    for (double& d : differences) d = (0.7 + d / per) - 0.7;
    check_close(sign_flip_test(differences), c.at("p"));
    for (double& d : differences) d *= -123.4;
    check_close(sign_flip_test(differences), c.at("p"));
    CHECK(sign_flip_test(differences, 9999, 1) == sign_flip_test(differences, 99, 2));
  }
}

TEST_CASE("sign flips are exact for few differences") {
  for (std::uint64_t sample = 0; sample < 60; ++sample) {
    const std::size_t n = 1 + sample % 13;
    const Values real = normals(n, sample, 0.3);
    check_close(sign_flip_test(real), brute_force(real));
    const Values whole = whole_numbers(n, sample % 2 == 0 ? 2 : 40, sample);
    check_close(sign_flip_test(whole), brute_force(whole));
  }
}

TEST_CASE("sign flips are drawn only where they must be") {
  // All signs of 13 differences are no more than the resamples and the observed signs; of 14, more.
  CHECK(sign_flip_test(normals(13, 1), 8191, 1) == sign_flip_test(normals(13, 1), 8191, 2));
  CHECK(sign_flip_test(normals(13, 1), 8190, 1) != sign_flip_test(normals(13, 1), 8190, 2));
  // Multiples of 1/5, not of the smallest of them.
  for (std::uint64_t sample = 0; sample < 5; ++sample) {
    Values differences = whole_numbers(16, 3, 200 + sample);
    for (double& d : differences) {
      d = (d == 1.0 ? 2.0 : d == -1.0 ? -3.0 : d == 2.0 ? 5.0 : d == -2.0 ? -2.0 : d) / 5.0;
    }
    check_close(sign_flip_test(differences, 99), brute_force(differences));
  }
}

TEST_CASE("sign flips of equal sizes are McNemar's exact test") {
  for (const double size : {1.0, 0.1, 3e-5}) {
    for (int a = 0; a <= 6; ++a) {
      for (int b = 0; b <= 6; ++b) {
        Values differences(static_cast<std::size_t>(a), size);
        differences.resize(static_cast<std::size_t>(a + b), -size);
        differences.resize(static_cast<std::size_t>(a + b + 5), 0.0);
        CHECK(sign_flip_test(differences) == mcnemar_test(a, b));
        Values nonzero(differences.begin(), differences.end() - 5);
        if (!nonzero.empty()) check_close(mcnemar_test(a, b), brute_force(nonzero));
      }
    }
  }
}

TEST_CASE("sign flips that are drawn agree with those that are counted") {
  constexpr int resamples = 9999;
  for (std::uint64_t sample = 0; sample < 10; ++sample) {
    // 77 differences: not a whole number of bytes, not of draws.
    Values differences = whole_numbers(77, 3, 100 + sample);
    for (double& d : differences) d += d > 1.0 ? 1.0 : 0.0;
    double sum = 0.0;
    for (const double d : differences) sum += d;
    const double exact = sign_flip_test(differences);
    const double drawn =
        detail::random_sign_flips(differences, std::abs(sum) - 1e-9, resamples, sample);
    CAPTURE(exact, drawn);
    CHECK(std::abs(drawn - exact) <= four_sigma(exact, resamples) + 1.0 / resamples);
  }
}

TEST_CASE("sign flips: order, sign, scale, zeros and the seed") {
  Values differences = normals(60, 3, 0.2);
  const double p = sign_flip_test(differences);
  CHECK(sign_flip_test(differences) == p);
  CHECK(sign_flip_test(differences, 9999, 2) != p);
  CHECK(std::abs(sign_flip_test(differences, 9999, 2) - p) <= 1.5 * four_sigma(p, 9999));
  for (double& d : differences) d = -d;
  CHECK(sign_flip_test(differences) == p);
  differences.insert(differences.begin() + 10, 100, 0.0);
  CHECK(sign_flip_test(differences) == p);

  CHECK(sign_flip_test({}) == 1.0);
  CHECK(sign_flip_test(Values(100, 0.0)) == 1.0);
  CHECK(sign_flip_test(Values{0.5, -0.5}) == 1.0);
  Values clear = normals(50, 4, 9.0);
  CHECK(sign_flip_test(clear, 999) == 1.0 / 1000);  // never 0
  clear = whole_numbers(3000, 2, 1);
  for (double& d : clear) d = std::abs(d);
  CHECK(sign_flip_test(clear) < 1e-100);
  CHECK_THROWS_AS(sign_flip_test(Values{1.0, not_a_number}), ShapeError);
  CHECK_THROWS_AS(sign_flip_test(clear, 0), ShapeError);
}

TEST_CASE("sign flips of 100,000 texts are counted where the differences are means of ten runs") {
  Values differences = whole_numbers(100'000, 10, 1);
  double sum = 0.0;
  double squares = 0.0;
  for (double& d : differences) {
    d /= 10.0;
    sum += d;
    squares += d * d;
  }
  const double p = sign_flip_test(differences, 9999, 1);
  CHECK(p == sign_flip_test(differences, 9, 2));  // no chance in it
  // That many make the sum normal; the sums lie 0.2 apart, hence the half step back.
  const double normal = std::erfc((std::abs(sum) - 0.1) / std::sqrt(2.0 * squares));
  CHECK(std::abs(p - normal) <= 1e-5);
}

TEST_CASE("McNemar's test is the binomial test") {
  for (const auto& c : cases("differences", "mcnemar")) {
    check_close(mcnemar_test(c.at("a"), c.at("b")), c.at("p"), 1e-7);
    CHECK(mcnemar_test(c.at("a"), c.at("b")) == mcnemar_test(c.at("b"), c.at("a")));
  }
  CHECK_THROWS_AS(mcnemar_test(-1, 3), ShapeError);
}

TEST_CASE("no test finds more than it may where there is nothing") {
  constexpr int trials = 2000;
  int t_found = 0;
  int flips_found = 0;
  int drawn_found = 0;
  int mcnemar_found = 0;
  for (int t = 0; t < trials; ++t) {
    const auto sample = static_cast<std::uint64_t>(2 * t);
    t_found += paired_t_test(normals(5, sample), normals(5, sample + 1))->p <= 0.05;
    flips_found += sign_flip_test(normals(9, sample)) <= 0.05;
    drawn_found += sign_flip_test(normals(20, sample), 199, sample) <= 0.05;
    int a = 0;
    for (const double v : normals(40, sample)) a += v > 0.0;
    mcnemar_found += mcnemar_test(a, 40 - a) <= 0.05;
  }
  const double most = 0.05 + four_sigma(0.05, trials);
  CHECK(t_found <= most * trials);
  CHECK(flips_found <= most * trials);
  CHECK(drawn_found <= most * trials);
  CHECK(mcnemar_found <= most * trials);
  const double least = 0.05 - four_sigma(0.05, trials);
  CHECK(t_found >= least * trials);
  CHECK(drawn_found >= least * trials);
}

TEST_CASE("Holm's adjustment is statsmodels'") {
  for (const auto& c : cases("differences", "holm")) {
    const Values found = holm_adjusted(c.at("p").get<Values>());
    const Values expected = c.at("adjusted");
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) check_close(found[i], expected[i]);
  }
}

TEST_CASE("Holm's adjustment: at least the raw p, in its order, at most 1") {
  for (std::uint64_t sample = 0; sample < 50; ++sample) {
    CounterRng rng(sample, RandomPurpose::data_split);
    Values p(1 + sample % 20);
    for (double& v : p) v = std::pow(static_cast<double>(rng.uniform()), 3.0);
    const Values adjusted = holm_adjusted(p);
    const auto n = static_cast<double>(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      CHECK(adjusted[i] >= p[i]);
      CHECK(adjusted[i] <= std::min(1.0, n * p[i]));  // Bonferroni's is never smaller
      for (std::size_t j = 0; j < p.size(); ++j) {
        if (p[i] <= p[j]) CHECK(adjusted[i] <= adjusted[j]);
      }
    }
  }
  CHECK(holm_adjusted({}).empty());
  CHECK_THROWS_AS(holm_adjusted(Values{0.5, not_a_number}), ShapeError);
  CHECK_THROWS_AS(holm_adjusted(Values{1.5}), ShapeError);
  CHECK_THROWS_AS(holm_adjusted(Values{-0.1}), ShapeError);
}

// ---- ranks

TEST_CASE("Friedman's test is SciPy's") {
  for (const auto& c : cases("ranks", "friedman")) {
    const auto scores = c.at("scores").get<std::vector<Values>>();
    const RankComparison found = friedman(scores);
    const Values ranks = c.at("mean_ranks");
    REQUIRE(found.mean_ranks.size() == ranks.size());
    double sum = 0.0;
    for (std::size_t m = 0; m < ranks.size(); ++m) {
      check_close(found.mean_ranks[m], ranks[m]);
      sum += found.mean_ranks[m];
    }
    const auto k = static_cast<double>(ranks.size());
    check_close(sum, k * (k + 1.0) / 2.0);
    check_close(found.chi_squared, c.at("chi_squared"));
    check_close(found.p, c.at("p"));
    check_close(found.critical_difference, c.at("critical_difference"), 1e-6);  // SciPy's own error
  }
}

TEST_CASE("the range of normal numbers has SciPy's quantiles, and Demsar's table") {
  for (const auto& c : cases("ranks", "studentized_range")) {
    check_close(detail::normal_range_quantile(c.at("probability"), c.at("k")), c.at("q"), 1e-6);
  }
  // Two numbers: q / sqrt(2) is the normal quantile.
  check_close(detail::normal_range_quantile(0.95, 2) / std::sqrt(2.0), 1.959963984540054);
  // Demsar 2006, table 5(a), 2 to 10 methods at 0.05.
  const Values table{1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double q = detail::normal_range_quantile(0.95, static_cast<int>(i) + 2) / std::sqrt(2.0);
    CHECK(std::abs(q - table[i]) <= 0.0011);  // its three digits are not all rounded the same way
  }
}

TEST_CASE("ranks: ties, cliques and a method that wins everywhere") {
  const RankComparison tied = friedman(std::vector<Values>(6, Values(3, 0.5)));
  CHECK(tied.mean_ranks == Values(3, 2.0));
  CHECK(tied.chi_squared == 0.0);
  CHECK(tied.p == 1.0);
  CHECK(tied.cliques == std::vector<std::vector<int>>{{0, 1, 2}});

  // Ranks 4, 3, 2, 1 on 20 data sets; the critical difference is 1.05: neighbours are together.
  const std::vector<Values> scores(20, Values{0.1, 0.2, 0.3, 0.4});
  const RankComparison ladder = friedman(scores);
  CHECK(ladder.mean_ranks == Values{4.0, 3.0, 2.0, 1.0});
  check_close(ladder.chi_squared, 60.0);
  CHECK(ladder.critical_difference > 1.0);
  CHECK(ladder.cliques == std::vector<std::vector<int>>{{3, 2}, {2, 1}, {1, 0}});
  // On 100 the critical difference is 0.47: each on its own.
  const RankComparison apart = friedman(std::vector<Values>(100, Values{0.1, 0.2, 0.3, 0.4}));
  CHECK(apart.cliques == std::vector<std::vector<int>>{{3}, {2}, {1}, {0}});
  // A stricter level tells fewer apart.
  CHECK(friedman(scores, 0.01).critical_difference > ladder.critical_difference);
}

TEST_CASE("ranks: cliques are all the maximal ones") {
  for (std::uint64_t sample = 0; sample < 30; ++sample) {
    std::vector<Values> scores;
    const std::size_t k = 2 + sample % 9;
    for (std::size_t d = 0; d < 8 + 4 * sample; ++d) {
      scores.push_back(normals(k, 1000 * sample + d));
      for (std::size_t m = 0; m < k; ++m) scores.back()[m] += 0.4 * static_cast<double>(m % 5);
    }
    const RankComparison found = friedman(scores);
    const auto together = [&](int a, int b) {
      return std::abs(found.mean_ranks[static_cast<std::size_t>(a)] -
                      found.mean_ranks[static_cast<std::size_t>(b)]) <=
             found.critical_difference + 1e-12;
    };
    for (const auto& clique : found.cliques) {
      CHECK(together(clique.front(), clique.back()));
      CHECK(std::is_sorted(clique.begin(), clique.end(), [&](int a, int b) {
        return found.mean_ranks[static_cast<std::size_t>(a)] <
               found.mean_ranks[static_cast<std::size_t>(b)];
      }));
      for (int m = 0; m < static_cast<int>(k); ++m) {  // none can be added
        if (std::count(clique.begin(), clique.end(), m) != 0) continue;
        CHECK_FALSE(
            std::all_of(clique.begin(), clique.end(), [&](int o) { return together(m, o); }));
      }
    }
    for (int a = 0; a < static_cast<int>(k); ++a) {  // and none is missing
      for (int b = 0; b < static_cast<int>(k); ++b) {
        const bool shared = std::any_of(found.cliques.begin(), found.cliques.end(),
                                        [&](const std::vector<int>& clique) {
                                          return std::count(clique.begin(), clique.end(), a) != 0 &&
                                                 std::count(clique.begin(), clique.end(), b) != 0;
                                        });
        CHECK(shared == together(a, b));
      }
    }
  }
}

TEST_CASE("ranks: shapes that do not fit") {
  CHECK_THROWS_AS(friedman({}), ShapeError);
  CHECK_THROWS_AS(friedman(std::vector<Values>{{1.0}}), ShapeError);
  CHECK_THROWS_AS(friedman(std::vector<Values>{{1.0, 2.0}, {1.0}}), ShapeError);
  CHECK_THROWS_AS(friedman(std::vector<Values>{{1.0, not_a_number}}), ShapeError);
  CHECK_THROWS_AS(friedman(std::vector<Values>{{1.0, 2.0}}, 0.0), ShapeError);
}

// ---- power

TEST_CASE("the power of the paired t test is statsmodels'") {
  for (const auto& c : cases("power", "power")) {
    const double effect = c.at("effect");
    check_close(paired_power(c.at("n"), 1.0, effect, c.at("level")), c.at("power"), 1e-8);
    check_close(paired_power(c.at("n"), 0.02, -0.02 * effect, c.at("level")), c.at("power"), 1e-8);
  }
  for (const auto& c : cases("power", "power_of_large_effects")) {
    const double found = paired_power(c.at("n"), 1.0, c.at("effect"), c.at("level"));
    CHECK(std::abs(found - c.at("power").get<double>()) <= 1e-8);
  }
  for (const auto& c : cases("power", "pairs_needed")) {
    CHECK(pairs_needed(1.0, c.at("effect"), c.at("power"), c.at("level")) == c.at("n").get<int>());
  }
}

TEST_CASE("the power of the paired t test is how often it finds the difference") {
  constexpr int trials = 4000;
  int found = 0;
  for (int t = 0; t < trials; ++t) {
    found += paired_t_test(normals(6, static_cast<std::uint64_t>(t), 1.5), Values(6))->p <= 0.05;
  }
  const double power = paired_power(6, 1.0, 1.5);
  CHECK(std::abs(found / double{trials} - power) <= four_sigma(power, trials));
}

TEST_CASE("the pairs needed are the fewest") {
  for (const double difference : {3.0, 1.0, 0.31, -0.1, 0.01}) {
    for (const double power : {0.5, 0.8, 0.99}) {
      const int n = pairs_needed(1.0, difference, power);
      CHECK(paired_power(n, 1.0, difference) >= power);
      if (n > 2) CHECK(paired_power(n - 1, 1.0, difference) < power);
    }
  }
  CHECK(pairs_needed(0.0, 0.1) == 2);
  CHECK(pairs_needed(1.0, 1e-9) == 1'000'000);
  CHECK(pairs_needed(1e-300, 1e300) == 2);
  CHECK_THROWS_AS(pairs_needed(1.0, 0.0), ShapeError);
  CHECK_THROWS_AS(pairs_needed(1.0, not_a_number), ShapeError);
  CHECK_THROWS_AS(pairs_needed(-1.0, 1.0), ShapeError);
  CHECK_THROWS_AS(pairs_needed(1.0, 1.0, 1.0), ShapeError);
  CHECK_THROWS_AS(pairs_needed(1.0, 1.0, 0.8, 0.0), ShapeError);
}

TEST_CASE("power at its ends") {
  check_close(paired_power(10, 1.0, 0.0, 0.05), 0.05);
  CHECK(paired_power(10, 0.0, 0.1) == 1.0);
  CHECK(paired_power(10, 0.0, 0.0) == 0.0);
  CHECK(paired_power(1'000'000, 1.0, 1.0) == 1.0);
  for (const int n : {2, 3, 5, 1000, 1'000'000}) {
    for (const double level : {0.05, 1e-6}) {
      double before = level;
      for (double difference = 1e-9; difference < 1e300; difference *= 1.7) {
        const double power = paired_power(n, 1.0, difference, level);
        CAPTURE(n, level, difference);
        if (power < before - 1e-8 || power > 1.0) FAIL_CHECK("the power fell to " << power);
        before = power;
      }
      CHECK(before == 1.0);
    }
  }
  CHECK_THROWS_AS(paired_power(1, 1.0, 1.0), ShapeError);
}
