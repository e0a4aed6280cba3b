// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The full method on a GPU: a Distiller whose row program and terms beside the loss are on the device, beside the
// same one whose logits and embeddings come to the host. Students of the same engine otherwise.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "candist/candidates/sparse.hpp"
#include "candist/cuda/compute_stream.cuh"
#include "candist/methods.hpp"
#include "candist/students/cuda_transformer.cuh"
#include "candist/training/distiller.hpp"
#include "support/device_main.cuh"
#include "support/eager_refinery.hpp"
#include "support/transformer_reference.hpp"

namespace candist::testing {

constexpr int batch = 16;

/// A DeviceTransformer for tests: no tokenizer, no copies.
class EngineStudent {
 public:
  static constexpr const char* name = "engine";

  explicit EngineStudent(const TransformerConfig& config, std::shared_ptr<TransformerEngine> engine)
      : config_(config), engine_(std::move(engine)) {}

  int classes() const { return config_.classes; }
  int width() const { return config_.width; }
  void encode(std::string_view, std::vector<std::int32_t>&) const {}
  void forward(TextBatch texts, Mode mode, MatrixView<float> logits) {
    if (mode == Mode::training)
      return engine_->forward(pack(texts), EnginePass::training, step_++, logits);
    in_parts(texts, [&](TextBatch part, std::int64_t first) {
      const auto count = static_cast<std::int64_t>(part.size());
      engine_->forward(pack(part), EnginePass::evaluation, 0, logits.slice(first, count));
    });
  }
  void backward(MatrixView<const float> dlogits) { engine_->backward(dlogits); }
  void embed(TextBatch texts, Mode mode, MatrixView<float> embeddings) {
    engine_->embed(pack(texts), pass_of(mode), step_of(mode), embeddings);
  }
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits) {
    engine_->classify(embeddings, pass_of(mode), logits);
  }
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) {
    engine_->classify_backward(dlogits, dembeddings);
  }
  void embed_backward(MatrixView<const float> dembeddings) { engine_->embed_backward(dembeddings); }
  template <class L, class R>
  std::unique_ptr<RowEngine> row_engine(const L& loss, const R& refinery, const SparseView& view,
                                        int largest_batch) {
    return engine_->row_engine(
        row_request(policy_ref(loss), policy_ref(refinery), view, largest_batch));
  }
  void forward_rows(TextBatch texts, std::span<const Mixture> mixtures, Mode mode) {
    engine_->forward_rows(pack(texts), mixtures, pass_of(mode), step_of(mode));
  }
  void backward_rows() { engine_->backward_rows(); }
  template <class Work>
  void evaluate_rows(TextBatch texts, Work&& work) {
    in_parts(texts, [&](TextBatch part, std::int64_t first) {
      forward_rows(part, {}, Mode::evaluation);
      work(first, static_cast<std::int64_t>(part.size()));
    });
  }
  void zero_gradients() { engine_->zero_gradients(); }
  std::span<ParameterBlock> blocks() { return {}; }

 private:
  template <class Run>
  static void in_parts(TextBatch texts, Run&& run) {
    for (std::size_t first = 0; first < texts.size(); first += batch)
      run(texts.subspan(first, std::min<std::size_t>(batch, texts.size() - first)),
          static_cast<std::int64_t>(first));
  }
  static EnginePass pass_of(Mode mode) {
    return mode == Mode::training ? EnginePass::training : EnginePass::evaluation;
  }
  std::int64_t step_of(Mode mode) { return mode == Mode::training ? step_++ : 0; }
  PackedTexts pack(TextBatch texts) {
    ids_.clear();
    positions_.clear();
    offsets_.assign(1, 0);
    for (const TokenSpan text : texts) {
      for (std::size_t t = 0; t < text.size(); ++t) {
        ids_.push_back(text[t]);
        positions_.push_back(static_cast<std::int32_t>(t) + config_.first_position);
      }
      offsets_.push_back(static_cast<std::int32_t>(ids_.size()));
    }
    return {ids_, positions_, offsets_};
  }

  TransformerConfig config_;
  std::shared_ptr<TransformerEngine> engine_;
  std::vector<std::int32_t> ids_, positions_, offsets_;
  std::int64_t step_ = 0;
};
static_assert(EmbeddingStudent<EngineStudent>);
static_assert(DeviceStudent<EngineStudent>);

struct EngineAdamW {
  static constexpr const char* name = "adamw";
  std::shared_ptr<TransformerEngine> engine;
  void step(std::span<ParameterBlock>, float learning_rate) {
    engine->step({.weight_decay = 0.01f, .max_gradient_norm = 1.0f}, learning_rate);
  }
  void settle(std::span<ParameterBlock>) { engine->settle(); }
};

}  // namespace candist::testing

using namespace candist;
using namespace candist::testing;

namespace {

constexpr int classes = 5;
constexpr int vocabulary = 300;
constexpr std::int64_t n = 90;  // no multiple of the batch

/// Texts whose first word tells the class, their second views, candidate sets of many sizes.
struct Problem {
  EncodedTexts texts, views;
  std::vector<float> weights;

  Problem() {
    CounterRng rng(5, RandomPurpose::resampling);
    for (std::int64_t row = 0; row < n; ++row) {
      const auto gold = static_cast<std::int32_t>(row % classes);
      std::vector<std::int32_t> ids{gold + 1};
      const int length = row == 7 ? 100 : 1 + static_cast<int>(rng.below(20));
      for (int t = 0; t < length; ++t)
        ids.push_back(10 + static_cast<std::int32_t>(rng.below(vocabulary - 10)));
      texts.push_back(ids);
      ids.back() = 9;
      views.push_back(ids);
      for (std::int32_t label = 0; label < classes; ++label) {
        const bool is_candidate =
            row != 9 && (row == 4 || (label == gold && row % 7 != 5) || rng.uniform() < 0.3f);
        weights.push_back(is_candidate ? 1.0f : 0.0f);
      }
    }
  }
  SparseCandidates set() const {
    return SparseCandidates(MatrixView<const float>{weights.data(), n, classes});
  }
};

using Compiled = TypeList<RowComposition<SoftTargetCe, DistributionRefinery>,
                          RowComposition<SoftTargetCe, RenormalisedPrediction>,
                          RowComposition<EarlyLearning, RunningPrediction>>;

struct Trained {
  std::vector<EpochReport> epochs;
  std::vector<float> targets;
  std::vector<float> values;
  bool on_device = false;
};
enum class Waits { for_losses, for_every_step };
struct Callback {
  Trained* trained;
  TransformerEngine* engine;
  Waits waits;
  void on_visit(std::span<const std::int64_t>, MatrixView<const float> targets) {
    const std::span<const float> values = targets.values();
    trained->targets.insert(trained->targets.end(), values.begin(), values.end());
  }
  void on_batch(const EpochReport&) {
    if (waits == Waits::for_every_step) engine->gradient_norm();
  }
  void on_epoch(const EpochReport& report) { trained->epochs.push_back(report); }
};

template <class T, class L, class R>
Trained train(const L& loss, const R& refinery, const AuxiliaryTerms& terms,
              RowEngineMaker<ComputeStream> rows, Waits waits = Waits::for_losses) {
  TransformerConfig config;
  config.vocabulary = vocabulary;
  config.positions = 128;
  config.classes = classes;
  config.width = 128;
  config.heads = 4;
  config.layers = 6;  // so that the host is far ahead
  config.inner_width = 256;
  TransformerReference start(config, 5);
  auto engine = std::make_shared<CudaTransformer<T, ComputeStream>>(
      config, start.blocks(), TransformerCapacity{2 * batch, 1200, 3 * batch}, 5, ComputeStream{},
      rows);
  TrainingOptions options;
  options.epochs = 5;
  options.batch = batch;
  options.learning_rate = 1e-3f;
  options.auxiliary = terms;
  options.auxiliary.ramp_epochs = 2.0f;
  const Problem problem;
  const SparseCandidates set = problem.set();
  Distiller distiller(loss, refinery, EngineStudent(config, engine), EngineAdamW{engine}, options);
  Trained trained;
  distiller.fit(problem.texts, set, SecondView(problem.views),
                Callback{&trained, engine.get(), waits}, [&]<class Program>(Program&) {
                  trained.on_device = std::is_base_of_v<RowEngine, Program>;
                  return TrainingPosition{};
                });
  engine->get(start.blocks());
  for (const ParameterBlock& block : start.blocks())
    trained.values.insert(trained.values.end(), block.values.begin(), block.values.end());
  return trained;
}

/// `most`: losses may be apart by.
template <class T, class L, class R>
void compare(const L& loss, const R& refinery, const AuxiliaryTerms& terms, double most) {
  const Trained host = train<T>(loss, refinery, terms, nullptr);
  const Trained found = train<T>(loss, refinery, terms, make_row_engine<Compiled, ComputeStream>);
  const Trained again = train<T>(loss, refinery, terms, make_row_engine<Compiled, ComputeStream>);
  DEVICE_CHECK(!host.on_device && found.on_device);
  DEVICE_CHECK(found.values == again.values && found.targets == again.targets);
  const Trained waited = train<T>(loss, refinery, terms, make_row_engine<Compiled, ComputeStream>,
                                  Waits::for_every_step);
  DEVICE_CHECK(found.values == waited.values && found.targets == waited.targets);
  double furthest = 0.0;
  for (std::size_t i = 0; i < std::min(found.targets.size(), host.targets.size()); ++i)
    furthest = std::max(furthest, std::abs(double{found.targets[i]} - double{host.targets[i]}));
  if (furthest > 50 * most) std::printf("  targets are %g apart\n", furthest);
  DEVICE_CHECK(found.targets.size() == host.targets.size() && furthest <= 50 * most);
  DEVICE_CHECK(found.epochs.size() == host.epochs.size());
  for (std::size_t e = 0; e < std::min(found.epochs.size(), host.epochs.size()); ++e) {
    const bool close = std::abs(found.epochs[e].loss - host.epochs[e].loss) <= most;
    if (!close) {
      std::printf("  %s with %s, epoch %zu: loss %g, by the host %g\n", L::name, R::name, e,
                  found.epochs[e].loss, host.epochs[e].loss);
    }
    DEVICE_CHECK(close);
    DEVICE_CHECK(found.epochs[e].with_target == host.epochs[e].with_target);
  }
  DEVICE_CHECK(host.epochs.front().loss > host.epochs.back().loss);
}

}  // namespace

DEVICE_TEST(the_full_method_agrees_with_logits_that_go_by_the_host) {
  AuxiliaryTerms symmetric = all_auxiliary_terms();
  symmetric.divergence = AuxiliaryTerms::Divergence::symmetric;
  compare<float>(SoftTargetCe{}, eager_refinery(), all_auxiliary_terms(), 2e-3);
  compare<float>(SoftTargetCe{}, eager_refinery(), symmetric, 2e-3);
  compare<__nv_bfloat16>(SoftTargetCe{}, eager_refinery(), all_auxiliary_terms(), 2e-2);
}
DEVICE_TEST(refineries_agree_with_logits_that_go_by_the_host) {
  compare<float>(SoftTargetCe{}, methods::Rc::refinery(), {}, 2e-3);
  compare<float>(EarlyLearning{}, RunningPrediction{}, {}, 2e-3);
}
