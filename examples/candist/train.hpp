// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A run with its names resolved to policies, ready for the one place where students are compiled
// (train.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "choose.hpp"
#include "run.hpp"

namespace candist::program {

struct PreparedRun {
  Chosen chosen;
  Annotations annotations;
  std::vector<std::int64_t> held_out;  ///< rows that these leave out, ascending
  std::optional<float> word_dropout;
  enum class Keep { last, best } keep = Keep::last;
};

/// Trains the settings' student on their kind of candidate set.
RunResult train(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                EncodingCache& cache, const RunHooks& hooks);

}  // namespace candist::program
