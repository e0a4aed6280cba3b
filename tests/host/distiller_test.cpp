// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <sstream>

#include "candist/candist.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

using namespace candist;
using namespace candist::testing;

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

namespace {

/// Everything the next batch depends on, as a program's checkpoint keeps it.
struct Saved {
  EmbeddingBagMlp student;
  std::string state;
  TrainingPosition where;
};

/// Keeps the state at the start of every epoch, and where the training is interrupted.
struct Keeper {
  std::vector<Saved> saved;
  std::atomic<bool> stop{false};
  int batches = -1;  ///< until the interruption
  void on_batch(const EpochReport&) {
    if (--batches == 0) stop = true;
  }
  template <class Trainer, class Program>
  void on_checkpoint(const Trainer& trainer, const Program& program,
                     const TrainingPosition& where) {
    std::ostringstream state;
    program.save(state);
    trainer.optimizer().save(state);
    saved.push_back({trainer.student(), state.str(), where});
  }
  template <class Trainer, class Program>
  void on_interrupt(const Trainer& trainer, const Program& program, const TrainingPosition& where) {
    on_checkpoint(trainer, program, where);
  }
};

/// Trains in one go, then again from the start of every epoch and from the middle of one; all must
/// come to the same bits.
template <class L, class R>
void check_resume(const std::string& name, const L& loss, const R& refinery,
                  const Annotations& annotations, const Corpus& corpus,
                  const AuxiliaryTerms& terms) {
  INFO(name);
  const SparseCandidates set(annotations);
  TrainingOptions options = options_with(6, 0.05f);
  options.batch = 8;
  options.auxiliary = terms;
  options.auxiliary.ramp_epochs = 2.0f;
  const WordDropout augmenter(0.2f, 1);
  Distiller whole(loss, refinery, mlp(), AdamW{}, options);
  const EncodedTexts texts = encode_texts(whole.student(), corpus.texts, annotations.rows());
  Keeper keeper;
  whole.fit(texts, set, augmenter, keeper);
  REQUIRE(keeper.saved.size() == 6);
  const int batches = static_cast<int>((annotations.rows() + 7) / 8);
  keeper.batches = 4 * batches + batches / 2;  // in epoch 4, where every method chooses
  TrainingOptions stoppable = options;
  stoppable.stop = &keeper.stop;
  Distiller part(loss, refinery, mlp(), AdamW{}, stoppable);
  CHECK_THROWS_AS(part.fit(texts, set, augmenter, keeper), Interrupted);
  REQUIRE(keeper.saved.size() == 6 + 4 + 1);

  const std::vector<float> expected = parameters(whole.student());
  for (const Saved& saved : keeper.saved) {
    Distiller rest(loss, refinery, mlp(), AdamW{}, options);
    rest.student() = saved.student;
    std::istringstream state(saved.state);
    rest.fit(texts, set, augmenter, NoCallback{}, [&](auto& program) {
      program.load(state);
      rest.optimizer().load(state);
      return saved.where;
    });
    INFO("from epoch " << saved.where.epoch << ", row " << saved.where.next_row);
    CHECK(parameters(rest.student()) == expected);
  }
}

}  // namespace

TEST_CASE("every method goes on to the same bits from the start of an epoch and from its middle",
          "[distiller]") {
  const Corpus corpus(44);
  for_each_type(AllMethods{}, [&]<class M>() {
    // With consistency and mixup wherever they mean something, whatever the method's own terms.
    AuxiliaryTerms terms = M::auxiliary();
    if (targets_are_distributions<decltype(M::refinery())>())
      terms.consistency_in = terms.consistency_out = terms.mixup = 1.0f;
    check_resume(M::name, M::loss(), M::refinery(),
                 M::labels == LabelSource::candidates ? corpus.annotations
                                                      : corpus.annotations.singles_only(),
                 corpus, terms);
  });
  check_resume("pop that prunes", SoftTargetCe{},
               ProgressivePurification({.warm_up_epochs = 1, .window = 2, .threshold = 0.3f}),
               corpus.annotations, corpus, all_auxiliary_terms());
  DistributionRefineryOptions by_visits;
  by_visits.warm_up_epochs = 1;
  by_visits.predictions = PredictionSource::last_visit;
  check_resume("candist by the last visits", SoftTargetCe{}, DistributionRefinery(by_visits),
               corpus.annotations, corpus, all_auxiliary_terms());
}

namespace {
struct Validation {
  const EncodedTexts& texts;
  std::vector<Predictions> seen;
  void on_epoch(const EpochReport& report, const auto& distiller) {
    CHECK(report.epoch == static_cast<int>(seen.size()));
    seen.push_back(distiller.predict(texts));
  }
};

}  // namespace

TEMPLATE_TEST_CASE("an on_epoch that predicts leaves no trace in the training", "[distiller]",
                   HashedLinear, EmbeddingBagMlp) {
  const Corpus corpus(60);
  const Corpus other(300);  // more than one chunk of an evaluation
  const auto make = [&] {
    TrainingOptions options = options_with(5, 0.1f);
    options.threads = 2;
    options.auxiliary = all_auxiliary_terms();
    auto student = [] {
      if constexpr (std::is_same_v<TestType, HashedLinear>) {
        return linear();
      } else {
        return mlp();
      }
    }();
    return Distiller(SoftTargetCe{}, DistributionRefinery{}, std::move(student),
                     AdamW({.weight_decay = 0.1f}), options);
  };
  auto plain = make();
  auto watched = make();
  const EncodedTexts texts = encode_texts(plain.student(), corpus.texts, 60);
  const EncodedTexts validation = encode_texts(plain.student(), other.texts, 300);
  const SparseCandidates set(corpus.annotations);
  plain.fit(texts, set, WordDropout(0.1f, 1));
  Validation callback{validation, {}};
  watched.fit(texts, set, WordDropout(0.1f, 1), callback);
  CHECK(parameters(watched.student()) == parameters(plain.student()));
  REQUIRE(callback.seen.size() == 5);
  // What was predicted is the student of that epoch: the last one is the student that is left.
  const Predictions last = plain.predict(validation);
  CHECK(callback.seen.back().labels == last.labels);
  CHECK(callback.seen.back().confidences == last.confidences);
  CHECK(callback.seen.front().confidences != last.confidences);
}

namespace {
struct StoredTargets {
  std::vector<float> values;
  void on_checkpoint(const auto&, auto& program, const TrainingPosition&) {
    const MatrixView<float> table = program.store().targets();
    values.assign(table.data, table.data + table.size());
  }
};

}  // namespace

TEST_CASE("methods of a second pass refresh their targets by the student after the step",
          "[distiller]") {
  const Corpus corpus(30);
  const SparseCandidates set(corpus.annotations);
  const auto check_with = [&](auto student, auto loss, auto refinery) {
    INFO(decltype(refinery)::name);
    TrainingOptions options = options_with(1, 0.5f);
    options.batch = 30;  // one step: the student after it is the one that is left
    Distiller distiller(loss, refinery, std::move(student), Sgd{}, options);
    const EncodedTexts texts = encode_texts(distiller.student(), corpus.texts, 30);
    StoredTargets stored;
    distiller.fit(texts, set, NoSecondView{}, stored);
    std::vector<Cell> cells(3);
    std::vector<float> logits(3);
    bool moved = false;
    for (std::int64_t row = 0; row < 30; ++row) {
      const TokenSpan ids = texts[row];
      std::as_const(distiller).student().forward(TextBatch(&ids, 1), {logits.data(), 1, 3});
      load_candidates(set.view(), row, cells);
      const RowStats stats = row_stats(logits.data(), cells);
      initialize_row(refinery, stats, std::span<Cell>(cells));
      for (const Cell& cell : cells)
        moved |= stored.values[static_cast<std::size_t>(3 * row + cell.label)] != cell.target;
      refresh_row(refinery, stats, std::span<Cell>(cells));
      for (const Cell& cell : cells) {
        CHECK(stored.values[static_cast<std::size_t>(3 * row + cell.label)] ==
              Approx(cell.target).margin(1e-6));
      }
    }
    CHECK(moved);
  };
  const auto check = [&](auto loss, auto refinery) {
    check_with(linear(), loss, refinery);
    check_with(mlp(), loss, refinery);  // whose dropout rests
  };
  check(SoftTargetCe{}, RenormalisedPrediction{Refresh::after_step});
  check(SoftTargetCe{}, ClassActivationValue{});
  check(LeveragedCe{}, LeveragedWeights{});
  check(LeveragedSigmoid{}, LeveragedWeights{});
}

namespace {
struct LastParameters {
  std::vector<float> last;
  void on_epoch(const EpochReport&, auto& trainer) { last = parameters(trainer.student()); }
};

}  // namespace

TEST_CASE("a training ends with all weight decay applied", "[distiller]") {
  const Corpus corpus(60);
  const auto check = [&](auto optimizer) {
    INFO(decltype(optimizer)::name);
    TrainingOptions options = options_with(2, 0.1f);
    options.batch = 4;
    Distiller distiller(SoftTargetCe{}, KeepPrior{}, linear(), optimizer, options);
    LastParameters epochs;
    distiller.fit(encode_texts(distiller.student(), corpus.texts, 60),
                  SparseCandidates(corpus.annotations), NoSecondView{}, epochs);
    const std::vector<float> before = parameters(distiller.student());
    CHECK(epochs.last == before);
    distiller.optimizer().settle(distiller.student().blocks());
    CHECK(parameters(distiller.student()) == before);
  };
  check(Sgd({.weight_decay = 0.5f}));
  check(AdamW({.weight_decay = 0.5f}));
}

namespace {
/// Calls every row sharpened and outside, those without candidates too.
struct CallsAllOutside : KeepPrior {
  static constexpr const char* name = "calls_all_outside";
  void begin_epoch(EpochView& view) const {
    for (RowPlan& plan : view.plans) plan = {Treatment::sharpened, true, -1};
  }
};
}  // namespace

namespace {
struct Counts {
  EpochReport last;
  std::int64_t sharpened = 0, rescued = 0, outside = 0;
  void on_epoch(const EpochReport& report) { last = report; }
  void on_checkpoint(const auto&, const auto& program, const TrainingPosition&) {
    sharpened = rescued = outside = 0;
    for (std::int64_t row = 0; row < program.rows(); ++row) {
      const RowPlan& plan = program.plan(row);
      sharpened += program.has_target(row) && plan.treatment == Treatment::sharpened;
      rescued += program.has_target(row) && plan.treatment == Treatment::one_hot;
      outside += row % 3 != 0 && plan.outside;
    }
  }
};

}  // namespace

TEST_CASE("an epoch's report counts rows with candidates only", "[distiller]") {
  Corpus corpus(30);
  Annotations annotations(3);
  for (std::int64_t i = 0; i < 30; ++i)
    annotations.add(i % 3 == 0 ? std::span<const std::int32_t>{} : corpus.annotations.labels(i));
  const SparseCandidates set(annotations);
  DistributionRefineryOptions selective;
  selective.warm_up_epochs = 0;
  selective.tau = 0.0f;
  const auto run = [&](auto refinery) {
    Distiller distiller(SoftTargetCe{}, refinery, linear(), Adagrad{}, options_with(2, 0.3f));
    Counts report;
    distiller.fit(encode_texts(distiller.student(), corpus.texts, 30), set, NoSecondView{}, report);
    CHECK(report.last.sharpened == report.sharpened);
    CHECK(report.last.rescued == report.rescued);
    CHECK(report.last.outside == report.outside);
    CHECK(report.last.rows == 30);
    return report.last;
  };
  const EpochReport paper = run(DistributionRefinery(selective));
  CHECK(paper.with_target == 20);
  CHECK(paper.sharpened > 0);
  CHECK(paper.rescued > 0);
  const EpochReport all = run(CallsAllOutside{});
  CHECK(all.sharpened == 20);
  CHECK(all.outside == 20);

  // A student of zeros that does not learn: every row's loss is log 3, in batches of any kind.
  TrainingOptions options = options_with(2, 0.0f);
  options.batch = 4;
  Distiller distiller(SoftTargetCe{}, KeepPrior{}, linear(), Sgd{}, options);
  const EncodedTexts texts = encode_texts(distiller.student(), corpus.texts, 30);
  Counts report;
  distiller.fit(texts, set, NoSecondView{}, report);
  CHECK(report.last.loss == Approx(std::log(3.0)));
  std::int64_t tokens = 0;
  for (std::int64_t row = 0; row < 30; ++row)
    tokens += static_cast<std::int64_t>(texts[row].size());
  CHECK(report.last.tokens == tokens);
}

namespace {

/// Three rows of every kind: in D_in, in D_out and rescued, in D_out without a target, without
/// candidates; in this order.
struct Kinds {
  static constexpr int classes = 3;
  Annotations annotations{classes};
  std::vector<float> logits;
  std::vector<std::int64_t> rows;
  EncodedTexts texts;

  Kinds() {
    for (std::int32_t i = 0; i < 12; ++i) {
      const int kind = i / 3;
      const std::int32_t top = i % 3;
      annotations.add(
          kind == 3 ? std::vector<std::int32_t>{}
                    : std::vector<std::int32_t>{kind == 0 ? top : (top + 1) % 3, (top + 2) % 3});
      const float lead = kind == 1 ? 4.0f : 0.9f;
      for (std::int32_t j = 0; j < 3; ++j)
        logits.push_back((j == top ? lead : 0.1f * static_cast<float>(j)) -
                         0.05f * static_cast<float>(i));
      rows.push_back(i);
      texts.push_back(std::vector<std::int32_t>{i, i + 1});
    }
  }
  RowProgram<SoftTargetCe, DistributionRefinery, SparseView> program(
      const SparseCandidates& set) const {
    DistributionRefineryOptions options;
    options.warm_up_epochs = 0;
    options.tau = 0.8f;
    RowProgram result(SoftTargetCe{}, DistributionRefinery(options), set.view());
    result.note(0, {logits.data(), 12, classes});
    result.begin_epoch(0);
    return result;
  }
};

}  // namespace

TEST_CASE("auxiliary gradients are those of central differences of Eq. 8-10", "[distiller]") {
  using Divergence = AuxiliaryTerms::Divergence;
  const Kinds kinds;
  const SparseCandidates set(kinds.annotations);
  const auto program = kinds.program(set);
  for (const Divergence divergence : {Divergence::toward_first_view, Divergence::symmetric}) {
    AuxiliaryTerms terms;
    terms.consistency_in = 0.7f;
    terms.consistency_out = 0.4f;
    terms.mixup = 0.9f;
    terms.divergence = divergence;
    terms.temperature = 0.75f;
    BatchWorkspace w;
    w.start(kinds.texts, kinds.rows);
    w.add_second_views(SecondView(kinds.texts), kinds.texts, program, kinds.rows, 0, terms);
    REQUIRE(w.second_of == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8});
    w.mixtures = {{0, 1, 0.6f}, {1, 4, 0.8f}, {2, 0, 0.7f}, {3, 2, 0.55f}};
    w.allocate(3);
    const std::size_t n = static_cast<std::size_t>(w.all_rows());
    REQUIRE(n == 12 + 9 + 4);
    CounterRng rng(3, RandomPurpose::resampling);
    for (std::size_t i = 0; i < 3 * n; ++i)
      w.logits().data[i] = i < 36 ? kinds.logits[i] : rng.normal();
    for (std::size_t i = 0; i < 36; ++i) w.final_targets().data[i] = 0.0f;
    for (std::int64_t b = 0; b < 6; ++b) {  // any targets
      w.final_targets()(b, b % 3) = 0.75f;
      w.final_targets()(b, (b + 1) % 3) = 0.25f;
    }
    const float eta = 0.5f;
    add_auxiliary_gradients(w.auxiliary_rows(program, kinds.rows, terms, eta), w.logits(),
                            w.final_targets(), w.dlogits());

    const std::vector<double> start(w.logits().data, w.logits().data + 3 * n);
    const auto log_softmax = [](const std::vector<double>& z, std::size_t row, std::size_t j,
                                double temperature) {
      double sum = 0.0;
      for (std::size_t k = 0; k < 3; ++k) sum += std::exp(z[3 * row + k] / temperature);
      return z[3 * row + j] / temperature - std::log(sum);
    };
    // KL(p of row `fixed`, held constant || p of row `moving` at a temperature).
    const auto divergence_of = [&](const std::vector<double>& z, std::size_t fixed,
                                   std::size_t moving, double temperature) {
      double kl = 0.0;
      for (std::size_t j = 0; j < 3; ++j) {
        const double log_p = log_softmax(start, fixed, j, 1.0);
        kl += std::exp(log_p) * (log_p - log_softmax(z, moving, j, temperature));
      }
      return kl;
    };
    const auto total = [&](const std::vector<double>& z) {
      double in = 0.0, out = 0.0, mix = 0.0;
      for (std::size_t v = 0; v < 9; ++v) {
        if (v < 3) {  // D_in
          for (std::int64_t j = 0; j < 3; ++j) {
            in -= w.final_targets()(static_cast<std::int64_t>(v), j) *
                  log_softmax(z, 12 + v, static_cast<std::size_t>(j), 1.0) / 3.0;
          }
        } else if (divergence == Divergence::toward_first_view) {
          out += divergence_of(z, v, 12 + v, 1.0) / 6.0;
        } else {
          out +=
              0.5 * (divergence_of(z, v, 12 + v, 0.75) + divergence_of(z, 12 + v, v, 0.75)) / 6.0;
        }
      }
      for (std::size_t m = 0; m < 4; ++m) {
        const Mixture& mixture = w.mixtures[m];
        for (std::int64_t j = 0; j < 3; ++j) {
          const double target = mixture.omega * w.final_targets()(mixture.first, j) +
                                (1.0 - mixture.omega) * w.final_targets()(mixture.second, j);
          mix -= target * log_softmax(z, 21 + m, static_cast<std::size_t>(j), 1.0) / 4.0;
        }
      }
      return eta * (0.7 * in + 0.4 * out + 0.9 * mix);
    };
    for (std::size_t i = 0; i < 3 * n; ++i) {
      std::vector<double> up(start), down(start);
      up[i] += 1e-5;
      down[i] -= 1e-5;
      INFO("row " << i / 3 << ", class " << i % 3);
      CHECK(w.dlogits().data[i] == Approx((total(up) - total(down)) / 2e-5).margin(1e-7));
    }
  }
}

TEST_CASE("the terms beside the loss apply to the rows they are for, and to no others",
          "[distiller]") {
  const Kinds kinds;
  const SparseCandidates set(kinds.annotations);
  const auto program = kinds.program(set);
  for (std::int64_t b = 0; b < 12; ++b) {
    REQUIRE(program.has_target(b) == (b < 6));
    REQUIRE(program.plan(b).outside == (b >= 3 && b < 9));
  }
  const auto viewed = [&](AuxiliaryTerms terms) {
    BatchWorkspace w;
    w.start(kinds.texts, kinds.rows);
    w.add_second_views(SecondView(kinds.texts), kinds.texts, program, kinds.rows, 0, terms);
    return w.second_of;
  };
  using Positions = std::vector<std::int64_t>;
  AuxiliaryTerms terms;
  terms.consistency_in = 1.0f;
  CHECK(viewed(terms) == Positions{0, 1, 2});
  terms.consistency_in = 0.0f;
  terms.consistency_out = 1.0f;
  CHECK(viewed(terms) == Positions{3, 4, 5, 6, 7, 8});
  terms.outside_rows = AuxiliaryTerms::OutsideRows::without_target;
  CHECK(viewed(terms) == Positions{6, 7, 8});

  BatchWorkspace w;
  w.start(kinds.texts, kinds.rows);
  w.choose_mixtures(program, kinds.rows, 1, 0, terms);
  REQUIRE(w.mixtures.size() == 6);
  Positions partners;
  for (std::size_t m = 0; m < 6; ++m) {
    CHECK(w.mixtures[m].first == static_cast<std::int64_t>(m));
    CHECK(w.mixtures[m].omega == w.mixtures[0].omega);
    partners.push_back(w.mixtures[m].second);
  }
  std::sort(partners.begin(), partners.end());
  CHECK(partners == Positions{0, 1, 2, 3, 4, 5});
  const Positions one_with_target{0, 6, 9};
  w.start(kinds.texts, one_with_target);
  w.choose_mixtures(program, one_with_target, 1, 0, terms);
  CHECK(w.mixtures.empty());

  // The weights of the leveraged losses are no labels: nothing to compare with, nothing to mix.
  RowProgram leveraged(LeveragedCe{}, LeveragedWeights{}, set.view());
  leveraged.begin_epoch(0);
  BatchWorkspace none;
  none.start(kinds.texts, kinds.rows);
  none.add_second_views(SecondView(kinds.texts), kinds.texts, leveraged, kinds.rows, 0,
                        all_auxiliary_terms());
  none.choose_mixtures(leveraged, kinds.rows, 1, 0, all_auxiliary_terms());
  CHECK(none.second_of.empty());
  CHECK(none.mixtures.empty());
  for (float AuxiliaryTerms::*const weight :
       {&AuxiliaryTerms::mixup, &AuxiliaryTerms::consistency_in}) {
    TrainingOptions options;
    options.auxiliary.*weight = 1.0f;
    Distiller distiller(LeveragedCe{}, LeveragedWeights{}, mlp(), AdamW{}, options);
    CHECK_THROWS_AS(distiller.fit(kinds.texts, set), InputError);
  }
}

TEST_CASE("omega is one a batch, of Beta(4, 4), folded to at least a half or as drawn",
          "[distiller]") {
  const Kinds kinds;
  const SparseCandidates set(kinds.annotations);
  const auto program = kinds.program(set);
  for (const auto mixing :
       {AuxiliaryTerms::Mixing::at_least_half, AuxiliaryTerms::Mixing::as_drawn}) {
    AuxiliaryTerms terms;
    terms.mixing = mixing;
    int below = 0;
    for (int epoch = 0; epoch < 50; ++epoch) {
      BatchWorkspace w;
      w.start(kinds.texts, kinds.rows);
      w.choose_mixtures(program, kinds.rows, 1, epoch, terms);
      CounterRng rng(1, RandomPurpose::mixup, static_cast<std::uint64_t>(epoch), 0);
      const float drawn = rng.beta(4, 4);
      below += drawn < 0.5f ? 1 : 0;
      CHECK(w.mixtures.at(0).omega ==
            (mixing == AuxiliaryTerms::Mixing::as_drawn ? drawn : std::max(drawn, 1.0f - drawn)));
    }
    CHECK(below > 0);
  }
}

TEST_CASE("eta grows linearly over the epochs of the ramp", "[distiller]") {
  AuxiliaryTerms terms;
  CHECK(terms.ramp(0.0) == 0.0f);
  CHECK(terms.ramp(2.5) == 0.25f);  // of the 10 epochs of FreeAL
  CHECK(terms.ramp(10.0) == 1.0f);
  CHECK(terms.ramp(20.0) == 1.0f);
  terms.ramp_epochs = 0.0f;
  CHECK(terms.ramp(0.0) == 1.0f);
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

namespace {

/// logits = counts of the ids times W [V, C]: the smallest student whose embeddings (the counts) can
/// be mixed. Without a const forward, so by one thread at a time.
struct TinySoftmax {
  static constexpr const char* name = "tiny_softmax";
  static constexpr int V = 10, C = 4;
  std::vector<float> w = std::vector<float>(V * C), gradient = w, counts, own;
  ParameterBlock block;

  int classes() const { return C; }
  int width() const { return V; }
  void encode(std::string_view, std::vector<std::int32_t>&) const {}
  void embed(TextBatch batch, Mode, MatrixView<float> embeddings) {
    std::fill_n(embeddings.data, embeddings.size(), 0.0f);
    for (std::size_t r = 0; r < batch.size(); ++r)
      for (const std::int32_t id : batch[r]) embeddings(static_cast<std::int64_t>(r), id) += 1.0f;
  }
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits) {
    if (mode == Mode::training) counts.assign(embeddings.data, embeddings.data + embeddings.size());
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      for (std::int64_t c = 0; c < C; ++c) {
        logits(r, c) = 0.0f;
        for (std::int64_t v = 0; v < V; ++v)
          logits(r, c) += embeddings(r, v) * w[static_cast<std::size_t>(v * C + c)];
      }
    }
  }
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float>) {
    for (std::int64_t r = 0; r < dlogits.rows; ++r)
      for (std::int64_t v = 0; v < V; ++v)
        for (std::int64_t c = 0; c < C; ++c)
          gradient[static_cast<std::size_t>(v * C + c)] +=
              counts[static_cast<std::size_t>(r * V + v)] * dlogits(r, c);
  }
  void embed_backward(MatrixView<const float>) {}
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
    own.resize(batch.size() * V);
    const MatrixView<float> embeddings{own.data(), logits.rows, V};
    embed(batch, mode, embeddings);
    classify(embeddings, mode, logits);
  }
  void backward(MatrixView<const float> dlogits) { classify_backward(dlogits, {}); }
  void zero_gradients() { std::fill(gradient.begin(), gradient.end(), 0.0f); }
  std::span<ParameterBlock> blocks() {
    block = {"w", w, V, C, Rows::dense, Decay::none, gradient, {}};
    return {&block, 1};
  }
};
static_assert(EmbeddingStudent<TinySoftmax>);

/// Texts, second views and candidate sets of the tiny student: some sets miss the class that the
/// words speak for, some are empty, some texts have no second view.
struct TinyCorpus {
  EncodedTexts texts, views;
  Annotations annotations{TinySoftmax::C};
  TinyCorpus() {
    for (std::int32_t i = 0; i < 45; ++i) {
      CounterRng rng(11, RandomPurpose::resampling, 0, static_cast<std::uint64_t>(i));
      const auto draw = [&](std::uint32_t n) { return static_cast<std::int32_t>(rng.below(n)); };
      const std::int32_t c = draw(4);
      const std::vector<std::int32_t> ids{2 * c + draw(2), 2 * c + draw(2), draw(10)};
      texts.push_back(ids);
      views.push_back(i % 9 == 4 ? std::vector<std::int32_t>{}
                                 : std::vector<std::int32_t>{ids[0], 2 * c + draw(2)});
      const std::int32_t first = i % 5 == 0 ? (c + 1) % 4 : c;
      annotations.add(i % 15 == 7  ? std::vector<std::int32_t>{}
                      : i % 3 == 0 ? std::vector<std::int32_t>{first}
                                   : std::vector<std::int32_t>{first, (first + 2) % 4});
    }
  }
};

/// method.md 4.5 in double, as literally as it stands there; with the random numbers of the
/// library's counters.
struct Literal {
  using Row = std::vector<double>;
  static constexpr std::size_t V = TinySoftmax::V, C = TinySoftmax::C;
  const TinyCorpus& corpus;
  TrainingOptions options;
  DistributionRefineryOptions r;
  std::vector<Row> W = std::vector<Row>(V, Row(C));
  int sharpened = 0, as_stored = 0, rescued = 0, dropped = 0;  ///< rows, over the epochs

  static Row counts(TokenSpan ids) {
    Row x(V);
    for (const std::int32_t id : ids) x[static_cast<std::size_t>(id)] += 1.0;
    return x;
  }
  Row logits(const Row& x) const {
    Row z(C);
    for (std::size_t v = 0; v < V; ++v)
      for (std::size_t c = 0; c < C; ++c) z[c] += x[v] * W[v][c];
    return z;
  }
  static Row softmax_at(Row z, double T) {
    for (double& v : z) v /= T;
    return softmax_of(z);
  }
  static std::size_t argmax(const Row& p) {
    return static_cast<std::size_t>(std::max_element(p.begin(), p.end()) - p.begin());
  }

  void train() {
    const AuxiliaryTerms& aux = options.auxiliary;
    const std::int64_t n = corpus.texts.rows();
    const auto N = static_cast<std::size_t>(n);
    std::vector<Row> x, Q, s(N, Row(C));
    for (std::size_t i = 0; i < N; ++i) {
      x.push_back(counts(corpus.texts[static_cast<std::int64_t>(i)]));
      const auto labels = corpus.annotations.labels(static_cast<std::int64_t>(i));
      for (const std::int32_t l : labels) s[i][static_cast<std::size_t>(l)] = 1.0;
      Q.push_back(s[i]);
      for (double& q : Q[i]) q /= std::max(1.0, static_cast<double>(labels.size()));
    }
    const auto empty = [&](std::size_t i) {
      return *std::max_element(s[i].begin(), s[i].end()) == 0;
    };
    const auto renorm = [&](const Row& p, std::size_t i) {
      Row q(C);
      double mass = 0.0;
      for (std::size_t c = 0; c < C; ++c) mass += s[i][c] * p[c];
      for (std::size_t c = 0; c < C && mass > 0.0; ++c) q[c] = s[i][c] * p[c] / mass;
      return q;
    };
    for (int e = 0; e < options.epochs; ++e) {
      std::vector<bool> out(N), sl(N), hc(N);
      std::vector<Row> P(N);
      if (e >= r.warm_up_epochs) {
        std::vector<double> l(N);
        for (std::size_t i = 0; i < N; ++i) {
          P[i] = softmax_of(logits(x[i]));
          if (empty(i)) continue;
          out[i] = s[i][argmax(P[i])] == 0.0;
          hc[i] = out[i] && P[i][argmax(P[i])] > r.tau;
          const Row q = renorm(P[i], i);
          for (std::size_t c = 0; c < C; ++c) l[i] -= q[c] > 0.0 ? q[c] * std::log(P[i][c]) : 0.0;
        }
        for (std::size_t c = 0; c < C; ++c) {
          std::vector<std::size_t> members;
          for (std::size_t i = 0; i < N; ++i)
            if (!out[i] && !empty(i) && argmax(P[i]) == c) members.push_back(i);
          std::sort(members.begin(), members.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(l[a], a) < std::pair(l[b], b);
          });
          for (std::size_t k = 0; 2 * k < members.size(); ++k)
            sl[members[k]] = true;  // delta = 1/2
        }
      }
      for (std::size_t i = 0; i < N && e >= r.warm_up_epochs; ++i) {
        if (empty(i)) continue;
        ++(sl[i] ? sharpened : hc[i] ? rescued : out[i] ? dropped : as_stored);
      }
      const auto order =
          random_order(n, options.seed, RandomPurpose::epoch_order, static_cast<std::uint64_t>(e));
      for (std::size_t at = 0; at < N; at += static_cast<std::size_t>(options.batch)) {
        std::vector<std::size_t> B;
        for (std::size_t k = at; k < std::min(N, at + static_cast<std::size_t>(options.batch)); ++k)
          B.push_back(static_cast<std::size_t>(order[k]));
        const double done = e + static_cast<double>(at) / static_cast<double>(N);
        const double eta = std::min(1.0, done / aux.ramp_epochs);
        const double rate = options.learning_rate * (1.0 - done / options.epochs);

        std::vector<Row> dW(V, Row(C));
        // Adds weight times the gradient of CE(q, softmax(x W / T)), q constant.
        const auto add_ce = [&](const Row& text, const Row& q, double weight, double T = 1.0) {
          const Row p = softmax_at(logits(text), T);
          for (std::size_t v = 0; v < V; ++v)
            for (std::size_t c = 0; c < C; ++c) dW[v][c] += weight * text[v] * (p[c] - q[c]) / T;
        };
        std::vector<std::pair<std::size_t, Row>> targets;
        std::vector<std::pair<std::size_t, Row>> views_in, views_out;
        for (const std::size_t i : B) {
          const Row p = softmax_of(logits(x[i]));
          if (r.when == Refresh::before_loss) Q[i] = renorm(p, i);
          Row q = Q[i];
          if (sl[i]) {
            double sum = 0.0;
            for (double& v : q) v = std::pow(v, 1.0 / r.gamma), sum += v;
            for (double& v : q) v /= sum;
          }
          if (hc[i]) q.assign(C, 0.0), q[argmax(P[i])] = 1.0;
          if (!empty(i) && (!out[i] || hc[i])) targets.push_back({i, q});
          const TokenSpan view = corpus.views[static_cast<std::int64_t>(i)];
          if (view.empty() || empty(i)) continue;
          if (!out[i]) views_in.push_back({i, q});
          if (out[i]) views_out.push_back({i, p});
        }
        const double divisor = options.denominator == Denominator::batch_rows
                                   ? static_cast<double>(B.size())
                                   : static_cast<double>(targets.size());
        for (const auto& [i, q] : targets) add_ce(x[i], q, 1.0 / divisor);
        const auto view_of = [&](std::size_t i) {
          return counts(corpus.views[static_cast<std::int64_t>(i)]);
        };
        for (const auto& [i, q] : views_in)
          add_ce(view_of(i), q, eta * aux.consistency_in / static_cast<double>(views_in.size()));
        for (const auto& [i, p] : views_out) {
          const double weight = eta * aux.consistency_out / static_cast<double>(views_out.size());
          if (aux.divergence == AuxiliaryTerms::Divergence::toward_first_view) {
            add_ce(view_of(i), p, weight);
          } else {
            add_ce(view_of(i), p, 0.5 * weight, aux.temperature);
            add_ce(x[i], softmax_of(logits(view_of(i))), 0.5 * weight, aux.temperature);
          }
        }
        if (aux.mixup > 0.0f && eta > 0.0 && targets.size() > 1) {
          CounterRng rng(options.seed, RandomPurpose::mixup, static_cast<std::uint64_t>(e), B[0]);
          const double drawn = rng.beta(4, 4);
          const double omega = std::max(drawn, 1.0 - drawn);
          std::vector<std::size_t> partner(targets.size());
          for (std::size_t k = 0; k < partner.size(); ++k) partner[k] = k;
          for (std::size_t k = partner.size() - 1; k > 0; --k)
            std::swap(partner[k], partner[rng.below(static_cast<std::uint32_t>(k + 1))]);
          for (std::size_t k = 0; k < targets.size(); ++k) {
            Row text(V), q(C);
            for (std::size_t v = 0; v < V; ++v)
              text[v] =
                  omega * x[targets[k].first][v] + (1.0 - omega) * x[targets[partner[k]].first][v];
            for (std::size_t c = 0; c < C; ++c)
              q[c] = omega * targets[k].second[c] + (1.0 - omega) * targets[partner[k]].second[c];
            add_ce(text, q, eta * aux.mixup / static_cast<double>(targets.size()));
          }
        }
        if (r.when == Refresh::same_forward)
          for (const std::size_t i : B) Q[i] = renorm(softmax_of(logits(x[i])), i);
        for (std::size_t v = 0; v < V; ++v)
          for (std::size_t c = 0; c < C; ++c) W[v][c] -= rate * dW[v][c];
        if (r.when == Refresh::after_step)
          for (const std::size_t i : B) Q[i] = renorm(softmax_of(logits(x[i])), i);
      }
    }
  }
};

}  // namespace

TEST_CASE("a training is method.md 4.5, step by step", "[distiller]") {
  const TinyCorpus corpus;
  const SparseCandidates set(corpus.annotations);
  const Refresh when = GENERATE(Refresh::same_forward, Refresh::before_loss, Refresh::after_step);
  const auto divergence = GENERATE(AuxiliaryTerms::Divergence::toward_first_view,
                                   AuxiliaryTerms::Divergence::symmetric);
  for (const bool mixup : {false, true}) {
    for (const bool consistency : {false, true}) {
      TrainingOptions options = options_with(4, 0.5f);
      options.batch = 7;
      options.seed = 5;
      options.denominator = mixup ? Denominator::rows_with_target : Denominator::batch_rows;
      options.auxiliary.mixup = mixup ? 0.8f : 0.0f;
      options.auxiliary.consistency_in = consistency ? 0.7f : 0.0f;
      options.auxiliary.consistency_out = consistency ? 0.9f : 0.0f;
      options.auxiliary.divergence = divergence;
      options.auxiliary.ramp_epochs = 3.0f;
      DistributionRefineryOptions refinery;
      refinery.when = when;
      refinery.warm_up_epochs = 1;
      refinery.tau = 0.6f;

      TinySoftmax student;
      Literal literal{corpus, options, refinery};
      CounterRng rng(21, RandomPurpose::initial_weights);
      for (std::size_t k = 0; k < student.w.size(); ++k) {
        student.w[k] = 0.1f * rng.normal();
        literal.W[k / Literal::C][k % Literal::C] = student.w[k];
      }
      Distiller distiller(SoftTargetCe{}, DistributionRefinery(refinery), student, Sgd{}, options);
      distiller.fit(corpus.texts, set, SecondView(corpus.views));
      literal.train();
      std::vector<double> expected;
      for (const auto& row : literal.W) expected.insert(expected.end(), row.begin(), row.end());
      INFO("refresh " << static_cast<int>(when) << ", divergence " << static_cast<int>(divergence)
                      << ", mixup " << mixup << ", consistency " << consistency);
      // Every one of the 28 steps may add a few last places.
      CHECK(too_far(distiller.student().w, expected, 4 * 28) == "");
      for (const int count :
           {literal.sharpened, literal.as_stored, literal.rescued, literal.dropped})
        CHECK(count > 0);
    }
  }
}

namespace {
struct CountsPasses : TinySoftmax {
  int evaluations = 0;
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
    evaluations += mode == Mode::evaluation ? 1 : 0;
    TinySoftmax::forward(batch, mode, logits);
  }
};
}  // namespace

TEST_CASE("an evaluation pass is taken where the refinery asks for one", "[distiller]") {
  const TinyCorpus corpus;
  for (const auto source : {PredictionSource::evaluation_pass, PredictionSource::last_visit}) {
    DistributionRefineryOptions refinery;
    refinery.warm_up_epochs = 1;
    refinery.predictions = source;
    Distiller distiller(SoftTargetCe{}, DistributionRefinery(refinery), CountsPasses{}, Sgd{},
                        options_with(4, 0.5f));
    distiller.fit(corpus.texts, SparseCandidates(corpus.annotations));
    CHECK(distiller.student().evaluations == (source == PredictionSource::evaluation_pass ? 3 : 0));
  }
}

TEST_CASE("an evaluation pass over many texts is noted row by row", "[distiller]") {
  const Corpus corpus(300);  // more than one chunk of an evaluation
  const SparseCandidates set(corpus.annotations);
  EmbeddingBagMlp student = mlp();
  const EncodedTexts texts = encode_texts(student, corpus.texts, 300);
  DistributionRefineryOptions options;
  options.warm_up_epochs = 0;
  options.tau = 0.0f;
  RowProgram by_parts(SoftTargetCe{}, DistributionRefinery(options), set.view());
  HostSteps<EmbeddingBagMlp, decltype(by_parts)>(student, by_parts).note_all(texts, 1);
  std::vector<TokenSpan> all;
  for (std::int64_t row = 0; row < 300; ++row) all.push_back(texts[row]);
  std::vector<float> logits(900);
  student.forward(all, Mode::evaluation, {logits.data(), 300, 3});
  RowProgram at_once(SoftTargetCe{}, DistributionRefinery(options), set.view());
  at_once.note(0, {logits.data(), 300, 3});
  by_parts.begin_epoch(0);
  at_once.begin_epoch(0);
  for (std::int64_t row = 0; row < 300; ++row) {
    CHECK(by_parts.plan(row).treatment == at_once.plan(row).treatment);
    CHECK(by_parts.plan(row).outside == at_once.plan(row).outside);
  }
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
