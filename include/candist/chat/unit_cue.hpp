// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The cue of a sentence or line: "final answer:", "the label is", "I choose", "therefore".
#pragma once

#include <cstddef>
#include <cstdint>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/reply_text.hpp"
#include "candist/chat/reply_word.hpp"

namespace candist::detail {

/// Finds the last cue of the highest level: what is behind it is the answer.
class UnitCue {
 public:
  UnitCue(const ReplyText& text, Unit& unit) : text_(text), unit_(unit) {}
  void find();

 private:
  void take(CueLevel level, std::size_t region, bool marked);
  void find_behind_noun(std::size_t noun);
  bool is_negated(std::size_t verb) const;

  const ReplyText& text_;
  Unit& unit_;
};

// ---- definitions

inline void UnitCue::take(CueLevel level, std::size_t region, bool marked) {
  if (level < unit_.level) return;
  unit_.level = level;
  unit_.region = region;
  unit_.marked = marked;
}

/// "answer: ", "the label of this text is", or the noun alone above the answer.
inline void UnitCue::find_behind_noun(std::size_t noun) {
  const auto colon = [&](std::size_t word) { return (text_.gap(word) & gap_colon) != 0; };
  const bool final = (noun > unit_.first && text_.is(noun - 1, cue::final_word)) ||
                     text_.is(noun, cue::final_noun);
  const CueLevel level = final                              ? final_cue
                         : text_.is(noun, cue::answer_noun) ? answer_cue
                                                            : label_cue;
  const std::size_t length = unit_.last - unit_.first;
  if (noun + 1 == unit_.last && (colon(noun + 1) || (final && length <= 3)))
    take(level, unit_.last, true);
  for (std::size_t i = noun + 1; i < unit_.last && i < noun + 10; ++i) {
    if (colon(i)) return take(level, i, true);
    constexpr std::uint16_t ends = clause_end & ~(gap_open | gap_close);
    if (text_.is_mentioned(i) || (text_.gap(i) & ends) != 0) return;
    if (text_.is(i, cue::copula)) return take(level, i + 1, colon(i + 1));
  }
}

inline bool UnitCue::is_negated(std::size_t verb) const {
  for (std::size_t i = verb; i > unit_.first && i + 3 > verb; --i) {
    if (text_.is(i - 1, cue::negates | cue::cannot)) return true;
  }
  return false;
}

inline void UnitCue::find() {
  for (std::size_t i = unit_.first; i < unit_.last; ++i) {
    if (text_.is_mentioned(i)) continue;
    if (text_.heads_explanation(i)) break;
    if (text_.is(i, cue::answer_noun | cue::final_noun | cue::label_noun)) {
      find_behind_noun(i);
    } else if (text_.is(i, cue::verb)) {
      if (!is_negated(i)) take(label_cue, i + 1, false);
    } else if (text_.is(i, cue::consequence) &&
               (i == unit_.first || text_.ends_clause(i) || text_.is(i - 1, cue::joins))) {
      take(consequence_cue, i + 1, false);
    }
  }
}

}  // namespace candist::detail
