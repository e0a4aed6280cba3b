// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <set>

#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/losses/all_losses.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

using Losses = AsTuple<AllLosses>::type;
using CandidateSets = std::tuple<MaskCandidates, SparseCandidates, DenseCandidates>;
using Gradient = std::vector<float>;

std::vector<double> widen(const Gradient& g) { return {g.begin(), g.end()}; }

/// One class, two, the paper's data sets (MA 5, TREC 6, Banking 77) and WordNet (25), and one
/// beyond a warp and a word.
constexpr int class_counts[] = {1, 2, 5, 6, 25, 77, 1025};

bool uses_outside_targets(std::string_view name) { return name == "lws" || name == "lwc"; }

RandomRow row_for(std::string_view name, int classes, int size, std::uint64_t seed) {
  RandomRow row(classes, size, seed);
  if (uses_outside_targets(name)) {
    for (std::size_t j = 0; j < row.cells.size(); ++j) {
      if (!row.cells[j].candidate) row.cells[j].target = 0.5f / static_cast<float>(classes);
    }
  }
  return row;
}

/// Gradient against the written-out formula: all entries, or a sample of them for many classes.
std::string gradient_error(std::string_view name, const RandomRow& row, const Gradient& gradient,
                           double epsilons, const Parameters& parameters = {}) {
  const ReferenceRow<double> exact = row.reference<double>();
  const std::size_t step = gradient.size() / 80 + 1;  // every class up to 79 of them
  Gradient some;
  std::vector<double> expected;
  for (std::size_t j = 0; j < gradient.size(); j += step) {
    some.push_back(gradient[j]);
    expected.push_back(reference_slope(name, exact, j, parameters));
  }
  return too_far(some, expected, epsilons);
}

/// How far a value may be from the exact one: the plain formula in float shows how hard the row is;
/// twice its error, or a few last places of the sums.
double allowed_error(std::string_view name, const RandomRow& row, double expected) {
  const auto plain = reference_value(name, row.reference<float>());
  const double plain_error =  // where it under- or overflows it shows nothing
      std::isfinite(*plain) ? std::abs(static_cast<double>(*plain) - expected) : 0.0;
  const double places = std::sqrt(static_cast<double>(row.logits.size()));
  double size = 1.0 + std::abs(expected);
  if (name == "bi_prp") {  // the difference of two large sums of logits
    const float top = *std::max_element(row.logits.begin(), row.logits.end());
    for (const float z : row.logits) size += std::abs(z - top) / places;
  }
  return 2.0 * plain_error + 1.6e-6 * size * places;
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("value and gradient agree with the written-out formula", "[losses]",
                        Losses) {
  const TestType loss{};
  const int classes = GENERATE(from_range(std::begin(class_counts), std::end(class_counts)));
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  for (const int size : {1, 2, classes / 2, classes - 1, classes}) {
    if (size < 1 || size > classes) continue;
    const RandomRow row = row_for(TestType::name, classes, size, seed);
    Gradient gradient;
    const float value = row.value_and_gradient(loss, gradient);
    const ReferenceRow<double> exact = row.reference<double>();
    const auto expected = reference_value(TestType::name, exact);
    INFO(TestType::name << ": C = " << classes << ", k = " << size << ", seed " << seed
                        << " (no formula? add it to tests/support/loss_reference.hpp)");
    REQUIRE(expected.has_value());
    CHECK(std::abs(static_cast<double>(value) - *expected) <=
          allowed_error(TestType::name, row, *expected));
    CHECK(gradient_error(TestType::name, row, gradient, 64) == "");
  }
}

TEMPLATE_LIST_TEST_CASE("value and gradient stay right however far one logit is above the rest",
                        "[losses]", Losses) {
  // From a gap of 17 on, 1 - p rounds to 0; from 89 on, exp(gap) overflows; from 104 on, exp(-gap)
  // is 0.
  const float gap =
      GENERATE(10.0f, 14.0f, 17.0f, 20.0f, 40.0f, 80.0f, 89.0f, 100.0f, 110.0f, 200.0f);
  for (const int classes : {2, 3, 6, 25}) {
    for (const int size : {1, 2, classes - 1, classes}) {
      if (size < 1 || size > classes) continue;
      for (const bool inside : {true, false}) {
        RandomRow row = row_for(TestType::name, classes, size, 17);
        const auto top = std::find_if(row.cells.begin(), row.cells.end(),
                                      [&](const Cell& cell) { return cell.candidate == inside; });
        if (top == row.cells.end()) continue;
        for (float& z : row.logits) z = std::clamp(z, -2.0f, 2.0f);
        row.logits[static_cast<std::size_t>(top->label)] = 2.0f + gap;
        Gradient gradient;
        const float value = row.value_and_gradient(TestType{}, gradient);
        const auto expected = reference_value(TestType::name, row.reference<double>());
        INFO(TestType::name << ": gap " << gap << ", C = " << classes << ", k = " << size
                            << (inside ? ", inside" : ", outside"));
        REQUIRE(expected.has_value());
        CHECK(std::abs(value - *expected) <= allowed_error(TestType::name, row, *expected));
        CHECK(gradient_error(TestType::name, row, gradient, 64) == "");
      }
    }
  }
}

namespace {
template <class L, class Change>
L changed(Change change) {
  L loss{};
  change(loss);
  return loss;
}
}  // namespace

TEST_CASE("every parameter of every loss does what its formula says", "[losses]") {
  std::set<std::string_view> tested;
  const auto check = [&](auto loss, const Parameters& parameters) {
    const char* const name = decltype(loss)::name;
    tested.insert(name);
    for (const int size : {1, 3, 6}) {
      const RandomRow row = row_for(name, 7, size, 19);
      Gradient gradient;
      const float value = row.value_and_gradient(loss, gradient);
      const auto exact = row.reference<double>();
      const auto expected = reference_value(name, exact, parameters);
      INFO(name << ", k = " << size << ", last parameter " << parameters.back());
      REQUIRE(expected.has_value());
      CHECK(std::abs(value - *expected) <= 4e-6 * (1.0 + std::abs(*expected)));
      CHECK(gradient_error(name, row, gradient, 64, parameters) == "");
    }
  };
  // Powers of two, so that float and double hold the same number.
  const auto beta = [](auto& loss) { loss.beta = 0.25f; };
  const auto q = [](auto& loss) { loss.base.q = 0.375f; };
  const auto scale = [](auto& loss) { loss.base.scale = 0.75f; };
  check(changed<LeveragedSigmoid>(beta), {0.25});
  check(changed<LeveragedCe>(beta), {0.25});
  check(changed<MclUreMae>(scale), {0.75});
  check(changed<MclUreGce>(q), {0.375});
  check(changed<MclUrePhuber>([](auto& loss) { loss.base.tau = 4.0f; }), {4.0});
  check(changed<AverageMae>(scale), {0.75});
  check(changed<AverageGce>(q), {0.375});
  check(changed<BetaMeritocratic>(beta), {0.25});
  check(changed<SmoothedCe>([](auto& loss) { loss.epsilon = 0.25f; }), {0.25});
  check(changed<BootstrapSoft>(beta), {0.25});
  check(changed<BootstrapHard>(beta), {0.25});
  check(changed<GeneralizedCe>(q), {0.375});
  check(changed<MeanAbsoluteError>(scale), {0.75});
  check(ReverseCe(-4.0f), {-4.0});
  check(SymmetricCe(0.5f, 0.25f), {0.5, 0.25});
  check(changed<SymmetricCe>([](auto& loss) { loss.second = ReverseCe(-4.0f); }), {0.1, 1.0, -4.0});
  check(changed<NormalizedGce>(q), {0.375});
  check(changed<NceRce>([](auto& loss) { loss.a = 0.5f, loss.b = 0.25f; }), {0.5, 0.25});
  check(changed<NceRce>([](auto& loss) { loss.second = ReverseCe(-4.0f); }), {1.0, 1.0, -4.0});
  check(changed<NceMae>([](auto& loss) { loss.a = 0.5f, loss.b = 0.25f; }), {0.5, 0.25});
  check(changed<NceMae>([](auto& loss) { loss.second.base.scale = 0.75f; }), {1.0, 1.0, 0.75});
  check(changed<EarlyLearning>([](auto& loss) { loss.lambda = 0.5f; }), {0.5});
  for (const float gamma : {0.0f, 0.5f, 1.0f, 3.0f}) {
    const auto set = [gamma](auto& loss) { loss.base.gamma = gamma; };
    check(changed<NormalizedFocal>(set), {gamma});
    check(changed<Focal>(set), {gamma});
  }
  const std::set<std::string_view> without{
      "soft_target_ce", "average_ce", "marginal_nll", "mcl_exp", "mcl_log",          "mcl_ure_mse",
      "brier",          "libra",      "bi_prp",       "nce",     "negative_learning"};
  for_each_type(AllLosses{}, [&]<class L>() {
    INFO(L::name << ": test its parameters here, or say that it has none");
    CHECK(tested.contains(L::name) + without.contains(L::name) == 1);
  });
}

TEST_CASE("focal has a gradient for every gamma, also where p = 1", "[losses]") {
  for (const float gamma : {0.0f, 0.5f, 1.0f, 2.0f}) {
    Focal loss;
    loss.base.gamma = gamma;
    INFO("gamma " << gamma);
    const RandomRow one(1, 1, 3);
    Gradient gradient;
    CHECK(one.value_and_gradient(loss, gradient) == 0.0f);
    CHECK(gradient == Gradient{0.0f});
    for (const float gap : {5.0f, 7.0f, 10.0f, 20.0f, 50.0f, 120.0f, 200.0f}) {
      RandomRow row(3, 1, 5);
      for (std::size_t j = 0; j < 3; ++j)
        row.logits[j] = row.cells[j].candidate ? gap : 0.25f * static_cast<float>(j);
      const float value = row.value_and_gradient(loss, gradient);
      const auto exact = row.reference<double>();
      INFO("gap " << gap);
      CHECK(value == Approx(*reference_value("focal", exact, {gamma})).margin(1e-6));
      CHECK(gradient_error("focal", row, gradient, 16, {gamma}) == "");
    }
  }
}

TEST_CASE("ELR is cross entropy where its agreement is capped", "[losses]") {
  RandomRow row(3, 1, 5);
  for (std::size_t j = 0; j < 3; ++j) {
    row.logits[j] = row.cells[j].candidate ? 12.0f : 0.0f;
    row.cells[j].memory = row.cells[j].candidate ? 1.0f : 0.0f;
  }
  Gradient gradient;
  const float value = row.value_and_gradient(EarlyLearning{}, gradient);
  CHECK(value == Approx(*reference_value("elr", row.reference<double>())));
  Gradient ce;
  row.value_and_gradient(SoftTargetCe{}, ce);
  CHECK(gradient == ce);  // the regulariser's value is constant there, so it has no gradient
  CHECK(gradient_error("elr", row, gradient, 16) == "");
  // Just below the cap it is at its strongest: 1 - <t, p> = 3e-4.
  for (std::size_t j = 0; j < 3; ++j) row.logits[j] = row.cells[j].candidate ? 9.0f : 0.0f;
  row.value_and_gradient(EarlyLearning{}, gradient);
  row.value_and_gradient(SoftTargetCe{}, ce);
  CHECK(too_far(gradient, widen(ce), 64) != "");
}

TEMPLATE_LIST_TEST_CASE("a constant added to all logits changes nothing", "[losses]", Losses) {
  if (!shift_invariant<TestType>()) return;
  const TestType loss{};
  const int classes = GENERATE(from_range(std::begin(class_counts), std::end(class_counts)));
  const std::uint64_t seed = GENERATE(7u, 8u, 9u);
  for (const int size : {1, 3, classes / 2, classes - 1, classes}) {
    if (size < 1 || size > classes) continue;
    RandomRow row = row_for(TestType::name, classes, size, seed);
    for (float& z : row.logits) z = std::round(z * 64.0f) / 64.0f;  // so that adding 4096 is exact
    Gradient before;
    const float value = row.value_and_gradient(loss, before);
    for (float& z : row.logits) z += 4096.0f;
    Gradient after;
    INFO(TestType::name << ": C = " << classes << ", k = " << size << ", seed " << seed);
    CHECK(row.value_and_gradient(loss, after) == value);
    CHECK(before == after);
    double sum = 0.0;
    double whole = 0.0;
    for (const float g : before) sum += g, whole += std::abs(g);
    // The gradients of a row sum to zero, but for the last places of C of them.
    CHECK(std::abs(sum) <= 4.8e-7 * std::sqrt(static_cast<double>(classes)) * (1.0 + whole));
  }
}

TEMPLATE_LIST_TEST_CASE("logits around 1e4 are as good as around 0", "[losses]", Losses) {
  if (!shift_invariant<TestType>()) return;
  for (const float offset : {1e4f, -1e4f}) {
    RandomRow row = row_for(TestType::name, 6, 2, 11);
    for (float& z : row.logits) z += offset;
    Gradient gradient;
    const float value = row.value_and_gradient(TestType{}, gradient);
    const auto exact = row.reference<double>();  // of the very floats that the offset left
    const auto expected = reference_value(TestType::name, exact);
    REQUIRE(expected.has_value());
    CHECK(value == Approx(*expected).epsilon(1e-5).margin(1e-5));
    CHECK(gradient_error(TestType::name, row, gradient, 128) == "");
  }
}

TEMPLATE_LIST_TEST_CASE("permuting the classes permutes the gradient", "[losses]", Losses) {
  const TestType loss{};
  const int classes = GENERATE(from_range(std::begin(class_counts), std::end(class_counts)));
  const std::uint64_t seed = GENERATE(5u, 6u);
  for (const int size : {1, 4, classes / 2, classes}) {
    if (size < 1 || size > classes) continue;
    const RandomRow row = row_for(TestType::name, classes, size, seed);
    // A turn and a mirror: no class keeps its place but by chance.
    std::vector<std::size_t> from(row.cells.size());
    for (std::size_t j = 0; j < from.size(); ++j) from[j] = (2 * from.size() + 2 - j) % from.size();
    RandomRow moved = row;
    for (std::size_t j = 0; j < from.size(); ++j) {
      moved.logits[j] = row.logits[from[j]];
      moved.cells[j] = row.cells[from[j]];
      moved.cells[j].label = static_cast<int>(j);
    }
    Gradient a;
    Gradient b;
    INFO(TestType::name << ": C = " << classes << ", k = " << size << ", seed " << seed);
    row.value_and_gradient(loss, a);
    const float value = moved.value_and_gradient(loss, b);
    const auto expected = reference_value(TestType::name, row.reference<double>());
    REQUIRE(expected.has_value());
    CHECK(std::abs(value - *expected) <= allowed_error(TestType::name, moved, *expected));
    Gradient back(b.size());
    for (std::size_t j = 0; j < from.size(); ++j) back[from[j]] = b[j];
    CHECK(too_far(a, widen(back), 32) == "");
  }
}

TEMPLATE_LIST_TEST_CASE("an empty set has value 0 and no gradient", "[losses]", Losses) {
  const RandomRow row(6, 0, 3);
  Gradient gradient;
  CHECK(row.value_and_gradient(TestType{}, gradient) == 0.0f);
  CHECK(gradient == Gradient(6, 0.0f));
}

TEMPLATE_LIST_TEST_CASE("a row that has no softmax is never given a finite value in silence",
                        "[losses]", Losses) {
  const float bad =
      GENERATE(std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN());
  RandomRow row = row_for(TestType::name, 6, 2, 3);
  row.logits[2] = bad;
  Gradient gradient;
  const float value = row.value_and_gradient(TestType{}, gradient);
  CHECK_FALSE(std::isfinite(value));
}

TEMPLATE_LIST_TEST_CASE("a class of probability 0 outside the set does no harm", "[losses]",
                        Losses) {
  const std::string_view name = TestType::name;
  // Two losses are linear in the logits outside the set and have no value there; NCE has an
  // infinite sum below the line.
  if (name == "bi_prp") return;
  RandomRow row(6, 2, 9);
  for (std::size_t j = 0; j < 6; ++j) {
    if (row.cells[j].candidate) continue;
    row.logits[j] = -std::numeric_limits<float>::infinity();
    break;
  }
  Gradient gradient;
  const float value = row.value_and_gradient(TestType{}, gradient);
  if (name == "label_smoothing") {  // it asks for probability epsilon / C there
    CHECK(value == std::numeric_limits<float>::infinity());
    return;
  }
  INFO(name);
  CHECK(std::isfinite(value));
  for (const float g : gradient) CHECK(std::isfinite(g));
}

TEMPLATE_LIST_TEST_CASE("candidates far below the rest keep a finite value and gradient",
                        "[losses]", Losses) {
  RandomRow row = row_for(TestType::name, 6, 2, 13);
  for (std::size_t j = 0; j < 6; ++j) {
    if (row.cells[j].candidate) row.logits[j] -= 150.0f;  // P_S is far below the smallest float
  }
  Gradient gradient;
  CHECK(std::isfinite(row.value_and_gradient(TestType{}, gradient)));
  for (const float g : gradient) CHECK(std::isfinite(g));
}

TEST_CASE(
    "the EM identity: CC has the gradient of weighted CE on the same forward's renormalised "
    "prediction",
    "[losses]") {
  for (const int classes : {2, 6, 25, 77}) {
    for (int size = 1; size <= classes; size += 1 + classes / 5) {
      RandomRow row(classes, size, 21);
      Gradient marginal;
      row.value_and_gradient(MarginalNll{}, marginal);
      std::vector<Cell> cells = row.cells;
      const RowStats stats = row_stats(row.logits.data(), cells);
      for (std::size_t j = 0; j < cells.size(); ++j) row.cells[j].target = stats.share(cells[j]);
      Gradient weighted;
      row.value_and_gradient(SoftTargetCe{}, weighted);
      CHECK(too_far(weighted, widen(marginal), 16) == "");
    }
  }
}

TEST_CASE("with one candidate the candidate losses are cross entropy", "[losses]") {
  const RandomRow row(25, 1, 31);
  Gradient ce;
  const float value = row.value_and_gradient(SoftTargetCe{}, ce);
  const auto same = [&](auto loss) {
    Gradient gradient;
    CHECK(row.value_and_gradient(loss, gradient) == Approx(value).epsilon(1e-6));
    CHECK(too_far(gradient, widen(ce), 16) == "");
  };
  same(AverageCe{});
  same(MarginalNll{});
  same(MclLog{});  // W = 1
  same(BetaMeritocratic{});
}

TEMPLATE_TEST_CASE("the full set says nothing", "[losses]", MarginalNll, MclExp, MclLog, MclUreMae,
                   MclUreMse, MclUreGce, MclUrePhuber, NegativeLearning, Libra, BiPrp) {
  for (const int classes : class_counts) {
    const RandomRow row(classes, classes, 41);
    Gradient gradient;
    CHECK(row.value_and_gradient(TestType{}, gradient) == Approx(0.0f).margin(1e-6));
    CHECK(too_far(gradient, std::vector<double>(gradient.size(), 0.0), 16) == "");
  }
}

TEST_CASE("beta-meritocratic lies between average and CC", "[losses]") {
  const RandomRow row(25, 5, 51);
  Gradient a;
  Gradient b;
  row.value_and_gradient(BetaMeritocratic{.beta = 0.0f}, a);
  row.value_and_gradient(AverageCe{}, b);
  CHECK(too_far(a, widen(b), 16) == "");
  row.value_and_gradient(BetaMeritocratic{.beta = 1.0f}, a);
  row.value_and_gradient(MarginalNll{}, b);
  CHECK(too_far(a, widen(b), 16) == "");
}

namespace {
struct Mixed : WeightedSum<MarginalNll, NormalizedGce> {
  static constexpr const char* name = "mixed";
};
static_assert(Loss<Mixed>);
static_assert(Loss<AtTemperature<SoftTargetCe>>);
}  // namespace

TEST_CASE(
    "a weighted sum is the weighted sum of values and gradients, of whatever kind its parts are",
    "[losses]") {
  const RandomRow row(25, 3, 61);
  Gradient first;
  Gradient second;
  Gradient both;
  const float a = row.value_and_gradient(MarginalNll{}, first);
  const float b = row.value_and_gradient(NormalizedGce{}, second);
  CHECK(row.value_and_gradient(Mixed{{0.5f, 2.0f, {}, {}}}, both) ==
        Approx(0.5f * a + 2.0f * b).epsilon(1e-5));
  std::vector<double> expected;
  for (std::size_t j = 0; j < first.size(); ++j)
    expected.push_back(0.5 * first[j] + 2.0 * second[j]);
  CHECK(too_far(both, expected, 32) == "");
}

TEMPLATE_LIST_TEST_CASE(
    "at temperature T the loss is that of z / T and the gradient has the factor 1 / T, no more",
    "[losses]", Losses) {
  for (const int size : {1, 2, 6}) {
    RandomRow row = row_for(TestType::name, 6, size, 71);
    AtTemperature<TestType> loss{};
    Gradient unscaled;
    Gradient warm;
    const float same = row.value_and_gradient(TestType{}, unscaled);
    CHECK(row.value_and_gradient(loss, warm) == same);  // T = 1
    CHECK(warm == unscaled);
    loss.temperature = 2.0f;  // a power of two: halving is exact, so all bits must agree
    const float value = row.value_and_gradient(loss, warm);
    for (float& z : row.logits) z /= 2.0f;
    Gradient cool;
    INFO(TestType::name << ", k = " << size);
    CHECK(row.value_and_gradient(TestType{}, cool) == value);
    for (float& g : cool) g /= 2.0f;
    CHECK(warm == cool);
  }
}

TEST_CASE("a temperature loses no digits to a large constant in the logits", "[losses]") {
  RandomRow row(6, 2, 73);
  for (float& z : row.logits) z = std::round(z * 16.0f) / 16.0f;  // so that adding 2^19 is exact
  const AtTemperature<MarginalNll> loss{{}, 3.0f};
  Gradient before;
  const float value = row.value_and_gradient(loss, before);
  for (float& z : row.logits) z += 524288.0f;
  Gradient after;
  CHECK(row.value_and_gradient(loss, after) == value);
  CHECK(after == before);
}

TEMPLATE_LIST_TEST_CASE("row loops see the same cells through every candidate set", "[losses]",
                        CandidateSets) {
  for (const int classes : class_counts) {
    Annotations annotations(classes);
    std::vector<std::vector<bool>> expected;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const int size = std::min<int>(classes, static_cast<int>(i % 5));
      const RandomRow row(classes, size, 80 + i);
      std::vector<std::int32_t> labels;
      std::vector<bool> members;
      for (const Cell& cell : row.cells) {
        if (cell.candidate) labels.push_back(cell.label);
        members.push_back(cell.candidate);
      }
      annotations.add(labels);
      expected.push_back(members);
    }
    const TestType set(annotations);
    std::vector<Cell> cells(static_cast<std::size_t>(classes));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      load_candidates(set.view(), static_cast<std::int64_t>(i), cells);
      float sum = 0.0f;
      for (std::size_t j = 0; j < cells.size(); ++j) {
        CHECK(cells[j].candidate == expected[i][j]);
        CHECK(cells[j].label == static_cast<int>(j));
        sum += cells[j].target;
      }
      const bool empty =
          std::none_of(expected[i].begin(), expected[i].end(), [](bool b) { return b; });
      CHECK(sum == Approx(empty ? 0.0f : 1.0f).margin(1e-5));
    }
  }
}

TEST_CASE("the names of the losses are their own", "[losses]") {
  std::vector<std::string> names;
  for_each_type(AllLosses{}, [&]<class L>() { names.emplace_back(L::name); });
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
