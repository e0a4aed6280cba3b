// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "candist/metrics/accuracy.hpp"

namespace candist {

/// Expected calibration error with equal-width bins of the confidence: sum over bins of (share of
/// rows) times |accuracy - mean confidence|. Rows without gold (< 0) are left out; nullopt when
/// none is left. Reference: Guo et al., ICML 2017, arXiv:1706.04599.
inline std::optional<double> expected_calibration_error(const Predictions& predictions,
                                                        std::span<const std::int32_t> gold,
                                                        int bins = 15) {
  CANDIST_EXPECT_EQ(predictions.labels.size(), gold.size(), "labels, gold labels");
  struct Bin {
    double confidence = 0.0;
    double right = 0.0;
  };
  std::vector<Bin> histogram(static_cast<std::size_t>(bins));
  std::int64_t known = 0;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] < 0) continue;
    ++known;
    const float confidence = predictions.confidences[i];
    const int bin =
        std::clamp(static_cast<int>(confidence * static_cast<float>(bins)), 0, bins - 1);
    histogram[static_cast<std::size_t>(bin)].confidence += confidence;
    histogram[static_cast<std::size_t>(bin)].right += predictions.labels[i] == gold[i] ? 1.0 : 0.0;
  }
  if (known == 0) return std::nullopt;
  double error = 0.0;
  for (const Bin& bin : histogram) error += std::abs(bin.right - bin.confidence);
  return error / static_cast<double>(known);
}

}  // namespace candist
