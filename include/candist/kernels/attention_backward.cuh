// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_backward: from the context's gradient [T, D] to that of queries, keys and values [T, 3 D]; the
// probabilities are computed again from the log sums that the forward pass kept. Between arrays of bf16 by
// tensor cores (attention_backward_tensor_core.cuh); of others on the CUDA cores, by the kernel here:
//   reads   what the forward pass read and wrote, and the context's gradient: once where a text has at most
//           32 tokens, else the keys and values once for every 32 queries, and the other way round
//   writes  the gradients once
//   bound   launch, up to a few thousand tokens of short texts; arithmetic above: 10 t^2 D operations a
//           text of at most 32 tokens, 14 t^2 D a longer one, t rounded up to 32
//   launch  128 threads for a text of at most 32 tokens and a head. Of a longer text, a block for 32
//           queries, over all keys, and one for 32 keys and values, over all queries. 43 KiB shared where
//           heads are 64 wide, 27 KiB where 32
//   never   adds in an order that depends on anything, or with atomics: the same input gives the same bits
//   host twin: attend_backward in packed_attention.hpp
// The gradients are set, not added. Of texts of more than a tile, sum_j p_j dp_j is taken as the context
// times its gradient, so that the rounding of the context counts where the softmax is sharp.
// Reference: Dao et al., NeurIPS 2022, arXiv:2205.14135.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/kernels/attention.cuh"
#include "candist/kernels/attention_backward_tensor_core.cuh"

namespace candist {

/// Puts the backward pass into the stream, behind a forward pass of the same batch. Throws ShapeError where
/// arrays are missing or heads are of another width.
template <class Storage>
void attention_backward(const AttentionBatch<Storage>& batch, cudaStream_t stream);

// ---- the backward pass

/// Block (slot, text, head), the heads first. Slots [0, tiles) are the tiles of queries, [tiles, 2 tiles)
/// those of keys.
template <class Tiles, class Storage>
__global__ void __launch_bounds__(detail::attention_threads)
    attention_backward_kernel(AttentionBatch<Storage> batch, int tiles) {
  using detail::attention_tile;
  using Four = typename Tiles::Four;
  CANDIST_SHARED(Four, queries, Tiles::size);
  CANDIST_SHARED(Four, keys, Tiles::size);
  CANDIST_SHARED(Four, values, Tiles::size);
  CANDIST_SHARED(Four, dcontext, Tiles::size);
  CANDIST_SHARED(Four, dscores, Tiles::weight_size);        // [query, key], then [key, query]
  CANDIST_SHARED(Four, probabilities, Tiles::weight_size);  // [key, query]
  const auto heads = static_cast<unsigned>(batch.heads);
  const auto texts = static_cast<unsigned>(batch.texts);
  const int number = static_cast<int>(blockIdx.x % heads);
  const detail::HeadOfBatch head(batch, blockIdx.x / heads % texts, number, Tiles::width);
  const detail::BackwardPart part(static_cast<int>(blockIdx.x / heads / texts), tiles, head.tokens,
                                  attention_tile);
  if (!part.of_queries && !part.of_keys) return;
  const std::int64_t stride = 3 * batch.width;
  const float scale = 1.0f / std::sqrt(static_cast<float>(Tiles::width));
  const auto rows_from = [&](int first) {
    return head.tokens - first < attention_tile ? head.tokens - first : attention_tile;
  };
  const bool in_one_tile = head.tokens <= attention_tile;

  typename Tiles::Sums dqueries = {}, dkeys = {}, dvalues = {};
  float log_sum[Tiles::rows];
  float along[Tiles::rows];  // sum over keys of p dp, which is context times dcontext
  for (int other = 0; other < head.tokens; other += attention_tile) {
    const int query = part.of_queries ? part.first : other;
    const int key = part.of_queries ? other : part.first;
    const bool new_queries = other == 0 || !part.of_queries;
    if (other > 0) __syncthreads();  // the last tiles have been read
    if (new_queries) {
      Tiles::load(queries, batch.qkv + head.query(query), stride, rows_from(query));
      Tiles::load(dcontext, batch.dcontext + head.context(query), batch.width, rows_from(query));
    }
    if (other == 0 || part.of_queries) {
      const Storage* from = batch.qkv + head.query(key) + batch.width;
      Tiles::load(keys, from, stride, rows_from(key));
      Tiles::load(values, from + batch.width, stride, rows_from(key));
    }
    __syncthreads();  // the tiles are there
    if (new_queries) {
      CANDIST_UNROLL
      for (int r = 0; r < Tiles::rows; ++r) {
        const int i = Tiles::row(r);
        along[r] = log_sum[r] = 0.0f;
        if (i >= rows_from(query)) continue;
        if (!in_one_tile)
          along[r] = Tiles::dot(dcontext, i, batch.context + head.context(query + i));
        log_sum[r] = batch.log_sums[(head.first + query + i) * batch.heads + number];
      }
    }
    typename Tiles::Cells p, dp;
    Tiles::multiply(queries, keys, p);
    Tiles::multiply(dcontext, values, dp);
    const detail::KeptCells<Tiles> kept(batch.dropout, head.dropout_row, head.tokens, query, key);
    CANDIST_UNROLL
    for (int r = 0; r < Tiles::rows; ++r) {
      float whole[Tiles::columns];  // before dropout
      CANDIST_UNROLL
      for (int c = 0; c < Tiles::columns; ++c) {
        const float factor = kept.holds(r, c) ? batch.dropout.factor : 0.0f;
        const bool inside = Tiles::row(r) < rows_from(query) && Tiles::column(c) < rows_from(key);
        whole[c] = inside ? std::exp(p[r][c] * scale - log_sum[r]) : 0.0f;
        p[r][c] = whole[c] * factor;
        dp[r][c] *= factor;
      }
      if (in_one_tile) {
        float sum = 0.0f;
        CANDIST_UNROLL
        for (int c = 0; c < Tiles::columns; ++c) sum += whole[c] * dp[r][c];
        along[r] = Tiles::RowThreads::sum(sum);
      }
      CANDIST_UNROLL
      for (int c = 0; c < Tiles::columns; ++c) dp[r][c] = scale * whole[c] * (dp[r][c] - along[r]);
    }
    if (part.of_queries) {
      Tiles::put(dp, dscores);
      __syncwarp();  // the warp's rows are there
      Tiles::add_weighted(dscores, keys, rows_from(key), dqueries);
    }
    if (part.of_keys) {
      if (part.of_queries) __syncthreads();  // dscores have been read as they were
      Tiles::put_transposed(dp, dscores);
      Tiles::put_transposed(p, probabilities);
      __syncthreads();  // both are there
      Tiles::add_weighted(dscores, queries, rows_from(query), dkeys);
      Tiles::add_weighted(probabilities, dcontext, rows_from(query), dvalues);
    }
  }
  Storage* to = batch.dqkv + head.query(part.first);
  const int count = rows_from(part.first);
  if (part.of_queries) Tiles::store(dqueries, to, stride, count);
  if (!part.of_keys) return;
  Tiles::store(dkeys, to + batch.width, stride, count);
  Tiles::store(dvalues, to + 2 * batch.width, stride, count);
}

// ---- definitions

template <class Storage>
void attention_backward(const AttentionBatch<Storage>& batch, cudaStream_t stream) {
  detail::check_attention(batch);
  if (batch.dcontext == nullptr || batch.dqkv == nullptr)
    throw ShapeError("attention_backward: found a batch without dcontext or dqkv");
  detail::by_attention_tiles(batch, [&]<class Tiles>() {
    const std::int64_t tiles = detail::attention_tiles<Tiles>(batch);
    const LaunchShape shape = detail::attention_shape<Tiles>(batch, tiles > 1 ? 2 * tiles : tiles);
    if constexpr (Tiles::on_tensor_cores) {
      launch(attention_backward_tensor_core_kernel<Tiles>, shape, stream, batch,
             static_cast<int>(tiles));
    } else {
      launch(attention_backward_kernel<Tiles, Storage>, shape, stream, batch,
             static_cast<int>(tiles));
    }
  });
}

}  // namespace candist
