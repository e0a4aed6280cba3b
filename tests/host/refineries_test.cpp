// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <deque>
#include <limits>
#include <string_view>

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

/// A decimal fraction, exactly.
struct Fraction {
  std::size_t numerator;
  std::size_t denominator;
  /// The fraction of n, rounded up.
  std::size_t up(std::size_t n) const { return (numerator * n + denominator - 1) / denominator; }
  std::size_t down(std::size_t n) const { return numerator * n / denominator; }
  float value() const { return static_cast<float>(numerator) / static_cast<float>(denominator); }
};

/// Eq. 1-5 of the paper and the procedure of Alg. 1, as slowly and literally as they are printed:
/// the targets of all rows given the stored Q and the predictions P of an evaluation pass. No
/// target = an empty vector. delta is the exact fraction, as the paper writes it in decimals.
std::vector<std::vector<double>> literal_targets(const Problem& problem,
                                                 const std::vector<std::vector<double>>& Q,
                                                 const DistributionRefineryOptions& o,
                                                 Fraction delta) {
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
    const auto r = o.selection_loss == DistributionRefineryOptions::SelectionLoss::stored
                       ? Q[i]
                       : renormalised(problem.logits[i], problem.s[i]);
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
      const std::size_t keep = std::max<std::size_t>(delta.up(members.size()), 1);
      for (std::size_t k = 0; k < std::min(members.size(), keep); ++k) sl[members[k]] = true;
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
  using SelectionLoss = DistributionRefineryOptions::SelectionLoss;
  const SelectionLoss selection_loss = GENERATE(SelectionLoss::renormalised, SelectionLoss::stored);
  const Fraction delta{2, 5};
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
      options.delta = delta.value();
      options.selection_loss = selection_loss;
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
      const auto expected = literal_targets(problem, Q, options, delta);
      for (std::size_t i = 0; i < problem.logits.size(); ++i) {
        const Visit v = visit_row(program, static_cast<std::int64_t>(i), problem.logits[i]);
        INFO("switches " << bits << ", C = " << classes << ", row " << i);
        REQUIRE((v.report.with_target == 1) == !expected[i].empty());
        // Q moves on for every row that was visited, with a target or without (method.md 4.5).
        const float* const stored = program.store().targets().row(static_cast<std::int64_t>(i));
        REQUIRE(too_far({stored, stored + classes},
                        options.renormalise == Switch::on
                            ? renormalised(problem.logits[i], problem.s[i])
                            : Q[i],
                        16) == "");
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

TEST_CASE("the defaults of the Distribution Refinery are the paper's", "[refineries]") {
  const DistributionRefineryOptions options;
  CHECK(options.delta == 0.5f);  // Section 5.1 and App. A.3
  CHECK(options.gamma == 0.85f);
  CHECK(options.tau == 0.99f);
  CHECK(options.warm_up_epochs == 3);  // FreeAL's
  for (const Switch part : {options.renormalise, options.filter_outside, options.sharpen,
                            options.class_wise, options.rescue})
    CHECK(part == Switch::on);
  const DistributionRefinery refinery;
  CHECK(refinery.refresh() == Refresh::same_forward);
  CHECK(refinery.sharpening() == Approx(1.0 / 0.85));
  CHECK(refinery.predictions(2) == PredictionSource::none);
  CHECK(refinery.predictions(3) == PredictionSource::evaluation_pass);
}

TEST_CASE("the share of small losses is that of the decimal fraction, not of its float",
          "[refineries]") {
  using Rounding = DistributionRefineryOptions::Rounding;
  for (const Fraction delta : {Fraction{1, 10}, {3, 10}, {2, 5}, {1, 2}, {3, 5}, {7, 10}, {1, 3}}) {
    for (const std::size_t n : {1u, 3u, 5u, 7u, 10u, 99u, 100u, 200u, 250u, 1000u, 3000u}) {
      Annotations annotations(2);
      for (std::size_t i = 0; i < n; ++i) annotations.add(std::vector<std::int32_t>{0});
      const SparseCandidates set(annotations);
      for (const Rounding rounding : {Rounding::up_at_least_one, Rounding::down}) {
        DistributionRefineryOptions options;
        options.warm_up_epochs = 0;
        options.delta = delta.value();
        options.rounding = rounding;
        RowProgram program(SoftTargetCe{}, DistributionRefinery(options), set.view());
        const std::vector<float> logits(2 * n, 0.0f);
        program.note(0, {logits.data(), static_cast<std::int64_t>(n), 2});
        program.begin_epoch(0);
        std::size_t sharpened = 0;
        for (std::int64_t i = 0; i < program.rows(); ++i)
          sharpened += program.plan(i).treatment == Treatment::sharpened ? 1 : 0;
        INFO("delta " << delta.numerator << "/" << delta.denominator << ", n = " << n);
        CHECK(sharpened == (rounding == Rounding::down ? delta.down(n) : delta.up(n)));
      }
    }
  }
}

TEST_CASE("rows without candidates take no part in the choices of the Distribution Refinery",
          "[refineries]") {
  for (const Switch filter : {Switch::off, Switch::on}) {
    Annotations annotations(3);
    std::vector<float> logits;
    for (int i = 0; i < 20; ++i) {  // every second row is empty, and the surest of all
      annotations.add(i % 2 == 0 ? std::vector<std::int32_t>{} : std::vector<std::int32_t>{0, 1});
      const float z = i % 2 == 0 ? 20.0f : 1.0f + 0.1f * static_cast<float>(i);
      logits.insert(logits.end(), {z, 0.0f, 0.0f});
    }
    const SparseCandidates set(annotations);
    DistributionRefineryOptions options;
    options.warm_up_epochs = 0;
    options.filter_outside = filter;
    options.tau = 0.5f;
    RowProgram program(SoftTargetCe{}, DistributionRefinery(options), set.view());
    program.note(0, {logits.data(), 20, 3});
    program.begin_epoch(0);
    int sharpened = 0;
    for (std::int64_t i = 0; i < 20; ++i) {
      sharpened += i % 2 == 1 && program.plan(i).treatment == Treatment::sharpened ? 1 : 0;
      if (i % 2 == 1) continue;
      CHECK_FALSE(program.has_target(i));
      CHECK_FALSE(program.plan(i).outside);
      CHECK(program.plan(i).treatment == Treatment::without_target);
    }
    CHECK(sharpened == 5);  // half of the 10 rows that have a loss
  }
  // The refinery itself says so too, to whoever calls it without a RowProgram.
  std::vector<RowSummary> summaries(4);
  for (RowSummary& summary : summaries) summary.inside = false, summary.confidence = 1.0f;
  summaries[3].labelled = summaries[3].inside = true;
  std::vector<RowPlan> plans(4);
  std::vector<float> targets(8);
  EpochView view{3, summaries, {targets.data(), 4, 2}, {}, plans};
  DistributionRefinery{}.begin_epoch(view);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(plans[i].treatment == Treatment::as_stored);
    CHECK_FALSE(plans[i].outside);
  }
  CHECK(plans[3].treatment == Treatment::sharpened);
}

TEST_CASE("selecting by the last visits waits until every row has had one", "[refineries]") {
  Problem problem(60, 5, 3);
  const SparseCandidates set(problem.annotations);
  DistributionRefineryOptions options;
  options.warm_up_epochs = 0;
  options.tau = 0.5f;
  options.predictions = PredictionSource::last_visit;
  CHECK(DistributionRefinery(options).predictions(0) == PredictionSource::none);
  CHECK(DistributionRefinery(options).predictions(1) == PredictionSource::last_visit);
  RowProgram visited(SoftTargetCe{}, DistributionRefinery(options), set.view());
  visited.begin_epoch(0);
  for (std::int64_t i = 0; i < problem.rows(); ++i) {
    CHECK(visited.plan(i).treatment == Treatment::as_stored);
    CHECK_FALSE(visited.plan(i).outside);
    visit_row(visited, i, problem.logits[static_cast<std::size_t>(i)]);
  }
  visited.begin_epoch(1);
  // The same choice as from an evaluation pass that gives the same logits.
  options.predictions = PredictionSource::evaluation_pass;
  RowProgram evaluated(SoftTargetCe{}, DistributionRefinery(options), set.view());
  note_all(evaluated, problem);
  evaluated.begin_epoch(1);
  std::array<int, 4> kinds{};
  for (std::int64_t i = 0; i < problem.rows(); ++i) {
    CHECK(visited.plan(i).treatment == evaluated.plan(i).treatment);
    CHECK(visited.plan(i).outside == evaluated.plan(i).outside);
    ++kinds[static_cast<std::size_t>(visited.plan(i).treatment)];
  }
  for (const int count : kinds) CHECK(count > 0);
}

TEST_CASE("rows without a softmax are the least reliable, and the choice among the others stands",
          "[refineries]") {
  using SelectionLoss = DistributionRefineryOptions::SelectionLoss;
  for (const SelectionLoss selection_loss : {SelectionLoss::renormalised, SelectionLoss::stored}) {
    constexpr std::int64_t n = 400;
    Annotations annotations(2);
    std::vector<float> logits;
    CounterRng rng(5, RandomPurpose::resampling);
    for (std::int64_t i = 0; i < n; ++i) {
      annotations.add(std::vector<std::int32_t>{0});
      logits.push_back(4.0f + rng.normal());
      logits.push_back(i % 4 == 0 ? std::numeric_limits<float>::quiet_NaN() : 0.0f);
    }
    const SparseCandidates set(annotations);
    DistributionRefineryOptions options;
    options.warm_up_epochs = 0;
    options.selection_loss = selection_loss;
    RowProgram program(SoftTargetCe{}, DistributionRefinery(options), set.view());
    program.note(0, {logits.data(), n, 2});
    program.begin_epoch(0);
    float worst_taken = 100.0f;
    float best_left = -100.0f;
    int taken = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const bool sharpened = program.plan(i).treatment == Treatment::sharpened;
      taken += sharpened ? 1 : 0;
      const float z = logits[static_cast<std::size_t>(2 * i)];
      if (i % 4 == 0) {
        CHECK_FALSE(sharpened);
      } else if (sharpened) {
        worst_taken = std::min(worst_taken, z);
      } else {
        best_left = std::max(best_left, z);
      }
    }
    CHECK(taken == n / 2);
    CHECK(worst_taken >= best_left);
  }
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

TEST_CASE("CAVL's label smoothing takes from the chosen candidate and gives to all classes",
          "[refineries]") {
  Annotations annotations(4);
  annotations.add(std::vector<std::int32_t>{1, 2});
  const SparseCandidates set(annotations);
  RowProgram program(SoftTargetCe{}, ClassActivationValue{.smoothing = 0.2f}, set.view());
  const std::vector<float> logits{3.0f, -5.0f, -0.5f, 2.0f};
  const std::int64_t row = 0;
  program.revisit(std::span(&row, 1), {logits.data(), 1, 4});
  CHECK(too_far(visit_row(program, 0, logits).target, {0.05, 0.05, 0.85, 0.05}, 2) == "");
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

namespace {

/// The published code of POP: f_record begins with zeros, training epoch e writes its slot e mod
/// window, and after epoch e the sets are pruned where e >= warm_up and e mod window = 0.
struct LiteralPop {
  ProgressivePurificationOptions o;
  std::vector<std::vector<double>> Q;  // confidence
  std::vector<std::vector<bool>> S;
  std::deque<std::vector<std::vector<double>>> record = {};
  double theta = 0.0;
  int grown = 0;

  void after_epoch(int e) {
    record.push_back(Q);
    if (static_cast<int>(record.size()) > o.window) record.pop_front();
    if (e < o.warm_up_epochs || e % o.window != 0) return;
    std::size_t changed = 0;
    for (std::size_t i = 0; i < Q.size(); ++i) {
      std::vector<double> f(Q[i].size());
      for (const auto& table : record)
        for (std::size_t j = 0; j < f.size(); ++j) f[j] += table[i][j];
      const double best = *std::max_element(f.begin(), f.end());
      double kept = 0.0;
      for (std::size_t j = 0; j < f.size(); ++j) {
        if (S[i][j] && f[j] / best < theta) S[i][j] = false, ++changed;
        kept += S[i][j] ? f[j] : 0.0;
      }
      for (std::size_t j = 0; j < f.size(); ++j) Q[i][j] = S[i][j] ? f[j] / kept : 0.0;
    }
    if (theta < o.ceiling &&
        static_cast<double>(changed) < 1e-4 * static_cast<double>(Q.size() * Q[0].size()))
      theta *= 1.0 + o.increment, ++grown;
  }
};

}  // namespace

TEST_CASE("POP is its published code, epoch by epoch", "[refineries]") {
  // After epoch 0 the window holds that epoch alone; after 6, the first multiple of 3 from 4 on, it
  // is full.
  const auto [warm_up, first_pruning] = GENERATE(std::pair(0, 0), std::pair(4, 6));
  Problem problem(40, 6, 17);
  const SparseCandidates set(problem.annotations);
  const ProgressivePurificationOptions options{.warm_up_epochs = warm_up,
                                               .window = 3,
                                               .threshold = 0.02f,
                                               .increment = 0.5f,
                                               .ceiling = 0.06f};
  RowProgram program(SoftTargetCe{}, ProgressivePurification(options), set.view());
  LiteralPop literal{options, {}, problem.s};
  literal.theta = options.threshold;
  for (std::size_t i = 0; i < problem.s.size(); ++i) {
    const auto k = static_cast<double>(std::count(problem.s[i].begin(), problem.s[i].end(), true));
    literal.Q.emplace_back();
    for (const bool member : problem.s[i]) literal.Q[i].push_back(member ? 1.0 / k : 0.0);
  }
  std::size_t members = 0;
  for (const auto& s : literal.S)
    members += static_cast<std::size_t>(std::count(s.begin(), s.end(), true));
  int prunings = 0;
  for (int epoch = 0; epoch < 40; ++epoch) {
    program.begin_epoch(epoch);
    for (std::size_t i = 0; i < literal.Q.size(); ++i) {
      // The student grows surer slowly, and wavers.
      std::vector<float> logits = problem.logits[i];
      CounterRng rng(9, RandomPurpose::resampling, static_cast<std::uint64_t>(epoch), i);
      for (float& z : logits)
        z = (1.0f + 0.02f * static_cast<float>(epoch)) * z + 0.3f * rng.normal();
      const Visit v = visit_row(program, static_cast<std::int64_t>(i), logits);
      INFO("epoch " << epoch << ", row " << i);
      REQUIRE(too_far(v.target, literal.Q[i], 64) == "");
      literal.Q[i] = renormalised(logits, literal.S[i]);
    }
    literal.after_epoch(epoch);
    std::size_t left = 0;
    for (const auto& s : literal.S)
      left += static_cast<std::size_t>(std::count(s.begin(), s.end(), true));
    if (left < members) ++prunings;
    if (epoch < first_pruning) CHECK(prunings == 0);
    if (epoch == first_pruning) CHECK(prunings == 1);
    members = left;
  }
  // The problem has shown what it is here for: several prunings, theta grown up to its ceiling.
  CHECK(prunings >= 3);
  CHECK(literal.grown >= 2);
  CHECK(literal.theta >= options.ceiling);
}

TEST_CASE("POP refuses to average over no epoch", "[refineries]") {
  CHECK_THROWS_AS(ProgressivePurification({.window = 0}), ShapeError);
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

TEST_CASE("FreeAL's clean rows are those of P > 0.7, and the others count as outside",
          "[refineries]") {
  constexpr std::int64_t n = 300;
  Annotations annotations(2);
  std::vector<float> logits;
  CounterRng rng(3, RandomPurpose::resampling);
  for (std::int64_t i = 0; i < n; ++i) {  // two groups that overlap
    annotations.add(std::vector<std::int32_t>{0});
    logits.insert(logits.end(), {(i % 2 == 0 ? -0.7f : 1.2f) + 0.7f * rng.normal(), 0.0f});
  }
  const SparseCandidates set(annotations);
  RowProgram program(SoftTargetCe{}, SmallLossMixture{}, set.view());
  program.note(0, {logits.data(), n, 2});
  program.begin_epoch(4);
  std::vector<double> losses;
  for (const RowSummary& summary : program.store().summaries) losses.push_back(summary.stored_loss);
  const auto [low, high] = std::minmax_element(losses.begin(), losses.end());
  const double bottom = *low;
  const double range = *high - bottom;
  for (double& loss : losses) loss = (loss - bottom) / range;
  const std::vector<double> clean = SmallLossMixture{}.lower_component(losses);
  int between = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double p = clean[static_cast<std::size_t>(i)];
    between += p > 0.5 && p <= 0.7 ? 1 : 0;
    CHECK(program.has_target(i) == (p > 0.7));
    CHECK(program.plan(i).outside == (p <= 0.7));
  }
  CHECK(between > 0);  // another threshold would choose other rows
}

TEST_CASE("FreeAL's choice is the same with rows that have no label beside it", "[refineries]") {
  constexpr std::int64_t n = 200;
  const auto clean_with = [&](int empties) {
    Annotations annotations(2);
    std::vector<float> logits;
    CounterRng rng(1, RandomPurpose::resampling);
    for (std::int64_t i = 0; i < n; ++i) {
      annotations.add(std::vector<std::int32_t>{0});
      logits.insert(logits.end(), {(i % 5 == 0 ? -1.0f : 0.5f) + 0.1f * rng.normal(), 0.0f});
    }
    for (int i = 0; i < empties; ++i) {
      annotations.add({});
      logits.insert(logits.end(), {3.0f, 0.0f});
    }
    const SparseCandidates set(annotations);
    RowProgram program(SoftTargetCe{}, SmallLossMixture{}, set.view());
    program.note(0, {logits.data(), program.rows(), 2});
    program.begin_epoch(4);
    for (std::int64_t i = n; i < program.rows(); ++i) {
      CHECK_FALSE(program.has_target(i));
      CHECK_FALSE(program.plan(i).outside);
    }
    std::vector<bool> clean;
    for (std::int64_t i = 0; i < n; ++i) clean.push_back(program.has_target(i));
    return clean;
  };
  const auto alone = clean_with(0);
  for (std::int64_t i = 0; i < n; ++i) CHECK(alone[static_cast<std::size_t>(i)] == (i % 5 != 0));
  CHECK(clean_with(100) == alone);
  CHECK(clean_with(400) == alone);
  // Of nothing but such rows there is nothing to fit.
  Annotations none(2);
  none.add({});
  const SparseCandidates set(none);
  RowProgram program(SoftTargetCe{}, SmallLossMixture{}, set.view());
  program.begin_epoch(4);
  CHECK_FALSE(program.has_target(0));
}

namespace {
struct BrokenGradient : SoftTargetCe {
  static constexpr const char* name = "broken_gradient";
  CANDIST_HD float dlogit(RowStats, Cell cell) const {
    return cell.label == 1 ? std::numeric_limits<float>::infinity() : 0.0f;
  }
};
}  // namespace

TEST_CASE("a finite loss whose gradient is not finite stops the training too", "[refineries]") {
  Problem problem(3, 6, 11);
  const SparseCandidates set(problem.annotations);
  RowProgram program(BrokenGradient{}, KeepPrior{}, set.view());
  CHECK_THROWS_WITH(visit_row(program, 2, problem.logits[2]),
                    Catch::Contains("row 2") && Catch::Contains("gradient"));
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

TEST_CASE("in a batch every row's gradient is its own, divided by the rows that have a target",
          "[refineries]") {
  Problem problem(7, 6, 23);
  problem.annotations.add({});
  problem.logits.push_back(problem.logits[0]);
  const SparseCandidates set(problem.annotations);
  const std::vector<std::int64_t> rows{3, 7, 0, 5, 6, 1};
  std::vector<float> logits;
  for (const std::int64_t row : rows) {
    const auto& own = problem.logits[static_cast<std::size_t>(row)];
    logits.insert(logits.end(), own.begin(), own.end());
  }
  for (const Denominator denominator : {Denominator::rows_with_target, Denominator::batch_rows}) {
    RowProgram together(SoftTargetCe{}, KeepPrior{}, set.view());
    RowProgram alone(SoftTargetCe{}, KeepPrior{}, set.view());
    std::vector<float> gradient(36);
    std::vector<float> targets(36);
    const VisitReport report = together.visit(rows, {logits.data(), 6, 6}, denominator,
                                              {gradient.data(), 6, 6}, {targets.data(), 6, 6});
    CHECK(report.with_target == 5);
    const double divisor = denominator == Denominator::batch_rows ? 6.0 : 5.0;
    double loss = 0.0;
    for (std::size_t b = 0; b < rows.size(); ++b) {
      const Visit v = visit_row(alone, rows[b], problem.logits[static_cast<std::size_t>(rows[b])]);
      loss += v.report.loss;
      std::vector<double> expected;
      for (const float g : v.gradient) expected.push_back(g / divisor);
      const auto begin = gradient.begin() + static_cast<std::ptrdiff_t>(6 * b);
      CHECK(too_far({begin, begin + 6}, expected, 2) == "");
    }
    CHECK(report.loss == Approx(loss));
  }
}

TEST_CASE("losses and refineries that mean nothing together are named, all others are let through",
          "[refineries]") {
  for_each_type(AllLosses{}, [&]<class L>() {
    for_each_type(AllRefineries{}, [&]<class R>() {
      const std::string_view loss = L::name;
      const std::string_view refinery = R::name;
      const bool leveraged = loss == "lws" || loss == "lwc";
      const bool fits = leveraged == (refinery == "leveraged_weights") &&
                        (loss != "elr" || refinery == "running_prediction");
      const std::string problem(composition_problem<L, R>());
      INFO(loss << " on " << refinery << ": " << problem);
      CHECK(problem.empty() == fits);
      CHECK(targets_are_distributions<R>() == (refinery != "leveraged_weights"));
    });
  });
  for_each_type(AllMethods{}, [&]<class M>() {
    using L = decltype(M::loss());
    using R = decltype(M::refinery());
    INFO(M::name);
    CHECK(composition_problem<L, R>().empty());
    CHECK((targets_are_distributions<R>() || !M::auxiliary().consistency()));
  });
  // What a sum's parts need, the sum needs.
  using Sum = WeightedSum<SoftTargetCe, EarlyLearning>;
  CHECK_FALSE(composition_problem<Sum, KeepPrior>().empty());
  CHECK(composition_problem<Sum, RunningPrediction>().empty());
  CHECK_FALSE(composition_problem<AtTemperature<LeveragedCe>, KeepPrior>().empty());
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
