// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>

namespace candist {

/// How well a student agrees with candidate sets that it was not trained on: what a model can be
/// selected by where there are no clean labels. Reference: Wang et al., "Realistic evaluation of deep
/// partial-label learning algorithms" (PLENCH), ICLR 2025.
class CandidateAgreement {
 public:
  /// Takes note of a row: its logits [C] and its candidates. An empty set says nothing and does not
  /// count.
  void add(std::span<const float> logits, std::span<const std::int32_t> candidates) {
    if (candidates.empty()) return;
    ++rows_;
    const auto label =
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    if (std::find(candidates.begin(), candidates.end(), label) == candidates.end()) return;
    ++covered_;
    const double top = logits[static_cast<std::size_t>(label)];
    double sum = 0.0;  // of e^(z_j - z_label) over the candidates: at least 1
    for (const std::int32_t j : candidates)
      sum += std::exp(static_cast<double>(logits[static_cast<std::size_t>(j)]) - top);
    share_ += 1.0 / sum;
  }
  void add(const CandidateAgreement& other) {
    rows_ += other.rows_;
    covered_ += other.covered_;
    share_ += other.share_;
  }
  std::int64_t rows() const { return rows_; }
  /// Share of the rows whose argmax is a candidate; nullopt of no rows.
  std::optional<double> covering_rate() const { return per_row(static_cast<double>(covered_)); }
  /// Mean over the rows of the argmax's share of the probability mass on the candidates, 0 where it is
  /// none of them: the accuracy to expect if the student's own shares were right.
  std::optional<double> approximated_accuracy() const { return per_row(share_); }

 private:
  std::optional<double> per_row(double sum) const {
    if (rows_ == 0) return std::nullopt;
    return sum / static_cast<double>(rows_);
  }
  std::int64_t rows_ = 0;
  std::int64_t covered_ = 0;
  double share_ = 0.0;
};

}  // namespace candist
