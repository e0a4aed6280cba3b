// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/parallel_ranges.hpp"

namespace candist {

/// N encoded texts without padding: ids of all texts end to end, and N + 1 offsets.
class EncodedTexts {
 public:
  std::int64_t rows() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  /// T: ids of all rows.
  std::int64_t tokens() const { return offsets_.back(); }
  TokenSpan operator[](std::int64_t row) const {
    const auto r = static_cast<std::size_t>(row);
    return {ids_.data() + offsets_[r], static_cast<std::size_t>(offsets_[r + 1] - offsets_[r])};
  }
  void push_back(TokenSpan ids) {
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    offsets_.push_back(static_cast<std::int64_t>(ids_.size()));
  }
  void append(const EncodedTexts& other) {
    const std::int64_t shift = tokens();
    ids_.insert(ids_.end(), other.ids_.begin(), other.ids_.end());
    for (std::int64_t row = 1; row <= other.rows(); ++row) {
      offsets_.push_back(shift + other.offsets_[static_cast<std::size_t>(row)]);
    }
  }

 private:
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int32_t> ids_;
};

/// Encodes texts[0 ... n) (anything with operator[](int64) -> string_view) on `threads` threads;
/// the result does not depend on their number.
template <Student S, class Column>
EncodedTexts encode_texts(const S& student, const Column& texts, std::int64_t n, int threads = 1) {
  const int parts = static_cast<int>(std::clamp<std::int64_t>(n / 1024, 1, std::max(threads, 1)));
  std::vector<EncodedTexts> encoded(static_cast<std::size_t>(parts));
  parallel_ranges(n, parts, [&](int part, std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> ids;
    for (std::int64_t row = begin; row < end; ++row) {
      ids.clear();
      student.encode(texts[row], ids);
      encoded[static_cast<std::size_t>(part)].push_back(ids);
    }
  });
  EncodedTexts all = std::move(encoded.front());
  for (int part = 1; part < parts; ++part) all.append(encoded[static_cast<std::size_t>(part)]);
  return all;
}

}  // namespace candist
