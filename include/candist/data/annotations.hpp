// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a teacher said of N texts: for every text its candidate labels, their weights, and a single
// label.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "candist/error.hpp"

namespace candist {

/// N rows of candidate labels over C classes, in one allocation each (CSR). Candidates keep the
/// teacher's order.
class Annotations {
 public:
  explicit Annotations(int classes) : classes_(classes) {}

  /// Appends a row. `weights` empty: all candidates weigh the same; else one a candidate, finite
  /// and >= 0, normalised here to sum 1; candidates of weight 0 are dropped. `single` < 0: the
  /// first candidate (-1 where there is none). Throws ShapeError for a label outside [0, C), a
  /// label given twice, or weights that do not fit.
  void add(std::span<const std::int32_t> labels, std::span<const float> weights = {},
           std::int32_t single = -1);

  std::int64_t rows() const { return static_cast<std::int64_t>(singles_.size()); }
  int classes() const { return classes_; }
  /// Candidates of a row, in the teacher's order; empty where the teacher gave none.
  std::span<const std::int32_t> labels(std::int64_t row) const { return slice(labels_, row); }
  /// Their weights: positive, summing to 1.
  std::span<const float> weights(std::int64_t row) const { return slice(weights_, row); }
  /// The teacher's one label, or -1.
  std::int32_t single(std::int64_t row) const { return singles_[static_cast<std::size_t>(row)]; }
  /// The same rows with the single label as the only candidate: what plain distillation learns
  /// from.
  Annotations singles_only() const;

 private:
  template <class T>
  std::span<const T> slice(const std::vector<T>& values, std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return {values.data() + offsets_[r], static_cast<std::size_t>(offsets_[r + 1] - offsets_[r])};
  }

  int classes_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;
  std::vector<std::int32_t> singles_;
};

inline void Annotations::add(std::span<const std::int32_t> labels, std::span<const float> weights,
                             std::int32_t single) {
  if (!weights.empty())
    CANDIST_EXPECT_EQ(labels.size(), weights.size(), "candidates, weights of a row");
  const std::size_t begin = labels_.size();
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t label = labels[i];
    const float weight = weights.empty() ? 1.0f : weights[i];
    const bool twice = std::find(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(i),
                                 label) != labels.begin() + static_cast<std::ptrdiff_t>(i);
    if (label < 0 || label >= classes_ || twice || !(weight >= 0.0f) || !std::isfinite(weight)) {
      labels_.resize(begin);
      weights_.resize(begin);
      throw ShapeError("annotation row " + std::to_string(rows()) + ": candidate " +
                       std::to_string(label) + " of weight " + std::to_string(weight) +
                       " must lie in [0, " + std::to_string(classes_) +
                       "), appear once and have a finite weight >= 0");
    }
    if (weight == 0.0f) continue;
    labels_.push_back(label);
    weights_.push_back(weight);
    sum += weight;
  }
  for (std::size_t i = begin; i < weights_.size(); ++i)
    weights_[i] = static_cast<float>(weights_[i] / sum);
  if (single >= classes_)
    throw ShapeError("annotation row " + std::to_string(rows()) + ": single label " +
                     std::to_string(single) + " is not below " + std::to_string(classes_));
  offsets_.push_back(static_cast<std::int64_t>(labels_.size()));
  singles_.push_back(single >= 0 ? single : (labels_.size() > begin ? labels_[begin] : -1));
}

inline Annotations Annotations::singles_only() const {
  Annotations result(classes_);
  for (std::int64_t row = 0; row < rows(); ++row) {
    const std::int32_t label = single(row);
    result.add(label < 0 ? std::span<const std::int32_t>{}
                         : std::span<const std::int32_t>(&label, 1));
  }
  return result;
}

}  // namespace candist
