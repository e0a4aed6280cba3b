// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// tanh_dropout: what stands between the products of a classifier: dropout of rows [N, D], and dropout of
// their tanh, with the backward pass.
//   reads   N D elements, backward 2 N D; masks are drawn, never stored
//   writes  N D elements, 2 N D where the tanh is kept for the backward pass
//   bound   launch: N is the texts of a batch
//   launch  as the forward pass of layer_norm.cuh: a warp a row up to 1024 columns, then a block of 128
//   never   depends on the rows beside a row
//   host twin: ClassifierHead in students/classifier_head.hpp
// All of float: a classifier is small, and its gradients are what the whole encoder's come from.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/kernels/layer_norm.cuh"

namespace candist {

/// Rows and their dropout; the rows are named 0, 1, ...
struct DroppedRows {
  std::int64_t rows = 0;  ///< N
  int width = 0;          ///< D, at most 4096
  UnitDropout dropout;
};

/// Puts it into the stream: out [N, D] becomes x with its dropout; out may be x. Throws ShapeError where
/// something is missing.
inline void dropout_rows(const DroppedRows& rows, const float* x, float* out, cudaStream_t stream);
/// hidden [N, D] becomes tanh(x), and out its dropout; hidden may be x.
inline void tanh_dropout(const DroppedRows& rows, const float* x, float* hidden, float* out,
                         cudaStream_t stream);
/// The gradient of x from that of out, in place.
inline void tanh_dropout_backward(const DroppedRows& rows, const float* hidden, float* gradient,
                                  cudaStream_t stream);

// ---- the kernel

namespace detail {

enum class TanhPass { none, forward, backward };

}  // namespace detail

/// none: out = drop(x); forward: hidden = tanh(x), out = drop(hidden); backward: out = drop(x) (1 - hidden^2).
template <detail::TanhPass pass, int Threads, int Tiles, int Vector>
__global__ void __launch_bounds__(detail::norm_threads)
    tanh_dropout_kernel(DroppedRows rows, const float* x, float* hidden, float* out) {
  using detail::TanhPass;
  using Row = detail::TiledRow<Threads, Tiles, Vector>;
  const long long r = Row::Group::row();
  if (r >= rows.rows) return;
  const Row row(rows.width);
  float values[Row::count];
  row.read(x + r * rows.width, values);
  if constexpr (pass == TanhPass::forward) {
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i) values[i] = std::tanh(values[i]);
    row.write(hidden + r * rows.width, values);
  }
  if (!rows.dropout.off()) detail::drop_units(row, rows.dropout, r, values);
  if constexpr (pass == TanhPass::backward) {
    float kept[Row::count];
    row.read(hidden + r * rows.width, kept);
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i) values[i] *= 1.0f - kept[i] * kept[i];
  }
  row.write(out + r * rows.width, values);
}

// ---- definitions

namespace detail {

template <TanhPass pass>
void run_tanh_dropout(const DroppedRows& rows, const float* x, float* hidden, float* out,
                      cudaStream_t stream) {
  if (rows.width < 1 || rows.width > NormBatch<float>::most_width || x == nullptr ||
      out == nullptr || (pass != TanhPass::none && hidden == nullptr)) {
    throw ShapeError("tanh_dropout: found rows of width " + std::to_string(rows.width) +
                     " or no room, expected 1 to " + std::to_string(NormBatch<float>::most_width) +
                     " columns and room for what is read and written");
  }
  with_norm_shape<float>(
      rows.width, takes_vectors(4, rows.width, x, hidden, out),
      [&]<int threads, int tiles, int vector>() {
        constexpr int rows_a_block = norm_threads / threads;
        launch(tanh_dropout_kernel<pass, threads, tiles, vector>,
               {static_cast<unsigned>((rows.rows + rows_a_block - 1) / rows_a_block), norm_threads},
               stream, rows, x, hidden, out);
      });
}

}  // namespace detail

inline void dropout_rows(const DroppedRows& rows, const float* x, float* out, cudaStream_t stream) {
  detail::run_tanh_dropout<detail::TanhPass::none>(rows, x, nullptr, out, stream);
}
inline void tanh_dropout(const DroppedRows& rows, const float* x, float* hidden, float* out,
                         cudaStream_t stream) {
  detail::run_tanh_dropout<detail::TanhPass::forward>(rows, x, hidden, out, stream);
}
inline void tanh_dropout_backward(const DroppedRows& rows, const float* hidden, float* gradient,
                                  cudaStream_t stream) {
  // The kernel reads hidden where forward writes it.
  detail::run_tanh_dropout<detail::TanhPass::backward>(rows, gradient, const_cast<float*>(hidden),
                                                       gradient, stream);
}

}  // namespace candist
