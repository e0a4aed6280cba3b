// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The transformer on the GPU: everything of it in one piece of device memory, its passes recorded as graphs,
// one for each size of a batch.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/kernels/mixtures.cuh"
#include "candist/students/cuda_classifier.cuh"
#include "candist/students/cuda_encoder.cuh"
#include "candist/students/cuda_parameters.cuh"
#include "candist/students/cuda_staging.cuh"
#include "candist/students/transformer_engine.hpp"
#include "candist/training/cuda_row_engine.cuh"

namespace candist {

/// TransformerEngine with activations and factors of products in T, float or bf16; parameters, moments and
/// sums are float in both. Compute: ComputeStream, or a stand-in. The same batches give the same bits.
template <class T, class Compute>
class CudaTransformer final : public TransformerEngine {
 public:
  /// blocks: of TransformerParameters, with their values; `seed` is that of dropout; `rows` makes the row
  /// programs that are compiled, if any. Throws InputError for a shape that the kernels do not take,
  /// RunError where device memory is short, with the missing bytes and the batch that would fit.
  CudaTransformer(const TransformerConfig& config, std::span<const ParameterBlock> blocks,
                  const TransformerCapacity& capacity, std::uint64_t seed,
                  Compute compute = Compute{}, RowEngineMaker<Compute> rows = nullptr);

  ~CudaTransformer() override { compute_.drain(); }
  CudaTransformer(const CudaTransformer&) = delete;
  CudaTransformer& operator=(const CudaTransformer&) = delete;

  void put(std::span<const ParameterBlock> blocks) override { parameters_->put(blocks); }
  void get(std::span<ParameterBlock> blocks) override { parameters_->get(blocks); }
  void embed(const PackedTexts& texts, EnginePass pass, std::int64_t step,
             MatrixView<float> embeddings) override;
  void classify(MatrixView<const float> embeddings, EnginePass pass,
                MatrixView<float> logits) override;
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) override;
  void embed_backward(MatrixView<const float> dembeddings) override;
  void forward(const PackedTexts& texts, EnginePass pass, std::int64_t step,
               MatrixView<float> logits) override;
  void backward(MatrixView<const float> dlogits) override;
  void forward_rows(const PackedTexts& texts, std::span<const Mixture> mixtures, EnginePass pass,
                    std::int64_t step) override;
  void backward_rows() override;
  std::unique_ptr<RowEngine> row_engine(const RowRequest& request) override;
  void zero_gradients() override { gradients_ = Gradients::none; }
  void step(const AdamWOptions& options, float learning_rate) override;
  void settle() override { parameters_->settle(); }
  float gradient_norm() override { return parameters_->gradient_norm(); }
  void save_optimizer(std::ostream& out) override { parameters_->save(out); }
  void load_optimizer(std::istream& in) override { parameters_->load(in); }
  const TransformerCapacity& capacity() const override { return capacity_; }
  const TransformerMemory& memory() const override { return memory_; }

  /// What a transformer of this shape takes.
  static TransformerMemory memory_of(const TransformerConfig& config,
                                     std::span<const ParameterBlock> blocks,
                                     const TransformerCapacity& capacity);

 private:
  /// What graphs are named by.
  enum Work : std::int64_t {
    encoder_forward,
    encoder_backward,
    classifier_forward,
    classifier_backward,
    adamw_step
  };
  /// Whose gradients there are.
  enum class Gradients { none, of_classifier, of_all };

  CudaEncoder<T, Compute> encoder() { return {config_, rooms_, pass_, compute_, seed_}; }
  CudaClassifier<T, Compute> classifier() {
    return {config_, numbers_, rooms_, pass_, compute_, seed_};
  }
  void check_memory(std::span<const ParameterBlock> blocks) const;
  void put_batch(const PackedTexts& texts, std::int64_t step);
  void run_forward(EnginePass pass);
  void run_classifier(std::int64_t rows, EnginePass pass);
  /// Of the gradients in pass_.dlogits.
  void run_backward_classifier();
  void put_dlogits(MatrixView<const float> dlogits);
  void check_no_gradients() const;
  void run_backward();
  /// Rows [begin, end) of a matrix [., D] on the device become 0.
  void clear_rows(float* matrix, std::int64_t begin, std::int64_t end);
  void check_classifier_rows(std::int64_t rows) const;

  TransformerConfig config_;
  TransformerCapacity capacity_;
  std::uint64_t seed_;
  ParameterNumbers numbers_;
  Compute compute_;
  ParameterRooms<T> rooms_;
  PassRooms<T> pass_;
  TransformerMemory memory_;
  typename Compute::Memory device_;
  CudaStaging<Compute> staging_;
  std::optional<CudaParameters<T, Compute>> parameters_;
  BatchSize size_;                    ///< of the last forward pass
  std::int64_t texts_ = 0;            ///< of the last forward pass
  std::int64_t mixtures_ = 0;         ///< of the last forward_rows
  std::int64_t classifier_rows_ = 0;  ///< of the last classifier's pass, rounded up
  std::array<std::int64_t, embedding_tables> touched_ = {};
  Gradients gradients_ = Gradients::none;
  RowEngineMaker<Compute> rows_;
};

// ---- definitions

template <class T, class Compute>
TransformerMemory CudaTransformer<T, Compute>::memory_of(const TransformerConfig& config,
                                                         std::span<const ParameterBlock> blocks,
                                                         const TransformerCapacity& capacity) {
  Arena arena;
  PassRooms<T> pass;
  ParameterRooms<T> rooms = list_parameters<T>(blocks, BatchSize::of(capacity, config));
  return lay_everything(rooms, pass, config, capacity, arena);
}

template <class T, class Compute>
CudaTransformer<T, Compute>::CudaTransformer(const TransformerConfig& config,
                                             std::span<const ParameterBlock> blocks,
                                             const TransformerCapacity& capacity,
                                             std::uint64_t seed, Compute compute,
                                             RowEngineMaker<Compute> rows)
    : config_(config), capacity_(capacity), seed_(seed), compute_(std::move(compute)), rows_(rows) {
  check_device_shape(config);
  numbers_.has_dense = config.pooling != Pooling::mean;
  numbers_.head = ParameterNumbers::of(config.layers, ParameterNumbers::query_weight);
  CANDIST_EXPECT_EQ(blocks.size(), numbers_.head_output_weight() + 2,
                    "blocks given, blocks of such a transformer");
  check_memory(blocks);
  const BatchSize largest = BatchSize::of(capacity, config);
  rooms_ = list_parameters<T>(blocks, largest);
  Arena counted;
  memory_ = lay_everything(rooms_, pass_, config_, capacity_, counted);
  device_ = typename Compute::Memory(counted.used());
  Arena arena(device_.data());
  lay_everything(rooms_, pass_, config_, capacity_, arena);
  compute_.zero(device_.data(), device_.size());

  const std::int64_t rows_of_classifier = most_classifier_rows(capacity);
  staging_ = CudaStaging<Compute>(largest, rows_of_classifier,
                                  rows_of_classifier * std::max(config.width, config.classes));
  parameters_.emplace(rooms_, numbers_.head, compute_);
  put(blocks);
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
void CudaTransformer<T, Compute>::put_batch(const PackedTexts& texts, std::int64_t step) {
  if (texts.texts() > capacity_.texts || texts.tokens() > capacity_.tokens) {
    throw ShapeError("found a batch of " + std::to_string(texts.texts()) + " texts with " +
                     std::to_string(texts.tokens()) + " tokens, expected at most " +
                     std::to_string(capacity_.texts) + " with " + std::to_string(capacity_.tokens));
  }
  texts_ = texts.texts();
  size_ = BatchSize::of(texts);
  std::array<std::int64_t, embedding_tables> rows = {};
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = rooms_.list[i].rows;
  touched_ =
      staging_.put_batch(texts, size_, step, config_.first_position, rows, pass_.batch, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::clear_rows(float* matrix, std::int64_t begin, std::int64_t end) {
  if (begin >= end) return;
  compute_.zero(matrix + begin * config_.width,
                static_cast<std::size_t>((end - begin) * config_.width) * sizeof(float));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::check_classifier_rows(std::int64_t rows) const {
  if (rows <= most_classifier_rows(capacity_)) return;
  throw ShapeError("found " + std::to_string(rows) + " embeddings to classify, expected at most " +
                   std::to_string(most_classifier_rows(capacity_)));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_forward(EnginePass pass) {
  const bool training = pass == EnginePass::training;
  gradients_ = Gradients::none;
  compute_.run({encoder_forward * 2 + (training ? 1 : 0), size_.texts, size_.tokens, size_.longest},
               [&] { encoder().forward(size_, training); });
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_classifier(std::int64_t rows, EnginePass pass) {
  const bool training = pass == EnginePass::training;
  classifier_rows_ = rows;
  // The dropout's step is where the batch's size puts it.
  compute_.run({classifier_forward * 2 + (training ? 1 : 0), rows, size_.texts, size_.tokens},
               [&] { classifier().forward(rows, training); });
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::check_no_gradients() const {
  if (gradients_ != Gradients::none)
    throw ShapeError("found a second backward pass before the step, expected one");
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::put_dlogits(MatrixView<const float> dlogits) {
  check_no_gradients();
  if (dlogits.rows > classifier_rows_) {
    throw ShapeError("found gradients of " + std::to_string(dlogits.rows) +
                     " rows, expected those of the last training forward");
  }
  staging_.put_rows(dlogits, classifier_rows_, pass_.dlogits, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_backward_classifier() {
  parameters_->clear_vector_gradients();
  compute_.run({classifier_backward * 2, classifier_rows_, size_.texts, size_.tokens},
               [&] { classifier().backward(classifier_rows_); });
  gradients_ = Gradients::of_classifier;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::run_backward() {
  if (gradients_ != Gradients::of_classifier) {
    throw ShapeError(
        "found a backward pass of the encoder out of its order, expected it behind the "
        "classifier's");
  }
  compute_.run({encoder_backward * 2, size_.texts, size_.tokens, size_.longest},
               [&] { encoder().backward(size_); });
  gradients_ = Gradients::of_all;
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::embed(const PackedTexts& texts, EnginePass pass,
                                        std::int64_t step, MatrixView<float> embeddings) {
  put_batch(texts, step);
  run_forward(pass);
  staging_.take_rows(pass_.embeddings, embeddings, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::classify(MatrixView<const float> embeddings, EnginePass pass,
                                           MatrixView<float> logits) {
  check_classifier_rows(embeddings.rows);
  const std::int64_t rows = BatchSize::rounded(embeddings.rows, 8);
  staging_.put_rows(embeddings, rows, pass_.embeddings, compute_);
  run_classifier(rows, pass);
  staging_.take_rows(pass_.logits, logits, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::forward(const PackedTexts& texts, EnginePass pass,
                                          std::int64_t step, MatrixView<float> logits) {
  put_batch(texts, step);
  run_forward(pass);
  run_classifier(size_.texts, pass);
  staging_.take_rows(pass_.logits, logits, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::classify_backward(MatrixView<const float> dlogits,
                                                    MatrixView<float> dembeddings) {
  put_dlogits(dlogits);
  run_backward_classifier();
  staging_.take_rows(pass_.dembeddings, dembeddings, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::embed_backward(MatrixView<const float> dembeddings) {
  CANDIST_EXPECT_EQ(dembeddings.rows, texts_,
                    "rows of the gradient, texts of the last training forward");
  staging_.put_rows(dembeddings, size_.texts, pass_.dembeddings, compute_);
  run_backward();
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::backward(MatrixView<const float> dlogits) {
  CANDIST_EXPECT_EQ(dlogits.rows, texts_,
                    "rows of the gradient, texts of the last training forward");
  put_dlogits(dlogits);
  run_backward_classifier();
  run_backward();
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::forward_rows(const PackedTexts& texts,
                                               std::span<const Mixture> mixtures, EnginePass pass,
                                               std::int64_t step) {
  const std::vector<LinkedMixture> all_mixtures = linked(mixtures, texts.texts());
  const auto m = static_cast<std::int64_t>(all_mixtures.size());
  const std::int64_t all = texts.texts() + m;
  check_classifier_rows(all);
  put_batch(texts, step);
  run_forward(pass);
  const std::int64_t rows = std::max(size_.texts, BatchSize::rounded(all, 8));
  mixtures_ = m;
  if (m > 0) {
    staging_.put_mixtures(all_mixtures, pass_.mixtures, compute_);
    mix_rows({pass_.mixtures, m, texts_, config_.width}, pass_.embeddings, compute_.get());
    clear_rows(pass_.embeddings, all, rows);
  }
  run_classifier(rows, pass);
  if (pass == EnginePass::training)
    compute_.zero(pass_.dlogits, static_cast<std::size_t>(rows * config_.classes) * sizeof(float));
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::backward_rows() {
  check_no_gradients();
  run_backward_classifier();
  if (mixtures_ > 0) {
    unmix_rows({pass_.mixtures, mixtures_, texts_, config_.width}, pass_.dembeddings,
               compute_.get());
    clear_rows(pass_.dembeddings, texts_, size_.texts);
  }
  run_backward();
}

template <class T, class Compute>
std::unique_ptr<RowEngine> CudaTransformer<T, Compute>::row_engine(const RowRequest& request) {
  CANDIST_EXPECT_EQ(request.classes, config_.classes,
                    "classes of the candidate sets, classes of the student");
  if (rows_ == nullptr) return nullptr;
  return rows_(request, {pass_.logits, pass_.dlogits}, compute_);
}

template <class T, class Compute>
void CudaTransformer<T, Compute>::step(const AdamWOptions& options, float learning_rate) {
  if (gradients_ != Gradients::of_all)
    throw ShapeError("found a step without gradients, expected a backward pass before it");
  TouchedRows touched{touched_, {}};
  for (std::size_t i = 0; i < embedding_tables; ++i)
    touched.rows[i] = pass_.batch.tables[i].touched;
  parameters_->step(options, learning_rate, touched, adamw_step * 2);
  gradients_ = Gradients::none;
}

}  // namespace candist
