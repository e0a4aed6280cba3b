// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Many methods on the same data, one table. You learn how to loop over a list of types: every
// composition is compiled for itself, and a new line of the table is one word in the list.
//
//   cmake --preset cpu && cmake --build --preset cpu --target example_03_compare_losses
//   build-cpu/bin/03_compare_losses
//
// Last line: "ok: nothing beats the gold labels"
#include <algorithm>
#include <array>
#include <candist/candist.hpp>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <vector>

using namespace candist;

/// A method names a loss, a refinery and what it learns from (candist/methods.hpp).
using Compared = TypeList<methods::Supervised, methods::Distillation, methods::Gce,
                          methods::Average, methods::Cc, methods::Proden, methods::CanDist>;

/// One line of the table.
struct Line {
  std::string_view method;
  const char* loss;
  const char* refinery;
  std::array<double, 3> accuracy;  ///< on the test texts, one a seed

  double mean() const { return (accuracy[0] + accuracy[1] + accuracy[2]) / 3.0; }
  double spread() const {  // sample standard deviation
    double squares = 0.0;
    for (const double a : accuracy) squares += (a - mean()) * (a - mean());
    return std::sqrt(squares / 2.0);
  }
};

int main() try {
  // WordNet's texts (Debian: wordnet-base), encoded once for all runs.
  const WordNetCorpus corpus = read_wordnet_corpus(CANDIST_EXAMPLES_DATA "/wordnet");
  const HashedLinearOptions shape{.classes = corpus.labels.size(), .ngrams = {.buckets_log2 = 16}};
  const auto encode = [&](const Texts& texts) {
    return encode_texts(HashedLinear(shape), texts.texts, texts.rows());
  };
  const EncodedTexts train = encode(corpus.train);
  const EncodedTexts test = encode(corpus.test);
  // What a method may learn from: the teacher's candidates, its first choices, the gold labels.
  const Annotations candidates =
      RecordedAnnotator(corpus.folder / "train.ca_all.jsonl", corpus.labels).annotate(corpus.train);
  const Annotations singles = candidates.singles_only();
  Annotations gold(corpus.labels.size());
  for (const std::int32_t& label : corpus.train.labels) gold.add({&label, 1});

  std::vector<Line> table;
  for_each_type(Compared{}, [&]<class M>() {
    const Annotations& labels = M::labels == LabelSource::gold     ? gold
                                : M::labels == LabelSource::single ? singles
                                                                   : candidates;
    Line line{M::name, decltype(M::loss())::name, decltype(M::refinery())::name, {}};
    parallel_ranges(3, 3, [&](int seed, std::int64_t, std::int64_t) {  // a thread a seed
      Distiller distiller(M::loss(), M::refinery(), HashedLinear(shape), RowAdagrad{},
                          {.epochs = 6,
                           .learning_rate = 0.5f,
                           .seed = static_cast<std::uint64_t>(seed) + 1,
                           .auxiliary = M::auxiliary()});
      distiller.fit(train, MaskCandidates(labels));
      line.accuracy[seed] = *accuracy(distiller.predict(test).labels, corpus.test.labels);
    });
    table.push_back(line);
  });

  std::sort(table.begin(), table.end(),
            [](const Line& a, const Line& b) { return a.mean() > b.mean(); });
  std::printf("%-14s %-16s %-24s test accuracy, 3 seeds\n", "method", "loss", "refinery");
  for (const Line& line : table)
    std::printf("%-14s %-16s %-24s %.1f +- %.1f %%\n", line.method.data(), line.loss, line.refinery,
                100.0 * line.mean(), 100.0 * line.spread());

  const bool good = table.front().method == methods::Supervised::name;
  std::puts(good ? "ok: nothing beats the gold labels" : "FAILED: see the first line of the table");
  return good ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
