// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "candist/data/annotations.hpp"
#include "candist/error.hpp"

namespace candist {

/// How good candidate sets are. Shares are of 1, not of 100; nullopt where there is no gold (or no
/// such row). Definitions: CanDist section 3.2, after He et al., ICLR 2024, whose sets are
/// never empty.
struct CandidateStatistics {
  struct ForClass {
    std::int64_t support = 0;         ///< rows of this gold label
    std::optional<double> coverage;   ///< share of them whose set holds it
    std::optional<double> precision;  ///< share of the sets holding this label whose gold it is
  };
  std::int64_t rows = 0;
  std::int64_t gold_rows = 0;  ///< rows with a gold label: all shares below are of these
  std::int64_t empty_sets = 0;
  std::optional<double> coverage;         ///< 1 - alpha: the gold label is in the set
  std::optional<double> single_accuracy;  ///< the single label is the gold one
  double mean_set_size = 0.0;             ///< over all rows
  /// Mean of (C - |s|)/(C - 1) over the rows whose set is not empty: 1 when all name one label, 0
  /// when all name every label, or when no row names any. An empty set excludes labels without
  /// knowing any; it counts against the coverage. 1 when C = 1.
  double beta_coverage = 0.0;
  std::optional<double> f1;                  ///< harmonic mean of coverage and beta coverage
  std::vector<std::int64_t> size_histogram;  ///< [C + 1], rows by size of their set
  std::vector<ForClass> per_class;           ///< [C]
};

/// Statistics of `annotations` against gold labels [N] (-1 = not known).
inline CandidateStatistics candidate_statistics(const Annotations& annotations,
                                                std::span<const std::int32_t> gold) {
  CANDIST_EXPECT_EQ(annotations.rows(), gold.size(), "annotations, gold labels");
  const int classes = annotations.classes();
  CandidateStatistics s;
  s.rows = annotations.rows();
  s.size_histogram.assign(static_cast<std::size_t>(classes) + 1, 0);
  s.per_class.resize(static_cast<std::size_t>(classes));
  std::vector<std::int64_t> held(s.per_class.size());     // gold rows whose set holds the class
  std::vector<std::int64_t> covered(s.per_class.size());  // ... and whose gold it is
  std::int64_t hits = 0;
  std::int64_t right = 0;
  std::int64_t sizes = 0;
  for (std::int64_t row = 0; row < s.rows; ++row) {
    const auto labels = annotations.labels(row);
    ++s.size_histogram[labels.size()];
    sizes += static_cast<std::int64_t>(labels.size());
    s.empty_sets += labels.empty() ? 1 : 0;
    const std::int32_t truth = gold[static_cast<std::size_t>(row)];
    if (truth < 0) continue;
    ++s.gold_rows;
    ++s.per_class[static_cast<std::size_t>(truth)].support;
    right += annotations.single(row) == truth ? 1 : 0;
    for (const std::int32_t label : labels) {
      ++held[static_cast<std::size_t>(label)];
      if (label != truth) continue;
      ++hits;
      ++covered[static_cast<std::size_t>(label)];
    }
  }
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional(static_cast<double>(part) / static_cast<double>(whole))
                     : std::nullopt;
  };
  if (s.rows > 0) s.mean_set_size = static_cast<double>(sizes) / static_cast<double>(s.rows);
  if (const std::int64_t named = s.rows - s.empty_sets; named > 0) {
    const double size = static_cast<double>(sizes) / static_cast<double>(named);
    s.beta_coverage = classes > 1 ? (classes - size) / (classes - 1) : 1.0;
  }
  s.coverage = share(hits, s.gold_rows);
  s.single_accuracy = share(right, s.gold_rows);
  if (s.coverage && *s.coverage + s.beta_coverage > 0.0) {
    s.f1 = 2.0 * *s.coverage * s.beta_coverage / (*s.coverage + s.beta_coverage);
  }
  for (std::size_t c = 0; c < s.per_class.size(); ++c) {
    s.per_class[c].coverage = share(covered[c], s.per_class[c].support);
    s.per_class[c].precision = share(covered[c], held[c]);
  }
  return s;
}

}  // namespace candist
