// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention: multi-head attention inside each of N texts that lie end to end, T tokens in all, without
// padding: from queries, keys and values side by side [T, 3 D] to the context [T, D]. Between arrays of bf16
// by tensor cores (attention_tensor_core.cuh); of others on the CUDA cores, by the kernel here:
//   reads   the queries once; the keys and values of a text once for every 32 of its queries, from L2 from
//           the second time on
//   writes  the context and, for the backward pass, a log sum exp a token and head [T, H]
//   bound   launch, up to a few thousand tokens of short texts; arithmetic above: 4 t^2 D operations a text
//           of t tokens, t rounded up to 32
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
#include <type_traits>

#include "candist/cuda/launch.cuh"
#include "candist/kernels/attention_batch.cuh"
#include "candist/kernels/attention_tensor_core.cuh"
#include "candist/kernels/attention_tiles.cuh"

namespace candist {

/// Puts the forward pass into the stream. Throws ShapeError where arrays are missing or heads are of
/// another width.
template <class Storage>
void attention(const AttentionBatch<Storage>& batch, cudaStream_t stream);

// ---- the forward pass

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

/// run<Tiles>(): the one place that chooses what a batch is worked on with.
template <class Storage, class Run>
void by_attention_tiles(const AttentionBatch<Storage>& batch, Run run) {
  const auto of_width = [&]<int width>() {
    if constexpr (!std::is_same_v<Storage, __nv_bfloat16>) {
      run.template operator()<CudaCoreTiles<width>>();
    } else if (batch.longest <= TensorCoreTiles<width, 2>::tile) {
      run.template operator()<TensorCoreTiles<width, 2>>();
    } else {
      run.template operator()<TensorCoreTiles<width, 4>>();
    }
  };
  if (batch.width == 32 * batch.heads) {
    of_width.template operator()<32>();
  } else {
    of_width.template operator()<64>();
  }
}

}  // namespace detail

template <class Storage>
void attention(const AttentionBatch<Storage>& batch, cudaStream_t stream) {
  detail::check_attention(batch);
  detail::by_attention_tiles(batch, [&]<class Tiles>() {
    const LaunchShape shape =
        detail::attention_shape<Tiles>(batch, detail::attention_tiles<Tiles>(batch));
    if constexpr (Tiles::on_tensor_cores) {
      launch(attention_tensor_core_kernel<Tiles>, shape, stream, batch);
    } else {
      launch(attention_kernel<Tiles, Storage>, shape, stream, batch);
    }
  });
}

}  // namespace candist
