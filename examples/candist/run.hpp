// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// One training run of the program: from a corpus and settings to labels.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "candist/metrics/accuracy.hpp"
#include "candist/metrics/candidate_agreement.hpp"
#include "candist/training/distiller.hpp"
#include "corpus.hpp"
#include "resolve.hpp"

namespace candist::program {

/// Where and how often the state of a training is saved, and whether it starts from there.
struct CheckpointPlan {
  std::filesystem::path folder;
  nlohmann::json run;     ///< what makes two runs the same: fingerprint_of()
  double seconds = 30.0;  ///< at the end of an epoch, when so many have passed; 0: every epoch
  enum class Start { anew, from_checkpoint } start = Start::anew;
  /// The state after the last epoch, whatever has passed: what fails from there on (a full disk)
  /// costs no training.
  enum class Last { saved, not_saved } last = Last::saved;
};
/// The settings that decide the result, and name, size and content of every input (contents_of()).
nlohmann::json fingerprint_of(const RunSettings& settings, const nlohmann::json& inputs);

/// The best epoch by --valid so far.
struct BestEpoch {
  int epoch = 0;  ///< from 1; 0 = none yet
  double valid_accuracy = 0.0;
  std::optional<double> test_accuracy;
  std::optional<double> train_accuracy;
};

struct RunResult {
  Predictions train;
  std::optional<Predictions> test;
  double seconds = 0.0;  ///< of training
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
  std::optional<double> valid_accuracy;  ///< of the last epoch
  BestEpoch best;
  CandidateAgreement held_out;  ///< with the candidates of the held-out texts
};

/// What an epoch came to beside the distiller's own report.
struct EpochJudgement {
  std::optional<double> valid_accuracy;
  std::optional<double> test_accuracy;        ///< where asked for
  std::optional<double> target_mass_on_gold;  ///< mean over the rows with target and gold label
};

/// What happens around a run.
struct RunHooks {
  /// Training begins after `epochs` whole epochs and `rows` of the next, done before.
  std::function<void(int epochs, std::int64_t rows)> on_start = [](int, std::int64_t) {};
  std::function<void(std::int64_t rows)> on_rows = [](std::int64_t) {};
  std::function<void(const EpochReport&, const EpochJudgement&)> on_epoch =
      [](const EpochReport&, const EpochJudgement&) {};
  enum class TestTexts { judged_at_the_end, judged_every_epoch };
  TestTexts test_texts = TestTexts::judged_at_the_end;
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  std::optional<CheckpointPlan> checkpoint;
  std::filesystem::path model;  ///< folder of the trained student; empty: not saved
};

/// Throws InputError where the corpus lacks what the method of the settings learns from, or the student
/// cannot be made. For before a run leaves its first trace.
void check_run(const RunSettings& settings, const Corpus& corpus);

/// What a person should know of a run before it starts, a line each. `given` are the options that
/// were asked for, `without_effect` those of them that the composition does not have.
std::vector<std::string> notes_on(const RunSettings& settings, const Corpus& corpus,
                                  const std::vector<std::string>& given,
                                  const std::vector<std::string>& without_effect);

/// Trains and labels. `settings` must be resolved. Stops where StopOnSignal says so.
RunResult run(const RunSettings& settings, const Corpus& corpus, EncodingCache& cache,
              const RunHooks& hooks = {});

/// The figures of metrics.json.
nlohmann::json metrics_of(const RunSettings& settings, const Corpus& corpus,
                          const RunResult& result);

}  // namespace candist::program
