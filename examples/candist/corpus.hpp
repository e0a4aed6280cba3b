// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// All inputs of a run, read once, and encoded once for all runs that encode alike.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "candist/data/annotation_file.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/label_space.hpp"
#include "candist/text/encoded_texts.hpp"
#include "settings.hpp"

namespace candist::program {

struct Corpus {
  LabelSpace labels;
  Texts train;
  std::optional<Texts> test;
  std::optional<Texts> valid;  ///< has at least one gold label
  std::optional<Annotations> annotations;
};

/// Reads the files; throws InputError where they do not fit together.
Corpus load_corpus(const DataFiles& files);

/// The texts of one corpus as ids, made once for all runs that encode alike. Thread-safe.
class EncodingCache {
 public:
  struct Encoded {
    EncodedTexts train;
    EncodedTexts test;
    EncodedTexts valid;
    EncodedTexts augmented;  ///< no rows where there are no second views
  };
  template <class S>
  std::shared_ptr<const Encoded> get(const std::string& key, const S& student, const Corpus& corpus,
                                     int threads) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<const Encoded>& entry = entries_[key];
    if (!entry) {
      Encoded encoded;
      const std::int64_t rows = corpus.train.rows();
      encoded.train = encode_texts(student, corpus.train.texts, rows, threads);
      if (corpus.test)
        encoded.test = encode_texts(student, corpus.test->texts, corpus.test->rows(), threads);
      if (corpus.valid)
        encoded.valid = encode_texts(student, corpus.valid->texts, corpus.valid->rows(), threads);
      if (!corpus.train.augmented.empty())
        encoded.augmented = encode_texts(student, corpus.train.augmented, rows, threads);
      entry = std::make_shared<const Encoded>(std::move(encoded));
    }
    return entry;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Encoded>> entries_;
};

}  // namespace candist::program
