// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a teacher said of N texts: for every text its candidate labels, their weights, and a single
// label.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
  /// and >= 0, normalised here to sum 1; candidates of weight 0 are dropped, those of a weight
  /// above 0 never are, however small. `single` < 0: the first candidate (-1 where there is none).
  /// A single label need not be a candidate, and an empty set may have one: the set stays as it is,
  /// the single label is what singles_only() keeps. Throws ShapeError for a label outside [0, C), a
  /// label given twice, or weights that do not fit.
  void add(std::span<const std::int32_t> labels, std::span<const float> weights = {},
           std::int32_t single = -1) {
    add_row(labels, weights, single);
  }
  /// The same with weights of any size that a double can hold.
  void add(std::span<const std::int32_t> labels, std::span<const double> weights,
           std::int32_t single = -1) {
    add_row(labels, weights, single);
  }

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
  /// These rows, in this order, bit for bit.
  Annotations select(std::span<const std::int64_t> rows) const;

 private:
  template <class Weight>
  void add_row(std::span<const std::int32_t> labels, std::span<const Weight> weights,
               std::int32_t single);
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

template <class Weight>
void Annotations::add_row(std::span<const std::int32_t> labels, std::span<const Weight> weights,
                          std::int32_t single) {
  if (!weights.empty())
    CANDIST_EXPECT_EQ(labels.size(), weights.size(), "candidates, weights of a row");
  const auto weight_of = [&](std::size_t i) {
    return weights.empty() ? 1.0 : static_cast<double>(weights[i]);
  };
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t label = labels[i];
    const double weight = weight_of(i);
    const auto end = labels.begin() + static_cast<std::ptrdiff_t>(i);
    if (label < 0 || label >= classes_ || std::find(labels.begin(), end, label) != end ||
        !(weight >= 0.0) || !std::isfinite(weight)) {
      throw ShapeError("annotation row " + std::to_string(rows()) + ": candidate " +
                       std::to_string(label) + " of weight " + std::to_string(weight) +
                       " must lie in [0, " + std::to_string(classes_) +
                       "), appear once and have a finite weight >= 0");
    }
    sum += weight;
  }
  if (single >= classes_)
    throw ShapeError("annotation row " + std::to_string(rows()) + ": single label " +
                     std::to_string(single) + " is not below " + std::to_string(classes_));
  // Finite weights may have an infinite sum; smaller by 2^64 they do not.
  const double scale = std::isfinite(sum) ? 1.0 : 0x1p-64;
  if (scale != 1.0) {
    sum = 0.0;
    for (std::size_t i = 0; i < labels.size(); ++i) sum += weight_of(i) * scale;
  }
  const std::size_t begin = labels_.size();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (weight_of(i) == 0.0) continue;
    labels_.push_back(labels[i]);
    weights_.push_back(std::max(static_cast<float>(weight_of(i) * scale / sum),
                                std::numeric_limits<float>::min()));
  }
  offsets_.push_back(static_cast<std::int64_t>(labels_.size()));
  singles_.push_back(single >= 0 ? single : (labels_.size() > begin ? labels_[begin] : -1));
}

inline Annotations Annotations::select(std::span<const std::int64_t> rows) const {
  Annotations result(classes_);
  for (const std::int64_t row : rows) {
    result.labels_.insert(result.labels_.end(), labels(row).begin(), labels(row).end());
    result.weights_.insert(result.weights_.end(), weights(row).begin(), weights(row).end());
    result.offsets_.push_back(static_cast<std::int64_t>(result.labels_.size()));
    result.singles_.push_back(single(row));
  }
  return result;
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
