// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Whether the words around a mention take it back: "not act", "act doesn't fit".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/reply_text.hpp"
#include "candist/chat/reply_word.hpp"

namespace candist::detail {

/// What the words in front of a mention do to it.
struct Introduction {
  bool negated = false;
  bool hedged = false;  ///< "maybe", "also"
};

/// Looks at most nine words back, to the word `from`.
inline Introduction introduction(const ReplyText& text, const Mention& mention, std::size_t from) {
  constexpr std::uint16_t ends = (clause_end & ~gap_comma) | gap_clause;
  const std::size_t begin = mention.match.first;
  Introduction found;
  for (std::size_t i = begin, steps = 0; i > from && steps < 9; ++steps) {
    if ((text.gap(i) & ends) != 0) break;
    const bool comma = (text.gap(i) & gap_comma) != 0;
    --i;
    if (text.is_mentioned(i)) {
      // Chained to the label before it ("not an animal, plant or food"), it shares its lot.
      const Mention& previous = text.mention_of(i);
      bool chained = true;
      for (std::size_t j = i + 1; j < begin; ++j)
        chained = chained && text.is(j, cue::joins | cue::article);
      if (!chained) break;
      if (previous.rank == MentionRank::second_thought && !previous.parenthesis)
        found.hedged = true;
      found.negated = previous.negated;
      break;
    }
    if (comma || text.is(i, cue::but)) break;
    const bool exempt = i + 1 < text.words.size() && text.is(i + 1, cue::exempts);
    if (text.is(i, cue::negates) && !exempt) {
      found.negated = true;
      break;
    }
    if (text.is(i, cue::hedges)) found.hedged = true;
  }
  return found;
}

/// By a cross, or by the words up to `last` (exclusive).
inline bool negated_behind(const ReplyText& text, const Mention& mention, std::size_t last) {
  std::size_t i = mention.match.last;
  const bool struck = (text.gap(mention.match.first) & gap_cross_front) != 0;
  if (struck || (text.gap(i) & gap_cross_behind) != 0) return true;
  last = std::min(last, i + 32);  // linear also for endless chains
  while (i < last && ((text.is_mentioned(i) && !text.ends_clause(i)) || text.is(i, cue::joins))) {
    // "act and event don't apply": past the labels that are joined.
    if ((text.gap(i) & clause_end & ~gap_comma) != 0) return false;
    ++i;
  }
  if (i >= last || text.ends_clause(i)) return false;
  const bool rejects = text.is(i, cue::rejects);
  if (text.is(i, cue::negates_back) || (rejects && !text.is(i, cue::negates))) return true;
  if (!text.is(i, cue::auxiliary)) return rejects && !text.is(i, cue::copula) && i + 1 >= last;
  for (std::size_t j = i + 1; j < last && j < i + 5 && !text.ends_clause(j); ++j) {
    if (text.is_mentioned(j)) return false;
    if (text.is(j, cue::rejects)) return !(j + 1 < last && text.is(j + 1, cue::exempts));
  }
  return false;
}

}  // namespace candist::detail
