// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the mentions of one sentence or line are worth: answer, second thought, negated, or part of
// an explanation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/negation.hpp"
#include "candist/chat/reply_text.hpp"
#include "candist/chat/reply_word.hpp"

namespace candist::detail {

/// Goes through one unit, whose cue is known. The units must be read from left to right.
class UnitReader {
 public:
  UnitReader(ReplyText& text, Unit& unit)
      : text_(text), unit_(unit), table_((text.gap(unit.first) & gap_pipe) != 0) {}
  /// Fills in the mentions of the unit and what it says itself.
  void read();

 private:
  /// Before the unit's first word there is nothing to end.
  std::uint16_t gap_within(std::size_t word) const {
    return word == unit_.first ? std::uint16_t{0} : text_.gap(word);
  }
  bool is_skipped() const { return explained_ || (parenthesis_ && !listens_); }

  void begin_answer();
  void begin_explanations(std::size_t word);
  void open_parenthesis(std::size_t word);
  bool begins_explanation(std::size_t word) const;
  bool resumes(std::size_t word) const;
  void read_word(std::size_t word);
  void read_mention(Mention& mention);
  std::size_t with_articles(std::size_t word) const;
  void rank(Mention& mention, std::size_t first, bool hedged) const;
  bool shares_rank_before(const Mention& mention) const;
  bool stands_alone(const Mention& mention, std::size_t first) const;
  bool adds_to_answer() const;

  ReplyText& text_;
  Unit& unit_;
  bool table_;                ///< a row of a table
  bool clean_ = true;         ///< nothing but labels and little words so far
  bool named_ = false;        ///< a label so far
  bool seen_ = false;         ///< one that may be the answer
  bool explained_ = false;    ///< until the unit's end or the list's next label
  bool parenthesis_ = false;  ///< in one behind a label
  bool listens_ = false;      ///< to what such a parenthesis holds
  bool all_negated_ = false;  ///< "Implausible: ..."
};

// ---- definitions

inline void UnitReader::read() {
  for (std::size_t i = unit_.first; i < unit_.last;) {
    if ((gap_within(i) & gap_close) != 0) parenthesis_ = false;
    if (text_.heads_explanation(i) && !text_.is_mentioned(i)) {
      if (!seen_) clean_ = false;
      break;
    }
    if (unit_.level != no_cue && i == unit_.region) begin_answer();
    begin_explanations(i);
    if (!text_.is_mentioned(i)) {
      read_word(i);
      ++i;
      continue;
    }
    Mention& mention = text_.mention_of(i);
    i = mention.match.last;
    if (!mention.echo && !is_skipped()) read_mention(mention);
  }
  unit_.clean = clean_ && unit_.verdict;
  unit_.more = adds_to_answer();
}

/// Behind the cue: whatever came before.
inline void UnitReader::begin_answer() {
  explained_ = seen_ = named_ = false;
  parenthesis_ = false;
}

/// Between the word and the one before it: an explanation of the label there, or its end.
inline void UnitReader::begin_explanations(std::size_t word) {
  if (!named_ || parenthesis_ || explained_) {
    if (explained_ && resumes(word)) explained_ = false;
    return;
  }
  if ((gap_within(word) & gap_open) != 0) return open_parenthesis(word);
  explained_ = begins_explanation(word);
  const bool denied = (gap_within(word) & gap_colon) != 0 && text_.is(word, cue::denies);
  if (!denied) return;  // "act: no"
  for (std::size_t m = unit_.first_mention;
       m < unit_.behind_mention && text_.mentions[m].match.last <= word; ++m)
    text_.mentions[m].negated = true;
}

inline void UnitReader::open_parenthesis(std::size_t word) {
  parenthesis_ = true;
  const bool label =
      text_.is_mentioned(word) && text_.ends_clause(text_.mention_of(word).match.last);
  listens_ = label || text_.is(word, cue::joins | cue::hedges);
}

inline bool UnitReader::begins_explanation(std::size_t word) const {
  const std::uint16_t gap = gap_within(word);
  return ((gap & gap_colon) != 0 && (seen_ || text_.is(word, cue::denies))) ||
         ((gap & gap_dash) != 0 && !resumes(word)) || (table_ && (gap & gap_pipe) != 0) ||
         (text_.is(word, cue::explains) && !text_.is_mentioned(word));
}

/// Behind a comma or a dash and inside an explanation: is this the next label of the list?
inline bool UnitReader::resumes(std::size_t word) const {
  const std::size_t all = text_.words.size();
  if ((text_.gap(word) & (gap_comma | gap_dash)) == 0) return false;
  for (int steps = 0; word < all && steps < 4 && !text_.is_mentioned(word); ++steps, ++word) {
    if (!text_.is(word, cue::joins | cue::article | cue::but | cue::hedges)) return false;
  }
  if (word >= all || !text_.is_mentioned(word)) return false;
  const LabelMatcher::Match& match = text_.mention_of(word).match;
  return match.first == word && (match.last >= all || text_.ends_clause(match.last) ||
                                 text_.is(match.last, cue::joins | cue::explains));
}

/// A word that names no label.
inline void UnitReader::read_word(std::size_t word) {
  const bool long_word = text_.words[word].end - text_.words[word].begin > 4;
  if (!seen_ && long_word && text_.is(word, cue::negates) && !text_.is(word, cue::article) &&
      (text_.gap(word + 1) & gap_colon) != 0)
    all_negated_ = true;
  const bool little =
      text_.is_mark(word) ||
      text_.is(word, cue::neutral | cue::article | cue::joins | cue::hedges | cue::negates);
  if (!is_skipped() && !little) clean_ = false;
}

inline void UnitReader::read_mention(Mention& mention) {
  const Introduction before = introduction(text_, mention, unit_.first);
  mention.negated = mention.negated || all_negated_ || before.negated ||
                    negated_behind(text_, mention, unit_.last);
  mention.parenthesis = parenthesis_;
  const std::size_t first = with_articles(mention.match.first);
  rank(mention, first, before.hedged);
  // A word of a description must stand alone.
  mention.used = !mention.match.weak || stands_alone(mention, first);
  if (!mention.used) {
    clean_ = clean_ && seen_;
    return;
  }
  if (!mention.negated) unit_.verdict = true;
  named_ = true;
  seen_ = seen_ || !mention.negated;
}

/// The first of the articles in front of the word, or the word itself.
inline std::size_t UnitReader::with_articles(std::size_t word) const {
  while (word > unit_.first && !text_.ends_clause(word) && text_.is(word - 1, cue::article)) --word;
  return word;
}

inline void UnitReader::rank(Mention& mention, std::size_t first, bool hedged) const {
  if (hedged || parenthesis_) mention.rank = MentionRank::second_thought;
  if (first > unit_.first && !text_.ends_clause(first) && !text_.is_mentioned(first - 1)) {
    // "belongs to act": the cue's own preposition.
    const bool of_cue = unit_.level != no_cue && first - 1 == unit_.region;
    if (text_.is(first - 1, cue::preposition) && !of_cue) mention.rank = MentionRank::incidental;
    if (text_.is(first - 1, cue::copula) && !hedged) mention.rank = MentionRank::direct;
  }
  if (mention.rank == MentionRank::plain && shares_rank_before(mention))
    mention.rank = MentionRank::direct;
}

/// "is act, event": the second as much as the first.
inline bool UnitReader::shares_rank_before(const Mention& mention) const {
  if (&mention == text_.mentions.data()) return false;
  const Mention& previous = *(&mention - 1);
  if (previous.rank != MentionRank::direct) return false;
  std::size_t i = mention.match.first;
  while (i > unit_.first && !text_.is_mentioned(i - 1) &&
         text_.is(i - 1, cue::joins | cue::article) && (text_.gap(i) & gap_clause) == 0)
    --i;
  return i == previous.match.last && i > unit_.first &&
         (text_.gap(i) & clause_end & ~gap_comma) == 0;
}

inline bool UnitReader::stands_alone(const Mention& mention, std::size_t first) const {
  const std::size_t behind = mention.match.last;
  const bool in_front = first == unit_.first || text_.ends_clause(first) ||
                        text_.is(first - 1, cue::joins | cue::neutral);
  return in_front && (behind >= unit_.last || text_.ends_clause(behind) ||
                      text_.is(behind, cue::joins | cue::explains));
}

/// "Alternatively, event", "event is also possible".
inline bool UnitReader::adds_to_answer() const {
  for (std::size_t i = unit_.first; i < unit_.last && !text_.is_mentioned(i); ++i) {
    if (text_.is(i, cue::more)) return true;
  }
  for (std::size_t m = unit_.first_mention; m < unit_.behind_mention; ++m) {
    const std::size_t behind = text_.mentions[m].match.last;
    for (std::size_t i = behind; i < unit_.last && i < behind + 4 && !text_.is_mentioned(i); ++i) {
      if (text_.is(i, cue::more)) return true;
    }
  }
  return false;
}

}  // namespace candist::detail
