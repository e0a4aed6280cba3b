// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The labels that running text answers with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/label_matcher.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/error.hpp"

namespace candist {

/// One label that a text answers with, and the bytes that named it.
struct NamedLabel {
  std::int32_t label = -1;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What a text answers: labels, or a problem.
struct TextAnswer {
  std::vector<NamedLabel> labels;
  std::string problem;
  bool echo = false;  ///< the whole text lists all labels as they are listed
};

/// Whether numbers and letters count as labels.
enum class LabelNumbers { read, ignored };

/// Reads one text: a sentence, a list, lines. The text is cut into units (sentences, lines); a unit
/// is *clean* where it holds labels, list marks and little words only. Of the units, in this order,
/// count: what follows the last cue of the highest level ("final answer" > "answer" > "label",
/// "choose" > "therefore"), else the clean ones, else all.
class TextReader {
 public:
  /// `listed`: the labels in the order in which they were offered. All must outlive the reader.
  TextReader(const LabelMatcher& matcher, std::span<const std::int32_t> listed,
             LabelNumbers numbers, std::string_view text, AnswerForm form);

  TextAnswer read();

 private:
  enum Rank : int { incidental, second_thought, plain, direct };
  struct Mention {
    LabelMatcher::Match match;
    Rank rank = plain;
    bool negated = false;
    bool echo = false;
    bool parenthesis = false;
    bool used = false;  ///< counts in its unit: no explanation
  };
  struct Unit {
    std::size_t first = 0, last = 0;        ///< words
    std::size_t mention = 0, mentions = 0;  ///< the first one, and behind the last
    bool clean = false;
    bool verdict = false;  ///< some mention of it counts
    bool more = false;
    int level = 0;           ///< of its cue, 0: none
    std::size_t region = 0;  ///< the first word behind the cue
    bool marked = false;     ///< the cue had a colon
  };

  bool is(std::size_t word, std::uint64_t classes) const {
    return (words_[word].cues & classes) != 0;
  }
  std::uint16_t gap(std::size_t word) const {
    return word < words_.size() ? words_[word].gap : words_.back().gap_after;
  }
  static constexpr std::uint16_t clause_end =
      gap_comma | gap_stop | gap_line | gap_colon | gap_dash | gap_open | gap_close;
  bool ends_unit(std::size_t word) const { return (gap(word) & (gap_stop | gap_line)) != 0; }

  void mark_echo();
  void cut_units();
  void read_unit(Unit& unit);
  void find_cue(Unit& unit);
  bool negated_before(std::size_t mention, std::size_t from, bool& hedged) const;
  bool negated_behind(std::size_t mention, std::size_t last) const;
  bool resumes(std::size_t word) const;
  void collect(const Unit& unit, std::size_t from, std::vector<const Mention*>& out) const;
  TextAnswer settle(std::vector<const Mention*> found) const;
  std::optional<TextAnswer> read_numbers(std::size_t first, std::size_t last) const;
  std::optional<TextAnswer> read_cues();
  std::string clipped(std::size_t first, std::size_t last) const;
  bool refuses() const;

  std::span<const std::int32_t> listed_;
  LabelNumbers numbers_;
  std::string_view text_;
  AnswerForm form_;
  std::vector<ReplyWord> words_;
  std::vector<Mention> mentions_;
  std::vector<std::int32_t> mention_at_;  ///< of every word: the mention it belongs to, or -1
  std::vector<Unit> units_;
};

// ---- definitions

inline TextReader::TextReader(const LabelMatcher& matcher, std::span<const std::int32_t> listed,
                              LabelNumbers numbers, std::string_view text, AnswerForm form)
    : listed_(listed),
      numbers_(numbers),
      text_(text),
      form_(form),
      words_(matcher.words(text, cue::lexicon())),
      mention_at_(words_.size(), -1) {
  for (const LabelMatcher::Match& match : matcher.matches(text, words_)) {
    // "in other words", "no other label": not the label "other".
    const bool other = match.last == match.first + 1 && is(match.first, cue::more) &&
                       match.last < words_.size() && (gap(match.last) & clause_end) == 0 &&
                       is(match.last, cue::not_a_label);
    if (other) continue;
    for (std::size_t i = match.first; i < match.last; ++i)
      mention_at_[i] = static_cast<std::int32_t>(mentions_.size());
    mentions_.push_back({.match = match});
  }
}

inline void TextReader::mark_echo() {
  if (listed_.size() < 2) return;
  for (std::size_t m = 0; m + listed_.size() <= mentions_.size(); ++m) {
    std::size_t k = 0;
    for (; k < listed_.size() && mentions_[m + k].match.label == listed_[k]; ++k) {
      if (k == 0) continue;
      const std::size_t from = mentions_[m + k - 1].match.last;
      const std::size_t to = mentions_[m + k].match.first;
      bool plain_list = to - from <= 2;
      for (std::size_t i = from; i < to && plain_list; ++i)
        plain_list =
            words_[i].number >= 0 || is(i, cue::joins) || words_[i].end - words_[i].begin == 1;
      if (!plain_list) break;
    }
    if (k < listed_.size()) continue;
    for (std::size_t i = m; i < m + k; ++i) mentions_[i].echo = true;
    m += k - 1;
  }
}

inline void TextReader::cut_units() {
  std::size_t mention = 0;
  for (std::size_t i = 0; i < words_.size();) {
    Unit unit;
    unit.first = i;
    do ++i;
    while (i < words_.size() &&
           (!ends_unit(i) || (mention_at_[i] >= 0 && mention_at_[i] == mention_at_[i - 1])));
    // "1." in front of a line is its number, no sentence.
    while (i < words_.size() && i == unit.first + 1 && (gap(i) & gap_line) == 0 &&
           mention_at_[i - 1] < 0 &&
           (words_[i - 1].number >= 0 || words_[i - 1].end - words_[i - 1].begin == 1)) {
      do ++i;
      while (i < words_.size() && !ends_unit(i));
      break;
    }
    unit.last = i;
    unit.mention = mention;
    while (mention < mentions_.size() && mentions_[mention].match.first < unit.last) ++mention;
    unit.mentions = mention;
    units_.push_back(unit);
  }
}

/// Behind a comma or a dash and inside an explanation: is this the next label of the list?
inline bool TextReader::resumes(std::size_t word) const {
  if ((gap(word) & (gap_comma | gap_dash)) == 0) return false;
  for (int steps = 0; word < words_.size() && steps < 4 && mention_at_[word] < 0; ++steps, ++word) {
    if (!is(word, cue::joins | cue::article | cue::but) && !is(word, cue::hedges)) return false;
  }
  if (word >= words_.size() || mention_at_[word] < 0) return false;
  const Mention& mention = mentions_[static_cast<std::size_t>(mention_at_[word])];
  const std::size_t behind = mention.match.last;
  return mention.match.first == word &&
         ((gap(behind) & clause_end) != 0 || behind >= words_.size() ||
          is(behind, cue::joins | cue::explains));
}

inline bool TextReader::negated_before(std::size_t m, std::size_t from, bool& hedged) const {
  const std::size_t begin = mentions_[m].match.first;
  for (std::size_t i = begin, steps = 0; i > from && steps < 9; ++steps) {
    if ((gap(i) & (clause_end & ~gap_comma)) != 0) return false;
    if ((gap(i) & gap_clause) != 0) return false;
    const bool comma = (gap(i) & gap_comma) != 0;
    --i;
    if (mention_at_[i] >= 0) {
      // Chained to the label before it ("not an animal, plant or food"), it shares its lot.
      const Mention& previous = mentions_[static_cast<std::size_t>(mention_at_[i])];
      bool chained = true;
      for (std::size_t j = i + 1; j < begin; ++j)
        chained = chained && is(j, cue::joins | cue::article);
      if (chained && previous.rank == second_thought && !previous.parenthesis) hedged = true;
      return chained && previous.negated;
    }
    if (comma) return false;
    if (is(i, cue::but)) return false;
    const bool exempt = i + 1 < words_.size() && is(i + 1, cue::exempts);
    if (is(i, cue::negates) && !exempt) return true;
    if (is(i, cue::hedges)) hedged = true;
  }
  return false;
}

inline bool TextReader::negated_behind(std::size_t m, std::size_t last) const {
  std::size_t i = mentions_[m].match.last;
  const bool struck = (gap(mentions_[m].match.first) & gap_cross_front) != 0;
  if (struck || (gap(i) & gap_cross_behind) != 0) return true;
  last = std::min(last, i + 32);  // linear also for endless chains
  while (i < last && ((mention_at_[i] >= 0 && (gap(i) & clause_end) == 0) || is(i, cue::joins))) {
    // "act and event don't apply": past the labels that are joined.
    if ((gap(i) & clause_end & ~gap_comma) != 0) return false;
    ++i;
  }
  if (i >= last || (gap(i) & clause_end) != 0) return false;
  if (is(i, cue::negates_back) || (is(i, cue::rejects) && !is(i, cue::negates))) return true;
  if (!is(i, cue::auxiliary)) return is(i, cue::rejects) && !is(i, cue::copula) && i + 1 >= last;
  for (std::size_t j = i + 1; j < last && j < i + 5 && (gap(j) & clause_end) == 0; ++j) {
    if (mention_at_[j] >= 0) return false;
    if (is(j, cue::rejects)) return !(j + 1 < last && is(j + 1, cue::exempts));
  }
  return false;
}

inline void TextReader::read_unit(Unit& unit) {
  bool clean = true;
  bool explained = false;  // until the unit's end or the list's next label
  int depth = 0;           // parentheses behind a label
  bool listens = false;    // to what such parentheses hold
  bool all_negated = false;
  std::size_t begin = unit.first;
  bool named = false;  // any label yet
  bool seen = false;   // one that may be the answer
  const bool table = (gap(unit.first) & gap_pipe) != 0;
  for (std::size_t i = unit.first; i < unit.last;) {
    const std::uint16_t g = i == unit.first ? std::uint16_t{0} : gap(i);
    if ((g & gap_close) != 0 && depth > 0) depth = 0;
    if (is(i, cue::explanation) && (gap(i + 1) & gap_colon) != 0 && mention_at_[i] < 0) {
      if (!seen) clean = false;
      break;
    }
    if (unit.level > 0 && i == unit.region) {  // the answer begins here, whatever came before
      explained = seen = named = false;
      depth = 0;
    }
    if (named && depth == 0 && !explained) {
      if ((g & gap_open) != 0) {
        depth = 1;
        const bool label =
            mention_at_[i] >= 0 &&
            (gap(mentions_[static_cast<std::size_t>(mention_at_[i])].match.last) & clause_end) != 0;
        listens = label || is(i, cue::joins | cue::hedges);
      } else if (((g & gap_colon) != 0 && (seen || is(i, cue::denies))) ||
                 ((g & gap_dash) != 0 && !resumes(i)) || (table && (g & gap_pipe) != 0)) {
        explained = true;
        if ((g & gap_colon) != 0 && is(i, cue::denies) && unit.mentions > unit.mention) {
          for (std::size_t m = unit.mention; m < unit.mentions && mentions_[m].match.last <= i; ++m)
            mentions_[m].negated = true;
        }
      } else if (is(i, cue::explains) && mention_at_[i] < 0) {
        explained = true;
      }
    } else if (explained && resumes(i)) {
      explained = false;
    }
    const std::int32_t m = mention_at_[i];
    if (m < 0) {
      if (!seen && is(i, cue::negates) && (gap(i + 1) & gap_colon) != 0 && !is(i, cue::article) &&
          text_.substr(words_[i].begin, words_[i].end - words_[i].begin).size() > 4) {
        all_negated = true;  // "Implausible: ..."
      }
      const bool skipped = explained || (depth > 0 && !listens);
      const bool little =
          is(i, cue::neutral | cue::article | cue::joins | cue::hedges | cue::negates) ||
          words_[i].number >= 0 || words_[i].end - words_[i].begin == 1;
      if (!skipped && !little) clean = false;
      ++i;
      continue;
    }
    Mention& mention = mentions_[static_cast<std::size_t>(m)];
    i = mention.match.last;
    if (mention.echo || explained || (depth > 0 && !listens)) continue;
    bool hedged = false;
    const bool before = negated_before(static_cast<std::size_t>(m), begin, hedged);
    mention.negated = mention.negated || all_negated || before ||
                      negated_behind(static_cast<std::size_t>(m), unit.last);
    mention.used = true;
    mention.parenthesis = depth > 0;
    std::size_t w = mention.match.first;
    while (w > unit.first && (gap(w) & clause_end) == 0 && is(w - 1, cue::article)) --w;
    if (hedged || depth > 0) mention.rank = second_thought;
    if (w > unit.first && (gap(w) & clause_end) == 0 && mention_at_[w - 1] < 0) {
      // "belongs to act": the cue's own preposition.
      const bool of_cue = unit.level > 0 && w - 1 == unit.region;
      if (is(w - 1, cue::preposition) && !of_cue) mention.rank = incidental;
      if (is(w - 1, cue::copula) && !hedged) mention.rank = direct;
    }
    // "is act, event": the second as much as the first.
    if (m > 0 && mention.rank == plain &&
        mentions_[static_cast<std::size_t>(m) - 1].rank == direct) {
      std::size_t j = mention.match.first;
      while (j > unit.first && mention_at_[j - 1] < 0 && is(j - 1, cue::joins | cue::article) &&
             (gap(j) & gap_clause) == 0)
        --j;
      const bool chained = j == mentions_[static_cast<std::size_t>(m) - 1].match.last &&
                           j > unit.first && (gap(j) & clause_end & ~gap_comma) == 0;
      if (chained) mention.rank = direct;
    }
    // A word of a description must stand alone.
    const std::size_t behind = mention.match.last;
    const bool alone =
        (w == unit.first || (gap(w) & clause_end) != 0 || is(w - 1, cue::joins | cue::neutral)) &&
        (behind >= unit.last || (gap(behind) & clause_end) != 0 ||
         is(behind, cue::joins | cue::explains));
    if (mention.match.weak && !alone) {
      mention.used = false;
      clean = clean && seen;
      continue;
    }
    if (!mention.negated) unit.verdict = true;
    named = true;
    seen = seen || !mention.negated;
  }
  unit.clean = clean && unit.verdict;
  for (std::size_t i = unit.first; i < unit.last && mention_at_[i] < 0; ++i)
    unit.more = unit.more || is(i, cue::more);
  for (std::size_t m = unit.mention; m < unit.mentions && !unit.more; ++m) {
    const std::size_t behind = mentions_[m].match.last;  // "event is also possible"
    for (std::size_t i = behind; i < unit.last && i < behind + 4 && mention_at_[i] < 0; ++i)
      unit.more = unit.more || is(i, cue::more);
  }
}

inline void TextReader::find_cue(Unit& unit) {
  const auto take = [&](int level, std::size_t region, bool marked) {
    if (level < unit.level) return;
    unit.level = level;
    unit.region = region;
    unit.marked = marked;
  };
  for (std::size_t i = unit.first; i < unit.last; ++i) {
    if (mention_at_[i] >= 0) continue;
    if (is(i, cue::explanation) && (gap(i + 1) & gap_colon) != 0) break;
    if (is(i, cue::answer_noun | cue::final_noun | cue::label_noun)) {
      const bool last_one =
          (i > unit.first && is(i - 1, cue::final_word)) || is(i, cue::final_noun);
      const int level = last_one ? 4 : is(i, cue::answer_noun) ? 3 : 2;
      if (i + 1 == unit.last &&
          ((gap(i + 1) & gap_colon) != 0 || (last_one && unit.last - unit.first <= 3)))
        take(level, unit.last, true);
      for (std::size_t j = i + 1; j < unit.last && j < i + 10; ++j) {
        if ((gap(j) & gap_colon) != 0) {
          take(level, j, true);
          break;
        }
        if (mention_at_[j] >= 0 || (gap(j) & clause_end & ~(gap_open | gap_close)) != 0) break;
        if (is(j, cue::copula)) {
          take(level, j + 1, (gap(j + 1) & gap_colon) != 0);
          break;
        }
      }
    } else if (is(i, cue::verb)) {
      bool negated = false;
      for (std::size_t j = i; j > unit.first && j + 3 > i; --j)
        negated = negated || is(j - 1, cue::negates | cue::cannot);
      if (!negated && unit.level <= 2) take(2, i + 1, false);
    } else if (is(i, cue::consequence) && (i == unit.first || (gap(i) & clause_end) != 0 ||
                                           (i > 0 && is(i - 1, cue::joins)))) {
      take(1, i + 1, false);
    }
  }
}

inline void TextReader::collect(const Unit& unit, std::size_t from,
                                std::vector<const Mention*>& out) const {
  for (std::size_t m = unit.mention; m < unit.mentions; ++m) {
    const Mention& mention = mentions_[m];
    if (mention.match.first >= from && mention.used && !mention.negated && !mention.echo)
      out.push_back(&mention);
  }
}

inline std::string TextReader::clipped(std::size_t first, std::size_t last) const {
  if (first >= last) return {};
  const std::size_t begin = words_[first].begin;
  return quoted(text_.substr(begin, words_[last - 1].end - begin));
}

inline TextAnswer TextReader::settle(std::vector<const Mention*> found) const {
  // A label is as strong as its strongest mention, and stands where that is.
  Rank top = incidental;
  for (const Mention* mention : found) top = std::max(top, mention->rank);
  const Rank floor = form_ == AnswerForm::one ? top : std::min(top, second_thought);
  TextAnswer answer;
  std::vector<bool> taken(1);
  for (const Mention* mention : found) {
    const auto label = static_cast<std::size_t>(mention->match.label);
    if (label >= taken.size()) taken.resize(label + 1);
    if (mention->rank < floor || taken[label]) continue;
    taken[label] = true;
    answer.labels.push_back({mention->match.label, words_[mention->match.first].begin,
                             words_[mention->match.last - 1].end});
  }
  return answer;
}

/// "2, 5", "(b)", "Label 3", "#3": numbers and nothing else.
inline std::optional<TextAnswer> TextReader::read_numbers(std::size_t first,
                                                          std::size_t last) const {
  if (numbers_ == LabelNumbers::ignored || first >= last) return std::nullopt;
  TextAnswer answer;
  std::vector<bool> taken(listed_.size());
  std::size_t others = 0;
  std::size_t letter = last;
  for (std::size_t i = first; i < last; ++i) {
    const ReplyWord& word = words_[i];
    const bool single = word.end - word.begin == 1 && (text_[word.begin] | 0x20) >= 'a' &&
                        (text_[word.begin] | 0x20) <= 'z';
    if (word.number < 0) {
      if (single) {
        letter = i;
        ++others;
      } else if (!is(i, cue::neutral | cue::joins)) {
        return std::nullopt;
      }
      continue;
    }
    const bool decimal = i > 0 && (word.gap & gap_joined) != 0 && text_[word.begin - 1] == '.';
    if ((word.gap & gap_minus) != 0 || decimal ||
        (word.end < text_.size() && text_[word.end] == '%'))
      return std::nullopt;
    if (word.number < 1 || static_cast<std::size_t>(word.number) > listed_.size()) {
      answer.labels.clear();
      answer.problem = "the number " + clipped(i, i + 1) + " is none of the labels";
      return answer;
    }
    const auto index = static_cast<std::size_t>(word.number - 1);
    if (!taken[index]) answer.labels.push_back({listed_[index], word.begin, word.end});
    taken[index] = true;
  }
  // "a label" names none.
  const bool an_article = others == 1 && text_[words_[letter].begin] == 'a' && last - first > 1 &&
                          (words_[letter].gap & gap_open) == 0;
  if (answer.labels.empty() && others == 1 && !an_article) {
    const auto index = static_cast<std::size_t>((text_[words_[letter].begin] | 0x20) - 'a');
    if (index < listed_.size())
      answer.labels.push_back({listed_[index], words_[letter].begin, words_[letter].end});
  } else if (others > 0) {
    return std::nullopt;
  }
  if (answer.labels.empty()) return std::nullopt;
  return answer;
}

/// What follows the cues; nothing where no cue leads to a label.
inline std::optional<TextAnswer> TextReader::read_cues() {
  struct Found {
    std::size_t unit;       ///< of the cue
    std::size_t last_unit;  ///< behind what was read
    int level;
    std::vector<const Mention*> mentions;
    std::optional<TextAnswer> numbers;
  };
  std::vector<Found> all;
  int top = 0;
  for (std::size_t u = 0; u < units_.size(); ++u) {
    const Unit& unit = units_[u];
    if (unit.level == 0) continue;
    Found found{u, u + 1, unit.level, {}, {}};
    if (unit.region < unit.last) {
      collect(unit, unit.region, found.mentions);
      if (found.mentions.empty() && unit.mentions == unit.mention)
        found.numbers = read_numbers(unit.region, unit.last);
    } else {  // the lines below: a paragraph, or a list
      for (std::size_t v = u + 1; v < units_.size() && units_[v].level == 0; ++v) {
        const bool paragraph_ends = (gap(units_[v].first) & gap_blank_line) != 0 && v > u + 1;
        if (paragraph_ends && !units_[v].clean) break;
        if (units_[v].clean || v == u + 1) collect(units_[v], units_[v].first, found.mentions);
        found.last_unit = v + 1;
      }
      if (found.mentions.empty() && u + 1 < units_.size())
        found.numbers = read_numbers(units_[u + 1].first, units_[u + 1].last);
    }
    if (found.mentions.empty() && !found.numbers) {
      // "Answer: vehicle" takes back what was said before.
      const std::size_t length = unit.last - std::min(unit.region, unit.last);
      if (unit.level >= 3 && length > 0 && length <= 8 && unit.marked) {
        found.numbers = TextAnswer{
            {}, "the answer " + clipped(unit.region, unit.last) + " is none of the labels", false};
      } else {
        continue;
      }
    }
    top = std::max(top, found.level);
    all.push_back(std::move(found));
  }
  if (all.empty()) return std::nullopt;
  std::vector<const Mention*> chosen;
  const Found* last = nullptr;
  for (const Found& found : all) {
    if (found.level == top) last = &found;
  }
  if (last->numbers) return last->numbers;
  const bool several = form_ != AnswerForm::one;
  if (several && top == 2) {  // "Label 1: act", "Label 2: event"
    for (const Found& found : all) {
      if (found.level == 2)
        chosen.insert(chosen.end(), found.mentions.begin(), found.mentions.end());
    }
  } else {
    chosen = last->mentions;
  }
  if (several) {  // "Other candidates: ..."
    for (std::size_t u = last->last_unit; u < units_.size(); ++u) {
      const Unit& unit = units_[u];
      if (unit.more)
        collect(unit, unit.level >= 2 && unit.region < unit.last ? unit.region : unit.first,
                chosen);
    }
  }
  return settle(std::move(chosen));
}

inline bool TextReader::refuses() const {
  for (std::size_t i = 0; i < words_.size() && i < 40; ++i) {
    if (!is(i, cue::cannot)) continue;
    for (std::size_t j = i + 1; j < words_.size() && j < i + 4; ++j) {
      if (is(j, cue::task_verb)) return true;
    }
  }
  return false;
}

inline TextAnswer TextReader::read() {
  TextAnswer answer;
  if (words_.empty()) {
    answer.problem = "the reply is empty";
    return answer;
  }
  mark_echo();
  cut_units();
  for (Unit& unit : units_) {
    find_cue(unit);
    read_unit(unit);
  }
  std::size_t echoed = 0;
  for (const Mention& mention : mentions_) echoed += mention.echo ? 1 : 0;
  const auto conclude = [&](TextAnswer read) {
    if (form_ == AnswerForm::one && read.problem.empty() && read.labels.size() > 1) {
      read.problem =
          "the reply names " + std::to_string(read.labels.size()) + " labels where one is asked";
    }
    return read;
  };
  if (auto read = read_cues()) return conclude(std::move(*read));
  std::vector<const Mention*> found;
  const bool short_all = words_.size() <= 6 && is(0, cue::everything) && mentions_.empty();
  if (short_all) {
    answer.problem = "the reply names all labels";
    return answer;
  }
  if (mentions_.empty()) {
    if (auto read = read_numbers(0, words_.size())) return conclude(std::move(*read));
  }
  bool begun = false;
  for (const Unit& unit : units_) {
    const bool added = begun && form_ != AnswerForm::one && unit.more;
    if (unit.clean || added) collect(unit, unit.first, found);
    begun = begun || unit.clean;
  }
  if (!found.empty()) return conclude(settle(std::move(found)));
  if (echoed > 0 && echoed == mentions_.size()) {
    answer.echo = true;
    answer.problem = "the reply names all labels";
    return answer;
  }
  if (refuses()) {
    answer.problem = "the reply is a refusal: " + clipped(0, words_.size());
    return answer;
  }
  for (const Unit& unit : units_) collect(unit, unit.first, found);
  if (found.empty()) {  // words of descriptions, better than nothing
    for (Mention& mention : mentions_) {
      if (mention.match.weak && !mention.negated && !mention.echo) found.push_back(&mention);
    }
  }
  if (!found.empty()) return conclude(settle(std::move(found)));
  answer.problem =
      mentions_.empty()
          ? "the answer " + clipped(0, words_.size()) + " is none of the labels"
          : "the reply " + clipped(0, words_.size()) + " rules labels out and chooses none";
  return answer;
}

}  // namespace candist
