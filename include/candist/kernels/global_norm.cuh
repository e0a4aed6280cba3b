// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// global_norm: the norm of the gradients of all blocks together, and what clipping multiplies them by; both
// stay on the device, where adamw.cuh reads them.
//   reads   every gradient once, and a float a part of 4096 elements
//   writes  that float, then two more                     bound: memory
//   launch  256 threads a part; then one block of 1024 for all parts, in double
//   never   adds in an order that depends on anything but the blocks' shapes: the same input gives the same
//           bits; waits for the host
//   host twin: OptimizerState::begin_step in optimizers/optimizer_state.hpp
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "candist/config.hpp"
#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"
#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/parameter_block.hpp"

namespace candist {

/// A ParameterBlock on the device with its optimizer's state; pointers are of the device. Rows of a
/// row-sparse block are padded as the block's are.
template <class Gradient>
struct DeviceBlock {
  std::int64_t rows = 0;  ///< of the gradient: all, or the touched ones of a row-sparse block
  std::int64_t width = 0;
  const Gradient* gradient = nullptr;  ///< [rows, width]
  float* values = nullptr;             ///< [table rows, width]
  __nv_bfloat16* copy = nullptr;  ///< [table rows, width], the values rounded; none: not wanted
  float* first = nullptr;         ///< [table rows, width], first moments
  float* second = nullptr;        ///< [table rows, width], second moments
  Decay decay = Decay::weight;
  // Of row-sparse blocks:
  const std::int32_t* touched = nullptr;  ///< [rows]; none: the block is dense
  std::int64_t table_rows = 0;
  std::int64_t* steps = nullptr;  ///< [table rows], the step of each row's last update, 0 at first
  double* decayed = nullptr;  ///< [table rows], the log of the decay that has reached the row, 0 at
                              ///< first; none: no decay
  std::int64_t first_part = 0;  ///< by number_parts

  /// Elements that a block of threads takes at once.
  static constexpr std::int64_t part_size = 4096;
  CANDIST_HD std::int64_t rows_a_part() const {
    return width < part_size ? part_size / (width > 0 ? width : 1) : 1;
  }
  CANDIST_HD std::int64_t parts() const {
    if (touched == nullptr) return (rows * width + part_size - 1) / part_size;
    return (rows + rows_a_part() - 1) / rows_a_part();
  }
};

/// Numbers the parts of all blocks one after another; how many there are. On the host, before the blocks
/// are copied to the device.
template <class Gradient>
std::int64_t number_parts(std::span<DeviceBlock<Gradient>> blocks) {
  std::int64_t parts = 0;
  for (DeviceBlock<Gradient>& block : blocks) {
    block.first_part = parts;
    parts += block.parts();
  }
  return parts;
}

/// All blocks of a student.
template <class Gradient>
struct DeviceBlocks {
  const DeviceBlock<Gradient>* blocks = nullptr;  ///< [count], on the device
  int count = 0;
  std::int64_t parts =
      0;  ///< at least as many as number_parts said: a graph may have room for more
};

struct GradientNorm {
  float norm = 0.0f;   ///< before clipping
  float scale = 1.0f;  ///< what clipping multiplies gradients by
};

/// Puts the norm's two launches into the stream. partials: [blocks.parts]. max_norm 0: nothing is clipped.
template <class Gradient>
void global_norm(const DeviceBlocks<Gradient>& blocks, float max_norm, float* partials,
                 GradientNorm* result, cudaStream_t stream);

// ---- kernels

namespace detail {

/// The block that a part belongs to; count where there is none.
template <class Gradient>
__device__ int block_of_part(const DeviceBlocks<Gradient>& all, long long part) {
  int low = 0;
  int high = all.count;  // the first block whose parts begin behind it
  while (low < high) {
    const int middle = (low + high) / 2;
    if (all.blocks[middle].first_part <= part) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return all.count;
  const DeviceBlock<Gradient>& block = all.blocks[low - 1];
  return part - block.first_part < block.parts() ? low - 1 : all.count;
}

/// Four elements at `from`, which begin at a multiple of their size, or fewer at the end.
template <class T>
__device__ void read_four(const T* from, float (&to)[4]) {
  const auto packed = *reinterpret_cast<const Packed<T, 4>*>(from);
  CANDIST_UNROLL
  for (int v = 0; v < 4; ++v) to[v] = to_float(packed.items[v]);
}
template <class T>
__device__ void write_four(T* to, const float (&from)[4]) {
  Packed<T, 4> packed;
  CANDIST_UNROLL
  for (int v = 0; v < 4; ++v) packed.items[v] = from_float<T>(from[v]);
  *reinterpret_cast<Packed<T, 4>*>(to) = packed;
}
/// May four elements be read at once? Of none, too.
template <class T>
__device__ bool takes_four(const T* from) {
  return reinterpret_cast<std::uintptr_t>(from) % (4 * sizeof(T)) == 0;
}

}  // namespace detail

template <class Gradient>
__global__ void __launch_bounds__(256) squares_kernel(DeviceBlocks<Gradient> all, float* partials) {
  const long long part = blockIdx.x;
  const int number = detail::block_of_part(all, part);
  float total = 0.0f;
  if (number < all.count) {
    const DeviceBlock<Gradient>& block = all.blocks[number];
    const long long size = block.rows * block.width;
    const long long step = block.touched == nullptr ? DeviceBlock<Gradient>::part_size
                                                    : block.rows_a_part() * block.width;
    const long long begin = (part - block.first_part) * step;
    const long long count = size - begin < step ? size - begin : step;
    const Gradient* from = block.gradient + begin;
    const long long whole = detail::takes_four(from) ? count / 4 * 4 : 0;
    for (long long i = static_cast<int>(threadIdx.x) * 4; i < whole; i += 256 * 4) {
      float g[4];
      detail::read_four(from + i, g);
      CANDIST_UNROLL
      for (int v = 0; v < 4; ++v) total += g[v] * g[v];
    }
    for (long long i = whole + static_cast<int>(threadIdx.x); i < count; i += 256) {
      const float g = to_float(from[i]);
      total += g * g;
    }
  }
  total = RowGroup<256>::sum(total);
  if (threadIdx.x == 0) partials[part] = total;
}

/// One block. (A template, so that several files may have it.)
template <class Result>
__global__ void __launch_bounds__(1024)
    gradient_norm_kernel(const float* partials, long long parts, float max_norm, Result* result) {
  double total = 0.0;
  for (long long part = static_cast<int>(threadIdx.x); part < parts; part += 1024)
    total += static_cast<double>(partials[part]);
  total = RowGroup<1024>::all(total, [](double a, double b) { return a + b; });
  if (threadIdx.x != 0) return;
  const double norm = std::sqrt(total);
  const double scale = static_cast<double>(max_norm) / (norm + 1e-6);
  result->norm = static_cast<float>(norm);
  result->scale = max_norm > 0.0f && scale < 1.0 ? static_cast<float>(scale) : 1.0f;
}

// ---- definitions

namespace detail {

template <class Gradient>
void check_blocks(const char* who, const DeviceBlocks<Gradient>& blocks) {
  if (blocks.count < 0 || blocks.parts < 0 || (blocks.count > 0 && blocks.blocks == nullptr))
    throw ShapeError(std::string(who) + ": found no table of blocks, expected [count]");
}

}  // namespace detail

template <class Gradient>
void global_norm(const DeviceBlocks<Gradient>& blocks, float max_norm, float* partials,
                 GradientNorm* result, cudaStream_t stream) {
  detail::check_blocks("global_norm", blocks);
  if (result == nullptr || (blocks.parts > 0 && partials == nullptr))
    throw ShapeError("global_norm: found no room for partial sums or the result");
  launch(squares_kernel<Gradient>, {static_cast<unsigned>(blocks.parts), 256}, stream, blocks,
         partials);
  launch(gradient_norm_kernel<GradientNorm>, {1, 1024}, stream, static_cast<const float*>(partials),
         static_cast<long long>(blocks.parts), max_norm, result);
}

}  // namespace candist
