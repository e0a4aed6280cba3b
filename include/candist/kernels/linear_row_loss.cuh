// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// linear_row_loss: a linear head and the whole row step behind it, from pooled features [B, D] to the
// gradients of features, weights and bias; logits and their gradients are never written. For few classes.
//   reads   features twice (B * D, the second time from the cache), weights [C, D] once a row from the cache,
//           and what row_loss reads besides logits
//   writes  gradients of the features once; C * (D + 1) partial sums a block, which a second launch adds up
//   bound   launches, up to a few thousand rows; above that row_loss between two matrix products is as good
//   launch  128 threads for 32 rows, a warp a row, lane j holding class j; then a thread a weight
//   never   adds in an order that depends on anything: the same input gives the same bits
//   host twin: RowProgram::visit between two plain products (tests/support/linear_twin.hpp)
// Gradients of the features are set, those of weights and bias are added to.
#pragma once

#include <cstdint>
#include <string>

#include "candist/error.hpp"
#include "candist/kernels/row_loss.cuh"

namespace candist {

/// logits = features * weights^T + bias; all pointers are of the device.
struct LinearHead {
  static constexpr int most_classes = 32;
  static constexpr int rows_a_block = 32;

  int width = 0;                    ///< D
  const float* features = nullptr;  ///< [B, D]
  const float* weights = nullptr;   ///< [C, D]
  const float* bias = nullptr;      ///< [C]
  float* dfeatures = nullptr;       ///< [B, D], set
  float* dweights = nullptr;        ///< [C, D], added to
  float* dbias = nullptr;           ///< [C], added to
  float* partials = nullptr;        ///< [partial_count(B, C)]

  /// Floats of room that a batch needs.
  std::size_t partial_count(std::int64_t rows, int classes) const {
    const std::int64_t blocks = (rows + rows_a_block - 1) / rows_a_block;
    return static_cast<std::size_t>(blocks * classes * (width + 1));
  }
};

/// A visit of the batch, whose logits and dlogits are not read nor written and may be null. Throws
/// ShapeError for more than 32 classes and where something is missing.
template <class L, class R, class View>
void linear_row_loss(const L& loss, const R& refinery, RowBatch<float, View> batch,
                     const LinearHead& head, cudaStream_t stream);

// ---- kernels

template <class L, class R, class View>
__global__ void __launch_bounds__(128)
    linear_row_loss_kernel(L loss, R refinery, RowBatch<float, View> batch, LinearHead head) {
  using Group = RowGroup<warp_size>;
  constexpr int warps = 4;
  constexpr int lanes = LinearHead::most_classes;
  CANDIST_SHARED(float, logits, warps* lanes);                        // of the rows under way
  CANDIST_SHARED(float, gradients, LinearHead::rows_a_block* lanes);  // of the block's rows
  const int classes = batch.candidates.classes();
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const long long first = static_cast<long long>(blockIdx.x) * LinearHead::rows_a_block;
  const long long rest = batch.count - first;
  const int rows =
      static_cast<int>(rest < LinearHead::rows_a_block ? rest : LinearHead::rows_a_block);

  for (int r = warp; r < rows; r += warps) {
    const long long b = first + r;
    const long long row = batch.rows == nullptr ? batch.first_row + b : batch.rows[b];
    const float* features = head.features + b * head.width;
    for (int c = 0; c < classes; ++c) {
      const float* weights = head.weights + static_cast<long long>(c) * head.width;
      float part = 0.0f;
      for (int d = lane; d < head.width; d += warp_size) part += features[d] * weights[d];
      part = Group::sum(part) + head.bias[c];
      if (lane == c) logits[warp * lanes + c] = part;  // lane c alone reads it, as class c
    }
    const RowSource<float> source{&logits[warp * lanes],
                                  detail::row_of(batch.targets, row, classes),
                                  detail::row_of(batch.memory, row, classes), 0, classes};
    RegisterCells<warp_size, 1, 1> cells(
        source, lane, [&](int label) { return batch.candidates.weight(row, label) > 0.0f; });
    detail::work_on_row<Group>(loss, refinery, batch, cells, source, &gradients[r * lanes], b, row);
    __syncwarp();  // the row's gradients are there
    for (int d = lane; d < head.width; d += warp_size) {
      float sum = 0.0f;
      for (int c = 0; c < classes; ++c)
        sum += gradients[r * lanes + c] * head.weights[static_cast<long long>(c) * head.width + d];
      head.dfeatures[b * head.width + d] = sum;
    }
  }
  __syncthreads();                     // the gradients of all rows are there
  const int columns = head.width + 1;  // the last one is the bias
  float* partials = head.partials + static_cast<long long>(blockIdx.x) * classes * columns;
  for (int i = static_cast<int>(threadIdx.x); i < classes * columns;
       i += static_cast<int>(blockDim.x)) {
    const int c = i / columns;
    const int d = i % columns;
    float sum = 0.0f;
    for (int r = 0; r < rows; ++r) {
      const float feature = d == head.width ? 1.0f : head.features[(first + r) * head.width + d];
      sum += gradients[r * lanes + c] * feature;
    }
    partials[i] = sum;
  }
}

/// Adds the partial sums of all blocks, in their order. (A template, so that several files may have it.)
template <class Head>
__global__ void linear_row_loss_sums_kernel(Head head, int classes, int blocks) {
  const int columns = head.width + 1;
  const long long size = static_cast<long long>(classes) * columns;
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  float sum = 0.0f;
  for (int block = 0; block < blocks; ++block) sum += head.partials[block * size + i];
  const long long c = i / columns;
  const long long d = i % columns;
  if (d == head.width) {
    head.dbias[c] += sum;
  } else {
    head.dweights[c * head.width + d] += sum;
  }
}

// ---- definitions

template <class L, class R, class View>
void linear_row_loss(const L& loss, const R& refinery, RowBatch<float, View> batch,
                     const LinearHead& head, cudaStream_t stream) {
  const int classes = batch.candidates.classes();
  if (classes > LinearHead::most_classes) {
    throw ShapeError("linear_row_loss: found " + std::to_string(classes) +
                     " classes, expected at most 32; row_loss takes any number");
  }
  if (head.width < 1 || head.features == nullptr || head.weights == nullptr ||
      head.bias == nullptr || head.dfeatures == nullptr || head.dweights == nullptr ||
      head.dbias == nullptr || head.partials == nullptr)
    throw ShapeError("linear_row_loss: found a head without all of its eight parts");
  if (batch.pass != RowPass::visit)
    throw ShapeError("linear_row_loss: found another pass, expected a visit");
  batch.logits = head.features;  // stands for them: there are none
  batch.dlogits = head.dfeatures;
  detail::check_row_batch(refinery, batch);
  if (batch.count == 0) return;
  const auto blocks = static_cast<unsigned>((batch.count + LinearHead::rows_a_block - 1) /
                                            LinearHead::rows_a_block);
  launch(linear_row_loss_kernel<L, R, View>, {blocks, 128}, stream, loss, refinery, batch, head);
  const auto size = static_cast<unsigned>(classes * (head.width + 1));
  launch(linear_row_loss_sums_kernel<LinearHead>, {(size + 127) / 128, 128}, stream, head, classes,
         static_cast<int>(blocks));
}

}  // namespace candist
