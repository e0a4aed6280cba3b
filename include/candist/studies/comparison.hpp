// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Who wins, by how much, and whether it would win again.
#pragma once

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/metrics/power.hpp"
#include "candist/metrics/significance.hpp"
#include "candist/studies/study.hpp"

namespace candist {

/// A composition beside the reference. Differences are theirs minus the reference's, in shares.
struct ComparedComposition {
  std::string name;
  StudiedComposition::LearnsFrom learns_from = StudiedComposition::LearnsFrom::teacher;
  std::vector<double> accuracies;  ///< by seed
  Summary accuracy;                ///< of them
  enum class Standing {
    reference,
    better,   ///< than the reference: both tests below speak for it
    worse,    ///< both speak against it
    unclear,  ///< anything else
  } standing = Standing::unclear;
  int paired_seeds = 0;  ///< seeds that both have
  std::optional<double> difference;
  /// Would other seeds say the same? Paired t test over the shared seeds; from 2 of them on.
  std::optional<PairedTest> over_seeds;
  std::optional<double> p_seeds;  ///< of it, after Holm's correction over the study's compositions
  /// Would other texts say the same? Sign-flip test over the texts' differences, averaged over the
  /// shared seeds (with one seed: McNemar's exact test).
  std::optional<double> p_texts;           ///< after Holm's correction
  std::optional<int> seeds_for_this_much;  ///< pairs of runs that show a difference of this size,
                                           ///< corrected, in four studies of five, at this spread
};

struct Comparison {
  Judged judged = Judged::test_texts;
  std::string reference;
  std::vector<ComparedComposition> lines;  ///< in the study's order
  std::string verdict;                     ///< one or two sentences for a person
};

/// Below it, after correction, a difference is more than chance.
inline constexpr double significance_level = 0.05;

/// Compares on the texts of one kind; nullopt where they have no gold labels or no run is there.
inline std::optional<Comparison> compare(const Study& study, Judged judged);

// ---- definitions

namespace detail {

/// Mean over the seeds that both have of right(a) - right(b), for every text with gold.
inline std::vector<double> text_differences(const StudiedComposition& a,
                                            const StudiedComposition& b, Judged judged,
                                            const std::vector<std::int32_t>& gold) {
  std::vector<double> differences(gold.size());
  int pairs = 0;
  for (const FinishedRun& ours : a.runs) {
    for (const FinishedRun& theirs : b.runs) {
      if (ours.seed != theirs.seed) continue;
      ++pairs;
      const auto& left = predictions_of(ours, judged).labels;
      const auto& right = predictions_of(theirs, judged).labels;
      for (std::size_t i = 0; i < gold.size(); ++i)
        differences[i] += (left[i] == gold[i] ? 1.0 : 0.0) - (right[i] == gold[i] ? 1.0 : 0.0);
    }
  }
  std::vector<double> known;
  for (std::size_t i = 0; i < gold.size(); ++i) {
    if (gold[i] >= 0) known.push_back(differences[i] / std::max(pairs, 1));
  }
  return known;
}

inline std::string in_per_cent(double share, const char* format = "%.1f") {
  char text[32];
  std::snprintf(text, sizeof text, format, 100.0 * share);
  return text;
}

inline std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

/// Who is right most often, of those that learn from the teacher where there are some.
inline std::size_t best_of(const std::vector<ComparedComposition>& lines) {
  const auto rank = [](const ComparedComposition& line) {
    return std::pair(line.learns_from == StudiedComposition::LearnsFrom::teacher,
                     line.accuracy.mean);
  };
  std::size_t best = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (rank(lines[i]) > rank(lines[best])) best = i;
  }
  return best;
}

/// What the table says, in words.
inline std::string verdict_of(const Comparison& c) {
  using Standing = ComparedComposition::Standing;
  const ComparedComposition& best = c.lines[best_of(c.lines)];
  const auto figure = [](const ComparedComposition& line) {
    return line.name + " (" + in_per_cent(line.accuracy.mean) + " %)";
  };
  std::string text = "On the " + std::string(name_of(c.judged)) + ", " + best.name +
                     " is right most often: " + in_per_cent(best.accuracy.mean) + " % (" +
                     std::to_string(best.accuracy.n) + (best.accuracy.n == 1 ? " seed" : " seeds") +
                     ").";
  std::vector<std::string> better, worse, unclear, gold;
  const ComparedComposition* reference = &best;
  for (const ComparedComposition& line : c.lines) {
    if (line.standing == Standing::reference) reference = &line;
    if (line.learns_from == StudiedComposition::LearnsFrom::gold && &line != &best)
      gold.push_back(figure(line));
    else if (line.standing == Standing::better)
      better.push_back(line.name);
    else if (line.standing == Standing::worse)
      worse.push_back(line.name);
    else if (line.standing == Standing::unclear)
      unclear.push_back(line.name);
  }
  if (reference != &best) {
    text += " Compared with " + figure(*reference) +
            ", clearly better: " + (better.empty() ? "none" : joined(better)) +
            "; clearly worse: " + (worse.empty() ? "none" : joined(worse)) +
            "; no clear difference: " + (unclear.empty() ? "none" : joined(unclear)) + ".";
  } else {
    if (!worse.empty())
      text +=
          " It is ahead of " + joined(worse) + " by more than chance, over seeds and over texts.";
    if (!unclear.empty())
      text += " No clear difference from " + joined(unclear) + ": more seeds or texts may tell.";
  }
  if (!gold.empty()) text += " With gold labels instead of the teacher's: " + joined(gold) + ".";
  return text;
}

}  // namespace detail

inline std::optional<Comparison> compare(const Study& study, Judged judged) {
  using Standing = ComparedComposition::Standing;
  const Texts* texts = texts_of(study, judged);
  if (texts == nullptr) return std::nullopt;
  Comparison result;
  result.judged = judged;
  std::vector<const StudiedComposition*> compositions;
  for (const StudiedComposition& composition : study.compositions) {
    ComparedComposition line;
    line.name = composition.name;
    line.learns_from = composition.learns_from;
    for (const FinishedRun& run : composition.runs) {
      const auto share = accuracy(predictions_of(run, judged).labels, texts->labels);
      if (!share) return std::nullopt;
      line.accuracies.push_back(*share);
    }
    if (line.accuracies.empty()) continue;
    line.accuracy = summarize(line.accuracies);
    compositions.push_back(&composition);
    result.lines.push_back(std::move(line));
  }
  if (result.lines.empty()) return std::nullopt;

  const auto named = std::find_if(result.lines.begin(), result.lines.end(),
                                  [&](const auto& line) { return line.name == study.reference; });
  const std::size_t reference = named != result.lines.end()
                                    ? static_cast<std::size_t>(named - result.lines.begin())
                                    : detail::best_of(result.lines);
  result.reference = result.lines[reference].name;
  result.lines[reference].standing = Standing::reference;

  // What Holm's correction leaves of the level where everything else is unclear.
  const double corrected_level =
      significance_level / static_cast<double>(std::max<std::size_t>(1, result.lines.size() - 1));
  std::vector<double> over_seeds, over_texts;
  std::vector<std::size_t> with_seeds, with_texts;
  for (std::size_t i = 0; i < result.lines.size(); ++i) {
    if (i == reference) continue;
    ComparedComposition& line = result.lines[i];
    std::vector<double> ours, theirs;
    for (std::size_t a = 0; a < compositions[i]->runs.size(); ++a) {
      for (std::size_t b = 0; b < compositions[reference]->runs.size(); ++b) {
        if (compositions[i]->runs[a].seed != compositions[reference]->runs[b].seed) continue;
        ours.push_back(line.accuracies[a]);
        theirs.push_back(result.lines[reference].accuracies[b]);
      }
    }
    line.paired_seeds = static_cast<int>(ours.size());
    if (ours.empty()) continue;
    line.over_seeds = paired_t_test(ours, theirs);
    std::vector<double> differences(ours.size());
    for (std::size_t s = 0; s < ours.size(); ++s) differences[s] = ours[s] - theirs[s];
    const Summary difference = summarize(differences);
    line.difference = difference.mean;
    if (line.over_seeds) {
      over_seeds.push_back(line.over_seeds->p);
      with_seeds.push_back(i);
      if (difference.mean != 0.0)
        line.seeds_for_this_much =
            pairs_needed(difference.deviation, difference.mean, 0.8, corrected_level);
    }
    over_texts.push_back(sign_flip_test(detail::text_differences(
        *compositions[i], *compositions[reference], judged, texts->labels)));
    with_texts.push_back(i);
  }
  const std::vector<double> seeds_holm = holm_adjusted(over_seeds);
  const std::vector<double> texts_holm = holm_adjusted(over_texts);
  for (std::size_t k = 0; k < with_seeds.size(); ++k)
    result.lines[with_seeds[k]].p_seeds = seeds_holm[k];
  for (std::size_t k = 0; k < with_texts.size(); ++k)
    result.lines[with_texts[k]].p_texts = texts_holm[k];
  for (ComparedComposition& line : result.lines) {
    const bool clear = line.p_seeds && *line.p_seeds < significance_level && line.p_texts &&
                       *line.p_texts < significance_level;
    if (clear) line.standing = *line.difference > 0.0 ? Standing::better : Standing::worse;
  }
  result.verdict = detail::verdict_of(result);
  return result;
}

}  // namespace candist
