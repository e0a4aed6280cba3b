// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Studies of the program: many runs over shared texts in one folder, and the files that tell what
// they came to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "candist/studies/report_data.hpp"
#include "candist/studies/run_study.hpp"
#include "candist/training/progress_bar.hpp"
#include "run.hpp"

namespace candist::program {

/// A corpus, and its encodings: corpora with the same texts share them.
struct SharedCorpus {
  DataFiles files;
  Corpus corpus;
  std::shared_ptr<EncodingCache> cache = std::make_shared<EncodingCache>();
  std::string teacher_name;         ///< tells the annotations of several corpora apart
  nlohmann::json inputs = nullptr;  ///< contents_of() its files
};

struct ProgramRun {
  RunSettings settings;  ///< resolved
  SharedCorpus* data = nullptr;
  std::string composition;
  std::string seed;  ///< see FinishedRun
};

/// What hyper-parameters are chosen for: a method, and a teacher where there are several.
std::string method_of(const ProgramRun& run);

/// How and where a study runs.
struct StudyCall {
  std::filesystem::path out;
  std::string progress_title;
  int parallel = 1;     ///< runs at a time
  int threads = 1;      ///< of each; results do not depend on either
  double memory = 0.0;  ///< bytes of the host; 0: no limit. A GPU's are what is free there.
  StudyFolder::Sharing sharing = StudyFolder::Sharing::alone;
  enum class Models { dropped, kept } models = Models::dropped;
  ProgressBar::Output progress = ProgressBar::Output::shown;
};

struct StudyOutcome {
  Study study;
  std::size_t done_before = 0;
  std::size_t elsewhere = 0;          ///< runs that other processes were still at
  std::vector<std::string> failures;  ///< "candist, seed 3 failed: ...", in the order of the runs
};

/// Every file that a study writes beside the folders of its runs.
std::vector<std::filesystem::path> files_of_study(const std::filesystem::path& out);

/// Runs what is missing, keeps results.jsonl, results.csv, summary.md, summary.json, table.tex and
/// report.html up to date meanwhile, and returns all. `study` names what the runs have in common;
/// its compositions are those of the runs, in their order. Throws Interrupted where StopOnSignal
/// says so; what is done by then is kept.
StudyOutcome run_and_report(Study study, const std::vector<ProgramRun>& runs,
                            const StudyCall& call);

/// What a run takes beside what all of them share: an estimate from the student's parameters, their
/// gradients and moments, the targets of all texts and a batch's activations.
StudyMemory estimated_memory(const RunSettings& settings, const Corpus& corpus);

/// Bytes that the machine has to give, now.
double available_memory();

}  // namespace candist::program
