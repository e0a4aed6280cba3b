// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a user's first program looks like: four texts, candidate sets, a student.
#include <candist/candist.hpp>
#include <cstdio>

int main() {
  const std::vector<std::string> texts{"a red apple", "a green apple", "a fast car", "a slow car"};
  candist::Annotations annotations(3);
  for (const std::vector<std::int32_t>& set : {std::vector{0, 2}, {0}, {1, 2}, {1}})
    annotations.add(set);
  candist::Distiller distiller(candist::SoftTargetCe{}, candist::RenormalisedPrediction{},
                               candist::HashedLinear({.classes = 3}), candist::Adagrad{});
  const auto encoded = candist::encode_texts(distiller.student(), texts, 4);
  distiller.fit(encoded, candist::MaskCandidates(annotations));
  const auto labels = distiller.predict(encoded).labels;
  std::printf("%d %d %d %d\n", labels[0], labels[1], labels[2], labels[3]);
  return labels == std::vector<std::int32_t>{0, 0, 1, 1} ? 0 : 1;
}
