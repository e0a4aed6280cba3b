// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A text taken apart: its words, the labels that it mentions, its sentences and lines. What they
// mean is found out by others: unit_cue.hpp, unit_reader.hpp, text_reader.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/label_matcher.hpp"
#include "candist/chat/reply_word.hpp"
#include "candist/error.hpp"

namespace candist::detail {

/// The gaps at which a clause may end.
constexpr std::uint16_t clause_end =
    gap_comma | gap_stop | gap_line | gap_colon | gap_dash | gap_open | gap_close;

/// How much a mention looks like the answer, the most last.
enum class MentionRank { incidental, second_thought, plain, direct };

/// How strong the cue of a unit is, the strongest last.
enum CueLevel : int { no_cue, consequence_cue, label_cue, answer_cue, final_cue };

/// A label where the text names it.
struct Mention {
  LabelMatcher::Match match;
  MentionRank rank = MentionRank::plain;
  bool negated = false;
  bool echo = false;  ///< part of all labels as they were listed
  bool parenthesis = false;
  bool used = false;  ///< counts in its unit: no explanation
  bool answers() const { return used && !negated && !echo; }
};

/// A sentence or a line.
struct Unit {
  std::size_t first = 0, last = 0;                    ///< words
  std::size_t first_mention = 0, behind_mention = 0;  ///< the first one, and behind the last
  bool clean = false;    ///< holds labels, list marks and little words only
  bool verdict = false;  ///< some mention of it counts
  bool more = false;     ///< adds to an answer already given
  CueLevel level = no_cue;
  std::size_t region = 0;  ///< the first word behind the cue
  bool marked = false;     ///< the cue had a colon
};

/// Words, mentions and units, each from left to right.
struct ReplyText {
  ReplyText(const LabelMatcher& matcher, std::span<const std::int32_t> listed,
            std::string_view bytes);

  bool is(std::size_t word, std::uint64_t classes) const {
    return (words[word].cues & classes) != 0;
  }
  /// Before the word; behind the last word, the gap at the text's end.
  std::uint16_t gap(std::size_t word) const {
    return word < words.size() ? words[word].gap : words.back().gap_after;
  }
  bool ends_clause(std::size_t word) const { return (gap(word) & clause_end) != 0; }
  bool ends_unit(std::size_t word) const { return (gap(word) & (gap_stop | gap_line)) != 0; }
  bool is_one_byte(std::size_t word) const { return words[word].end - words[word].begin == 1; }
  /// A number or one letter, as list marks are.
  bool is_mark(std::size_t word) const { return words[word].number >= 0 || is_one_byte(word); }

  /// "Reason: ..."
  bool heads_explanation(std::size_t word) const {
    return is(word, cue::explanation) && (gap(word + 1) & gap_colon) != 0;
  }

  bool is_mentioned(std::size_t word) const { return mention_at[word] >= 0; }
  /// The mention that the word belongs to; there must be one.
  const Mention& mention_of(std::size_t word) const {
    return mentions[static_cast<std::size_t>(mention_at[word])];
  }
  Mention& mention_of(std::size_t word) {
    return mentions[static_cast<std::size_t>(mention_at[word])];
  }

  /// The words from `first` to `last` (exclusive) as a message shows them.
  std::string shown(std::size_t first, std::size_t last) const;

  std::string_view bytes;
  std::vector<ReplyWord> words;
  std::vector<Mention> mentions;
  std::vector<std::int32_t> mention_at;  ///< of every word: the mention it belongs to, or -1
  std::vector<Unit> units;

 private:
  void find_mentions(const LabelMatcher& matcher);
  void mark_echo(std::span<const std::int32_t> listed);
  bool is_list_between(const Mention& left, const Mention& right) const;
  std::size_t unit_end(std::size_t first) const;
  void cut_units();
};

// ---- definitions

inline ReplyText::ReplyText(const LabelMatcher& matcher, std::span<const std::int32_t> listed,
                            std::string_view text)
    : bytes(text), words(matcher.words(text, cue::lexicon())), mention_at(words.size(), -1) {
  find_mentions(matcher);
  mark_echo(listed);
  cut_units();
}

inline std::string ReplyText::shown(std::size_t first, std::size_t last) const {
  if (first >= last) return {};
  const std::size_t begin = words[first].begin;
  return quoted(bytes.substr(begin, words[last - 1].end - begin));
}

inline void ReplyText::find_mentions(const LabelMatcher& matcher) {
  for (const LabelMatcher::Match& match : matcher.matches(bytes, words)) {
    // "in other words", "no other label": not the label "other".
    const bool other = match.last == match.first + 1 && is(match.first, cue::more) &&
                       match.last < words.size() && !ends_clause(match.last) &&
                       is(match.last, cue::not_a_label);
    if (other) continue;
    for (std::size_t i = match.first; i < match.last; ++i)
      mention_at[i] = static_cast<std::int32_t>(mentions.size());
    mentions.push_back({.match = match});
  }
}

inline bool ReplyText::is_list_between(const Mention& left, const Mention& right) const {
  if (right.match.first - left.match.last > 2) return false;
  for (std::size_t i = left.match.last; i < right.match.first; ++i) {
    if (!is_mark(i) && !is(i, cue::joins)) return false;
  }
  return true;
}

inline void ReplyText::mark_echo(std::span<const std::int32_t> listed) {
  if (listed.size() < 2) return;
  for (std::size_t m = 0; m + listed.size() <= mentions.size(); ++m) {
    std::size_t k = 0;
    while (k < listed.size() && mentions[m + k].match.label == listed[k] &&
           (k == 0 || is_list_between(mentions[m + k - 1], mentions[m + k])))
      ++k;
    if (k < listed.size()) continue;
    for (std::size_t i = m; i < m + k; ++i) mentions[i].echo = true;
    m += k - 1;
  }
}

/// Behind the last word of the unit that begins at `first`.
inline std::size_t ReplyText::unit_end(std::size_t first) const {
  const std::size_t all = words.size();
  std::size_t i = first + 1;
  const auto within_a_mention = [&] {
    return is_mentioned(i) && mention_at[i] == mention_at[i - 1];
  };
  while (i < all && (!ends_unit(i) || within_a_mention())) ++i;
  // "1." in front of a line is its number, no sentence.
  const bool number = i < all && i == first + 1 && (gap(i) & gap_line) == 0 &&
                      !is_mentioned(first) && is_mark(first);
  if (!number) return i;
  do ++i;
  while (i < all && !ends_unit(i));
  return i;
}

inline void ReplyText::cut_units() {
  std::size_t mention = 0;
  for (std::size_t i = 0; i < words.size();) {
    Unit unit;
    unit.first = i;
    unit.last = i = unit_end(i);
    unit.first_mention = mention;
    while (mention < mentions.size() && mentions[mention].match.first < unit.last) ++mention;
    unit.behind_mention = mention;
    units.push_back(unit);
  }
}

}  // namespace candist::detail
