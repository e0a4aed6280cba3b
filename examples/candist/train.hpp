// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The training of one kind of student, compiled once a student: losses and refineries are variants
// (composition.hpp).
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/text/hashed_ngrams.hpp"
#include "checkpoint.hpp"
#include "composition.hpp"
#include "run.hpp"

namespace candist::program {

/// A run with its names resolved to policies and its annotations chosen.
struct PreparedRun {
  AnyLoss loss;
  AnyRefinery refinery;
  AnyOptimizer optimizer;
  TrainingOptions training;
  Annotations annotations;
  std::optional<float> word_dropout;
};

template <class S>
class TrainingHooks {
 public:
  TrainingHooks(const RunHooks& hooks, RunResult& result) : hooks_(hooks), result_(result) {}

  void on_batch(const EpochReport& report) {
    hooks_.on_rows(report.rows - seen_);
    seen_ = report.rows;
  }
  void on_epoch(const EpochReport& report) {
    seen_ = 0;
    result_.samples += report.rows;
    result_.tokens += report.tokens;
    result_.seconds += report.seconds;
    hooks_.on_epoch(report);
  }
  template <class Trainer, class Program>
  void on_interrupt(const Trainer& trainer, const Program& program, const TrainingPosition& where) {
    if (!hooks_.checkpoint.empty()) save_checkpoint(hooks_.checkpoint, trainer, program, where);
  }

 private:
  const RunHooks& hooks_;
  RunResult& result_;
  std::int64_t seen_ = 0;
};

template <CandidateSet Set, class S>
RunResult train_on(const Set& candidates, S student, PreparedRun prepared, const Corpus& corpus,
                   const EncodingCache::Encoded& encoded, const RunHooks& hooks) {
  AnyAugmenter augmenter;
  if (prepared.word_dropout) {
    augmenter.augmenter = WordDropout(*prepared.word_dropout, prepared.training.seed);
  } else if (encoded.augmented.rows() > 0) {
    augmenter.augmenter = SecondView(encoded.augmented);
  }
  RunResult result;
  Distiller distiller(prepared.loss, prepared.refinery, std::move(student),
                      std::move(prepared.optimizer), prepared.training);
  TrainingHooks<S> callback(hooks, result);
  distiller.fit(encoded.train, candidates, augmenter, callback, [&](auto& program) {
    return hooks.resume ? load_checkpoint(hooks.checkpoint, distiller, program)
                        : TrainingPosition{};
  });
  result.train = distiller.predict(encoded.train);
  if (corpus.test) result.test = distiller.predict(encoded.test);
  if (!hooks.model.empty()) save_student(hooks.model, distiller.student());
  return result;
}

/// The n-grams of the students that hash them.
inline HashedNgramsOptions ngrams_of(const RunSettings& settings) {
  return {*settings.buckets_log2, *settings.word_ngrams, *settings.char_min, *settings.char_max};
}
/// Names what decides how texts become ids; runs of the same name share the encoded texts.
inline std::string encoding_of(const RunSettings& settings) {
  const HashedNgramsOptions n = ngrams_of(settings);
  return std::to_string(n.buckets_log2) + " " + std::to_string(n.word_ngrams) + " " +
         std::to_string(n.char_min) + " " + std::to_string(n.char_max);
}

/// Trains a student on the set of the settings' kind.
template <class S>
RunResult train(const RunSettings& settings, S student, PreparedRun prepared, const Corpus& corpus,
                EncodingCache& cache, const RunHooks& hooks) {
  const auto encoded =
      cache.get(encoding_of(settings), student, corpus, std::max(1, settings.threads));
  if (settings.candidate_set == MaskCandidates::name) {
    const MaskCandidates set(prepared.annotations);
    return train_on(set, std::move(student), std::move(prepared), corpus, *encoded, hooks);
  }
  if (settings.candidate_set == DenseCandidates::name) {
    const DenseCandidates set(prepared.annotations);
    return train_on(set, std::move(student), std::move(prepared), corpus, *encoded, hooks);
  }
  const SparseCandidates set(prepared.annotations);
  return train_on(set, std::move(student), std::move(prepared), corpus, *encoded, hooks);
}

/// Compiled in a file of their own each.
RunResult train_linear(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                       EncodingCache& cache, const RunHooks& hooks);
RunResult train_mlp(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                    EncodingCache& cache, const RunHooks& hooks);

}  // namespace candist::program
