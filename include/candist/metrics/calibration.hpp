// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "candist/metrics/accuracy.hpp"

namespace candist {

/// Expected calibration error with `bins` equal-width bins of the confidence, [b/bins, (b+1)/bins),
/// 1 in the last: sum over bins of (share of rows) times |accuracy - mean confidence|. Rows without
/// gold (< 0) are left out; nullopt when none is left. Throws ShapeError for shapes that differ or
/// fewer than one bin, RunError for a confidence that is no probability: NaN, or outside [0, 1] by
/// more than rounding. Reference: Guo et al., ICML 2017, arXiv:1706.04599.
inline std::optional<double> expected_calibration_error(const Predictions& predictions,
                                                        std::span<const std::int32_t> gold,
                                                        int bins = 15) {
  CANDIST_EXPECT_EQ(predictions.labels.size(), gold.size(), "labels, gold labels");
  CANDIST_EXPECT_EQ(predictions.confidences.size(), gold.size(), "confidences, gold labels");
  if (bins < 1) throw ShapeError("calibration needs at least one bin");
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
    constexpr float rounding = 1e-4f;  // of a softmax over many classes
    if (!(confidence >= -rounding && confidence <= 1.0f + rounding)) {
      throw RunError("confidence " + std::to_string(confidence) + " of prediction " +
                     std::to_string(i) + " is no probability");
    }
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
