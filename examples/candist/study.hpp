// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Many runs over shared corpora: each run on one thread, as many at a time as there are threads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "run.hpp"

namespace candist::program {

/// One corpus and its encodings, shared by the runs on it.
struct SharedCorpus {
  Corpus corpus;
  EncodingCache cache;
};

struct StudyRun {
  RunSettings settings;  ///< resolved
  SharedCorpus* data = nullptr;
};

/// A run that came to nothing, and why.
struct FailedRun {
  std::size_t index = 0;
  std::string reason;
};

/// Runs all; done(i, metrics) is called once a run, never by two threads at a time. Results do not
/// depend on `threads`. A run that fails does not keep the others from running; an error of done()
/// ends the study, and so does StopOnSignal, with Interrupted. Returns the failed ones in order.
std::vector<FailedRun> run_study(
    const std::vector<StudyRun>& runs, int threads, const std::string& title, bool quiet,
    const std::function<void(std::size_t, const nlohmann::json&)>& done);

/// Mean and spread of one figure over seeds.
struct Summary {
  int n = 0;
  double mean = 0.0;
  double deviation = 0.0;  ///< sample standard deviation; 0 for one value
  double interval = 0.0;  ///< half width of the 95 % confidence interval of the mean (Student's t);
                          ///< 0 for one value
};
Summary summarize(const std::vector<double>& values);
/// "68.1 ± 0.3" in per cent: mean and standard deviation.
std::string mean_and_spread(const std::vector<double>& values);

}  // namespace candist::program
