// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The transformer on the GPU: everything of it in one piece of device memory, its passes recorded as graphs,
// one for each size of a batch.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <istream>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/students/cuda_encoder.cuh"
#include "candist/students/transformer_engine.hpp"

namespace candist {

/// TransformerEngine with activations and factors of products in T, float or bf16; parameters, moments and
/// sums are float in both. Compute: ComputeStream, or a stand-in. The same batches give the same bits.
template <class T, class Compute>
class CudaTransformer final : public TransformerEngine {
 public:
  /// blocks: of TransformerParameters, with their values; `seed` is that of dropout. Throws InputError
  /// for a shape that the kernels do not take, RunError where device memory is short, with the missing
  /// bytes and the batch that would fit.
  CudaTransformer(const TransformerConfig& config, std::span<const ParameterBlock> blocks,
                  const TransformerCapacity& capacity, std::uint64_t seed,
                  Compute compute = Compute{});

  void put(std::span<const ParameterBlock> blocks) override;
  void get(std::span<ParameterBlock> blocks) override;
  void embed(const PackedTexts& texts, EnginePass pass, std::int64_t step,
             MatrixView<float> embeddings) override;
  void classify(MatrixView<const float> embeddings, EnginePass pass,
                MatrixView<float> logits) override;
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) override;
  void embed_backward(MatrixView<const float> dembeddings) override;
  void forward(const PackedTexts& texts, EnginePass pass, std::int64_t step,
               MatrixView<float> logits) override;
  void backward(MatrixView<const float> dlogits) override;
  void zero_gradients() override { gradients_ = Gradients::none; }
  void step(const AdamWOptions& options, float learning_rate) override;
  void settle() override;
  float gradient_norm() override;
  void save_optimizer(std::ostream& out) override;
  void load_optimizer(std::istream& in) override;
  const TransformerCapacity& capacity() const override { return capacity_; }
  const TransformerMemory& memory() const override { return memory_; }

  /// What a transformer of this shape takes.
  static TransformerMemory memory_of(const TransformerConfig& config,
                                     std::span<const ParameterBlock> blocks,
                                     const TransformerCapacity& capacity);

 private:
  /// What graphs are named by.
  enum Work : std::int64_t {
    forward_pass,
    classifier,
    backward_classifier,
    backward_pass,
    adamw_step
  };
  /// Whose gradients there are.
  enum class Gradients { none, of_classifier, of_all };

  CudaEncoder<T, Compute> encoder() {
    return {config_, numbers_, parameters_, pass_, compute_, seed_};
  }
  void check_memory(std::span<const ParameterBlock> blocks) const;
  void expect_blocks(std::size_t count) const {
    CANDIST_EXPECT_EQ(count, parameters_.list.size(), "blocks given, blocks of the transformer");
  }

  void put_batch(const PackedTexts& texts, std::int64_t step);
  void order_rows(std::span<const std::int32_t> ids, std::int64_t table_rows, std::size_t table,
                  const BatchArrays& host);
  void run_forward(EnginePass pass);
  void run_classifier(std::int64_t rows, EnginePass pass);
  void run_backward_classifier(MatrixView<const float> dlogits);
  void run_backward();
  /// Rows of a matrix to the device, and zeros behind them up to `rows`.
  void put_rows(MatrixView<const float> from, std::int64_t rows, float* to);
  void take_rows(const float* from, MatrixView<float> to);
  void describe_blocks();
  DeviceBlock<float> described(std::size_t number) const;
  /// visit(place, bytes) for every array of the optimizer's state.
  template <class Visit>
  void visit_optimizer(Visit&& visit);
  /// The array's bytes on the host, all done.
  void take_bytes(const void* from, std::span<std::byte> to) {
    compute_.to_host(to.data(), from, to.size());
    compute_.wait();
  }
  void put_bytes(void* to, std::span<const std::byte> from) {
    compute_.to_device(to, from.data(), from.size());
    compute_.wait();
  }

  TransformerConfig config_;
  TransformerCapacity capacity_;
  std::uint64_t seed_;
  ParameterNumbers numbers_;
  Compute compute_;
  ParameterRooms<T> parameters_;
  PassRooms<T> pass_;
  TransformerMemory memory_;
  typename Compute::Memory device_;
  typename Compute::Staging staged_batch_;
  typename Compute::Staging staged_rows_;
  std::vector<DeviceBlock<float>> blocks_;  ///< dense ones first, then the tables
  BatchSize size_;                          ///< of the last forward pass
  std::int64_t texts_ = 0;                  ///< of the last forward pass
  std::int64_t classifier_rows_ = 0;        ///< of the last classifier's pass, rounded up
  std::array<std::int64_t, embedding_tables> touched_ = {};
  AdamWStep now_;
  Gradients gradients_ = Gradients::none;
};

// ---- definitions

template <class T, class Compute>
TransformerMemory CudaTransformer<T, Compute>::memory_of(const TransformerConfig& config,
                                                         std::span<const ParameterBlock> blocks,
                                                         const TransformerCapacity& capacity) {
  Arena arena;
  PassRooms<T> pass;
  ParameterRooms<T> parameters = detail::listed<T>(blocks, detail::largest_batch(capacity, config));
  return detail::lay_everything(parameters, pass, config, capacity, arena);
}

template <class T, class Compute>
CudaTransformer<T, Compute>::CudaTransformer(const TransformerConfig& config,
                                             std::span<const ParameterBlock> blocks,
                                             const TransformerCapacity& capacity,
                                             std::uint64_t seed, Compute compute)
    : config_(config), capacity_(capacity), seed_(seed), compute_(std::move(compute)) {
  check_device_shape(config);
  numbers_.has_dense = config.pooling != Pooling::mean;
  numbers_.head = ParameterNumbers::of(config.layers, ParameterNumbers::query_weight);
  CANDIST_EXPECT_EQ(blocks.size(), numbers_.head_output_weight() + 2,
                    "blocks given, blocks of such a transformer");
  check_memory(blocks);
  const BatchSize largest = detail::largest_batch(capacity, config);
  parameters_ = detail::listed<T>(blocks, largest);
  Arena counted;
  memory_ = detail::lay_everything(parameters_, pass_, config_, capacity_, counted);
  device_ = typename Compute::Memory(counted.used());
  Arena arena(device_.data());
  detail::lay_everything(parameters_, pass_, config_, capacity_, arena);
  compute_.zero(device_.data(), device_.size());

  Arena batch;
  const BatchArrays arrays(batch, largest);
  staged_batch_ = typename Compute::Staging(batch.used());
  staged_rows_ =
      typename Compute::Staging(static_cast<std::size_t>(detail::classifier_rows(capacity) *
                                                         std::max(config.width, config.classes)) *
                                sizeof(float));
  put(blocks);
  for (std::size_t i = embedding_tables; i < parameters_.list.size(); ++i)
    blocks_.push_back(described(i));
  for (std::size_t i = 0; i < embedding_tables; ++i) blocks_.push_back(described(i));
  describe_blocks();
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::check_memory(std::span<const ParameterBlock> blocks) const {
  const auto needed = [&](const TransformerCapacity& c) {
    return memory_of(config_, blocks, c).total();
  };
  const std::size_t free = compute_.free_bytes();
  const std::size_t all = needed(capacity_);
  if (all <= free) return;
  // The largest share of the batch that fits.
  std::int64_t fits = 0;
  std::int64_t beyond = capacity_.texts;
  const auto share = [&](std::int64_t texts) {
    const auto of = [&](std::int64_t whole) {
      return (whole * texts + capacity_.texts - 1) / capacity_.texts;
    };
    return TransformerCapacity{texts, of(capacity_.tokens), of(capacity_.rows)};
  };
  while (beyond - fits > 1) {
    const std::int64_t middle = fits + (beyond - fits) / 2;
    (needed(share(middle)) <= free ? fits : beyond) = middle;
  }
  throw RunError("the transformer takes " + std::to_string(all) + " bytes of device memory, " +
                 std::to_string(all - free) + " more than are free, for batches of " +
                 std::to_string(capacity_.texts) + " texts with " +
                 std::to_string(capacity_.tokens) + " tokens; " +
                 (fits == 0 ? std::string("not even one text would fit")
                            : std::to_string(fits) + " texts with " +
                                  std::to_string(share(fits).tokens) + " tokens would fit"));
}

template <class T, class Compute>
DeviceBlock<float> CudaTransformer<T, Compute>::described(std::size_t number) const {
  const DeviceParameter& parameter = parameters_.list[number];
  DeviceBlock<float> block;
  block.rows = parameter.rows;
  block.width = parameter.width;
  block.decay = parameter.decay;
  block.values = parameters_.values + parameter.first;
  block.first = parameters_.first_moments + parameter.first;
  block.second = parameters_.second_moments + parameter.first;
  if (number < embedding_tables) {
    block.rows = touched_[number];
    block.table_rows = parameter.rows;
    block.gradient = parameters_.row_gradients[number];
    block.touched = pass_.batch.tables[number].touched;
    block.steps = parameters_.steps[number];
    block.decayed = parameter.decay == Decay::weight ? parameters_.decayed[number] : nullptr;
    return block;
  }
  block.gradient = parameters_.gradient(static_cast<int>(number));
  if constexpr (ParameterRooms<T>::has_copies) {
    const bool of_layer = static_cast<int>(number) > ParameterNumbers::embedding_beta &&
                          static_cast<int>(number) < numbers_.head;
    if (of_layer) block.copy = parameters_.copies + (parameter.first - parameters_.tables_end);
  }
  return block;
}

/// The tables as the last batch touched them.
template <class T, class Compute>
void CudaTransformer<T, Compute>::describe_blocks() {
  const std::size_t dense = blocks_.size() - embedding_tables;
  for (std::size_t i = 0; i < embedding_tables; ++i) blocks_[dense + i] = described(i);
  number_parts(std::span(blocks_));
  compute_.to_device(parameters_.blocks, blocks_.data(),
                     blocks_.size() * sizeof(DeviceBlock<float>));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::put(std::span<const ParameterBlock> blocks) {
  expect_blocks(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const DeviceParameter& parameter = parameters_.list[i];
    CANDIST_EXPECT_EQ(blocks[i].values.size(), parameter.size(), "values given, values of a block");
    put_bytes(parameters_.values + parameter.first, std::as_bytes(blocks[i].values));
    if constexpr (ParameterRooms<T>::has_copies) {
      if (i < embedding_tables) continue;
      std::vector<T> rounded;
      rounded.reserve(blocks[i].values.size());
      for (const float value : blocks[i].values) rounded.push_back(__float2bfloat16(value));
      put_bytes(parameters_.copies + (parameter.first - parameters_.tables_end),
                std::as_bytes(std::span<const T>(rounded)));
    }
  }
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::get(std::span<ParameterBlock> blocks) {
  expect_blocks(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i)
    take_bytes(parameters_.values + parameters_.list[i].first,
               std::as_writable_bytes(blocks[i].values));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::order_rows(std::span<const std::int32_t> ids,
                                             std::int64_t table_rows, std::size_t table,
                                             const BatchArrays& host) {
  // The tokens that fill up go to a row behind all others.
  std::vector<std::int32_t> all(ids.begin(), ids.end());
  all.resize(static_cast<std::size_t>(size_.tokens), static_cast<std::int32_t>(table_rows));
  const TokenOrder order(all);
  const BatchArrays::Table& to = host.tables[table];
  std::copy(order.order.begin(), order.order.end(), to.order);
  std::copy(order.begins.begin(), order.begins.end(), to.begins);
  std::copy(order.first_rows.begin(), order.first_rows.end(), to.first_rows);
  std::copy(order.touched.begin(), order.touched.end(), to.touched);
  std::fill(std::copy(order.spanning_rows.begin(), order.spanning_rows.end(), to.spanning_rows),
            to.spanning_rows + TokensByRow::chunks(size_.tokens), -1);
  touched_[table] = static_cast<std::int64_t>(order.touched.size()) - 1;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::put_batch(const PackedTexts& texts, std::int64_t step) {
  if (texts.texts() > capacity_.texts || texts.tokens() > capacity_.tokens) {
    throw ShapeError("found a batch of " + std::to_string(texts.texts()) + " texts with " +
                     std::to_string(texts.tokens()) + " tokens, expected at most " +
                     std::to_string(capacity_.texts) + " with " + std::to_string(capacity_.tokens));
  }
  std::int64_t longest = 0;
  for (std::int64_t n = 0; n < texts.texts(); ++n)
    longest = std::max<std::int64_t>(longest, texts.offsets[static_cast<std::size_t>(n) + 1] -
                                                  texts.offsets[static_cast<std::size_t>(n)]);
  texts_ = texts.texts();
  size_ = BatchSize::of(texts_, texts.tokens(), longest);
  Arena staged(staged_batch_.data());
  const BatchArrays host(staged, size_);
  const auto t = static_cast<std::int32_t>(texts.tokens());
  std::fill(std::copy(texts.ids.begin(), texts.ids.end(), host.ids), host.ids + size_.tokens, 0);
  std::fill(std::copy(texts.positions.begin(), texts.positions.end(), host.positions),
            host.positions + size_.tokens, config_.first_position);
  std::fill(std::copy(texts.offsets.begin(), texts.offsets.end(), host.offsets),
            host.offsets + size_.texts, t);
  host.offsets[size_.texts] = static_cast<std::int32_t>(size_.tokens);
  std::copy_n(host.offsets, size_.texts, host.first_tokens);
  *host.step = static_cast<std::uint64_t>(step);
  order_rows(texts.ids, parameters_.list[0].rows, 0, host);
  order_rows(texts.positions, parameters_.list[1].rows, 1, host);
  order_rows(std::vector<std::int32_t>(texts.ids.size()), parameters_.list[2].rows, 2, host);
  // Ids are the first array of the batch's room: the same layout, on the device.
  Arena device(reinterpret_cast<std::byte*>(pass_.batch.ids));
  pass_.batch = BatchArrays(device, size_);
  compute_.to_device(pass_.batch.ids, staged_batch_.data(), staged.used());
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::put_rows(MatrixView<const float> from, std::int64_t rows,
                                           float* to) {
  auto* staged = reinterpret_cast<float*>(staged_rows_.data());
  std::fill(std::copy_n(from.data, from.size(), staged), staged + rows * from.columns, 0.0f);
  compute_.to_device(to, staged, static_cast<std::size_t>(rows * from.columns) * sizeof(float));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::take_rows(const float* from, MatrixView<float> to) {
  auto* staged = reinterpret_cast<float*>(staged_rows_.data());
  take_bytes(from, {staged_rows_.data(), static_cast<std::size_t>(to.size()) * sizeof(float)});
  std::copy_n(staged, to.size(), to.data);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_forward(EnginePass pass) {
  const bool training = pass == EnginePass::training;
  compute_.run({forward_pass * 2 + (training ? 1 : 0), size_.texts, size_.tokens, size_.longest},
               [&] { encoder().forward(size_, training); });
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_classifier(std::int64_t rows, EnginePass pass) {
  const bool training = pass == EnginePass::training;
  classifier_rows_ = rows;
  // The dropout's step is where the batch's size puts it.
  compute_.run({classifier * 2 + (training ? 1 : 0), rows, size_.texts, size_.tokens},
               [&] { encoder().classify(rows, training); });
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_backward_classifier(MatrixView<const float> dlogits) {
  if (gradients_ != Gradients::none)
    throw ShapeError("found a second backward pass before the step, expected one");
  if (dlogits.rows > classifier_rows_) {
    throw ShapeError("found gradients of " + std::to_string(dlogits.rows) +
                     " rows, expected those of the last training forward");
  }
  put_rows(dlogits, classifier_rows_, pass_.dlogits);
  compute_.zero(
      parameters_.gradients + (parameters_.vectors_begin - parameters_.tables_end),
      static_cast<std::size_t>(parameters_.size - parameters_.vectors_begin) * sizeof(float));
  compute_.run({backward_classifier * 2, classifier_rows_, size_.texts, size_.tokens},
               [&] { encoder().classify_backward(classifier_rows_); });
  gradients_ = Gradients::of_classifier;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_backward() {
  if (gradients_ != Gradients::of_classifier) {
    throw ShapeError(
        "found a backward pass of the encoder out of its order, expected it behind the "
        "classifier's");
  }
  compute_.run({backward_pass * 2, size_.texts, size_.tokens, size_.longest},
               [&] { encoder().backward(size_); });
  gradients_ = Gradients::of_all;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::embed(const PackedTexts& texts, EnginePass pass,
                                        std::int64_t step, MatrixView<float> embeddings) {
  put_batch(texts, step);
  run_forward(pass);
  take_rows(pass_.embeddings, embeddings);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::classify(MatrixView<const float> embeddings, EnginePass pass,
                                           MatrixView<float> logits) {
  if (embeddings.rows > detail::classifier_rows(capacity_)) {
    throw ShapeError("found " + std::to_string(embeddings.rows) +
                     " embeddings to classify, expected at most " + std::to_string(capacity_.rows));
  }
  const std::int64_t rows = BatchSize::rounded(embeddings.rows, 8);
  put_rows(embeddings, rows, pass_.embeddings);
  run_classifier(rows, pass);
  take_rows(pass_.logits, logits);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::forward(const PackedTexts& texts, EnginePass pass,
                                          std::int64_t step, MatrixView<float> logits) {
  put_batch(texts, step);
  run_forward(pass);
  run_classifier(size_.texts, pass);
  take_rows(pass_.logits, logits);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::classify_backward(MatrixView<const float> dlogits,
                                                    MatrixView<float> dembeddings) {
  run_backward_classifier(dlogits);
  take_rows(pass_.dembeddings, dembeddings);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::embed_backward(MatrixView<const float> dembeddings) {
  CANDIST_EXPECT_EQ(dembeddings.rows, texts_,
                    "rows of the gradient, texts of the last training forward");
  put_rows(dembeddings, size_.texts, pass_.dembeddings);
  run_backward();
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::backward(MatrixView<const float> dlogits) {
  CANDIST_EXPECT_EQ(dlogits.rows, texts_,
                    "rows of the gradient, texts of the last training forward");
  run_backward_classifier(dlogits);
  run_backward();
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::step(const AdamWOptions& options, float learning_rate) {
  if (gradients_ != Gradients::of_all)
    throw ShapeError("found a step without gradients, expected a backward pass before it");
  now_ = now_.next(options, learning_rate);
  compute_.to_device(parameters_.now, &now_, sizeof now_);
  describe_blocks();
  const DeviceBlocks<float> blocks{parameters_.blocks, static_cast<int>(blocks_.size()),
                                   parameters_.most_parts};
  const float most = options.max_gradient_norm;
  compute_.run({adamw_step * 2, std::bit_cast<std::int32_t>(most), 0, 0}, [&] {
    global_norm(blocks, most, parameters_.norm_partials, parameters_.norm, compute_.get());
    adamw(blocks, parameters_.now, &parameters_.norm->scale, compute_.get());
  });
  gradients_ = Gradients::none;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::settle() {
  if (now_.step == 0) return;
  adamw_settle(DeviceBlocks<float>{parameters_.blocks, static_cast<int>(blocks_.size()),
                                   parameters_.most_parts},
               parameters_.now, compute_.get());
}

template <class T, class Compute>
float CudaTransformer<T, Compute>::gradient_norm() {
  GradientNorm norm;
  take_bytes(parameters_.norm, std::as_writable_bytes(std::span(&norm, 1)));
  return norm.norm;
}

template <class T, class Compute>
template <class Visit>
void CudaTransformer<T, Compute>::visit_optimizer(Visit&& visit) {
  const auto count = static_cast<std::size_t>(parameters_.size);
  visit(parameters_.first_moments, count * sizeof(float));
  visit(parameters_.second_moments, count * sizeof(float));
  for (std::size_t i = 0; i < embedding_tables; ++i) {
    const auto rows = static_cast<std::size_t>(parameters_.list[i].rows);
    visit(parameters_.steps[i], rows * sizeof(std::int64_t));
    visit(parameters_.decayed[i], rows * sizeof(double));
  }
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::save_optimizer(std::ostream& out) {
  out.write(reinterpret_cast<const char*>(&now_), sizeof now_);
  visit_optimizer([&](const void* place, std::size_t bytes) {
    std::vector<std::byte> values(bytes);
    take_bytes(place, values);
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(bytes));
  });
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::load_optimizer(std::istream& in) {
  const auto read = [&](void* to, std::size_t bytes) {
    in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!in) throw InputError("the state of the transformer's optimizer is cut off");
  };
  read(&now_, sizeof now_);
  put_bytes(parameters_.now, std::as_bytes(std::span(&now_, 1)));
  visit_optimizer([&](void* place, std::size_t bytes) {
    std::vector<std::byte> values(bytes);
    read(values.data(), bytes);
    put_bytes(place, values);
  });
}

}  // namespace candist
