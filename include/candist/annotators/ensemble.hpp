// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/vote_tensor.hpp"

namespace candist {

/// How the annotators of an ensemble are folded into one.
enum class Fold {
  any,  ///< every label that one of them named
  all,  ///< labels that all of them named
  top,  ///< the k labels with most votes (SC-k); k = 1 is the vote
};

/// Several annotators as one. Reference: CanDist section 5.3 and Table 4.
template <Annotator... Members>
class EnsembleAnnotator {
 public:
  static constexpr const char* name = "ensemble";
  explicit EnsembleAnnotator(Fold fold, int k, Members... members)
      : fold_(fold), k_(k), members_(std::move(members)...) {}

  Annotations annotate(const Texts& texts) {
    const std::vector<Annotations> replies = std::apply(
        [&](auto&... member) { return std::vector<Annotations>{member.annotate(texts)...}; },
        members_);
    const VoteTensor votes(replies);
    switch (fold_) {
      case Fold::all:
        return votes.at_least(static_cast<int>(sizeof...(Members)));
      case Fold::top:
        return votes.top(k_);
      case Fold::any:
        break;
    }
    return votes.any();
  }

 private:
  Fold fold_;
  int k_;
  std::tuple<Members...> members_;
};

}  // namespace candist
