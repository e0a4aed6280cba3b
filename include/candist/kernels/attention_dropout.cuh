// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_dropout: which units of a text and head stay, of a window of queries and keys at once, as bits in
// shared memory that a whole block draws. A draw settles eight units that lie 16 apart, and a group of 16
// draws all of 128 units in a row; votes put them into the order of the units.
//   draws   none in vain but at the ends where the window has all keys of a text: its units are one run.
//           Else each query's units are a run of their own: of 64 keys, two to four times what is needed
//   shared  a bit a unit, runs rounded up to whole groups
// It is no kernel.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "candist/config.hpp"
#include "candist/cuda/builtins.cuh"
#include "candist/kernels/unit_dropout.cuh"

namespace candist {

namespace detail {

/// Groups of 128 units, 16 draws each, that so many units touch at most, wherever they begin.
CANDIST_HD constexpr int unit_groups(int units) { return (units + 126) / 128 + 1; }

/// The same value, which the compiler takes for a new one: nothing that follows from it is computed before a
/// loop and kept in registers through it.
template <class T>
__device__ T computed_here(T value) {
#if defined(__CUDACC__)
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
  unsigned words[sizeof(T) / 4];
  std::memcpy(words, &value, sizeof value);
  CANDIST_UNROLL
  for (unsigned& word : words) asm volatile("" : "+r"(word));
  std::memcpy(&value, words, sizeof value);
#endif
  return value;
}

/// Windows of up to `Queries` x `Keys` units, for blocks of `Threads`.
template <int Threads, int Queries, int Keys>
class UnitWindow {
  static constexpr int group = 128;  ///< units
  static constexpr int word = 32;

 public:
  /// Words of shared memory; one more than drawn, for they are looked at by twos.
  static constexpr int words = Queries * unit_groups(Keys) * (group / word) + 1;

  __device__ UnitWindow(const UnitDropout& dropout, std::int64_t row, int tokens)
      : stream_(dropout, row), on_(!dropout.off()), tokens_(static_cast<unsigned>(tokens)) {}

  /// The whole block draws the window that begins at (query, key). Barriers before and behind it are the
  /// caller's: what was there has been read, what will be there is complete.
  template <class Words>
  __device__ void draw(Words& bits, int query, int queries, int key, int keys) {
    if (!on_) return;
    // The keys of ten rounds, kept from one window to the next, would take the place of a tile's sums.
    const DropoutStream stream = computed_here(stream_);
    const int thread = computed_here(static_cast<int>(threadIdx.x));
    const int lane = thread % warp_size;
    const int half = lane / 16;  // of a warp: it draws a group
    const bool one_run = static_cast<unsigned>(keys) == tokens_;
    const int units = one_run ? queries * keys : keys;
    const int groups = unit_groups(units);
    first_ = static_cast<unsigned>(query) * tokens_ + static_cast<unsigned>(key);
    run_bits_ = one_run ? 0 : static_cast<unsigned>(groups * group);
    for (int pair = thread / warp_size; 2 * pair < (one_run ? 1 : Queries) * groups;
         pair += Threads / warp_size) {
      const int run = one_run ? 0 : (2 * pair + half) % Queries;
      const int number = one_run ? 2 * pair + half : (2 * pair + half) / Queries;  // in the run
      const unsigned begin = first_ + static_cast<unsigned>(run) * tokens_;
      const unsigned drawn = begin / group + static_cast<unsigned>(number);
      const bool wanted =
          run < queries && drawn <= (begin + static_cast<unsigned>(units) - 1) / group;
      if (__ballot_sync(all_lanes, wanted) == 0) continue;
      const unsigned kept =
          wanted ? stream.kept_of_block(drawn * 16 + static_cast<unsigned>(lane % 16)) : 0;
      CANDIST_UNROLL
      for (int w = 0; w < group / word; ++w) {
        // Lanes of a half vote on 16 units in a row, twice.
        const unsigned low = __ballot_sync(all_lanes, (kept >> (2 * w) & 1u) != 0);
        const unsigned high = __ballot_sync(all_lanes, (kept >> (2 * w + 1) & 1u) != 0);
        if (!wanted || lane % 16 != w) continue;
        bits[(run * groups + number) * (group / word) + w] =
            half == 0 ? (low & 0xFFFFu) | high << 16 : low >> 16 | (high & 0xFFFF0000u);
      }
    }
  }

  /// Bit b: the unit of query i and key j + b of the window stays.
  template <class Words>
  __device__ unsigned from(Words& bits, int i, int j) const {
    if (!on_) return 0xFFFFFFFFu;
    const unsigned run = static_cast<unsigned>(i);
    const unsigned unit = first_ + run * tokens_ + static_cast<unsigned>(j);
    const unsigned run_begins = run_bits_ == 0 ? first_ : first_ + run * tokens_;
    const unsigned at = run * run_bits_ + unit - run_begins / group * group;
    const std::uint64_t two_words = std::uint64_t{bits[at / word + 1]} << word | bits[at / word];
    return static_cast<unsigned>(two_words >> at % word);
  }

 private:
  DropoutStream stream_;
  bool on_;
  unsigned tokens_;
  unsigned first_ = 0;     ///< unit of the window
  unsigned run_bits_ = 0;  ///< from one query's to the next one's; 0 where all are one run
};

}  // namespace detail

}  // namespace candist
