// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>
#include <xtensor/xmath.hpp>
#include <xtensor/xtensor.hpp>

#include "candist/data/annotations.hpp"
#include "candist/error.hpp"

namespace candist {

/// How the votes of several annotators, or of several samples of one, become one candidate set.
enum class Fold {
  any,       ///< every label that was named at all (SC-All)
  all,       ///< labels that all named
  top,       ///< the k labels with most votes (SC-k); k = 1 is the vote
  at_least,  ///< labels with at least k votes
};

/// Which of A annotators named which of C labels for which of N texts: votes [A, N, C], 1 or 0.
/// Folds turn it into annotations again (labels by votes, ties in label order; weights are shares
/// of the votes), and with that into any candidate set. A fold that leaves no label gives an empty
/// set. Reference: CanDist section 5.3 (SC-k, SC-All).
class VoteTensor {
 public:
  /// All annotators must have annotated the same N texts over the same C labels.
  explicit VoteTensor(std::span<const Annotations> annotators) {
    if (annotators.empty()) throw ShapeError("votes need at least one annotator");
    const Annotations& first = annotators.front();
    votes_ = xt::zeros<float>({annotators.size(), static_cast<std::size_t>(first.rows()),
                               static_cast<std::size_t>(first.classes())});
    for (std::size_t a = 0; a < annotators.size(); ++a) {
      CANDIST_EXPECT_EQ(annotators[a].rows(), first.rows(), "texts of two annotators");
      CANDIST_EXPECT_EQ(annotators[a].classes(), first.classes(), "classes of two annotators");
      for (std::int64_t row = 0; row < first.rows(); ++row) {
        for (const std::int32_t label : annotators[a].labels(row)) {
          votes_(a, static_cast<std::size_t>(row), static_cast<std::size_t>(label)) = 1.0f;
        }
      }
    }
  }

  /// The tensor itself, for folds of one's own.
  const xt::xtensor<float, 3>& votes() const { return votes_; }
  /// Votes a label got, [N, C].
  xt::xtensor<float, 2> counts() const { return xt::sum(votes_, {0}); }

  /// The candidate sets of a fold; `k` counts for `top` and `at_least` alone.
  Annotations folded(Fold fold, int k) const {
    switch (fold) {
      case Fold::all:
        return at_least(static_cast<int>(votes_.shape(0)));
      case Fold::top:
        return top(k);
      case Fold::at_least:
        return at_least(k);
      case Fold::any:
        break;
    }
    return any();
  }
  /// SC-All: every label that was named at all.
  Annotations any() const { return at_least(1); }
  /// Labels that at least m annotators named; all of them: m = A.
  Annotations at_least(int m) const {
    return fold(static_cast<float>(m), static_cast<std::size_t>(votes_.shape(2)));
  }
  /// SC-k: the k labels with most votes. k = 1 is the vote.
  Annotations top(int k) const { return fold(1.0f, static_cast<std::size_t>(k)); }

 private:
  Annotations fold(float fewest, std::size_t most_labels) const {
    const xt::xtensor<float, 2> count = counts();
    const std::size_t classes = count.shape(1);
    Annotations result(static_cast<int>(classes));
    std::vector<std::int32_t> labels;
    std::vector<float> weights;
    for (std::size_t row = 0; row < count.shape(0); ++row) {
      labels.clear();
      for (std::size_t c = 0; c < classes; ++c) {
        if (count(row, c) >= fewest) labels.push_back(static_cast<std::int32_t>(c));
      }
      std::stable_sort(labels.begin(), labels.end(), [&](std::int32_t a, std::int32_t b) {
        return count(row, static_cast<std::size_t>(a)) > count(row, static_cast<std::size_t>(b));
      });
      if (labels.size() > most_labels) labels.resize(most_labels);
      weights.clear();
      for (const std::int32_t label : labels)
        weights.push_back(count(row, static_cast<std::size_t>(label)));
      result.add(labels, weights);
    }
    return result;
  }

  xt::xtensor<float, 3> votes_;
};

}  // namespace candist
