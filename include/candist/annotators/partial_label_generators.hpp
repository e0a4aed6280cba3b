// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"
#include "candist/data/annotations.hpp"
#include "candist/data/dataset.hpp"

namespace candist {

/// The literature's binomial generator: every wrong label joins the gold one independently with
/// probability p, and at least one does. Reference: Lv et al., ICML 2020 (PRODEN),
/// arXiv:2002.08053.
class BinomialAnnotator {
 public:
  static constexpr const char* name = "binomial";
  BinomialAnnotator(int classes, float probability, std::uint64_t seed)
      : classes_(classes), probability_(probability), seed_(seed) {}
  /// Throws InputError naming a text without gold label.
  Annotations annotate(const Texts& texts) const;

 private:
  int classes_;
  float probability_;
  std::uint64_t seed_;
};
static_assert(Annotator<BinomialAnnotator>);

/// The literature's pair generator: only the next label, (y + 1) mod C, joins the gold one, with
/// probability p. Reference: Lv et al., ICML 2020 (PRODEN), arXiv:2002.08053.
class PairAnnotator {
 public:
  static constexpr const char* name = "pair";
  PairAnnotator(int classes, float probability, std::uint64_t seed)
      : classes_(classes), probability_(probability), seed_(seed) {}
  /// Throws InputError naming a text without gold label.
  Annotations annotate(const Texts& texts) const;

 private:
  int classes_;
  float probability_;
  std::uint64_t seed_;
};
static_assert(Annotator<PairAnnotator>);

namespace detail {

/// Calls candidates(rng, gold, set) for every text with a random stream of its own; `set` begins as
/// {gold}.
template <class Candidates>
Annotations from_gold(const Texts& texts, int classes, std::uint64_t seed, const char* generator,
                      Candidates&& candidates) {
  Annotations annotations(classes);
  std::vector<std::int32_t> set;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    const std::int32_t gold =
        gold_label(texts, row, classes, std::string(generator) + " generator");
    CounterRng rng(seed, RandomPurpose::simulated_annotator, 0, static_cast<std::uint64_t>(row));
    set.assign(1, gold);
    candidates(rng, gold, set);
    std::sort(set.begin(), set.end());  // the order must not tell which one is gold
    annotations.add(set);
  }
  return annotations;
}

}  // namespace detail

inline Annotations BinomialAnnotator::annotate(const Texts& texts) const {
  return detail::from_gold(texts, classes_, seed_, name,
                           [&](CounterRng& rng, std::int32_t gold, std::vector<std::int32_t>& set) {
                             if (classes_ < 2) return;
                             for (std::int32_t label = 0; label < classes_; ++label) {
                               if (rng.uniform() < probability_ && label != gold)
                                 set.push_back(label);
                             }
                             if (set.size() == 1) {
                               const auto other = static_cast<std::int32_t>(
                                   rng.below(static_cast<std::uint32_t>(classes_ - 1)));
                               set.push_back(other < gold ? other : other + 1);
                             }
                           });
}

inline Annotations PairAnnotator::annotate(const Texts& texts) const {
  return detail::from_gold(texts, classes_, seed_, name,
                           [&](CounterRng& rng, std::int32_t gold, std::vector<std::int32_t>& set) {
                             if (classes_ > 1 && rng.uniform() < probability_)
                               set.push_back((gold + 1) % classes_);
                           });
}

}  // namespace candist
