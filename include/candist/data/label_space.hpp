// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
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
      text += (label > 0 ? ", " : "") + name(label);
    return text + (size() > 6 ? ", ... (" + std::to_string(size()) + " labels)" : "");
  }

 private:
  std::vector<std::string> names_;
  std::vector<std::string> descriptions_;
  std::map<std::string, int, std::less<>> index_;
};

/// Reads labels: a JSON array of {"name", "description"} or of strings, or one name a line. Throws
/// InputError for a name that is empty or given twice, and for a file without labels.
inline LabelSpace read_labels(const std::filesystem::path& path) {
  LabelSpace labels;
  const auto add = [&](std::int64_t line, std::string_view name, std::string_view description) {
    if (name.empty()) throw InputError(path.string(), line, "an empty name", "the name of a label");
    if (labels.find(name))
      throw InputError(path.string(), line, "label \"" + std::string(name) + "\" twice",
                       "every label once");
    labels.add(name, description);
  };
  LineReader lines(path);
  std::string_view line;
  std::string json;
  while (lines.next(line)) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos && json.empty()) continue;
    if (!json.empty() || line[begin] == '[' || line[begin] == '{') {
      if (json.empty() && labels.size() > 0)
        throw InputError(path.string(), lines.number(), "JSON", "one name a line, as before");
      json += line;
      json += '\n';
      continue;
    }
    if (!simdjson::validate_utf8(line.data(), line.size()))
      throw InputError(path.string(), lines.number(), "bytes that are not UTF-8", "UTF-8 text");
    add(lines.number(), line.substr(begin, line.find_last_not_of(" \t") + 1 - begin), {});
  }
  if (!json.empty()) {
    simdjson::dom::parser parser;
    simdjson::dom::array array;
    if (parser.parse(json).get(array) != simdjson::SUCCESS)
      throw InputError(path.string(), 0, "broken JSON, or JSON that is not an array",
                       "an array of {\"name\", \"description\"}");
    for (const simdjson::dom::element entry : array) {
      std::string_view name;
      std::string_view description;
      if (entry.get(name) != simdjson::SUCCESS && entry["name"].get(name) != simdjson::SUCCESS) {
        throw InputError(path.string(), 0,
                         "entry " + std::to_string(labels.size() + 1) + " without a name",
                         "an array of {\"name\", \"description\"}");
      }
      if (entry["description"].get(description) != simdjson::SUCCESS) description = {};
      add(0, name, description);
    }
  }
  if (labels.size() == 0)
    throw InputError(path.string(), 0, "no labels", "one name a line, or a JSON array");
  return labels;
}

}  // namespace candist
