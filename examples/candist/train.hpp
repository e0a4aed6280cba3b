// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A run with its names resolved to policies, ready for the one place where students are compiled
// (train.cpp).
#pragma once

#include <optional>

#include "choose.hpp"
#include "run.hpp"

namespace candist::program {

struct PreparedRun {
  Chosen chosen;
  Annotations annotations;
  std::optional<float> word_dropout;
  enum class Keep { last, best } keep = Keep::last;
};

/// Trains the settings' student on their kind of candidate set.
RunResult train(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                EncodingCache& cache, const RunHooks& hooks);

}  // namespace candist::program
