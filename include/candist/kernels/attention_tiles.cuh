// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_tiles: what the forward and the backward pass of attention on the CUDA cores are made of; on
// tensor cores it is attention_fragments.cuh.
//   CudaCoreTiles   tiles of rows in shared memory and their inner products: the passes ask it alone which
//                   thread holds what
//   KeptCells       the dropout of a thread's cells. A draw settles eight units, of which a tile that is 32
//                   keys wide has two a row: a thread draws four to eight times for its eight cells
#pragma once

#include <cstdint>

#include "candist/cuda/builtins.cuh"
#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/kernels/unit_dropout.cuh"

namespace candist {

namespace detail {

/// Queries, and keys, that are in shared memory together; threads that work on them.
inline constexpr int attention_tile = 32;
inline constexpr int attention_threads = 128;

/// The inner products of both passes on the CUDA cores: everything that knows which thread holds which
/// cells. Thread (y, x) of 16 x 8 holds of a tile of scores the rows y + 16 r and columns x + 8 c, of rows
/// of `Width` the rows y + 16 r and columns 4 (x + 8 c) to 4 (x + 8 c) + 3. A warp holds whole rows.
template <int Width>
struct CudaCoreTiles {
  static_assert(Width % 32 == 0);
  static constexpr bool on_tensor_cores = false;
  static constexpr int width = Width;
  static constexpr int tile = attention_tile;
  static constexpr int threads = attention_threads;
  using Four = Packed<float, 4>;
  static constexpr int rows = 2;               ///< a thread
  static constexpr int columns = 4;            ///< of scores, a thread
  static constexpr int fours = Width / 32;     ///< of a row of `Width`, a thread
  static constexpr int pitch = Width / 4 + 1;  ///< eight rows begin in different banks
  static constexpr int size = attention_tile * pitch;
  static constexpr int weight_pitch = attention_tile / 4 + 1;
  static constexpr int weight_size = attention_tile * weight_pitch;
  using Cells = float[rows][columns];
  using Sums = Four[rows][fours];
  /// The threads that hold a row.
  using RowThreads = RowGroup<8>;

  static __device__ int thread_x() { return static_cast<int>(threadIdx.x) % 8; }
  static __device__ int row(int r) { return static_cast<int>(threadIdx.x) / 8 + 16 * r; }
  static __device__ int column(int c) { return thread_x() + 8 * c; }

  /// Rows [0, count) of a matrix into shared memory, zeros below them.
  template <class Tile, class Storage>
  static __device__ void load(Tile& tile, const Storage* from, std::int64_t stride, int count) {
    constexpr int vector = 16 / static_cast<int>(sizeof(Storage));
    constexpr int vectors = Width / vector;  // a row
    CANDIST_UNROLL
    for (int step = 0; step < attention_tile * vectors / attention_threads; ++step) {
      const int v = static_cast<int>(threadIdx.x) + step * attention_threads;
      const int i = v / vectors;
      const int k = v % vectors * vector;
      float values[vector] = {};
      if (i < count) {
        const auto packed =
            *reinterpret_cast<const Packed<Storage, vector>*>(from + i * stride + k);
        CANDIST_UNROLL
        for (int j = 0; j < vector; ++j) values[j] = to_float(packed.items[j]);
      }
      CANDIST_UNROLL
      for (int j = 0; j < vector; j += 4)
        tile[i * pitch + (k + j) / 4] = {values[j], values[j + 1], values[j + 2], values[j + 3]};
    }
  }

  /// cells = a b^T, of two tiles of rows of `Width`.
  template <class A, class B>
  static __device__ void multiply(A& a, B& b, Cells& cells) {
    CANDIST_UNROLL
    for (int r = 0; r < rows; ++r) {
      CANDIST_UNROLL
      for (int c = 0; c < columns; ++c) cells[r][c] = 0.0f;
    }
    CANDIST_UNROLL
    for (int k = 0; k < Width / 4; ++k) {
      Four left[rows], right[columns];
      CANDIST_UNROLL
      for (int r = 0; r < rows; ++r) left[r] = a[row(r) * pitch + k];
      CANDIST_UNROLL
      for (int c = 0; c < columns; ++c) right[c] = b[column(c) * pitch + k];
      CANDIST_UNROLL
      for (int r = 0; r < rows; ++r) {
        CANDIST_UNROLL
        for (int c = 0; c < columns; ++c) {
          CANDIST_UNROLL
          for (int j = 0; j < 4; ++j) cells[r][c] += left[r].items[j] * right[c].items[j];
        }
      }
    }
  }

  /// A cell of a tile of weights.
  template <class Weights>
  static __device__ float& weight(Weights& weights, int i, int j) {
    return weights[i * weight_pitch + j / 4].items[j % 4];
  }
  /// The thread's cells into a tile of weights, as they are or turned over.
  template <class Weights>
  static __device__ void put(const Cells& cells, Weights& weights) {
    CANDIST_UNROLL
    for (int r = 0; r < rows; ++r) {
      CANDIST_UNROLL
      for (int c = 0; c < columns; ++c) weight(weights, row(r), column(c)) = cells[r][c];
    }
  }
  template <class Weights>
  static __device__ void put_transposed(const Cells& cells, Weights& weights) {
    CANDIST_UNROLL
    for (int r = 0; r < rows; ++r) {
      CANDIST_UNROLL
      for (int c = 0; c < columns; ++c) weight(weights, column(c), row(r)) = cells[r][c];
    }
  }
  /// Row i of a tile times a row in memory, added up as multiply does it: a row that equals one of the
  /// other factor's gives the very bits of that cell.
  template <class Tile, class Storage>
  static __device__ float dot(Tile& tile, int i, const Storage* other) {
    constexpr int vector = 16 / static_cast<int>(sizeof(Storage));
    float sum = 0.0f;
    CANDIST_UNROLL
    for (int k = 0; k < Width; k += vector) {
      const auto packed = *reinterpret_cast<const Packed<Storage, vector>*>(other + k);
      CANDIST_UNROLL
      for (int j = 0; j < vector; j += 4) {
        const Four four = tile[i * pitch + (k + j) / 4];
        CANDIST_UNROLL
        for (int l = 0; l < 4; ++l) sum += four.items[l] * to_float(packed.items[j + l]);
      }
    }
    return sum;
  }
  /// sums += weights[:, 0 .. count) rows[0 .. count), to the next four.
  template <class Weights, class Tile>
  static __device__ void add_weighted(Weights& weights, Tile& tile, int count, Sums& sums) {
    for (int k = 0; k < count; k += 4) {
      Four left[rows];
      CANDIST_UNROLL
      for (int r = 0; r < rows; ++r) left[r] = weights[row(r) * weight_pitch + k / 4];
      CANDIST_UNROLL
      for (int j = 0; j < 4; ++j) {
        CANDIST_UNROLL
        for (int c = 0; c < fours; ++c) {
          const Four right = tile[(k + j) * pitch + column(c)];
          CANDIST_UNROLL
          for (int r = 0; r < rows; ++r) {
            CANDIST_UNROLL
            for (int l = 0; l < 4; ++l) sums[r][c].items[l] += left[r].items[j] * right.items[l];
          }
        }
      }
    }
  }
  static __device__ void scale(Sums& sums, int r, float factor) {
    CANDIST_UNROLL
    for (int c = 0; c < fours; ++c) {
      CANDIST_UNROLL
      for (int l = 0; l < 4; ++l) sums[r][c].items[l] *= factor;
    }
  }
  /// Rows [0, count) of the sums into a matrix.
  template <class Storage>
  static __device__ void store(const Sums& sums, Storage* to, std::int64_t stride, int count) {
    CANDIST_UNROLL
    for (int r = 0; r < rows; ++r) {
      if (row(r) >= count) continue;
      CANDIST_UNROLL
      for (int c = 0; c < fours; ++c) {
        const float* four = sums[r][c].items;
        Packed<Storage, 4> packed;
        CANDIST_UNROLL
        for (int l = 0; l < 4; ++l) packed.items[l] = from_float<Storage>(four[l]);
        // (nvcc writes it at once where the row is cast, not where the place in it is.)
        reinterpret_cast<Packed<Storage, 4>*>(to + row(r) * stride)[column(c)] = packed;
      }
    }
  }
};

/// Asks for single units of a row of dropout; neighbours in a draw are drawn once.
class AttentionUnits {
 public:
  __device__ AttentionUnits(const UnitDropout& dropout, std::int64_t row) : stream_(dropout, row) {}
  __device__ bool holds(unsigned unit) {
    const unsigned block = unit / 128 * 16 + unit % 16;
    if (block != block_) {
      block_ = block;
      kept_ = stream_.kept_of_block(block);
    }
    return (kept_ >> (unit / 16 % 8) & 1u) != 0;
  }

 private:
  DropoutStream stream_;
  unsigned block_ = 0xFFFFFFFFu;  // beyond every text's
  unsigned kept_ = 0;
};

/// Which of the thread's cells stay, of the tile that begins at (query, key) of a text and head.
template <class Tiles>
class KeptCells {
 public:
  __device__ KeptCells(const UnitDropout& dropout, std::int64_t row, int tokens, int query,
                       int key) {
    if (dropout.threshold == 0) return;
    bits_ = 0;
    AttentionUnits units(dropout, row);
    for (int r = 0; r < Tiles::rows && query + Tiles::row(r) < tokens; ++r) {
      const auto row_begins =
          static_cast<unsigned>(query + Tiles::row(r)) * static_cast<unsigned>(tokens);
      for (int step = 0; step < Tiles::columns; ++step) {
        // First those that are 16 apart: they mostly lie in the same eight, drawn together.
        const int c = step / 2 + step % 2 * (Tiles::columns / 2);
        const int j = key + Tiles::column(c);
        if (j < tokens && units.holds(row_begins + static_cast<unsigned>(j)))
          bits_ |= 1u << (r * Tiles::columns + c);
      }
    }
  }
  __device__ bool holds(int r, int c) const {
    return (bits_ >> (r * Tiles::columns + c) & 1u) != 0;
  }

 private:
  unsigned bits_ = 0xFFFFFFFFu;
};

}  // namespace detail

}  // namespace candist
