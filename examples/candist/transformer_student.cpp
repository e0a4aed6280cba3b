// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The one place where the transformer is compiled.
#include <mutex>
#include <set>

#include "students.hpp"

template class candist::TransformerNetwork<candist::Gelu>;

namespace candist::program {
namespace {

/// The head that transformers puts on a model of the folder's family.
Pooling head_pooling(const std::string& folder) {
  return read_transformer_config(folder).family == EncoderFamily::bert ? Pooling::bert_pooler
                                                                       : Pooling::roberta_head;
}

}  // namespace

TransformerConfig TransformerStudent::fresh_config() {
  TransformerConfig config;
  config.width = 128;
  config.layers = 2;
  config.heads = 4;
  return config;
}

void TransformerStudent::join_pretrained(RunSettings& s) {
  // Small encoders want more than the paper's 3e-5 for RoBERTa-base (docs/transformer.md).
  constexpr int small = 384;
  const int width = read_transformer_config(s.pretrained).width;
  if (!s.learning_rate) s.learning_rate = width <= small ? 2e-4f : 3e-5f;
  if (!s.epochs) s.epochs = 5;
}

Transformer TransformerStudent::make(const RunSettings& settings, const Corpus& corpus) {
  TransformerOptions options;
  for (int label = 0; label < corpus.labels.size(); ++label)
    options.labels.push_back(corpus.labels.name(label));
  options.dropout = settings.dropout;
  options.max_length = *settings.max_length;
  options.seed = settings.init_seed.value_or(settings.seed);
  options.threads = settings.threads;
  if (!settings.pretrained.empty()) {
    if (settings.pooling == "mean") options.pooling = Pooling::mean;
    if (settings.pooling == "head") options.pooling = head_pooling(settings.pretrained);
    return Transformer::from_pretrained(settings.pretrained, options);
  }
  TransformerConfig config = fresh_config();
  config.pooling = settings.pooling == "mean" ? Pooling::mean : Pooling::bert_pooler;
  config.classes = corpus.labels.size();
  config.layers = *settings.layers;
  config.width = *settings.width;
  config.heads = *settings.heads;
  config.inner_width = 4 * config.width;
  config.positions = static_cast<int>(options.max_length);
  config.hidden_dropout = config.attention_dropout = config.head_dropout = *settings.dropout;
  const TokenizerSource tokenizer =
      make_tokenizer(corpus.train.texts, corpus.train.rows(), options.max_length);
  config.vocabulary = static_cast<int>(tokenizer.tokenizer->vocabulary().size());
  return {config, tokenizer, options};
}

void TransformerStudent::check(const RunSettings& settings, const Corpus& corpus) {
  // The runs of a study mostly share their folder.
  static std::mutex mutex;
  static std::set<std::string> checked;
  const std::lock_guard lock(mutex);
  const std::string key = encoding_of(settings) + " " + settings.pooling;
  if (settings.pretrained.empty() || checked.contains(key)) return;
  make(settings, corpus);
  checked.insert(key);
}

std::string TransformerStudent::encoding_of(const RunSettings& s) {
  return s.pretrained + " " + std::to_string(*s.max_length);
}

}  // namespace candist::program
