// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A study on the disk: one folder a run, named by what decides its result, so that a study started
// again (after anything: Ctrl-C, kill -9, a power cut) runs only what is missing, and several
// processes and machines can share one.
//
//   runs/ID/run.json         what the run is: composition, seed, everything that decides the result
//   runs/ID/log.jsonl        a line an epoch
//   runs/ID/labels.jsonl     and test_labels.jsonl
//   runs/ID/metrics.json     written last: the run is whole
//   runs/ID/failure.json     instead: why it came to nothing
//   runs/ID/checkpoint/      while it runs, where the training keeps one
//   lock, runs/ID/lock       held by whoever is at work
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/data/json_object_file.hpp"
#include "candist/data/label_file.hpp"
#include "candist/fingerprint.hpp"
#include "candist/studies/file_lock.hpp"
#include "candist/studies/study.hpp"

namespace candist {

/// 16 hex digits that stand for everything that decides the result of a run. StudyFolder checks that
/// two runs never share them.
inline std::string run_id(const nlohmann::json& decisive) {
  return hex_digits(fingerprint(decisive.dump()).high);
}

namespace detail {
/// The object in a file; null where there is none or it is broken.
inline nlohmann::json object_or_null(const std::filesystem::path& path) {
  try {
    return read_json_object(path);
  } catch (const InputError&) {
    return nullptr;
  }
}
/// A text in it; empty where there is none.
inline std::string text_at(const nlohmann::json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return {};
  return object[key].get<std::string>();
}
}  // namespace detail

/// What a run is, before it runs.
struct PlannedRun {
  std::string composition;
  std::string seed;
  nlohmann::json fingerprint;  ///< everything that decides the result

  std::string id() const { return run_id(fingerprint); }
};

class StudyFolder {
 public:
  enum class Sharing {
    alone,   ///< one process
    joined,  ///< every process of the study says so, and all have the same runs
  };

  /// Makes the folder and enters it. `grid` stands for all runs of the study. Throws InputError
  /// where it cannot be made, where another process is at work in it and either of the two is
  /// alone, or where the others' grid is another one.
  StudyFolder(std::filesystem::path path, Sharing sharing, const std::string& grid)
      : path_(std::move(path)), sharing_(sharing), lock_(enter(grid)) {}

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path run_folder(const std::string& id) const { return path_ / "runs" / id; }
  bool is_done(const std::string& id) const {
    std::error_code error;
    return std::filesystem::exists(run_folder(id) / "metrics.json", error);
  }
  /// Runs in the folder, this study's or not, that are whole.
  std::int64_t done_in_all() const;

  /// The right to make a run, held until it is destroyed.
  class Claim {
   public:
    const std::filesystem::path& folder() const { return folder_; }

   private:
    friend StudyFolder;
    Claim(std::filesystem::path folder, FileLock lock)
        : folder_(std::move(folder)), lock_(std::move(lock)) {}
    std::filesystem::path folder_;
    FileLock lock_;
  };
  /// nullopt where the run is done, where another process is at it, or where one failed since this
  /// study began. Throws RunError for a folder of that name that is of another run.
  std::optional<Claim> claim(const PlannedRun& run) const;

  /// Makes the run whole: labels, log where the training wrote none, metrics.
  void finish(const Claim& claim, const FinishedRun& run, const nlohmann::json& metrics,
              const Study& study, const Annotations* teacher) const;
  void fail(const Claim& claim, const std::string& reason) const;

  /// A whole run and its metrics, of the study's texts.
  std::pair<FinishedRun, nlohmann::json> read(const PlannedRun& run, const Study& study) const;
  /// Why the run came to nothing, where that is known and it is not whole.
  std::optional<std::string> failure(const std::string& id) const;

  /// For the files of all runs together (summaries): one process at a time.
  FileLock reporting() const {
    return FileLock::take(path_ / "report.lock", FileLock::Kind::exclusive);
  }

 private:
  FileLock enter(const std::string& grid);
  /// By a process of this very study, not of one before it in the same folder.
  bool failed_since_start(const std::string& id) const {
    const nlohmann::json there = detail::object_or_null(run_folder(id) / "failure.json");
    return detail::text_at(there, "study") == start_;
  }

  std::filesystem::path path_;
  Sharing sharing_;
  std::string start_;  ///< names this study among those that were in the folder
  FileLock lock_;
};

/// One line of log.jsonl, and back.
inline nlohmann::json to_json(const EpochFigures& figures);
inline EpochFigures epoch_figures(const nlohmann::json& line);
/// All lines of a log; throws InputError for one that is not of the next epoch.
inline std::vector<EpochFigures> read_log(const std::filesystem::path& path);

// ---- definitions

namespace detail {

inline void make_run_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || !std::filesystem::is_directory(folder)) {
    throw InputError(folder.string(), 0, error ? error.message() : "a file",
                     "a place for a study's folder");
  }
}
inline nlohmann::json json_or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}
inline std::optional<double> number_at(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

}  // namespace detail

inline nlohmann::json to_json(const EpochFigures& f) {
  nlohmann::json line{{"loss", f.loss},
                      {"outside_share", f.outside},
                      {"sharpened_share", f.sharpened},
                      {"rescued_share", f.rescued}};
  if (f.target_mass_on_gold) line["target_mass_on_gold"] = *f.target_mass_on_gold;
  if (f.test_accuracy) line["test_accuracy"] = *f.test_accuracy;
  return line;
}
inline EpochFigures epoch_figures(const nlohmann::json& line) {
  EpochFigures f;
  f.loss = detail::number_at(line, "loss").value_or(0.0);
  f.outside = detail::number_at(line, "outside_share").value_or(0.0);
  f.sharpened = detail::number_at(line, "sharpened_share").value_or(0.0);
  f.rescued = detail::number_at(line, "rescued_share").value_or(0.0);
  f.target_mass_on_gold = detail::number_at(line, "target_mass_on_gold");
  f.test_accuracy = detail::number_at(line, "test_accuracy");
  return f;
}

inline std::vector<EpochFigures> read_log(const std::filesystem::path& path) {
  std::vector<EpochFigures> epochs;
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    const auto epoch = json.is_object() ? detail::number_at(json, "epoch") : std::nullopt;
    if (epoch != static_cast<double>(epochs.size() + 1))
      throw InputError(path.string(), lines.number(), quoted(line),
                       "the line of epoch " + std::to_string(epochs.size() + 1));
    epochs.push_back(epoch_figures(json));
  }
  return epochs;
}

inline FileLock StudyFolder::enter(const std::string& grid) {
  detail::make_run_folder(path_ / "runs");
  const std::filesystem::path lock = path_ / "lock";
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  start_ = std::to_string(now) + "-" + std::to_string(::getpid());
  const nlohmann::json mine{{"grid", grid}, {"start", start_}};
  const auto in_use = [&]() -> InputError {
    return InputError(path_.string(), 0, "another study at work in this folder",
                      "a folder for each, or --join in the call of every process of one study");
  };
  const auto other_grid = [&]() -> InputError {
    return InputError(path_.string(), 0, "processes at work on other runs",
                      "one study: the same options and inputs in the call of every process");
  };
  if (auto alone = FileLock::try_to_take(lock, FileLock::Kind::exclusive)) {
    write_json(path_ / "study.json", mine);
    if (sharing_ == Sharing::joined) {
      alone->share();
      // Somebody may have come in between; whoever wrote last is the study.
      const nlohmann::json there = detail::object_or_null(path_ / "study.json");
      if (detail::text_at(there, "grid") != grid) throw other_grid();
      start_ = detail::text_at(there, "start");
    }
    return *std::move(alone);
  }
  if (sharing_ == Sharing::alone) throw in_use();
  // Whoever came first holds it alone for a moment only, or for good.
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (auto shared = FileLock::try_to_take(lock, FileLock::Kind::shared)) {
      const nlohmann::json theirs = detail::object_or_null(path_ / "study.json");
      if (detail::text_at(theirs, "grid") != grid) throw other_grid();
      start_ = detail::text_at(theirs, "start");
      return *std::move(shared);
    }
    ::usleep(100'000);
  }
  throw in_use();
}

inline std::int64_t StudyFolder::done_in_all() const {
  std::int64_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path_ / "runs", error), end;
       !error && entry != end; entry.increment(error))
    count += std::filesystem::exists(entry->path() / "metrics.json", error) ? 1 : 0;
  return count;
}

inline std::optional<StudyFolder::Claim> StudyFolder::claim(const PlannedRun& run) const {
  const std::string id = run.id();
  if (is_done(id)) return std::nullopt;
  const std::filesystem::path folder = run_folder(id);
  detail::make_run_folder(folder);
  auto lock = FileLock::try_to_take(folder / "lock", FileLock::Kind::exclusive);
  if (!lock) return std::nullopt;
  std::error_code ignored;
  if (is_done(id)) std::filesystem::remove(folder / "lock", ignored);  // made anew just now
  if (is_done(id) || (sharing_ == Sharing::joined && failed_since_start(id))) return std::nullopt;
  const nlohmann::json there = detail::object_or_null(folder / "run.json");
  if (there.is_object() && there.contains("fingerprint") && there["fingerprint"] != run.fingerprint)
    throw RunError(folder.string() + " is of another run; move it away");
  std::filesystem::remove(folder / "failure.json", ignored);
  write_json(
      folder / "run.json",
      {{"composition", run.composition}, {"seed", run.seed}, {"fingerprint", run.fingerprint}});
  return Claim(folder, *std::move(lock));
}

inline void StudyFolder::finish(const Claim& claim, const FinishedRun& run,
                                const nlohmann::json& metrics, const Study& study,
                                const Annotations* teacher) const {
  const std::filesystem::path& folder = claim.folder();
  if (!std::filesystem::exists(folder / "log.jsonl")) {
    AtomicFile log(folder / "log.jsonl");
    for (std::size_t epoch = 0; epoch < run.epochs.size(); ++epoch) {
      nlohmann::json line = to_json(run.epochs[epoch]);
      line["epoch"] = epoch + 1;
      log.write(line.dump() + "\n");
    }
    log.commit();
  }
  write_labels(folder / "labels.jsonl", *study.train, *study.labels, run.train, Candidates::written,
               teacher);
  if (study.test != nullptr)
    write_labels(folder / "test_labels.jsonl", *study.test, *study.labels, run.test);
  write_json(folder / "metrics.json", metrics);
  std::error_code ignored;
  std::filesystem::remove_all(folder / "checkpoint", ignored);
  std::filesystem::remove(folder / "lock", ignored);  // claim() looks for metrics.json behind it
}

inline void StudyFolder::fail(const Claim& claim, const std::string& reason) const {
  write_json(claim.folder() / "failure.json", {{"reason", reason}, {"study", start_}});
}

inline std::optional<std::string> StudyFolder::failure(const std::string& id) const {
  if (is_done(id)) return std::nullopt;
  const nlohmann::json there = detail::object_or_null(run_folder(id) / "failure.json");
  if (!there.is_object()) return std::nullopt;
  const std::string reason = detail::text_at(there, "reason");
  return reason.empty() ? "unknown" : reason;
}

inline std::pair<FinishedRun, nlohmann::json> StudyFolder::read(const PlannedRun& planned,
                                                                const Study& study) const {
  const std::filesystem::path folder = run_folder(planned.id());
  const nlohmann::json metrics = read_json_object(folder / "metrics.json");
  FinishedRun run;
  run.id = planned.id();
  run.seed = planned.seed;
  run.seconds = detail::number_at(metrics, "seconds").value_or(0.0);
  run.covering_rate = detail::number_at(metrics, "covering_rate");
  run.approximated_accuracy = detail::number_at(metrics, "approximated_accuracy");
  run.valid_accuracy = detail::number_at(metrics, "valid_accuracy");
  run.train = read_label_file(folder / "labels.jsonl", *study.train, *study.labels);
  if (study.test != nullptr)
    run.test = read_label_file(folder / "test_labels.jsonl", *study.test, *study.labels);
  run.epochs = read_log(folder / "log.jsonl");
  return {std::move(run), metrics};
}

}  // namespace candist
