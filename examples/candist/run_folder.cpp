// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "candist/data/atomic_file.hpp"

namespace candist::program {

void write_json(const std::filesystem::path& path, const nlohmann::json& json) {
  AtomicFile file(path);
  file.write(json.dump(2) + "\n");
  file.commit();
}

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path.string(), 0, "no such file", "a JSON file");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    throw InputError(path.string(), 1 + std::count(text.begin(), end, '\n'), "broken JSON",
                     "a JSON file");
  }
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw InputError("--out " + folder.string() + ": cannot make this folder" +
                     (error ? ": " + error.message() : std::string()));
  }
}

void write_labels(const std::filesystem::path& path, const Texts& texts, const LabelSpace& labels,
                  const Predictions& predictions, const Annotations* annotations) {
  AtomicFile file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    const auto r = static_cast<std::size_t>(row);
    nlohmann::ordered_json line;
    line["id"] = std::string(texts.ids[row]);
    line["label"] = std::string(labels.name(predictions.labels[r]));
    line["confidence"] = predictions.confidences[r];
    if (annotations != nullptr) {
      auto& candidates = line["candidates"] = nlohmann::ordered_json::array();
      for (const std::int32_t label : annotations->labels(row))
        candidates.push_back(std::string(labels.name(label)));
    }
    if (texts.labels[r] >= 0) line["gold"] = std::string(labels.name(texts.labels[r]));
    file.write(line.dump() + "\n");
  }
  file.commit();
}

nlohmann::json log_line(const EpochReport& report) {
  return {
      {"epoch", report.epoch + 1},
      {"loss", report.loss},
      {"rows", report.rows},
      {"with_target", report.with_target},
      {"outside", report.outside},
      {"sharpened", report.sharpened},
      {"rescued", report.rescued},
      {"learning_rate", report.learning_rate},
      {"seconds", report.seconds},
      {"samples_per_second", static_cast<double>(report.rows) / std::max(report.seconds, 1e-9)},
      {"tokens_per_second", static_cast<double>(report.tokens) / std::max(report.seconds, 1e-9)}};
}

}  // namespace candist::program
