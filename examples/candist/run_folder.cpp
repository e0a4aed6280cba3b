// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>

#include "candist/data/atomic_file.hpp"
#include "checkpoint.hpp"

namespace candist::program {

void write_json(const std::filesystem::path& path, const nlohmann::json& json) {
  AtomicFile file(path);
  file.write(json.dump(2) + "\n");
  file.commit();
}

nlohmann::json read_json_object(const std::filesystem::path& path) {
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

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw InputError("--out " + shown(folder.string(), 200) + ": cannot make this folder" +
                     (error ? ": " + error.message() : std::string()));
  }
}

std::vector<std::string> model_files() {
  return {"student.json",
          "labels.json",
          "student.bin",
          "candist.json",
          "config.json",
          "vocab.txt",
          "vocab.json",
          "merges.txt",
          "tokenizer.json",
          "model.safetensors",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "modeling_mean_pooling.py"};
}

std::vector<std::filesystem::path> files_of_run(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const char* name :
       {"config.json", "log.jsonl", "labels.jsonl", "test_labels.jsonl", "metrics.json"})
    files.push_back(folder / name);
  for (const std::string& name : model_files()) files.push_back(folder / "model" / name);
  files.push_back(checkpoint_file(folder / "checkpoint"));
  return files;
}

void remove_old_run(const std::filesystem::path& folder) {
  std::error_code error;
  for (const std::filesystem::path& file : files_of_run(folder)) {
    if (std::filesystem::is_regular_file(file, error) && !std::filesystem::remove(file, error))
      throw RunError("cannot remove the older " + file.string() + ": " + error.message());
  }
  remove_checkpoint(folder / "checkpoint");
  std::filesystem::remove(folder / "model", error);  // stays where something else is in it
}

int RunLog::open(const std::filesystem::path& path, int epochs) {
  name_ = path.string();
  int kept = 0;
  std::string lines;
  {
    std::ifstream old(path, std::ios::binary);
    std::string line;
    while (kept < epochs && std::getline(old, line) && !old.eof()) {
      lines += line + "\n";
      ++kept;
    }
  }
  AtomicFile cut(path);
  cut.write(lines);
  cut.commit();
  file_.open(path, std::ios::app);
  if (!file_) throw RunError("cannot write " + name_);
  return kept;
}

void RunLog::add(const EpochReport& report, std::optional<double> valid_accuracy) {
  const double seconds = std::max(report.seconds, 1e-9);
  nlohmann::json line{{"epoch", report.epoch + 1},
                      {"loss", report.loss},
                      {"rows", report.rows},
                      {"with_target", report.with_target},
                      {"outside", report.outside},
                      {"sharpened", report.sharpened},
                      {"rescued", report.rescued},
                      {"learning_rate", report.learning_rate},
                      {"seconds", report.seconds},
                      {"samples_per_second", static_cast<double>(report.rows) / seconds},
                      {"tokens_per_second", static_cast<double>(report.tokens) / seconds}};
  if (valid_accuracy) line["valid_accuracy"] = *valid_accuracy;
  file_ << line.dump() << std::endl;
  if (!file_) throw RunError("cannot write " + name_ + ": is the disk full?");
}

nlohmann::ordered_json label_line(const Texts& texts, std::int64_t row, const LabelSpace& labels,
                                  const Predictions& predictions) {
  const auto r = static_cast<std::size_t>(row);
  nlohmann::ordered_json line;
  line["id"] = std::string(texts.ids[row]);
  line["label"] = labels.name(predictions.labels[r]);
  line["confidence"] = predictions.confidences[r];
  return line;
}

void write_labels(const std::filesystem::path& path, const Texts& texts, const LabelSpace& labels,
                  const Predictions& predictions, Candidates candidates,
                  const Annotations* annotations) {
  AtomicFile file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    nlohmann::ordered_json line = label_line(texts, row, labels, predictions);
    if (candidates == Candidates::written) {
      auto& names = line["candidates"] = nlohmann::ordered_json::array();
      if (annotations != nullptr) {
        for (const std::int32_t label : annotations->labels(row))
          names.push_back(labels.name(label));
      }
    }
    const std::int32_t gold = texts.labels[static_cast<std::size_t>(row)];
    if (gold >= 0) line["gold"] = labels.name(gold);
    file.write(line.dump() + "\n");
  }
  file.commit();
}

}  // namespace candist::program
