// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// JSON inside a reply, with the bytes where every value stands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candist/text/utf8.hpp"

namespace candist {

/// A value of a reply's JSON.
struct AnswerJson {
  enum class Kind { string, number, yes, no, null, array, object };
  Kind kind = Kind::null;
  std::size_t begin = 0;  ///< bytes of the text, quotes and brackets included
  std::size_t end = 0;
  std::string text;   ///< of a string, unescaped
  double number = 0;  ///< of a number
  std::string key;    ///< of an object's member
  std::vector<AnswerJson> items;
};

/// The objects, and the arrays of anything but bare numbers, that stand in `text`, from left to
/// right; a trailing comma is forgiven, what is broken or deeper than 32 is no JSON. A string or a
/// number alone counts where it is the whole text. Linear in the text.
inline std::vector<AnswerJson> find_json(std::string_view text);

// ---- definitions

namespace detail {

class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : text_(text) {}
  std::size_t at = 0;

  bool value(AnswerJson& out, int depth) {
    blank();
    if (at >= text_.size() || depth > 32) return false;
    out.begin = at;
    const char c = text_[at];
    bool sound = false;
    if (c == '"') {
      out.kind = AnswerJson::Kind::string;
      sound = string(out.text);
    } else if (c == '{' || c == '[') {
      sound = list(out, c == '{', depth);
    } else {
      sound = word(out, "true", AnswerJson::Kind::yes) ||
              word(out, "false", AnswerJson::Kind::no) ||
              word(out, "null", AnswerJson::Kind::null) || number(out);
    }
    out.end = at;
    return sound;
  }
  void blank() {
    while (at < text_.size() && (text_[at] == ' ' || (text_[at] >= '\t' && text_[at] <= '\r')))
      ++at;
  }

 private:
  bool list(AnswerJson& out, bool object, int depth) {
    out.kind = object ? AnswerJson::Kind::object : AnswerJson::Kind::array;
    const char close = object ? '}' : ']';
    ++at;
    for (;;) {
      blank();
      if (at >= text_.size()) return false;
      if (text_[at] == close) return ++at, true;
      AnswerJson item;
      if (object) {
        if (text_[at] != '"' || !string(item.key)) return false;
        blank();
        if (at >= text_.size() || text_[at] != ':') return false;
        ++at;
      }
      if (!value(item, depth + 1)) return false;
      out.items.push_back(std::move(item));
      blank();
      if (at < text_.size() && text_[at] == ',') {
        ++at;
      } else if (at >= text_.size() || text_[at] != close) {
        return false;
      }
    }
  }
  bool word(AnswerJson& out, std::string_view name, AnswerJson::Kind kind) {
    if (text_.substr(at, name.size()) != name) return false;
    at += name.size();
    out.kind = kind;
    return true;
  }
  bool number(AnswerJson& out) {
    const std::size_t from = at;
    while (at < text_.size() && at - from < 32 &&
           std::string_view("+-.eE0123456789").find(text_[at]) != std::string_view::npos) {
      ++at;
    }
    const std::string digits(text_.substr(from, at - from));
    char* end = nullptr;
    out.number = std::strtod(digits.c_str(), &end);
    out.kind = AnswerJson::Kind::number;
    return !digits.empty() && *end == '\0';
  }
  std::optional<char32_t> hex() {
    char32_t c = 0;
    for (int i = 0; i < 4; ++i, ++at) {
      if (at >= text_.size()) return std::nullopt;
      const char h = text_[at];
      const int digit = h >= '0' && h <= '9'                     ? h - '0'
                        : (h | 0x20) >= 'a' && (h | 0x20) <= 'f' ? (h | 0x20) - 'a' + 10
                                                                 : -1;
      if (digit < 0) return std::nullopt;
      c = c * 16 + static_cast<char32_t>(digit);
    }
    return c;
  }
  bool string(std::string& out) {
    for (++at; at < text_.size(); ++at) {
      char c = text_[at];
      if (c == '"') return ++at, true;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (++at >= text_.size()) return false;
      c = text_[at];
      if (c == 'u') {
        ++at;
        auto point = hex();
        if (!point) return false;
        if (*point >= 0xD800 && *point < 0xDC00 && text_.substr(at, 2) == "\\u") {
          at += 2;
          const auto low = hex();
          if (!low) return false;
          const bool pair = *low >= 0xDC00 && *low < 0xE000;
          point = pair ? 0x10000 + ((*point - 0xD800) << 10) + (*low - 0xDC00) : U'\uFFFD';
        }
        append_code_point(*point >= 0xD800 && *point < 0xE000 ? U'\uFFFD' : *point, out);
        --at;
      } else {
        const std::string_view names = "bfnrt";
        const std::size_t which = names.find(c);
        out += which == std::string_view::npos ? c : "\b\f\n\r\t"[which];
      }
    }
    return false;
  }
  std::string_view text_;
};

}  // namespace detail

inline std::vector<AnswerJson> find_json(std::string_view text) {
  using Kind = AnswerJson::Kind;
  std::vector<AnswerJson> result;
  detail::JsonScan scan(text);
  {
    AnswerJson whole;
    if (scan.value(whole, 0)) {
      scan.blank();
      if (scan.at == text.size()) {
        // Bare numbers are read as an enumeration.
        if (whole.kind != Kind::number) result.push_back(std::move(whole));
        return result;
      }
    }
  }
  // What is read in vain is read again, so only a few times the text's length in all.
  std::size_t left = 4 * text.size() + 4096;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' && text[i] != '[') continue;
    scan.at = i;
    AnswerJson found;
    const bool sound = scan.value(found, 0);
    const std::size_t used = scan.at - i;
    if (used > left) break;
    left -= sound ? 0 : used;
    if (!sound) continue;
    i = scan.at - 1;
    const bool numbers = found.kind == Kind::array &&
                         std::all_of(found.items.begin(), found.items.end(),
                                     [](const AnswerJson& x) { return x.kind == Kind::number; });
    if (!numbers) result.push_back(std::move(found));
  }
  return result;
}

}  // namespace candist
