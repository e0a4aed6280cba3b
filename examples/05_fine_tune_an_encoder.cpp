// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A transformer as the student: a pretrained encoder from a Hugging Face folder, or, where none is
// named, a small one with fresh weights. You learn how one is made, trained like any other student, and
// saved as a folder that Hugging Face transformers opens. Needs WordNet (Debian: wordnet-base).
//
//   bash examples/fetch_minilm.sh minilm
//   build-cpu/bin/05_fine_tune_an_encoder minilm      (about two minutes on 2 cores)
//   build-cpu/bin/05_fine_tune_an_encoder             (fresh weights; about half a minute)
//
// Last line: "ok: the saved student gives the same labels"
#include <algorithm>
#include <candist/candist.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace candist;

/// A small encoder that knows nothing yet, with a vocabulary of the texts' words.
Transformer fresh_encoder(const Texts& texts, TransformerOptions options) {
  TransformerConfig config;
  config.layers = 2;
  config.width = 128;
  config.heads = 4;
  config.inner_width = 512;
  config.positions = static_cast<int>(options.max_length);
  config.classes = static_cast<int>(options.labels.size());
  const TokenizerSource tokenizer = make_tokenizer(texts.texts, texts.rows(), options.max_length);
  config.vocabulary = tokenizer.tokenizer->vocabulary().size();
  return {config, tokenizer, std::move(options)};
}

int main(int argc, char** argv) try {
  const WordNetCorpus corpus = read_wordnet_corpus(CANDIST_EXAMPLES_DATA "/wordnet");
  const RecordedAnnotator teacher(corpus.folder / "train.ca_all.jsonl", corpus.labels);
  const Annotations annotations = teacher.annotate(corpus.train);

  // [student]
  TransformerOptions options;
  for (int label = 0; label < corpus.labels.size(); ++label)
    options.labels.push_back(corpus.labels.name(label));
  options.max_length = 64;
  options.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const bool pretrained = argc > 1;
  Transformer encoder = pretrained ? Transformer::from_pretrained(argv[1], options)
                                   : fresh_encoder(corpus.train, options);
  // [/student]

  // [train]
  // The parts are those of any distillation; only the rate and the optimizer are an encoder's.
  Distiller distiller(SoftTargetCe{}, RenormalisedPrediction{}, std::move(encoder),
                      AdamW({.max_gradient_norm = 1.0f, .threads = options.threads}),
                      {.epochs = pretrained ? 2 : 6,
                       .learning_rate = pretrained ? 2e-4f : 1e-3f,
                       .threads = options.threads});
  const Transformer& student = distiller.student();
  const EncodedTexts train_ids = encode_texts(student, corpus.train.texts, corpus.train.rows());
  const EncodedTexts test_ids = encode_texts(student, corpus.test.texts, corpus.test.rows());
  distiller.fit(train_ids, SparseCandidates(annotations));
  const Predictions labels = distiller.predict(test_ids);
  // [/train]
  std::printf("labels of test texts  %5.1f %% right\n",
              100.0 * *accuracy(labels.labels, corpus.test.labels));

  // [save]
  // AutoModelForSequenceClassification.from_pretrained("fine_tuned") opens this folder, too.
  save_student("fine_tuned", student);
  const Transformer loaded = Transformer::load("fine_tuned", options.threads);
  const Predictions again = predict(loaded, test_ids, options.threads);
  // [/save]
  std::filesystem::remove_all("fine_tuned");
  const bool same = again.labels == labels.labels;
  const bool learnt = *accuracy(labels.labels, corpus.test.labels) > 0.35;
  std::puts(same && learnt ? "ok: the saved student gives the same labels"
                           : "FAILED: another student, or one that learnt too little");
  return same && learnt ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
