// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a study came to: compositions, each run with several seeds on the same texts. Whatever made
// the runs (candist ablate, or a loop over a list of types), the comparison and the reports read
// this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "candist/data/annotations.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/label_space.hpp"
#include "candist/metrics/accuracy.hpp"

namespace candist {

/// One epoch of a run. Shares are of 1, of the training texts; nullopt where it cannot be known.
struct EpochFigures {
  double loss = 0.0;       ///< mean over the texts that had a target
  double outside = 0.0;    ///< argmax outside the candidates (Eq. 2)
  double sharpened = 0.0;  ///< Eq. 3
  double rescued = 0.0;    ///< Eq. 4
  std::optional<double> target_mass_on_gold =
      {};                                    ///< mean mass that the loss's targets gave the gold
                                             ///< label, over texts with target and gold
  std::optional<double> test_accuracy = {};  ///< after the epoch
};

/// One training.
struct FinishedRun {
  std::string id;     ///< names its folder
  std::string seed;   ///< runs of the same seed are paired; "3", or "3/7" where two are varied
  std::string again;  ///< the command that runs it again; may be empty
  double seconds = 0.0;
  Predictions train;  ///< labels given to the training texts
  Predictions test;   ///< empty where there are no test texts
  std::vector<EpochFigures> epochs;
  /// What a model can be selected by without and with gold labels (PLENCH, ICLR 2025).
  std::optional<double> covering_rate;
  std::optional<double> approximated_accuracy;
  std::optional<double> valid_accuracy;
};

/// A line of the study: everything but the seed.
struct StudiedComposition {
  std::string name;    ///< unique in the study: "candist delta=0.4"
  std::string method;  ///< compositions of one method differ in hyper-parameters
  enum class LearnsFrom { teacher, gold } learns_from = LearnsFrom::teacher;
  std::shared_ptr<const Annotations> teacher =
      {};                              ///< null where it learns from gold and there is none
  std::string teacher_name = {};       ///< tells several teachers of a study apart
  std::vector<FinishedRun> runs = {};  ///< by seed, each seed once; those that succeeded
};

/// All of it. The texts and labels are the caller's and must outlive the study.
struct Study {
  std::string title;
  std::string command = {};  ///< that makes the study again
  std::string made_by = {};  ///< "candist 0.4 (commit)"
  const LabelSpace* labels = nullptr;
  const Texts* train = nullptr;
  const Texts* test = nullptr;  ///< null where there are none
  std::vector<StudiedComposition> compositions = {};
  /// Composition that the others are compared with; empty: the one that is right most often, of those
  /// that learn from the teacher.
  std::string reference = {};
  std::vector<std::string> notes = {};  ///< what a reader must know: runs that failed, and why
  std::size_t planned_runs = 0;         ///< more than there are while it runs
  std::size_t failed_runs = 0;
};

/// Which texts a student is judged on.
enum class Judged {
  training_texts,  ///< labels given to the texts it was trained on (the paper's transductive half)
  test_texts,      ///< unseen texts (inductive)
};
inline const char* name_of(Judged judged) {
  return judged == Judged::training_texts ? "training texts" : "test texts";
}
inline const Texts* texts_of(const Study& study, Judged judged) {
  return judged == Judged::training_texts ? study.train : study.test;
}
inline const Predictions& predictions_of(const FinishedRun& run, Judged judged) {
  return judged == Judged::training_texts ? run.train : run.test;
}

}  // namespace candist
