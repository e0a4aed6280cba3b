// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "candist/text/character_table.hpp"
#include "candist/text/utf8.hpp"

namespace candist {

/// The words of byte-level BPE: what GPT-2's regular expression
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
/// finds one after the other, by hand, in one pass. Together they are the whole text. Linear in
/// its length; the text must be UTF-8 and outlive this.
/// Reference: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"
/// (encoder.py).
class ByteLevelWords {
 public:
  explicit ByteLevelWords(std::string_view text) : text_(text) {}

  /// The next word; false at the end.
  bool next(std::string_view& word) {
    if (at_ >= text_.size()) return false;
    const std::size_t begin = at_;
    at_ = end_of_word(begin);
    word = text_.substr(begin, at_ - begin);
    return true;
  }

 private:
  enum class Kind : std::uint8_t { letter, number, other, space, wide };

  static constexpr std::array<Kind, 256> ascii_kinds();
  /// Of the character at `at`; moves `at` behind it.
  static Kind kind_of(std::string_view text, std::size_t& at);
  std::size_t end_of_word(std::size_t begin) const;
  /// Bytes of 's, 't, 're, ... at `at`, or 0.
  std::size_t contraction(std::size_t at) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

// ---- definitions

constexpr std::array<ByteLevelWords::Kind, 256> ByteLevelWords::ascii_kinds() {
  std::array<Kind, 256> kinds{};
  for (std::size_t byte = 0; byte < kinds.size(); ++byte) {
    const auto c = static_cast<unsigned char>(byte);
    kinds[byte] = c >= 0x80                                ? Kind::wide
                  : (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? Kind::letter
                  : c >= '0' && c <= '9'                   ? Kind::number
                  : c == ' ' || (c >= '\t' && c <= '\r')   ? Kind::space
                                                           : Kind::other;
  }
  return kinds;
}

inline ByteLevelWords::Kind ByteLevelWords::kind_of(std::string_view text, std::size_t& at) {
  static constexpr std::array<Kind, 256> kinds = ascii_kinds();
  const Kind kind = kinds[static_cast<unsigned char>(text[at])];
  if (kind != Kind::wide) return ++at, kind;
  const std::uint16_t bits = CharacterTable::get()[next_code_point(text, at)];
  return (bits & character::letter) != 0        ? Kind::letter
         : (bits & character::number) != 0      ? Kind::number
         : (bits & character::white_space) != 0 ? Kind::space
                                                : Kind::other;
}

inline std::size_t ByteLevelWords::contraction(std::size_t at) const {
  if (text_[at] != '\'' || at + 1 >= text_.size()) return 0;
  const char first = text_[at + 1];
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (at + 2 >= text_.size()) return 0;
  const char second = text_[at + 2];
  const bool found =
      (second == 'e' && (first == 'r' || first == 'v')) || (second == 'l' && first == 'l');
  return found ? 3 : 0;
}

inline std::size_t ByteLevelWords::end_of_word(std::size_t begin) const {
  if (const std::size_t length = contraction(begin)) return begin + length;
  std::size_t at = begin;
  Kind kind = kind_of(text_, at);
  if (text_[begin] == ' ' && at < text_.size()) {  // " ?": a space goes with what follows
    std::size_t next = at;
    const Kind following = kind_of(text_, next);
    if (following != Kind::space) kind = following, at = next;
  }
  std::size_t last = begin;  // where the last character of the run begins
  while (at < text_.size()) {
    std::size_t next = at;
    if (kind_of(text_, next) != kind) break;
    last = at;
    at = next;
  }
  // "\s+(?!\S)": of several spaces before a word the last one is left to it.
  return kind == Kind::space && at < text_.size() && last > begin ? last : at;
}

}  // namespace candist
