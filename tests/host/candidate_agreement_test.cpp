// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/metrics/candidate_agreement.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

using candist::CandidateAgreement;

TEST_CASE("covering rate and approximated accuracy are PLENCH's", "[candidate_agreement]") {
  // Reference: the definitions on probabilities, in double.
  constexpr int classes = 6;
  CandidateAgreement agreement, halves[2];
  double covered = 0.0, share = 0.0;
  int rows = 0;
  for (std::uint64_t i = 0; i < 500; ++i) {
    candist::CounterRng rng(3, candist::RandomPurpose::resampling, 0, i);
    std::vector<float> logits(classes);
    for (float& z : logits) z = 8.0f * rng.normal() + (i % 7 == 0 ? 500.0f : 0.0f);
    std::vector<std::int32_t> candidates;
    for (int j = 0; j < classes; ++j) {
      if (rng.uniform() < 0.4f) candidates.push_back(j);
    }
    agreement.add(logits, candidates);
    halves[i % 2].add(logits, candidates);
    if (candidates.empty()) continue;  // says nothing, does not count
    ++rows;
    const double top = *std::max_element(logits.begin(), logits.end());
    double mass = 0.0, label_mass = 0.0;
    for (const std::int32_t j : candidates) {
      const double p = std::exp(logits[static_cast<std::size_t>(j)] - top);
      mass += p;
      if (logits[static_cast<std::size_t>(j)] == static_cast<float>(top)) label_mass += p;
    }
    covered += label_mass > 0.0 ? 1.0 : 0.0;
    share += label_mass > 0.0 ? label_mass / mass : 0.0;
  }
  CHECK(agreement.rows() == rows);
  CHECK(*agreement.covering_rate() == Approx(covered / rows).epsilon(1e-12));
  CHECK(*agreement.approximated_accuracy() == Approx(share / rows).epsilon(1e-9));
  CHECK(*agreement.approximated_accuracy() <= *agreement.covering_rate());
  halves[0].add(halves[1]);
  CHECK(*halves[0].covering_rate() == *agreement.covering_rate());
  CHECK_FALSE(CandidateAgreement().covering_rate());
}

TEST_CASE("of a set of one the share is all or nothing", "[candidate_agreement]") {
  const std::vector<float> logits{0.0f, 2.0f, 1.0f};
  for (const std::int32_t only : {0, 1, 2}) {
    CandidateAgreement agreement;
    agreement.add(logits, std::vector<std::int32_t>{only});
    CHECK(*agreement.covering_rate() == (only == 1 ? 1.0 : 0.0));
    CHECK(*agreement.approximated_accuracy() == (only == 1 ? 1.0 : 0.0));
  }
}
