// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What one training step needs besides the student: second views, mixtures, and the buffers of a
// batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/auxiliary_terms.hpp"

namespace candist {

/// One mixed example: embeddings and targets of two rows of the batch, omega of the first and 1 -
/// omega of the second.
struct Mixture {
  std::int64_t first = 0;   ///< position in the batch
  std::int64_t second = 0;  ///< position in the batch
  float omega = 1.0f;
};

/// The buffers of one training step. The student sees one batch: B first views, then the second
/// views, then (as mixed embeddings only) the mixtures.
class BatchWorkspace {
 public:
  /// Begins a batch with the first views of `rows` [B].
  void start(const EncodedTexts& texts, std::span<const std::int64_t> rows) {
    first_ = rows.size();
    texts_.clear();
    second_of.clear();
    mixtures.clear();
    for (const std::int64_t row : rows) texts_.push_back(texts[row]);
  }

  /// Appends the second views of the rows that a consistency term applies to; texts without one are
  /// left out, and so are rows of D_in without a label to compare with.
  template <class A, class Program>
  void add_second_views(const A& augmenter, const EncodedTexts& texts, const Program& program,
                        std::span<const std::int64_t> rows, int epoch, const AuxiliaryTerms& terms);

  /// Pairs the rows that have a target with a random order of the same rows; one omega a batch.
  /// None where the targets are no labels.
  template <class Program>
  void choose_mixtures(const Program& program, std::span<const std::int64_t> rows,
                       std::uint64_t seed, int epoch, const AuxiliaryTerms& terms);

  void allocate(int classes) {
    classes_ = classes;
    const std::size_t rows = texts_.size() + mixtures.size();
    logits_.resize(rows * static_cast<std::size_t>(classes));
    dlogits_.assign(rows * static_cast<std::size_t>(classes), 0.0f);
    targets_.resize(first_ * static_cast<std::size_t>(classes));
  }
  void allocate_embeddings(int width) {
    width_ = width;
    const std::size_t rows = texts_.size() + mixtures.size();
    embeddings_.resize(rows * static_cast<std::size_t>(width));
    dembeddings_.resize(rows * static_cast<std::size_t>(width));
  }
  /// Fills the embeddings of the mixtures from those of the first views.
  void mix_embeddings();
  /// Adds the gradients of the mixtures' embeddings to those of the first views.
  void unmix_gradients();

  TextBatch batch() const { return texts_; }
  std::int64_t first_rows() const { return static_cast<std::int64_t>(first_); }
  std::int64_t text_rows() const { return static_cast<std::int64_t>(texts_.size()); }
  std::int64_t all_rows() const { return text_rows() + static_cast<std::int64_t>(mixtures.size()); }
  MatrixView<float> logits() { return {logits_.data(), all_rows(), classes_}; }
  MatrixView<float> dlogits() { return {dlogits_.data(), all_rows(), classes_}; }
  MatrixView<float> first_logits() { return {logits_.data(), first_rows(), classes_}; }
  MatrixView<float> first_dlogits() { return {dlogits_.data(), first_rows(), classes_}; }
  MatrixView<float> final_targets() { return {targets_.data(), first_rows(), classes_}; }
  MatrixView<float> embeddings() { return {embeddings_.data(), all_rows(), width_}; }
  MatrixView<float> dembeddings() { return {dembeddings_.data(), all_rows(), width_}; }
  MatrixView<float> text_embeddings() { return {embeddings_.data(), text_rows(), width_}; }
  MatrixView<float> text_dembeddings() { return {dembeddings_.data(), text_rows(), width_}; }

  std::vector<std::int64_t>
      second_of;  ///< for every second view, the position in the batch of its first view
  std::vector<Mixture> mixtures;

 private:
  std::size_t first_ = 0;
  std::int64_t classes_ = 0;
  std::int64_t width_ = 0;
  std::vector<TokenSpan> texts_;
  std::vector<std::vector<std::int32_t>> views_;
  std::vector<float> logits_;
  std::vector<float> dlogits_;
  std::vector<float> targets_;
  std::vector<float> embeddings_;
  std::vector<float> dembeddings_;
};

/// Adds eta times the gradients of the consistency terms and of mixup to the batch's dlogits.
template <class Program>
void add_auxiliary_gradients(BatchWorkspace& w, const Program& program,
                             std::span<const std::int64_t> rows, const AuxiliaryTerms& terms,
                             float eta);

// ---- definitions

template <class A, class Program>
void BatchWorkspace::add_second_views(const A& augmenter, const EncodedTexts& texts,
                                      const Program& program, std::span<const std::int64_t> rows,
                                      int epoch, const AuxiliaryTerms& terms) {
  views_.resize(std::max(views_.size(), rows.size()));
  std::size_t used = 0;
  for (std::size_t b = 0; b < rows.size(); ++b) {
    const std::int64_t row = rows[b];
    const bool outside = program.plan(row).outside;
    if (outside && terms.outside_rows == AuxiliaryTerms::OutsideRows::without_target &&
        program.has_target(row))
      continue;
    if ((outside ? terms.consistency_out : terms.consistency_in) <= 0.0f) continue;
    if (!outside && !(program.has_target(row) && program.targets_are_labels())) continue;
    std::vector<std::int32_t>& ids = views_[used];
    ids.clear();
    augmenter.view(static_cast<std::uint64_t>(epoch), row, texts[row], ids);
    if (ids.empty()) continue;
    ++used;
    second_of.push_back(static_cast<std::int64_t>(b));
  }
  for (std::size_t i = 0; i < used; ++i) texts_.push_back(views_[i]);
}

template <class Program>
void BatchWorkspace::choose_mixtures(const Program& program, std::span<const std::int64_t> rows,
                                     std::uint64_t seed, int epoch, const AuxiliaryTerms& terms) {
  if (!program.targets_are_labels()) return;
  std::vector<std::int64_t> chosen;
  for (std::size_t b = 0; b < rows.size(); ++b) {
    if (program.has_target(rows[b])) chosen.push_back(static_cast<std::int64_t>(b));
  }
  if (chosen.size() < 2) return;
  // The batch's first row names its stream of random numbers: no two batches of an epoch share one.
  CounterRng rng(seed, RandomPurpose::mixup, static_cast<std::uint64_t>(epoch),
                 static_cast<std::uint64_t>(rows.front()));
  float omega = rng.beta(terms.mixup_beta, terms.mixup_beta);
  if (terms.mixing == AuxiliaryTerms::Mixing::at_least_half) omega = std::max(omega, 1.0f - omega);
  std::vector<std::int64_t> partners = chosen;
  for (std::size_t i = partners.size() - 1; i > 0; --i) {
    std::swap(partners[i], partners[rng.below(static_cast<std::uint32_t>(i + 1))]);
  }
  for (std::size_t i = 0; i < chosen.size(); ++i)
    mixtures.push_back({chosen[i], partners[i], omega});
}

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

template <class Program>
void add_auxiliary_gradients(BatchWorkspace& w, const Program& program,
                             std::span<const std::int64_t> rows, const AuxiliaryTerms& terms,
                             float eta) {
  const MatrixView<float> logits = w.logits();
  const MatrixView<float> dlogits = w.dlogits();
  const MatrixView<float> targets = w.final_targets();
  const int classes = static_cast<int>(logits.columns);
  std::vector<float> target(static_cast<std::size_t>(classes));

  float inside = 0.0f;
  float outside = 0.0f;
  for (const std::int64_t b : w.second_of)
    (program.plan(rows[static_cast<std::size_t>(b)]).outside ? outside : inside) += 1.0f;
  for (std::size_t v = 0; v < w.second_of.size(); ++v) {
    const std::int64_t b = w.second_of[v];
    const std::int64_t view = w.first_rows() + static_cast<std::int64_t>(v);
    if (!program.plan(rows[static_cast<std::size_t>(b)]).outside) {  // Eq. 8
      add_cross_entropy_gradient(logits.row(view), targets.row(b), classes, 1.0f,
                                 eta * terms.consistency_in / inside, dlogits.row(view));
      continue;
    }
    const float scale = eta * terms.consistency_out /
                        outside;  // Eq. 9; the KL's gradient is that of its cross entropy
    if (terms.divergence == AuxiliaryTerms::Divergence::toward_first_view) {
      softmax(logits.row(b), classes, 1.0f, target.data());
      add_cross_entropy_gradient(logits.row(view), target.data(), classes, 1.0f, scale,
                                 dlogits.row(view));
    } else {
      softmax(logits.row(b), classes, 1.0f, target.data());
      add_cross_entropy_gradient(logits.row(view), target.data(), classes, terms.temperature,
                                 0.5f * scale, dlogits.row(view));
      softmax(logits.row(view), classes, 1.0f, target.data());
      add_cross_entropy_gradient(logits.row(b), target.data(), classes, terms.temperature,
                                 0.5f * scale, dlogits.row(b));
    }
  }

  for (std::size_t m = 0; m < w.mixtures.size(); ++m) {  // Eq. 10
    const Mixture& mixture = w.mixtures[m];
    for (int j = 0; j < classes; ++j) {
      target[static_cast<std::size_t>(j)] = mixture.omega * targets(mixture.first, j) +
                                            (1.0f - mixture.omega) * targets(mixture.second, j);
    }
    const std::int64_t row = w.text_rows() + static_cast<std::int64_t>(m);
    add_cross_entropy_gradient(logits.row(row), target.data(), classes, 1.0f,
                               eta * terms.mixup / static_cast<float>(w.mixtures.size()),
                               dlogits.row(row));
  }
}

}  // namespace candist
