// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA transformer on a GPU against the host's: evaluation, training, graphs, bits, resuming. Batches come
// back, so that every pass runs as launches, as it is recorded, and as a replay.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "candist/cuda/compute_stream.cuh"
#include "candist/students/cuda_transformer.cuh"
#include "support/device_main.cuh"
#include "support/transformer_reference.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

using Floats = std::vector<float>;
using Lengths = std::vector<std::vector<int>>;
constexpr AdamWOptions clipped{.weight_decay = 0.01f, .max_gradient_norm = 1.0f};
constexpr TransformerCapacity capacity{40, 1100, 40};

struct Case {
  const char* what;
  TransformerConfig config;
};

TransformerConfig shape(Pooling pooling, int width, int heads, int layers, int inner_width) {
  TransformerConfig config;
  config.pooling = pooling;
  config.first_position = pooling == Pooling::roberta_head ? 2 : 0;
  config.vocabulary = 500;
  config.positions = 520;
  config.classes = 6;
  config.width = width;
  config.heads = heads;
  config.layers = layers;
  config.inner_width = inner_width;
  return config;
}
std::vector<Case> cases() {
  return {{"narrow", shape(Pooling::bert_pooler, 64, 2, 2, 72)},
          {"three heads", shape(Pooling::roberta_head, 96, 3, 1, 100)},
          {"wide heads, mean", shape(Pooling::mean, 128, 2, 2, 256)},
          {"as MiniLM", shape(Pooling::bert_pooler, 384, 12, 2, 1536)},
          {"as RoBERTa-base", shape(Pooling::roberta_head, 768, 12, 2, 3072)}};
}
const Lengths batches{{5, 1, 17, 2}, {40}, {3, 3, 33, 1, 9, 2, 2, 6}, {1}, {512, 65, 130}};

template <class T>
using Engine = CudaTransformer<T, ComputeStream>;

struct Trained {
  std::vector<double> losses;
  double gradient_norm = 0.0;  ///< of the last step
};
template <class T>
Trained train(Engine<T>& engine, const TransformerConfig& config, int steps, int first = 0) {
  Trained trained;
  for (int step = first; step < first + steps; ++step) {
    const MadeTexts texts(batches[static_cast<std::size_t>(step) % batches.size()], config, step);
    Floats logits(static_cast<std::size_t>(texts.rows() * config.classes)), dlogits;
    engine.forward(texts.view(), EnginePass::training, step,
                   {logits.data(), texts.rows(), config.classes});
    trained.losses.push_back(label_loss(logits, config.classes, dlogits));
    engine.backward({dlogits.data(), texts.rows(), config.classes});
    engine.step(clipped, 1e-3f);
  }
  engine.settle();
  trained.gradient_norm = engine.gradient_norm();
  return trained;
}
template <class T>
Floats logits_of(Engine<T>& engine, const TransformerConfig& config, const MadeTexts& texts) {
  Floats logits(static_cast<std::size_t>(texts.rows() * config.classes));
  engine.forward(texts.view(), EnginePass::evaluation, 0,
                 {logits.data(), texts.rows(), config.classes});
  return logits;
}
template <class T>
Floats values_of(Engine<T>& engine, TransformerReference& room) {
  Floats all;
  engine.get(room.blocks());
  for (const ParameterBlock& block : room.blocks())
    all.insert(all.end(), block.values.begin(), block.values.end());
  return all;
}
double largest_difference(const Floats& a, const Floats& b) {
  double most = a.size() == b.size() ? 0.0 : INFINITY;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}
/// Says what it compared where it fails.
void expect_close(const char* what, double found, double expected, double most) {
  const bool close = std::abs(found - expected) <= most;
  if (!close) std::printf("  %s: %g, expected %g within %g\n", what, found, expected, most);
  DEVICE_CHECK(close);
}

}  // namespace

DEVICE_TEST(evaluation_agrees_with_the_host) {
  for (const Case& c : cases()) {
    TransformerReference host(c.config, 5);
    Engine<float> engine(c.config, host.blocks(), capacity, 5);
    Engine<__nv_bfloat16> rounded(c.config, host.blocks(), capacity, 5);
    for (int round = 0; round < 3; ++round) {
      for (const std::vector<int>& lengths : batches) {
        const MadeTexts texts(lengths, c.config);
        const Floats expected = host.logits(texts);
        float largest = 0.0f;
        for (const float z : expected) largest = std::max(largest, std::abs(z));
        const double in_float = largest_difference(logits_of(engine, c.config, texts), expected);
        const double in_bf16 = largest_difference(logits_of(rounded, c.config, texts), expected);
        expect_close(c.what, in_float, 0.0, 2e-5 * largest + 1e-5);
        expect_close(c.what, in_bf16, 0.0, 0.04 * largest + 0.01);
      }
    }
  }
}

DEVICE_TEST(fifteen_steps_agree_with_the_host) {
  for (const Case& c : cases()) {
    TransformerReference host(c.config, 5), other(c.config, 5), third(c.config, 5);
    Engine<float> engine(c.config, other.blocks(), capacity, 5);
    Engine<__nv_bfloat16> rounded(c.config, third.blocks(), capacity, 5);
    const Trained found = train(engine, c.config, 15);
    const Trained in_bf16 = train(rounded, c.config, 15);
    for (int step = 0; step < 15; ++step) {
      const auto i = static_cast<std::size_t>(step);
      const MadeTexts texts(batches[i % batches.size()], c.config, step);
      const double expected = host.step(texts, clipped, 1e-3f);
      expect_close(c.what, found.losses[i], expected, 1e-4);
      expect_close(c.what, in_bf16.losses[i], expected, 0.1 + 0.05 * expected);
    }
    expect_close(c.what, found.gradient_norm, host.gradient_norm(), 1e-2 * host.gradient_norm());
  }
}

template <class T>
void check_bits() {
  for (const Case& c : cases()) {
    TransformerReference room(c.config, 5);
    const auto values_after = [&](bool after_others) {
      TransformerReference host(c.config, 5);
      Engine<T> engine(c.config, host.blocks(), capacity, 5);
      if (after_others) logits_of(engine, c.config, MadeTexts({512, 512}, c.config));
      train(engine, c.config, 12);
      return values_of(engine, room);
    };
    const Floats first = values_after(false);
    DEVICE_CHECK(values_after(false) == first);
    DEVICE_CHECK(values_after(true) == first);
  }
}
DEVICE_TEST(the_same_training_gives_the_same_bits) {
  check_bits<float>();
  check_bits<__nv_bfloat16>();
}

DEVICE_TEST(a_training_goes_on_to_the_same_bits) {
  const TransformerConfig config = cases()[0].config;
  TransformerReference host(config, 5), room(config, 5);
  Engine<__nv_bfloat16> whole(config, host.blocks(), capacity, 5);
  train(whole, config, 6);
  std::stringstream state;
  whole.save_optimizer(state);
  whole.get(host.blocks());
  train(whole, config, 6, 6);
  Engine<__nv_bfloat16> resumed(config, host.blocks(), capacity, 5);
  resumed.load_optimizer(state);
  train(resumed, config, 6, 6);
  DEVICE_CHECK(values_of(resumed, room) == values_of(whole, room));
}

template <class T>
void check_overfit() {
  TransformerConfig config = cases()[0].config;
  config.hidden_dropout = config.attention_dropout = config.head_dropout = 0.0f;
  TransformerReference host(config, 5);
  Engine<T> engine(config, host.blocks(), capacity, 5);
  const MadeTexts texts({4, 9, 1, 6, 12, 3}, config);
  double loss = 0.0;
  for (int step = 0; step < 100; ++step) {
    Floats logits(36), dlogits;
    engine.forward(texts.view(), EnginePass::training, step, {logits.data(), 6, 6});
    loss = label_loss(logits, 6, dlogits);
    engine.backward({dlogits.data(), 6, 6});
    engine.step(clipped, 1e-3f);
  }
  expect_close("loss of texts known by heart", loss, 0.0, 0.05);
}
DEVICE_TEST(it_learns_texts_by_heart) {
  check_overfit<float>();
  check_overfit<__nv_bfloat16>();
}

DEVICE_TEST(a_model_that_does_not_fit_says_so) {
  const TransformerConfig config = cases()[4].config;
  TransformerReference host(config, 5);
  std::string said;
  try {
    Engine<float>(config, host.blocks(), {1 << 20, std::int64_t{1} << 29, 1 << 20}, 5);
  } catch (const RunError& error) {
    said = error.what();
  }
  DEVICE_CHECK(said.find("more than are free") != std::string::npos);
  DEVICE_CHECK(said.find("tokens would fit") != std::string::npos);
}
