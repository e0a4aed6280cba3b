// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_backward_tensor_core: the backward pass of attention (attention_backward.cuh) between arrays of
// bf16.
//   reads   what the forward pass read and wrote, and the context's gradient: once where a text fits a tile,
//           else the keys and values once for every tile of queries, and queries, context and gradient once
//           for every tile of keys
//   writes  the gradients once
//   bound   launch and latency, up to some ten thousand tokens of short texts; above, the traffic of tiles
//           from L2 and the tensor cores: 14 t^2 D operations a text of t tokens, t rounded up to 16; of a
//           text of one tile 18, for the sum over its keys takes the first two products once more
//   launch  64 threads for tiles of 32 tokens of a head where no text is longer, else 128 for 64; 16 rows a
//           warp. A block for a text of one tile; of a longer one a block for each tile of queries, over all
//           keys, and one for each of keys and values, over all queries. Shared: heads of 64: 20 and 42 KiB,
//           of 32: 12 and 26
//   never   adds in an order that depends on anything, or with atomics: the same input gives the same bits;
//           writes a cell to shared memory
//   host twin: attend_backward in packed_attention.hpp
// Both parts keep their own 16 rows a warp in registers and their sums too: cells are computed with the
// queries as rows for the queries' gradient, with the keys as rows for the other two. Probabilities and the
// scores' gradients are rounded to bf16 before the second product.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/kernels/attention_batch.cuh"
#include "candist/kernels/attention_fragments.cuh"

namespace candist {

namespace detail {

/// Of a tile of queries: the log sums, and where the context is wanted its product with its gradient.
/// Rows below the text's end get what makes their probabilities 0. The whole block calls it.
template <class Tiles, class Floats>
__device__ void put_query_sums(const AttentionBatch<__nv_bfloat16>& batch, const HeadOfBatch& head,
                               int query, bool from_context, Floats& log_sums, Floats& along) {
  using Vector = typename Tiles::Vector;
  const int thread = computed_here(static_cast<int>(threadIdx.x));
  const int i = thread / 2;
  const int half = thread % 2;
  const bool inside = query + i < head.tokens;
  if (half == 0)
    log_sums[i] =
        inside ? batch.log_sums[(head.first + query + i) * batch.heads + head.number] : INFINITY;
  if (!from_context) return;
  float sum = 0.0f;
  if (inside) {
    const auto* context =
        reinterpret_cast<const Vector*>(batch.context + head.context(query + i)) + half;
    const auto* slopes =
        reinterpret_cast<const Vector*>(batch.dcontext + head.context(query + i)) + half;
    CANDIST_UNROLL
    for (int v = 0; v < Tiles::width / 8; v += 2) {
      const Vector a = context[v], b = slopes[v];
      CANDIST_UNROLL
      for (int j = 0; j < 8; ++j) sum += to_float(a.items[j]) * to_float(b.items[j]);
    }
  }
  sum += __shfl_xor_sync(all_lanes, sum, 1);
  if (half == 0) along[i] = sum;
}

}  // namespace detail

/// Block (slot, text, head), the heads first. Slots [0, tiles) are the tiles of queries, [tiles, 2 tiles)
/// those of keys.
template <class Tiles>
__global__ void __launch_bounds__(Tiles::threads, Tiles::blocks_of(12))
    attention_backward_tensor_core_kernel(AttentionBatch<__nv_bfloat16> batch, int tiles) {
  using detail::FragmentC;
  using Vector = typename Tiles::Vector;
  CANDIST_SHARED(Vector, queries, Tiles::size);
  CANDIST_SHARED(Vector, keys, Tiles::size);
  CANDIST_SHARED(Vector, values, Tiles::size);
  CANDIST_SHARED(Vector, dcontext, Tiles::size);
  CANDIST_SHARED(unsigned, units, Tiles::Units::words);
  CANDIST_SHARED(float, log_sums, Tiles::tile);
  CANDIST_SHARED(float, along, Tiles::tile);  // sums over keys of p dp
  const auto heads = static_cast<unsigned>(batch.heads);
  const auto texts = static_cast<unsigned>(batch.texts);
  const int number = static_cast<int>(blockIdx.x % heads);
  const detail::HeadOfBatch head(batch, blockIdx.x / heads % texts, number, Tiles::width);
  const detail::BackwardPart part(static_cast<int>(blockIdx.x / heads / texts), tiles, head.tokens,
                                  Tiles::tile);
  if (!part.of_queries && !part.of_keys) return;
  const bool in_one_tile = head.tokens <= Tiles::tile;
  const std::int64_t stride = 3 * batch.width;
  const float scale = 1.0f / std::sqrt(static_cast<float>(Tiles::width));
  const float factor = batch.dropout.factor;
  const auto at_most = [](int a, int b) { return a < b ? a : b; };
  const auto rows_from = [&](int first) { return at_most(head.tokens - first, Tiles::tile); };
  const bool works = Tiles::first_row() < rows_from(part.first);  // the warp
  const auto load_queries = [&](int first) {
    Tiles::load(queries, batch.qkv + head.query(first), stride, rows_from(first));
    Tiles::load(dcontext, batch.dcontext + head.context(first), batch.width, rows_from(first));
    detail::put_query_sums<Tiles>(batch, head, first, !in_one_tile, log_sums, along);
  };
  const auto load_keys = [&](int first) {
    const __nv_bfloat16* from = batch.qkv + head.query(first) + batch.width;
    Tiles::load(keys, from, stride, rows_from(first));
    Tiles::load(values, from + batch.width, stride, rows_from(first));
  };
  const auto probability = [&](float cell, float log_sum) {
    return std::exp2((cell * scale - log_sum) * detail::log2_of_e);
  };
  typename Tiles::Units kept(batch.dropout, head.dropout_row, head.tokens);

  if (part.of_queries) {
    const int rows = rows_from(part.first);
    load_queries(part.first);
    typename Tiles::Own own_queries, own_slopes;
    typename Tiles::Sums dqueries = {};
    float log_sum[FragmentC::rows], sum[FragmentC::rows];
    for (int key = 0; key < head.tokens; key += Tiles::tile) {
      const int count = rows_from(key);
      if (key > 0) __syncthreads();  // the last keys, values and units have been read
      load_keys(key);
      if (key % Tiles::unit_keys == 0)
        kept.draw(units, part.first, rows, key, at_most(head.tokens - key, Tiles::unit_keys));
      ptx::cp_async_wait_all();
      __syncthreads();  // all of it is there
      if (!works) continue;
      if (key == 0) {
        Tiles::take(queries, own_queries);
        Tiles::take(dcontext, own_slopes);
        CANDIST_UNROLL
        for (int r = 0; r < FragmentC::rows; ++r) {
          log_sum[r] = log_sums[Tiles::row(r)];
          sum[r] = in_one_tile ? 0.0f : along[Tiles::row(r)];
        }
      }
      // Of the n-th 16 keys the probabilities and, of those that dropout leaves, the gradients.
      const auto cells = [&](int n, FragmentC& p, FragmentC& dp) {
        p = Tiles::multiply(own_queries, keys, n);
        dp = Tiles::multiply(own_slopes, values, n);
        CANDIST_UNROLL
        for (int r = 0; r < FragmentC::rows; ++r) {
          const unsigned stays = kept.from(units, at_most(Tiles::row(r), rows - 1),
                                           key % Tiles::unit_keys + Tiles::step * n);
          CANDIST_UNROLL
          for (int c = 0; c < FragmentC::columns; ++c) {
            const bool inside = Tiles::column(n, c) < count;
            p.at(r, c) = inside ? probability(p.at(r, c), log_sum[r]) : 0.0f;
            dp.at(r, c) *= (stays >> FragmentC::column(c) & 1u) != 0 ? factor : 0.0f;
          }
        }
      };
      FragmentC p, dp;
      if (in_one_tile) {
        for (int n = 0; Tiles::step * n < count; ++n) {
          cells(n, p, dp);
          CANDIST_UNROLL
          for (int r = 0; r < FragmentC::rows; ++r) {
            CANDIST_UNROLL
            for (int c = 0; c < FragmentC::columns; ++c) sum[r] += p.at(r, c) * dp.at(r, c);
          }
        }
        CANDIST_UNROLL
        for (int r = 0; r < FragmentC::rows; ++r) {
          sum[r] = detail::row_sum(sum[r]);
          if (FragmentC::column(0) == 0) along[Tiles::row(r)] = sum[r];
        }
      }
      for (int n = 0; Tiles::step * n < count; ++n) {
        cells(n, p, dp);
        CANDIST_UNROLL
        for (int r = 0; r < FragmentC::rows; ++r) {
          CANDIST_UNROLL
          for (int c = 0; c < FragmentC::columns; ++c)
            dp.at(r, c) = p.at(r, c) * (dp.at(r, c) - sum[r]);
        }
        Tiles::add_weighted(dp.rounded(), keys, n, dqueries);
      }
    }
    if (works) {
      CANDIST_UNROLL
      for (int r = 0; r < FragmentC::rows; ++r) Tiles::scale(dqueries, r, scale);
      Tiles::store(dqueries, batch.dqkv + head.query(part.first), stride, rows);
    }
  }

  if (part.of_keys) {
    if (in_one_tile) {
      __syncthreads();  // the queries' sums are there, as everything else
    } else {
      load_keys(part.first);
    }
    typename Tiles::Own own_keys, own_values;
    typename Tiles::Sums dkeys = {}, dvalues = {};
    for (int query = 0; query < head.tokens; query += Tiles::tile) {
      const int rows = rows_from(query);
      if (!in_one_tile) {
        if (query > 0) __syncthreads();  // the last queries, their sums and units have been read
        load_queries(query);
        kept.draw(units, query, rows, part.first, rows_from(part.first));
        ptx::cp_async_wait_all();
        __syncthreads();  // all of it is there
      }
      if (!works) continue;
      if (query == 0) {
        Tiles::take(keys, own_keys);
        Tiles::take(values, own_values);
      }
      for (int n = 0; Tiles::step * n < rows; ++n) {
        // [key, query]. Rows of keys below the text's end may become anything and are not stored.
        FragmentC p = Tiles::multiply(own_keys, queries, n);
        FragmentC dp = Tiles::multiply(own_values, dcontext, n);
        CANDIST_UNROLL
        for (int c = 0; c < FragmentC::columns; ++c) {
          const int i = Tiles::column(n, c);
          const float log_sum = log_sums[i];
          const float sum = along[i];
          const unsigned stays = kept.from(units, at_most(i, rows - 1), Tiles::first_row());
          CANDIST_UNROLL
          for (int r = 0; r < FragmentC::rows; ++r) {
            const bool stay = (stays >> FragmentC::row(r) & 1u) != 0;
            const float whole = probability(p.at(r, c), log_sum);
            dp.at(r, c) = whole * ((stay ? dp.at(r, c) * factor : 0.0f) - sum);
            p.at(r, c) = stay ? whole : 0.0f;
          }
        }
        Tiles::add_weighted(p.rounded(), dcontext, n, dvalues);
        Tiles::add_weighted(dp.rounded(), queries, n, dkeys);
      }
    }
    if (works) {
      CANDIST_UNROLL
      for (int r = 0; r < FragmentC::rows; ++r) {
        Tiles::scale(dkeys, r, scale);
        Tiles::scale(dvalues, r, factor);
      }
      const int count = rows_from(part.first);
      __nv_bfloat16* const to = batch.dqkv + head.query(part.first);
      Tiles::store(dkeys, to + batch.width, stride, count);
      Tiles::store(dvalues, to + 2 * batch.width, stride, count);
    }
  }
}

}  // namespace candist
