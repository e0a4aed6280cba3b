// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The CUDA transformer without a GPU: its passes and its kernels' own source run by the host executor, products by
// plain loops, against the host's transformer and AdamW.
#include "support/host_executor.hpp"
#include "support/host_tensor_core.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "candist/optimizers/adamw.hpp"
#include "candist/students/cuda_transformer.cuh"
#include "candist/students/device_transformer.hpp"
#include "support/catch.hpp"
#include "support/host_compute.hpp"
#include "support/temporary_folder.hpp"
#include "support/transformer_reference.hpp"

using namespace candist;
using candist::testing::HostCompute;
using candist::testing::label_loss;

namespace {

using IdTexts = std::vector<std::vector<std::int32_t>>;
using Floats = std::vector<float>;

constexpr int vocabulary = 60;

struct Shape {
  Pooling pooling = Pooling::bert_pooler;
  int width = 64;
  int heads = 2;
  int layers = 2;
  int inner_width = 72;  // no multiple of anything
  int classes = 3;
  float dropout = 0.1f;
};

Transformer on_host(const Shape& shape) {
  TransformerConfig config;
  config.family =
      shape.pooling == Pooling::roberta_head ? EncoderFamily::roberta : EncoderFamily::bert;
  config.first_position = shape.pooling == Pooling::roberta_head ? 2 : 0;
  config.pooling = shape.pooling;
  config.width = shape.width;
  config.heads = shape.heads;
  config.layers = shape.layers;
  config.inner_width = shape.inner_width;
  config.positions = 80;
  config.classes = shape.classes;
  config.hidden_dropout = config.attention_dropout = config.head_dropout = shape.dropout;
  const std::vector<std::string> words{"a b c d e f g h i j k l m n o p q r s t u v w x y z"};
  const TokenizerSource tokenizer = make_tokenizer(words, 1, 64);
  config.vocabulary = vocabulary;
  TransformerOptions options;
  for (int c = 0; c < shape.classes; ++c) options.labels.push_back(std::to_string(c));
  options.max_length = 64;
  options.seed = 11;
  Transformer student(config, tokenizer, options);
  for (const NamedTensor& tensor : student.tensors()) {  // far from a beginning's small numbers
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] += 0.1f * std::sin(static_cast<float>(i * i % 97));
  }
  return student;
}

template <class T>
DeviceTransformer on_device(Transformer host, TransformerCapacity capacity = {16, 200, 20}) {
  auto engine = std::make_shared<CudaTransformer<T, HostCompute>>(host.config(), host.blocks(),
                                                                  capacity, host.options().seed);
  return DeviceTransformer(std::move(host), std::move(engine));
}

/// IdTexts of the given lengths; words come back, within a text and between them.
IdTexts texts_of(const std::vector<int>& lengths, int salt = 0) {
  IdTexts texts;
  int n = salt;
  for (const int length : lengths) {
    auto& text = texts.emplace_back();
    for (int t = 0; t < length; ++t) text.push_back((t * t + 7 * n++) % vocabulary);
  }
  return texts;
}
/// Some have the same size but for the tokens, or but for the longest text.
const std::vector<std::vector<int>> batches{{5, 1, 17, 2}, {40},     {3, 3, 33, 1, 9, 2, 2, 6},
                                            {1},           {30, 30}, {40, 35, 3}};

std::vector<TokenSpan> batch_of(const IdTexts& texts) { return {texts.begin(), texts.end()}; }

/// The losses of some steps; every step takes the next one of the batches.
template <class S, class O>
std::vector<double> train(S& student, O& optimizer, int steps, int first = 0) {
  std::vector<double> losses;
  for (int step = first; step < first + steps; ++step) {
    const IdTexts texts = texts_of(batches[static_cast<std::size_t>(step) % batches.size()], step);
    const std::vector<TokenSpan> batch = batch_of(texts);
    const auto rows = static_cast<std::int64_t>(batch.size());
    Floats logits(batch.size() * static_cast<std::size_t>(student.classes())), dlogits;
    student.forward(batch, Mode::training, {logits.data(), rows, student.classes()});
    losses.push_back(label_loss(logits, student.classes(), dlogits));
    student.backward({dlogits.data(), rows, student.classes()});
    optimizer.step(student.blocks(), 3e-3f);
    student.zero_gradients();
  }
  return losses;
}

template <class S>
Floats logits_of(S& student, const IdTexts& texts) {
  const std::vector<TokenSpan> batch = batch_of(texts);
  Floats logits(batch.size() * static_cast<std::size_t>(student.classes()));
  student.forward(batch, Mode::evaluation,
                  {logits.data(), static_cast<std::int64_t>(batch.size()), student.classes()});
  return logits;
}

Floats all_values(Transformer student) {
  Floats all;
  for (const NamedTensor& tensor : student.tensors())
    all.insert(all.end(), tensor.values.begin(), tensor.values.end());
  return all;
}

double largest_difference(const Floats& a, const Floats& b) {
  REQUIRE(a.size() == b.size());
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(difference)) return difference;
    most = std::max(most, difference);
  }
  return most;
}

const AdamWOptions clipped{.weight_decay = 0.01f, .max_gradient_norm = 1.0f};

const std::vector<Shape> shapes{
    {},
    {.pooling = Pooling::roberta_head},
    {.pooling = Pooling::mean, .heads = 1, .inner_width = 40, .classes = 5},
    {.pooling = Pooling::bert_pooler, .width = 96, .heads = 3, .layers = 1, .classes = 2},
    {.pooling = Pooling::mean, .layers = 1, .dropout = 0.0f}};

}  // namespace

TEST_CASE("evaluation agrees with the host's transformer", "[cuda_transformer]") {
  for (const Shape& shape : shapes) {
    Transformer host = on_host(shape);
    DeviceTransformer device = on_device<float>(on_host(shape));
    for (const std::vector<int>& lengths : batches) {
      const IdTexts texts = texts_of(lengths);
      CHECK(largest_difference(logits_of(device, texts), logits_of(host, texts)) < 1e-5);
    }
  }
}

TEST_CASE("ten steps of training agree with the host's", "[cuda_transformer]") {
  for (const Shape& shape : shapes) {
    CAPTURE(static_cast<int>(shape.pooling), shape.width, shape.layers);
    Transformer host = on_host(shape);
    AdamW host_optimizer(clipped);
    DeviceTransformer device = on_device<float>(on_host(shape));
    DeviceAdamW device_optimizer(clipped, device.engine());
    const std::vector<double> expected = train(host, host_optimizer, 10);
    const std::vector<double> found = train(device, device_optimizer, 10);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      CAPTURE(i);
      CHECK(std::abs(found[i] - expected[i]) < 1e-4);
    }
    host_optimizer.settle(host.blocks());
    device_optimizer.settle({});
    // Adam's steps are of one size whatever the gradient's, so that where a gradient is rounding alone the
    // weights may part.
    CHECK(largest_difference(all_values(device.on_host()), all_values(host)) < 2e-3);
    CHECK(device_optimizer.gradient_norm() == Approx(host_optimizer.gradient_norm()).epsilon(1e-3));
  }
}

TEST_CASE("mixtures of embeddings train as the host's do", "[cuda_transformer]") {
  for (const Shape& shape : shapes) {
    const IdTexts texts = texts_of(batches[0]);
    const std::vector<TokenSpan> batch = batch_of(texts);
    const auto rows = static_cast<std::int64_t>(batch.size());
    const auto step = [&](auto& student, auto& optimizer) {
      const std::int64_t width = student.width();
      // Behind the texts' embeddings comes a mixture of the first and the last.
      Floats embeddings(static_cast<std::size_t>((rows + 1) * width)),
          dembeddings(embeddings.size());
      const MatrixView<float> e{embeddings.data(), rows + 1, width};
      const MatrixView<float> de{dembeddings.data(), rows + 1, width};
      Floats logits(static_cast<std::size_t>((rows + 1) * student.classes())), dlogits;
      student.embed(batch, Mode::training, e.slice(0, rows));
      for (std::int64_t d = 0; d < width; ++d) e(rows, d) = 0.7f * e(0, d) + 0.3f * e(rows - 1, d);
      student.classify(e, Mode::training, {logits.data(), rows + 1, student.classes()});
      label_loss(logits, student.classes(), dlogits);
      student.classify_backward({dlogits.data(), rows + 1, student.classes()}, de);
      for (std::int64_t d = 0; d < width; ++d) {
        de(0, d) += 0.7f * de(rows, d);
        de(rows - 1, d) += 0.3f * de(rows, d);
      }
      student.embed_backward(de.slice(0, rows));
      optimizer.step(student.blocks(), 1e-2f);
      student.zero_gradients();
      return logits;
    };
    Transformer host = on_host(shape);
    AdamW host_optimizer(clipped);
    DeviceTransformer device = on_device<float>(on_host(shape));
    DeviceAdamW device_optimizer(clipped, device.engine());
    for (int i = 0; i < 3; ++i) {
      CHECK(largest_difference(step(device, device_optimizer), step(host, host_optimizer)) < 2e-4);
      CHECK(device_optimizer.gradient_norm() ==
            Approx(host_optimizer.gradient_norm()).epsilon(1e-3));
    }
  }
}

TEST_CASE("the same training gives the same bits, whatever was before", "[cuda_transformer]") {
  const auto values_after = [](bool after_others) {
    DeviceTransformer device = on_device<float>(on_host({}));
    // Larger batches, whose activations stay where they were.
    if (after_others) logits_of(device, texts_of({60, 60, 60}));
    DeviceAdamW optimizer(clipped, device.engine());
    train(device, optimizer, 5);
    return all_values(device.on_host());
  };
  const Floats first = values_after(false);
  CHECK(values_after(false) == first);
  CHECK(values_after(true) == first);
}

TEST_CASE("on the device a text's logits do not depend on the texts beside it",
          "[cuda_transformer]") {
  DeviceTransformer device = on_device<float>(on_host({}));
  const IdTexts texts = texts_of(batches[2]);
  const Floats together = logits_of(device, texts);
  for (std::size_t n = 0; n < texts.size(); ++n) {
    const Floats alone = logits_of(device, {texts[n]});
    CHECK(std::equal(alone.begin(), alone.end(),
                     together.begin() + static_cast<std::ptrdiff_t>(n * 3)));
  }
}

TEST_CASE("an evaluation beyond the room comes in parts", "[cuda_transformer]") {
  DeviceTransformer large = on_device<float>(on_host({}));
  DeviceTransformer small = on_device<float>(on_host({}), {3, 36, 3});
  const IdTexts texts = texts_of(batches[2]);
  CHECK(logits_of(small, texts) == logits_of(large, texts));
  CHECK_THROWS_WITH(logits_of(small, texts_of({37})),
                    "found a batch of 1 texts with 37 tokens, expected at most 3 with 36");
}

TEST_CASE("a training goes on from saved weights and moments to the same bits",
          "[cuda_transformer]") {
  DeviceTransformer whole = on_device<float>(on_host({}));
  DeviceAdamW whole_optimizer(clipped, whole.engine());
  train(whole, whole_optimizer, 3);
  std::stringstream state;
  whole_optimizer.save(state);
  Transformer saved = whole.on_host();
  train(whole, whole_optimizer, 3, 3);

  DeviceTransformer resumed = on_device<float>(saved);
  DeviceAdamW resumed_optimizer(clipped, resumed.engine());
  resumed_optimizer.load(state);
  train(resumed, resumed_optimizer, 3, 3);
  CHECK(all_values(resumed.on_host()) == all_values(whole.on_host()));

  std::stringstream cut(state.str().substr(0, state.str().size() - 1));
  CHECK_THROWS_WITH(resumed_optimizer.load(cut),
                    "the state of the transformer's optimizer is cut off");
}

TEST_CASE("it learns what is there to learn, in float and in bf16", "[cuda_transformer]") {
  const auto last_loss = [](auto device) {
    DeviceAdamW optimizer(clipped, device.engine());
    const IdTexts texts = texts_of({4, 9, 1, 6});
    const std::vector<TokenSpan> batch = batch_of(texts);
    double loss = 0.0;
    for (int step = 0; step < 40; ++step) {
      Floats logits(12), dlogits;
      device.forward(batch, Mode::training, {logits.data(), 4, 3});
      loss = label_loss(logits, 3, dlogits);
      device.backward({dlogits.data(), 4, 3});
      optimizer.step(device.blocks(), 3e-3f);
    }
    return loss;
  };
  Shape shape;
  shape.dropout = 0.0f;
  CHECK(last_loss(on_device<float>(on_host(shape))) < 0.02);
  CHECK(last_loss(on_device<__nv_bfloat16>(on_host(shape))) < 0.02);
}

TEST_CASE("bf16 is float but for its rounding", "[cuda_transformer]") {
  for (Shape shape : shapes) {
    Transformer host = on_host(shape);
    DeviceTransformer device = on_device<__nv_bfloat16>(on_host(shape));
    for (const std::vector<int>& lengths : batches) {
      const IdTexts texts = texts_of(lengths);
      const Floats expected = logits_of(host, texts);
      float largest = 0.0f;
      for (const float z : expected) largest = std::max(largest, std::abs(z));
      // Eight bits, and some ten roundings on the way.
      CHECK(largest_difference(logits_of(device, texts), expected) < 0.03 * largest + 0.01);
    }
    AdamW host_optimizer(clipped);
    DeviceAdamW device_optimizer(clipped, device.engine());
    train(host, host_optimizer, 1);
    train(device, device_optimizer, 1);
    CHECK(device_optimizer.gradient_norm() == Approx(host_optimizer.gradient_norm()).epsilon(0.03));
  }
}

TEST_CASE("what the GPU cannot take is said", "[cuda_transformer]") {
  const auto made = [](const Shape& shape, TransformerCapacity capacity = {4, 40, 4},
                       std::size_t free = std::size_t{1} << 40) {
    Transformer host = on_host(shape);
    CudaTransformer<float, HostCompute>(host.config(), host.blocks(), capacity, 1,
                                        HostCompute(free));
  };
  CHECK_THROWS_WITH(
      made({.width = 80, .heads = 5}),
      "found a transformer of 2 layers, width 80 and 5 heads, expected on the GPU one layer "
      "or more, heads of 32 or 64 columns and a width of at most 4096");
  CHECK_THROWS_WITH(made({.layers = 0}), Catch::Contains("found a transformer of 0 layers"));
  Transformer host = on_host({});
  const std::size_t needed =
      CudaTransformer<float, HostCompute>::memory_of(host.config(), host.blocks(), {32, 4096, 32})
          .total();
  made({}, {32, 4096, 32}, needed);
  CHECK_THROWS_WITH(
      made({}, {32, 4096, 32}, needed - 1),
      Catch::Contains(std::to_string(needed) + " bytes of device memory, 1 more than are free") &&
          Catch::EndsWith("31 texts with 3968 tokens would fit"));
  CHECK_THROWS_WITH(made({}, {32, 4096, 32}, 1000), Catch::EndsWith("not even one text would fit"));

  DeviceTransformer device = on_device<float>(on_host({}));
  const IdTexts texts = texts_of({3, 4});
  const std::vector<TokenSpan> batch = batch_of(texts);
  Floats logits(6), embeddings(128);
  device.forward(batch, Mode::training, {logits.data(), 2, 3});
  CHECK_THROWS_WITH(device.embed_backward({embeddings.data(), 2, 64}),
                    Catch::Contains("out of its order"));
  CHECK_THROWS_WITH(device.engine()->step(clipped, 0.1f), Catch::Contains("without gradients"));
  device.backward({logits.data(), 2, 3});
  CHECK_THROWS_WITH(device.backward({logits.data(), 2, 3}),
                    Catch::Contains("a second backward pass"));
  device.zero_gradients();
  device.backward({logits.data(), 2, 3});
  device.engine()->step(clipped, 0.1f);
  CHECK_THROWS_WITH(device.engine()->step(clipped, 0.1f), Catch::Contains("without gradients"));
  device.forward(batch, Mode::training, {logits.data(), 2, 3});
  device.backward({logits.data(), 2, 3});
  device.forward(batch, Mode::training, {logits.data(), 2, 3});
  CHECK_THROWS_WITH(device.engine()->step(clipped, 0.1f), Catch::Contains("without gradients"));
  Floats many(40 * 64), of_many(40 * 3);
  CHECK_THROWS_WITH(
      device.classify({many.data(), 40, 64}, Mode::evaluation, {of_many.data(), 40, 3}),
      "found 40 embeddings to classify, expected at most 24");
}

TEST_CASE("copies have weights of their own on one device", "[cuda_transformer]") {
  DeviceTransformer device = on_device<float>(on_host({}));
  DeviceAdamW optimizer(clipped, device.engine());
  const IdTexts texts = texts_of({4, 9});
  train(device, optimizer, 2);
  const DeviceTransformer best = device;
  const Floats then = logits_of(device, texts);
  train(device, optimizer, 2, 2);
  const Floats now = logits_of(device, texts);
  CHECK(now != then);
  const auto of_best = [&] {
    Floats logits(6);
    const std::vector<TokenSpan> batch = batch_of(texts);
    best.forward(batch, {logits.data(), 2, 3});
    return logits;
  };
  CHECK(of_best() == then);
  CHECK(logits_of(device, texts) == now);

  // A training goes on as if the other copy had never moved in.
  DeviceTransformer alone = on_device<float>(on_host({}));
  DeviceAdamW alone_optimizer(clipped, alone.engine());
  train(alone, alone_optimizer, 5);
  of_best();
  train(device, optimizer, 1, 4);
  CHECK(all_values(device.on_host()) == all_values(alone.on_host()));
  device = best;
  CHECK(logits_of(device, texts) == then);
}

TEST_CASE("what is saved is a Transformer's folder", "[cuda_transformer]") {
  const candist::testing::TemporaryFolder folder;
  DeviceTransformer device = on_device<float>(on_host({}));
  DeviceAdamW optimizer(clipped, device.engine());
  train(device, optimizer, 2);
  save_student(folder.path(), device);
  const IdTexts texts = texts_of({4, 9});
  Transformer host = Transformer::load(folder.path());
  CHECK(largest_difference(logits_of(host, texts), logits_of(device, texts)) < 1e-5);
  CHECK(host.steps() == 2);
  const Floats logits = logits_of(device, texts);
  train(device, optimizer, 1);
  device.reload(folder.path());
  CHECK(logits_of(device, texts) == logits);
}
