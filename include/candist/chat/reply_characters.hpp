// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a character of a reply is: part of a word, a gap between words, part of a tag.
#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "candist/chat/reply_word.hpp"
#include "candist/text/character_table.hpp"
#include "candist/text/utf8.hpp"

namespace candist::detail {

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

inline std::string_view without_blanks_and_quotes(std::string_view text) {
  const auto is_edge = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\'' || c == '`' || c == '*';
  };
  while (!text.empty() && is_edge(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_edge(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace candist::detail
