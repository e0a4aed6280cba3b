// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "support/transformer_reference.hpp"

#include <algorithm>
#include <optional>

#include "candist/optimizers/adamw.hpp"
#include "candist/students/classifier_head.hpp"
#include "candist/students/transformer_encoder.hpp"

namespace candist::testing {

struct TransformerReference::Parts {
  TransformerConfig config;
  std::uint64_t seed;
  TransformerParameters parameters;
  TransformerPass<Gelu> pass;
  ClassifierHead head;
  std::optional<AdamW> optimizer;
  std::uint64_t steps = 0;
  std::vector<float> embeddings, gradient;

  Parts(const TransformerConfig& c, std::uint64_t s) : config(c), seed(s), parameters(c, s) {
    for (const ParameterBlock& block : parameters.blocks()) {
      for (std::size_t i = 0; i < block.values.size(); ++i)
        block.values[i] += 0.05f * std::sin(static_cast<float>(i * i % 97));
    }
  }
  Dropout dropout(float probability) const { return {probability, seed, steps, 0}; }

  std::vector<float> forward(const MadeTexts& texts, Mode mode) {
    const std::int64_t d = config.width;
    std::vector<TokenSpan> batch;
    for (std::size_t n = 0; n + 1 < texts.offsets.size(); ++n) {
      batch.emplace_back(texts.ids.data() + texts.offsets[n],
                         static_cast<std::size_t>(texts.offsets[n + 1] - texts.offsets[n]));
    }
    pass.forward(parameters, config, batch, mode, dropout(0.0f), nullptr);
    embeddings.assign(batch.size() * static_cast<std::size_t>(d), 0.0f);
    for (std::size_t n = 0; n < batch.size(); ++n) {
      float* row = embeddings.data() + static_cast<std::int64_t>(n) * d;
      if (config.pooling != Pooling::mean) {
        std::copy_n(pass.output() + static_cast<std::int64_t>(n) * d, d, row);
        continue;
      }
      for (std::int64_t t = texts.offsets[n]; t < texts.offsets[n + 1]; ++t) {
        for (std::int64_t k = 0; k < d; ++k) row[k] += pass.output()[t * d + k];
      }
      for (std::int64_t k = 0; k < d; ++k) row[k] /= static_cast<float>(batch[n].size());
    }
    std::vector<float> logits(batch.size() * static_cast<std::size_t>(config.classes));
    head.forward(parameters, config, {embeddings.data(), texts.rows(), d}, mode,
                 dropout(config.head_dropout), {logits.data(), texts.rows(), config.classes});
    return logits;
  }

  void backward(const MadeTexts& texts, const std::vector<float>& dlogits) {
    const std::int64_t d = config.width;
    head.backward(parameters, config, {dlogits.data(), texts.rows(), config.classes},
                  {embeddings.data(), texts.rows(), d});
    if (config.pooling != Pooling::mean)
      return pass.backward(parameters, config, embeddings.data(), nullptr);
    gradient.resize(texts.ids.size() * static_cast<std::size_t>(d));
    for (std::size_t n = 0; n + 1 < texts.offsets.size(); ++n) {
      const auto tokens = static_cast<float>(texts.offsets[n + 1] - texts.offsets[n]);
      for (std::int64_t t = texts.offsets[n]; t < texts.offsets[n + 1]; ++t) {
        for (std::int64_t k = 0; k < d; ++k) {
          gradient[static_cast<std::size_t>(t * d + k)] =
              embeddings[static_cast<std::size_t>(static_cast<std::int64_t>(n) * d + k)] / tokens;
        }
      }
    }
    pass.backward(parameters, config, gradient.data(), nullptr);
  }
};

TransformerReference::TransformerReference(const TransformerConfig& config, std::uint64_t seed)
    : parts_(std::make_unique<Parts>(config, seed)) {}
TransformerReference::~TransformerReference() = default;

std::span<ParameterBlock> TransformerReference::blocks() { return parts_->parameters.blocks(); }

std::vector<float> TransformerReference::logits(const MadeTexts& texts) {
  return parts_->forward(texts, Mode::evaluation);
}

double TransformerReference::step(const MadeTexts& texts, const AdamWOptions& options,
                                  float learning_rate) {
  if (!parts_->optimizer) parts_->optimizer.emplace(options);
  const std::vector<float> logits = parts_->forward(texts, Mode::training);
  std::vector<float> dlogits;
  const double loss = label_loss(logits, parts_->config.classes, dlogits);
  parts_->backward(texts, dlogits);
  parts_->optimizer->step(parts_->parameters.blocks(), learning_rate);
  parts_->parameters.clear_gradients();
  ++parts_->steps;
  return loss;
}

double TransformerReference::gradient_norm() const { return parts_->optimizer->gradient_norm(); }

}  // namespace candist::testing
