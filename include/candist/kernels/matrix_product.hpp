// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// matrix_product: C = A B or C += A B for the shapes of a transformer on short texts.
//   M K N  rows of A, columns of A = rows of B, columns of B; any strides, one of them 1
//   bound  arithmetic: 2 M N K operations; B is packed panel by panel for each call, 1 / M of the work
//   tile   14 x 32 results in 28 registers of 16 floats (6 x 16 in 8s, 6 x 8 in 4s), A read in place
// Every result is one chain of fused multiply-adds over k = 0, 1, ..., whatever the shapes around it:
// a row's bits depend neither on the rows beside it, nor on how work was cut for threads, nor on the
// processor (with fused multiply-add; those before 2013 round differently).
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "candist/error.hpp"
#include "candist/kernels/wide_vectors.hpp"
#include "candist/matrix_view.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace candist {

/// Element (r, c) is data[r * row_stride + c * column_stride]; one of the strides is 1.
struct Factor {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride = 0;
  std::int64_t column_stride = 1;

  Factor() = default;
  Factor(const float* values, std::int64_t r, std::int64_t c, std::int64_t stride)
      : data(values), rows(r), columns(c), row_stride(stride) {}
  Factor(MatrixView<const float> matrix)
      : Factor(matrix.data, matrix.rows, matrix.columns, matrix.columns) {}
  Factor(MatrixView<float> matrix) : Factor(MatrixView<const float>(matrix)) {}
  Factor transposed() const {
    Factor t = *this;
    std::swap(t.rows, t.columns);
    std::swap(t.row_stride, t.column_stride);
    return t;
  }
};

/// Where a product goes: row-major, rows `stride` apart.
struct Result {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t stride = 0;

  Result(float* values, std::int64_t r, std::int64_t c, std::int64_t s)
      : data(values), rows(r), columns(c), stride(s) {}
  Result(MatrixView<float> matrix)
      : Result(matrix.data, matrix.rows, matrix.columns, matrix.columns) {}
};

/// Does a product replace what is there, or is it added?
enum class Product { replaces, is_added };

namespace detail {
struct MultiplyKernel;
}

/// C = A B, or C += A B. Throws ShapeError where the shapes do not fit. Runs on the calling thread.
/// A template, as all kernels are, so that who does not use it does not compile it.
template <class Kernel = detail::MultiplyKernel>
void multiply(const Factor& a, const Factor& b, const Result& c, Product how);

// ---- definitions

namespace detail {

/// Rows of B and columns of B that are packed at a time: 384 KiB, for the second-level cache.
inline constexpr std::int64_t packed_rows = 384;
inline constexpr std::int64_t packed_columns = 256;

/// One a thread, aligned for the widest registers.
inline float* packing_place() {
  struct Place {
    float* data = static_cast<float*>(
        ::operator new(static_cast<std::size_t>(packed_rows* packed_columns) * sizeof(float),
                       std::align_val_t(64)));
    ~Place() { ::operator delete(data, std::align_val_t(64)); }
  };
  thread_local Place place;
  return place.data;
}

/// Rows k of B's columns [0, columns) as `width` floats each, those beyond `columns` 0.
[[gnu::always_inline]] inline void pack_panel(const Factor& b, std::int64_t first_row,
                                              std::int64_t rows, std::int64_t first_column,
                                              std::int64_t columns, std::int64_t width, float* to) {
  const float* from = b.data + first_row * b.row_stride + first_column * b.column_stride;
  if (b.column_stride == 1) {
    for (std::int64_t k = 0; k < rows; ++k) {
      float* row = to + k * width;
      if (columns == width) {
        for (std::int64_t j = 0; j < width; ++j) row[j] = from[k * b.row_stride + j];
      } else {
        for (std::int64_t j = 0; j < width; ++j)
          row[j] = j < columns ? from[k * b.row_stride + j] : 0.0f;
      }
    }
    return;
  }
  typedef float Four __attribute__((vector_size(16)));
  std::int64_t j = 0;
  for (; j + 4 <= columns; j += 4) {  // blocks of 4 x 4, turned in registers
    const float* column = from + j * b.column_stride;
    std::int64_t k = 0;
    for (; k + 4 <= rows; k += 4) {
      Four v[4];
      for (int i = 0; i < 4; ++i) std::memcpy(&v[i], column + i * b.column_stride + k, sizeof v[i]);
      const Four t0 = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
      const Four t1 = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
      const Four t2 = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
      const Four t3 = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
      const Four r0 = __builtin_shufflevector(t0, t1, 0, 1, 4, 5);
      const Four r1 = __builtin_shufflevector(t0, t1, 2, 3, 6, 7);
      const Four r2 = __builtin_shufflevector(t2, t3, 0, 1, 4, 5);
      const Four r3 = __builtin_shufflevector(t2, t3, 2, 3, 6, 7);
      std::memcpy(to + k * width + j, &r0, sizeof r0);
      std::memcpy(to + (k + 1) * width + j, &r1, sizeof r1);
      std::memcpy(to + (k + 2) * width + j, &r2, sizeof r2);
      std::memcpy(to + (k + 3) * width + j, &r3, sizeof r3);
    }
    for (; k < rows; ++k) {
      for (int i = 0; i < 4; ++i) to[k * width + j + i] = column[i * b.column_stride + k];
    }
  }
  for (; j < width; ++j) {
    for (std::int64_t k = 0; k < rows; ++k)
      to[k * width + j] = j < columns ? from[j * b.column_stride + k] : 0.0f;
  }
}

enum class Contiguous { along_k, along_rows };

/// R rows times a panel of V registers: c += a b, from 0 where `fresh`; `columns` of them are real.
template <int W, int R, int V, Contiguous A>
[[gnu::always_inline]] inline void product_tile(std::int64_t depth, const float* a,
                                                std::int64_t stride, const float* panel, float* c,
                                                std::int64_t c_stride, std::int64_t columns,
                                                bool fresh) {
  FloatRegister<W> sums[R][V];
  const bool whole = columns == V * W;
  for (int r = 0; r < R; ++r) {
    for (int v = 0; v < V; ++v) {
      sums[r][v] = FloatRegister<W>{};
      if (!fresh && whole) std::memcpy(&sums[r][v], c + r * c_stride + v * W, sizeof sums[r][v]);
    }
    if (!fresh && !whole) {
      float padded[V * W] = {};
      for (std::int64_t j = 0; j < columns; ++j) padded[j] = c[r * c_stride + j];
      std::memcpy(&sums[r][0], padded, sizeof padded);
    }
  }
  for (std::int64_t k = 0; k < depth; ++k) {
    FloatRegister<W> b[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) std::memcpy(&b[v], panel + (k * V + v) * W, sizeof b[v]);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const float x = A == Contiguous::along_k ? a[r * stride + k] : a[k * stride + r];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sums[r][v] += x * b[v];
    }
  }
  for (int r = 0; r < R; ++r) {
    if (whole) {
      for (int v = 0; v < V; ++v)
        std::memcpy(c + r * c_stride + v * W, &sums[r][v], sizeof sums[r][v]);
    } else {
      float padded[V * W];
      std::memcpy(padded, &sums[r][0], sizeof padded);
      for (std::int64_t j = 0; j < columns; ++j) c[r * c_stride + j] = padded[j];
    }
  }
}

struct MultiplyKernel {
  /// R rows of A at `row` times all packed panels.
  template <int W, int R, Contiguous A>
  [[gnu::always_inline]] static void rows(const Factor& a, std::int64_t row, std::int64_t first_k,
                                          std::int64_t depth, const float* packed, const Result& c,
                                          std::int64_t first_column, std::int64_t columns,
                                          bool fresh) {
    const bool along_k = A == Contiguous::along_k;
    const std::int64_t stride = along_k ? a.row_stride : a.column_stride;
    const float* from = a.data + row * a.row_stride + first_k * a.column_stride;
    for (std::int64_t j = 0; j < columns; j += 2 * W) {
      const std::int64_t some = std::min<std::int64_t>(2 * W, columns - j);
      float* to = c.data + row * c.stride + first_column + j;
      if (some > W) {
        product_tile<W, R, 2, A>(depth, from, stride, packed + j * depth, to, c.stride, some,
                                 fresh);
      } else {
        product_tile<W, R, 1, A>(depth, from, stride, packed + j * depth, to, c.stride, some,
                                 fresh);
      }
    }
  }
  template <int W, Contiguous A>
  [[gnu::always_inline]] static void all(const Factor& a, const Factor& b, const Result& c,
                                         Product how, float* packed) {
    constexpr int tall = W == 16 ? 14 : 6;
    for (std::int64_t k = 0; k < a.columns; k += packed_rows) {
      const std::int64_t depth = std::min(packed_rows, a.columns - k);
      const bool fresh = k == 0 && how == Product::replaces;
      for (std::int64_t n = 0; n < b.columns; n += packed_columns) {
        const std::int64_t columns = std::min(packed_columns, b.columns - n);
        for (std::int64_t j = 0; j < columns; j += 2 * W) {
          const std::int64_t some = std::min<std::int64_t>(2 * W, columns - j);
          pack_panel(b, k, depth, n + j, some, some > W ? 2 * W : W, packed + j * depth);
        }
        std::int64_t row = 0;
        for (; row + tall <= a.rows; row += tall)
          rows<W, tall, A>(a, row, k, depth, packed, c, n, columns, fresh);
        if (tall == 14 && row + 8 <= a.rows) {
          rows<W, 8, A>(a, row, k, depth, packed, c, n, columns, fresh);
          row += 8;
        }
        if (row + 4 <= a.rows) {
          rows<W, 4, A>(a, row, k, depth, packed, c, n, columns, fresh);
          row += 4;
        }
        for (; row < a.rows; ++row) rows<W, 1, A>(a, row, k, depth, packed, c, n, columns, fresh);
      }
    }
  }
  template <int W>
  [[gnu::always_inline]] static void run(const Factor& a, const Factor& b, const Result& c,
                                         Product how, float* packed) {
    if (a.column_stride == 1) {
      all<W, Contiguous::along_k>(a, b, c, how, packed);
    } else {
      all<W, Contiguous::along_rows>(a, b, c, how, packed);
    }
  }
};

}  // namespace detail

template <class Kernel>
void multiply(const Factor& a, const Factor& b, const Result& c, Product how) {
  CANDIST_EXPECT_EQ(a.columns, b.rows, "columns of the first factor, rows of the second");
  CANDIST_EXPECT_EQ(a.rows, c.rows, "rows of the first factor, rows of the product");
  CANDIST_EXPECT_EQ(b.columns, c.columns, "columns of the second factor, columns of the product");
  if (a.columns == 0 && how == Product::replaces) {
    for (std::int64_t r = 0; r < c.rows; ++r) std::fill_n(c.data + r * c.stride, c.columns, 0.0f);
  }
  run_wide<Kernel>(a, b, c, how, detail::packing_place());
}

}  // namespace candist

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
