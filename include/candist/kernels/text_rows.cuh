// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// text_rows: from the rows of T packed tokens to one row a text, its first token's or the mean of all, and
// the way back.
//   reads   the rows that are taken, once; add_to_first_rows also those that it adds to
//   writes  every row once; nothing of texts without tokens but zeros where a row a text is set
//   bound   launch; memory for means of long texts
//   launch  128 threads a text, its columns one after another
//   never   adds in an order that depends on anything but the text: the same input gives the same bits
//   host twin: TransformerNetwork::pool and embed_backward in students/transformer.hpp
#pragma once

#include <cstdint>
#include <string>

#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"

namespace candist {

/// N texts of rows [D]; the pointer is of the device.
struct TextRows {
  std::int64_t texts = 0;  ///< N
  int width = 0;           ///< D
  const std::int32_t* offsets =
      nullptr;  ///< [N + 1], rows of first tokens, and T; none: text n is row n
};

/// Puts it into the stream: to [N, D] becomes the first rows of from [T, D], 0 for a text without tokens.
template <class From, class To>
void take_first_rows(const TextRows& rows, const From* from, To* to, cudaStream_t stream);
/// The first rows of to [T, D] become from [N, D]; the other rows stay.
template <class From, class To>
void put_first_rows(const TextRows& rows, const From* from, To* to, cudaStream_t stream);
/// from [N, D] is added to the first rows of to [T, D].
template <class T>
void add_to_first_rows(const TextRows& rows, const T* from, T* to, cudaStream_t stream);
/// to [N, D] becomes the means over the texts' rows of from [T, D], 0 for a text without tokens.
template <class From>
void mean_rows(const TextRows& rows, const From* from, float* to, cudaStream_t stream);
/// The backward pass of mean_rows: every row of to [T, D] becomes its text's row of from [N, D] over the
/// number of its tokens.
template <class To>
void spread_mean(const TextRows& rows, const float* from, To* to, cudaStream_t stream);

// ---- kernels

namespace detail {

inline constexpr int text_row_threads = 128;

/// The rows of the block's text.
struct RowsOfText {
  long long text, first, tokens;

  __device__ explicit RowsOfText(const TextRows& rows)
      : text(blockIdx.x),
        first(rows.offsets == nullptr ? text : rows.offsets[text]),
        tokens(rows.offsets == nullptr ? 1 : rows.offsets[text + 1] - first) {}
};

enum class FirstRows { take, put, add };

}  // namespace detail

template <detail::FirstRows what, class From, class To>
__global__ void __launch_bounds__(detail::text_row_threads)
    first_rows_kernel(TextRows rows, const From* from, To* to) {
  using detail::FirstRows;
  const detail::RowsOfText text(rows);
  const long long one = text.text * rows.width;
  const long long token = text.first * rows.width;
  if (what != FirstRows::take && text.tokens == 0) return;
  for (int d = static_cast<int>(threadIdx.x); d < rows.width; d += detail::text_row_threads) {
    if constexpr (what == FirstRows::take) {
      to[one + d] = from_float<To>(text.tokens == 0 ? 0.0f : to_float(from[token + d]));
    } else if constexpr (what == FirstRows::put) {
      to[token + d] = from_float<To>(to_float(from[one + d]));
    } else {
      to[token + d] = from_float<To>(to_float(to[token + d]) + to_float(from[one + d]));
    }
  }
}

template <class From>
__global__ void __launch_bounds__(detail::text_row_threads)
    mean_rows_kernel(TextRows rows, const From* from, float* to) {
  const detail::RowsOfText text(rows);
  for (int d = static_cast<int>(threadIdx.x); d < rows.width; d += detail::text_row_threads) {
    float sum = 0.0f;
    for (long long t = 0; t < text.tokens; ++t)
      sum += to_float(from[(text.first + t) * rows.width + d]);
    to[text.text * rows.width + d] =
        text.tokens == 0 ? 0.0f : sum / static_cast<float>(text.tokens);
  }
}

template <class To>
__global__ void __launch_bounds__(detail::text_row_threads)
    spread_mean_kernel(TextRows rows, const float* from, To* to) {
  const detail::RowsOfText text(rows);
  for (int d = static_cast<int>(threadIdx.x); d < rows.width; d += detail::text_row_threads) {
    const float share = from[text.text * rows.width + d] / static_cast<float>(text.tokens);
    for (long long t = 0; t < text.tokens; ++t)
      to[(text.first + t) * rows.width + d] = from_float<To>(share);
  }
}

// ---- definitions

namespace detail {

template <class From, class To, class Kernel>
void run_text_rows(Kernel kernel, const TextRows& rows, const From* from, To* to,
                   cudaStream_t stream) {
  if (rows.texts < 0 || rows.width < 1 || from == nullptr || to == nullptr) {
    throw ShapeError("text_rows: found " + std::to_string(rows.texts) + " texts of width " +
                     std::to_string(rows.width) + (from == nullptr ? ", no rows to read" : "") +
                     (to == nullptr ? ", no room to write" : ""));
  }
  launch(kernel, {static_cast<unsigned>(rows.texts), text_row_threads}, stream, rows, from, to);
}

}  // namespace detail

template <class From, class To>
void take_first_rows(const TextRows& rows, const From* from, To* to, cudaStream_t stream) {
  detail::run_text_rows(first_rows_kernel<detail::FirstRows::take, From, To>, rows, from, to,
                        stream);
}
template <class From, class To>
void put_first_rows(const TextRows& rows, const From* from, To* to, cudaStream_t stream) {
  detail::run_text_rows(first_rows_kernel<detail::FirstRows::put, From, To>, rows, from, to,
                        stream);
}
template <class T>
void add_to_first_rows(const TextRows& rows, const T* from, T* to, cudaStream_t stream) {
  detail::run_text_rows(first_rows_kernel<detail::FirstRows::add, T, T>, rows, from, to, stream);
}
template <class From>
void mean_rows(const TextRows& rows, const From* from, float* to, cudaStream_t stream) {
  detail::run_text_rows(mean_rows_kernel<From>, rows, from, to, stream);
}
template <class To>
void spread_mean(const TextRows& rows, const float* from, To* to, cudaStream_t stream) {
  detail::run_text_rows(spread_mean_kernel<To>, rows, from, to, stream);
}

}  // namespace candist
