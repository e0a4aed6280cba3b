// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/annotators/ensemble.hpp"
#include "candist/annotators/gold.hpp"
#include "candist/annotators/partial_label_generators.hpp"
#include "candist/annotators/simulated.hpp"
#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/data/vote_tensor.hpp"
#include "candist/metrics/calibration.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

Texts texts_with_gold(std::int64_t rows, int classes) {
  Texts texts;
  texts.source = "made up";
  for (std::int64_t i = 0; i < rows; ++i) {
    texts.ids.push_back(std::to_string(i));
    texts.texts.push_back("text");
    texts.labels.push_back(static_cast<std::int32_t>((i * 7) % classes));
  }
  return texts;
}

std::vector<std::int32_t> set_of(const Annotations& annotations, std::int64_t row) {
  const auto labels = annotations.labels(row);
  std::vector<std::int32_t> sorted(labels.begin(), labels.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

/// The error that a count of n texts cannot be without, and the rounding of a share.
double half_a_text(std::int64_t n) { return 0.5 / static_cast<double>(n) + 1e-9; }

}  // namespace

TEST_CASE("the gold annotator names the gold label and nothing else", "[annotators]") {
  Texts texts = texts_with_gold(50, 7);
  const Annotations annotations = GoldAnnotator(7).annotate(texts);
  REQUIRE(annotations.rows() == 50);
  CHECK(annotations.classes() == 7);
  for (std::int64_t row = 0; row < 50; ++row)
    CHECK(set_of(annotations, row) ==
          std::vector<std::int32_t>{texts.labels[static_cast<std::size_t>(row)]});
  texts.labels[3] = -1;
  using Catch::Contains;
  CHECK_THROWS_AS(GoldAnnotator(7).annotate(texts), InputError);
  CHECK_THROWS_WITH(GoldAnnotator(7).annotate(texts),
                    Contains("made up: found no gold label for text \"3\"") &&
                        Contains("the gold annotator starts from them"));
  texts.labels[3] = 7;
  CHECK_THROWS_WITH(GoldAnnotator(7).annotate(texts),
                    Contains("gold label 7 for text \"3\", expected one of 7 labels"));
  CHECK(GoldAnnotator(8).annotate(texts).labels(3)[0] == 7);
}

TEST_CASE(
    "the simulated annotator ends, and comes as near as counts can, for few texts and extremes",
    "[annotators]") {
  int tried = 0;
  for (const int classes : {1, 2, 3, 5, 12}) {
    for (const std::int64_t n : {1, 2, 3, 4, 7, 20, 53}) {
      const Texts texts = texts_with_gold(n, classes);
      for (const double coverage : {0.0, 0.1, 0.5, 0.77, 0.99, 1.0}) {
        // From one label to as many as sets of this coverage can hold.
        const double largest = classes - (1.0 - coverage);
        for (const double part : {0.0, 0.01, 0.3, 0.5, 0.9, 0.999, 1.0}) {
          if (classes == 1 && coverage < 1.0) continue;
          SimulatedAnnotatorOptions options;
          options.classes = classes;
          options.coverage = coverage;
          options.mean_set_size = 1.0 + part * (largest - 1.0);
          options.seed = static_cast<std::uint64_t>(n);
          const Annotations annotations = SimulatedAnnotator(options).annotate(texts);
          const CandidateStatistics s = candidate_statistics(annotations, texts.labels);
          INFO(n << " texts, " << classes << " classes, coverage " << coverage << ", mean "
                 << options.mean_set_size);
          CHECK(std::abs(*s.coverage - coverage) <= half_a_text(n));
          CHECK(std::abs(s.mean_set_size - options.mean_set_size) <= half_a_text(n));
          CHECK(s.empty_sets == 0);
          ++tried;
        }
      }
    }
  }
  CHECK(tried > 1000);
  // A miss that rounding brings, where the mean set size has no room for one.
  const Annotations one =
      SimulatedAnnotator({.classes = 2, .coverage = 0.4999999999, .mean_set_size = 1.5})
          .annotate(texts_with_gold(1, 2));
  CHECK(one.labels(0).size() == 1);
  CHECK(SimulatedAnnotator({.classes = 3}).annotate(texts_with_gold(0, 3)).rows() == 0);
}

TEST_CASE("simulated mistakes fall on hard texts, not on the first ones", "[annotators]") {
  constexpr std::int64_t n = 8000;
  const Texts texts = texts_with_gold(n, 10);
  const Annotations annotations =
      SimulatedAnnotator({.classes = 10, .coverage = 0.7, .mean_set_size = 1.6}).annotate(texts);
  // [covered or missed][first or second half of the texts]
  double count[2][2] = {};
  double larger[2][2] = {};
  double wrong_first[2] = {};  // of covered sets of 2, of 3 and more
  double covered_of_size[2] = {};
  for (std::int64_t row = 0; row < n; ++row) {
    const auto labels = annotations.labels(row);
    const std::int32_t gold = texts.labels[static_cast<std::size_t>(row)];
    const bool missed = std::find(labels.begin(), labels.end(), gold) == labels.end();
    ++count[missed][row >= n / 2];
    if (labels.size() > 1) ++larger[missed][row >= n / 2];
    if (missed || labels.size() < 2) continue;
    ++covered_of_size[labels.size() > 2];
    if (labels[0] != gold) ++wrong_first[labels.size() > 2];
  }
  // Neither misses nor larger sets know the order of the texts: five standard errors.
  const double misses = count[1][0] + count[1][1];
  CHECK(std::abs(count[1][0] - count[1][1]) < 5 * std::sqrt(misses));
  const double all_larger = larger[0][0] + larger[0][1] + larger[1][0] + larger[1][1];
  CHECK(std::abs(larger[0][0] + larger[1][0] - all_larger / 2) < 5 * std::sqrt(all_larger / 4));
  // Difficulty is what a text's ranks share: each rank is difficulty plus noise of the same size,
  // so they correlate by 1/2. Without it the two shares would be alike (a difference of 0.03 is
  // five standard errors).
  const double of_missed = (larger[1][0] + larger[1][1]) / misses;
  const double of_covered = (larger[0][0] + larger[0][1]) / (n - misses);
  CHECK(of_missed > of_covered + 0.15);
  CHECK(wrong_first[1] / covered_of_size[1] > wrong_first[0] / covered_of_size[0] + 0.05);
}

TEST_CASE("the simulated single accuracy is the wanted one, or an error says what can be had",
          "[annotators]") {
  const Texts texts = texts_with_gold(999, 6);
  const auto accuracy = [&](double coverage, double size, double single) {
    SimulatedAnnotatorOptions options;
    options.classes = 6;
    options.coverage = coverage;
    options.mean_set_size = size;
    options.single_accuracy = single;
    return *candidate_statistics(SimulatedAnnotator(options).annotate(texts), texts.labels)
                .single_accuracy;
  };
  for (const double single : {0.45, 0.6, 0.777, 0.9})
    CHECK(std::abs(accuracy(0.9, 2.5, single) - single) <= half_a_text(999));
  CHECK(std::abs(accuracy(0.9, 2.5, -1) - 0.72) <= half_a_text(999));  // 0.8 times the coverage
  CHECK(std::abs(accuracy(0.9, 1.0, 0.9) - 0.9) <= half_a_text(999));
  // Sets of one label leave no choice: by default as near as may be, asked for an error.
  CHECK(std::abs(accuracy(0.9, 1.0, -1) - 0.9) <= half_a_text(999));
  CHECK_THROWS_AS(accuracy(0.9, 1.0, 0.5), InputError);
  CHECK_THROWS_WITH(accuracy(0.9, 1.0, 0.5),
                    Catch::Contains("single accuracy 0.500") && Catch::Contains("at least 0.8999"));
  CHECK_THROWS_AS(accuracy(0.5, 1.5, 0.6), InputError);
}

TEST_CASE(
    "the simulated annotator hits the coverage and set size of every line of the paper's Table 8",
    "[annotators]") {
  const std::uint64_t seed = GENERATE(1u, 2u, 3u);
  for (const AnnotationRegime& regime : paper_regimes) {
    const Texts texts = texts_with_gold(3001, regime.classes);
    SimulatedAnnotatorOptions options;
    options.classes = regime.classes;
    options.coverage = regime.coverage;
    options.mean_set_size = regime.mean_set_size;
    options.seed = seed;
    const Annotations annotations = SimulatedAnnotator(options).annotate(texts);
    const CandidateStatistics s = candidate_statistics(annotations, texts.labels);
    INFO(regime.dataset << " " << regime.prompt);
    CHECK(std::abs(*s.coverage - regime.coverage) <= half_a_text(3001));
    CHECK(std::abs(s.mean_set_size - regime.mean_set_size) <= half_a_text(3001));
    CHECK(s.empty_sets == 0);
    CHECK(*s.single_accuracy < *s.coverage);
    // Same seed, same annotations; another seed, others.
    const Annotations again = SimulatedAnnotator(options).annotate(texts);
    options.seed += 100;
    const Annotations other = SimulatedAnnotator(options).annotate(texts);
    int differing = 0;
    for (std::int64_t row = 0; row < 3001; ++row) {
      REQUIRE(set_of(again, row) == set_of(annotations, row));
      differing += set_of(other, row) != set_of(annotations, row);
    }
    CHECK(differing > 100);
  }
}

TEST_CASE("simulated confusions have favourites, as a teacher's do", "[annotators]") {
  const Texts texts = texts_with_gold(6000, 10);
  const auto largest_share = [&](double spread) {
    SimulatedAnnotatorOptions options;
    options.classes = 10;
    options.coverage = 0.8;
    options.mean_set_size = 1.8;
    options.spread = spread;
    const Annotations annotations = SimulatedAnnotator(options).annotate(texts);
    std::vector<double> wrong(10);
    double all = 0.0;
    for (std::int64_t row = 0; row < texts.rows(); ++row) {
      if (texts.labels[static_cast<std::size_t>(row)] != 3) continue;
      for (const std::int32_t label : annotations.labels(row)) {
        if (label != 3) wrong[static_cast<std::size_t>(label)] += 1.0, all += 1.0;
      }
    }
    return *std::max_element(wrong.begin(), wrong.end()) / all;
  };
  CHECK(largest_share(0.0) < 0.2);  // 1/9 each
  CHECK(largest_share(2.0) > 0.25);
}

TEST_CASE("wishes that contradict each other are refused", "[annotators]") {
  const auto fault = [](double coverage, double size, int classes) {
    SimulatedAnnotatorOptions options;
    options.classes = classes;
    options.coverage = coverage;
    options.mean_set_size = size;
    try {
      SimulatedAnnotator annotator(options);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no InputError");
  };
  using Catch::Contains;
  CHECK_THAT(fault(1.2, 1.5, 5), Contains("coverage") && Contains("0 to 1"));
  CHECK_THAT(fault(0.9, 0.5, 5), Contains("mean set size"));
  CHECK_THAT(fault(0.9, 6.0, 5), Contains("1 to 5"));
  CHECK_THAT(fault(0.5, 4.9, 5), Contains("cannot be reached"));
  CHECK_THAT(fault(0.5, 1.0, 1), Contains("one class"));
  Texts texts = texts_with_gold(3, 5);
  texts.labels[1] = -1;
  SimulatedAnnotatorOptions options;
  options.classes = 5;
  CHECK_THROWS_WITH(SimulatedAnnotator(options).annotate(texts), Contains("text \"1\""));
  CHECK_THROWS_WITH(BinomialAnnotator(5, 0.1f, 1).annotate(texts),
                    Contains("text \"1\"") && Contains("the binomial generator starts from them"));
  CHECK_THROWS_WITH(PairAnnotator(5, 0.1f, 1).annotate(texts), Contains("text \"1\""));
}

TEST_CASE("binomial and pair generators: the truth is always in, the others as often as asked",
          "[annotators]") {
  const Texts texts = texts_with_gold(4000, 8);
  const Annotations binomial = BinomialAnnotator(8, 0.3f, 1).annotate(texts);
  const Annotations pair = PairAnnotator(8, 0.3f, 1).annotate(texts);
  double extra = 0.0;
  double pairs = 0.0;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    const std::int32_t gold = texts.labels[static_cast<std::size_t>(row)];
    const auto b = set_of(binomial, row);
    const auto p = set_of(pair, row);
    REQUIRE(std::binary_search(b.begin(), b.end(), gold));
    REQUIRE(std::binary_search(p.begin(), p.end(), gold));
    REQUIRE(b.size() >= 2);
    REQUIRE(p.size() <= 2);
    if (p.size() == 2) REQUIRE(std::binary_search(p.begin(), p.end(), (gold + 1) % 8));
    extra += static_cast<double>(b.size()) - 1.0;
    pairs += static_cast<double>(p.size()) - 1.0;
  }
  // Mean of Binomial(7, 0.3), at least one: 2.1 + P(0) = 2.1 + 0.7^7; five standard errors.
  const double mean = 7 * 0.3 + std::pow(0.7, 7);
  CHECK(std::abs(extra / 4000 - mean) < 5 * std::sqrt(7 * 0.3 * 0.7 / 4000));
  CHECK(std::abs(pairs / 4000 - 0.3) < 5 * std::sqrt(0.3 * 0.7 / 4000));
  const Texts single = texts_with_gold(5, 1);
  CHECK(BinomialAnnotator(1, 0.5f, 1).annotate(single).labels(0).size() == 1);
}

TEST_CASE("folds of votes against counting by hand", "[annotators]") {
  const Texts texts = texts_with_gold(200, 6);
  std::vector<Annotations> replies;
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    replies.push_back(BinomialAnnotator(6, 0.25f, seed).annotate(texts));
  const VoteTensor votes(replies);
  const Annotations any = votes.any();
  const Annotations all = votes.at_least(5);
  const Annotations majority = votes.at_least(3);
  const Annotations top2 = votes.top(2);
  for (std::int64_t row = 0; row < 200; ++row) {
    std::vector<int> count(6);
    for (const Annotations& reply : replies) {
      for (const std::int32_t label : reply.labels(row)) ++count[static_cast<std::size_t>(label)];
    }
    std::vector<std::int32_t> named, unanimous, most;
    for (int c = 0; c < 6; ++c) {
      if (count[static_cast<std::size_t>(c)] >= 1) named.push_back(c);
      if (count[static_cast<std::size_t>(c)] >= 3) most.push_back(c);
      if (count[static_cast<std::size_t>(c)] >= 5) unanimous.push_back(c);
    }
    REQUIRE(set_of(any, row) == named);
    REQUIRE(set_of(majority, row) == most);
    REQUIRE(set_of(all, row) == unanimous);
    REQUIRE(top2.labels(row).size() == std::min<std::size_t>(2, named.size()));
    REQUIRE(count[static_cast<std::size_t>(top2.labels(row)[0])] ==
            *std::max_element(count.begin(), count.end()));
    float weights = 0.0f;
    for (const float w : any.weights(row)) weights += w;
    REQUIRE(weights == Approx(1.0f));
  }
  EnsembleAnnotator ensemble(Fold::top, 1, BinomialAnnotator(6, 0.25f, 1),
                             PairAnnotator(6, 0.5f, 2));
  const Annotations vote = ensemble.annotate(texts);
  for (std::int64_t row = 0; row < 200; ++row) CHECK(vote.labels(row).size() == 1);
}

TEST_CASE("F1 of Table 8 follows from its coverage, set size and classes", "[annotators]") {
  // CanDist Table 8, F1 of the same lines, in the order of paper_regimes.
  const double f1[] = {85.0, 87.5, 82.4, 82.1, 86.6, 88.5, 92.2, 85.7, 80.26, 79.51, 97.9, 96.7};
  std::size_t i = 0;
  for (const AnnotationRegime& regime : paper_regimes) {
    const double beta = (regime.classes - regime.mean_set_size) / (regime.classes - 1);
    CHECK(200.0 * regime.coverage * beta / (regime.coverage + beta) ==
          Approx(f1[i++]).margin(0.15));
  }
}

TEST_CASE("statistics of small cases by hand", "[annotators]") {
  Annotations annotations(3);
  annotations.add(std::vector<std::int32_t>{0, 1});  // gold 1: covered, first wrong
  annotations.add(std::vector<std::int32_t>{2});     // gold 2: covered, right
  annotations.add(std::vector<std::int32_t>{0});     // gold 1: missed
  annotations.add({});                               // gold 0: missed, empty
  annotations.add(std::vector<std::int32_t>{0});     // no gold
  annotations.add(std::vector<std::int32_t>{2, 1});  // gold 2: covered, right
  const CandidateStatistics s =
      candidate_statistics(annotations, std::vector<std::int32_t>{1, 2, 1, 0, -1, 2});
  CHECK(s.gold_rows == 5);
  CHECK(*s.coverage == Approx(3.0 / 5));
  CHECK(*s.single_accuracy == Approx(2.0 / 5));
  CHECK(s.mean_set_size == Approx(7.0 / 6));
  CHECK(s.beta_coverage == Approx((3 * 1.0 + 2 * 0.5) / 5));  // the empty set is none of the five
  CHECK(*s.f1 == Approx(2 * 0.6 * 0.8 / (0.6 + 0.8)));
  CHECK(s.empty_sets == 1);
  CHECK(s.size_histogram == std::vector<std::int64_t>{1, 3, 2, 0});
  CHECK(s.per_class[1].support == 2);
  CHECK(*s.per_class[0].coverage == Approx(0.0));
  CHECK(*s.per_class[1].coverage == Approx(0.5));
  CHECK(*s.per_class[2].coverage == Approx(1.0));
  // Of gold rows: 0 is held by rows 0 and 2, 1 by rows 0 and 5, 2 by rows 1 and 5.
  CHECK(*s.per_class[0].precision == Approx(0.0));
  CHECK(*s.per_class[1].precision == Approx(0.5));
  CHECK(*s.per_class[2].precision == Approx(1.0));
  const CandidateStatistics none =
      candidate_statistics(annotations, std::vector<std::int32_t>(6, -1));
  CHECK_FALSE(none.coverage.has_value());
  CHECK_FALSE(none.f1.has_value());
  CHECK_FALSE(none.per_class[0].precision.has_value());
  Annotations one(1);
  one.add(std::vector<std::int32_t>{0});
  CHECK(candidate_statistics(one, std::vector<std::int32_t>{0}).beta_coverage == 1.0);
}

TEST_CASE("beta coverage stays in [0, 1] whatever is empty", "[annotators]") {
  Annotations annotations(4);
  const std::vector<std::int32_t> gold{0, 1, 2};
  for (int i = 0; i < 3; ++i) annotations.add({});
  const CandidateStatistics nothing = candidate_statistics(annotations, gold);
  CHECK(nothing.beta_coverage == 0.0);
  CHECK(*nothing.coverage == 0.0);
  CHECK_FALSE(nothing.f1.has_value());
  Annotations one_named(4);
  one_named.add(std::vector<std::int32_t>{0});
  one_named.add({});
  one_named.add({});
  CHECK(candidate_statistics(one_named, gold).beta_coverage == 1.0);
}

TEST_CASE("calibration error of bins made by hand", "[annotators]") {
  // Fifteen bins, the middle of each: rows of a bin are right or wrong alternately, so that with 3
  // bins the errors of neighbours cancel.
  Predictions predictions;
  std::vector<std::int32_t> gold;
  double expected = 0.0;
  for (int bin = 0; bin < 15; ++bin) {
    const double middle = (bin + 0.5) / 15.0;
    const bool right = bin % 2 == 0;
    for (int i = 0; i < 2; ++i) {
      predictions.labels.push_back(1);
      predictions.confidences.push_back(static_cast<float>(middle));
      gold.push_back(right ? 1 : 0);
    }
    expected += std::abs((right ? 1.0 : 0.0) - middle) / 15.0;
  }
  CHECK(*expected_calibration_error(predictions, gold) == Approx(expected).epsilon(1e-6));
  CHECK(*expected_calibration_error(predictions, gold, 3) < expected - 0.1);
  // One bin: |mean accuracy - mean confidence| = |8/15 - 1/2|.
  CHECK(*expected_calibration_error(predictions, gold, 1) == Approx(8.0 / 15 - 0.5).epsilon(1e-5));
  // Ends: 0 and 1 have bins, and what rounding puts above 1 does too.
  CHECK(*expected_calibration_error({{1, 1, 1}, {0.0f, 1.0f, 1.0000001f}},
                                    std::vector<std::int32_t>{0, 1, 1}) < 1e-6);
  CHECK_FALSE(expected_calibration_error({{1}, {0.5f}}, std::vector<std::int32_t>{-1}).has_value());
}

TEST_CASE("a confidence that is no probability is an error, not a bin", "[annotators]") {
  const std::vector<std::int32_t> gold{0, 1};
  for (const float wrong : {std::nanf(""), 1.5f, -0.5f, HUGE_VALF, -HUGE_VALF}) {
    const Predictions predictions{{0, 1}, {0.5f, wrong}};
    CHECK_THROWS_AS(expected_calibration_error(predictions, gold), RunError);
    CHECK_THROWS_WITH(expected_calibration_error(predictions, gold),
                      Catch::Contains("of prediction 1 is no probability"));
  }
  CHECK_THROWS_AS(expected_calibration_error({{0, 1}, {0.5f, 0.5f}}, gold, 0), ShapeError);
  CHECK_THROWS_AS(expected_calibration_error({{0, 1}, {0.5f}}, gold), ShapeError);
}

TEMPLATE_TEST_CASE("a set from annotations is the set from its matrix of weights", "[annotators]",
                   MaskCandidates, SparseCandidates, DenseCandidates) {
  Annotations annotations(70);
  annotations.add(std::vector<std::int32_t>{69, 0, 64}, std::vector<float>{1.0f, 2.0f, 1.0f});
  annotations.add({});
  annotations.add(std::vector<std::int32_t>{63});
  std::vector<float> matrix(3 * 70);
  matrix[69] = 0.25f, matrix[0] = 0.5f, matrix[64] = 0.25f, matrix[2 * 70 + 63] = 4.0f;
  const TestType a(annotations);
  const TestType b(MatrixView<const float>{matrix.data(), 3, 70});
  for (std::int64_t row = 0; row < 3; ++row) {
    for (int label = 0; label < 70; ++label)
      CHECK(a.view().weight(row, label) == Approx(b.view().weight(row, label)));
  }
  CHECK(a.view().rows() == 3);
  CHECK(a.view().classes() == 70);
}

TEST_CASE("annotations refuse rows that cannot be", "[annotators]") {
  Annotations annotations(3);
  using Labels = std::vector<std::int32_t>;
  CHECK_THROWS_AS(annotations.add(Labels{0, 3}), ShapeError);
  CHECK_THROWS_AS(annotations.add(Labels{1, 1}), ShapeError);
  CHECK_THROWS_AS(annotations.add(Labels{1, 2}, std::vector<float>{1.0f}), ShapeError);
  CHECK_THROWS_AS(annotations.add(Labels{1, 2}, std::vector<float>{1.0f, -1.0f}), ShapeError);
  CHECK(annotations.rows() == 0);
  annotations.add(Labels{1, 2}, std::vector<float>{0.0f, 5.0f});
  CHECK(annotations.labels(0).size() == 1);
  CHECK(annotations.single(0) == 2);
}
