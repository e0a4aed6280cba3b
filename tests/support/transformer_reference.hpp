// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The host's transformer behind a border that nvcc can read: what the device tests compare with.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "candist/students/transformer_engine.hpp"

namespace candist::testing {

/// Texts of given lengths with words that come back, packed.
struct MadeTexts {
  std::vector<std::int32_t> ids, positions, offsets{0};

  MadeTexts(const std::vector<int>& lengths, const TransformerConfig& config, int salt = 0) {
    int word = salt;
    for (const int length : lengths) {
      for (int t = 0; t < length; ++t) {
        ids.push_back((t * t + 7 * word++) % config.vocabulary);
        positions.push_back(t + config.first_position);
      }
      offsets.push_back(static_cast<std::int32_t>(ids.size()));
    }
  }
  PackedTexts view() const { return {ids, positions, offsets}; }
  std::int64_t rows() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

/// Mean cross entropy with labels 0, 1, 2, ..., 0, ...; sets its gradient.
inline double label_loss(const std::vector<float>& logits, int classes,
                         std::vector<float>& dlogits) {
  const std::size_t rows = logits.size() / static_cast<std::size_t>(classes);
  double loss = 0.0;
  dlogits.resize(logits.size());
  for (std::size_t n = 0; n < rows; ++n) {
    const float* z = logits.data() + n * static_cast<std::size_t>(classes);
    const int label = static_cast<int>(n) % classes;
    double sum = 0.0;
    for (int c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(z[c] - z[label]));
    loss += std::log(sum) / static_cast<double>(rows);
    for (int c = 0; c < classes; ++c) {
      const double p = std::exp(static_cast<double>(z[c] - z[label])) / sum;
      dlogits[n * static_cast<std::size_t>(classes) + static_cast<std::size_t>(c)] =
          static_cast<float>((p - (c == label ? 1.0 : 0.0)) / static_cast<double>(rows));
    }
  }
  return loss;
}

/// A transformer and its AdamW on the host. The weights are those of a beginning, and far enough from 0 for
/// every part to count.
class TransformerReference {
 public:
  TransformerReference(const TransformerConfig& config, std::uint64_t seed);
  ~TransformerReference();

  std::span<ParameterBlock> blocks();
  std::vector<float> logits(const MadeTexts& texts);
  /// One step of training on label_loss; the loss before it.
  double step(const MadeTexts& texts, const AdamWOptions& options, float learning_rate);
  /// Of the last step's gradients.
  double gradient_norm() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace candist::testing
