// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// layer_norm: out = norm(residual + dropout(branch)) gamma + beta for rows [N, D], and its gradients; where
// a place wants it, the dropout stands behind the norm instead (embedding.cuh).
//   forward   reads residual and branch, writes sum and out (4 N D elements) and 2 N floats (mean, 1 /
//             deviation); masks are drawn, never stored
//   backward  reads sum and dout, writes dsum and dbranch (4 N D elements); 2 D partial sums a block, which
//             a second launch adds up
//   bound     memory
//   launch    forward: D <= 1024: a warp a row, 4 rows a block of 128; <= 4096: a block of 128 a row.
//             Backward: a warp for every 256 columns, a row at a time, at most 512 blocks. The row stays in
//             registers, 8 values a lane of every 256
//   never     adds in an order that depends on anything but N and D: the same input gives the same bits
//   host twin: add_and_norm, add_and_norm_backward, norm_parameter_gradients in kernels/layer_norm.hpp;
//              masks: kernels/dropout.hpp, bit for bit
// Gradients of rows are set, those of gamma and beta are added to.
// Reference: Ba, Kiros and Hinton 2016, arXiv:1607.06450.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"
#include "candist/kernels/column_sums.cuh"
#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/kernels/tiled_row.cuh"
#include "candist/kernels/unit_dropout.cuh"

namespace candist {

/// What a place's dropout acts on.
enum class DropoutPlace { branch, output };

/// Rows to be normalised and where everything about them lies; all pointers are of the device.
template <class T>
struct NormBatch {
  std::int64_t rows = 0;         ///< N
  int width = 0;                 ///< D
  const float* gamma = nullptr;  ///< [D]
  const float* beta = nullptr;   ///< [D]
  float epsilon = 1e-12f;
  UnitDropout dropout;
  DropoutPlace place = DropoutPlace::branch;
  const std::int64_t* row_ids = nullptr;  ///< [N], name the rows' dropout; none: 0, 1, ...
  T* sum = nullptr;        ///< [N, D], what is normalised; none: not wanted (evaluation)
  float* mean = nullptr;   ///< [N]; none: not wanted
  float* scale = nullptr;  ///< [N], 1 / sqrt(variance + epsilon); none: not wanted

  static constexpr int most_width = 4096;
};

/// Where the gradients lie.
template <class T>
struct NormGradients {
  const T* dout = nullptr;  ///< [N, D]
  T* dsum = nullptr;        ///< [N, D], set, also that of the residual; may be dout
  T* dbranch = nullptr;     ///< [N, D], set; may be dsum where nothing is dropped; none: not wanted
  float* dgamma = nullptr;  ///< [D], added to
  float* dbeta = nullptr;   ///< [D], added to
  float* partials = nullptr;  ///< [partial_count(N, D)]

  /// Floats of room that a batch needs.
  static std::size_t partial_count(std::int64_t rows, int width);
};

/// Puts the forward pass into the stream. residual [N, D] may be null (0); out may be either input.
/// Throws ShapeError where something is missing and for D > 4096.
template <class T>
void layer_norm(const NormBatch<T>& batch, const T* residual, const T* branch, T* out,
                cudaStream_t stream);
/// Puts the backward pass into the stream, of a forward pass that kept sum, mean and scale.
template <class T>
void layer_norm_backward(const NormBatch<T>& batch, const NormGradients<T>& gradients,
                         cudaStream_t stream);

// ---- the row in registers

namespace detail {

template <class T>
__device__ std::int64_t dropout_id(const NormBatch<T>& batch, long long r) {
  return batch.row_ids == nullptr ? r : batch.row_ids[r];
}

/// Row r from what is to be normalised.
template <class Row, class T>
__device__ void norm_row(const Row& row, const NormBatch<T>& batch, long long r,
                         float (&x)[Row::count], T* out) {
  using Group = typename Row::Group;
  float total = 0.0f;
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) {
    x[i] = to_float(from_float<T>(x[i]));  // the gradients will see what is stored
    total += x[i];
  }
  if (batch.sum != nullptr) row.write(batch.sum + r * batch.width, x);
  const float width = static_cast<float>(batch.width);
  const float mean = Group::sum(total) / width;
  float squares = 0.0f;
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) {
    x[i] = row.column(i) < batch.width ? x[i] - mean : 0.0f;
    squares += x[i] * x[i];
  }
  const float scale = 1.0f / std::sqrt(Group::sum(squares) / width + batch.epsilon);
  if (Group::rank() == 0) {
    if (batch.mean != nullptr) batch.mean[r] = mean;
    if (batch.scale != nullptr) batch.scale[r] = scale;
  }
  float factors[Row::count];
  row.read(batch.gamma, factors);
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) x[i] = x[i] * scale * factors[i];
  row.read(batch.beta, factors);
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) x[i] += factors[i];
  if (!batch.dropout.off() && batch.place == DropoutPlace::output)
    drop_units(row, batch.dropout, dropout_id(batch, r), x);
  row.write(out + r * batch.width, x);
}

inline constexpr int norm_threads = 128;

}  // namespace detail

// ---- kernels

/// `Threads` a row, whose `Tiles` of 256 columns a warp are in registers.
template <int Threads, int Tiles, int Vector, class T>
__global__ void __launch_bounds__(detail::norm_threads)
    layer_norm_kernel(NormBatch<T> batch, const T* residual, const T* branch, T* out) {
  using Row = detail::TiledRow<Threads, Tiles, Vector>;
  const long long r = Row::Group::row();
  if (r >= batch.rows) return;
  const Row row(batch.width);
  float x[Row::count], other[Row::count];
  row.read(branch + r * batch.width, x);
  row.read(residual == nullptr ? residual : residual + r * batch.width, other);
  if (!batch.dropout.off() && batch.place == DropoutPlace::branch)
    detail::drop_units(row, batch.dropout, detail::dropout_id(batch, r), x);
  if (residual != nullptr) {
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i) x[i] += other[i];
  }
  detail::norm_row(row, batch, r, x, out);
}

/// A block takes `rows_a_block` rows one after another, reads the next one ahead, and leaves its share of
/// dgamma and dbeta.
template <int Threads, int Vector, class T>
__global__ void __launch_bounds__(Threads)
    layer_norm_backward_kernel(NormBatch<T> batch, NormGradients<T> gradients, int rows_a_block) {
  using Row = detail::TiledRow<Threads, 1, Vector>;
  struct Pair {
    float plain, along;
  };
  const Row row(batch.width);
  const float width = static_cast<float>(batch.width);
  const bool drops = !batch.dropout.off();
  float gamma[Row::count], dgamma[Row::count], dbeta[Row::count];
  row.read(batch.gamma, gamma);
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) dgamma[i] = dbeta[i] = 0.0f;

  const long long first = static_cast<long long>(blockIdx.x) * rows_a_block;
  const long long end = first + rows_a_block < batch.rows ? first + rows_a_block : batch.rows;
  float next_sum[Row::count], next_dout[Row::count];
  row.read(batch.sum + first * batch.width, next_sum);
  row.read(gradients.dout + first * batch.width, next_dout);
  for (long long r = first; r < end; ++r) {
    const long long at = r * batch.width;
    const float mean = batch.mean[r];
    const float scale = batch.scale[r];
    float normal[Row::count], d[Row::count];
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i) {
      normal[i] = (next_sum[i] - mean) * scale;  // beyond the row's end d and gamma are 0
      d[i] = next_dout[i];
    }
    if (r + 1 < end) {
      row.read(batch.sum + at + batch.width, next_sum);
      row.read(gradients.dout + at + batch.width, next_dout);
    }
    if (drops && batch.place == DropoutPlace::output)
      detail::drop_units(row, batch.dropout, detail::dropout_id(batch, r), d);
    Pair sums{0.0f, 0.0f};
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i) {
      dgamma[i] += d[i] * normal[i];
      dbeta[i] += d[i];
      d[i] *= gamma[i];
      sums.plain += d[i];
      sums.along += d[i] * normal[i];
    }
    sums = Row::Group::all(sums, [](const Pair& a, const Pair& b) {
      return Pair{a.plain + b.plain, a.along + b.along};
    });
    sums.plain /= width;
    sums.along /= width;
    CANDIST_UNROLL
    for (int i = 0; i < Row::count; ++i)
      d[i] = (d[i] - sums.plain - normal[i] * sums.along) * scale;
    row.write(gradients.dsum + at, d);
    if (gradients.dbranch == nullptr) continue;
    if (drops && batch.place == DropoutPlace::branch)
      detail::drop_units(row, batch.dropout, detail::dropout_id(batch, r), d);
    row.write(gradients.dbranch + at, d);
  }
  float* partials = gradients.partials + static_cast<long long>(blockIdx.x) * 2 * batch.width;
  row.write(partials, dgamma);
  row.write(partials + batch.width, dbeta);
}

// ---- definitions

namespace detail {

/// Calls run<threads, tiles, vector>() for rows of this width: forward, a warp a row as far as it goes.
template <class T, class Run>
void with_norm_shape(int width, bool vectors, Run&& run) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  if (!vectors) {
    if (width <= 256) return run.template operator()<32, 1, 1>();
    if (width <= 1024) return run.template operator()<128, 1, 1>();
    return run.template operator()<128, 4, 1>();
  }
  if (width <= 256) return run.template operator()<32, 1, vector>();
  if (width <= 512) return run.template operator()<32, 2, vector>();
  if (width <= 768) return run.template operator()<32, 3, vector>();
  if (width <= 1024) return run.template operator()<32, 4, vector>();
  if (width <= 2048) return run.template operator()<128, 2, vector>();
  run.template operator()<128, 4, vector>();
}
/// Calls run<threads, vector>(): backward, a warp for every 256 columns.
template <class T, class Run>
void with_norm_threads(int width, bool vectors, Run&& run) {
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  if (!vectors) {
    if (width <= 256) return run.template operator()<32, 1>();
    if (width <= 1024) return run.template operator()<128, 1>();
    return run.template operator()<512, 1>();
  }
  if (width <= 256) return run.template operator()<32, vector>();
  if (width <= 512) return run.template operator()<64, vector>();
  if (width <= 768) return run.template operator()<96, vector>();
  if (width <= 1024) return run.template operator()<128, vector>();
  if (width <= 2048) return run.template operator()<256, vector>();
  run.template operator()<512, vector>();
}

inline void expect_norm(bool holds, const char* what) {
  if (!holds) throw ShapeError(std::string("layer_norm: found ") + what);
}
template <class T>
void check_norm_batch(const NormBatch<T>& batch) {
  if (batch.width < 1 || batch.width > NormBatch<T>::most_width) {
    throw ShapeError("layer_norm: found rows of width " + std::to_string(batch.width) +
                     ", expected 1 to " + std::to_string(NormBatch<T>::most_width));
  }
  expect_norm(batch.rows >= 0, "a negative number of rows");
  expect_norm(batch.gamma != nullptr && batch.beta != nullptr,
              "no gamma or beta, expected [D] each");
}

/// Rows that a block of the backward pass takes.
inline int norm_rows_a_block(std::int64_t rows) {
  constexpr std::int64_t most_blocks = 512;
  return static_cast<int>(std::max<std::int64_t>(4, (rows + most_blocks - 1) / most_blocks));
}
inline int norm_blocks(std::int64_t rows) {
  const int rows_a_block = norm_rows_a_block(rows);
  return static_cast<int>((rows + rows_a_block - 1) / rows_a_block);
}

}  // namespace detail

template <class T>
std::size_t NormGradients<T>::partial_count(std::int64_t rows, int width) {
  return static_cast<std::size_t>(detail::norm_blocks(rows)) * 2 * static_cast<std::size_t>(width);
}

template <class T>
void layer_norm(const NormBatch<T>& batch, const T* residual, const T* branch, T* out,
                cudaStream_t stream) {
  detail::check_norm_batch(batch);
  if (batch.rows == 0) return;
  detail::expect_norm(branch != nullptr && out != nullptr,
                      "no branch or out, expected [N, D] each");
  const bool vectors =
      detail::takes_vectors(16 / static_cast<int>(sizeof(T)), batch.width, batch.gamma, batch.beta,
                            batch.sum, residual, branch, out);
  detail::with_norm_shape<T>(batch.width, vectors, [&]<int threads, int tiles, int vector>() {
    constexpr int rows_a_block = detail::norm_threads / threads;
    launch(layer_norm_kernel<threads, tiles, vector, T>,
           {static_cast<unsigned>((batch.rows + rows_a_block - 1) / rows_a_block),
            detail::norm_threads},
           stream, batch, residual, branch, out);
  });
}

template <class T>
void layer_norm_backward(const NormBatch<T>& batch, const NormGradients<T>& gradients,
                         cudaStream_t stream) {
  detail::check_norm_batch(batch);
  if (batch.rows == 0) return;
  detail::expect_norm(batch.sum != nullptr && batch.mean != nullptr && batch.scale != nullptr,
                      "no sum, mean or scale, which the forward pass has to keep");
  detail::expect_norm(gradients.dout != nullptr && gradients.dsum != nullptr &&
                          gradients.dgamma != nullptr && gradients.dbeta != nullptr &&
                          gradients.partials != nullptr,
                      "no room for gradients, expected dsum, dgamma, dbeta and partials");
  const bool vectors =
      detail::takes_vectors(16 / static_cast<int>(sizeof(T)), batch.width, batch.gamma, batch.sum,
                            gradients.dout, gradients.dsum, gradients.dbranch, gradients.partials);
  const int blocks = detail::norm_blocks(batch.rows);
  detail::with_norm_threads<T>(batch.width, vectors, [&]<int threads, int vector>() {
    launch(layer_norm_backward_kernel<threads, vector, T>,
           {static_cast<unsigned>(blocks), static_cast<unsigned>(threads)}, stream, batch,
           gradients, detail::norm_rows_a_block(batch.rows));
  });
  add_column_sums({gradients.partials, blocks, std::int64_t{2} * batch.width, batch.width,
                   gradients.dgamma, gradients.dbeta},
                  stream);
}

}  // namespace candist
