// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The files of one run: labels, metrics, log, config, model.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "run.hpp"

namespace candist::program {

/// Writes `json` under its final name in one go.
void write_json(const std::filesystem::path& path, const nlohmann::json& json);
/// Reads a JSON object; InputError names the file and the line of the first error.
nlohmann::json read_json_object(const std::filesystem::path& path);
/// Makes the folder, or throws InputError that says why not.
void make_folder(const std::filesystem::path& folder);

/// The files that a model folder may hold, whatever the student.
std::vector<std::string> model_files();
/// Every file that `distill --out folder` writes.
std::vector<std::filesystem::path> files_of_run(const std::filesystem::path& folder);
/// Removes what an earlier run left in the folder, so that nothing stale lies beside the new; touches
/// nothing that a run does not write.
void remove_old_run(const std::filesystem::path& folder);

/// log.jsonl: one line an epoch.
class RunLog {
 public:
  /// Keeps the lines of the first `epochs` epochs of an interrupted run; returns how many there were.
  int open(const std::filesystem::path& path, int epochs);
  void add(const EpochReport& report, std::optional<double> valid_accuracy);

 private:
  std::string name_;
  std::ofstream file_;
};

/// {"id", "label", "confidence"} of one text, in this order.
nlohmann::ordered_json label_line(const Texts& texts, std::int64_t row, const LabelSpace& labels,
                                  const Predictions& predictions);
/// label_line, "candidates" where `candidates` says so ([] where there are none) and "gold" where it
/// is known, for every text.
enum class Candidates { left_out, written };
void write_labels(const std::filesystem::path& path, const Texts& texts, const LabelSpace& labels,
                  const Predictions& predictions, Candidates candidates = Candidates::left_out,
                  const Annotations* annotations = nullptr);

}  // namespace candist::program
