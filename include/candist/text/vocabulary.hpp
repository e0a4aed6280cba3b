// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace candist {

/// Finds the id of a token by its text: the inner loop of a tokenizer. One probe mostly, 16 bytes a
/// slot; texts are compared in full.
class TokenIndex {
 public:
  /// Notes a token; false where its text has been noted before (then nothing changes).
  bool insert(std::string_view token, std::int32_t id) {
    if (++count_ * 2 > slots_.size()) grow();
    const std::uint32_t hash = hash_of(token);
    Slot& slot = slots_[find_slot(token, hash)];
    if (slot.id >= 0) return --count_, false;
    slot = {hash, static_cast<std::uint32_t>(characters_.size()),
            static_cast<std::uint32_t>(token.size()), id};
    characters_ += token;
    longest_ = std::max(longest_, token.size());
    return true;
  }
  /// The id of a token, or -1.
  std::int32_t find(std::string_view token) const {
    return slots_[find_slot(token, hash_of(token))].id;
  }
  /// Bytes of the longest token.
  std::size_t longest() const { return longest_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t begin = 0;
    std::uint32_t length = 0;
    std::int32_t id = -1;  ///< -1: the slot is free
  };

  static std::uint64_t load(const char* from, std::size_t bytes) {
    std::uint64_t value = 0;
    std::memcpy(&value, from, bytes);
    return value;
  }
  /// Multiply and fold: the product's two halves depend on all bits of both factors.
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a ^ 0x9E3779B97F4A7C15u) * (b ^ 0xE7037ED1A0B428DBu);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint32_t hash_of(std::string_view text) {
    const char* at = text.data();
    std::size_t left = text.size();
    std::uint64_t hash = left;
    for (; left > 16; left -= 16, at += 16) hash = mix(load(at, 8) ^ hash, load(at + 8, 8));
    // The last 1 to 16 bytes in two loads of fixed sizes, which overlap where there are fewer.
    if (left >= 8) return fold(mix(load(at, 8) ^ hash, load(at + left - 8, 8)));
    if (left >= 4) return fold(mix(load(at, 4) ^ hash << 32, load(at + left - 4, 4)));
    if (left == 0) return fold(hash);
    return fold(
        mix(hash, load(at, 1) | load(at + left / 2, 1) << 8 | load(at + left - 1, 1) << 16));
  }
  static std::uint32_t fold(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash ^ hash >> 32);
  }
  std::size_t find_slot(std::string_view token, std::uint32_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (true) {
      const Slot& slot = slots_[at];
      if (slot.id < 0) return at;
      if (slot.hash == hash && slot.length == token.size() &&
          std::memcmp(characters_.data() + slot.begin, token.data(), token.size()) == 0) {
        return at;
      }
      at = (at + 1) & mask;
    }
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    const std::size_t mask = slots_.size() - 1;
    for (const Slot& slot : old) {
      if (slot.id < 0) continue;
      std::size_t at = slot.hash & mask;
      while (slots_[at].id >= 0) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::string characters_;
  std::size_t count_ = 0;
  std::size_t longest_ = 0;
};

/// Tokens and their ids, which need not be without gaps. Every token once, every id once: whoever
/// fills it (text/tokenizer_files.hpp) has found out and has said in which line.
class Vocabulary {
 public:
  /// Ids must be below this, so that a wrong one cannot ask for all memory.
  static constexpr std::int32_t limit = 1 << 24;
  enum class Added { yes, token_twice, id_twice };

  Added add(std::string_view token, std::int32_t id) {
    const auto at = static_cast<std::size_t>(id);
    if (at < places_.size() && places_[at].given) return Added::id_twice;
    if (!index_.insert(token, id)) return Added::token_twice;
    if (at >= places_.size()) places_.resize(at + 1);
    places_[at] = {characters_.size(), token.size(), true};
    characters_ += token;
    ++count_;
    return Added::yes;
  }
  /// The largest id + 1: rows that an embedding table must have.
  std::int32_t size() const { return static_cast<std::int32_t>(places_.size()); }
  /// Tokens; fewer than size() where ids have gaps.
  std::int32_t count() const { return count_; }
  /// The id of a token, or -1.
  std::int32_t find(std::string_view token) const { return index_.find(token); }
  bool has(std::int32_t id) const {
    return id >= 0 && id < size() && places_[static_cast<std::size_t>(id)].given;
  }
  /// The text of a token; empty where an id has none.
  std::string_view operator[](std::int32_t id) const {
    if (!has(id)) return {};
    const Place& place = places_[static_cast<std::size_t>(id)];
    return std::string_view(characters_).substr(place.begin, place.length);
  }

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t length = 0;
    bool given = false;
  };
  TokenIndex index_;
  std::string characters_;
  std::vector<Place> places_;
  std::int32_t count_ = 0;
};

}  // namespace candist
