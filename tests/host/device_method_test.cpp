// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The full method on the device without a GPU: a Distiller whose student, row program and terms beside the loss
// run under the host executor, beside the same Distiller on the host.
#include "support/host_executor.hpp"
#include "support/host_tensor_core.hpp"
//
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "candist/methods.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/students/cuda_transformer.cuh"
#include "candist/students/device_transformer.hpp"
#include "candist/training/distiller.hpp"
#include "support/catch.hpp"
#include "support/eager_refinery.hpp"
#include "support/host_compute.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::eager_refinery;
using candist::testing::HostCompute;

namespace {

using Floats = std::vector<float>;

constexpr int classes = 4;
constexpr int vocabulary = 60;
constexpr std::int64_t n = 22;  // no multiple of the batch
constexpr int batch = 6;

/// Texts whose first word tells the class, their second views, and candidates with the class mostly among
/// them; a row without candidates, one with all.
struct Problem {
  EncodedTexts texts, views;
  Annotations annotations{classes};

  Problem() {
    CounterRng rng(5, RandomPurpose::resampling);
    for (std::int64_t row = 0; row < n; ++row) {
      const auto gold = static_cast<std::int32_t>(row % classes);
      std::vector<std::int32_t> ids{gold + 1};
      const int length = 1 + static_cast<int>(rng.below(9));
      for (int t = 0; t < length; ++t)
        ids.push_back(8 + static_cast<std::int32_t>(rng.below(vocabulary - 8)));
      texts.push_back(ids);
      if (row != 3) ids.back() = 7;  // a text whose second view is the text
      views.push_back(ids);
      std::vector<std::int32_t> labels;
      for (std::int32_t label = 0; label < classes; ++label) {
        if (row != 9 && (row == 4 || (label == gold && row % 7 != 5) || rng.uniform() < 0.3f))
          labels.push_back(label);
      }
      annotations.add(labels);
    }
  }
};

Transformer student_on_host(float dropout) {
  TransformerConfig config;
  config.width = 32;
  config.heads = 1;
  config.layers = 1;
  config.inner_width = 40;
  config.positions = 24;
  config.classes = classes;
  config.hidden_dropout = config.attention_dropout = config.head_dropout = dropout;
  config.vocabulary = vocabulary;
  const std::vector<std::string> words{"a b c d e f g h i j k l m n o p q r s t u v w x y z"};
  TransformerOptions options;
  for (int c = 0; c < classes; ++c) options.labels.push_back(std::to_string(c));
  options.max_length = 24;
  options.seed = 3;
  return Transformer(config, make_tokenizer(words, 1, 64), options);
}

using Compiled = TypeList<RowComposition<SoftTargetCe, DistributionRefinery>,
                          RowComposition<SoftTargetCe, RenormalisedPrediction>,
                          RowComposition<SoftTargetCe, SmallLossMixture>,
                          RowComposition<SoftTargetCe, ProgressivePurification>,
                          RowComposition<EarlyLearning, RunningPrediction>,
                          RowComposition<LeveragedCe, LeveragedWeights>>;

DeviceTransformer student_on_device(
    float dropout, RowEngineMaker<HostCompute> rows = make_row_engine<Compiled, HostCompute>) {
  Transformer host = student_on_host(dropout);
  auto engine = std::make_shared<CudaTransformer<float, HostCompute>>(
      host.config(), host.blocks(), TransformerCapacity{2 * batch, 2 * batch * 12, 3 * batch},
      host.options().seed, HostCompute{}, rows);
  return DeviceTransformer(std::move(host), std::move(engine));
}

/// What a training says.
struct Record {
  std::vector<EpochReport> epochs;
  Floats targets;
  bool on_device = false;
};

struct Callback {
  Record* record;
  std::function<void(const TrainingPosition&, const std::function<void(std::ostream&)>&)>
      checkpoint;

  void on_visit(std::span<const std::int64_t>, MatrixView<const float> targets) {
    record->targets.insert(record->targets.end(), targets.data, targets.data + targets.size());
  }
  void on_epoch(const EpochReport& report) { record->epochs.push_back(report); }
  void on_checkpoint(const auto& distiller, const auto& program, const TrainingPosition& where) {
    if (!checkpoint) return;
    checkpoint(where, [&](std::ostream& out) {
      program.save(out);
      distiller.optimizer().save(out);
    });
  }
};

TrainingOptions options_of(const AuxiliaryTerms& auxiliary, int epochs) {
  TrainingOptions options;
  options.epochs = epochs;
  options.batch = batch;
  options.learning_rate = 5e-3f;
  options.auxiliary = auxiliary;
  options.auxiliary.ramp_epochs = 2.0f;
  return options;
}

AdamWOptions adamw() { return {.weight_decay = 0.01f, .max_gradient_norm = 1.0f}; }
AdamW optimizer_of(const Transformer&) { return AdamW(adamw()); }
DeviceAdamW optimizer_of(const DeviceTransformer& student) {
  return DeviceAdamW(adamw(), student.engine());
}

template <class L, class R, class S>
auto distiller_of(const L& loss, const R& refinery, S student, const TrainingOptions& options) {
  auto optimizer = optimizer_of(student);
  return Distiller(loss, refinery, std::move(student), std::move(optimizer), options);
}

template <class D>
Record fit(D& distiller, const Problem& problem) {
  const SparseCandidates set(problem.annotations);
  Record record;
  distiller.fit(problem.texts, set, SecondView(problem.views), Callback{&record, {}},
                [&]<class Program>(Program&) {
                  record.on_device = std::is_base_of_v<RowEngine, Program>;
                  return TrainingPosition{};
                });
  return record;
}

template <class L, class R>
void compare(const L& loss, const R& refinery, const AuxiliaryTerms& auxiliary,
             float dropout = 0.1f) {
  CAPTURE(std::string(L::name), std::string(R::name), auxiliary.mixup, dropout);
  const Problem problem;
  const TrainingOptions options = options_of(auxiliary, 4);
  auto host = distiller_of(loss, refinery, student_on_host(dropout), options);
  auto device = distiller_of(loss, refinery, student_on_device(dropout), options);
  auto by_host = distiller_of(loss, refinery, student_on_device(dropout, nullptr), options);
  const Record expected = fit(host, problem);
  const Record found = fit(device, problem);
  const Record passed = fit(by_host, problem);
  REQUIRE(!expected.on_device);
  REQUIRE(!passed.on_device);
  REQUIRE(found.on_device);
  for (const Record* record : {&found, &passed}) {
    REQUIRE(record->epochs.size() == expected.epochs.size());
    for (std::size_t e = 0; e < expected.epochs.size(); ++e) {
      CAPTURE(e, record->on_device);
      CHECK(std::abs(record->epochs[e].loss - expected.epochs[e].loss) < 1e-4);
      CHECK(record->epochs[e].with_target == expected.epochs[e].with_target);
      CHECK(record->epochs[e].sharpened == expected.epochs[e].sharpened);
      CHECK(record->epochs[e].rescued == expected.epochs[e].rescued);
      CHECK(record->epochs[e].outside == expected.epochs[e].outside);
    }
    REQUIRE(record->targets.size() == expected.targets.size());
    std::size_t far = 0;  // or not a number
    for (std::size_t i = 0; i < expected.targets.size(); ++i)
      far += std::abs(double{record->targets[i]} - double{expected.targets[i]}) < 2e-3 ? 0 : 1;
    CHECK(far == 0);
  }
  CHECK(expected.epochs.front().loss != expected.epochs.back().loss);
}

}  // namespace

TEST_CASE("the full method on the device agrees with the host's", "[device_method]") {
  compare(SoftTargetCe{}, eager_refinery(), all_auxiliary_terms());
  AuxiliaryTerms symmetric = all_auxiliary_terms();
  symmetric.divergence = AuxiliaryTerms::Divergence::symmetric;
  compare(SoftTargetCe{}, eager_refinery(), symmetric, 0.0f);
  compare(SoftTargetCe{}, SmallLossMixture{}, methods::FreeAl::auxiliary());
}

TEST_CASE("refineries of every kind run on the device as on the host", "[device_method]") {
  compare(SoftTargetCe{}, methods::Rc::refinery(), {});  // a pass behind every step
  compare(SoftTargetCe{}, RenormalisedPrediction{}, {}, 0.0f);
  compare(EarlyLearning{}, RunningPrediction{}, {});  // a second table
  compare(LeveragedCe{}, LeveragedWeights{}, {});     // targets that are no labels
  ProgressivePurificationOptions options;
  options.warm_up_epochs = 0;
  options.window = 1;
  options.threshold = 0.3f;
  compare(SoftTargetCe{}, ProgressivePurification(options), {});  // plans from the tables
}

TEST_CASE("a composition that is not compiled goes by the host", "[device_method]") {
  const Problem problem;
  auto distiller =
      distiller_of(GeneralizedCe{}, KeepPrior{}, student_on_device(0.1f), options_of({}, 1));
  CHECK(!fit(distiller, problem).on_device);
  // One of the two is compiled, with others.
  auto other_loss =
      distiller_of(GeneralizedCe{}, eager_refinery(), student_on_device(0.1f), options_of({}, 1));
  CHECK(!fit(other_loss, problem).on_device);
  auto other_refinery =
      distiller_of(SoftTargetCe{}, KeepPrior{}, student_on_device(0.1f), options_of({}, 1));
  CHECK(!fit(other_refinery, problem).on_device);
}

TEST_CASE("the full method gives the same bits twice, and from where it was saved",
          "[device_method]") {
  const Problem problem;
  const SparseCandidates set(problem.annotations);
  const TrainingOptions options = options_of(all_auxiliary_terms(), 4);
  struct Saved {
    TrainingPosition where;
    std::string state;
  };
  std::optional<Saved> saved;
  const testing::TemporaryFolder folder;
  const auto train = [&](bool resumed) {
    auto distiller =
        distiller_of(SoftTargetCe{}, eager_refinery(), student_on_device(0.1f), options);
    Record record;
    Callback callback{&record, {}};
    if (!resumed) {
      callback.checkpoint = [&](const TrainingPosition& where, const auto& save) {
        if (where.epoch != 2) return;
        std::ostringstream state;
        save(state);
        saved = Saved{where, state.str()};
        save_student(folder.path() / "student", distiller.student());
      };
    }
    distiller.fit(problem.texts, set, SecondView(problem.views), callback, [&](auto& program) {
      if (!resumed) return TrainingPosition{};
      distiller.student().reload(folder.path() / "student");
      std::istringstream state(saved.value().state);
      program.load(state);
      distiller.optimizer().load(state);
      REQUIRE(state);
      REQUIRE(state.peek() == std::istringstream::traits_type::eof());
      return saved->where;
    });
    return distiller.predict(problem.texts).confidences;
  };
  const auto first = train(false);
  CHECK(train(false) == first);
  CHECK(train(true) == first);
}

TEST_CASE("on the device a loss that is not finite ends the training with its row",
          "[device_method]") {
  const Problem problem;
  TrainingOptions options = options_of({}, 3);
  options.learning_rate = 1e30f;
  DeviceTransformer student = student_on_device(0.0f);
  DeviceAdamW optimizer({.weight_decay = 0.0f}, student.engine());
  Distiller distiller(SoftTargetCe{}, eager_refinery(), std::move(student), optimizer, options);
  CHECK_THROWS_WITH(fit(distiller, problem),
                    Catch::Contains("training stopped in step 2 of epoch 1: the loss of row") &&
                        Catch::Contains("with candidates"));
}

TEST_CASE("passes on the device do not depend on those before, nor on who waits",
          "[device_method]") {
  const Problem problem;
  const SparseCandidates set(problem.annotations);
  const std::vector<TokenSpan> two{problem.texts[0], problem.texts[1]};
  const std::vector<std::int64_t> of_two{0, 1};
  std::vector<TokenSpan> seven;
  for (std::int64_t t = 0; t < 7; ++t) seven.push_back(problem.texts[t]);
  const auto mixtures = [](float omega) {
    std::vector<Mixture> all;
    for (std::int64_t t = 0; t < 7; ++t) all.push_back({6 - t, (7 - t) % 7, omega});
    return all;
  };
  const auto terms = [](float scale) {
    return std::vector<AuxiliaryRow>{{7, 0, 1, 0.7f, scale}, {8, 1, 0, 0.7f, scale}};
  };
  // The norm of the gradients of a step on seven texts with mixtures, or on two without.
  const auto norm = [&](bool mixed, auto&& before) {
    DeviceTransformer student = student_on_device(0.0f);
    DeviceAdamW optimizer(adamw(), student.engine());
    const auto rows = student.row_engine(SoftTargetCe{}, eager_refinery(), set.view(), batch);
    rows->begin_epoch(0);
    before(student);
    student.forward_rows(mixed ? seven : two, mixed ? mixtures(0.7f) : std::vector<Mixture>{},
                         Mode::training);
    rows->visit(of_two, Denominator::batch_rows, mixed ? terms(0.5f) : std::vector<AuxiliaryRow>{},
                TargetCopy::none);
    student.backward_rows();
    optimizer.step({}, 1e-3f);
    return optimizer.gradient_norm();
  };
  const auto nothing = [](DeviceTransformer&) {};
  // Mixtures and terms change while the device is behind.
  const auto busy = [&](DeviceTransformer& student) {
    const auto rows = student.row_engine(SoftTargetCe{}, eager_refinery(), set.view(), batch);
    rows->begin_epoch(0);
    for (int i = 0; i < 5; ++i) {
      const auto share = 0.1f * static_cast<float>(i + 1);
      student.forward_rows(seven, mixtures(share), Mode::training);
      rows->visit(of_two, Denominator::batch_rows, terms(share), TargetCopy::none);
      student.backward_rows();
      student.zero_gradients();
    }
  };
  const auto not_finite = [&](DeviceTransformer& student) {
    Floats all(3 * batch * 32, NAN), logits(3 * batch * classes);
    student.classify({all.data(), 3 * batch, 32}, Mode::evaluation,
                     {logits.data(), 3 * batch, classes});
  };
  for (const bool mixed : {false, true}) {
    const double expected = norm(mixed, nothing);
    CHECK(norm(mixed, busy) == expected);
    CHECK(norm(mixed, not_finite) == expected);
  }

  // Another copy was on the device.
  DeviceTransformer student = student_on_device(0.0f);
  DeviceAdamW optimizer(adamw(), student.engine());
  const auto rows = student.row_engine(SoftTargetCe{}, eager_refinery(), set.view(), batch);
  rows->begin_epoch(0);
  const DeviceTransformer other = student;
  Floats before(2 * classes), after(2 * classes);
  other.forward(two, {before.data(), 2, classes});
  student.forward_rows(two, {}, Mode::training);
  rows->visit(of_two, Denominator::batch_rows, {}, TargetCopy::none);
  student.backward_rows();
  optimizer.step({}, 1e-2f);
  std::as_const(student).forward(two, {after.data(), 2, classes});
  CHECK(after != before);
  other.forward(two, {after.data(), 2, classes});
  CHECK(after == before);
}

TEST_CASE("what does not fit the device's logits is said", "[device_method]") {
  const Problem problem;
  const SparseCandidates set(problem.annotations);
  DeviceTransformer student = student_on_device(0.0f);
  const auto rows = student.row_engine(SoftTargetCe{}, eager_refinery(), set.view(), batch);
  REQUIRE(rows);
  const std::vector<TokenSpan> two{problem.texts[0], problem.texts[1]};
  const auto mixed = [&](std::vector<Mixture> mixtures) {
    student.forward_rows(two, mixtures, Mode::training);
  };
  CHECK_THROWS_AS(mixed({{0, 2, 0.5f}}), ShapeError);
  CHECK_THROWS_AS(mixed({{0, 1, 0.5f}}), ShapeError);  // 1 is first in none
  mixed({{0, 1, 0.5f}, {1, 0, 0.5f}});
  rows->begin_epoch(0);
  const std::vector<std::int64_t> of_two{0, 1};
  const std::vector<AuxiliaryRow> too_many(2 * batch + 1);
  CHECK_THROWS_AS(rows->visit(of_two, Denominator::batch_rows, too_many, TargetCopy::none),
                  ShapeError);
  student.zero_gradients();
  mixed({});
  rows->visit(of_two, Denominator::batch_rows, std::vector<AuxiliaryRow>(1), TargetCopy::none);
  student.backward_rows();
  CHECK_THROWS_WITH(student.backward_rows(), Catch::Contains("second backward pass"));

  const Annotations others(classes + 1);
  CHECK_THROWS_AS(
      student.row_engine(SoftTargetCe{}, eager_refinery(), SparseCandidates(others).view(), batch),
      ShapeError);
}
