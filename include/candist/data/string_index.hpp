// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "candist/data/string_column.hpp"
#include "candist/error.hpp"

namespace candist {

/// Finds the position of a string in a StringColumn by hash; the column must outlive the index.
/// 16 to 32 bytes a string. Throws ShapeError from position 2^32 - 1 on.
class StringIndex {
 public:
  explicit StringIndex(const StringColumn& column) : column_(&column), slots_(1024) {}

  /// Notes column[position]; returns the position of an equal string noted before, or -1.
  std::int64_t insert(std::int64_t position) {
    if (position >= std::numeric_limits<std::uint32_t>::max())
      throw ShapeError("an index of strings holds fewer than 2^32 - 1");
    if (++count_ * 2 > slots_.size()) grow();
    const std::string_view text = (*column_)[position];
    const std::uint32_t hash = hash_of(text);
    Slot& slot = slots_[find_slot(text, hash)];
    if (slot.after != 0) return std::int64_t{slot.after} - 1;
    slot = {hash, static_cast<std::uint32_t>(position) + 1};
    return -1;
  }
  /// The position of a noted string equal to `text`, or -1.
  std::int64_t find(std::string_view text) const {
    return std::int64_t{slots_[find_slot(text, hash_of(text))].after} - 1;
  }

 private:
  /// The hash is kept, so that only equal hashes compare strings, and growing reads none.
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t after = 0;  ///< the position plus 1; 0 where the slot is free
  };

  static std::uint32_t hash_of(std::string_view text) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text));
  }
  std::size_t find_slot(std::string_view text, std::uint32_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].after != 0 &&
           (slots_[at].hash != hash || (*column_)[std::int64_t{slots_[at].after} - 1] != text)) {
      at = (at + 1) & mask;
    }
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.after == 0) continue;
      std::size_t at = slot.hash & mask;
      while (slots_[at].after != 0) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  const StringColumn* column_;
  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

/// Finds the rows of ids that come from another file. Files mostly keep the order of the texts, so
/// the row after the last one found is tried first, and hashing begins with the first id out of
/// order. The column must outlive the lookup.
class IdLookup {
 public:
  explicit IdLookup(const StringColumn& ids) : ids_(&ids), index_(ids) {}

  /// The row of this id, or -1.
  std::int64_t find(std::string_view id) {
    if (next_ < ids_->size() && (*ids_)[next_] == id) return next_++;
    for (; indexed_ < ids_->size(); ++indexed_) index_.insert(indexed_);
    const std::int64_t row = index_.find(id);
    if (row >= 0) next_ = row + 1;
    return row;
  }

 private:
  const StringColumn* ids_;
  std::int64_t next_ = 0;
  StringIndex index_;
  std::int64_t indexed_ = 0;
};

}  // namespace candist
