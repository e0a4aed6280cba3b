// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"

namespace candist {

/// The C classes: names, in order, each with an optional description.
class LabelSpace {
 public:
  int size() const { return static_cast<int>(names_.size()); }
  const std::string& name(int label) const { return names_[static_cast<std::size_t>(label)]; }
  const std::string& description(int label) const {
    return descriptions_[static_cast<std::size_t>(label)];
  }
  std::optional<int> find(std::string_view name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  /// Adds a name that is not there yet; returns its label.
  int add(std::string_view name, std::string_view description = {}) {
    const int label = size();
    names_.emplace_back(name);
    descriptions_.emplace_back(description);
    index_.emplace(name, label);
    return label;
  }
  /// "act, animal, artifact, ... (25 labels)", for messages.
  std::string summary() const {
    std::string text;
    for (int label = 0; label < size() && label < 6; ++label)
      text += (label > 0 ? ", " : "") + shown(name(label));
    return text + (size() > 6 ? ", ... (" + std::to_string(size()) + " labels)" : "");
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> descriptions_;
  std::map<std::string, int, std::less<>> index_;
};

/// Reads labels: a JSON array of {"name", "description"} or of strings, or one name a line (a file
/// whose first letter is [ or { is JSON). Throws InputError with file and line for a name that is
/// empty or given twice, for broken JSON or UTF-8, and for a file without labels.
inline LabelSpace read_labels(const std::filesystem::path& path);

// ---- definitions

namespace detail {

inline constexpr const char* label_array = "an array of {\"name\", \"description\"} or of names";

inline void add_label(LabelSpace& labels, const std::string& file, std::int64_t line,
                      std::string_view name, std::string_view description) {
  if (name.empty()) throw InputError(file, line, "an empty name", "the name of a label");
  if (labels.find(name))
    throw InputError(file, line, "label " + quoted(name) + " twice", "every label once");
  labels.add(name, description);
}

/// The line of every entry of an array known to be sound JSON; the text begins in `line`.
inline std::vector<std::int64_t> entry_lines(std::string_view json, std::int64_t line) {
  std::vector<std::int64_t> lines;
  int depth = 0;
  bool in_string = false;
  bool awaited = false;  // an entry begins with the next letter
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '\n') ++line;
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (LineReader::is_blank(json.substr(i, 1)) || c == '\n') continue;
    if (awaited && c != ']') lines.push_back(line);
    awaited = false;
    if (c == '"') in_string = true;
    if (c == ']' || c == '}') --depth;
    if (c == '[' || c == '{') awaited = depth++ == 0;
    if (c == ',' && depth == 1) awaited = true;
  }
  return lines;
}

/// Of broken JSON that begins in `line`: where it breaks. simdjson does not say.
inline std::int64_t broken_line(std::string_view json, std::int64_t line) {
  try {
    [[maybe_unused]] const nlohmann::json parsed = nlohmann::json::parse(json);
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t read = std::clamp<std::size_t>(error.byte, 1, json.size());
    line += std::count(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(read) - 1, '\n');
  } catch (const nlohmann::json::exception&) {  // a number that no double can hold: no place is told
  }
  return line;
}

inline void add_json_labels(LabelSpace& labels, const std::string& file, const std::string& json,
                            std::int64_t line) {
  simdjson::dom::parser parser;
  simdjson::dom::element whole;
  const simdjson::error_code error = parser.parse(json).get(whole);
  if (error != simdjson::SUCCESS) {
    throw InputError(file, broken_line(json, line),
                     "broken JSON (" + std::string(simdjson::error_message(error)) + ")",
                     label_array);
  }
  simdjson::dom::array array;
  if (whole.get(array) != simdjson::SUCCESS)
    throw InputError(file, line, "JSON that is not an array", label_array);
  const std::vector<std::int64_t> lines = entry_lines(json, line);
  std::size_t i = 0;
  for (const simdjson::dom::element entry : array) {
    const std::int64_t at = lines[i++];
    std::string_view name;
    std::string_view description;
    if (entry.get(name) != simdjson::SUCCESS) {
      if (entry["name"].get(name) != simdjson::SUCCESS)
        throw InputError(file, at, "entry " + std::to_string(i) + " without a name", label_array);
      simdjson::dom::element given;
      if (entry["description"].get(given) == simdjson::SUCCESS && !given.is_null() &&
          given.get(description) != simdjson::SUCCESS) {
        throw InputError(file, at, "a \"description\" of " + quoted(name) + " that is no string",
                         "a string");
      }
    }
    add_label(labels, file, at, name, description);
  }
}

}  // namespace detail

inline LabelSpace read_labels(const std::filesystem::path& path) {
  LabelSpace labels;
  LineReader lines(path);
  std::string_view line;
  std::string json;
  std::int64_t json_line = 0;
  while (lines.next(line)) {
    lines.expect_text(line);
    if (json_line == 0) {
      if (LineReader::is_blank(line)) continue;
      const std::size_t begin = line.find_first_not_of(" \t");
      if (line[begin] != '[' && line[begin] != '{') {
        const std::size_t end = line.find_last_not_of(" \t") + 1;
        detail::add_label(labels, lines.name(), lines.number(), line.substr(begin, end - begin),
                          {});
        continue;
      }
      if (labels.size() > 0) lines.fail("JSON", "one name a line, as before");
      json_line = lines.number();
    }
    json += line;
    json += '\n';
  }
  if (json_line > 0) detail::add_json_labels(labels, lines.name(), json, json_line);
  if (labels.size() == 0)
    throw InputError(path.string(), 0, "no labels", "one name a line, or a JSON array");
  return labels;
}

}  // namespace candist
