// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The border between a transformer as a student on the host and the device that its matrices live on:
// compiled by both sides, so without host libraries and without CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>

#include "candist/error.hpp"
#include "candist/matrix_view.hpp"
#include "candist/optimizers/adamw_options.hpp"
#include "candist/parameter_block.hpp"
#include "candist/training/row_engine.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist {

/// N texts laid end to end, as PackedBatch has them.
struct PackedTexts {
  std::span<const std::int32_t> ids;        ///< [T]
  std::span<const std::int32_t> positions;  ///< [T]
  std::span<const std::int32_t> offsets;    ///< [N + 1], first tokens, and T

  std::int64_t texts() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The largest batch that there is room for.
struct TransformerCapacity {
  std::int64_t texts = 0;   ///< N
  std::int64_t tokens = 0;  ///< T
  std::int64_t rows = 0;    ///< of the classifier: texts, and mixtures of their embeddings
};

/// What a transformer of some shape takes on the device, in bytes.
struct TransformerMemory {
  std::size_t parameters = 0;   ///< with copies in another precision
  std::size_t gradients = 0;    ///< of parameters
  std::size_t optimizer = 0;    ///< moments
  std::size_t activations = 0;  ///< of a batch, with their gradients
  std::size_t total() const { return parameters + gradients + optimizer + activations; }
};

/// Throws InputError for a transformer that the kernels of the device do not take.
inline void check_device_shape(const TransformerConfig& config) {
  constexpr int most_width = 4096;
  const int head = config.heads > 0 ? config.width / config.heads : 0;
  if (config.layers > 0 && (head == 32 || head == 64) && config.width == head * config.heads &&
      config.width <= most_width)
    return;
  throw InputError("found a transformer of " + std::to_string(config.layers) + " layers, width " +
                   std::to_string(config.width) + " and " + std::to_string(config.heads) +
                   " heads, expected on the GPU one layer or more, heads of 32 or 64 columns and a "
                   "width of at most " +
                   std::to_string(most_width));
}

/// What a forward pass is for.
enum class EnginePass { evaluation, training };

/// Parameters, activations and AdamW's state of an encoder with its classifier, on a device. One batch at a
/// time: embed, classify, classify_backward, embed_backward, step; forward and backward are the same
/// without the embeddings' way over the host, forward_rows and backward_rows without that of the logits.
/// An evaluation pass takes the room of a training pass, so it may not stand between forward and step.
/// Throws ShapeError for a batch beyond the capacity and for a second backward pass before the step.
class TransformerEngine {
 public:
  virtual ~TransformerEngine() = default;

  /// All parameters, in the order of TransformerParameters::blocks().
  virtual void put(std::span<const ParameterBlock> blocks) = 0;
  virtual void get(std::span<ParameterBlock> blocks) = 0;

  /// embeddings [N, D]; `step` names the dropout's random numbers.
  virtual void embed(const PackedTexts& texts, EnginePass pass, std::int64_t step,
                     MatrixView<float> embeddings) = 0;
  /// logits [M, C] of embeddings [M, D]; in training, behind embed, whose step it shares.
  virtual void classify(MatrixView<const float> embeddings, EnginePass pass,
                        MatrixView<float> logits) = 0;
  virtual void classify_backward(MatrixView<const float> dlogits,
                                 MatrixView<float> dembeddings) = 0;
  virtual void embed_backward(MatrixView<const float> dembeddings) = 0;

  /// logits [N, C].
  virtual void forward(const PackedTexts& texts, EnginePass pass, std::int64_t step,
                       MatrixView<float> logits) = 0;
  virtual void backward(MatrixView<const float> dlogits) = 0;

  /// Logits [N + M, C] of the texts and of M mixtures of their embeddings, left on the device for a row
  /// program; nothing is waited for. Every text is first in one mixture and second in one, or in none.
  virtual void forward_rows(const PackedTexts& texts, std::span<const Mixture> mixtures,
                            EnginePass pass, std::int64_t step) = 0;
  /// Of the gradients that the row program has set.
  virtual void backward_rows() = 0;
  /// A row program over those logits; null where its composition is not compiled. The engine has to
  /// outlive it.
  virtual std::unique_ptr<RowEngine> row_engine(const RowRequest& request) = 0;

  /// Gradients that no step has taken are forgotten.
  virtual void zero_gradients() = 0;
  /// One step of AdamW; the gradients are 0 afterwards.
  virtual void step(const AdamWOptions& options, float learning_rate) = 0;
  /// Applies the decay that was put off for rows not touched lately.
  virtual void settle() = 0;
  /// Of the last step's gradients, before clipping.
  virtual float gradient_norm() = 0;
  virtual void save_optimizer(std::ostream& out) = 0;
  virtual void load_optimizer(std::istream& in) = 0;

  virtual const TransformerCapacity& capacity() const = 0;
  virtual const TransformerMemory& memory() const = 0;
};

}  // namespace candist
