// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 as the tokenizers read it.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace candist {

/// The code point at `at` of valid UTF-8; moves `at` behind it.
inline char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(at);
  if (lead < 0x80) return ++at, lead;
  if (lead < 0xE0) {
    const char32_t c = (lead & 0x1F) << 6 | (byte(at + 1) & 0x3F);
    return at += 2, c;
  }
  if (lead < 0xF0) {
    const char32_t c = (lead & 0x0F) << 12 | (byte(at + 1) & 0x3F) << 6 | (byte(at + 2) & 0x3F);
    return at += 3, c;
  }
  const char32_t c = (lead & 0x07) << 18 | (byte(at + 1) & 0x3F) << 12 |
                     (byte(at + 2) & 0x3F) << 6 | (byte(at + 3) & 0x3F);
  return at += 4, c;
}

inline void append_code_point(char32_t c, std::string& text) {
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    tail(6), tail(0);
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    tail(12), tail(6), tail(0);
  }
}

/// Is there the first byte of a code point at `at`, or the end, of valid UTF-8?
inline bool at_code_point(std::string_view text, std::size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

/// The text itself where it is UTF-8; else a copy in `room`, with U+FFFD for every longest
/// beginning of a code point that is not one, and for every byte that begins none: what Python's
/// bytes.decode("utf-8", "replace") gives. Reference: The Unicode Standard 15, chapter 3.9, table
/// 3-7 and "U+FFFD substitution of maximal subparts".
inline std::string_view repaired_utf8(std::string_view text, std::string& room);

// ---- definitions

namespace detail {

/// Bytes at the front of `text` that begin a code point (or are one, where `whole` says so).
inline std::size_t utf8_beginning(std::string_view text, bool& whole) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  whole = lead < 0x80;
  if (whole || lead < 0xC2 || lead > 0xF4) return whole ? 1 : 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // The second byte's range shuts out overlong forms, surrogates and what lies above U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  std::size_t count = 1;
  while (count < length && count < text.size() && byte(count) >= (count == 1 ? low : 0x80) &&
         byte(count) <= (count == 1 ? high : 0xBF)) {
    ++count;
  }
  whole = count == length;
  return count;
}

}  // namespace detail

inline std::string_view repaired_utf8(std::string_view text, std::string& room) {
  if (simdjson::validate_utf8(text.data(), text.size())) return text;
  room.clear();
  while (!text.empty()) {
    bool whole = false;
    const std::size_t count = detail::utf8_beginning(text, whole);
    room += whole ? text.substr(0, count) : std::string_view("\xEF\xBF\xBD");
    text.remove_prefix(count == 0 ? 1 : count);
  }
  return room;
}

}  // namespace candist
