// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Who wins, by how much, and whether it would win again.
#pragma once

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <tuple>
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
  std::optional<double> p_seeds;  ///< of it, corrected
  /// Would other texts say the same? Sign-flip test over the texts' differences, averaged over the
  /// shared seeds (with one seed: McNemar's exact test).
  std::optional<double> p_texts;  ///< corrected
  /// Where p_seeds leaves it open: pairs of runs that show a difference of this size, corrected, in
  /// four studies of five, at this spread.
  std::optional<int> seeds_for_this_much;
};

/// What Holm's correction is for.
enum class Correction {
  with_reference,  ///< every other composition with a reference that was named beforehand
  all_pairs,       ///< the reference was chosen by its result: any pair might have been shown
};

struct Comparison {
  Judged judged = Judged::test_texts;
  std::string reference;
  Correction correction = Correction::with_reference;
  int comparisons = 0;                     ///< that the correction is for
  std::vector<ComparedComposition> lines;  ///< in the study's order
  std::string verdict;                     ///< one or two sentences for a person
};

/// Below it, after correction, a difference is more than chance.
inline constexpr double significance_level = 0.05;
/// Shared seeds without which no difference is called clear: of two, the spread is a guess.
inline constexpr int seeds_for_a_standing = 3;

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
  const bool commas = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.find(',') != std::string::npos;
  });
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : commas ? "; " : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

/// Who is right most often: of those that learn from the teacher where there are some, and of those
/// that have all their runs.
inline std::size_t best_of(const std::vector<ComparedComposition>& lines) {
  std::size_t most = 0;
  for (const ComparedComposition& line : lines) most = std::max(most, line.accuracies.size());
  const auto rank = [&](const ComparedComposition& line) {
    return std::tuple(line.learns_from == StudiedComposition::LearnsFrom::teacher,
                      line.accuracies.size() == most, line.accuracy.mean);
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
  std::vector<std::string> first{best.name}, better, worse, unclear, apart, gold;
  const ComparedComposition* reference = &best;
  for (const ComparedComposition& line : c.lines) {
    const bool from_gold = line.learns_from == StudiedComposition::LearnsFrom::gold;
    if (line.standing == Standing::reference) reference = &line;
    if (&line != &best && from_gold == (best.learns_from == StudiedComposition::LearnsFrom::gold) &&
        line.accuracy.mean == best.accuracy.mean && line.accuracy.n == best.accuracy.n)
      first.push_back(line.name);
    if (from_gold && &line != &best) {
      gold.push_back(figure(line));
    } else if (line.standing == Standing::better) {
      better.push_back(line.name);
    } else if (line.standing == Standing::worse) {
      worse.push_back(line.name);
    } else if (line.standing == Standing::unclear) {
      (line.paired_seeds > 0 ? unclear : apart).push_back(line.name);
    }
  }
  std::string text = "On the " + std::string(name_of(c.judged)) + ", " + joined(first) +
                     (first.size() > 1 ? " are" : " is") +
                     " right most often: " + in_per_cent(best.accuracy.mean) + " % (" +
                     std::to_string(best.accuracy.n) + (best.accuracy.n == 1 ? " seed" : " seeds") +
                     ").";
  if (reference != &best) {
    text += " Compared with " + figure(*reference) +
            ", clearly better: " + (better.empty() ? "none" : joined(better)) +
            "; clearly worse: " + (worse.empty() ? "none" : joined(worse)) +
            "; no clear difference: " + (unclear.empty() ? "none" : joined(unclear)) + ".";
  } else {
    if (!worse.empty())
      text += " " + best.name + " is ahead of " + joined(worse) +
              " by more than chance, over seeds and over texts.";
    if (!unclear.empty())
      text += " No clear difference from " + joined(unclear) + ": more seeds or texts may tell.";
  }
  if (!apart.empty()) text += " Not compared, for want of shared seeds: " + joined(apart) + ".";
  if (!gold.empty()) text += " With gold labels instead of the teacher's: " + joined(gold) + ".";
  return text;
}

/// The accuracies of every composition that has runs, in the study's order; nullopt without gold.
inline std::optional<std::vector<ComparedComposition>> accuracies_of(const Study& study,
                                                                     Judged judged) {
  const Texts* texts = texts_of(study, judged);
  if (texts == nullptr) return std::nullopt;
  std::vector<ComparedComposition> lines;
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
    lines.push_back(std::move(line));
  }
  if (lines.empty()) return std::nullopt;
  return lines;
}

/// Holm's correction for `comparisons` of which these are the ones that were looked at.
inline void correct(std::vector<ComparedComposition>& lines, int comparisons,
                    std::optional<double> ComparedComposition::*p) {
  std::vector<double> raw;
  for (const ComparedComposition& line : lines) {
    if (line.*p) raw.push_back(*(line.*p));
  }
  const std::vector<double> holm = holm_adjusted(raw);
  const double more =
      raw.empty() ? 1.0 : std::max(1.0, comparisons / static_cast<double>(raw.size()));
  std::size_t next = 0;
  for (ComparedComposition& line : lines) {
    if (line.*p) line.*p = std::min(1.0, more * holm[next++]);
  }
}

}  // namespace detail

inline std::optional<Comparison> compare(const Study& study, Judged judged) {
  using Standing = ComparedComposition::Standing;
  auto lines = detail::accuracies_of(study, judged);
  if (!lines) return std::nullopt;
  const std::vector<std::int32_t>& gold = texts_of(study, judged)->labels;
  std::vector<const StudiedComposition*> compositions;
  for (const StudiedComposition& composition : study.compositions) {
    if (!composition.runs.empty()) compositions.push_back(&composition);
  }
  Comparison result;
  result.judged = judged;
  result.lines = *std::move(lines);
  const auto named = std::find_if(result.lines.begin(), result.lines.end(),
                                  [&](const auto& line) { return line.name == study.reference; });
  const std::size_t reference = named != result.lines.end()
                                    ? static_cast<std::size_t>(named - result.lines.begin())
                                    : detail::best_of(result.lines);
  if (named == result.lines.end()) result.correction = Correction::all_pairs;
  const int k = static_cast<int>(result.lines.size());
  result.comparisons = result.correction == Correction::all_pairs ? k * (k - 1) / 2 : k - 1;
  result.reference = result.lines[reference].name;
  result.lines[reference].standing = Standing::reference;

  // Accuracies come in steps of a text.
  const auto known = std::count_if(gold.begin(), gold.end(), [](auto label) { return label >= 0; });
  const double half_a_text = 0.5 / static_cast<double>(std::max<std::ptrdiff_t>(known, 1));
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
    line.over_seeds = paired_t_test(ours, theirs, half_a_text);
    if (line.over_seeds) line.p_seeds = line.over_seeds->p;
    line.difference = summarize(ours).mean - summarize(theirs).mean;
    line.p_texts = sign_flip_test(
        detail::text_differences(*compositions[i], *compositions[reference], judged, gold));
  }
  detail::correct(result.lines, result.comparisons, &ComparedComposition::p_seeds);
  detail::correct(result.lines, result.comparisons, &ComparedComposition::p_texts);
  for (ComparedComposition& line : result.lines) {
    if (!line.p_seeds) continue;
    const bool seeds = *line.p_seeds < significance_level;
    if (seeds && *line.p_texts < significance_level && line.paired_seeds >= seeds_for_a_standing)
      line.standing = *line.difference > 0.0 ? Standing::better : Standing::worse;
    if (!seeds && line.over_seeds->difference != 0.0) {
      line.seeds_for_this_much =
          pairs_needed(line.over_seeds->deviation, line.over_seeds->difference, 0.8,
                       significance_level / result.comparisons);
    }
  }
  result.verdict = detail::verdict_of(result);
  return result;
}

}  // namespace candist
