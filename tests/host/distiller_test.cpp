// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "candist/candist.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

/// Texts of three classes whose words tell the class, and candidate sets of two labels, one of them
/// right.
struct Corpus {
  std::vector<std::string> texts;
  std::vector<std::int32_t> gold;
  Annotations annotations{3};
  explicit Corpus(int n) {
    const char* const words[3][4] = {{"apple", "pear", "plum", "fig"},
                                     {"car", "bus", "train", "tram"},
                                     {"red", "blue", "green", "pink"}};
    for (int i = 0; i < n; ++i) {
      CounterRng rng(3, RandomPurpose::resampling, 0, static_cast<std::uint64_t>(i));
      const auto c = static_cast<std::int32_t>(rng.below(3));
      std::string text;
      for (int k = 0; k < 4; ++k) text += std::string(words[c][rng.below(4)]) + " ";
      texts.push_back(text + "filler" + std::to_string(rng.below(50)));
      gold.push_back(c);
      annotations.add(std::vector<std::int32_t>{
          c, static_cast<std::int32_t>((c + 1 + static_cast<std::int32_t>(rng.below(2))) % 3)});
    }
  }
};

HashedLinear linear() { return HashedLinear({.classes = 3, .ngrams = {.buckets_log2 = 12}}); }
EmbeddingBagMlp mlp() {
  return EmbeddingBagMlp({.classes = 3,
                          .ngrams = {.buckets_log2 = 12},
                          .width = 16,
                          .hidden = 16,
                          .dropout = 0.2f,
                          .seed = 4});
}

template <class S>
std::vector<float> parameters(S& student) {
  std::vector<float> all;
  for (const ParameterBlock& block : student.blocks())
    all.insert(all.end(), block.values.begin(), block.values.end());
  return all;
}

TrainingOptions options_with(int epochs, float rate) {
  TrainingOptions options;
  options.epochs = epochs;
  options.learning_rate = rate;
  return options;
}

/// Stops after a number of batches and keeps the state, as the program's checkpoint does.
struct Interruption {
  std::atomic<bool> stop{false};
  int batches;
  std::stringstream state;
  TrainingPosition where;
  explicit Interruption(int after) : batches(after) {}
  void on_batch(const EpochReport&) {
    if (--batches == 0) stop = true;
  }
  template <class Trainer, class Program>
  void on_interrupt(const Trainer& trainer, const Program& program,
                    const TrainingPosition& position) {
    program.save(state);
    trainer.optimizer().save(state);
    where = position;
  }
};

}  // namespace

TEST_CASE("every method learns the classes from ambiguous sets", "[distiller]") {
  const Corpus corpus(300);
  for_each_type(AllMethods{}, [&]<class M>() {
    Annotations annotations = corpus.annotations;
    if (M::labels != LabelSource::candidates) {
      annotations = Annotations(3);
      for (const std::int32_t label : corpus.gold)
        annotations.add(std::vector<std::int32_t>{label});
    }
    TrainingOptions options = options_with(15, 0.3f);
    options.auxiliary = M::auxiliary();
    Distiller distiller(M::loss(), M::refinery(), linear(), Adagrad{}, options);
    const EncodedTexts texts = encode_texts(distiller.student(), corpus.texts, 300);
    distiller.fit(texts, SparseCandidates(annotations), WordDropout(0.2f, 1));
    INFO(M::name);
    CHECK(*accuracy(distiller.predict(texts).labels, corpus.gold) > 0.9);
  });
}

TEST_CASE("sixteen texts are learnt by heart", "[distiller]") {
  const Corpus corpus(16);
  struct LastLoss {
    double loss = 1.0;
    void on_epoch(const EpochReport& report) { loss = report.loss; }
  };
  const auto overfit = [&](auto student, auto optimizer, float rate) {
    Annotations gold(3);
    for (const std::int32_t label : corpus.gold) gold.add(std::vector<std::int32_t>{label});
    Distiller distiller(SoftTargetCe{}, KeepPrior{}, std::move(student), optimizer,
                        options_with(60, rate));
    LastLoss last;
    distiller.fit(encode_texts(distiller.student(), corpus.texts, 16), MaskCandidates(gold),
                  NoSecondView{}, last);
    return last.loss;
  };
  CHECK(overfit(linear(), Adagrad{}, 0.5f) < 0.05);
  CHECK(overfit(linear(), Sgd{}, 3.0f) < 0.05);
  CHECK(overfit(mlp(), AdamW{}, 0.02f) < 0.05);
}

TEMPLATE_TEST_CASE(
    "the same seed gives the same bits, whatever the threads and the candidate set; another seed "
    "does not",
    "[distiller]", HashedLinear, EmbeddingBagMlp) {
  const Corpus corpus(120);
  const auto train = [&](const auto& set, int threads, std::uint64_t seed) {
    TrainingOptions options = options_with(6, 0.1f);
    options.threads = threads;
    options.seed = seed;
    options.auxiliary = all_auxiliary_terms();
    auto student = [] {
      if constexpr (std::is_same_v<TestType, HashedLinear>) {
        return linear();
      } else {
        return mlp();
      }
    }();
    Distiller distiller(SoftTargetCe{}, DistributionRefinery{}, std::move(student), AdamW{},
                        options);
    distiller.fit(encode_texts(distiller.student(), corpus.texts, 120, threads), set,
                  WordDropout(0.1f, seed));
    return parameters(distiller.student());
  };
  const auto first = train(SparseCandidates(corpus.annotations), 1, 1);
  CHECK(first == train(SparseCandidates(corpus.annotations), 4, 1));
  CHECK(first == train(MaskCandidates(corpus.annotations), 1, 1));
  CHECK(first == train(DenseCandidates(corpus.annotations), 2, 1));
  CHECK(first != train(SparseCandidates(corpus.annotations), 1, 2));
}

TEST_CASE("an interrupted training goes on to the same bits", "[distiller]") {
  const Corpus corpus(120);
  const SparseCandidates set(corpus.annotations);
  TrainingOptions options = options_with(8, 0.05f);
  options.auxiliary = all_auxiliary_terms();
  const auto make = [&](const TrainingOptions& o) {
    return Distiller(SoftTargetCe{},
                     ProgressivePurification({.warm_up_epochs = 2, .window = 2, .threshold = 0.2f}),
                     mlp(), AdamW{}, o);
  };
  auto whole = make(options);
  const EncodedTexts texts = encode_texts(whole.student(), corpus.texts, 120);
  whole.fit(texts, set, WordDropout(0.1f, 1));

  for (const int after : {1, 5, 17, 30}) {
    Interruption interruption(after);
    TrainingOptions stoppable = options;
    stoppable.stop = &interruption.stop;
    auto part = make(stoppable);
    CHECK_THROWS_AS(part.fit(texts, set, WordDropout(0.1f, 1), interruption), Interrupted);
    auto rest = make(options);
    rest.student() = part.student();
    rest.fit(texts, set, WordDropout(0.1f, 1), NoCallback{}, [&](auto& program) {
      program.load(interruption.state);
      rest.optimizer().load(interruption.state);
      return interruption.where;
    });
    CHECK(parameters(rest.student()) == parameters(whole.student()));
  }
}

TEST_CASE("auxiliary gradients are those of central differences of Eq. 8-10", "[distiller]") {
  // Logits of: two first views (one in D_in, one in D_out), their second views, one mixture.
  Annotations annotations(3);
  annotations.add(std::vector<std::int32_t>{0, 1});
  annotations.add(std::vector<std::int32_t>{2});
  const SparseCandidates set(annotations);
  DistributionRefineryOptions refinery;
  refinery.warm_up_epochs = 0;
  refinery.tau = 0.0f;  // the row outside is rescued: it has a target and takes part in the mixture
  RowProgram program(SoftTargetCe{}, DistributionRefinery(refinery), set.view());
  const std::vector<float> logits{1.0f, 0.5f,  -0.3f, 0.9f, 0.2f, -0.4f, 0.3f, -0.2f,
                                  0.6f, -0.5f, 0.4f,  0.1f, 0.2f, 0.8f,  -0.6f};
  program.note(0, {logits.data(), 2, 3});
  program.begin_epoch(0);
  REQUIRE_FALSE(program.plan(0).outside);
  REQUIRE(program.plan(1).outside);

  EncodedTexts texts;
  texts.push_back(std::vector<std::int32_t>{1, 2});
  texts.push_back(std::vector<std::int32_t>{3});
  const std::vector<std::int64_t> rows{0, 1};
  AuxiliaryTerms terms;
  terms.consistency_in = 0.7f;
  terms.consistency_out = 0.4f;
  terms.mixup = 0.9f;
  BatchWorkspace w;
  w.start(texts, rows);
  w.add_second_views(SecondView(texts), texts, program, rows, 0, terms);
  REQUIRE(w.second_of.size() == 2);
  w.mixtures = {{0, 1, 0.6f}};
  w.allocate(3);
  std::copy(logits.begin(), logits.end(), w.logits().data);
  const std::vector<float> targets{0.7f, 0.3f, 0.0f, 1.0f, 0.0f, 0.0f};
  std::copy(targets.begin(), targets.end(), w.final_targets().data);
  const float eta = 0.5f;
  add_auxiliary_gradients(w, program, rows, terms, eta);

  const auto log_softmax = [](const std::vector<double>& z, std::size_t row, std::size_t j) {
    double sum = 0.0;
    for (std::size_t k = 0; k < 3; ++k) sum += std::exp(z[3 * row + k]);
    return z[3 * row + j] - std::log(sum);
  };
  const std::vector<double> start(logits.begin(), logits.end());
  const auto total = [&](const std::vector<double>& z) {
    double value = 0.0;
    for (std::size_t j = 0; j < 3; ++j) {
      const double p_out = std::exp(log_softmax(start, 1, j));  // constant: the target of the KL
      const double mixed = 0.6 * targets[j] + 0.4 * targets[3 + j];
      value -= eta * (0.7 * targets[j] * log_softmax(z, 2, j) + 0.4 * p_out * log_softmax(z, 3, j) +
                      0.9 * mixed * log_softmax(z, 4, j));
    }
    return value;
  };
  for (std::size_t i = 0; i < 15; ++i) {
    std::vector<double> up(start), down(start);
    up[i] += 1e-5;
    down[i] -= 1e-5;
    CHECK(w.dlogits().data[i] == Approx((total(up) - total(down)) / 2e-5).margin(1e-6));
  }
}

TEST_CASE("mixing embeddings and handing their gradients back are transposes", "[distiller]") {
  EncodedTexts texts;
  for (int i = 0; i < 3; ++i) texts.push_back(std::vector<std::int32_t>{i});
  const std::vector<std::int64_t> rows{0, 1, 2};
  BatchWorkspace w;
  w.start(texts, rows);
  w.mixtures = {{0, 2, 0.7f}, {1, 1, 0.6f}};
  w.allocate(2);
  w.allocate_embeddings(2);
  for (int i = 0; i < 6; ++i) w.embeddings().data[i] = static_cast<float>(i + 1);
  w.mix_embeddings();
  CHECK(w.embeddings()(3, 0) == Approx(0.7f * 1 + 0.3f * 5));
  CHECK(w.embeddings()(4, 1) == Approx(4.0f));
  std::fill_n(w.dembeddings().data, 10, 0.0f);
  w.dembeddings()(3, 0) = 1.0f;
  w.unmix_gradients();
  CHECK(w.dembeddings()(0, 0) == Approx(0.7f));
  CHECK(w.dembeddings()(2, 0) == Approx(0.3f));
  CHECK(w.dembeddings()(1, 0) == 0.0f);
}

TEST_CASE("what does not fit together is refused", "[distiller]") {
  const Corpus corpus(10);
  Distiller distiller(SoftTargetCe{}, KeepPrior{}, linear(), Adagrad{});
  const EncodedTexts nine = encode_texts(distiller.student(), corpus.texts, 9);
  CHECK_THROWS_AS(distiller.fit(nine, SparseCandidates(corpus.annotations)), ShapeError);
  Annotations other(4);
  for (int i = 0; i < 9; ++i) other.add(std::vector<std::int32_t>{0});
  CHECK_THROWS_AS(distiller.fit(nine, SparseCandidates(other)), ShapeError);
  CHECK_THROWS_AS(distiller.fit(EncodedTexts{}, SparseCandidates(Annotations(3))), ShapeError);
}

TEST_CASE("metrics by hand", "[distiller]") {
  const std::vector<std::int32_t> gold{0, 0, 1, 1, -1};
  const std::vector<std::int32_t> labels{0, 1, 1, 1, 2};
  CHECK(*accuracy(labels, gold) == Approx(0.75));
  CHECK(*macro_f1(labels, gold, 3) == Approx((2.0 / 3 + 4.0 / 5) / 2));
  CHECK_FALSE(accuracy(labels, std::vector<std::int32_t>(5, -1)).has_value());
  const Predictions predictions{labels, {0.9f, 0.9f, 0.6f, 0.6f, 1.0f}};
  // Two bins of two rows: |0.5 - 0.9| and |1 - 0.6|.
  CHECK(*expected_calibration_error(predictions, gold) == Approx(0.4));
}

TEST_CASE("random numbers: the published Philox vector, streams, moments", "[distiller]") {
  // Known answer of Philox4x32-10 for key 0 and counter 0 (Random123's kat_vectors).
  CounterRng rng(0, static_cast<RandomPurpose>(0), 0, 0);
  CHECK(rng.bits() == 0x6627e8d5u);
  CHECK(rng.bits() == 0xe169c58du);
  CHECK(rng.bits() == 0xbc57ac4cu);
  CHECK(rng.bits() == 0x9b00dbd8u);
  CHECK(CounterRng(1, RandomPurpose::mixup, 2, 3).bits() !=
        CounterRng(1, RandomPurpose::mixup, 3, 2).bits());
  CHECK(CounterRng(1, RandomPurpose::mixup).bits() !=
        CounterRng(1, RandomPurpose::epoch_order).bits());
  CounterRng draws(7, RandomPurpose::resampling);
  double uniform = 0.0, normal = 0.0, squares = 0.0, beta = 0.0, beta_squares = 0.0;
  constexpr int n = 20000;
  for (int i = 0; i < n; ++i) {
    uniform += draws.uniform();
    const double z = draws.normal();
    normal += z;
    squares += z * z;
    const double b = draws.beta(4, 4);
    beta += b;
    beta_squares += (b - 0.5) * (b - 0.5);
  }
  CHECK(uniform / n == Approx(0.5).margin(0.011));  // five standard errors each
  CHECK(normal / n == Approx(0.0).margin(0.036));
  CHECK(squares / n == Approx(1.0).margin(0.05));
  CHECK(beta / n == Approx(0.5).margin(0.006));
  CHECK(beta_squares / n == Approx(1.0 / 36).margin(0.0015));
  auto order = random_order(1000, 3, RandomPurpose::epoch_order, 5);
  CHECK(order != random_order(1000, 3, RandomPurpose::epoch_order, 6));
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 1000; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
}
