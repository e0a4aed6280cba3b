// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"

namespace candist {

/// Writes `json` (ordered or not) under its final name in one go. Throws what AtomicFile throws.
template <class Json = nlohmann::json>
void write_json(const std::filesystem::path& path, const Json& json) {
  AtomicFile file(path);
  file.write(json.dump(2) + "\n");
  file.commit();
}

/// Reads a JSON object; InputError names the file and the line of the first error.
inline nlohmann::json read_json_object(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw InputError(path.string(), 0, "a folder", "a JSON file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path.string(), 0, "no such file", "a JSON file");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& broken) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(broken.byte, text.size()));
    throw InputError(path.string(), 1 + std::count(text.begin(), end, '\n'), "broken JSON",
                     "a JSON file");
  } catch (const nlohmann::json::exception&) {  // a number that no double can hold
    throw InputError(path.string(), 0, "broken JSON", "a JSON file");
  }
  if (!json.is_object())
    throw InputError(path.string(), 0, "JSON of type " + std::string(json.type_name()),
                     "one JSON object {...}");
  return json;
}

}  // namespace candist
