// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace candist {

/// N strings end to end in one allocation, and where each begins.
class StringColumn {
 public:
  std::int64_t size() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  bool empty() const { return size() == 0; }
  /// Bytes of all strings.
  std::size_t bytes() const { return characters_.size(); }
  std::string_view operator[](std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return {characters_.data() + offsets_[at], offsets_[at + 1] - offsets_[at]};
  }
  void push_back(std::string_view text) {
    characters_ += text;
    offsets_.push_back(characters_.size());
  }
  /// Room for that many bytes in all; untouched room costs no memory.
  void reserve_bytes(std::size_t bytes) { characters_.reserve(bytes); }

 private:
  std::string characters_;
  std::vector<std::size_t> offsets_{0};
};

}  // namespace candist
