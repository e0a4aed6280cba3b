// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Candidate sets as compressed sparse rows: few candidates among many classes, with weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/data/annotations.hpp"

namespace candist {

/// CSR [N, C]: the candidates of row i are labels[offsets[i] ... offsets[i + 1]), ascending.
struct SparseView {
  const std::int64_t* offsets = nullptr;  ///< [N + 1]
  const std::int32_t* labels = nullptr;
  const float* weights = nullptr;
  std::int64_t row_count = 0;
  int class_count = 0;

  CANDIST_HD std::int64_t rows() const { return row_count; }
  CANDIST_HD int classes() const { return class_count; }
  /// Linear in the size of the set, which is a handful.
  CANDIST_HD float weight(std::int64_t row, int label) const {
    for (std::int64_t i = offsets[row]; i < offsets[row + 1]; ++i) {
      if (labels[i] == label) return weights[i];
    }
    return 0.0f;
  }
};

/// N rows of (label, weight) pairs.
class SparseCandidates {
 public:
  static constexpr const char* name = "sparse";

  explicit SparseCandidates(const Annotations& annotations) : classes_(annotations.classes()) {
    std::vector<std::size_t> order;
    for (std::int64_t row = 0; row < annotations.rows(); ++row) {
      const auto labels = annotations.labels(row);
      const auto weights = annotations.weights(row);
      order.resize(labels.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return labels[a] < labels[b]; });
      for (const std::size_t i : order) insert(labels[i], weights[i]);
      close_row();
    }
  }
  /// From weights [N, C]: candidates are the classes of positive weight, normalised to sum 1 a row.
  explicit SparseCandidates(MatrixView<const float> weights)
      : classes_(static_cast<int>(weights.columns)) {
    for (std::int64_t row = 0; row < weights.rows; ++row) {
      float sum = 0.0f;
      for (int label = 0; label < classes_; ++label) sum += std::max(weights(row, label), 0.0f);
      for (int label = 0; label < classes_; ++label) {
        if (weights(row, label) > 0.0f) insert(label, weights(row, label) / sum);
      }
      close_row();
    }
  }
  SparseView view() const {
    return {offsets_.data(), labels_.data(), weights_.data(),
            static_cast<std::int64_t>(offsets_.size()) - 1, classes_};
  }

 private:
  void insert(std::int32_t label, float weight) {
    labels_.push_back(label);
    weights_.push_back(weight);
  }
  void close_row() { offsets_.push_back(static_cast<std::int64_t>(labels_.size())); }

  int classes_;
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int32_t> labels_;
  std::vector<float> weights_;
};
static_assert(CandidateSet<SparseCandidates>);

}  // namespace candist
