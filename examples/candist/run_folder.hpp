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

#include "candist/data/json_object_file.hpp"
#include "candist/data/label_file.hpp"
#include "run.hpp"

namespace candist::program {

/// Makes the folder, or throws InputError that says why not.
void make_folder(const std::filesystem::path& folder);

/// The files that a model folder may hold, whatever the student.
std::vector<std::string> model_files();
/// config.json: everything needed to run it again, and what the inputs held (contents_of()).
void write_config(const std::filesystem::path& path, const RunSettings& settings,
                  const nlohmann::json& inputs);
/// What a model folder says beside the student itself: its kind and the labels.
void write_model_card(const std::filesystem::path& folder, const RunSettings& settings,
                      const Corpus& corpus);
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
  void add(const EpochReport& report, const EpochJudgement& judgement);

 private:
  std::string name_;
  std::ofstream file_;
};

}  // namespace candist::program
