// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention: multi-head attention inside each of N texts that lie end to end, T tokens in all, without
// padding: from queries, keys and values side by side [T, 3 D] to the context [T, D].
//   reads   the queries once; the keys and values of a text once for every 32 of its queries, from L2 from
//           the second time on
//   writes  the context and, for the backward pass, a log sum exp a token and head [T, H]
//   bound   launch, up to a few thousand tokens of short texts; arithmetic above: 4 t^2 D operations a text
//           of t tokens, on the CUDA cores, t rounded up to 32
//   launch  128 threads for 32 queries of a head, which take its text's keys 32 at a time; 30 KiB shared
//           where heads are 64 wide, 18 KiB where 32. Blocks beyond the end of a short text end at once
//   never   writes a score or a dropout factor to memory, or depends on the order of blocks: the same input
//           gives the same bits
//   host twin: attend in packed_attention.hpp, dropout of the very same units
// Context and log sum exp are set, not added. The backward pass is in attention_backward.cuh.
// Reference: the softmax under way is that of Milakov and Gimelshein 2018, arXiv:1805.02867, used as in
// Dao et al., NeurIPS 2022, arXiv:2205.14135.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"
#include "candist/kernels/attention_tiles.cuh"

namespace candist {

/// The texts of a batch and where everything about them lies; all pointers are of the device, arrays of
/// Storage begin at multiples of 16 bytes.
template <class Storage>
struct AttentionBatch {
  std::int64_t texts = 0;                 ///< N
  std::int64_t longest = 0;               ///< t of the longest text, or more
  std::int64_t width = 0;                 ///< D, 32 or 64 a head
  std::int64_t heads = 1;                 ///< H
  const std::int32_t* offsets = nullptr;  ///< [N + 1], rows of the texts' first tokens, and T
  UnitDropout dropout;
  const Storage* qkv = nullptr;       ///< [T, 3 D]: queries, keys, values; each head after head
  Storage* context = nullptr;         ///< [T, D]
  float* log_sums = nullptr;          ///< [T, H], log sum exp of a query's scaled scores
  const Storage* dcontext = nullptr;  ///< [T, D], read by the backward pass
  Storage* dqkv = nullptr;            ///< [T, 3 D], set by the backward pass
};

/// Puts the forward pass into the stream. Throws ShapeError where arrays are missing or heads are of
/// another width.
template <class Storage>
void attention(const AttentionBatch<Storage>& batch, cudaStream_t stream);

// ---- the forward pass

namespace detail {

/// One head of one text.
struct HeadOfBatch {
  template <class Storage>
  __device__ HeadOfBatch(const AttentionBatch<Storage>& batch, std::int64_t text, int number,
                         int head_width)
      : first(batch.offsets[text]),
        tokens(batch.offsets[text + 1] - batch.offsets[text]),
        width(batch.width),
        head_column(static_cast<std::int64_t>(number) * head_width),
        dropout_row(text * batch.heads + number) {}

  /// Offsets of token i's row: in [T, 3 D], of a token's query; keys and values lie D and 2 D behind it.
  __device__ std::int64_t query(int i) const { return (first + i) * 3 * width + head_column; }
  __device__ std::int64_t context(int i) const { return (first + i) * width + head_column; }

  std::int64_t first;
  int tokens;
  std::int64_t width;
  std::int64_t head_column;
  std::int64_t dropout_row;
};

}  // namespace detail

/// Block (tile of queries, text, head), the heads first.
template <class Tiles, class Storage>
__global__ void __launch_bounds__(detail::attention_threads)
    attention_kernel(AttentionBatch<Storage> batch) {
  using detail::attention_tile;
  using Four = typename Tiles::Four;
  CANDIST_SHARED(Four, queries, Tiles::size);
  CANDIST_SHARED(Four, keys, Tiles::size);
  CANDIST_SHARED(Four, values, Tiles::size);
  CANDIST_SHARED(Four, probabilities, Tiles::weight_size);
  const auto heads = static_cast<unsigned>(batch.heads);
  const auto texts = static_cast<unsigned>(batch.texts);
  const int number = static_cast<int>(blockIdx.x % heads);
  const detail::HeadOfBatch head(batch, blockIdx.x / heads % texts, number, Tiles::width);
  const int query = static_cast<int>(blockIdx.x / heads / texts) * attention_tile;
  if (query >= head.tokens) return;
  const std::int64_t stride = 3 * batch.width;
  const float scale = 1.0f / std::sqrt(static_cast<float>(Tiles::width));

  Tiles::load(queries, batch.qkv + head.query(query), stride, head.tokens - query);
  typename Tiles::Sums context = {};
  float top[Tiles::rows], total[Tiles::rows];  // of the keys so far; total: the thread's part
  for (int r = 0; r < Tiles::rows; ++r) {
    top[r] = -INFINITY;
    total[r] = 0.0f;
  }
  for (int key = 0; key < head.tokens; key += attention_tile) {
    const int count = head.tokens - key < attention_tile ? head.tokens - key : attention_tile;
    if (key > 0) __syncthreads();  // the last keys and values have been read
    const Storage* from = batch.qkv + head.query(key) + batch.width;
    Tiles::load(keys, from, stride, count);
    Tiles::load(values, from + batch.width, stride, count);
    __syncthreads();  // queries, keys and values are there
    typename Tiles::Cells scores;
    Tiles::multiply(queries, keys, scores);
    const detail::KeptCells<Tiles> kept(batch.dropout, head.dropout_row, head.tokens, query, key);
    CANDIST_UNROLL
    for (int r = 0; r < Tiles::rows; ++r) {
      const float before = top[r];
      CANDIST_UNROLL
      for (int c = 0; c < Tiles::columns; ++c) {
        scores[r][c] = Tiles::column(c) < count ? scores[r][c] * scale : -INFINITY;
        if (scores[r][c] > top[r]) top[r] = scores[r][c];
      }
      top[r] = Tiles::RowThreads::all(top[r], [](float a, float b) { return a > b ? a : b; });
      const float shrinks = std::exp(before - top[r]);
      total[r] *= shrinks;
      Tiles::scale(context, r, shrinks);
      CANDIST_UNROLL
      for (int c = 0; c < Tiles::columns; ++c) {
        const float p = std::exp(scores[r][c] - top[r]);
        total[r] += p;
        Tiles::weight(probabilities, Tiles::row(r), Tiles::column(c)) =
            kept.holds(r, c) ? p * batch.dropout.factor : 0.0f;
      }
    }
    __syncwarp();  // the warp's rows of probabilities are there
    Tiles::add_weighted(probabilities, values, count, context);
  }
  CANDIST_UNROLL
  for (int r = 0; r < Tiles::rows; ++r) {
    total[r] = Tiles::RowThreads::sum(total[r]);
    Tiles::scale(context, r, 1.0f / total[r]);
    const int i = query + Tiles::row(r);
    if (i < head.tokens && Tiles::thread_x() == 0)
      batch.log_sums[(head.first + i) * batch.heads + number] = top[r] + std::log(total[r]);
  }
  Tiles::store(context, batch.context + head.context(query), batch.width, head.tokens - query);
}

// ---- definitions

namespace detail {

template <class Storage>
void check_attention(const AttentionBatch<Storage>& batch) {
  const auto expect = [](bool holds, const std::string& what) {
    if (!holds) throw ShapeError("attention: found " + what);
  };
  expect(batch.heads >= 1 && (batch.width == 32 * batch.heads || batch.width == 64 * batch.heads),
         std::to_string(batch.heads) + " heads of " + std::to_string(batch.width) +
             " columns in all, expected 32 or 64 a head");
  expect(batch.longest >= 0 && batch.longest < 65536,
         "texts of " + std::to_string(batch.longest) + " tokens, expected at most 65535");
  expect(batch.offsets != nullptr && batch.qkv != nullptr && batch.context != nullptr &&
             batch.log_sums != nullptr,
         "a batch without offsets, qkv, context or log_sums");
  const auto aligned = [](const void* array) {
    return reinterpret_cast<std::uintptr_t>(array) % 16 == 0;
  };
  expect(aligned(batch.qkv) && aligned(batch.context) && aligned(batch.dcontext) &&
             aligned(batch.dqkv),
         "an array that does not begin at a multiple of 16 bytes");
}

/// run<head width>(shape), the shape with `slots` blocks a text and head.
template <class Storage, class Run>
void by_head_width(const AttentionBatch<Storage>& batch, std::int64_t slots, Run run) {
  const std::int64_t blocks = batch.texts * batch.heads * slots;
  if (blocks > 0x7FFFFFFF) {
    throw ShapeError("attention: found a batch of " + std::to_string(blocks) +
                     " blocks, expected at most 2^31 - 1");
  }
  const LaunchShape shape{static_cast<unsigned>(blocks), attention_threads};
  if (batch.width == 32 * batch.heads) {
    run.template operator()<32>(shape);
  } else {
    run.template operator()<64>(shape);
  }
}

}  // namespace detail

template <class Storage>
void attention(const AttentionBatch<Storage>& batch, cudaStream_t stream) {
  detail::check_attention(batch);
  const std::int64_t tiles = (batch.longest + detail::attention_tile - 1) / detail::attention_tile;
  detail::by_head_width(batch, tiles, [&]<int width>(LaunchShape shape) {
    launch(attention_kernel<detail::CudaCoreTiles<width>, Storage>, shape, stream, batch);
  });
}

}  // namespace candist
