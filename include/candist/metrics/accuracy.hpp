// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "candist/error.hpp"

namespace candist {

/// What a student says of N texts.
struct Predictions {
  std::vector<std::int32_t> labels;  ///< [N], the argmax
  std::vector<float> confidences;    ///< [N], its probability
};

/// Share of rows whose label is the gold one; rows without gold (< 0) are left out; nullopt when
/// none is left.
inline std::optional<double> accuracy(std::span<const std::int32_t> labels,
                                      std::span<const std::int32_t> gold) {
  CANDIST_EXPECT_EQ(labels.size(), gold.size(), "labels, gold labels");
  std::int64_t known = 0;
  std::int64_t right = 0;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0) continue;
    ++known;
    right += labels[i] == gold[i];
  }
  if (known == 0) return std::nullopt;
  return static_cast<double>(right) / static_cast<double>(known);
}

/// Mean over the classes that occur (in gold or among the labels of gold rows) of F1 = 2 TP / (2 TP
/// + FP + FN); nullopt without gold.
inline std::optional<double> macro_f1(std::span<const std::int32_t> labels,
                                      std::span<const std::int32_t> gold, int classes) {
  CANDIST_EXPECT_EQ(labels.size(), gold.size(), "labels, gold labels");
  std::vector<std::int64_t> hits(static_cast<std::size_t>(classes));
  std::vector<std::int64_t> mentions(static_cast<std::size_t>(classes));  // 2 TP + FP + FN
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0) continue;
    ++mentions[static_cast<std::size_t>(gold[i])];
    if (labels[i] >= 0) ++mentions[static_cast<std::size_t>(labels[i])];
    if (labels[i] == gold[i]) ++hits[static_cast<std::size_t>(gold[i])];
  }
  double sum = 0.0;
  int present = 0;
  for (std::size_t c = 0; c < hits.size(); ++c) {
    if (mentions[c] == 0) continue;
    sum += 2.0 * static_cast<double>(hits[c]) / static_cast<double>(mentions[c]);
    ++present;
  }
  if (present == 0) return std::nullopt;
  return sum / present;
}

}  // namespace candist
