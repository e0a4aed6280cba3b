// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The buffers of a training step on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "candist/training/batch_plan.hpp"

namespace candist {

/// A batch with logits, embeddings and gradients of all its rows: texts, then mixtures.
class BatchWorkspace : public BatchPlan {
 public:
  void allocate(int classes) {
    classes_ = classes;
    const auto cells = static_cast<std::size_t>(all_rows() * classes_);
    logits_.resize(cells);
    dlogits_.assign(cells, 0.0f);
    targets_.resize(static_cast<std::size_t>(first_rows() * classes_));
  }
  void allocate_embeddings(int width) {
    width_ = width;
    embeddings_.resize(static_cast<std::size_t>(all_rows() * width_));
    dembeddings_.resize(embeddings_.size());
  }
  /// Fills the embeddings of the mixtures from those of the first views.
  void mix_embeddings();
  /// Adds the gradients of the mixtures' embeddings to those of the first views.
  void unmix_gradients();

  MatrixView<float> logits() { return {logits_.data(), all_rows(), classes_}; }
  MatrixView<float> dlogits() { return {dlogits_.data(), all_rows(), classes_}; }
  MatrixView<float> first_logits() { return {logits_.data(), first_rows(), classes_}; }
  MatrixView<float> first_dlogits() { return {dlogits_.data(), first_rows(), classes_}; }
  MatrixView<float> final_targets() { return {targets_.data(), first_rows(), classes_}; }
  MatrixView<float> embeddings() { return {embeddings_.data(), all_rows(), width_}; }
  MatrixView<float> dembeddings() { return {dembeddings_.data(), all_rows(), width_}; }
  MatrixView<float> text_embeddings() { return {embeddings_.data(), text_rows(), width_}; }
  MatrixView<float> text_dembeddings() { return {dembeddings_.data(), text_rows(), width_}; }

 private:
  std::int64_t classes_ = 0;
  std::int64_t width_ = 0;
  std::vector<float> logits_;
  std::vector<float> dlogits_;
  std::vector<float> targets_;
  std::vector<float> embeddings_;
  std::vector<float> dembeddings_;
};

// ---- definitions

inline void BatchWorkspace::mix_embeddings() {
  const MatrixView<float> all = embeddings();
  for (std::size_t m = 0; m < mixtures.size(); ++m) {
    const Mixture& mixture = mixtures[m];
    float* out = all.row(text_rows() + static_cast<std::int64_t>(m));
    for (std::int64_t d = 0; d < width_; ++d) {
      out[d] =
          mixture.omega * all(mixture.first, d) + (1.0f - mixture.omega) * all(mixture.second, d);
    }
  }
}

inline void BatchWorkspace::unmix_gradients() {
  const MatrixView<float> all = dembeddings();
  for (std::size_t m = 0; m < mixtures.size(); ++m) {
    const Mixture& mixture = mixtures[m];
    const float* in = all.row(text_rows() + static_cast<std::int64_t>(m));
    for (std::int64_t d = 0; d < width_; ++d) {
      all(mixture.first, d) += mixture.omega * in[d];
      all(mixture.second, d) += (1.0f - mixture.omega) * in[d];
    }
  }
}

}  // namespace candist
