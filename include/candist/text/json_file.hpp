// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "candist/data/jsonl.hpp"
#include "candist/data/label_space.hpp"
#include "candist/error.hpp"

namespace candist {

/// A value of a JSON file that knows its way from the root, "model.vocab", so that what is wrong
/// with it can be said by name. Valid as long as its file.
class JsonNode {
 public:
  using Element = simdjson::dom::element;

  JsonNode(const std::string& file, std::string way) : file_(&file), way_(std::move(way)) {}
  JsonNode(const std::string& file, std::string way, Element element)
      : file_(&file), way_(std::move(way)), element_(element), there_(true) {}

  /// Is it absent, or null?
  bool is_null() const { return !there_ || element_.is_null(); }
  bool is_text() const { return !is_null() && element_.is_string(); }
  bool is_whole_number() const { return !is_null() && element_.is<std::int64_t>(); }
  bool is_array() const { return !is_null() && element_.is_array(); }
  /// The entry of an object; absent where the object is.
  JsonNode operator[](std::string_view key) const {
    const std::string way = (way_.empty() ? "" : way_ + ".") + std::string(key);
    if (is_null()) return {*file_, way};
    Element entry;
    if (object()[key].get(entry) != simdjson::SUCCESS) return {*file_, way};
    return {*file_, way, entry};
  }
  std::string_view text() const {
    std::string_view value;
    if (is_null() || element_.get(value) != simdjson::SUCCESS) fail("a string");
    return value;
  }
  bool flag() const {
    bool value = false;
    if (is_null() || element_.get(value) != simdjson::SUCCESS) fail("true or false");
    return value;
  }
  bool flag_or(bool absent) const { return is_null() ? absent : flag(); }
  /// A whole number of [least, most].
  std::int64_t number(std::int64_t least, std::int64_t most) const {
    std::int64_t value = 0;
    const bool whole = !is_null() && element_.get(value) == simdjson::SUCCESS;
    if (!whole || value < least || value > most)
      fail("a whole number of " + std::to_string(least) + " to " + std::to_string(most));
    return value;
  }
  simdjson::dom::object object() const {
    simdjson::dom::object value;
    if (is_null() || element_.get(value) != simdjson::SUCCESS) fail("an object");
    return value;
  }
  simdjson::dom::array array() const {
    simdjson::dom::array value;
    if (is_null() || element_.get(value) != simdjson::SUCCESS) fail("an array");
    return value;
  }
  /// Calls visit(node) for every entry of an array.
  template <class Visit>
  void each(Visit&& visit) const {
    std::int64_t i = 0;
    for (const Element entry : array())
      visit(JsonNode(*file_, way_ + "[" + std::to_string(i++) + "]", entry));
  }
  /// Refuses, by name, what the object has besides these keys.
  void expect_only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, value] : object()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      std::string known;
      for (const std::string_view name : keys)
        known += (known.empty() ? "" : ", ") + std::string(name);
      throw InputError(*file_, 0, quoted((*this)[key].way_), "none but " + known);
    }
  }
  /// Throws InputError: found this value, by its way, expected something else.
  [[noreturn]] void fail(const std::string& expected) const {
    std::string found = way_.empty() ? "" : quoted(way_) + " is ";
    if (!there_) found = "no " + quoted(way_);
    std::string_view value;
    std::int64_t whole = 0;
    if (there_ && element_.get(value) == simdjson::SUCCESS) {
      found += quoted(value);
    } else if (there_ && element_.get(whole) == simdjson::SUCCESS) {
      found += std::to_string(whole);
    } else if (there_) {
      found += JsonLines::kind(element_);
    }
    throw InputError(*file_, 0, found, expected);
  }
  const std::string& file() const { return *file_; }
  const std::string& way() const { return way_; }

 private:
  const std::string* file_;
  std::string way_;
  Element element_;
  bool there_ = false;
};

/// A JSON file in memory, fully validated. Throws InputError with the line where it breaks.
class JsonFile {
 public:
  explicit JsonFile(const std::filesystem::path& path) : name_(path.string()) {
    std::string text;
    {
      LineReader whole(path);  // says what is wrong with the place
      std::ifstream file(path, std::ios::binary);
      text.assign(std::istreambuf_iterator<char>(file), {});
    }
    if (text.empty()) throw InputError(name_, 0, "an empty file", "JSON");
    simdjson::error_code error = parser_->parse(text).get(root_);
    // transformers writes a limit that there is not as a whole number of 31 digits, which simdjson
    // refuses; read and written again it is 1e+30.
    if (error == simdjson::NUMBER_ERROR) {
      if (const auto read = nlohmann::json::parse(text, nullptr, false); !read.is_discarded())
        error = parser_->parse(read.dump()).get(root_);
    }
    if (error == simdjson::UTF8_ERROR)
      throw InputError(name_, 0, "bytes that are not UTF-8", "UTF-8 text");
    if (error != simdjson::SUCCESS) {
      throw InputError(name_, detail::broken_line(text, 1),
                       "broken JSON (" + std::string(simdjson::error_message(error)) + ")",
                       "a whole JSON file");
    }
    if (!root_.is_object()) throw InputError(name_, 0, JsonLines::kind(root_), "an object");
  }
  JsonNode root() const { return {name_, "", root_}; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::unique_ptr<simdjson::dom::parser> parser_ = std::make_unique<simdjson::dom::parser>();
  JsonNode::Element root_;
};

}  // namespace candist
