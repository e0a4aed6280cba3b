// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Candidate sets as one bit a class: the smallest form, for sets without weights.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/data/annotations.hpp"

namespace candist {

/// Bits [N, words], words = ceil(C / 64); every candidate of a row weighs 1/k.
struct MaskView {
  const std::uint64_t* bits = nullptr;
  const float* row_weight = nullptr;  ///< [N], 1/k, or 0 for an empty set
  std::int64_t row_count = 0;
  int class_count = 0;

  CANDIST_HD std::int64_t rows() const { return row_count; }
  CANDIST_HD int classes() const { return class_count; }
  CANDIST_HD float weight(std::int64_t row, int label) const {
    const std::int64_t words = (class_count + 63) / 64;
    const std::uint64_t word = bits[row * words + label / 64];
    return (word >> (label % 64)) & 1u ? row_weight[row] : 0.0f;
  }
};

/// N rows of candidate bits. Weights of the annotations, if any, are not kept: every candidate
/// counts the same.
class MaskCandidates {
 public:
  static constexpr const char* name = "mask";

  explicit MaskCandidates(const Annotations& annotations)
      : MaskCandidates(annotations.rows(), annotations.classes()) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (const std::int32_t label : annotations.labels(row)) insert(row, label);
    }
    count();
  }
  /// From weights [N, C]: candidates are the classes of positive weight.
  explicit MaskCandidates(MatrixView<const float> weights)
      : MaskCandidates(weights.rows, static_cast<int>(weights.columns)) {
    for (std::int64_t row = 0; row < rows_; ++row) {
      for (int label = 0; label < classes_; ++label) {
        if (weights(row, label) > 0.0f) insert(row, label);
      }
    }
    count();
  }
  MaskView view() const { return {bits_.data(), row_weight_.data(), rows_, classes_}; }

 private:
  MaskCandidates(std::int64_t rows, int classes)
      : rows_(rows),
        classes_(classes),
        words_((classes + 63) / 64),
        bits_(static_cast<std::size_t>(rows * words_)),
        row_weight_(static_cast<std::size_t>(rows)) {}

  void insert(std::int64_t row, int label) {
    bits_[static_cast<std::size_t>(row * words_ + label / 64)] |= std::uint64_t{1} << (label % 64);
  }
  void count() {
    for (std::int64_t row = 0; row < rows_; ++row) {
      int k = 0;
      for (std::int64_t word = row * words_; word < (row + 1) * words_; ++word) {
        k += std::popcount(bits_[static_cast<std::size_t>(word)]);
      }
      row_weight_[static_cast<std::size_t>(row)] = k == 0 ? 0.0f : 1.0f / static_cast<float>(k);
    }
  }

  std::int64_t rows_;
  int classes_;
  std::int64_t words_;
  std::vector<std::uint64_t> bits_;
  std::vector<float> row_weight_;
};
static_assert(CandidateSet<MaskCandidates>);

}  // namespace candist
