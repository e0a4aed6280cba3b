// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// results.jsonl of a study folder: one line a run, so that a study started again runs only what is
// missing.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "settings.hpp"

namespace candist::program {

class StudyResults {
 public:
  /// Reads what is there. A last line that was cut off is dropped, for it is run again; any other
  /// broken line is an InputError.
  explicit StudyResults(const std::filesystem::path& path);

  /// The metrics of a run of that fingerprint (settings and contents of the inputs), or null.
  const nlohmann::json* find(const nlohmann::json& fingerprint) const;
  std::size_t size() const { return by_run_.size(); }
  /// Makes the file ready for add().
  void open();
  void add(const nlohmann::json& fingerprint, const nlohmann::json& metrics);

 private:
  std::filesystem::path path_;
  std::string lines_;
  bool cut_off_ = false;
  std::map<std::string, nlohmann::json> by_run_;
  std::ofstream file_;
};

}  // namespace candist::program
