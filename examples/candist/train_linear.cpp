// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/students/hashed_linear.hpp"
#include "train.hpp"

namespace candist::program {

RunResult train_linear(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                       EncodingCache& cache, const RunHooks& hooks) {
  HashedLinearOptions options;
  options.classes = corpus.labels.size();
  options.seed = settings.seed;
  options.ngrams = ngrams_of(settings);
  return train(settings, HashedLinear(options), std::move(prepared), corpus, cache, hooks);
}

}  // namespace candist::program
