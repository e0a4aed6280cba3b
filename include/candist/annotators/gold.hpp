// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "candist/concepts.hpp"
#include "candist/data/annotations.hpp"
#include "candist/data/dataset.hpp"

namespace candist {

/// The teacher that is never wrong: every text gets its gold label alone. What supervised training
/// learns from; the ceiling of any other annotator.
class GoldAnnotator {
 public:
  static constexpr const char* name = "gold";
  explicit GoldAnnotator(int classes) : classes_(classes) {}
  /// N rows of one candidate over C classes. Throws InputError naming file and id of a text without
  /// a gold label in [0, C).
  Annotations annotate(const Texts& texts) const {
    Annotations annotations(classes_);
    for (std::int64_t row = 0; row < texts.rows(); ++row) {
      const std::int32_t gold = gold_label(texts, row, classes_, "gold annotator");
      annotations.add(std::span(&gold, 1));
    }
    return annotations;
  }

 private:
  int classes_;
};
static_assert(Annotator<GoldAnnotator>);

}  // namespace candist
