// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything candist throws. The kind says whose fault it is, and with that the exit code of a
// program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

namespace candist {

/// Base of all errors of the library; the text is one line meant for a person.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// An input is wrong: a file, a row, an option. Programs exit with 2.
struct InputError : Error {
  using Error::Error;
  /// "FILE:LINE: found ..., expected ...". Lines count from 1; line 0 means the file as a whole.
  InputError(std::string_view file, std::int64_t line, std::string_view found,
             std::string_view expected);
};

/// A caller's shapes do not fit together. Programs exit with 2.
struct ShapeError : Error {
  using Error::Error;
};

/// The machine failed while running (disk full, file vanished, loss not finite). Programs exit
/// with 1.
struct RunError : Error {
  using Error::Error;
};

/// A device failed. Where it is lost, this process can use it no more, though another one may.
struct DeviceError : RunError {
  DeviceError(const std::string& text, bool is_lost) : RunError(text), lost(is_lost) {}
  bool lost;
};

/// The user asked to stop (Ctrl-C). State has been saved where a place was named. Programs exit
/// with 130.
struct Interrupted : Error {
  using Error::Error;
};

/// Foreign text for a line of a message: at most `most` characters (code points), then "...";
/// control characters and bytes that are not UTF-8 escaped, so that it can neither break the line
/// nor steer a terminal.
inline std::string shown(std::string_view text, int most = 80);

/// The same in double quotes, with \ and " escaped: how every reader names what it found. An
/// object, for a function would meet std::quoted by argument-dependent lookup.
inline constexpr auto quoted = [](std::string_view text) {
  std::string inner;
  for (const char c : text.substr(0, 4096)) {
    if (c == '"' || c == '\\') inner += '\\';
    inner += c;
  }
  return '"' + shown(inner) + '"';
};

inline InputError::InputError(std::string_view file, std::int64_t line, std::string_view found,
                              std::string_view expected)
    : Error([&] {
        std::string text(file);
        if (line > 0) text += ":" + std::to_string(line);
        text += ": found ";
        text += found;
        text += ", expected ";
        text += expected;
        return text;
      }()) {}

namespace detail {
/// Bytes of the UTF-8 character at the front of `text`; 0 where there is none.
inline std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

[[noreturn]] inline void shapes_differ(std::int64_t a, std::int64_t b, const char* what,
                                       const char* file, int line) {
  throw ShapeError(std::string(what) + ": " + std::to_string(a) + " and " + std::to_string(b) +
                   " must be equal (checked at " + file + ":" + std::to_string(line) + ")");
}
}  // namespace detail

inline std::string shown(std::string_view text, int most) {
  std::string result;
  for (int characters = 0; !text.empty(); ++characters) {
    if (characters == most) return result + "...";
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = detail::utf8_length(text);
    const bool c1_control = length == 2 && first == 0xC2 && (text[1] & 0x20) == 0;
    char escape[8] = {};
    if (first == '\n' || first == '\r' || first == '\t') {
      std::snprintf(escape, sizeof escape, "\\%c", first == '\n' ? 'n' : first == '\r' ? 'r' : 't');
    } else if (length == 0) {
      std::snprintf(escape, sizeof escape, "\\x%02X", first);
    } else if (first < 0x20 || first == 0x7F) {
      std::snprintf(escape, sizeof escape, "\\u%04X", first);
    } else if (c1_control) {
      std::snprintf(escape, sizeof escape, "\\u%04X", static_cast<unsigned char>(text[1]));
    }
    result += escape[0] != '\0' ? std::string_view(escape) : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result;
}

}  // namespace candist

/// Throws ShapeError naming both numbers when they differ: CANDIST_EXPECT_EQ(a, b, "logits rows,
/// candidate rows").
#define CANDIST_EXPECT_EQ(a, b, what)                                                   \
  do {                                                                                  \
    const auto candist_a = static_cast<std::int64_t>(a);                                \
    const auto candist_b = static_cast<std::int64_t>(b);                                \
    if (candist_a != candist_b)                                                         \
      ::candist::detail::shapes_differ(candist_a, candist_b, what, __FILE__, __LINE__); \
  } while (false)
