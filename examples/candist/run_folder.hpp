// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The files of one run: labels, metrics, log, config, model.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "run.hpp"

namespace candist::program {

/// Writes `json` under its final name in one go.
void write_json(const std::filesystem::path& path, const nlohmann::json& json);
/// Reads a JSON file; InputError names the file and the line of the first error.
nlohmann::json read_json(const std::filesystem::path& path);
/// Makes the folder, or throws InputError that says why not.
void make_folder(const std::filesystem::path& folder);

/// {"id", "label", "confidence", "candidates"?, "gold"?} for every text.
void write_labels(const std::filesystem::path& path, const Texts& texts, const LabelSpace& labels,
                  const Predictions& predictions, const Annotations* annotations);
/// One line of log.jsonl.
nlohmann::json log_line(const EpochReport& report);

}  // namespace candist::program
