// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "students.hpp"

namespace candist::program {

HashedNgramsOptions ngrams_of(const RunSettings& s) {
  return {*s.buckets_log2, *s.word_ngrams, *s.char_min, *s.char_max};
}

std::string encoding_of_ngrams(const RunSettings& s) {
  return std::to_string(*s.buckets_log2) + " " + std::to_string(*s.word_ngrams) + " " +
         std::to_string(*s.char_min) + " " + std::to_string(*s.char_max);
}

HashedLinear LinearStudent::make(const RunSettings& settings, const Corpus& corpus) {
  HashedLinearOptions options;
  options.classes = corpus.labels.size();
  options.seed = settings.init_seed.value_or(settings.seed);
  options.ngrams = ngrams_of(settings);
  return HashedLinear(options);
}

EmbeddingBagMlp MlpStudent::make(const RunSettings& settings, const Corpus& corpus) {
  EmbeddingBagMlpOptions options;
  options.classes = corpus.labels.size();
  options.seed = settings.init_seed.value_or(settings.seed);
  options.ngrams = ngrams_of(settings);
  options.dropout = *settings.dropout;
  return EmbeddingBagMlp(options);
}

}  // namespace candist::program
