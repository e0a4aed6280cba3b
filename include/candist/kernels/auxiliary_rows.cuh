// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// auxiliary_rows: adds the gradients of the terms beside the loss (CanDist Eq. 8-10) to those of a batch's
// logits [., C]: a row of the launch is a second view's or a mixture's cross entropy on a held target, which
// is what the loss was given, mixed for mixtures, or the other view's softmax.
//   reads   a row's logits, and its target or the first view's logits, 3 times; its gradients
//   writes  gradients                                     bound: launch, there is a row a text and mixture
//   launch  C <= 1024: a warp a row; else a block of 256
//   never   writes a softmax; adds to a row from two threads: every row of logits is that of one auxiliary
//           row, and a first view's that of its second view alone
//   host twin: add_auxiliary_gradients in training/auxiliary_terms.hpp
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"
#include "candist/kernels/row_group.cuh"
#include "candist/training/auxiliary_rows.hpp"

namespace candist {

/// The rows of a launch and what they are about; all pointers are of the device.
struct AuxiliaryBatch {
  const AuxiliaryRow* rows = nullptr;  ///< [count]
  std::int64_t count = 0;
  int classes = 0;                 ///< C
  const float* logits = nullptr;   ///< [., C]
  const float* targets = nullptr;  ///< [B, C], what the loss was given
  float* dlogits = nullptr;        ///< [., C]
};

/// Puts it into the stream. Throws ShapeError where something is missing.
inline void add_auxiliary_rows(const AuxiliaryBatch& batch, cudaStream_t stream);

// ---- the kernel

namespace detail {

/// p of a row at a temperature.
struct RowSoftmax {
  const float* logits;
  float top;
  float temperature;
  float scale;  ///< 1 / sum of exponentials

  __device__ float term(int label) const { return expf((logits[label] - top) / temperature); }
  __device__ float operator()(int label) const { return scale * term(label); }
};

template <int Threads>
__device__ RowSoftmax softmax_of_row(const float* logits, int classes, float temperature) {
  using Group = RowGroup<Threads>;
  RowSoftmax p{logits, logits[0], temperature, 1.0f};
  for (int j = Group::rank(); j < classes; j += Threads) p.top = fmaxf(p.top, logits[j]);
  p.top = Group::all(p.top, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0.0f;
  for (int j = Group::rank(); j < classes; j += Threads) sum += p.term(j);
  p.scale = 1.0f / Group::sum(sum);
  return p;
}

/// Adds `scale` times the gradient of the cross entropy of p on target(label).
template <int Threads, class Target>
__device__ void add_cross_entropy(const RowSoftmax& p, const Target& target, int classes,
                                  float scale, float* dlogits) {
  using Group = RowGroup<Threads>;
  float mass = 0.0f;
  for (int j = Group::rank(); j < classes; j += Threads) mass += target(j);
  mass = Group::sum(mass);
  scale /= p.temperature;
  for (int j = Group::rank(); j < classes; j += Threads)
    dlogits[j] += scale * (mass * p(j) - target(j));
}

}  // namespace detail

/// `Threads` a row: a warp, or a block.
template <int Threads>
__global__ void __launch_bounds__(256) auxiliary_rows_kernel(AuxiliaryBatch batch) {
  using Target = AuxiliaryRow::Target;
  const long long r = RowGroup<Threads>::row();
  if (r >= batch.count) return;
  const AuxiliaryRow a = batch.rows[r];
  const int classes = batch.classes;
  const float* logits = batch.logits + a.row * classes;
  const float* first_logits = batch.logits + a.first * classes;
  float* dlogits = batch.dlogits + a.row * classes;
  const bool both = a.target == Target::each_other;
  const float scale = both ? 0.5f * a.scale : a.scale;
  const detail::RowSoftmax p =
      detail::softmax_of_row<Threads>(logits, classes, both ? a.temperature : 1.0f);
  if (a.target == Target::given) {
    const float* first = batch.targets + a.first * classes;
    const float* second = batch.targets + a.second * classes;
    const auto mixed = [&](int j) { return a.omega * first[j] + (1.0f - a.omega) * second[j]; };
    return detail::add_cross_entropy<Threads>(p, mixed, classes, scale, dlogits);
  }
  detail::add_cross_entropy<Threads>(
      p, detail::softmax_of_row<Threads>(first_logits, classes, 1.0f), classes, scale, dlogits);
  if (!both) return;
  detail::add_cross_entropy<Threads>(
      detail::softmax_of_row<Threads>(first_logits, classes, a.temperature),
      detail::softmax_of_row<Threads>(logits, classes, 1.0f), classes, scale,
      batch.dlogits + a.first * classes);
}

// ---- definitions

inline void add_auxiliary_rows(const AuxiliaryBatch& batch, cudaStream_t stream) {
  if (batch.count < 0 || batch.classes < 1 ||
      (batch.count > 0 && (batch.rows == nullptr || batch.logits == nullptr ||
                           batch.targets == nullptr || batch.dlogits == nullptr))) {
    throw ShapeError(
        "auxiliary_rows: found " + std::to_string(batch.count) + " rows of " +
        std::to_string(batch.classes) +
        " classes or no room, expected 0 rows or more of 1 class or more and room for what is "
        "read and written");
  }
  const auto blocks = [&](int rows_a_block) {
    return static_cast<unsigned>((batch.count + rows_a_block - 1) / rows_a_block);
  };
  if (batch.classes <= 1024) {
    launch(auxiliary_rows_kernel<warp_size>, {blocks(4), 4 * warp_size}, stream, batch);
  } else {
    launch(auxiliary_rows_kernel<256>, {blocks(1), 256}, stream, batch);
  }
}

}  // namespace candist
