// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything candist throws. The kind says whose fault it is, and with that the exit code of a
// program.
#pragma once

#include <cstdint>
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

/// The user asked to stop (Ctrl-C). State has been saved where a place was named. Programs exit
/// with 130.
struct Interrupted : Error {
  using Error::Error;
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
[[noreturn]] inline void shapes_differ(std::int64_t a, std::int64_t b, const char* what,
                                       const char* file, int line) {
  throw ShapeError(std::string(what) + ": " + std::to_string(a) + " and " + std::to_string(b) +
                   " must be equal (checked at " + file + ":" + std::to_string(line) + ")");
}
}  // namespace detail

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
