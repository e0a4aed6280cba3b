// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What one training step works on: first views, second views and mixtures, and the terms beside the loss.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/auxiliary_terms.hpp"

namespace candist {

/// The rows of one training step. The student sees one batch: B first views, then the second
/// views, then (as mixed embeddings only) the mixtures. Program: a row program, whose plans say what a
/// row is for.
class BatchPlan {
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

  /// The gradients of the consistency terms and of mixup, times eta, row by row.
  template <class Program>
  std::vector<AuxiliaryRow> auxiliary_rows(const Program& program,
                                           std::span<const std::int64_t> rows,
                                           const AuxiliaryTerms& terms, float eta) const;

  TextBatch batch() const { return texts_; }
  std::int64_t first_rows() const { return static_cast<std::int64_t>(first_); }
  std::int64_t text_rows() const { return static_cast<std::int64_t>(texts_.size()); }
  std::int64_t all_rows() const { return text_rows() + static_cast<std::int64_t>(mixtures.size()); }

  std::vector<std::int64_t>
      second_of;  ///< for every second view, the position in the batch of its first view
  std::vector<Mixture> mixtures;

 private:
  std::size_t first_ = 0;
  std::vector<TokenSpan> texts_;
  std::vector<std::vector<std::int32_t>> views_;
};

// ---- definitions

template <class A, class Program>
void BatchPlan::add_second_views(const A& augmenter, const EncodedTexts& texts,
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
void BatchPlan::choose_mixtures(const Program& program, std::span<const std::int64_t> rows,
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

template <class Program>
std::vector<AuxiliaryRow> BatchPlan::auxiliary_rows(const Program& program,
                                                    std::span<const std::int64_t> rows,
                                                    const AuxiliaryTerms& terms, float eta) const {
  using Target = AuxiliaryRow::Target;
  const auto is_outside = [&](std::int64_t b) {
    return program.plan(rows[static_cast<std::size_t>(b)]).outside;
  };
  float inside = 0.0f;
  float outside = 0.0f;
  for (const std::int64_t b : second_of) (is_outside(b) ? outside : inside) += 1.0f;
  std::vector<AuxiliaryRow> all;
  for (std::size_t v = 0; v < second_of.size(); ++v) {
    const std::int64_t b = second_of[v];
    AuxiliaryRow a{first_rows() + static_cast<std::int64_t>(v), b, b};
    if (is_outside(b)) {  // Eq. 9
      a.scale = eta * terms.consistency_out / outside;
      const bool symmetric = terms.divergence == AuxiliaryTerms::Divergence::symmetric;
      a.target = symmetric ? Target::each_other : Target::first_view;
      a.temperature = terms.temperature;
    } else {  // Eq. 8
      a.scale = eta * terms.consistency_in / inside;
    }
    all.push_back(a);
  }
  for (std::size_t m = 0; m < mixtures.size(); ++m) {  // Eq. 10
    const Mixture& mixture = mixtures[m];
    AuxiliaryRow a{text_rows() + static_cast<std::int64_t>(m), mixture.first, mixture.second,
                   mixture.omega};
    a.scale = eta * terms.mixup / static_cast<float>(mixtures.size());
    all.push_back(a);
  }
  return all;
}

}  // namespace candist
