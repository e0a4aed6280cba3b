// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "study_folder.hpp"

#include "candist/data/atomic_file.hpp"
#include "candist/data/line_reader.hpp"

namespace candist::program {
namespace {

/// What `ablate` reads of a line later on.
bool is_result(const nlohmann::json& line) {
  if (!line.is_object()) return false;
  for (const char* key : {"settings", "inputs", "metrics"}) {
    if (!line.contains(key) || !line[key].is_object()) return false;
  }
  for (const char* key : {"train_accuracy", "test_accuracy"}) {
    const auto figure = line["metrics"].find(key);
    if (figure == line["metrics"].end() || !(figure->is_number() || figure->is_null()))
      return false;
  }
  return true;
}

}  // namespace

StudyResults::StudyResults(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    cut_off_ = !lines.terminated();
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() && cut_off_) break;
    if (!is_result(json)) {
      throw InputError(path.string(), lines.number(), "a broken line " + quoted(line),
                       "a result of candist ablate; remove the line, or name another --out");
    }
    lines_ += std::string(line) + "\n";
    by_run_[nlohmann::json{{"settings", json["settings"]}, {"inputs", json["inputs"]}}.dump()] =
        json["metrics"];
  }
}

const nlohmann::json* StudyResults::find(const nlohmann::json& fingerprint) const {
  const auto found = by_run_.find(fingerprint.dump());
  return found == by_run_.end() ? nullptr : &found->second;
}

void StudyResults::open() {
  if (cut_off_) {  // gone before more is appended to it
    AtomicFile file(path_);
    file.write(lines_);
    file.commit();
  }
  file_.open(path_, std::ios::app);
  if (!file_) throw RunError("cannot write " + path_.string());
}

void StudyResults::add(const nlohmann::json& fingerprint, const nlohmann::json& metrics) {
  nlohmann::json line = fingerprint;
  line["metrics"] = metrics;
  file_ << line.dump() << std::endl;
  if (!file_) throw RunError("cannot write " + path_.string() + ": is the disk full?");
  by_run_[fingerprint.dump()] = metrics;
}

}  // namespace candist::program
