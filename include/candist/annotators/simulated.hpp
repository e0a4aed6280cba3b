// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"
#include "candist/data/annotations.hpp"
#include "candist/data/dataset.hpp"
#include "candist/error.hpp"

namespace candist {

struct SimulatedAnnotatorOptions {
  int classes = 2;
  double coverage = 0.89;      ///< share of sets that hold the gold label
  double mean_set_size = 1.7;  ///< mean number of candidates
  /// Share of sets whose first candidate is gold. A set of one label that covers has its first one
  /// right, so few larger sets leave little room below the coverage. < 0: 0.8 times the coverage,
  /// or as near to it as the sets allow.
  double single_accuracy = -1;
  double spread =
      1.5;  ///< how uneven confusions are: 0 = all wrong labels alike, larger = a few favourites
  std::uint64_t seed = 1;
};

/// A teacher made from gold labels: coverage, mean set size and single accuracy are the wanted ones
/// to within 1 / (2 N) for N texts, the nearest that counts can be; and mistakes are like a
/// language model's: every class has its own favourite confusions, hard texts get larger sets and
/// more misses. For studies in the regime of a paper's table (CanDist Table 8) on texts whose real
/// annotations are better or lacking.
class SimulatedAnnotator {
 public:
  static constexpr const char* name = "simulated";

  /// Throws InputError for wishes that contradict each other.
  explicit SimulatedAnnotator(SimulatedAnnotatorOptions options);
  /// Throws InputError naming a text without gold label, and where the sets leave no way to a
  /// wanted single accuracy.
  Annotations annotate(const Texts& texts) const;

 private:
  /// The whole number nearest to a share of n.
  static std::int64_t count_of(double share, std::int64_t n) {
    return static_cast<std::int64_t>(std::llround(share * static_cast<double>(n)));
  }
  std::vector<bool> wrong_first(const std::vector<std::int64_t>& by_difficulty,
                                const std::vector<bool>& missed,
                                const std::vector<std::int64_t>& sizes, std::int64_t misses) const;
  std::vector<std::int64_t> set_sizes(const std::vector<std::int64_t>& by_difficulty,
                                      const std::vector<bool>& missed) const;
  std::vector<std::int32_t> confusions(std::int32_t gold, std::int64_t row) const;

  SimulatedAnnotatorOptions options_;
  std::vector<double> affinity_;  ///< [C, C], log-weight of a wrong label given the gold one
};
static_assert(Annotator<SimulatedAnnotator>);

/// A line of CanDist's Table 8 (training sets, GPT-3.5): what to calibrate to.
struct AnnotationRegime {
  const char* dataset;
  const char* prompt;
  int classes;
  double coverage;
  double mean_set_size;
};
inline constexpr AnnotationRegime paper_regimes[] = {
    {"trec", "ca_add", 6, 0.7465, 1.07},     {"trec", "ca_all", 6, 0.8909, 1.70},
    {"ma", "ca_add", 5, 0.7906, 1.56},       {"ma", "ca_all", 5, 0.8899, 1.95},
    {"bank", "ca_add", 77, 0.7699, 1.74},    {"bank", "ca_all", 77, 0.8014, 2.00},
    {"agnews", "ca_add", 4, 0.9447, 1.30},   {"agnews", "ca_all", 4, 0.9719, 1.70},
    {"rct", "ca_add", 5, 0.7518, 1.56},      {"rct", "ca_all", 5, 0.7915, 1.81},
    {"dbpedia", "ca_add", 14, 0.9859, 1.37}, {"dbpedia", "ca_all", 14, 0.9925, 1.75},
};

// ---- definitions

inline SimulatedAnnotator::SimulatedAnnotator(SimulatedAnnotatorOptions options)
    : options_(options) {
  const auto refuse = [](const std::string& what) {
    throw InputError("simulated annotator: " + what);
  };
  const double classes = options_.classes;
  if (options_.classes < 1)
    refuse("found " + std::to_string(options_.classes) + " classes, expected at least 1");
  if (!(options_.coverage >= 0.0 && options_.coverage <= 1.0))
    refuse("found coverage " + std::to_string(options_.coverage) + ", expected 0 to 1");
  if (!(options_.mean_set_size >= 1.0 && options_.mean_set_size <= classes)) {
    refuse("found mean set size " + std::to_string(options_.mean_set_size) + ", expected 1 to " +
           std::to_string(options_.classes) + " (the classes)");
  }
  if (options_.classes == 1 && options_.coverage < 1.0)
    refuse("with one class the coverage can only be 1");
  // A set that misses the truth has at most C - 1 labels.
  if (options_.mean_set_size >
      options_.coverage * classes + (1.0 - options_.coverage) * (classes - 1.0) + 1e-9) {
    refuse("a mean set size of " + std::to_string(options_.mean_set_size) +
           " cannot be reached with coverage " + std::to_string(options_.coverage));
  }
  if (options_.single_accuracy > options_.coverage)
    refuse("the first candidate cannot be right more often than the set");
  affinity_.resize(static_cast<std::size_t>(options_.classes) *
                   static_cast<std::size_t>(options_.classes));
  for (std::size_t pair = 0; pair < affinity_.size(); ++pair) {
    CounterRng rng(options_.seed, RandomPurpose::simulated_annotator, 0, pair);
    affinity_[pair] = options_.spread * rng.normal();
  }
}

inline Annotations SimulatedAnnotator::annotate(const Texts& texts) const {
  const std::int64_t n = texts.rows();
  std::vector<double> difficulty(static_cast<std::size_t>(n));
  std::vector<std::int64_t> by_difficulty(difficulty.size());
  for (std::int64_t row = 0; row < n; ++row) {
    gold_label(texts, row, options_.classes, "simulated annotator");  // or it throws
    CounterRng rng(options_.seed, RandomPurpose::simulated_annotator, 1,
                   static_cast<std::uint64_t>(row));
    difficulty[static_cast<std::size_t>(row)] = rng.normal();
    by_difficulty[static_cast<std::size_t>(row)] = row;
  }
  // Hardest first; what a quota takes from the front, softened by a second draw, falls on hard
  // texts more often.
  const auto ranked = [&](std::uint64_t draw) {
    std::vector<double> key(difficulty);
    for (std::int64_t row = 0; row < n; ++row) {
      key[static_cast<std::size_t>(row)] +=
          CounterRng(options_.seed, RandomPurpose::simulated_annotator, draw,
                     static_cast<std::uint64_t>(row))
              .normal();
    }
    std::vector<std::int64_t> order(by_difficulty);
    std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
      const double ka = key[static_cast<std::size_t>(a)];
      const double kb = key[static_cast<std::size_t>(b)];
      return ka != kb ? ka > kb : a < b;
    });
    return order;
  };
  std::vector<bool> missed(difficulty.size());
  const std::int64_t misses = n - count_of(options_.coverage, n);
  const std::vector<std::int64_t> miss_order = ranked(2);
  for (std::int64_t i = 0; i < misses; ++i)
    missed[static_cast<std::size_t>(miss_order[static_cast<std::size_t>(i)])] = true;

  const std::vector<std::int64_t> size_order = ranked(3);
  const std::vector<std::int64_t> sizes = set_sizes(size_order, missed);

  const std::vector<bool> demoted = wrong_first(ranked(4), missed, sizes, misses);

  Annotations annotations(options_.classes);
  std::vector<std::int32_t> set;
  for (std::int64_t row = 0; row < n; ++row) {
    const auto r = static_cast<std::size_t>(row);
    const std::vector<std::int32_t> wrong = confusions(texts.labels[r], row);
    set.clear();
    if (!missed[r]) set.push_back(texts.labels[r]);
    for (std::size_t i = 0; set.size() < static_cast<std::size_t>(sizes[r]); ++i)
      set.push_back(wrong[i]);
    if (demoted[r]) std::swap(set[0], set[1]);
    annotations.add(set);
  }
  return annotations;
}

/// Which covered sets of two or more have a wrong first candidate, hard ones first, until the
/// single accuracy is right.
inline std::vector<bool> SimulatedAnnotator::wrong_first(
    const std::vector<std::int64_t>& by_difficulty, const std::vector<bool>& missed,
    const std::vector<std::int64_t>& sizes, std::int64_t misses) const {
  const auto n = static_cast<std::int64_t>(sizes.size());
  const bool wanted = options_.single_accuracy >= 0.0;
  const double accuracy = wanted ? options_.single_accuracy : 0.8 * options_.coverage;
  const std::int64_t right = count_of(accuracy, n);
  std::int64_t left = n - misses - right;
  std::vector<bool> demoted(sizes.size());
  for (const std::int64_t row : by_difficulty) {
    if (left == 0) break;
    if (missed[static_cast<std::size_t>(row)] || sizes[static_cast<std::size_t>(row)] < 2) continue;
    demoted[static_cast<std::size_t>(row)] = true;
    --left;
  }
  if (wanted && left > 0) {
    const double lowest = static_cast<double>(right + left) / static_cast<double>(n);
    throw InputError("simulated annotator: found single accuracy " + std::to_string(accuracy) +
                     ", expected at least " + std::to_string(lowest) +
                     ": every other set that covers has one label, which is then the first");
  }
  return demoted;
}

/// Sizes whose mean is the wanted one to within half a label over all texts: every set has one, and
/// the rest is dealt out in rounds, each to a share of the sets that grew in the round before (a
/// geometric tail), hard texts first.
inline std::vector<std::int64_t> SimulatedAnnotator::set_sizes(
    const std::vector<std::int64_t>& by_difficulty, const std::vector<bool>& missed) const {
  std::vector<std::int64_t> sizes(by_difficulty.size(), 1);
  const auto n = static_cast<std::int64_t>(sizes.size());
  const auto capacity = [&](std::int64_t row) -> std::int64_t {
    return options_.classes - (missed[static_cast<std::size_t>(row)] ? 1 : 0);
  };
  // Counts are rounded one by one: without this limit a label could be left that no set takes.
  std::int64_t room = 0;
  for (std::int64_t row = 0; row < n; ++row) room += capacity(row) - 1;
  std::int64_t left = std::min(room, count_of(options_.mean_set_size, n) - n);
  const double share = 1.0 - 1.0 / options_.mean_set_size;
  double wanted = share * static_cast<double>(n);
  while (left > 0) {
    std::int64_t grown = 0;
    for (const std::int64_t row : by_difficulty) {
      if (left == 0 || static_cast<double>(grown) >= wanted) break;
      auto& size = sizes[static_cast<std::size_t>(row)];
      if (size >= capacity(row)) continue;
      ++size;
      ++grown;
      --left;
    }
    wanted = std::max(1.0, wanted * share);
  }
  return sizes;
}

/// All wrong labels, favourite confusions of the gold label first, with this text's own taste
/// (Gumbel noise).
inline std::vector<std::int32_t> SimulatedAnnotator::confusions(std::int32_t gold,
                                                                std::int64_t row) const {
  CounterRng rng(options_.seed, RandomPurpose::simulated_annotator, 5,
                 static_cast<std::uint64_t>(row));
  std::vector<std::pair<double, std::int32_t>> ranked;
  for (std::int32_t label = 0; label < options_.classes; ++label) {
    const double gumbel = -std::log(-std::log((static_cast<double>(rng.bits()) + 0.5) * 0x1p-32));
    if (label == gold) continue;
    ranked.emplace_back(
        affinity_[static_cast<std::size_t>(gold) * static_cast<std::size_t>(options_.classes) +
                  static_cast<std::size_t>(label)] +
            gumbel,
        label);
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::int32_t> labels;
  for (const auto& [key, label] : ranked) labels.push_back(label);
  return labels;
}

}  // namespace candist
