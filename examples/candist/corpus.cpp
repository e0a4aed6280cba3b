// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "corpus.hpp"

#include <algorithm>

namespace candist::program {

Corpus load_corpus(const DataFiles& files) {
  if (files.data.empty()) throw InputError("give the texts with --data FILE");
  Corpus corpus;
  const auto unknown = files.labels.empty() ? UnknownLabels::add : UnknownLabels::reject;
  if (!files.labels.empty()) corpus.labels = read_labels(files.labels);
  corpus.train = read_texts(files.data, corpus.labels, unknown);
  if (!files.test.empty()) corpus.test = read_texts(files.test, corpus.labels, unknown);
  if (!files.valid.empty()) {
    corpus.valid = read_texts(files.valid, corpus.labels, unknown);
    const auto& gold = corpus.valid->labels;
    if (std::all_of(gold.begin(), gold.end(), [](std::int32_t label) { return label < 0; }))
      throw InputError(files.valid, 0, "no gold label", "some, to judge a student by");
  }
  if (!files.augmented.empty() &&
      read_second_views(files.augmented, corpus.train) == corpus.train.rows()) {
    throw InputError(files.augmented, 0, "no second view of any text of " + files.data,
                     "{\"id\", \"augmented\"} lines");
  }
  if (corpus.labels.size() == 0) {
    throw InputError(files.data, 0, "no labels", "a label space: give it with --labels FILE");
  }
  if (!files.candidates.empty())
    corpus.annotations = read_annotations(files.candidates, corpus.train, corpus.labels);
  return corpus;
}

}  // namespace candist::program
