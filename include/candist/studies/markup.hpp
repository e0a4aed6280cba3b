// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Text and numbers as the HTML of a report wants them.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "candist/text/utf8.hpp"

namespace candist {

/// Any bytes as HTML text, for elements and for quoted attributes: broken UTF-8 and control
/// characters become U+FFFD, and what HTML would read as markup is escaped.
inline std::string html_text(std::string_view text);

/// The same of a name that others chose: isolated, so that letters written from right to left do
/// not reorder what stands beside it.
inline std::string html_name(std::string_view name) { return "<bdi>" + html_text(name) + "</bdi>"; }

/// The first `most` characters, with an ellipsis where there were more.
inline std::string shortened(std::string_view text, std::size_t most);

/// A number with this many decimals, whatever the locale; a dash where it is not finite. Minus is
/// U+2212.
inline std::string fixed_number(double number, int decimals);

/// The same in the alphabet of SVG and of data attributes: ASCII, no zeros at the end.
inline std::string plain_number(double number, int decimals = 1);

/// A share as "83.4 %" and a difference of shares as "+1.2".
inline std::string per_cent(double share, int decimals = 1) {
  return std::isfinite(share) ? fixed_number(100.0 * share, decimals) + "\u2009%" : "\u2013";
}
inline std::string per_cent(const std::optional<double>& share, int decimals = 1) {
  return share ? per_cent(*share, decimals) : "\u2013";
}
inline std::string signed_points(double share, int decimals = 1) {
  const std::string text = fixed_number(100.0 * share, decimals);
  return share > 0.0 && text.find_first_of("123456789") != std::string::npos ? "+" + text : text;
}

/// "0.034", "0.34", "< 0.001", as HTML.
inline std::string html_p_value(double p) {
  if (!std::isfinite(p)) return "\u2013";
  if (p < 0.001) return "&lt;\u2009" + fixed_number(0.001, 3);
  return fixed_number(p, p < 0.1 ? 3 : 2);
}

/// 12345 as "12 345".
inline std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3 && text[at - 4] != '-';) {
    at -= 3;
    text.insert(at, "\u2009");
  }
  return text;
}

/// "1 run", "2 runs".
inline std::string counted(std::int64_t number, std::string_view noun) {
  return grouped(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

// ---- definitions

inline std::string html_text(std::string_view text) {
  std::string room;
  std::string result;
  for (const char c : repaired_utf8(text, room)) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      case '\t':
      case '\n':
        result += c;
        break;
      case '\r':
        result += '\n';
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
          result += "\uFFFD";
        else
          result += c;
    }
  }
  return result;
}

inline std::string shortened(std::string_view text, std::size_t most) {
  std::string room;
  const std::string_view whole = repaired_utf8(text, room);
  std::size_t at = 0;
  for (std::size_t count = 0; at < whole.size(); ++count) {
    if (count == most) return std::string(whole.substr(0, at)) + "\u2026";
    next_code_point(whole, at);
  }
  return std::string(whole);
}

namespace detail {

inline std::string ascii_fixed(double number, int decimals) {
  char room[400];  // the largest double has 309 digits
  const auto end =
      std::to_chars(room, room + sizeof room, number, std::chars_format::fixed, decimals);
  std::string text(room, end.ptr);
  if (text.find_first_of("123456789") == std::string::npos && text[0] == '-') text.erase(0, 1);
  return text;
}

}  // namespace detail

inline std::string fixed_number(double number, int decimals) {
  if (!std::isfinite(number)) return "\u2013";
  std::string text = detail::ascii_fixed(number, decimals);
  if (text[0] == '-') text.replace(0, 1, "\u2212");
  return text;
}

inline std::string plain_number(double number, int decimals) {
  if (!std::isfinite(number)) return "0";
  std::string text = detail::ascii_fixed(number, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace candist
