// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// One training run of the program: from a corpus and settings to labels.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "candist/data/annotation_file.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/label_space.hpp"
#include "candist/metrics/accuracy.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/distiller.hpp"
#include "settings.hpp"

namespace candist::program {

/// All inputs of a run.
struct Corpus {
  LabelSpace labels;
  Texts train;
  std::optional<Texts> test;
  std::optional<Annotations> annotations;
  AnnotationFileReport annotation_report;
};

/// Reads the files; throws InputError where they do not fit together.
Corpus load_corpus(const DataFiles& files);

/// The texts of one corpus as ids, made once for all runs that encode alike. Thread-safe.
class EncodingCache {
 public:
  struct Encoded {
    EncodedTexts train;
    EncodedTexts test;
    EncodedTexts augmented;  ///< no rows where there are no second views
  };
  template <class S>
  std::shared_ptr<const Encoded> get(const std::string& key, const S& student, const Corpus& corpus,
                                     int threads) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const Encoded>& entry = entries_[key];
    if (!entry) {
      Encoded encoded;
      encoded.train = encode_texts(student, corpus.train.texts, corpus.train.rows(), threads);
      if (corpus.test)
        encoded.test = encode_texts(student, corpus.test->texts, corpus.test->rows(), threads);
      if (!corpus.train.augmented.empty()) {
        encoded.augmented =
            encode_texts(student, corpus.train.augmented, corpus.train.rows(), threads);
      }
      entry = std::make_shared<const Encoded>(std::move(encoded));
    }
    return entry;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Encoded>> entries_;
};

/// What happens around a run.
struct RunHooks {
  std::function<void(std::int64_t rows)> on_rows = [](std::int64_t) {};
  std::function<void(const EpochReport&)> on_epoch = [](const EpochReport&) {};
  const std::atomic<bool>* stop = nullptr;
  std::filesystem::path checkpoint;  ///< folder; empty: none is written
  bool resume = false;               ///< go on from the checkpoint
  std::filesystem::path model;       ///< folder of the trained student; empty: not saved
};

struct RunResult {
  Predictions train;
  std::optional<Predictions> test;
  double seconds = 0.0;  ///< of training
  std::int64_t samples = 0;
  std::int64_t tokens = 0;
};

/// Settings with every default of the student filled in; throws InputError for names that do not
/// exist and for numbers out of range.
RunSettings resolved(RunSettings settings);

/// Throws InputError where the corpus lacks what the method of the settings learns from. For before a
/// run leaves its first trace.
void check_run(const RunSettings& settings, const Corpus& corpus);

/// What the settings' method is called, and its loss and refinery.
struct MethodNames {
  std::string method, loss, refinery;
};
MethodNames method_names(const RunSettings& settings);

/// Trains and labels. `settings` must be resolved.
RunResult run(const RunSettings& settings, const Corpus& corpus, EncodingCache& cache,
              const RunHooks& hooks = {});

/// The figures of metrics.json.
nlohmann::json metrics_of(const RunSettings& settings, const Corpus& corpus,
                          const RunResult& result);

}  // namespace candist::program
