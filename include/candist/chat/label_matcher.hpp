// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where a text names labels: words compared without case, width and punctuation.
#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "candist/data/label_space.hpp"
#include "candist/text/character_table.hpp"
#include "candist/text/utf8.hpp"

namespace candist {

/// What stands between a word and the one before it; bits.
enum WordGap : std::uint16_t {
  gap_comma = 1,            ///< , ; / | > + and their kin
  gap_clause = 2,           ///< ;
  gap_stop = 4,             ///< the end of a sentence
  gap_line = 8,             ///< a line break
  gap_blank_line = 16,      ///< an empty line
  gap_colon = 32,           ///< : or =
  gap_dash = 64,            ///< a dash that is no hyphen
  gap_open = 128,           ///< ( [ {
  gap_close = 256,          ///< ) ] }
  gap_joined = 512,         ///< one hyphen, dot or the like between two letters or digits
  gap_minus = 1024,         ///< - directly in front of the word
  gap_pipe = 2048,          ///< |
  gap_cross_behind = 4096,  ///< a cross that strikes out what stands before it
  gap_cross_front = 8192,   ///< a cross in front of the word
};

/// One word: its bytes, its normal form's number (0: no word of an alias) and the gap before it.
struct ReplyWord {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t stem = 0;
  std::uint16_t gap = 0;
  std::uint16_t gap_after = 0;
  std::uint64_t cues = 0;    ///< the classes of the caller's lexicon
  std::int32_t number = -1;  ///< of digits only; 999999999 for more than nine
};

/// Cue words by normal form.
using WordClasses = std::unordered_map<std::string, std::uint64_t>;

/// The labels' names and what their descriptions call them, as a trie over words. Immutable,
/// thread-safe; linear in the text for given labels (every match is at most as long as the longest
/// alias).
class LabelMatcher {
 public:
  struct Options {
    bool descriptions = true;  ///< what a description calls a label counts as its name
  };
  /// The words from `first` to `last` (exclusive) name `label`.
  struct Match {
    std::int32_t label = -1;
    std::size_t first = 0;
    std::size_t last = 0;
    bool weak = false;  ///< one word of a description: names the label only where it stands alone
  };

  explicit LabelMatcher(const LabelSpace& labels);
  LabelMatcher(const LabelSpace& labels, Options options);

  /// Any bytes; what is no UTF-8 separates words.
  std::vector<ReplyWord> words(std::string_view text, const WordClasses& classes) const;
  /// From left to right, the longest first, without overlap.
  std::vector<Match> matches(std::string_view text, const std::vector<ReplyWord>& words) const;

 private:
  struct Terminal {
    std::vector<std::int32_t> labels;  ///< more than one: told apart by their very bytes
    bool weak = false;
    bool name = false;
  };
  struct Node {
    std::map<std::uint32_t, std::uint32_t> next;
    std::int32_t terminal = -1;
    std::uint16_t allowed = 0;  ///< gaps that the alias itself has before this word
  };

  void add(std::string_view alias, std::int32_t label, bool name);
  void add_description(std::string_view description, std::int32_t label);
  std::uint32_t intern(const std::string& word);
  std::int32_t told_apart(std::string_view text, const Terminal& terminal, std::size_t begin) const;

  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> vocabulary_;
  std::vector<Node> nodes_{1};
  std::vector<Terminal> terminals_;
  std::size_t longest_word_ = 24;  ///< bytes of a normal form that are looked at
  bool stems_ = true;
};

// ---- definitions

namespace detail {

/// The singular of a plural of the simple kinds; any other word as it is.
inline std::string singular(const std::string& word) {
  const auto ends = [&](std::string_view ending) {
    return word.size() > ending.size() + 1 &&
           word.compare(word.size() - ending.size(), ending.size(), ending) == 0;
  };
  if (word == "phenomena") return "phenomenon";
  if (word == "criteria") return "criterion";
  if (word.size() < 4 || !ends("s") || ends("ss") || ends("us") || ends("is")) return word;
  if (ends("ies") && word.size() > 4) return word.substr(0, word.size() - 3) + "y";
  for (const char* ending : {"sses", "xes", "ches", "shes"}) {
    if (ends(ending)) return word.substr(0, word.size() - 2);
  }
  return word.substr(0, word.size() - 1);
}

/// Scripts written without spaces: every character is a word.
inline bool stands_alone(char32_t c) {
  return is_chinese(c) || within(c, 0x3040, 0x30FF) || within(c, 0xAC00, 0xD7A3) ||
         within(c, 0x0E00, 0x0E7F);
}

inline bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  switch (utf8proc_category(static_cast<std::int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return true;
    default:
      return false;
  }
}

/// Compatibility decomposition and case folding of one character, appended.
inline void append_folded(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    return;
  }
  std::int32_t parts[32];
  int boundary = 0;
  const auto count =
      utf8proc_decompose_char(static_cast<std::int32_t>(c), parts, 32,
                              static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT |
                                                             UTF8PROC_CASEFOLD | UTF8PROC_IGNORE),
                              &boundary);
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 32); ++i)
    append_code_point(static_cast<char32_t>(parts[i]), out);
}

/// The bits of one character between words.
inline std::uint16_t gap_of(char32_t c) {
  switch (c) {
    case ',':
    case 0xFF0C:
    case 0x3001:
    case 0x060C:
    case '/':
    case '>':
    case '+':
    case 0x2022:
      return gap_comma;
    case ';':
    case 0xFF1B:
      return gap_comma | gap_clause;
    case '|':
      return gap_comma | gap_pipe;
    case '!':
    case '?':
    case 0x3002:
    case 0xFF01:
    case 0xFF1F:
    case 0x2026:
      return gap_stop;
    case '\n':
    case '\r':
    case 0x2028:
    case 0x2029:
    case 0x85:
      return gap_line;
    case ':':
    case 0xFF1A:
    case '=':
      return gap_colon;
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2015:
      return gap_dash;
    case '(':
    case '[':
    case '{':
    case 0xFF08:
    case 0x3010:
      return gap_open;
    case ')':
    case ']':
    case '}':
    case 0xFF09:
    case 0x3011:
      return gap_close;
    default:
      return 0;
  }
}

/// Bytes of a tag (<answer>, </b>, <|im_end|>) at the front of `text`; 0 for none.
inline std::size_t tag_length(std::string_view text) {
  const auto letter = [](char c) {
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '/' || c == '|';
  };
  if (text.size() < 3 || text[0] != '<' || !letter(text[1])) return 0;
  for (std::size_t i = 1; i < std::min<std::size_t>(text.size(), 40); ++i) {
    if (text[i] == '>') return i + 1;
    if (text[i] == '<' || text[i] == '\n') return 0;
  }
  return 0;
}

}  // namespace detail

inline std::uint32_t LabelMatcher::intern(const std::string& word) {
  longest_word_ = std::max(longest_word_, word.size() + 8);
  return vocabulary_.emplace(word, static_cast<std::uint32_t>(vocabulary_.size() + 1))
      .first->second;
}

inline std::vector<ReplyWord> LabelMatcher::words(std::string_view text,
                                                  const WordClasses& classes) const {
  std::vector<ReplyWord> result;
  std::string form;
  std::uint16_t gap = 0;
  std::size_t at = 0;
  std::size_t gap_begin = 0;
  int lines = 0;
  const auto character = [&](std::size_t from, std::size_t& length) -> char32_t {
    bool whole = false;
    length = detail::utf8_beginning(text.substr(from), whole);
    if (!whole) return length = std::max<std::size_t>(length, 1), U'\uFFFD';
    std::size_t end = from;
    return next_code_point(text, end);
  };
  while (at < text.size()) {
    std::size_t length = 0;
    const char32_t c = character(at, length);
    if (!detail::is_word_character(c) && c != '&') {
      if (c == '<') {
        if (const std::size_t tag = detail::tag_length(text.substr(at)); tag > 0) {
          at += tag;
          continue;
        }
      }
      std::uint16_t bits = detail::gap_of(c);
      const char after = at + length < text.size() ? text[at + length] : ' ';
      const char before = at > 0 ? text[at - 1] : ' ';
      if (c == '.') {  // ends a sentence unless a letter follows at once
        std::size_t next = 0;
        if (after == ' ' || at + 1 >= text.size() ||
            !detail::is_word_character(character(at + 1, next)))
          bits = gap_stop;
      }
      const bool spaced = (before == ' ' || before == '\n') && (after == ' ');
      if (c == '-' && ((spaced && at > gap_begin && gap_begin > 0) || after == '-'))
        bits = gap_dash;
      // What a bullet, a quotation or a table says of its own line is no dash and no comma.
      if (c == '-' && (gap & gap_line) != 0) bits = 0;
      if ((c == '>' && (gap & gap_line) != 0) || (c == '>' && before == '-')) bits = 0;
      if (c == '-' && after == '>') bits = gap_comma;
      if (bits == gap_line && !(c == '\r' && after == '\n') && ++lines > 1)
        bits = gap_line | gap_blank_line;
      if (c == 0x274C || c == 0x2717 || c == 0x2718 || c == 0x2716)
        bits = result.empty() || (gap & gap_line) != 0 ? gap_cross_front : gap_cross_behind;
      gap = static_cast<std::uint16_t>(gap | bits);
      at += length;
      if (c == '\\') {  // a command of LaTeX
        while (at < text.size() && (text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z') ++at;
      }
      continue;
    }
    ReplyWord word;
    word.begin = at;
    const bool first = result.empty();
    const bool one_byte = !first && at - gap_begin == 1;
    if (one_byte && (text[gap_begin] == '-' || text[gap_begin] == '.'))
      gap = static_cast<std::uint16_t>(gap | gap_joined);
    if (at > 0 && text[at - 1] == '-') gap = static_cast<std::uint16_t>(gap | gap_minus);
    word.gap = gap;
    form.clear();
    bool digits = true;
    std::int32_t number = 0;
    if (c == '&' || detail::stands_alone(c)) {
      if (c == '&') {
        form = "and";
      } else {
        detail::append_folded(c, form);
      }
      digits = false;
      at += length;
    } else {
      for (;;) {
        if (form.size() <= longest_word_)
          detail::append_folded(c < 0x80 && at == word.begin ? c : character(at, length), form);
        const char32_t current = character(at, length);
        digits = digits && current >= '0' && current <= '9';
        if (digits)
          number = number > 99999999 ? 999999999 : number * 10 + static_cast<int>(current - '0');
        at += length;
        if (at >= text.size()) break;
        std::size_t next = 0;
        char32_t following = character(at, next);
        if (following == '\'' || following == 0x2019) {  // isn't: one word
          std::size_t behind = at + next;
          std::size_t ignored = 0;
          if (behind >= text.size() || !detail::is_word_character(character(behind, ignored)))
            break;
          at = behind;
          following = character(at, next);
        }
        if (!detail::is_word_character(following) || detail::stands_alone(following)) break;
      }
    }
    word.end = at;
    if (digits) word.number = number;
    if (const auto found = classes.find(form); found != classes.end()) word.cues = found->second;
    if (const auto found = vocabulary_.find(form); found != vocabulary_.end())
      word.stem = found->second;
    if (stems_) {
      if (const auto found = vocabulary_.find(detail::singular(form)); found != vocabulary_.end())
        word.stem = found->second;
    }
    if (!result.empty()) result.back().gap_after = gap;
    result.push_back(word);
    gap = 0;
    lines = 0;
    gap_begin = at;
  }
  if (!result.empty())
    result.back().gap_after =
        static_cast<std::uint16_t>(gap | gap_stop | gap_line | gap_blank_line);
  return result;
}

inline LabelMatcher::LabelMatcher(const LabelSpace& labels) : LabelMatcher(labels, Options()) {}

inline LabelMatcher::LabelMatcher(const LabelSpace& labels, Options options) {
  std::map<std::vector<std::uint32_t>, int> stems;
  for (std::int32_t label = 0; label < labels.size(); ++label) {
    names_.push_back(labels.name(label));
    // All words must be known before any is looked up.
    for (int pass = 0; pass < 2; ++pass) add(labels.name(label), -1, true);
  }
  for (const std::string& name : names_) {
    std::vector<std::uint32_t> key;
    for (const ReplyWord& word : words(name, {})) key.push_back(word.stem);
    stems_ = ++stems[key] == 1 && stems_;  // "transfer" beside "transfers": plurals are names
  }
  for (std::int32_t label = 0; label < labels.size(); ++label) add(labels.name(label), label, true);
  if (!options.descriptions) return;
  for (std::int32_t label = 0; label < labels.size(); ++label)
    add_description(labels.description(label), label);
}

inline void LabelMatcher::add(std::string_view alias, std::int32_t label, bool name) {
  std::string form;
  for (int pass = 0; pass < 2; ++pass) {  // learns the words, then finds them
    const std::vector<ReplyWord> found = words(alias, {});
    if (found.empty()) return;
    if (pass == 0) {
      for (const ReplyWord& word : found) {
        form.clear();
        for (std::size_t at = word.begin; at < word.end;) {
          bool whole = false;
          const std::size_t length = detail::utf8_beginning(alias.substr(at), whole);
          std::size_t next = at;
          const char32_t c = whole ? next_code_point(alias, next) : U'\uFFFD';
          if (c == '&') form += "and";
          if (c != '\'' && c != 0x2019 && c != '&') detail::append_folded(c, form);
          at += std::max<std::size_t>(length, 1);
        }
        intern(form);
        intern(detail::singular(form));
      }
      continue;
    }
    if (label < 0) return;
    std::uint32_t node = 0;
    for (const ReplyWord& word : found) {
      const auto next = nodes_[node].next.find(word.stem);
      const auto made = static_cast<std::uint32_t>(nodes_.size());
      const std::uint32_t to = next != nodes_[node].next.end() ? next->second : made;
      if (to == made) {
        nodes_[node].next.emplace(word.stem, made);
        nodes_.emplace_back();
      }
      node = to;
      nodes_[node].allowed = static_cast<std::uint16_t>(nodes_[node].allowed | word.gap);
    }
    std::int32_t& terminal = nodes_[node].terminal;
    if (terminal < 0) {
      terminal = static_cast<std::int32_t>(terminals_.size());
      terminals_.push_back({{label}, !name && found.size() == 1, name});
    } else {
      std::vector<std::int32_t>& known = terminals_[static_cast<std::size_t>(terminal)].labels;
      // A name stays its label's, whatever other labels' descriptions say.
      if (!name && terminals_[static_cast<std::size_t>(terminal)].name) return;
      if (std::find(known.begin(), known.end(), label) == known.end()) known.push_back(label);
    }
  }
}

inline void LabelMatcher::add_description(std::string_view description, std::int32_t label) {
  const std::string_view part = description.substr(0, description.find_first_of(":(;"));
  const std::vector<ReplyWord> found = words(part, {});
  if (found.empty() || found.size() > 6) return;
  add(part, label, false);
  // "foods and drinks", "substances, materials, chemicals": each by itself; not "relations between
  // people or things", nor "two and three dimensional shapes".
  std::vector<std::string_view> pieces;
  std::size_t begin = found.front().begin;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string_view word = part.substr(found[i].begin, found[i].end - found[i].begin);
    for (const char* banned : {"of", "between", "for", "to", "in", "by", "with", "one", "two",
                               "three", "that", "which", "the", "a", "an", "other", "from"}) {
      if (word == banned) return;
    }
    const bool joins = word == "and" || word == "or" || word == "&";
    if (joins || (found[i].gap & gap_comma) != 0) {
      if (i > 0 && found[i - 1].end > begin)
        pieces.push_back(part.substr(begin, found[i - 1].end - begin));
      begin = joins ? found[i].end : found[i].begin;
    }
  }
  if (found.back().end > begin) pieces.push_back(part.substr(begin, found.back().end - begin));
  if (pieces.size() < 2) return;
  for (const std::string_view piece : pieces) add(piece, label, false);
}

inline std::int32_t LabelMatcher::told_apart(std::string_view text, const Terminal& terminal,
                                             std::size_t begin) const {
  if (terminal.labels.size() == 1) return terminal.labels.front();
  std::int32_t best = -1;
  std::size_t longest = 0;
  if (!terminal.name) return -1;
  for (const std::int32_t label : terminal.labels) {
    const std::string& name = names_[static_cast<std::size_t>(label)];
    if (name.size() > longest && text.substr(begin, name.size()) == name) {
      best = label;
      longest = name.size();
    }
  }
  return best;
}

inline std::vector<LabelMatcher::Match> LabelMatcher::matches(
    std::string_view text, const std::vector<ReplyWord>& words) const {
  constexpr std::uint16_t apart =
      gap_comma | gap_stop | gap_colon | gap_dash | gap_open | gap_close | gap_line;
  std::vector<Match> result;
  for (std::size_t i = 0; i < words.size();) {
    Match match;
    std::uint32_t node = 0;
    for (std::size_t j = i; j < words.size(); ++j) {
      const auto next =
          words[j].stem == 0 ? nodes_[node].next.end() : nodes_[node].next.find(words[j].stem);
      if (next == nodes_[node].next.end()) break;
      if (j > i && (words[j].gap & apart & ~nodes_[next->second].allowed) != 0) break;
      node = next->second;
      if (nodes_[node].terminal < 0) continue;
      const Terminal& terminal = terminals_[static_cast<std::size_t>(nodes_[node].terminal)];
      const std::int32_t label = told_apart(text, terminal, words[i].begin);
      if (label >= 0) match = {label, i, j + 1, terminal.weak};
    }
    // "action-packed" names no act.
    const auto hyphen = [&](std::uint16_t gap, std::size_t at) {
      return (gap & gap_joined) != 0 && text[at] == '-';
    };
    const bool part_of_a_word =
        match.label >= 0 && ((i > 0 && hyphen(words[i].gap, words[i].begin - 1)) ||
                             (match.last < words.size() &&
                              hyphen(words[match.last - 1].gap_after, words[match.last - 1].end)));
    if (match.label >= 0 && !part_of_a_word) result.push_back(match);
    i = match.label >= 0 ? match.last : i + 1;
  }
  return result;
}

}  // namespace candist
