// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "candist/error.hpp"

namespace candist {

/// What stands around the tokens of a text, [CLS] ... [SEP] or <s> ... </s>, and how many ids there
/// may be in all: what is too long loses its last tokens, never those around it.
struct TokenFrame {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  std::int64_t max_length = 0;  ///< 0: no limit

  /// Throws ShapeError for a max_length without room for the tokens around a text.
  void check() const {
    const auto around = static_cast<std::int64_t>(before.size() + after.size());
    if (max_length < 0 || (max_length > 0 && max_length < around)) {
      throw ShapeError("max_length is " + std::to_string(max_length) + ", expected at least " +
                       std::to_string(around) + " (the special tokens around a text), or 0");
    }
  }
  /// Appends a text in its frame; append_tokens(limit) appends the text's own ids and may stop as
  /// soon as there are `limit` in all.
  template <class AppendTokens>
  void encode(std::vector<std::int32_t>& ids, AppendTokens&& append_tokens) const {
    ids.insert(ids.end(), before.begin(), before.end());
    std::size_t limit = std::numeric_limits<std::size_t>::max();
    if (max_length > 0) {
      limit = ids.size() + static_cast<std::size_t>(max_length) - before.size() - after.size();
    }
    append_tokens(limit);
    if (ids.size() > limit) ids.resize(limit);
    ids.insert(ids.end(), after.begin(), after.end());
  }
};

}  // namespace candist
