// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_group: the threads that work on one row together, and what they do as one: reductions. Every
// reduction is a fixed tree, so the same input gives the same bits, and all threads of the group get them.
//   a part of a warp (1 to 32 threads)   log2(threads) shuffles a word
//   a block                              the same, then once more over the warps, whose parts every warp
//                                        reads from shared memory: a word a warp; 2 barriers
// Several blocks a row: row_cluster.cuh.
#pragma once

#include <cstring>
#include <type_traits>

#include "candist/cuda/builtins.cuh"

namespace candist {

/// Labels [first, end) of a row.
struct RowStretch {
  int first;
  int end;
};

/// `Threads` threads a row: a power of two up to 32, or a whole number of warps, which then is the block.
template <int Threads>
struct RowGroup {
  static_assert((Threads <= warp_size && warp_size % Threads == 0) ||
                    (Threads % warp_size == 0 && Threads <= 1024),
                "candist: a row is worked on by a part of a warp, or by whole warps");
  static constexpr bool is_block = Threads > warp_size;

  /// Of the thread, in its group.
  static __device__ int rank() { return static_cast<int>(threadIdx.x) % Threads; }
  static __device__ bool leads() { return rank() == 0; }
  /// The labels that the thread's block works on: all.
  static __device__ RowStretch stretch(int classes, int /*multiple_of*/) { return {0, classes}; }
  /// Before the first reduction and after the last one.
  static __device__ void enter() {}
  static __device__ void leave() {}
  /// The row of the thread's group, counted over the grid; rows beyond the last are the caller's matter.
  static __device__ long long row() {
    return (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) / Threads;
  }

  /// merge(a, b) over all members of the group. merge must be commutative to the bit. T: trivially
  /// copyable, whole 32-bit words. All members have to call it; other groups need not.
  template <class T, class Merge>
  static __device__ T all(T mine, Merge merge);
  static __device__ float sum(float mine) {
    return all(mine, [](float a, float b) { return a + b; });
  }
};

// ---- definitions

namespace detail {

/// A value's words in a shared array, from `at` on.
template <class T, class Array>
__device__ void put_words(Array& array, int at, const T& value) {
  unsigned words[sizeof(T) / 4];
  std::memcpy(words, &value, sizeof value);
  for (const unsigned word : words) array[at++] = word;
}
template <class T, class Array>
__device__ T taken_words(Array& array, int at) {
  unsigned words[sizeof(T) / 4];
  for (unsigned& word : words) word = array[at++];
  T value;
  std::memcpy(&value, words, sizeof value);
  return value;
}

/// The value of the lane whose number differs in the bit `step`, among `lanes`.
template <class T>
__device__ T shuffle_xor(unsigned lanes, const T& value, int step) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
  unsigned words[sizeof(T) / 4];
  std::memcpy(words, &value, sizeof value);
  for (unsigned& word : words) word = __shfl_xor_sync(lanes, word, step);
  T other;
  std::memcpy(&other, words, sizeof other);
  return other;
}

/// merge() over runs of `Width` lanes, a power of two.
template <int Width, class T, class Merge>
__device__ T merged_lanes(unsigned lanes, T mine, Merge merge) {
  CANDIST_UNROLL
  for (int step = Width / 2; step > 0; step /= 2)
    mine = merge(mine, shuffle_xor(lanes, mine, step));
  return mine;
}

}  // namespace detail

template <int Threads>
template <class T, class Merge>
__device__ T RowGroup<Threads>::all(T mine, Merge merge) {
  constexpr int width = is_block ? warp_size : Threads;
  unsigned lanes = all_lanes;
  if constexpr (width < warp_size) {
    const int first = static_cast<int>(threadIdx.x) % warp_size / width * width;
    lanes = ((1u << width) - 1u) << first;
  }
  mine = detail::merged_lanes<width>(lanes, mine, merge);
  if constexpr (is_block) {
    constexpr int warps = Threads / warp_size;
    constexpr int words = sizeof(T) / 4;
    CANDIST_SHARED(unsigned, parts, warps* words);
    const int warp = rank() / warp_size;
    const int lane = rank() % warp_size;
    __syncthreads();  // the parts of the last reduction have been read
    if (lane == 0) detail::put_words(parts, warp * words, mine);
    __syncthreads();  // all parts are there
    if constexpr ((warps & (warps - 1)) == 0) {
      mine = detail::merged_lanes<warps>(
          all_lanes, detail::taken_words<T>(parts, lane % warps * words), merge);
    } else {
      mine = detail::taken_words<T>(parts, 0);
      for (int other = 1; other < warps; ++other)
        mine = merge(mine, detail::taken_words<T>(parts, other * words));
    }
  }
  return mine;
}

}  // namespace candist
