// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"

namespace candist {

/// A second view made by leaving out every id with some probability, never all of them. Ids at the
/// ends can be kept in any case: [CLS] and [SEP].
class WordDropout {
 public:
  static constexpr const char* name = "word_dropout";
  struct Ends {
    std::size_t before = 0;
    std::size_t after = 0;
  };
  WordDropout(float probability, std::uint64_t seed) : WordDropout(probability, seed, Ends{}) {}
  WordDropout(float probability, std::uint64_t seed, Ends kept)
      : probability_(probability), seed_(seed), kept_(kept) {}

  void view(std::uint64_t epoch, std::int64_t sample, TokenSpan ids,
            std::vector<std::int32_t>& out) const {
    CounterRng rng(seed_, RandomPurpose::word_dropout, epoch, static_cast<std::uint64_t>(sample));
    out.clear();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const bool at_end = i < kept_.before || i + kept_.after >= ids.size();
      if (at_end || rng.uniform() >= probability_) out.push_back(ids[i]);
    }
    if (out.empty() && !ids.empty())
      out.push_back(ids[rng.below(static_cast<std::uint32_t>(ids.size()))]);
  }

 private:
  float probability_;
  std::uint64_t seed_;
  Ends kept_;
};
static_assert(Augmenter<WordDropout>);

}  // namespace candist
