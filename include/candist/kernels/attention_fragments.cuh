// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_fragments: what attention on tensor cores is made of. A warp has 16 rows of its own, the first
// factor, in registers; the rows that all warps of the block multiply theirs with, 16 a step, lie in shared
// memory. A product of rows is 16 x 16 cells (FragmentC), and these, rounded to bf16, are at once the first
// factor of the next product: no cell is ever written to shared memory.
// It is no kernel.
#pragma once

#include <cstdint>
#include <cstring>

#include "candist/cuda/builtins.cuh"
#include "candist/kernels/attention_dropout.cuh"
#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/kernels/tensor_core.cuh"

namespace candist {

namespace detail {

/// Tiles of 16 rows a warp, of heads of `Width`.
template <int Width, int Warps>
struct TensorCoreTiles {
  static_assert(Width % 32 == 0);
  static constexpr bool on_tensor_cores = true;
  static constexpr int width = Width;
  static constexpr int threads = Warps * warp_size;
  /// Blocks for so many warps on a multiprocessor, whose registers they are to share.
  static constexpr int blocks_of(int warps) { return warps / Warps; }
  static constexpr int step = 16;              ///< rows
  static constexpr int steps = Warps;          ///< a tile
  static constexpr int tile = step * steps;    ///< rows in shared memory; two threads a row
  static constexpr int pitch = Width / 8 + 1;  ///< vectors
  static constexpr int size = tile * pitch;
  using Vector = Packed<__nv_bfloat16, 8>;
  using Factor = SharedFactor<pitch>;
  using Own = FragmentA[Width / 16];   ///< 16 rows
  using Sums = FragmentC[Width / 16];  ///< 16 rows
  /// The dropout of a tile of queries, for eight tiles of keys.
  static constexpr int unit_keys = 8 * tile;
  using Units = UnitWindow<threads, tile, unit_keys>;

  /// Of the warp, in a tile.
  static __device__ int first_row() { return static_cast<int>(threadIdx.x) / warp_size * step; }
  static __device__ int row(int r) { return first_row() + FragmentC::row(r); }
  /// Of a step's cells, in the tile.
  static __device__ int column(int n, int c) { return n * step + FragmentC::column(c); }

  /// Begins to copy rows [0, count) of a matrix, zeros below them.
  template <class Tile>
  static __device__ void load(Tile& to, const __nv_bfloat16* from, std::int64_t stride, int count) {
    constexpr int vectors = Width / 8;  // a row
    const int thread = computed_here(static_cast<int>(threadIdx.x));
    CANDIST_UNROLL
    for (int part = 0; part < tile * vectors / threads; ++part) {
      const int v = thread + part * threads;
      const int i = v / vectors;
      const bool inside = i < count;
      ptx::cp_async_16(&to[i * pitch + v % vectors],
                       from + (inside ? i : 0) * stride + v % vectors * 8, inside ? 16 : 0);
    }
  }
  /// The warp's rows of a tile.
  template <class Tile>
  static __device__ void take(Tile& from, Own& own) {
    CANDIST_UNROLL
    for (int k = 0; k < Width / 16; ++k) own[k] = Factor::first(from, first_row(), 2 * k);
  }
  /// The cells of the warp's rows and the n-th 16 rows of a tile: inner products.
  template <class Tile>
  static __device__ FragmentC multiply(const Own& own, Tile& other, int n) {
    FragmentC cells = {};
    CANDIST_UNROLL
    for (int k = 0; k < Width / 16; ++k)
      Factor::add_product_transposed(cells, own[k], other, n * step, 2 * k);
    return cells;
  }
  /// sums += weights times the n-th 16 rows of a tile.
  template <class Tile>
  static __device__ void add_weighted(const FragmentA& weights, Tile& other, int n, Sums& sums) {
    CANDIST_UNROLL
    for (int k = 0; k < Width / 16; ++k)
      Factor::add_product(sums[k], weights, other, n * step, 2 * k);
  }
  static __device__ void scale(Sums& sums, int r, float factor) {
    CANDIST_UNROLL
    for (int k = 0; k < Width / 16; ++k) {
      CANDIST_UNROLL
      for (int c = 0; c < FragmentC::columns; ++c) sums[k].at(r, c) *= factor;
    }
  }
  /// The sums, rounded, into those of the warp's rows that are below `count`. The whole warp calls it.
  static __device__ void store(const Sums& sums, __nv_bfloat16* to, std::int64_t stride,
                               int count) {
    CANDIST_UNROLL
    for (int r = 0; r < FragmentC::rows; ++r) {
      CANDIST_UNROLL
      for (int k = 0; k < Width / 16; k += 2) {
        unsigned pairs[4];  // of four runs of eight columns
        CANDIST_UNROLL
        for (int run = 0; run < 4; ++run) {
          const float(&cells)[4] = sums[k + run / 2].halves[run % 2];
          pairs[run] = ptx::cvt_bf16x2(cells[2 * r], cells[2 * r + 1]);
        }
        turn_over(pairs);  // now the run of number lane % 4
        Vector vector;
        std::memcpy(&vector, pairs, sizeof vector);
        if (row(r) < count)
          reinterpret_cast<Vector*>(to + row(r) * stride + k * 16)[FragmentC::lane() % 4] = vector;
      }
    }
  }

 private:
  /// Words [lane, word] of four neighbouring lanes become [word, lane].
  static __device__ void turn_over(unsigned (&words)[4]) {
    CANDIST_UNROLL
    for (int bit = 1; bit <= 2; bit *= 2) {
      const bool upper = (FragmentC::lane() & bit) != 0;
      CANDIST_UNROLL
      for (int lower = 0; lower < 4; ++lower) {
        if ((lower & bit) != 0) continue;
        unsigned& below = words[lower];
        unsigned& above = words[lower + bit];
        const unsigned received = __shfl_xor_sync(all_lanes, upper ? below : above, bit);
        if (upper) {
          below = received;
        } else {
          above = received;
        }
      }
    }
  }
};

/// Over the lanes that hold a row's cells.
__device__ inline float row_sum(float mine) {
  return merged_lanes<4>(all_lanes, mine, [](float a, float b) { return a + b; });
}
__device__ inline float row_top(float mine) {
  return merged_lanes<4>(all_lanes, mine, [](float a, float b) { return std::fmax(a, b); });
}

inline constexpr float log2_of_e = 1.44269504f;

}  // namespace detail

}  // namespace candist
