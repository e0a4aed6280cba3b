// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/candidates/sparse.hpp"
#include "candist/methods.hpp"
#include "candist/training/row_program.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// N rows with candidate sets and logits of their own.
struct Problem {
  int classes;
  Annotations annotations;
  std::vector<std::vector<float>> logits;
  std::vector<std::vector<bool>> s;

  Problem(std::int64_t rows, int c, std::uint64_t seed) : classes(c), annotations(c) {
    for (std::int64_t i = 0; i < rows; ++i) {
      const int size = 1 + static_cast<int>((seed + static_cast<std::uint64_t>(i)) % 3);
      const RandomRow row(c, std::min(size, c), seed * 1000 + static_cast<std::uint64_t>(i));
      std::vector<std::int32_t> labels;
      std::vector<bool> members;
      for (const Cell& cell : row.cells) {
        if (cell.candidate) labels.push_back(cell.label);
        members.push_back(cell.candidate);
      }
      annotations.add(labels);
      logits.push_back(row.logits);
      s.push_back(members);
    }
  }
  std::int64_t rows() const { return static_cast<std::int64_t>(logits.size()); }
};

struct Visit {
  std::vector<float> gradient;
  std::vector<float> target;
  VisitReport report;
};

template <class Program>
Visit visit_row(Program& program, std::int64_t row, const std::vector<float>& logits) {
  Visit v;
  v.gradient.resize(logits.size());
  v.target.resize(logits.size());
  const auto classes = static_cast<std::int64_t>(logits.size());
  v.report =
      program.visit(std::span(&row, 1), {logits.data(), 1, classes}, Denominator::rows_with_target,
                    {v.gradient.data(), 1, classes}, {v.target.data(), 1, classes});
  return v;
}

template <class Program>
void note_all(Program& program, const Problem& problem) {
  for (std::int64_t i = 0; i < problem.rows(); ++i) {
    program.note(i, {problem.logits[static_cast<std::size_t>(i)].data(), 1, problem.classes});
  }
}

std::vector<double> renormalised(const std::vector<float>& logits, const std::vector<bool>& s) {
  const auto p = softmax_of(std::vector<double>(logits.begin(), logits.end()));
  double mass = 0.0;
  for (std::size_t j = 0; j < p.size(); ++j) mass += s[j] ? p[j] : 0.0;
  std::vector<double> q;
  for (std::size_t j = 0; j < p.size(); ++j) q.push_back(s[j] ? p[j] / mass : 0.0);
  return q;
}

/// Eq. 1-5 of the paper and the procedure of Alg. 1, as slowly and literally as they are printed:
/// the targets of all rows given the stored Q and the predictions P of an evaluation pass. No
/// target = an empty vector.
std::vector<std::vector<double>> literal_targets(const Problem& problem,
                                                 const std::vector<std::vector<double>>& Q,
                                                 const DistributionRefineryOptions& o) {
  const std::size_t n = problem.logits.size();
  const auto C = static_cast<std::size_t>(problem.classes);
  std::vector<std::vector<double>> P;
  std::vector<std::size_t> top(n);
  std::vector<bool> out(n), sl(n), hc(n);
  std::vector<double> l(n);
  for (std::size_t i = 0; i < n; ++i) {
    P.push_back(
        softmax_of(std::vector<double>(problem.logits[i].begin(), problem.logits[i].end())));
    for (std::size_t j = 1; j < C; ++j) top[i] = P[i][j] > P[i][top[i]] ? j : top[i];
    out[i] = o.filter_outside == Switch::on && !problem.s[i][top[i]];  // Eq. 2
    const auto r = renormalised(problem.logits[i], problem.s[i]);
    for (std::size_t j = 0; j < C; ++j) l[i] -= r[j] > 0 ? r[j] * std::log(P[i][j]) : 0.0;
    hc[i] = out[i] && o.rescue == Switch::on && P[i][top[i]] > o.tau;  // Eq. 4
  }
  if (o.sharpen == Switch::on) {  // Eq. 3
    for (std::size_t c = 0; c < (o.class_wise == Switch::on ? C : 1); ++c) {
      std::vector<std::size_t> members;
      for (std::size_t i = 0; i < n; ++i) {
        if (!out[i] && (o.class_wise == Switch::off || top[i] == c)) members.push_back(i);
      }
      std::stable_sort(members.begin(), members.end(),
                       [&](std::size_t a, std::size_t b) { return l[a] < l[b]; });
      const auto keep =
          static_cast<std::size_t>(std::ceil(o.delta * static_cast<double>(members.size()) - 1e-6));
      for (std::size_t k = 0; k < std::min(members.size(), std::max<std::size_t>(keep, 1)); ++k)
        sl[members[k]] = true;
    }
  }
  std::vector<std::vector<double>> targets(n);
  for (std::size_t i = 0; i < n; ++i) {  // Eq. 5
    if (sl[i]) {
      double sum = 0.0;
      for (std::size_t j = 0; j < C; ++j) sum += std::pow(Q[i][j], 1.0 / o.gamma);
      for (std::size_t j = 0; j < C; ++j)
        targets[i].push_back(std::pow(Q[i][j], 1.0 / o.gamma) / sum);
    } else if (!out[i]) {
      targets[i] = Q[i];
    } else if (hc[i]) {
      targets[i].assign(C, 0.0);
      targets[i][top[i]] = 1.0;
    }
  }
  return targets;
}

}  // namespace

TEST_CASE("the Distribution Refinery is Eq. 1-5, with every part of Table 6 on or off",
          "[refineries]") {
  const auto sw = [](int bits, int bit) { return (bits >> bit) & 1 ? Switch::on : Switch::off; };
  for (int bits = 0; bits < 32; ++bits) {
    for (const int classes : {2, 5, 6, 25}) {
      Problem problem(120, classes, static_cast<std::uint64_t>(bits + 1));
      DistributionRefineryOptions options;
      options.renormalise = sw(bits, 0);
      options.filter_outside = sw(bits, 1);
      options.sharpen = sw(bits, 2);
      options.class_wise = sw(bits, 3);
      options.rescue = sw(bits, 4);
      options.tau = 0.8f;
      options.delta = 0.4f;
      options.warm_up_epochs = 1;
      const SparseCandidates set(problem.annotations);
      RowProgram program(SoftTargetCe{}, DistributionRefinery(options), set.view());

      // Epoch 0 warms up: uniform targets, then Eq. 1 from the visit's own forward.
      program.begin_epoch(0);
      std::vector<std::vector<double>> Q;
      for (std::size_t i = 0; i < problem.logits.size(); ++i) {
        const Visit v = visit_row(program, static_cast<std::int64_t>(i), problem.logits[i]);
        const auto k =
            static_cast<double>(problem.annotations.labels(static_cast<std::int64_t>(i)).size());
        std::vector<double> uniform;
        for (const bool member : problem.s[i]) uniform.push_back(member ? 1.0 / k : 0.0);
        REQUIRE(too_far(v.target, uniform, 4) == "");
        Q.push_back(options.renormalise == Switch::on
                        ? renormalised(problem.logits[i], problem.s[i])
                        : uniform);
      }
      // Epoch 1 selects, from predictions that have moved on.
      for (auto& row : problem.logits) {
        for (std::size_t j = 0; j < row.size(); ++j)
          row[j] = 1.3f * row[j] + 0.1f * static_cast<float>(j % 3);
      }
      CHECK((program.predictions(1) == PredictionSource::evaluation_pass) ==
            (options.filter_outside == Switch::on || options.sharpen == Switch::on));
      note_all(program, problem);
      program.begin_epoch(1);
      const auto expected = literal_targets(problem, Q, options);
      for (std::size_t i = 0; i < problem.logits.size(); ++i) {
        const Visit v = visit_row(program, static_cast<std::int64_t>(i), problem.logits[i]);
        INFO("switches " << bits << ", C = " << classes << ", row " << i);
        REQUIRE((v.report.with_target == 1) == !expected[i].empty());
        if (expected[i].empty()) {
          REQUIRE(v.gradient == std::vector<float>(v.gradient.size(), 0.0f));
        } else {
          REQUIRE(too_far(v.target, expected[i], 32) == "");
        }
      }
    }
  }
}

TEST_CASE("rounding of the small-loss share, and tau >= 1 switches the rescue off",
          "[refineries]") {
  Problem problem(50, 5, 3);
  DistributionRefineryOptions options;
  options.warm_up_epochs = 0;
  options.delta = 0.01f;
  options.tau = 1.0f;
  const SparseCandidates set(problem.annotations);
  const auto sharpened = [&] {
    RowProgram program(SoftTargetCe{}, DistributionRefinery(options), set.view());
    note_all(program, problem);
    program.begin_epoch(0);
    int count = 0;
    for (std::int64_t i = 0; i < problem.rows(); ++i) {
      count += program.plan(i).treatment == Treatment::sharpened ? 1 : 0;
      CHECK(program.plan(i).treatment != Treatment::one_hot);
    }
    return count;
  };
  CHECK(sharpened() >= 1);
  CHECK(sharpened() <= 5);  // one a class that occurs
  options.rounding = DistributionRefineryOptions::Rounding::down;
  CHECK(sharpened() == 0);
}

TEST_CASE("Eq. 1 from the same forward has exactly the gradient of CC", "[refineries]") {
  Problem problem(30, 6, 5);
  const SparseCandidates set(problem.annotations);
  RowProgram ren(SoftTargetCe{}, RenormalisedPrediction{Refresh::before_loss}, set.view());
  RowProgram cc(MarginalNll{}, KeepPrior{}, set.view());
  for (std::size_t i = 0; i < problem.logits.size(); ++i) {
    const Visit a = visit_row(ren, static_cast<std::int64_t>(i), problem.logits[i]);
    const Visit b = visit_row(cc, static_cast<std::int64_t>(i), problem.logits[i]);
    CHECK(too_far(a.gradient, {b.gradient.begin(), b.gradient.end()}, 16) == "");
  }
}

TEST_CASE("PRODEN uses the last visit's prediction, RC that after the step", "[refineries]") {
  Problem problem(10, 6, 7);
  const SparseCandidates set(problem.annotations);
  RowProgram proden(SoftTargetCe{}, RenormalisedPrediction{}, set.view());
  RowProgram rc(SoftTargetCe{}, RenormalisedPrediction{Refresh::after_step}, set.view());
  CHECK_FALSE(proden.wants_revisit());
  REQUIRE(rc.wants_revisit());
  for (std::int64_t i = 0; i < problem.rows(); ++i) {
    const auto& logits = problem.logits[static_cast<std::size_t>(i)];
    std::vector<float> later = logits;
    std::reverse(later.begin(), later.end());
    visit_row(proden, i, logits);
    visit_row(rc, i, logits);
    rc.revisit(std::span(&i, 1), {later.data(), 1, 6});
    const auto& members = problem.s[static_cast<std::size_t>(i)];
    CHECK(too_far(visit_row(proden, i, later).target, renormalised(logits, members), 16) == "");
    CHECK(too_far(visit_row(rc, i, logits).target, renormalised(later, members), 16) == "");
  }
}

TEST_CASE("CAVL never leaves the set, even where all class activation values are negative",
          "[refineries]") {
  Annotations annotations(4);
  annotations.add(std::vector<std::int32_t>{1, 2});
  const SparseCandidates set(annotations);
  RowProgram program(SoftTargetCe{}, ClassActivationValue{}, set.view());
  const std::vector<float> logits{3.0f, -5.0f, -0.5f, 2.0f};
  const std::int64_t row = 0;
  program.revisit(std::span(&row, 1), {logits.data(), 1, 4});
  CHECK(visit_row(program, 0, logits).target == std::vector<float>{0.0f, 0.0f, 1.0f, 0.0f});
  // |1 - z| matters: 0.9 * 0.1 is less than 0.5 * 0.5.
  const std::vector<float> close{0.0f, 0.9f, 0.5f, 0.0f};
  program.revisit(std::span(&row, 1), {close.data(), 1, 4});
  CHECK(visit_row(program, 0, close).target == std::vector<float>{0.0f, 0.0f, 1.0f, 0.0f});
}

TEST_CASE("leveraged weights are shares inside and outside the set", "[refineries]") {
  Problem problem(20, 6, 9);
  const SparseCandidates set(problem.annotations);
  RowProgram program(LeveragedCe{}, LeveragedWeights{}, set.view());
  for (std::int64_t i = 0; i < problem.rows(); ++i) {
    const auto& logits = problem.logits[static_cast<std::size_t>(i)];
    CHECK(visit_row(program, i, logits).target == std::vector<float>(6, 1.0f / 6.0f));
    program.revisit(std::span(&i, 1), {logits.data(), 1, 6});
    const auto target = visit_row(program, i, logits).target;
    double inside = 0.0;
    double outside = 0.0;
    for (std::size_t j = 0; j < 6; ++j)
      (problem.s[static_cast<std::size_t>(i)][j] ? inside : outside) += target[j];
    CHECK(inside == Approx(1.0));
    CHECK(outside == Approx(1.0));
  }
}

TEST_CASE("POP prunes the candidates whose targets stay small, and only those", "[refineries]") {
  Annotations annotations(3);
  annotations.add(std::vector<std::int32_t>{0, 1});
  annotations.add(std::vector<std::int32_t>{0, 1, 2});
  const SparseCandidates set(annotations);
  RowProgram program(
      SoftTargetCe{},
      ProgressivePurification({.warm_up_epochs = 5, .window = 5, .threshold = 0.05f}), set.view());
  const std::vector<float> clear{5.0f, 0.0f, 4.0f};
  const std::vector<float> even{1.0f, 1.0f, 1.0f};
  std::vector<float> target;
  for (int epoch = 0; epoch <= 10; ++epoch) {
    program.begin_epoch(epoch);
    target = visit_row(program, 0, clear).target;
    visit_row(program, 1, even);
  }
  CHECK(target[1] == 0.0f);  // e^-5 of the best: pruned at the second window
  CHECK(target[0] == Approx(1.0f));
  CHECK(visit_row(program, 0, even).target[1] ==
        0.0f);  // and it stays so, whatever the student thinks later
  CHECK(visit_row(program, 0, even).target[0] == Approx(1.0f));
  for (const float t : visit_row(program, 1, even).target) CHECK(t == Approx(1.0f / 3.0f));
}

TEST_CASE("ELR's memory is a running mean of the predictions, this one included", "[refineries]") {
  Annotations annotations(2);
  annotations.add(std::vector<std::int32_t>{0});
  const SparseCandidates set(annotations);
  RowProgram program(EarlyLearning{}, RunningPrediction{.beta = 0.75f}, set.view());
  const std::vector<float> logits{std::log(3.0f), 0.0f};  // p = (3/4, 1/4)
  visit_row(program, 0, logits);
  CHECK(program.store().memory()(0, 0) == Approx(0.25 * 0.75));
  visit_row(program, 0, logits);
  CHECK(program.store().memory()(0, 0) == Approx(0.25 * 0.75 + 0.75 * 0.25 * 0.75));
  CHECK(visit_row(program, 0, logits).target == std::vector<float>{1.0f, 0.0f});
}

TEST_CASE("FreeAL's mixture finds the two groups of losses", "[refineries]") {
  std::vector<double> losses;
  CounterRng rng(1, RandomPurpose::resampling);
  for (int i = 0; i < 400; ++i)
    losses.push_back(std::abs(i % 4 == 0 ? 0.7 + 0.05 * rng.normal() : 0.1 + 0.05 * rng.normal()));
  const std::vector<double> clean = SmallLossMixture{}.lower_component(losses);
  for (int i = 0; i < 400; ++i) CHECK((clean[static_cast<std::size_t>(i)] > 0.7) == (i % 4 != 0));
}

TEST_CASE("FreeAL trains on everything at first and drops the rows of large loss later",
          "[refineries]") {
  Annotations annotations(2);
  for (int i = 0; i < 100; ++i) annotations.add(std::vector<std::int32_t>{0});
  const SparseCandidates set(annotations);
  RowProgram program(SoftTargetCe{}, SmallLossMixture{}, set.view());
  for (std::int64_t i = 0; i < 100; ++i) {
    const std::vector<float> logits{(i % 5 == 0 ? -3.0f : 3.0f) + 0.01f * static_cast<float>(i % 7),
                                    0.0f};
    program.note(i, {logits.data(), 1, 2});
  }
  program.begin_epoch(3);
  for (std::int64_t i = 0; i < 100; ++i) CHECK(program.has_target(i));
  program.begin_epoch(4);
  for (std::int64_t i = 0; i < 100; ++i) CHECK(program.has_target(i) == (i % 5 != 0));
}

TEST_CASE("a loss that is not finite stops the training and names the row and its candidates",
          "[refineries]") {
  Problem problem(3, 6, 11);
  const SparseCandidates set(problem.annotations);
  RowProgram program(SoftTargetCe{}, KeepPrior{}, set.view());
  std::vector<float> logits = problem.logits[2];
  logits[4] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(visit_row(program, 2, logits),
                    Catch::Contains("row 2") && Catch::Contains("candidates"));
}

TEST_CASE("the mean is over the rows that have a target, or over the batch where that is asked for",
          "[refineries]") {
  Annotations annotations(2);
  annotations.add(std::vector<std::int32_t>{0});
  annotations.add({});
  const SparseCandidates set(annotations);
  const std::vector<float> logits{0.0f, 0.0f, 0.0f, 0.0f};
  const std::vector<std::int64_t> rows{0, 1};
  for (const auto& [denominator, expected] :
       {std::pair{Denominator::rows_with_target, -0.5f}, {Denominator::batch_rows, -0.25f}}) {
    RowProgram program(SoftTargetCe{}, KeepPrior{}, set.view());
    std::vector<float> gradient(4);
    std::vector<float> targets(4);
    const VisitReport report = program.visit(rows, {logits.data(), 2, 2}, denominator,
                                             {gradient.data(), 2, 2}, {targets.data(), 2, 2});
    CHECK(report.with_target == 1);
    CHECK(gradient[0] == Approx(expected));
    CHECK(gradient[2] == 0.0f);
  }
}

TEST_CASE("every method runs through a visit with finite gradients, empty sets included",
          "[refineries]") {
  Problem problem(40, 6, 13);
  problem.annotations.add({});
  problem.logits.push_back({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f});
  problem.s.emplace_back(6, false);
  for_each_type(AllMethods{}, [&]<class M>() {
    const Annotations annotations = M::labels == LabelSource::candidates
                                        ? problem.annotations
                                        : problem.annotations.singles_only();
    const SparseCandidates set(annotations);
    RowProgram program(M::loss(), M::refinery(), set.view());
    for (int epoch = 0; epoch < 6; ++epoch) {
      note_all(program, problem);
      program.begin_epoch(epoch);
      for (std::int64_t i = 0; i < problem.rows(); ++i) {
        const Visit v = visit_row(program, i, problem.logits[static_cast<std::size_t>(i)]);
        if (program.wants_revisit()) {
          program.revisit(std::span(&i, 1),
                          {problem.logits[static_cast<std::size_t>(i)].data(), 1, 6});
        }
        INFO(M::name);
        for (const float g : v.gradient) REQUIRE(std::isfinite(g));
        if (i == 40) REQUIRE(v.gradient == std::vector<float>(6, 0.0f));
      }
    }
  });
}
