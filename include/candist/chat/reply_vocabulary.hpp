// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Cuts a reply into words, compared without case, width and punctuation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "candist/chat/reply_characters.hpp"
#include "candist/chat/reply_word.hpp"
#include "candist/text/utf8.hpp"

namespace candist {

/// The words that have a number (ReplyWord::stem), by their normal forms.
class ReplyVocabulary {
 public:
  /// All words of `text`, and their singulars.
  void learn(std::string_view text);
  /// From now on a plural is another word than its singular.
  void tell_plurals_apart() { plurals_are_singulars_ = false; }

  /// Any bytes; what is no UTF-8 separates words.
  std::vector<ReplyWord> words(std::string_view text, const WordClasses& classes) const;

 private:
  void intern(const std::string& form);

  std::unordered_map<std::string, std::uint32_t> stems_;
  std::size_t longest_ = 24;  ///< bytes of a normal form that are looked at
  bool plurals_are_singulars_ = true;
};

// ---- definitions

namespace detail {

/// The singular of a plural of the simple kinds; any other word as it is.
inline std::string singular(const std::string& word) {
  const auto ends = [&](std::string_view ending) {
    return word.size() > ending.size() + 1 && word.ends_with(ending);
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

/// Goes from word to word.
class WordScan {
 public:
  /// `longest`: bytes after which a normal form may be cut.
  WordScan(std::string_view text, std::size_t longest) : text_(text), longest_(longest) {}

  /// To the next word; false behind the last.
  bool next();
  /// Its bytes, number and the gap before it.
  const ReplyWord& word() const { return word_; }
  /// Its normal form: without case, width and apostrophes; "and" for "&".
  const std::string& form() const { return form_; }
  /// The gap before it; behind the last word, the gap at the text's end.
  std::uint16_t gap() const { return gap_; }

 private:
  char32_t character(std::size_t at, std::size_t& length) const;
  bool is_word_at(std::size_t at) const;
  std::uint16_t gap_of_dot_or_dash(char32_t c, std::uint16_t bits) const;
  void pass_over(char32_t c, std::size_t length);
  void read_word();
  void add_to_gap(std::uint16_t bits) { gap_ = static_cast<std::uint16_t>(gap_ | bits); }
  char byte(std::size_t at) const { return at < text_.size() ? text_[at] : ' '; }

  std::string_view text_;
  std::size_t longest_;
  std::size_t at_ = 0;
  std::size_t gap_begin_ = 0;  ///< the end of the word before
  int lines_ = 0;              ///< line breaks of this gap
  bool begun_ = false;         ///< a word came before
  std::uint16_t gap_ = 0;
  ReplyWord word_;
  std::string form_;
};

/// The code point at `at`, U+FFFD for bytes that are none.
inline char32_t WordScan::character(std::size_t at, std::size_t& length) const {
  bool whole = false;
  length = utf8_beginning(text_.substr(at), whole);
  if (!whole) return length = std::max<std::size_t>(length, 1), U'\uFFFD';
  return next_code_point(text_, at);
}

inline bool WordScan::is_word_at(std::size_t at) const {
  std::size_t length = 0;
  return at < text_.size() && is_word_character(character(at, length));
}

inline bool WordScan::next() {
  gap_ = 0;
  lines_ = 0;
  gap_begin_ = at_;
  while (at_ < text_.size()) {
    std::size_t length = 0;
    const char32_t c = character(at_, length);
    if (is_word_character(c) || c == '&') return read_word(), true;
    pass_over(c, length);
  }
  return false;
}

/// Of the signs that mean one thing or another by what stands beside them.
inline std::uint16_t WordScan::gap_of_dot_or_dash(char32_t c, std::uint16_t bits) const {
  const char before = at_ > 0 ? text_[at_ - 1] : ' ';
  const char after = byte(at_ + 1);
  const bool line_begins = (gap_ & gap_line) != 0;
  if (c == '.')  // ends a sentence unless a letter follows at once
    return after == ' ' || !is_word_at(at_ + 1) ? std::uint16_t{gap_stop} : bits;
  // What a bullet, a quotation or a table says of its own line is no dash and no comma.
  if (c == '>') return line_begins || before == '-' ? std::uint16_t{0} : bits;
  if (c != '-') return bits;
  if (after == '>') return gap_comma;
  if (line_begins) return 0;
  const bool spaced = (before == ' ' || before == '\n') && after == ' ';
  return (spaced && at_ > gap_begin_ && gap_begin_ > 0) || after == '-' ? std::uint16_t{gap_dash}
                                                                        : bits;
}

/// One character that belongs to no word, or a tag.
inline void WordScan::pass_over(char32_t c, std::size_t length) {
  if (c == '<') {
    if (const std::size_t tag = tag_length(text_.substr(at_)); tag > 0) {
      at_ += tag;
      return;
    }
  }
  std::uint16_t bits = gap_of_dot_or_dash(c, gap_of(c));
  const bool crlf = c == '\r' && byte(at_ + length) == '\n';
  if (bits == gap_line && !crlf && ++lines_ > 1) bits = gap_line | gap_blank_line;
  if (c == 0x274C || c == 0x2717 || c == 0x2718 || c == 0x2716)
    bits = !begun_ || (gap_ & gap_line) != 0 ? gap_cross_front : gap_cross_behind;
  add_to_gap(bits);
  at_ += length;
  if (c == '\\') {  // a command of LaTeX
    while (at_ < text_.size() && (text_[at_] | 0x20) >= 'a' && (text_[at_] | 0x20) <= 'z') ++at_;
  }
}

inline void WordScan::read_word() {
  if (begun_ && at_ - gap_begin_ == 1 && (text_[gap_begin_] == '-' || text_[gap_begin_] == '.'))
    add_to_gap(gap_joined);
  if (at_ > 0 && text_[at_ - 1] == '-') add_to_gap(gap_minus);
  begun_ = true;
  word_ = {};
  word_.begin = at_;
  word_.gap = gap_;
  form_.clear();
  bool digits = true;
  std::int32_t number = 0;
  for (;;) {
    std::size_t length = 0;
    const char32_t c = character(at_, length);
    if (c == '&') {
      form_ = "and";
    } else if (form_.size() <= longest_) {
      append_folded(c, form_);
    }
    digits = digits && c >= '0' && c <= '9';
    if (digits) number = number > 99999999 ? 999999999 : number * 10 + static_cast<int>(c - '0');
    at_ += length;
    if (at_ >= text_.size() || c == '&' || stands_alone(c)) break;
    char32_t following = character(at_, length);
    if (following == '\'' || following == 0x2019) {  // isn't: one word
      if (!is_word_at(at_ + length)) break;
      at_ += length;
      following = character(at_, length);
    }
    if (!is_word_character(following) || stands_alone(following)) break;
  }
  word_.end = at_;
  if (digits) word_.number = number;
}

}  // namespace detail

inline void ReplyVocabulary::intern(const std::string& form) {
  longest_ = std::max(longest_, form.size() + 8);
  stems_.emplace(form, static_cast<std::uint32_t>(stems_.size() + 1));
}

inline void ReplyVocabulary::learn(std::string_view text) {
  for (detail::WordScan scan(text, std::string_view::npos); scan.next();) {
    intern(scan.form());
    intern(detail::singular(scan.form()));
  }
}

inline std::vector<ReplyWord> ReplyVocabulary::words(std::string_view text,
                                                     const WordClasses& classes) const {
  std::vector<ReplyWord> result;
  detail::WordScan scan(text, longest_);
  while (scan.next()) {
    ReplyWord word = scan.word();
    const auto look_up = [&](const std::string& form) {
      if (const auto found = stems_.find(form); found != stems_.end()) word.stem = found->second;
    };
    look_up(scan.form());
    if (plurals_are_singulars_) look_up(detail::singular(scan.form()));
    if (const auto found = classes.find(scan.form()); found != classes.end())
      word.cues = found->second;
    if (!result.empty()) result.back().gap_after = word.gap;
    result.push_back(word);
  }
  if (!result.empty())
    result.back().gap_after =
        static_cast<std::uint16_t>(scan.gap() | gap_stop | gap_line | gap_blank_line);
  return result;
}

}  // namespace candist
