// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs what is missing of a study: as many trainings at a time as cores and memory allow, beside
// whoever else works on the same folder.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "candist/studies/study_folder.hpp"

namespace candist {

/// What a training came to, and the figures for metrics.json.
struct TrainedRun {
  FinishedRun run;
  nlohmann::json metrics;
};

/// Bytes.
struct StudyMemory {
  double host = 0.0;
  double device = 0.0;
};

/// One training of a study.
struct StudyJob {
  PlannedRun planned;
  StudyMemory memory;  ///< that it takes beside what all runs share; an estimate
  /// Trains; may keep files (a checkpoint, a log) in the run's folder. What it throws
  /// is the failure of this run, except Interrupted and a lost device, which end the study.
  std::function<TrainedRun(const std::filesystem::path& folder)> train;
  std::shared_ptr<const Annotations> teacher;  ///< for the labels file; may be null
};

/// How a study is run.
struct StudyResources {
  int parallel = 1;         ///< runs at a time
  StudyMemory memory = {};  ///< for all runs at a time; 0: no limit. One run may always run.
};

/// Called by one thread at a time.
struct StudyEvents {
  /// A run of the list is whole: trained here, or found whole in the folder.
  std::function<void(std::size_t job, TrainedRun, bool trained_here)> done =
      [](std::size_t, TrainedRun, bool) {};
  std::function<void(std::size_t job, const std::string& reason)> failed =
      [](std::size_t, const std::string&) {};
};

/// Runs the jobs that are not whole in the folder, in their order, each once; results do not depend
/// on order, on how many run at a time, or on who runs what. A run that fails does not keep the
/// others from running. An error of an event or of the folder ends the study, a device that is lost
/// too, and so does `stop`, with Interrupted. Returns how many jobs other processes were still at
/// when nothing was left to start here.
inline std::size_t run_study(const StudyFolder& folder, const std::vector<StudyJob>& jobs,
                             const Study& study, const StudyResources& resources,
                             const StudyEvents& events, const std::atomic<bool>* stop = nullptr);

/// The same for a study made in one place: runs the jobs and returns the study with every run in its
/// composition (named by job.planned.composition), in the order of the jobs, and failures as notes.
inline Study finished_study(const StudyFolder& folder, const std::vector<StudyJob>& jobs,
                            Study study, const StudyResources& resources);

// ---- definitions

namespace detail {

/// The jobs that nobody has begun here, and what is in use.
class JobQueue {
 public:
  JobQueue(const std::vector<StudyJob>& jobs, const StudyResources& resources)
      : jobs_(jobs), resources_(resources), begun_(jobs.size()) {}

  /// The first job that fits; waits where none does; nullopt where none is left.
  std::optional<std::size_t> next() {
    std::unique_lock lock(mutex_);
    while (true) {
      bool left = false;
      for (std::size_t i = 0; i < jobs_.size(); ++i) {
        if (begun_[i]) continue;
        left = true;
        if (running_ > 0 && !(fits(i, &StudyMemory::host) && fits(i, &StudyMemory::device)))
          continue;
        begun_[i] = true;
        ++running_;
        in_use_.host += jobs_[i].memory.host;
        in_use_.device += jobs_[i].memory.device;
        return i;
      }
      if (!left || halted_) return std::nullopt;
      freed_.wait(lock);
    }
  }
  void over(std::size_t i) {
    const std::lock_guard lock(mutex_);
    --running_;
    in_use_.host -= jobs_[i].memory.host;
    in_use_.device -= jobs_[i].memory.device;
    freed_.notify_all();
  }
  /// Nothing more begins.
  void halt() {
    const std::lock_guard lock(mutex_);
    halted_ = true;
    begun_.assign(begun_.size(), true);
    freed_.notify_all();
  }

 private:
  bool fits(std::size_t i, double StudyMemory::*const kind) const {
    const double limit = resources_.memory.*kind;
    return limit <= 0.0 || in_use_.*kind + jobs_[i].memory.*kind <= limit;
  }

  const std::vector<StudyJob>& jobs_;
  StudyResources resources_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<bool> begun_;
  int running_ = 0;
  StudyMemory in_use_;
  bool halted_ = false;
};

}  // namespace detail

inline std::size_t run_study(const StudyFolder& folder, const std::vector<StudyJob>& jobs,
                             const Study& study, const StudyResources& resources,
                             const StudyEvents& events, const std::atomic<bool>* stop) {
  detail::JobQueue queue(jobs, resources);
  std::mutex reporting;
  std::exception_ptr fatal;
  std::vector<std::size_t> elsewhere;

  const auto report_whole = [&](std::size_t i) {  // under `reporting`
    std::optional<TrainedRun> whole;
    try {
      auto [run, metrics] = folder.read(jobs[i].planned, study);
      whole = TrainedRun{std::move(run), std::move(metrics)};
    } catch (const InputError& damaged) {
      events.failed(i, std::string(damaged.what()) + "; remove " +
                           folder.run_folder(jobs[i].planned.id()).string() +
                           " and it is run again");
    }
    if (whole) events.done(i, *std::move(whole), false);
  };
  const auto attempt = [&](std::size_t i) {
    const StudyJob& job = jobs[i];
    const std::optional<StudyFolder::Claim> claim = folder.claim(job.planned);
    if (!claim) {
      const std::lock_guard lock(reporting);
      const std::string id = job.planned.id();
      if (folder.is_done(id)) {
        report_whole(i);
      } else if (const auto reason = folder.failure(id)) {
        events.failed(i, *reason);
      } else {
        elsewhere.push_back(i);
      }
      return;
    }
    std::optional<TrainedRun> trained;
    std::string reason;
    try {
      trained = job.train(claim->folder());
    } catch (const Interrupted&) {
      throw;
    } catch (const DeviceError& error) {
      if (error.lost) throw;  // all others would fail too
      reason = error.what();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (!trained) {
      folder.fail(*claim, reason);
      const std::lock_guard lock(reporting);
      events.failed(i, reason);
      return;
    }
    trained->run.id = job.planned.id();
    trained->run.seed = job.planned.seed;
    folder.finish(*claim, trained->run, trained->metrics, study, job.teacher.get());
    const std::lock_guard lock(reporting);
    events.done(i, *std::move(trained), true);
  };
  const auto work = [&] {
    while (const auto i = queue.next()) {
      try {
        if (stop != nullptr && stop->load()) throw Interrupted("interrupted");
        attempt(*i);
      } catch (...) {
        const std::lock_guard lock(reporting);
        if (!fatal) fatal = std::current_exception();
        queue.halt();
      }
      queue.over(*i);
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int t = 1; t < std::min<int>(resources.parallel, static_cast<int>(jobs.size())); ++t)
      workers.emplace_back(work);
    work();
  }
  if (fatal) std::rethrow_exception(fatal);
  std::size_t left = 0;
  for (const std::size_t i : elsewhere) {  // the others may be through by now
    const std::string id = jobs[i].planned.id();
    if (folder.is_done(id)) {
      report_whole(i);
    } else if (const auto reason = folder.failure(id)) {
      events.failed(i, *reason);
    } else {
      ++left;
    }
  }
  return left;
}

inline Study finished_study(const StudyFolder& folder, const std::vector<StudyJob>& jobs,
                            Study study, const StudyResources& resources) {
  std::vector<std::optional<FinishedRun>> runs(jobs.size());
  std::vector<std::string> reasons(jobs.size());
  StudyEvents events;
  events.done = [&](std::size_t i, TrainedRun trained, bool) { runs[i] = std::move(trained.run); };
  events.failed = [&](std::size_t i, const std::string& reason) { reasons[i] = reason; };
  run_study(folder, jobs, study, resources, events);
  study.planned_runs = jobs.size();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const PlannedRun& planned = jobs[i].planned;
    if (!reasons[i].empty()) ++study.failed_runs;
    if (!reasons[i].empty())
      study.notes.push_back(planned.composition + ", seed " + planned.seed +
                            " failed: " + reasons[i]);
    for (StudiedComposition& composition : study.compositions) {
      if (runs[i] && composition.name == planned.composition)
        composition.runs.push_back(*std::move(runs[i]));
    }
  }
  return study;
}

}  // namespace candist
