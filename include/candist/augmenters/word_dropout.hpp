// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"

namespace candist {

/// A second view made by leaving out every id with some probability, never all of them.
class WordDropout {
 public:
  static constexpr const char* name = "word_dropout";
  WordDropout(float probability, std::uint64_t seed) : probability_(probability), seed_(seed) {}

  void view(std::uint64_t epoch, std::int64_t sample, TokenSpan ids,
            std::vector<std::int32_t>& out) const {
    CounterRng rng(seed_, RandomPurpose::word_dropout, epoch, static_cast<std::uint64_t>(sample));
    out.clear();
    for (const std::int32_t id : ids) {
      if (rng.uniform() >= probability_) out.push_back(id);
    }
    if (out.empty() && !ids.empty())
      out.push_back(ids[rng.below(static_cast<std::uint32_t>(ids.size()))]);
  }

 private:
  float probability_;
  std::uint64_t seed_;
};
static_assert(Augmenter<WordDropout>);

}  // namespace candist
