// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "study.hpp"

#include <algorithm>
#include <atomic>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstdio>
#include <exception>
#include <mutex>
#include <thread>

#include "candist/training/progress_bar.hpp"
#include "interruption.hpp"

namespace candist::program {

std::vector<FailedRun> run_study(
    const std::vector<StudyRun>& runs, int threads, const std::string& title, bool quiet,
    const std::function<void(std::size_t, const nlohmann::json&)>& done) {
  const StopOnSignal while_running;
  std::int64_t total = 0;
  for (const StudyRun& run : runs) total += run.data->corpus.train.rows() * *run.settings.epochs;
  ProgressBar bar(title, total, "texts",
                  quiet ? ProgressBar::Output::silent : ProgressBar::Output::shown);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> finished{0};
  std::atomic<bool> halt{false};
  std::mutex reporting;
  std::exception_ptr fatal;
  std::vector<FailedRun> failed;

  const auto attempt = [&](std::size_t i) {
    const StudyRun& job = runs[i];
    RunHooks hooks;
    hooks.on_rows = [&](std::int64_t rows) {
      bar.add(rows, "run " + std::to_string(finished.load()) + "/" + std::to_string(runs.size()) +
                        " done");
    };
    RunSettings settings = job.settings;
    settings.threads = 1;
    nlohmann::json metrics;
    try {
      metrics = metrics_of(settings, job.data->corpus,
                           run(settings, job.data->corpus, job.data->cache, hooks));
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      const std::lock_guard lock(reporting);
      failed.push_back({i, error.what()});
      return;
    }
    ++finished;
    const std::lock_guard lock(reporting);
    done(i, metrics);
  };
  const auto work = [&] {
    while (!halt) {
      const std::size_t i = next++;
      if (i >= runs.size()) return;
      try {
        if (StopOnSignal::requested()) throw Interrupted("interrupted");
        attempt(i);
      } catch (...) {
        const std::lock_guard lock(reporting);
        if (!fatal) fatal = std::current_exception();
        halt = true;
      }
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int t = 1; t < std::min<int>(threads, static_cast<int>(runs.size())); ++t)
      workers.emplace_back(work);
    work();
  }
  bar.finish();
  if (fatal) std::rethrow_exception(fatal);
  std::sort(failed.begin(), failed.end(),
            [](const FailedRun& a, const FailedRun& b) { return a.index < b.index; });
  return failed;
}

Summary summarize(const std::vector<double>& values) {
  Summary s;
  s.n = static_cast<int>(values.size());
  if (s.n == 0) return s;
  for (const double v : values) s.mean += v / s.n;
  if (s.n == 1) return s;
  double squares = 0.0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  s.deviation = std::sqrt(squares / (s.n - 1));
  const boost::math::students_t_distribution<double> t(s.n - 1);
  s.interval = boost::math::quantile(t, 0.975) * s.deviation / std::sqrt(s.n);
  return s;
}

std::string mean_and_spread(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const Summary s = summarize(values);
  char text[48];
  std::snprintf(text, sizeof text, s.n > 1 ? "%.1f ± %.1f" : "%.1f", 100.0 * s.mean,
                100.0 * s.deviation);
  return text;
}

}  // namespace candist::program
