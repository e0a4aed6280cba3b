// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// embedding: out = dropout(norm((word + type) + position)) for T packed tokens, and the gradients of the rows
// of the three tables that a batch touches.
//   forward   reads three rows of tables and their ids a token, writes sum and out (2 T D elements)
//   backward  that of layer_norm.cuh; then for each table reads dsum in the order of its rows (T D elements)
//             and writes a gradient row for each touched row. Rows with tokens in several chunks of 16 are
//             added up by a second launch from at most 2 D floats a chunk
//   bound     memory; the words' rows come from all over their table
//   launch    forward as layer_norm; gradients: 128 threads for a chunk and 128 vectors of its columns, then
//             256 for a row that spans chunks and 32 of its columns
//   never     adds in an order that depends on anything but the batch: the same input gives the same bits.
//             Ids are not checked here (students/packed_batch.hpp does)
//   host twin: TransformerPass::embed and embedding_gradients in students/transformer_encoder.hpp
// Gradients of tables are set: [U, D] of the U touched rows, as row-sparse ParameterBlocks have them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "candist/kernels/layer_norm.cuh"

namespace candist {

/// Tokens to be embedded; all pointers are of the device.
template <class T, class Table>
struct EmbeddingBatch {
  NormBatch<T> norm;                           ///< of T rows; its dropout stands behind the norm
  const Table* words = nullptr;                ///< [V, D]
  const Table* positions = nullptr;            ///< [P, D]
  const Table* types = nullptr;                ///< [token types, D]
  const std::int32_t* word_ids = nullptr;      ///< [T]
  const std::int32_t* position_ids = nullptr;  ///< [T]
  const std::int32_t* type_ids = nullptr;      ///< [T]; none: all 0
};

/// The tokens of a batch in the order of a table's rows; pointers are of the device.
struct TokensByRow {
  static constexpr int chunk = 16;

  std::int64_t tokens = 0;               ///< T
  std::int64_t rows = 0;                 ///< U, touched rows
  std::int64_t spanning = 0;             ///< S
  const std::int32_t* order = nullptr;   ///< [T], tokens by their rows
  const std::int32_t* begins = nullptr;  ///< [U + 1], where each row's tokens begin in order
  const std::int32_t* first_rows =
      nullptr;  ///< [chunks], the touched row of each chunk's first token
  const std::int32_t* spanning_rows =
      nullptr;  ///< [S], touched rows with tokens in several chunks; -1:
                ///< none, where a graph has room for more

  static std::int64_t chunks(std::int64_t tokens) { return (tokens + chunk - 1) / chunk; }
  /// Floats of room that sums of rows [T, D] need.
  static std::size_t partial_count(std::int64_t tokens, int width) {
    return static_cast<std::size_t>(chunks(tokens) * 2 * width);
  }
};

/// TokensByRow's arrays on the host.
struct TokenOrder {
  std::vector<std::int32_t> touched;  ///< [U], rows of the table, ascending
  std::vector<std::int32_t> order, begins, first_rows, spanning_rows;

  explicit TokenOrder(std::span<const std::int32_t> ids);
};

/// Where the gradient of a table goes; pointers are of the device.
struct TableGradient {
  TokensByRow tokens;
  float* gradient = nullptr;  ///< [U, D], set; none: not wanted
};

/// Puts the forward pass into the stream. Throws ShapeError where something is missing.
template <class T, class Table>
void embed(const EmbeddingBatch<T, Table>& batch, T* out, cudaStream_t stream);
/// Puts the backward pass into the stream: norm as in the forward pass, gradients.dsum is left for reading.
/// partials [partial_count(T, D)] are used by the tables one after another.
template <class T>
void embed_backward(NormBatch<T> norm, const NormGradients<T>& gradients,
                    std::span<const TableGradient> tables, float* partials, cudaStream_t stream);
/// Sums of values [T, D] over the tokens of each touched row.
template <class T>
void sum_by_row(const TableGradient& table, const T* values, int width, float* partials,
                cudaStream_t stream);

// ---- kernels

template <int Threads, int Tiles, int Vector, class T, class Table>
__global__ void __launch_bounds__(detail::norm_threads)
    embed_kernel(EmbeddingBatch<T, Table> batch, T* out) {
  using Row = detail::TiledRow<Threads, Tiles, Vector>;
  const long long r = Row::Group::row();
  if (r >= batch.norm.rows) return;
  const int width = batch.norm.width;
  const Row row(width);
  const long long word = batch.word_ids[r];
  const long long position = batch.position_ids[r];
  const long long type = batch.type_ids == nullptr ? 0 : batch.type_ids[r];
  float x[Row::count], other[Row::count];
  row.read(batch.words + word * width, x);
  row.read(batch.types + type * width, other);
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) x[i] += other[i];
  row.read(batch.positions + position * width, other);
  CANDIST_UNROLL
  for (int i = 0; i < Row::count; ++i) x[i] += other[i];
  detail::norm_row(row, batch.norm, r, x, out);
}

/// A chunk of the order and some columns. What a row has in this chunk alone is its gradient; of a row
/// that goes on beyond the chunk's end or began before it, a part is left: the last one (1) or the first.
template <int Vector, class T>
__global__ void __launch_bounds__(128)
    sum_by_row_kernel(TableGradient table, const T* values, int width, float* partials) {
  const TokensByRow& by_row = table.tokens;
  const int slices = (width + 128 * Vector - 1) / (128 * Vector);
  const long long chunk = static_cast<int>(blockIdx.x) / slices;
  const int slice = static_cast<int>(blockIdx.x) % slices;
  const int column = (slice * 128 + static_cast<int>(threadIdx.x)) * Vector;
  if (column >= width) return;
  const long long first = chunk * TokensByRow::chunk;
  const long long end =
      first + TokensByRow::chunk < by_row.tokens ? first + TokensByRow::chunk : by_row.tokens;
  long long row = by_row.first_rows[chunk];
  for (long long i = first; i < end; ++row) {
    const long long row_begin = by_row.begins[row];
    const long long row_end = by_row.begins[row + 1];
    const long long stop = row_end < end ? row_end : end;
    detail::Packed<float, Vector> sum;
    CANDIST_UNROLL
    for (int v = 0; v < Vector; ++v) sum.items[v] = 0.0f;
    for (; i < stop; ++i) {
      const long long token = by_row.order[i];
      const auto packed =
          *reinterpret_cast<const detail::Packed<T, Vector>*>(values + token * width + column);
      CANDIST_UNROLL
      for (int v = 0; v < Vector; ++v) sum.items[v] += to_float(packed.items[v]);
    }
    const bool begins_here = row_begin >= first;
    float* to = begins_here && row_end <= end
                    ? table.gradient + row * width
                    : partials + (chunk * 2 + (begins_here ? 1 : 0)) * width;
    *reinterpret_cast<detail::Packed<float, Vector>*>(to + column) = sum;
  }
}

/// A row that spans chunks and 32 of its columns: 8 warps that each add up every eighth part. (A template,
/// so that several files may have it.)
template <class Gradient>
__global__ void __launch_bounds__(256)
    sum_of_parts_kernel(Gradient table, int width, const float* partials) {
  constexpr int warps = 8;
  CANDIST_SHARED(float, totals, warps* warp_size);
  const TokensByRow& by_row = table.tokens;
  const int slices = (width + warp_size - 1) / warp_size;
  const long long row = by_row.spanning_rows[static_cast<int>(blockIdx.x) / slices];
  if (row < 0) return;
  const int lane = static_cast<int>(threadIdx.x) % warp_size;
  const int warp = static_cast<int>(threadIdx.x) / warp_size;
  const int column = static_cast<int>(blockIdx.x) % slices * warp_size + lane;
  const long long first = by_row.begins[row] / TokensByRow::chunk;
  const long long last = (by_row.begins[row + 1] - 1) / TokensByRow::chunk;
  float total = 0.0f;
  if (column < width) {
    for (long long chunk = first + warp; chunk <= last; chunk += warps)
      total += partials[(chunk * 2 + (chunk == first ? 1 : 0)) * width + column];
  }
  totals[warp * warp_size + lane] = total;
  __syncthreads();  // the totals of all warps are there
  if (warp > 0 || column >= width) return;
  for (int w = 1; w < warps; ++w) total += totals[w * warp_size + lane];
  table.gradient[row * width + column] = total;
}

// ---- definitions

inline TokenOrder::TokenOrder(std::span<const std::int32_t> ids) : order(ids.size()) {
  std::iota(order.begin(), order.end(), 0);
  const auto id = [&](std::int32_t token) { return ids[static_cast<std::size_t>(token)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return id(a) < id(b); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || id(order[i]) != touched.back()) {
      touched.push_back(id(order[i]));
      begins.push_back(static_cast<std::int32_t>(i));
    }
    if (i % TokensByRow::chunk == 0)
      first_rows.push_back(static_cast<std::int32_t>(touched.size()) - 1);
  }
  begins.push_back(static_cast<std::int32_t>(order.size()));
  for (std::size_t row = 0; row < touched.size(); ++row) {
    if (begins[row] / TokensByRow::chunk != (begins[row + 1] - 1) / TokensByRow::chunk)
      spanning_rows.push_back(static_cast<std::int32_t>(row));
  }
}

template <class T, class Table>
void embed(const EmbeddingBatch<T, Table>& given, T* out, cudaStream_t stream) {
  EmbeddingBatch<T, Table> batch = given;
  batch.norm.place = DropoutPlace::output;
  detail::check_norm_batch(batch.norm);
  if (batch.norm.rows == 0) return;
  if (batch.words == nullptr || batch.positions == nullptr || batch.types == nullptr ||
      batch.word_ids == nullptr || batch.position_ids == nullptr || out == nullptr)
    throw ShapeError("embed: found no tables, ids or out, expected three tables and their ids");
  const bool vectors = detail::takes_vectors(16 / static_cast<int>(sizeof(T)), batch.norm.width,
                                             batch.norm.gamma, batch.norm.beta, batch.norm.sum,
                                             batch.words, batch.positions, batch.types, out);
  detail::with_norm_shape<T>(batch.norm.width, vectors, [&]<int threads, int tiles, int vector>() {
    constexpr int rows_a_block = detail::norm_threads / threads;
    launch(embed_kernel<threads, tiles, vector, T, Table>,
           {static_cast<unsigned>((batch.norm.rows + rows_a_block - 1) / rows_a_block),
            detail::norm_threads},
           stream, batch, out);
  });
}

template <class T>
void embed_backward(NormBatch<T> norm, const NormGradients<T>& gradients,
                    std::span<const TableGradient> tables, float* partials, cudaStream_t stream) {
  norm.place = DropoutPlace::output;
  layer_norm_backward(norm, gradients, stream);
  for (const TableGradient& table : tables) {
    if (table.gradient == nullptr) continue;
    if (table.tokens.tokens != norm.rows) {
      throw ShapeError("embed_backward: found an order of " + std::to_string(table.tokens.tokens) +
                       " tokens, expected " + std::to_string(norm.rows));
    }
    sum_by_row(table, static_cast<const T*>(gradients.dsum), norm.width, partials, stream);
  }
}

template <class T>
void sum_by_row(const TableGradient& table, const T* values, int width, float* partials,
                cudaStream_t stream) {
  const TokensByRow& by_row = table.tokens;
  if (by_row.tokens == 0) return;
  if (width < 1 || values == nullptr || partials == nullptr || table.gradient == nullptr ||
      by_row.order == nullptr || by_row.begins == nullptr || by_row.first_rows == nullptr ||
      (by_row.spanning > 0 && by_row.spanning_rows == nullptr))
    throw ShapeError("sum_by_row: found no values, order or room for sums");
  const auto sum = [&]<int vector>() {
    const std::int64_t slices = (width + 128 * vector - 1) / (128 * vector);
    launch(sum_by_row_kernel<vector, T>,
           {static_cast<unsigned>(TokensByRow::chunks(by_row.tokens) * slices), 128}, stream, table,
           values, width, partials);
  };
  constexpr int vector = 16 / static_cast<int>(sizeof(T));
  if (detail::takes_vectors(vector, width, values, partials, table.gradient)) {
    sum.template operator()<vector>();
  } else {
    sum.template operator()<1>();
  }
  const std::int64_t slices = (width + warp_size - 1) / warp_size;
  launch(sum_of_parts_kernel<TableGradient>, {static_cast<unsigned>(by_row.spanning * slices), 256},
         stream, table, width, static_cast<const float*>(partials));
}

}  // namespace candist
