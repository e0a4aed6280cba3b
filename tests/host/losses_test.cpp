// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <limits>

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
    // The plain formula in float shows how hard the row is: at most twice its error, or a few last
    // places of the sums.
    const auto plain = reference_value(TestType::name, row.reference<float>());
    const double plain_error = std::abs(static_cast<double>(*plain) - *expected);
    const double floor =
        4e-7 * (1.0 + std::abs(*expected)) * std::sqrt(static_cast<double>(classes));
    CHECK(std::abs(static_cast<double>(value) - *expected) <= 2.0 * plain_error + 4.0 * floor);
    if (classes <= 77)
      CHECK(too_far(gradient, reference_gradient(TestType::name, exact), 64) == "");
  }
}

TEMPLATE_LIST_TEST_CASE("a constant added to all logits changes nothing", "[losses]", Losses) {
  if (!shift_invariant<TestType>()) return;
  const TestType loss{};
  RandomRow row = row_for(TestType::name, 25, 3, 7);
  for (float& z : row.logits) z = std::round(z * 64.0f) / 64.0f;  // so that adding 4096 is exact
  Gradient before;
  const float value = row.value_and_gradient(loss, before);
  for (float& z : row.logits) z += 4096.0f;
  Gradient after;
  CHECK(row.value_and_gradient(loss, after) == value);
  CHECK(before == after);
  double sum = 0.0;
  double size = 0.0;
  for (const float g : before) sum += g, size += std::abs(g);
  CHECK(std::abs(sum) <= 1e-6 * (1.0 + size));  // the gradients of a row sum to zero
}

TEMPLATE_LIST_TEST_CASE("logits around 1e4 are as good as around 0", "[losses]", Losses) {
  if (!shift_invariant<TestType>()) return;
  for (const float offset : {1e4f, -1e4f}) {
    RandomRow row = row_for(TestType::name, 6, 2, 11);
    for (float& z : row.logits) z += offset;
    Gradient gradient;
    const float value = row.value_and_gradient(TestType{}, gradient);
    const auto exact = row.reference<double>();  // of the very floats that the offset left
    CHECK(value == Approx(*reference_value(TestType::name, exact)).epsilon(1e-5).margin(1e-5));
    CHECK(too_far(gradient, reference_gradient(TestType::name, exact), 128) == "");
  }
}

TEMPLATE_LIST_TEST_CASE("permuting the classes permutes the gradient", "[losses]", Losses) {
  const TestType loss{};
  const RandomRow row = row_for(TestType::name, 25, 4, 5);
  RandomRow reversed = row;
  std::reverse(reversed.logits.begin(), reversed.logits.end());
  std::reverse(reversed.cells.begin(), reversed.cells.end());
  for (std::size_t j = 0; j < reversed.cells.size(); ++j)
    reversed.cells[j].label = static_cast<int>(j);
  Gradient a;
  Gradient b;
  CHECK(row.value_and_gradient(loss, a) ==
        Approx(reversed.value_and_gradient(loss, b)).epsilon(1e-5));
  std::reverse(b.begin(), b.end());
  CHECK(too_far(a, widen(b), 32) == "");
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

TEST_CASE(
    "at temperature T the loss is that of z / T and the gradient has the factor 1 / T, no more",
    "[losses]") {
  RandomRow row(6, 2, 71);
  Gradient warm;
  const float value = row.value_and_gradient(AtTemperature<GeneralizedCe>{{}, 2.0f}, warm);
  for (float& z : row.logits) z /= 2.0f;
  Gradient cool;
  CHECK(row.value_and_gradient(GeneralizedCe{}, cool) == Approx(value).epsilon(1e-6));
  std::vector<double> expected;
  for (const float g : cool) expected.push_back(g / 2.0);
  CHECK(too_far(warm, expected, 16) == "");
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
