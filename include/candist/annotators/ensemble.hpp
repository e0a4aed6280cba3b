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
    return VoteTensor(replies).folded(fold_, k_);
  }

 private:
  Fold fold_;
  int k_;
  std::tuple<Members...> members_;
};

}  // namespace candist
