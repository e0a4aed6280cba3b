// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// column_sums: the sums over the rows of a table of partial sums.
//   reads   parts * columns floats once
//   writes  columns floats, added to what is there                    bound: memory
//   launch  32 columns a block of 8 warps
//   host twin: a loop over the parts (here every eighth part to a warp, then the eight sums in order)
#pragma once

#include <cstdint>

#include "candist/cuda/launch.cuh"
#include "candist/kernels/row_group.cuh"

namespace candist {

/// Sums over the rows of a table, in an order that only its shape decides: what blocks leave for the
/// parameters they share.
struct ColumnSums {
  const float* table = nullptr;  ///< [parts, columns]
  int parts = 0;
  std::int64_t columns = 0;
  std::int64_t split = 0;   ///< columns before it go to `first`, the others to `second`
  float* first = nullptr;   ///< [split], added to
  float* second = nullptr;  ///< [columns - split], added to
};

inline void add_column_sums(const ColumnSums& sums, cudaStream_t stream);

// ---- the kernel

/// 32 columns a block, 8 warps that each add up every eighth part. (A template, so that several files may
/// have it.)
template <class Sums>
__global__ void __launch_bounds__(256) column_sums_kernel(Sums sums) {
  constexpr int warps = 8;
  CANDIST_SHARED(float, totals, warps* warp_size);
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const long long column = static_cast<long long>(blockIdx.x) * warp_size + lane;
  float total = 0.0f;
  if (column < sums.columns) {
    for (int part = warp; part < sums.parts; part += warps)
      total += sums.table[part * sums.columns + column];
  }
  totals[warp * warp_size + lane] = total;
  __syncthreads();  // the totals of all warps are there
  if (warp > 0 || column >= sums.columns) return;
  for (int w = 1; w < warps; ++w) total += totals[w * warp_size + lane];
  float* to = column < sums.split ? sums.first + column : sums.second + (column - sums.split);
  *to += total;
}

// ---- definitions

inline void add_column_sums(const ColumnSums& sums, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((sums.columns + warp_size - 1) / warp_size);
  launch(column_sums_kernel<ColumnSums>, {blocks, 256}, stream, sums);
}

}  // namespace candist
