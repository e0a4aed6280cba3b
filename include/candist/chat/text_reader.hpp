// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The labels that running text answers with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/label_numbers.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/chat/reply_characters.hpp"
#include "candist/chat/reply_text.hpp"
#include "candist/chat/text_answer.hpp"
#include "candist/chat/unit_cue.hpp"
#include "candist/chat/unit_reader.hpp"

namespace candist {

/// Reads a sentence, a list, lines. The text is cut into units (sentences, lines); a unit is *clean*
/// where it holds labels, list marks and little words only. Of the units, in this order, count: what
/// follows the last cue of the highest level ("final answer" > "answer" > "label", "choose" >
/// "therefore"), else the clean ones, else all. A name to the letter is that label.
TextAnswer read_text(const AskedLabels& asked, std::string_view text);

// ---- definitions

namespace detail {

class TextReader {
 public:
  TextReader(const AskedLabels& asked, std::string_view text);
  TextAnswer read() const;

 private:
  using Mentions = std::vector<const Mention*>;
  /// What one cue leads to.
  struct CueAnswer {
    CueLevel level = no_cue;
    std::size_t behind = 0;  ///< the unit behind what was read
    Mentions mentions;
    std::optional<TextAnswer> other;  ///< numbers, or what is no label
    bool found() const { return !mentions.empty() || other; }
  };

  bool one() const { return asked_.form == AnswerForm::one; }
  std::optional<TextAnswer> read_cues() const;
  CueAnswer read_cue(std::size_t cue_unit) const;
  CueAnswer read_below(std::size_t cue_unit) const;
  Mentions clean_mentions() const;
  Mentions weak_mentions() const;
  void collect(const Unit& unit, std::size_t from, Mentions& out) const;
  TextAnswer settle(const Mentions& found) const;
  bool refuses() const;

  AskedLabels asked_;
  ReplyText text_;
};

inline TextReader::TextReader(const AskedLabels& asked, std::string_view text)
    : asked_(asked), text_(asked.matcher, asked.listed, text) {
  for (Unit& unit : text_.units) {
    UnitCue(text_, unit).find();
    UnitReader(text_, unit).read();
  }
}

inline TextAnswer TextReader::read() const {
  if (text_.words.empty()) return {{}, "the reply is empty"};
  if (auto answer = read_cues()) return std::move(*answer);
  const bool bare = text_.mentions.empty();
  if (bare && text_.words.size() <= 6 && text_.is(0, cue::everything))
    return {{}, "the reply names all labels"};
  if (bare) {
    if (auto answer = read_numbers(text_, asked_, 0, text_.words.size())) return std::move(*answer);
  }
  if (const Mentions clean = clean_mentions(); !clean.empty()) return settle(clean);
  const bool echo = !bare && std::all_of(text_.mentions.begin(), text_.mentions.end(),
                                         [](const Mention& mention) { return mention.echo; });
  if (echo) return {{}, "the reply names all labels"};
  if (refuses()) return {{}, "the reply is a refusal: " + text_.shown(0, text_.words.size())};
  Mentions all;
  for (const Unit& unit : text_.units) collect(unit, unit.first, all);
  if (all.empty()) all = weak_mentions();
  if (!all.empty()) return settle(all);
  const std::string shown = text_.shown(0, text_.words.size());
  return {{},
          bare ? "the answer " + shown + " is none of the labels"
               : "the reply " + shown + " rules labels out and chooses none"};
}

/// What follows the cues; nothing where no cue leads to a label.
inline std::optional<TextAnswer> TextReader::read_cues() const {
  std::vector<CueAnswer> all;
  for (std::size_t u = 0; u < text_.units.size(); ++u) {
    if (text_.units[u].level == no_cue) continue;
    if (CueAnswer answer = read_cue(u); answer.found()) all.push_back(std::move(answer));
  }
  // The last one of the highest level.
  const auto top = std::max_element(all.rbegin(), all.rend(),
                                    [](const auto& a, const auto& b) { return a.level < b.level; });
  if (top == all.rend()) return std::nullopt;
  if (top->other) return std::move(top->other);
  if (one()) return settle(top->mentions);
  Mentions chosen;
  if (top->level == label_cue) {  // "Label 1: act", "Label 2: event"
    for (const CueAnswer& answer : all) {
      if (answer.level == label_cue)
        chosen.insert(chosen.end(), answer.mentions.begin(), answer.mentions.end());
    }
  } else {
    chosen = top->mentions;
  }
  for (std::size_t u = top->behind; u < text_.units.size(); ++u) {  // "Other candidates: ..."
    const Unit& unit = text_.units[u];
    const bool cued = unit.level >= label_cue && unit.region < unit.last;
    if (unit.more) collect(unit, cued ? unit.region : unit.first, chosen);
  }
  return settle(chosen);
}

inline TextReader::CueAnswer TextReader::read_cue(std::size_t cue_unit) const {
  const Unit& unit = text_.units[cue_unit];
  if (unit.region >= unit.last) return read_below(cue_unit);
  CueAnswer answer{unit.level, cue_unit + 1, {}, {}};
  collect(unit, unit.region, answer.mentions);
  if (unit.first_mention == unit.behind_mention)
    answer.other = read_numbers(text_, asked_, unit.region, unit.last);
  // "Answer: vehicle" takes back what was said before.
  const bool short_answer = unit.level >= answer_cue && unit.marked && unit.last - unit.region <= 8;
  if (!answer.found() && short_answer) {
    answer.other = TextAnswer{
        {}, "the answer " + text_.shown(unit.region, unit.last) + " is none of the labels"};
  }
  return answer;
}

/// The lines below a cue: a paragraph, or a list.
inline TextReader::CueAnswer TextReader::read_below(std::size_t cue_unit) const {
  const std::size_t below = cue_unit + 1;
  CueAnswer answer{text_.units[cue_unit].level, below, {}, {}};
  for (std::size_t u = below; u < text_.units.size() && text_.units[u].level == no_cue; ++u) {
    const Unit& unit = text_.units[u];
    const bool paragraph_ends = (text_.gap(unit.first) & gap_blank_line) != 0 && u > below;
    if (paragraph_ends && !unit.clean) break;
    if (unit.clean || u == below) collect(unit, unit.first, answer.mentions);
    answer.behind = u + 1;
  }
  if (answer.mentions.empty() && below < text_.units.size()) {
    const Unit& unit = text_.units[below];
    answer.other = read_numbers(text_, asked_, unit.first, unit.last);
  }
  return answer;
}

/// Of the clean units, and of those behind them that add to the answer.
inline TextReader::Mentions TextReader::clean_mentions() const {
  Mentions found;
  bool begun = false;
  for (const Unit& unit : text_.units) {
    const bool added = begun && !one() && unit.more;
    if (unit.clean || added) collect(unit, unit.first, found);
    begun = begun || unit.clean;
  }
  return found;
}

/// Words of descriptions, better than nothing.
inline TextReader::Mentions TextReader::weak_mentions() const {
  Mentions found;
  for (const Mention& mention : text_.mentions) {
    if (mention.match.weak && !mention.negated && !mention.echo) found.push_back(&mention);
  }
  return found;
}

/// The mentions of the unit that count, from the word `from` on.
inline void TextReader::collect(const Unit& unit, std::size_t from, Mentions& out) const {
  for (std::size_t m = unit.first_mention; m < unit.behind_mention; ++m) {
    const Mention& mention = text_.mentions[m];
    if (mention.match.first >= from && mention.answers()) out.push_back(&mention);
  }
}

/// A label is as strong as its strongest mention, and stands where that is.
inline TextAnswer TextReader::settle(const Mentions& found) const {
  MentionRank least = MentionRank::incidental;
  for (const Mention* mention : found) least = std::max(least, mention->rank);
  if (!one()) least = std::min(least, MentionRank::second_thought);
  TextAnswer answer;
  std::vector<bool> taken(asked_.matcher.names().size());
  for (const Mention* mention : found) {
    const LabelMatcher::Match& match = mention->match;
    const auto label = static_cast<std::size_t>(match.label);
    if (mention->rank < least || taken[label]) continue;
    taken[label] = true;
    answer.labels.push_back(
        {match.label, text_.words[match.first].begin, text_.words[match.last - 1].end});
  }
  return answer;
}

/// "I cannot classify ..."
inline bool TextReader::refuses() const {
  const std::size_t all = text_.words.size();
  for (std::size_t i = 0; i < all && i < 40; ++i) {
    if (!text_.is(i, cue::cannot)) continue;
    for (std::size_t j = i + 1; j < all && j < i + 4; ++j) {
      if (text_.is(j, cue::task_verb)) return true;
    }
  }
  return false;
}

/// The problem of an answer with more labels than were asked for.
inline std::string too_many(const TextAnswer& answer, AnswerForm form) {
  if (form != AnswerForm::one || answer.labels.size() <= 1) return {};
  return "the reply names " + std::to_string(answer.labels.size()) + " labels where one is asked";
}

}  // namespace detail

inline TextAnswer read_text(const AskedLabels& asked, std::string_view text) {
  const std::string_view name = detail::without_blanks_and_quotes(text);
  const std::vector<std::string>& names = asked.matcher.names();
  if (const auto found = std::find(names.begin(), names.end(), name); found != names.end()) {
    const auto begin = static_cast<std::size_t>(name.data() - text.data());
    return {{{static_cast<std::int32_t>(found - names.begin()), begin, begin + name.size()}}, {}};
  }
  TextAnswer answer = detail::TextReader(asked, text).read();
  if (answer.problem.empty()) answer.problem = detail::too_many(answer, asked.form);
  return answer;
}

}  // namespace candist
