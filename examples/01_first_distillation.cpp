// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Your first distillation: dictionary entries, the candidate labels of a language model, a small
// student. You learn which parts there are, how they meet, and what comes out: a label for every
// training text, and a student that labels new ones. Needs WordNet (Debian: wordnet-base).
//
//   cmake --preset cpu && cmake --build --preset cpu --target example_01_first_distillation
//   build-cpu/bin/01_first_distillation
//
// Last line: "ok: the student does far better than the most frequent category"
#include <algorithm>
#include <candist/candist.hpp>
#include <cstdio>
#include <vector>

using namespace candist;

/// Anything with an on_epoch can watch a training.
struct EpochPrinter {
  static void on_epoch(const EpochReport& r) {
    if (r.epoch % 5 != 4) return;
    std::printf("  epoch %2d  loss %.3f  texts with a target %lld, of these sharpened %lld\n",
                r.epoch + 1, r.loss, static_cast<long long>(r.with_target),
                static_cast<long long>(r.sharpened));
  }
};

int main() try {
  // [data]
  // Texts with gold labels. Only the accuracies below look at the gold.
  const WordNetCorpus corpus = read_wordnet_corpus(CANDIST_EXAMPLES_DATA "/wordnet");
  const Texts& train = corpus.train;
  const Texts& test = corpus.test;
  // [/data]

  // [teacher]
  // The teacher: every text gets the labels that a language model thought possible, best first.
  const RecordedAnnotator teacher(corpus.folder / "train.ca_all.jsonl", corpus.labels);
  const Annotations annotations = teacher.annotate(train);
  const CandidateStatistics quality = candidate_statistics(annotations, train.labels);
  // [/teacher]

  // [student]
  // The parts: loss, refinery, student, optimizer. Each can be swapped for any other of its kind.
  Distiller distiller(SoftTargetCe{}, DistributionRefinery{},
                      HashedLinear({.classes = corpus.labels.size()}), RowAdagrad{},
                      {.epochs = 20, .learning_rate = 0.5f, .seed = 1});
  // [/student]

  // [train]
  // A student reads ids, not characters; the texts are encoded once.
  const HashedLinear& student = distiller.student();
  const EncodedTexts train_ids = encode_texts(student, train.texts, train.rows());
  const EncodedTexts test_ids = encode_texts(student, test.texts, test.rows());
  distiller.fit(train_ids, MaskCandidates(annotations), NoSecondView{}, EpochPrinter{});
  const Predictions train_labels = distiller.predict(train_ids);
  const Predictions test_labels = distiller.predict(test_ids);
  // [/train]

  const double on_train = *accuracy(train_labels.labels, train.labels);
  const double on_test = *accuracy(test_labels.labels, test.labels);
  std::printf("%lld training texts, %lld test texts, %d categories\n",
              static_cast<long long>(train.rows()), static_cast<long long>(test.rows()),
              corpus.labels.size());
  std::printf("teacher's first label      %5.1f %% right\n", 100.0 * *quality.single_accuracy);
  std::printf("gold among the candidates  %5.1f %% of the texts, %.2f candidates a text\n",
              100.0 * *quality.coverage, quality.mean_set_size);
  std::printf("labels of training texts   %5.1f %% right\n", 100.0 * on_train);
  std::printf("labels of test texts       %5.1f %% right\n", 100.0 * on_test);

  // What somebody gets who always names the category that is most frequent in the test texts.
  std::vector<int> count(static_cast<std::size_t>(corpus.labels.size()));
  for (const std::int32_t label : test.labels) ++count[static_cast<std::size_t>(label)];
  const double guess =
      *std::max_element(count.begin(), count.end()) / static_cast<double>(test.rows());
  std::printf("most frequent category     %5.1f %% right\n", 100.0 * guess);
  const bool good = on_test > 3.0 * guess;
  std::puts(good ? "ok: the student does far better than the most frequent category"
                 : "FAILED: the student learnt too little");
  return good ? 0 : 1;
} catch (const Error& error) {  // a missing file, say; the text is one line meant for a person
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
