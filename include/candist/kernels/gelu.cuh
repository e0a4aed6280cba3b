// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// gelu: out = gelu(x + bias) for rows [N, F], x Phi(x) and not its tanh approximation; and the gradients of x
// and bias. Also the gradient of a bias alone, of any linear layer.
//   forward   reads x and the bias, writes out (2 N F elements)
//   backward  reads x, bias and dout, writes dx (3 N F elements) and F partial sums a block of rows, which a
//             second launch adds up; dx may be dout
//   bound     memory; an exponential and a division an element
//   launch    128 threads, 16 bytes each, for 128 vectors of columns; rows by 8, backward by at least 16 and
//             in at most 512 parts
//   never     adds in an order that depends on anything but N and F: the same input gives the same bits
//   host twin: gelu and gelu_backward in kernels/gelu.hpp; LinearLayer in students/transformer_parameters.hpp
// The gradient of x is set, that of the bias is added to.
// Reference: Hendrycks and Gimpel 2016, arXiv:1606.08415.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

#include "candist/error.hpp"
#include "candist/kernels/column_sums.cuh"
#include "candist/kernels/row_cells.cuh"
#include "candist/kernels/row_group.cuh"
#include "candist/kernels/tiled_row.cuh"

namespace candist {

/// x Phi(x), by the polynomial of kernels/gelu.hpp. Fused where it says so, whatever compiles it: what the
/// host executor computes is what the device computes, but for the exponential.
struct ExactGelu {
  static __device__ float value(float x) {
    float bell;
    const float phi = normal_distribution(x, bell);
    return (-13.0f > x ? -13.0f : x) * phi;
  }
  static __device__ float slope(float x) {
    float bell;
    const float phi = normal_distribution(x, bell);
    const float above = -13.0f > x ? -13.0f : x;
    return std::fma((13.0f < above ? 13.0f : above) * 0.398942280f, bell, phi);
  }

 private:
  /// Phi(x), and e^(-x^2 / 2).
  static __device__ float normal_distribution(float x, float& bell) {
    const float magnitude = x < 0.0f ? -x : x;
    const float a = magnitude < 13.0f ? magnitude : 13.0f;
    bell = std::exp(a * a * -0.5f);
    const float t = 1.0f / std::fma(a, 0.36f, 1.0f);
    float p = std::fma(t, -2.929013669e-2f, 1.346784962e-1f);
    p = std::fma(p, t, -2.132416040e-1f);
    p = std::fma(p, t, 9.519847121e-2f);
    p = std::fma(p, t, 8.148381449e-3f);
    p = std::fma(p, t, 9.239654982e-2f);
    p = std::fma(p, t, 1.249278549e-1f);
    p = std::fma(p, t, 1.435573675e-1f);
    p = std::fma(p, t, 1.436245886e-1f);
    p *= t;
    return x < 0.0f ? p * bell : std::fma(-p, bell, 1.0f);
  }
};

/// Rows of a product that a bias and an activation are still to be put to; pointers are of the device.
template <class T>
struct GeluBatch {
  std::int64_t rows = 0;        ///< N
  int width = 0;                ///< F
  const T* x = nullptr;         ///< [N, F], without the bias
  const float* bias = nullptr;  ///< [F]; none: 0
};

template <class T>
struct GeluGradients {
  const T* dout = nullptr;    ///< [N, F]
  T* dx = nullptr;            ///< [N, F], set; may be dout
  float* dbias = nullptr;     ///< [F], added to; none: not wanted
  float* partials = nullptr;  ///< [partial_count(N, F)], where dbias is wanted

  /// Floats of room that a batch needs.
  static std::size_t partial_count(std::int64_t rows, int width);
};

/// Puts the forward pass into the stream; out [N, F] may be x where nothing is to go back. Throws
/// ShapeError where something is missing.
template <class T>
void bias_gelu(const GeluBatch<T>& batch, T* out, cudaStream_t stream);
template <class T>
void bias_gelu_backward(const GeluBatch<T>& batch, const GeluGradients<T>& gradients,
                        cudaStream_t stream);
/// Adds the sums of dout's columns to dbias; dx is not touched.
template <class T>
void bias_gradient(std::int64_t rows, int width, const GeluGradients<T>& gradients,
                   cudaStream_t stream);

// ---- kernels

namespace detail {

inline constexpr int strip_threads = 128;

/// The columns of a thread and the rows of its block, where a block has a strip of the columns.
template <int Vector>
struct Strip {
  int column;
  long long part, first, end;

  __device__ Strip(std::int64_t rows, int width, int rows_a_block) {
    constexpr int strip_width = strip_threads * Vector;
    const int strips = (width + strip_width - 1) / strip_width;
    const int strip = static_cast<int>(blockIdx.x) % strips;
    part = static_cast<int>(blockIdx.x) / strips;
    column = strip * strip_width + static_cast<int>(threadIdx.x) * Vector;
    first = part * rows_a_block;
    end = first + rows_a_block < rows ? first + rows_a_block : rows;
  }
};

template <int Vector>
__device__ Packed<float, Vector> read_bias(const float* bias, int column) {
  if (bias != nullptr) return *reinterpret_cast<const Packed<float, Vector>*>(bias + column);
  Packed<float, Vector> none;
  CANDIST_UNROLL
  for (int v = 0; v < Vector; ++v) none.items[v] = 0.0f;
  return none;
}

/// Nothing behind the bias.
struct NoActivation {};

}  // namespace detail

template <int Vector, class Activation, class T>
__global__ void __launch_bounds__(detail::strip_threads)
    bias_activation_kernel(GeluBatch<T> batch, T* out, int rows_a_block) {
  using Elements = detail::Packed<T, Vector>;
  const detail::Strip<Vector> strip(batch.rows, batch.width, rows_a_block);
  if (strip.column >= batch.width) return;
  const auto bias = detail::read_bias<Vector>(batch.bias, strip.column);
  for (long long r = strip.first; r < strip.end; ++r) {
    const long long at = r * batch.width + strip.column;
    Elements x = *reinterpret_cast<const Elements*>(batch.x + at);
    CANDIST_UNROLL
    for (int v = 0; v < Vector; ++v)
      x.items[v] = from_float<T>(Activation::value(to_float(x.items[v]) + bias.items[v]));
    *reinterpret_cast<Elements*>(out + at) = x;
  }
}

template <int Vector, class Activation, class T>
__global__ void __launch_bounds__(detail::strip_threads)
    bias_activation_backward_kernel(GeluBatch<T> batch, GeluGradients<T> gradients,
                                    int rows_a_block) {
  using Elements = detail::Packed<T, Vector>;
  constexpr bool is_activated = !std::is_same_v<Activation, detail::NoActivation>;
  const detail::Strip<Vector> strip(batch.rows, batch.width, rows_a_block);
  if (strip.column >= batch.width) return;
  detail::Packed<float, Vector> bias, sum;
  if constexpr (is_activated) bias = detail::read_bias<Vector>(batch.bias, strip.column);
  CANDIST_UNROLL
  for (int v = 0; v < Vector; ++v) sum.items[v] = 0.0f;
  for (long long r = strip.first; r < strip.end; ++r) {
    const long long at = r * batch.width + strip.column;
    Elements d = *reinterpret_cast<const Elements*>(gradients.dout + at);
    if constexpr (is_activated) {
      const Elements x = *reinterpret_cast<const Elements*>(batch.x + at);
      CANDIST_UNROLL
      for (int v = 0; v < Vector; ++v) {
        const float slope = Activation::slope(to_float(x.items[v]) + bias.items[v]);
        const float dx = to_float(d.items[v]) * slope;
        sum.items[v] += dx;
        d.items[v] = from_float<T>(dx);
      }
      *reinterpret_cast<Elements*>(gradients.dx + at) = d;
    } else {
      CANDIST_UNROLL
      for (int v = 0; v < Vector; ++v) sum.items[v] += to_float(d.items[v]);
    }
  }
  if (gradients.dbias == nullptr) return;
  *reinterpret_cast<detail::Packed<float, Vector>*>(gradients.partials + strip.part * batch.width +
                                                    strip.column) = sum;
}

// ---- definitions

namespace detail {

inline int strip_rows_backward(std::int64_t rows) {
  constexpr std::int64_t most_parts = 512;
  return static_cast<int>(std::max<std::int64_t>(16, (rows + most_parts - 1) / most_parts));
}
inline std::int64_t strip_parts(std::int64_t rows, int rows_a_block) {
  return (rows + rows_a_block - 1) / rows_a_block;
}
template <int Vector>
unsigned strip_blocks(std::int64_t rows, int width, int rows_a_block) {
  constexpr int strip_width = strip_threads * Vector;
  return static_cast<unsigned>(strip_parts(rows, rows_a_block) *
                               ((width + strip_width - 1) / strip_width));
}

template <class Activation, class T>
void bias_activation_backward(const GeluBatch<T>& batch, const GeluGradients<T>& gradients,
                              cudaStream_t stream) {
  const int rows_a_block = strip_rows_backward(batch.rows);
  const auto run = [&]<int vector>() {
    launch(bias_activation_backward_kernel<vector, Activation, T>,
           {strip_blocks<vector>(batch.rows, batch.width, rows_a_block), strip_threads}, stream,
           batch, gradients, rows_a_block);
  };
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  if (takes_vectors(vector, batch.width, batch.x, batch.bias, gradients.dout, gradients.dx,
                    gradients.partials)) {
    run.template operator()<vector>();
  } else {
    run.template operator()<1>();
  }
  if (gradients.dbias == nullptr) return;
  add_column_sums({gradients.partials, static_cast<int>(strip_parts(batch.rows, rows_a_block)),
                   batch.width, batch.width, gradients.dbias, nullptr},
                  stream);
}

inline void expect_gelu(bool holds, const char* what) {
  if (!holds) throw ShapeError(std::string("bias_gelu: found ") + what);
}

}  // namespace detail

template <class T>
std::size_t GeluGradients<T>::partial_count(std::int64_t rows, int width) {
  return static_cast<std::size_t>(detail::strip_parts(rows, detail::strip_rows_backward(rows)) *
                                  width);
}

template <class T>
void bias_gelu(const GeluBatch<T>& batch, T* out, cudaStream_t stream) {
  detail::expect_gelu(batch.rows >= 0 && batch.width >= 1,
                      "no columns, or a negative number of rows");
  if (batch.rows == 0) return;
  detail::expect_gelu(batch.x != nullptr && out != nullptr, "no x or out, expected [N, F] each");
  constexpr int rows_a_block = 8;
  const auto run = [&]<int vector>() {
    launch(bias_activation_kernel<vector, ExactGelu, T>,
           {detail::strip_blocks<vector>(batch.rows, batch.width, rows_a_block),
            detail::strip_threads},
           stream, batch, out, rows_a_block);
  };
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  if (detail::takes_vectors(vector, batch.width, batch.x, batch.bias, out)) {
    run.template operator()<vector>();
  } else {
    run.template operator()<1>();
  }
}

template <class T>
void bias_gelu_backward(const GeluBatch<T>& batch, const GeluGradients<T>& gradients,
                        cudaStream_t stream) {
  detail::expect_gelu(batch.rows >= 0 && batch.width >= 1,
                      "no columns, or a negative number of rows");
  if (batch.rows == 0) return;
  detail::expect_gelu(batch.x != nullptr && gradients.dout != nullptr && gradients.dx != nullptr,
                      "no x, dout or dx, expected [N, F] each");
  detail::expect_gelu(gradients.dbias == nullptr || gradients.partials != nullptr,
                      "no partials, which the gradient of the bias needs");
  detail::bias_activation_backward<ExactGelu>(batch, gradients, stream);
}

template <class T>
void bias_gradient(std::int64_t rows, int width, const GeluGradients<T>& gradients,
                   cudaStream_t stream) {
  detail::expect_gelu(rows >= 0 && width >= 1, "no columns, or a negative number of rows");
  if (rows == 0) return;
  detail::expect_gelu(
      gradients.dout != nullptr && gradients.dbias != nullptr && gradients.partials != nullptr,
      "no dout, dbias or partials");
  GeluBatch<T> batch;
  batch.rows = rows;
  batch.width = width;
  detail::bias_activation_backward<detail::NoActivation>(batch, gradients, stream);
}

}  // namespace candist
