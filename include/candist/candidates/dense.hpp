// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Candidate sets as a weight for every class: votes, soft labels, anything with full rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/data/annotations.hpp"

namespace candist {

/// Weights [N, C], row-major; a row sums to 1, or to 0 where the set is empty.
struct DenseView {
  MatrixView<const float> weights;

  CANDIST_HD std::int64_t rows() const { return weights.rows; }
  CANDIST_HD int classes() const { return static_cast<int>(weights.columns); }
  CANDIST_HD float weight(std::int64_t row, int label) const { return weights(row, label); }
};

/// N rows of C weights.
class DenseCandidates {
 public:
  static constexpr const char* name = "dense";

  explicit DenseCandidates(const Annotations& annotations)
      : DenseCandidates(annotations.rows(), annotations.classes()) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (std::size_t i = 0; i < annotations.labels(row).size(); ++i) {
        weights_[static_cast<std::size_t>(row * classes_ + annotations.labels(row)[i])] =
            annotations.weights(row)[i];
      }
    }
  }
  /// From weights [N, C], negative ones taken as 0, normalised to sum 1 a row.
  explicit DenseCandidates(MatrixView<const float> weights)
      : DenseCandidates(weights.rows, static_cast<int>(weights.columns)) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      float sum = 0.0f;
      for (int label = 0; label < classes_; ++label) sum += std::max(weights(row, label), 0.0f);
      if (!(sum > 0.0f)) continue;
      for (int label = 0; label < classes_; ++label) {
        weights_[static_cast<std::size_t>(row * classes_ + label)] =
            std::max(weights(row, label), 0.0f) / sum;
      }
    }
  }
  DenseView view() const { return {{weights_.data(), rows_, classes_}}; }

 private:
  DenseCandidates(std::int64_t rows, int classes)
      : rows_(rows), classes_(classes), weights_(static_cast<std::size_t>(rows * classes)) {}

  std::int64_t rows_;
  int classes_;
  std::vector<float> weights_;
};
static_assert(CandidateSet<DenseCandidates>);

}  // namespace candist
