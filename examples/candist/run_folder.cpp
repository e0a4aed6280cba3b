// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run_folder.hpp"

#include <algorithm>
#include <iterator>
#include <system_error>

#include "candist/config.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/studies/study_folder.hpp"
#include "checkpoint.hpp"
#include "students.hpp"

namespace candist::program {

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

void write_config(const std::filesystem::path& path, const RunSettings& settings,
                  const nlohmann::json& inputs) {
  nlohmann::json config = to_json(settings);
  config["candist"] = CANDIST_VERSION;
  config["inputs"] = inputs;
  write_json(path, config);
}

void write_model_card(const std::filesystem::path& folder, const RunSettings& settings,
                      const Corpus& corpus) {
  nlohmann::json labels = nlohmann::json::array();
  for (int c = 0; c < corpus.labels.size(); ++c) {
    labels.push_back(
        {{"name", corpus.labels.name(c)}, {"description", corpus.labels.description(c)}});
  }
  write_json(folder / "labels.json", labels);
  // What was trained on a GPU is read, and can go on, without one.
  const std::string student = settings.student == CudaTransformerStudent::name
                                  ? std::string(TransformerStudent::name)
                                  : settings.student;
  write_json(folder / "student.json", {{"student", student}});
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

void RunLog::add(const EpochReport& report, const EpochJudgement& judgement) {
  const double seconds = std::max(report.seconds, 1e-9);
  const double rows = static_cast<double>(std::max<std::int64_t>(report.rows, 1));
  EpochFigures figures;
  figures.loss = report.loss;
  figures.outside = static_cast<double>(report.outside) / rows;
  figures.sharpened = static_cast<double>(report.sharpened) / rows;
  figures.rescued = static_cast<double>(report.rescued) / rows;
  figures.target_mass_on_gold = judgement.target_mass_on_gold;
  figures.test_accuracy = judgement.test_accuracy;
  nlohmann::json line = to_json(figures);
  line.update({{"epoch", report.epoch + 1},
               {"rows", report.rows},
               {"with_target", report.with_target},
               {"outside", report.outside},
               {"sharpened", report.sharpened},
               {"rescued", report.rescued},
               {"learning_rate", report.learning_rate},
               {"seconds", report.seconds},
               {"samples_per_second", static_cast<double>(report.rows) / seconds},
               {"tokens_per_second", static_cast<double>(report.tokens) / seconds}});
  if (judgement.valid_accuracy) line["valid_accuracy"] = *judgement.valid_accuracy;
  file_ << line.dump() << std::endl;
  if (!file_) throw RunError("cannot write " + name_ + ": is the disk full?");
}

}  // namespace candist::program
