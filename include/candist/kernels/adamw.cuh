// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// adamw: a step of AdamW for all blocks of a student, dense and row-sparse, in one launch.
//   reads   gradient, value and two moments of every element of the dense blocks and of the touched rows (16
//           bytes), a table of blocks, the numbers of the step and the factor of clipping
//   writes  value and moments (12 bytes), the bf16 copy where there is one (2)          bound: memory
//   launch  256 threads a part: 4096 elements of a dense block, or as many of whole touched rows, a warp a row
//   never   waits for the host: the numbers of the step and the factor of clipping (global_norm.cuh) lie on the
//           device, so a graph can be replayed; order of blocks does not matter
//   host twin: AdamW in optimizers/adamw.hpp, operation by operation; nvcc fuses some
// Gradients are not cleared. Reference: Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "candist/kernels/global_norm.cuh"

namespace candist {

/// The numbers of one step; the host makes them one after another and copies each to the device.
struct AdamWStep {
  std::int64_t step = 0;
  float learning_rate = 0.0f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float correction1 = 1.0f;
  float correction2 = 1.0f;
  float epsilon = 1e-8f;
  float factor = 1.0f;     ///< of this step's decay
  double log_decay = 0.0;  ///< of all steps so far

  /// The next one. Options: those of AdamW. Throws InputError where the decay would take the whole weight
  /// or more.
  template <class Options>
  AdamWStep next(const Options& options, float rate) const;
};

/// Puts the step into the stream. gradient_scale: [1], &GradientNorm::scale; none: 1. All pointers are of
/// the device.
template <class Gradient>
void adamw(const DeviceBlocks<Gradient>& blocks, const AdamWStep* step, const float* gradient_scale,
           cudaStream_t stream);
/// Brings all rows of row-sparse blocks up to date with the decay (OptimizerState::settle).
template <class Gradient>
void adamw_settle(const DeviceBlocks<Gradient>& blocks, const AdamWStep* step, cudaStream_t stream);

// ---- kernels

namespace detail {

/// The numbers of one run of neighbouring elements.
struct AdamWFactors {
  float decay, keep1, keep2, take1, take2, correction1, correction2, learning_rate, epsilon, scale;

  __device__ void update(float& w, float& first, float& second, float g) const {
    const float gradient = scale * g;
    first = keep1 * first + take1 * gradient;
    second = keep2 * second + take2 * gradient * gradient;
    w = w * decay -
        learning_rate * (first / correction1) / (std::sqrt(second / correction2) + epsilon);
  }
};

/// `count` elements of the table from `at` on, by `threads` threads.
template <class Gradient>
__device__ void update_run(const DeviceBlock<Gradient>& block, long long at,
                           const Gradient* gradient, int count, const AdamWFactors& factors,
                           int rank, int threads) {
  float* values = block.values + at;
  float* first = block.first + at;
  float* second = block.second + at;
  __nv_bfloat16* copy = block.copy == nullptr ? nullptr : block.copy + at;
  const bool fours = takes_four(values) && takes_four(first) && takes_four(second) &&
                     takes_four(gradient) && takes_four(copy);
  const int whole = fours ? count / 4 * 4 : 0;
  for (int i = rank * 4; i < whole; i += threads * 4) {
    float w[4], m[4], v[4], g[4];
    read_four(gradient + i, g);
    read_four(values + i, w);
    read_four(first + i, m);
    read_four(second + i, v);
    CANDIST_UNROLL
    for (int k = 0; k < 4; ++k) factors.update(w[k], m[k], v[k], g[k]);
    write_four(values + i, w);
    write_four(first + i, m);
    write_four(second + i, v);
    if (copy != nullptr) write_four(copy + i, w);
  }
  for (int i = whole + rank; i < count; i += threads) {
    float w = values[i], m = first[i], v = second[i];
    factors.update(w, m, v, to_float(gradient[i]));
    values[i] = w;
    first[i] = m;
    second[i] = v;
    if (copy != nullptr) copy[i] = from_float<__nv_bfloat16>(w);
  }
}

/// The decay that has not reached a row yet; it counts as reached afterwards. By whole warps.
inline __device__ float catch_up(double* reached, double log_decay, int lane) {
  const double missing = log_decay - *reached;
  __syncwarp();  // all lanes have read it
  if (lane == 0) *reached = log_decay;
  return static_cast<float>(std::exp(missing));
}

}  // namespace detail

template <class Gradient>
__global__ void __launch_bounds__(256)
    adamw_kernel(DeviceBlocks<Gradient> all, const AdamWStep* step, const float* gradient_scale) {
  using Block = DeviceBlock<Gradient>;
  const long long part = blockIdx.x;
  const int number = detail::block_of_part(all, part);
  if (number == all.count) return;
  const Block& block = all.blocks[number];
  const AdamWStep& now = *step;
  detail::AdamWFactors factors{block.decay == Decay::weight ? now.factor : 1.0f,
                               now.beta1,
                               now.beta2,
                               1.0f - now.beta1,
                               1.0f - now.beta2,
                               now.correction1,
                               now.correction2,
                               now.learning_rate,
                               now.epsilon,
                               gradient_scale == nullptr ? 1.0f : *gradient_scale};
  // Of a dense block the part is one run of elements, by all threads; else its rows are runs, by warps.
  const bool dense = block.touched == nullptr;
  const long long size = dense ? block.rows * block.width : block.rows;
  const long long share = dense ? Block::part_size : block.rows_a_part();
  const long long begin = (part - block.first_part) * share;
  const long long end = begin + share < size ? begin + share : size;
  const int count = static_cast<int>(dense ? end - begin : block.width);
  const int team = dense ? 256 : warp_size;
  const int rank = static_cast<int>(threadIdx.x) % team;
  for (long long i = begin + static_cast<int>(threadIdx.x) / team; i < end;
       i += dense ? count : 256 / warp_size) {
    long long at = i;
    if (!dense) {
      const long long row = block.touched[i];
      factors.decay = block.decayed == nullptr
                          ? 1.0f
                          : detail::catch_up(block.decayed + row, now.log_decay, rank);
      const auto missed = static_cast<float>(now.step - block.steps[row]);
      __syncwarp();  // all lanes have read the row's step
      if (rank == 0) block.steps[row] = now.step;
      factors.keep1 = missed == 1.0f ? now.beta1 : std::pow(now.beta1, missed);
      factors.keep2 = missed == 1.0f ? now.beta2 : std::pow(now.beta2, missed);
      at = row * block.width;
    }
    detail::update_run(block, at, block.gradient + (dense ? i : i * block.width), count, factors,
                       rank, team);
  }
}

/// 64 blocks of threads a block of parameters, a warp a row.
template <class Gradient>
__global__ void __launch_bounds__(256)
    adamw_settle_kernel(DeviceBlocks<Gradient> all, const AdamWStep* step) {
  constexpr int shares = 64;
  constexpr int warps = 256 / warp_size;
  const DeviceBlock<Gradient> block = all.blocks[static_cast<int>(blockIdx.x) / shares];
  if (block.touched == nullptr || block.decayed == nullptr) return;
  const double log_decay = step->log_decay;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % warp_size;
  const int share = static_cast<int>(blockIdx.x) % shares;
  for (long long row = share * warps + thread / warp_size; row < block.table_rows;
       row += shares * warps) {
    if (block.decayed[row] == log_decay) continue;
    const float factor = detail::catch_up(block.decayed + row, log_decay, lane);
    for (long long k = lane; k < block.width; k += warp_size) {
      const long long i = row * block.width + k;
      const float value = block.values[i] * factor;
      block.values[i] = value;
      if (block.copy != nullptr) block.copy[i] = from_float<__nv_bfloat16>(value);
    }
  }
}

// ---- definitions

template <class Options>
AdamWStep AdamWStep::next(const Options& options, float rate) const {
  if (options.weight_decay > 0.0f && !(rate * options.weight_decay < 1.0f)) {
    throw InputError("found learning rate " + std::to_string(rate) + " with weight decay " +
                     std::to_string(options.weight_decay) +
                     ", expected a product below 1: a step takes that share off every weight");
  }
  AdamWStep after;
  after.step = step + 1;
  after.learning_rate = rate;
  after.beta1 = options.beta1;
  after.beta2 = options.beta2;
  const auto t = static_cast<double>(after.step);
  after.correction1 = static_cast<float>(1.0 - std::pow(static_cast<double>(options.beta1), t));
  after.correction2 = static_cast<float>(1.0 - std::pow(static_cast<double>(options.beta2), t));
  after.epsilon = options.epsilon;
  after.factor = options.weight_decay > 0.0f ? 1.0f - rate * options.weight_decay : 1.0f;
  after.log_decay = log_decay;
  if (options.weight_decay > 0.0f) after.log_decay += std::log(static_cast<double>(after.factor));
  return after;
}

template <class Gradient>
void adamw(const DeviceBlocks<Gradient>& blocks, const AdamWStep* step, const float* gradient_scale,
           cudaStream_t stream) {
  detail::check_blocks("adamw", blocks);
  if (step == nullptr) throw ShapeError("adamw: found no step, expected its numbers");
  launch(adamw_kernel<Gradient>, {static_cast<unsigned>(blocks.parts), 256}, stream, blocks, step,
         gradient_scale);
}

template <class Gradient>
void adamw_settle(const DeviceBlocks<Gradient>& blocks, const AdamWStep* step,
                  cudaStream_t stream) {
  detail::check_blocks("adamw_settle", blocks);
  if (step == nullptr) throw ShapeError("adamw_settle: found no step, expected its numbers");
  launch(adamw_settle_kernel<Gradient>, {static_cast<unsigned>(blocks.count) * 64, 256}, stream,
         blocks, step);
}

}  // namespace candist
