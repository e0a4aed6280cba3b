// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "candist/data/string_column.hpp"

namespace candist {

/// Finds the position of a string in a StringColumn by hash; the column must outlive the index.
class StringIndex {
 public:
  explicit StringIndex(const StringColumn& column) : column_(&column), slots_(1024, empty_slot) {}

  /// Notes column[position]; returns the position of an equal string noted before, or -1.
  std::int64_t insert(std::int64_t position) {
    if (static_cast<std::size_t>(++count_) * 2 > slots_.size()) grow();
    std::int64_t& slot = find_slot((*column_)[position]);
    if (slot != empty_slot) return slot;
    slot = position;
    return -1;
  }
  /// The position of a noted string equal to `text`, or -1.
  std::int64_t find(std::string_view text) const {
    return const_cast<StringIndex*>(this)->find_slot(text);
  }

 private:
  static constexpr std::int64_t empty_slot = -1;

  std::int64_t& find_slot(std::string_view text) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = std::hash<std::string_view>{}(text)&mask;
    while (slots_[at] != empty_slot && (*column_)[slots_[at]] != text) at = (at + 1) & mask;
    return slots_[at];
  }
  void grow() {
    std::vector<std::int64_t> old(slots_.size() * 2, empty_slot);
    old.swap(slots_);
    for (const std::int64_t position : old) {
      if (position != empty_slot) find_slot((*column_)[position]) = position;
    }
  }

  const StringColumn* column_;
  std::vector<std::int64_t> slots_;
  std::int64_t count_ = 0;
};

}  // namespace candist
