// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/students/embedding_bag_mlp.hpp"
#include "train.hpp"

namespace candist::program {

RunResult train_mlp(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                    EncodingCache& cache, const RunHooks& hooks) {
  EmbeddingBagMlpOptions options;
  options.classes = corpus.labels.size();
  options.seed = settings.seed;
  options.ngrams = ngrams_of(settings);
  return train(settings, EmbeddingBagMlp(options), std::move(prepared), corpus, cache, hooks);
}

}  // namespace candist::program
