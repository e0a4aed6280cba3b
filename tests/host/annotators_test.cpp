// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/annotators/ensemble.hpp"
#include "candist/annotators/partial_label_generators.hpp"
#include "candist/annotators/simulated.hpp"
#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/data/wordnet.hpp"
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

}  // namespace

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
    CHECK(std::abs(*s.coverage - regime.coverage) <= 1.0 / 3001);
    CHECK(std::abs(s.mean_set_size - regime.mean_set_size) <= 1.0 / 3001);
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
  CHECK_THROWS_WITH(BinomialAnnotator(5, 0.1f, 1).annotate(texts), Contains("text \"1\""));
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
  const CandidateStatistics s =
      candidate_statistics(annotations, std::vector<std::int32_t>{1, 2, 1, 0, -1});
  CHECK(s.gold_rows == 4);
  CHECK(*s.coverage == Approx(0.5));
  CHECK(*s.single_accuracy == Approx(0.25));
  CHECK(s.mean_set_size == Approx(1.0));
  CHECK(s.beta_coverage == Approx(1.0));
  CHECK(s.empty_sets == 1);
  CHECK(s.size_histogram == std::vector<std::int64_t>{1, 3, 1, 0});
  CHECK(*s.per_class[1].coverage == Approx(0.5));
  CHECK(*s.per_class[0].precision == Approx(0.0));
  const CandidateStatistics none =
      candidate_statistics(annotations, std::vector<std::int32_t>(5, -1));
  CHECK_FALSE(none.coverage.has_value());
  CHECK_FALSE(none.f1.has_value());
  Annotations one(1);
  one.add(std::vector<std::int32_t>{0});
  CHECK(candidate_statistics(one, std::vector<std::int32_t>{0}).beta_coverage == 1.0);
}

TEST_CASE("the recorded annotations have the quality that their README states", "[annotators]") {
  const std::filesystem::path nouns = "/usr/share/wordnet/data.noun";
  if (!std::filesystem::exists(nouns)) {
    WARN("skipped: WordNet (Debian package wordnet-base) is not installed");
    return;
  }
  const WordNetCorpus corpus =
      read_wordnet_corpus(std::filesystem::path(CANDIST_EXAMPLES_DATA) / "wordnet", nouns);
  const auto check = [&](const char* file, double top, double coverage, double size, double beta,
                         double f1) {
    const CandidateStatistics s = candidate_statistics(
        read_annotations(corpus.folder / file, corpus.train, corpus.labels), corpus.train.labels);
    CHECK(100 * *s.single_accuracy == Approx(top).margin(0.006));
    CHECK(100 * *s.coverage == Approx(coverage).margin(0.006));
    CHECK(s.mean_set_size == Approx(size).margin(0.0006));
    CHECK(100 * s.beta_coverage == Approx(beta).margin(0.06));
    CHECK(100 * *s.f1 == Approx(f1).margin(0.06));
  };
  check("train.ca_add.jsonl", 86.35, 92.68, 1.266, 98.9, 95.7);
  check("train.ca_all.jsonl", 85.04, 97.05, 1.416, 98.3, 97.7);
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
