// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

namespace candist {

/// The merges of byte-pair encoding: which two neighbouring tokens become one, and in which order
/// of preference. Reference: Sennrich et al. 2016, arXiv:1508.07909.
class BytePairMerges {
 public:
  /// Notes that left, right become `merged`; the earlier a pair is added, the lower its rank.
  /// Returns false for a pair that has been there before (then nothing changes).
  bool add(std::int32_t left, std::int32_t right, std::int32_t merged);
  std::int32_t size() const { return count_; }

  /// Merges until no pair is left that can be: always the pair of the lowest rank, the leftmost of
  /// equal ones. `tokens` shrinks to the result. Of n tokens: n log n steps.
  void apply(std::vector<std::int32_t>& tokens) const {
    tokens.size() <= short_word ? apply_short(tokens) : apply_long(tokens);
  }
  /// Up to this many tokens looking at all pairs is faster than a heap of them.
  static constexpr std::size_t short_word = 32;

 private:
  static constexpr std::int32_t never = std::numeric_limits<std::int32_t>::max();
  struct Merge {
    std::int32_t rank = never;
    std::int32_t token = -1;
  };
  struct Slot {
    std::uint64_t pair = free;
    Merge merge;
  };
  static constexpr std::uint64_t free = ~std::uint64_t{0};

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
           static_cast<std::uint32_t>(right);
  }
  std::size_t find_slot(std::uint64_t pair) const {
    const std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash >> 32) & mask;
    while (slots_[at].pair != pair && slots_[at].pair != free) at = (at + 1) & mask;
    return at;
  }
  Merge find(std::int32_t left, std::int32_t right) const {
    return slots_[find_slot(key(left, right))].merge;
  }
  void apply_short(std::vector<std::int32_t>& tokens) const;
  void apply_long(std::vector<std::int32_t>& tokens) const;

  std::vector<Slot> slots_ = std::vector<Slot>(64);
  std::int32_t count_ = 0;
};

// ---- definitions

inline bool BytePairMerges::add(std::int32_t left, std::int32_t right, std::int32_t merged) {
  if (2 * (static_cast<std::size_t>(count_) + 1) > slots_.size()) {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.pair != free) slots_[find_slot(slot.pair)] = slot;
    }
  }
  Slot& slot = slots_[find_slot(key(left, right))];
  if (slot.pair != free) return false;
  slot = {key(left, right), {count_++, merged}};
  return true;
}

inline void BytePairMerges::apply_short(std::vector<std::int32_t>& tokens) const {
  std::array<Merge, short_word> merges;  // of tokens i and i + 1
  std::size_t count = tokens.size();
  for (std::size_t i = 0; i + 1 < count; ++i) merges[i] = find(tokens[i], tokens[i + 1]);
  while (count > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == never) break;
    tokens[best] = merges[best].token;
    std::copy(tokens.data() + best + 2, tokens.data() + count, tokens.data() + best + 1);
    std::copy(merges.data() + best + 1, merges.data() + count - 1, merges.data() + best);
    --count;
    if (best > 0) merges[best - 1] = find(tokens[best - 1], tokens[best]);
    if (best + 1 < count) merges[best] = find(tokens[best], tokens[best + 1]);
  }
  tokens.resize(count);
}

inline void BytePairMerges::apply_long(std::vector<std::int32_t>& tokens) const {
  // A list of what is left of the tokens, and a heap of merges in the order they are wanted. An
  // entry is stale where one of its tokens has been merged since; then the pair there has another
  // rank, or there is none.
  constexpr std::int32_t gone = -1;
  const auto count = static_cast<std::int32_t>(tokens.size());
  std::vector<std::int32_t> previous(tokens.size());
  std::vector<std::int32_t> next(tokens.size());
  std::vector<std::uint64_t> heap;
  const auto at = [](auto& list, std::int32_t i) -> auto& { return list[std::size_t(i)]; };
  const auto merge_at = [&](std::int32_t left) {
    const std::int32_t right = at(next, left);
    return right == count || at(tokens, left) == gone ? Merge{}
                                                      : find(at(tokens, left), at(tokens, right));
  };
  const auto note = [&](std::int32_t left) {
    const std::int32_t rank = merge_at(left).rank;
    if (rank != never) heap.push_back(key(rank, left));
    return rank != never;
  };
  for (std::int32_t i = 0; i < count; ++i) at(previous, i) = i - 1, at(next, i) = i + 1;
  for (std::int32_t i = 0; i < count; ++i) note(i);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    const std::uint64_t entry = heap.front();
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.pop_back();
    const auto left = static_cast<std::int32_t>(entry & 0xFFFFFFFFu);
    const Merge merge = merge_at(left);
    if (merge.rank != static_cast<std::int32_t>(entry >> 32)) continue;
    const std::int32_t right = at(next, left);
    at(tokens, left) = merge.token;
    at(tokens, right) = gone;
    at(next, left) = at(next, right);
    if (at(next, left) < count) at(previous, at(next, left)) = left;
    if (note(left)) std::push_heap(heap.begin(), heap.end(), std::greater<>());
    if (at(previous, left) >= 0 && note(at(previous, left)))
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  std::erase(tokens, gone);
}

}  // namespace candist
