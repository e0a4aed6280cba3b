// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A row of activations in the registers of a group of warps, and its dropout.
#pragma once

#include <cstdint>

#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/kernels/unit_dropout.cuh"

namespace candist {
namespace detail {

/// A row [D] as the threads of its group hold it: warp w has every 256 columns w, w + warps, ..., a lane
/// 8 of each, `Vector` neighbours at once.
template <int Threads, int Tiles, int Vector>
struct TiledRow {
  static_assert(8 % Vector == 0);
  using Group = RowGroup<Threads>;
  static constexpr int tile_width = 256;
  static constexpr int warps = Threads / warp_size;
  static constexpr int count = Tiles * 8;
  static constexpr int vector = Vector;

  int lane = Group::rank() % warp_size;
  int warp = Group::rank() / warp_size;
  int width;

  __device__ explicit TiledRow(int row_width) : width(row_width) {}

  __device__ int tile(int i) const { return i / 8 * warps + warp; }
  __device__ int column(int i) const {
    return tile(i) * tile_width + (i % 8 / Vector * warp_size + lane) * Vector + i % Vector;
  }
  /// Zeros beyond the end, and where there is no row.
  template <class T>
  __device__ void read(const T* row, float (&values)[count]) const {
    read_row<Vector>(row, width, values, [&](int i) { return column(i); });
  }
  template <class T>
  __device__ void write(T* row, const float (&values)[count]) const {
    CANDIST_UNROLL
    for (int i = 0; i < count; i += Vector) {
      if (column(i) >= width) continue;
      Packed<T, Vector> packed;
      CANDIST_UNROLL
      for (int v = 0; v < Vector; ++v) packed.items[v] = from_float<T>(values[i + v]);
      *reinterpret_cast<Packed<T, Vector>*>(row + column(i)) = packed;
    }
  }
};

/// Which of a lane's 8 units of a tile are kept. Every lane draws one block of the stream, the masks of 4
/// neighbours make a word, and each lane asks for the two words that its units are in.
template <int Vector>
class KeptUnits {
 public:
  /// By whole warps.
  __device__ KeptUnits(const DropoutStream& stream, int tile, int lane) {
    unsigned word = stream.kept_of_block(static_cast<std::uint32_t>(tile * warp_size + lane))
                    << (lane % 4 * 8);
    word |= __shfl_xor_sync(all_lanes, word, 1);
    word |= __shfl_xor_sync(all_lanes, word, 2);
    constexpr int step = Vector == 8 ? 4 : 16;
    int source, shift;
    if constexpr (Vector == 1) {
      source = lane % 16 / 4 * 4;
      shift = lane % 4 * 8 + lane / 16;
    } else if constexpr (Vector == 4) {
      source = lane % 4 * 4;
      shift = lane / 4;
    } else {
      static_assert(Vector == 8);
      source = lane / 16 * 16 + lane % 2 * 8;
      shift = lane % 16 / 2;
    }
    words_[0] = __shfl_sync(all_lanes, word, source) >> shift;
    words_[1] = __shfl_sync(all_lanes, word, source + step) >> shift;
  }
  __device__ bool keeps(int i) const {
    return ((words_[i / 4] >> (Vector == 1 ? i % 4 * 2 : i % 4 * 8)) & 1u) != 0;
  }

 private:
  unsigned words_[2];
};

/// Multiplies the units of a row by their factors.
template <class Row>
__device__ void drop_units(const Row& row, const UnitDropout& dropout, std::int64_t id,
                           float (&values)[Row::count]) {
  const DropoutStream stream(dropout, id);
  CANDIST_UNROLL
  for (int t = 0; t < Row::count; t += 8) {
    const KeptUnits<Row::vector> kept(stream, row.tile(t), row.lane);
    CANDIST_UNROLL
    for (int i = 0; i < 8; ++i) values[t + i] *= kept.keeps(i) ? dropout.factor : 0.0f;
  }
}

/// May rows of this width be read and written `Vector` elements at once?
template <class... Tables>
bool takes_vectors(int vector, std::int64_t width, const Tables*... tables) {
  return width % vector == 0 && ((reinterpret_cast<std::uintptr_t>(tables) % 16 == 0) && ...);
}

}  // namespace detail
}  // namespace candist
