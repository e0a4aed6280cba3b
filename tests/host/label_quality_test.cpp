// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Accuracy of labels without gold, calibration of their confidences, ranking of what to check: by
// simulation, where the truth is known.
#include "candist/metrics/label_quality.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "support/catch.hpp"

using namespace candist;

namespace {

double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

/// Labels that are right with probability sigmoid(t), t normal; their confidence is sigmoid(scale * t
/// + shift): calibrated for 1 and 0 only.
struct World {
  int rows = 5000;
  int checked = 100;
  double mean = 2.0;
  double spread = 2.0;
  double scale = 1.0;
  double shift = 0.0;
};

struct Labelled {
  std::vector<double> confidences;
  std::vector<std::uint8_t> right;

  double accuracy() const {
    return std::accumulate(right.begin(), right.end(), 0.0) / static_cast<double>(right.size());
  }
};

Labelled draw_world(const World& world, std::uint64_t seed) {
  Labelled labelled;
  CounterRng rng(seed, RandomPurpose::simulated_annotator);
  for (int i = 0; i < world.rows; ++i) {
    const double t = world.mean + world.spread * static_cast<double>(rng.normal());
    labelled.right.push_back(rng.uniform() < sigmoid(t) ? 1 : 0);
    labelled.confidences.push_back(sigmoid(world.scale * t + world.shift));
  }
  return labelled;
}

std::vector<CheckedLabel> check_sample(const Labelled& labelled, int count, std::uint64_t seed) {
  std::vector<CheckedLabel> checked;
  const auto rows = static_cast<std::int64_t>(labelled.right.size());
  for (const std::int64_t row : sample_rows(rows, count, seed))
    checked.push_back({row, labelled.right[static_cast<std::size_t>(row)] != 0});
  return checked;
}

/// What many samples of one world come to.
struct Coverage {
  double sample = 0.0;    ///< share of intervals that hold the true accuracy
  double assisted = 0.0;  ///< the same, of the assisted one, or the other where there is none
  double offered = 0.0;   ///< share of samples with an assisted estimate
  double sample_width = 0.0;
  double assisted_width = 0.0;
  double sample_bias = 0.0;
  double assisted_bias = 0.0;
};

Coverage simulate(const World& world, int rounds = 1000) {
  Coverage coverage;
  const double each = 1.0 / rounds;
  // Ten populations, so that neither their chance nor that of the samples counts alone.
  Labelled labelled;
  for (int round = 0; round < rounds; ++round) {
    if (round % (rounds / 10) == 0)
      labelled = draw_world(world, static_cast<std::uint64_t>(round) + 1);
    const double truth = labelled.accuracy();
    const ExpectedAccuracy estimate = expected_accuracy(
        labelled.confidences, check_sample(labelled, world.checked, 1000 + round));
    const auto holds = [&](const ShareEstimate& share) {
      return share.interval.low <= truth && truth <= share.interval.high ? each : 0.0;
    };
    const ShareEstimate best = estimate.assisted.value_or(estimate.sample);
    coverage.sample += holds(estimate.sample);
    coverage.assisted += holds(best);
    coverage.offered += estimate.assisted ? each : 0.0;
    coverage.sample_width += each * (estimate.sample.interval.high - estimate.sample.interval.low);
    coverage.assisted_width += each * (best.interval.high - best.interval.low);
    coverage.sample_bias += each * (estimate.sample.share - truth);
    coverage.assisted_bias += each * (best.share - truth);
  }
  return coverage;
}

}  // namespace

TEST_CASE("both intervals cover the true accuracy, however wrong the confidences are") {
  const World world = GENERATE(World{},                                // calibrated
                               World{5000, 100, 2.0, 2.0, 3.0, 0.0},   // too sure
                               World{5000, 100, 2.0, 2.0, 0.3, -1.0},  // too unsure
                               World{5000, 100, 2.0, 2.0, -1.0, 0.0},  // upside down
                               World{5000, 100, 2.0, 2.0, 0.0, 1.0},   // all the same
                               World{5000, 100, 3.5, 2.0, 2.0, 1.0},   // 90 % right
                               World{5000, 100, 5.0, 2.5, 2.0, 0.0},   // 95 % right
                               World{5000, 30, 2.0, 2.0, 2.0, 0.0},    // few checked
                               World{200, 100, 2.0, 2.0, 2.0, 0.0});   // half checked
  const Coverage coverage = simulate(world);
  CAPTURE(world.rows, world.checked, world.mean, world.scale, world.shift, coverage.offered);
  CHECK(coverage.sample >= 0.93);
  CHECK(coverage.assisted >= 0.93);
  // 1000 estimates: four standard errors of their mean.
  const double allowed = coverage.sample_width;  // about four standard errors of one estimate
  CHECK(std::abs(coverage.sample_bias) < allowed / std::sqrt(1000.0));
  CHECK(std::abs(coverage.assisted_bias) < allowed / std::sqrt(1000.0));
}

TEST_CASE("the assisted interval is the narrower one where confidences tell right from wrong") {
  for (const double scale : {1.0, 3.0}) {
    const Coverage informative = simulate({5000, 100, 2.0, 2.0, scale, 0.0}, 200);
    CHECK(informative.offered == Approx(1.0));
    CHECK(informative.assisted_width < 0.85 * informative.sample_width);
  }
  const Coverage sharp = simulate({5000, 100, 2.0, 6.0, 1.0, 0.0}, 200);
  CHECK(sharp.assisted_width < 0.6 * sharp.sample_width);
  const Coverage silent = simulate({5000, 100, 2.0, 2.0, 0.0, 1.0}, 200);
  CHECK(silent.assisted_width == Approx(silent.sample_width).epsilon(0.03));
}

TEST_CASE("a sample of right ones only has an interval, and no assistance") {
  const std::vector<double> confidences(1000, 0.9);
  std::vector<CheckedLabel> checked;
  for (std::int64_t row = 0; row < 50; ++row) checked.push_back({row, true});
  const ExpectedAccuracy estimate = expected_accuracy(confidences, checked);
  CHECK(estimate.sample.share == 1.0);
  CHECK(estimate.sample.interval.high == 1.0);
  CHECK(estimate.sample.interval.low > 0.92);
  CHECK(estimate.sample.interval.low < 0.95);
  CHECK(!estimate.assisted);
  CHECK(estimate.mean_confidence == Approx(0.9));
  for (std::size_t i = 0; i < 4; ++i) checked[i].right = false;
  CHECK(!expected_accuracy(confidences, checked).assisted);
  checked[4].right = false;
  CHECK(expected_accuracy(confidences, checked).assisted);
}

TEST_CASE(
    "the interval of a finite population is exact, and Clopper and Pearson's in a large one") {
  // Everything checked: nothing is left to chance.
  const ShareEstimate all = share_of_finite(7, 10, 10);
  CHECK(all.interval.low == 0.7);
  CHECK(all.interval.high == 0.7);
  for (const std::int64_t right : {0, 1, 37, 99, 100}) {
    const Interval infinite = proportion_interval(right, 100);
    const ShareEstimate large = share_of_finite(right, 100, 10000000);
    CHECK(large.interval.low == Approx(infinite.low).margin(2e-6));
    CHECK(large.interval.high == Approx(infinite.high).margin(2e-6));
    const ShareEstimate small = share_of_finite(right, 100, 150);
    CHECK(small.interval.low >= infinite.low);
    CHECK(small.interval.high <= infinite.high);
    CHECK(small.interval.low <= small.share);
    CHECK(small.interval.high >= small.share);
  }
  // Exact coverage, by summing over all samples, for every number of right ones.
  for (std::int64_t truth = 0; truth <= 30; ++truth) {
    double covered = 0.0;
    double total = 0.0;
    for (std::int64_t seen = std::max<std::int64_t>(0, truth - 18);
         seen <= std::min<std::int64_t>(12, truth); ++seen) {
      const double chance = detail::hypergeometric(seen, seen, 12, truth, 30);
      const Interval interval = share_of_finite(seen, 12, 30).interval;
      const double share = static_cast<double>(truth) / 30.0;
      total += chance;
      if (interval.low <= share + 1e-12 && share <= interval.high + 1e-12) covered += chance;
    }
    CAPTURE(truth);
    CHECK(total == Approx(1.0));
    CHECK(covered >= 0.95);
  }
  CHECK_THROWS_AS(share_of_finite(0, 0, 10), ShapeError);
  CHECK_THROWS_AS(share_of_finite(3, 2, 10), ShapeError);
  CHECK_THROWS_AS(share_of_finite(3, 12, 10), ShapeError);
}

TEST_CASE("Platt scaling finds the parameters that made the labels") {
  // Confidences sigmoid(scale t + shift) of truth sigmoid(t): the slope is 1 / scale, the intercept
  // -shift / scale.
  for (const World& world :
       {World{}, World{5000, 100, 1.0, 2.0, 3.0, 0.5}, World{5000, 100, 1.0, 1.0, 0.5, -0.5}}) {
    World large = world;
    large.rows = 200000;
    const Labelled labelled = draw_world(large, 11);
    const PlattScaling scaling = fit_platt(labelled.confidences, labelled.right);
    CHECK(scaling.slope == Approx(1.0 / world.scale).epsilon(0.03));
    CHECK(scaling.intercept == Approx(-world.shift / world.scale).margin(0.03));
  }
}

TEST_CASE("the gradient and the Hessian of Platt's objective are its derivatives") {
  const Labelled labelled = draw_world({200, 0, 1.0, 2.0, 2.0, 0.5}, 3);
  const PlattObjective objective(labelled.confidences, labelled.right);
  constexpr double h = 1e-5;
  for (const PlattScaling& at :
       {PlattScaling{0.0, 0.0}, PlattScaling{1.0, -0.5}, PlattScaling{-0.3, 2.0}}) {
    const auto value = objective.at(at);
    const auto left = objective.at({at.slope - h, at.intercept});
    const auto right = objective.at({at.slope + h, at.intercept});
    const auto below = objective.at({at.slope, at.intercept - h});
    const auto above = objective.at({at.slope, at.intercept + h});
    CHECK(value.slope_gradient ==
          Approx((right.loss - left.loss) / (2 * h)).epsilon(1e-6).margin(1e-5));
    CHECK(value.intercept_gradient ==
          Approx((above.loss - below.loss) / (2 * h)).epsilon(1e-6).margin(1e-5));
    CHECK(value.hessian[0] ==
          Approx((right.slope_gradient - left.slope_gradient) / (2 * h)).epsilon(1e-6));
    CHECK(
        value.hessian[1] ==
        Approx((above.slope_gradient - below.slope_gradient) / (2 * h)).epsilon(1e-6).margin(1e-6));
    CHECK(value.hessian[2] ==
          Approx((above.intercept_gradient - below.intercept_gradient) / (2 * h)).epsilon(1e-6));
  }
  const auto minimum = objective.at(fit_platt(labelled.confidences, labelled.right));
  CHECK(minimum.slope_gradient == Approx(0.0).margin(1e-5));
  CHECK(minimum.intercept_gradient == Approx(0.0).margin(1e-5));
}

TEST_CASE("Platt scaling of samples that say little is finite") {
  const std::vector<std::uint8_t> right{1, 1, 1, 0, 0};
  // Separable, with confidences of 0 and 1 among them.
  const std::vector<double> separable{1.0, 0.99, 0.9, 0.1, 0.0};
  const PlattScaling sharp = fit_platt(separable, right);
  CHECK(std::isfinite(sharp.slope));
  CHECK(sharp.slope > 0.0);
  CHECK(sharp(1.0) < 0.9);  // the targets are 4/5 and 1/4
  // One confidence: the smoothed share of right ones, whatever is asked.
  const PlattScaling flat = fit_platt(std::vector<double>(5, 0.9), right);
  CHECK(flat.slope == 0.0);
  CHECK(flat(0.3) == Approx((3 * 0.8 + 2 * 0.25) / 5));
  // One kind of verdict.
  const PlattScaling only =
      fit_platt(std::vector<double>{0.9, 0.8, 0.6}, std::vector<std::uint8_t>{1, 1, 1});
  CHECK(only(0.7) == Approx(0.8).margin(1e-6));
  CHECK(fit_platt({}, {}).slope == 1.0);
  CHECK_THROWS_AS(fit_platt(separable, std::vector<std::uint8_t>{1}), ShapeError);
}

TEST_CASE("calibration lowers the error of labels it was not fitted to") {
  const Labelled labelled = draw_world({2000, 0, 1.0, 2.0, 4.0, 1.0}, 5);
  const CalibrationError before = calibration_error(labelled.confidences, labelled.right);
  const CrossFitPlatt fitted = cross_fit_platt(labelled.confidences, labelled.right);
  REQUIRE(fitted.scalings.size() == 10);
  std::vector<double> calibrated;
  for (std::size_t i = 0; i < labelled.confidences.size(); ++i)
    calibrated.push_back(fitted.of(i)(labelled.confidences[i]));
  const CalibrationError after = calibration_error(calibrated, labelled.right);
  CHECK(before.expected > 0.15);
  CHECK(after.expected < 0.05);
  CHECK(after.brier < before.brier);
  // A label's own verdict has no say in its scaling.
  auto flipped = labelled.right;
  flipped[7] = 1 - flipped[7];
  const CrossFitPlatt other = cross_fit_platt(labelled.confidences, flipped);
  CHECK(other.of(7).slope == fitted.of(7).slope);
  CHECK(other.of(8).slope != fitted.of(8).slope);
}

TEST_CASE("the ranking falls with the score; outside labels come first among equals") {
  using Side = CandidateSide;
  const std::vector<double> confidences{0.9, 0.5, 0.9, 0.7, 0.99, 0.5};
  const std::vector<Side> sides{Side::inside,  Side::inside,  Side::outside,
                                Side::unknown, Side::outside, Side::outside};
  const auto plain = error_scores(confidences, sides);
  CHECK(rank_by_error(plain, sides) == std::vector<std::int64_t>{5, 1, 3, 2, 0, 4});
  // As a checked sample shows, six of ten outside labels are wrong: whatever their confidence.
  const auto informed = error_scores(confidences, sides, 0.6);
  CHECK(rank_by_error(informed, sides) == std::vector<std::int64_t>{2, 4, 5, 1, 3, 0});
  const auto order = rank_by_error(informed, sides);
  for (std::size_t i = 1; i < order.size(); ++i)
    CHECK(informed[static_cast<std::size_t>(order[i - 1])] >=
          informed[static_cast<std::size_t>(order[i])]);
  // Less confidence never makes a label look better.
  for (double c = 0.0; c < 0.9; c += 0.1)
    CHECK(error_scores(std::vector{c}, std::vector{Side::outside}, 0.6)[0] >=
          error_scores(std::vector{c + 0.1}, std::vector{Side::outside}, 0.6)[0]);
  CHECK_THROWS_AS(rank_by_error(plain, std::vector<Side>(2)), ShapeError);
}

TEST_CASE("errors outside the candidates are known from five checked ones on") {
  const std::vector<CandidateSide> sides(8, CandidateSide::outside);
  std::vector<CheckedLabel> checked{{0, false}, {1, false}, {2, true}, {3, false}};
  CHECK(!error_outside_candidates(sides, checked));
  checked.push_back({4, true});
  CHECK(error_outside_candidates(sides, checked).value() == Approx(4.0 / 7.0));
  CHECK(!error_outside_candidates(std::vector<CandidateSide>(8), checked));
}

TEST_CASE("samples hold every row alike, none twice, and begin with smaller samples") {
  std::vector<int> drawn(20);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    for (const std::int64_t row : sample_rows(20, 5, seed)) ++drawn[static_cast<std::size_t>(row)];
  }
  for (const int count : drawn) CHECK(std::abs(count - 1000) < 5 * 28);  // deviation sqrt(750)
  std::vector<std::int64_t> all = sample_rows(20, 50, 1);
  const std::vector<std::int64_t> few = sample_rows(20, 5, 1);
  CHECK(std::equal(few.begin(), few.end(), all.begin()));
  std::sort(all.begin(), all.end());
  CHECK(all.size() == 20);
  CHECK(std::unique(all.begin(), all.end()) == all.end());
}
