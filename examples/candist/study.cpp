// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "study.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <set>

#include "candist/config.hpp"
#include "candist/data/line_reader.hpp"
#include "candist/studies/study_files.hpp"
#include "candist/training/progress_bar.hpp"
#include "checkpoint.hpp"
#include "choose.hpp"
#include "cuda_engine.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "students.hpp"

namespace candist::program {
namespace {

/// Those of its corpus, which outlives the study; null where there are none.
std::shared_ptr<const Annotations> annotations_of(const ProgramRun& run) {
  const auto& annotations = run.data->corpus.annotations;
  if (!annotations) return nullptr;
  return {std::shared_ptr<const void>(), &*annotations};
}

/// The same for the same contents of the inputs in another place: without the names of files whose
/// content is known (of a pipe only the name is).
nlohmann::json wherever_it_lies(nlohmann::json fingerprint) {
  const auto drop_name = [](nlohmann::json& file) {
    if (file.is_object() && file.contains("hash")) file.erase("name");
  };
  for (nlohmann::json& file : fingerprint["inputs"]) drop_name(file);
  nlohmann::json& pretrained = fingerprint["settings"]["pretrained"];
  if (pretrained.is_object()) {
    for (nlohmann::json& file : pretrained) drop_name(file);
  }
  return fingerprint;
}

/// A study that is running: its runs by place, and the files they are told in.
class Reporter {
 public:
  Reporter(Study study, const std::vector<ProgramRun>& runs, const StudyFolder& folder)
      : study_(std::move(study)), runs_(runs), folder_(folder), lines_(runs.size()) {
    std::map<std::string, std::size_t> known;
    for (const ProgramRun& run : runs) {
      const auto [entry, added] = known.emplace(run.composition, study_.compositions.size());
      composition_of_.push_back(entry->second);
      if (!added) continue;
      StudiedComposition composition;
      composition.name = run.composition;
      composition.method = method_of(run);
      if (learns_from(run.settings) == LabelSource::gold)
        composition.learns_from = StudiedComposition::LearnsFrom::gold;
      composition.teacher = annotations_of(run);
      composition.teacher_name = run.data->teacher_name;
      study_.compositions.push_back(std::move(composition));
    }
    study_.planned_runs = runs.size();
    places_.resize(study_.compositions.size());
  }

  void add(std::size_t i, TrainedRun trained, const nlohmann::json& fingerprint) {
    const ProgramRun& run = runs_[i];
    trained.run.again =
        "candist distill --config " +
        shell_word(std::filesystem::absolute(folder_.run_folder(trained.run.id) / "config.json")
                       .lexically_normal()
                       .string()) +
        " --out NEW_FOLDER";
    nlohmann::ordered_json& line = lines_[i];
    line["run"] = trained.run.id;
    line["composition"] = run.composition;
    line["settings"] = fingerprint["settings"];
    line["inputs"] = fingerprint["inputs"];
    line["metrics"] = trained.metrics;
    // In the order of the runs, whoever finished first.
    std::vector<std::size_t>& there = places_[composition_of_[i]];
    const auto at = std::lower_bound(there.begin(), there.end(), i);
    auto& finished = study_.compositions[composition_of_[i]].runs;
    finished.insert(finished.begin() + (at - there.begin()), std::move(trained.run));
    there.insert(at, i);
  }
  /// Is it known what became of the run?
  bool has(std::size_t i) const { return !lines_[i].is_null() || failures_.contains(i); }
  void fail(std::size_t i, const std::string& reason) {
    failures_[i] =
        runs_[i].composition + ", seed " + runs_[i].seed + " failed: " + shown(reason, 400);
    study_.failed_runs = failures_.size();
    study_.notes.clear();
    for (const auto& [run, words] : failures_) study_.notes.push_back(words);
  }
  /// Now and then while it runs; a large study does not spend its time on reports.
  void write_if_due() {
    const auto begin = Clock::now();
    if (begin < due_) return;
    write();
    due_ = Clock::now() +
           std::max<Clock::duration>(std::chrono::seconds(10), 20 * (Clock::now() - begin));
  }
  /// `catch_up`, if any, is called while nobody else reports.
  void write(const std::function<void()>& catch_up = {}) {
    const FileLock one_at_a_time = folder_.reporting();
    if (catch_up) catch_up();
    const StudyFindings findings(study_);
    std::string lines;
    std::vector<nlohmann::ordered_json> flat;
    for (const nlohmann::ordered_json& line : lines_) {
      if (line.is_null()) continue;
      lines += line.dump() + "\n";
      nlohmann::ordered_json row{{"run", line["run"]}, {"composition", line["composition"]}};
      for (const char* part : {"metrics", "settings"}) row.update(line[part]);
      flat.push_back(std::move(row));
    }
    put("results.jsonl", lines);
    put("results.csv", csv_of(flat));
    write_reports(folder_.path(), findings);
  }
  /// What is there, runs and failures in order.
  const Study& study() const { return study_; }
  Study take() { return std::move(study_); }
  std::vector<std::string> failures() const {
    std::vector<std::string> words;
    for (const auto& [i, failure] : failures_) words.push_back(failure);
    return words;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void put(const char* name, const std::string& text) const {
    AtomicFile file(folder_.path() / name);
    file.write(text);
    file.commit();
  }

  Study study_;
  const std::vector<ProgramRun>& runs_;
  const StudyFolder& folder_;
  std::vector<std::size_t> composition_of_;
  std::vector<nlohmann::ordered_json> lines_;
  std::vector<std::vector<std::size_t>> places_;  ///< by composition: which runs it has
  std::map<std::size_t, std::string> failures_;
  Clock::time_point due_ = Clock::now();
};

/// Is there a checkpoint of this very run, and the log up to it? Anything else is of no use.
bool can_go_on(const std::filesystem::path& folder, const nlohmann::json& fingerprint) {
  try {
    const Checkpoint there = read_checkpoint(folder / "checkpoint", fingerprint);
    return read_log(folder / "log.jsonl").size() >= static_cast<std::size_t>(there.where.epoch);
  } catch (const InputError&) {
    return false;
  }
}

/// One training in its folder.
TrainedRun train_in(const std::filesystem::path& folder, const ProgramRun& planned,
                    const nlohmann::json& fingerprint, const StudyCall& call,
                    const std::function<void(std::int64_t)>& on_rows,
                    const std::function<void(const std::string&)>& warn) {
  RunSettings settings = planned.settings;
  settings.threads = call.threads;
  const Corpus& corpus = planned.data->corpus;
  const std::filesystem::path checkpoint = folder / "checkpoint";
  write_config(folder / "config.json", settings, planned.data->inputs);
  RunLog log;
  RunHooks hooks;
  hooks.test_texts = RunHooks::TestTexts::judged_every_epoch;
  const bool begun = can_go_on(folder, fingerprint);
  hooks.checkpoint =
      CheckpointPlan{checkpoint, fingerprint, 60.0,
                     begun ? CheckpointPlan::Start::from_checkpoint : CheckpointPlan::Start::anew,
                     CheckpointPlan::Last::not_saved};
  hooks.on_start = [&](int epochs, std::int64_t rows) {
    log.open(folder / "log.jsonl", epochs);
    on_rows(corpus.train.rows() * epochs + rows);
  };
  hooks.on_rows = on_rows;
  hooks.warn = warn;
  hooks.on_epoch = [&](const EpochReport& report, const EpochJudgement& judgement) {
    log.add(report, judgement);
  };
  const bool keeps_model = call.models == StudyCall::Models::kept;
  if (keeps_model) hooks.model = folder / "model";
  RunResult result = run(settings, corpus, *planned.data->cache, hooks);
  if (keeps_model) write_model_card(folder / "model", settings, corpus);

  TrainedRun trained;
  trained.metrics = metrics_of(settings, corpus, result);
  trained.run.seconds = result.seconds;
  trained.run.epochs = read_log(folder / "log.jsonl");
  trained.run.covering_rate = result.held_out.covering_rate();
  trained.run.approximated_accuracy = result.held_out.approximated_accuracy();
  trained.run.valid_accuracy = result.valid_accuracy;
  trained.run.train = std::move(result.train);
  if (result.test) trained.run.test = *std::move(result.test);
  return trained;
}

}  // namespace

std::string method_of(const ProgramRun& run) {
  const std::string method = method_names(run.settings).method;
  const std::string& teacher = run.data->teacher_name;
  if (teacher.empty() || learns_from(run.settings) == LabelSource::gold) return method;
  return method + ", " + teacher;
}

std::vector<std::filesystem::path> files_of_study(const std::filesystem::path& out) {
  std::vector<std::filesystem::path> files;
  for (const char* name : report_files) files.push_back(out / name);
  for (const char* name : {"results.jsonl", "results.csv", "study.json"})
    files.push_back(out / name);
  return files;
}

StudyOutcome run_and_report(Study study, const std::vector<ProgramRun>& runs,
                            const StudyCall& call) {
  const StopOnSignal while_running;
  std::vector<StudyJob> jobs;
  std::string grid;
  bool on_device = false;
  for (const ProgramRun& run : runs) {
    StudyJob job;
    job.planned = {run.composition, run.seed,
                   wherever_it_lies(fingerprint_of(run.settings, run.data->inputs))};
    job.memory = estimated_memory(run.settings, run.data->corpus);
    on_device |= job.memory.device > 0.0;
    job.teacher = annotations_of(run);
    grid += job.planned.id();
    jobs.push_back(std::move(job));
  }
  const StudyFolder folder(call.out, call.sharing, run_id(grid));
  StudyOutcome outcome;
  std::vector<bool> done_before;
  for (const StudyJob& job : jobs) done_before.push_back(folder.is_done(job.planned.id()));
  outcome.done_before =
      static_cast<std::size_t>(std::count(done_before.begin(), done_before.end(), true));
  const auto others = folder.done_in_all() - static_cast<std::int64_t>(outcome.done_before);
  if (call.progress == ProgressBar::Output::shown) {
    std::fprintf(stderr, "candist %s: %zu runs, %zu of them done before\n",
                 call.progress_title.c_str(), runs.size(), outcome.done_before);
  }
  if (call.models == StudyCall::Models::kept) {
    std::size_t without = 0;
    for (const StudyJob& job : jobs) {
      const std::string id = job.planned.id();
      without += folder.is_done(id) && !std::filesystem::exists(folder.run_folder(id) / "model");
    }
    if (without > 0)
      std::fprintf(
          stderr,
          "candist: %zu runs were whole before and kept no model; remove their folders and "
          "they are run again\n",
          without);
  }
  if (others > 0 && call.sharing == StudyFolder::Sharing::alone) {
    std::fprintf(stderr,
                 "candist: %lld runs in %s are of other settings or other contents of the inputs; "
                 "they stay there and do not count here\n",
                 static_cast<long long>(others), (call.out / "runs").c_str());
  }

  std::int64_t total = 0;
  const auto texts_of_run = [&](std::size_t i) {
    return runs[i].data->corpus.train.rows() * *runs[i].settings.epochs;
  };
  for (std::size_t i = 0; i < runs.size(); ++i) total += done_before[i] ? 0 : texts_of_run(i);
  ProgressBar bar(call.progress_title, total, "texts", call.progress);
  std::atomic<std::size_t> finished{outcome.done_before};
  const auto note = [&] {
    return "run " + std::to_string(finished.load()) + "/" + std::to_string(runs.size()) + " done";
  };
  std::mutex warning;
  std::set<std::string> warned;
  const auto warn_once = [&](const std::string& words) {
    const std::lock_guard lock(warning);
    if (warned.insert(words).second) std::fprintf(stderr, "candist: %s\n", words.c_str());
  };
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].train = [&, i](const std::filesystem::path& run_folder) {
      return train_in(
          run_folder, runs[i], jobs[i].planned.fingerprint, call,
          [&](std::int64_t rows) { bar.add(rows, note()); }, warn_once);
    };
  }
  StudyResources resources{call.parallel, {call.memory, 0.0}};
  if (on_device) resources.memory.device = 0.9 * static_cast<double>(free_cuda_bytes());
  Reporter reporter(std::move(study), runs, folder);
  StudyEvents events;
  events.done = [&](std::size_t i, TrainedRun trained, bool trained_here) {
    if (!done_before[i]) {
      ++finished;
      if (!trained_here) bar.add(texts_of_run(i), note());
    }
    reporter.add(i, std::move(trained), jobs[i].planned.fingerprint);
    reporter.write_if_due();
  };
  events.failed = [&](std::size_t i, const std::string& reason) { reporter.fail(i, reason); };
  try {
    run_study(folder, jobs, reporter.study(), resources, events, &StopOnSignal::requested());
  } catch (const Interrupted&) {
    bar.finish();
    reporter.write();
    throw;
  }
  bar.finish();
  // What others finished since: whoever reports last has seen all.
  reporter.write([&] {
    outcome.elsewhere = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (reporter.has(i)) continue;
      if (!folder.is_done(jobs[i].planned.id())) {
        ++outcome.elsewhere;
        continue;
      }
      auto [run, metrics] = folder.read(jobs[i].planned, reporter.study());
      reporter.add(i, {std::move(run), std::move(metrics)}, jobs[i].planned.fingerprint);
    }
  });
  outcome.failures = reporter.failures();
  outcome.study = reporter.take();
  return outcome;
}

StudyMemory estimated_memory(const RunSettings& settings, const Corpus& corpus) {
  static std::mutex mutex;
  static std::map<std::string, StudyMemory>
      known;  // of the students' shapes: parameters, all there
  StudyMemory memory;
  with_named<Students>(settings.student, [&]<class Listed>() {
    const std::string key = settings.student + " " + Listed::encoding_of(settings) + " " +
                            std::to_string(settings.layers.value_or(0)) + " " +
                            std::to_string(settings.width.value_or(0)) + " " +
                            std::to_string(settings.heads.value_or(0)) + " " + settings.pooling +
                            " " + std::to_string(settings.max_length.value_or(0)) + " " +
                            std::to_string(settings.batch.value_or(0)) + " " + settings.precision +
                            " " + std::to_string(corpus.train.rows());
    const std::lock_guard lock(mutex);
    StudyMemory& bytes = known[key];
    if (bytes.host == 0.0) {
      const auto count = [&](auto& student) {
        for (const ParameterBlock& block : student.blocks())
          bytes.host += static_cast<double>(block.values.size()) * sizeof(float);
      };
      if constexpr (requires { &Listed::device_memory; }) {
        Transformer host = TransformerStudent::make(settings, corpus);
        count(host);
        bytes.device = Listed::device_memory(std::move(host), settings, corpus);
      } else {
        auto student = Listed::make(settings, corpus);
        count(student);
      }
    }
    memory = bytes;
  });
  const double targets = 2.0 * static_cast<double>(corpus.train.rows()) *
                         static_cast<double>(corpus.labels.size()) * sizeof(float);
  double activations = 0.0;
  if (settings
          .max_length) {  // a transformer: some twenty values a token, layer and width, two views
    TransformerConfig shape;
    if (settings.pretrained.empty()) {
      shape.width = *settings.width;
      shape.layers = *settings.layers;
    } else {
      shape = read_transformer_config(settings.pretrained);
    }
    const double bytes_of_text = static_cast<double>(corpus.train.texts.bytes()) /
                                 std::max(1.0, static_cast<double>(corpus.train.rows()));
    const double tokens = std::min<double>(*settings.max_length, 2.0 + bytes_of_text / 4.0);
    activations =
        2.0 * 20.0 * *settings.batch * tokens * shape.width * shape.layers * sizeof(float);
  }
  memory.host = 4.0 * memory.host + targets + activations;
  return memory;
}

double available_memory() {
  double available = 0.0;  // unknown: no limit
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    double kilobytes = 0.0;
    words >> key >> kilobytes;
    if (key == "MemAvailable:") available = kilobytes * 1024.0;
  }
  // A container or a batch job may have less.
  double limit = 0.0, used = 0.0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit &&
      std::ifstream("/sys/fs/cgroup/memory.current") >> used && limit > used)
    available = std::min(available, limit - used);
  return available;
}

}  // namespace candist::program
