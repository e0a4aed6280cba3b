// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A loss that candist does not have, in twenty lines. You learn what a loss sees (the sums of one
// row, and one cell of it), how to check its gradient, and how to train with it and compare it.
//
//   cmake --preset cpu && cmake --build --preset cpu --target example_02_your_own_loss
//   build-cpu/bin/02_your_own_loss
//
// Last line: "ok: the gradient is right, and the student learns from it"
#include <algorithm>
#include <candist/candist.hpp>
#include <cmath>
#include <cstdio>
#include <vector>

using namespace candist;

// [loss]
/// Generalised cross entropy of the candidates' mass: L = (1 - P_S^q) / q. MarginalNll as q -> 0,
/// 1 - P_S at q = 1. A set that misses the truth pulls less and less: dL/dz = P_S^q (p - r).
/// Reference: Zhang and Sabuncu, NeurIPS 2018, arXiv:1805.07836, with P_S in place of p_y.
struct MassGce {
  static constexpr const char* name = "mass_gce";
  static constexpr const char* reference = "Zhang and Sabuncu, NeurIPS 2018, on P_S";
  float q = 0.7f;
  CANDIST_HD float value(RowStats row) const { return -expm1f(q * row.log_candidate_mass()) / q; }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return expf(q * row.log_candidate_mass()) * (row.prob(cell) - row.share(cell));
  }
};
static_assert(Loss<MassGce>);
// [/loss]

/// How far a loss's gradient is from central differences of its value (they err by about 1e-4).
template <Loss L>
float gradient_error(const L& loss) {
  std::vector<Cell> cells(6);
  for (int j = 0; j < 6; ++j) cells[j].label = j;
  for (int j : {0, 2}) cells[j].candidate = true, cells[j].target = 0.5f;
  std::vector<float> logits{1.0f, -1.0f, 0.5f, 2.0f, 0.0f, -2.0f}, gradient(6), unused(6);
  const auto value_with = [&](int j, float shift, std::vector<float>& dlogits) {
    std::vector<float> z = logits;
    z[j] += shift;
    RowStats row = row_stats(z.data(), cells);
    add_target_sums(row, cells);
    return row_loss(loss, row, std::span<const Cell>(cells), 1.0f, dlogits.data());
  };
  value_with(0, 0.0f, gradient);
  float worst = 0.0f;
  for (int j = 0; j < 6; ++j) {
    const float rise = value_with(j, 0.01f, unused) - value_with(j, -0.01f, unused);
    worst = std::max(worst, std::abs(rise / 0.02f - gradient[j]));
  }
  return worst;
}

int main() try {
  // A teacher as good as GPT-3.5 on RCT (CanDist Table 8, CA_add): a quarter of its sets miss the
  // truth. The texts are WordNet's (Debian: wordnet-base).
  const WordNetCorpus corpus = read_wordnet_corpus(CANDIST_EXAMPLES_DATA "/wordnet");
  const int classes = corpus.labels.size();
  const SimulatedAnnotator teacher({.classes = classes, .coverage = 0.7518, .mean_set_size = 1.56});
  const MaskCandidates candidates(teacher.annotate(corpus.train));

  // [train]
  const HashedLinear untrained({.classes = classes});
  const auto train = encode_texts(untrained, corpus.train.texts, corpus.train.rows());
  const auto test = encode_texts(untrained, corpus.test.texts, corpus.test.rows());
  const auto test_accuracy = [&](const auto& loss) {
    Distiller distiller(loss, KeepPrior{}, untrained, RowAdagrad{},
                        {.epochs = 10, .learning_rate = 0.5f});
    distiller.fit(train, candidates);
    return *accuracy(distiller.predict(test).labels, corpus.test.labels);
  };
  const double marginal = test_accuracy(MarginalNll{});
  const double own = test_accuracy(MassGce{});
  // [/train]

  const float error = gradient_error(MassGce{});
  std::printf("gradient: at most %.0e from central differences\n", error);
  std::printf("test texts right: %s %.1f %%, %s %.1f %%\n", MarginalNll::name, 100.0 * marginal,
              MassGce::name, 100.0 * own);
  // Which of the two is better is for a study to say (candist ablate), not for one seed.
  const bool good = error < 1e-3f && own > 0.5;
  std::puts(good ? "ok: the gradient is right, and the student learns from it"
                 : "FAILED: see above");
  return good ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
