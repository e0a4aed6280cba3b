// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// JSON Lines.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"

namespace candist {

/// Reads a file of one JSON object a line with simdjson: fully validated, without copying the file.
/// Lines of white space are passed over and counted.
class JsonLines {
 public:
  using Object = simdjson::dom::object;
  using Element = simdjson::dom::element;

  explicit JsonLines(const std::filesystem::path& path) : lines_(path) {}

  /// The next object; false at the end. Valid until the next call. Throws InputError for broken
  /// JSON or UTF-8.
  bool next(Object& object) {
    std::string_view line;
    while (true) {
      if (!lines_.next(line)) return false;
      if (!LineReader::is_blank(line)) break;
      ++skipped_;
    }
    Element element;
    const simdjson::error_code error = parser_.parse(line.data(), line.size(), false).get(element);
    if (error == simdjson::UTF8_ERROR) fail("bytes that are not UTF-8", "UTF-8 text");
    if (error != simdjson::SUCCESS) {
      if (!lines_.terminated())
        fail("a last line that is cut off", "a whole JSON object (the file ends inside a record)");
      fail("broken JSON (" + std::string(simdjson::error_message(error)) + ")",
           "one JSON object a line");
    }
    if (element.get(object) != simdjson::SUCCESS) fail(kind(element), "one JSON object a line");
    return true;
  }

  /// The string at `key`; a whole number is taken as text where `numbers` allows. Nothing where the
  /// key is absent or null.
  enum class Numbers { refuse, as_text };
  std::optional<std::string_view> string(Object object, const char* key,
                                         Numbers numbers = Numbers::refuse) {
    Element value;
    if (object[key].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) return text;
    if (std::int64_t number = 0;
        numbers == Numbers::as_text && value.get(number) == simdjson::SUCCESS) {
      number_text_ = std::to_string(number);
      return number_text_;
    }
    fail("\"" + std::string(key) + "\" is " + kind(value), "a string");
  }

  /// What an element is, for messages.
  static std::string kind(Element element) {
    switch (element.type()) {
      case simdjson::dom::element_type::ARRAY:
        return "an array";
      case simdjson::dom::element_type::OBJECT:
        return "an object";
      case simdjson::dom::element_type::STRING:
        return "a string";
      case simdjson::dom::element_type::BOOL:
        return "a boolean";
      case simdjson::dom::element_type::NULL_VALUE:
        return "null";
      default:
        return "a number";
    }
  }
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    lines_.fail(found, expected);
  }
  /// Of the object last read, from 1.
  std::int64_t line() const { return lines_.number(); }
  /// Lines of white space so far.
  std::int64_t skipped() const { return skipped_; }
  const std::string& name() const { return lines_.name(); }

 private:
  static_assert(LineReader::padding >= simdjson::SIMDJSON_PADDING);
  LineReader lines_;
  simdjson::dom::parser parser_;
  std::int64_t skipped_ = 0;
  std::string number_text_;
};

}  // namespace candist
