// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// attention_tensor_core: the forward pass of attention (attention.cuh) between arrays of bf16.
//   reads   the queries once; the keys and values of a text once for every tile of its queries, from L2 from
//           the second time on
//   writes  the context and, for the backward pass, a log sum exp a token and head [T, H]
//   bound   launch and latency, up to some ten thousand tokens of short texts; above, the traffic of keys
//           and values from L2 and the tensor cores: 4 t^2 D operations a text of t tokens, t rounded up
//           to 16
//   launch  64 threads for 32 queries of a head where no text is longer, else 128 for 64; 16 queries a warp,
//           as many keys at a time as queries. Shared: heads of 64: 15 and 32 KiB, of 32: 9 and 20. Blocks
//           beyond the end of a short text end at once
//   never   writes a score, a probability or a dropout factor to memory (what stays of dropout: a bit a unit
//           in shared memory), or depends on the order of blocks: the same input gives the same bits
//   host twin: attend in packed_attention.hpp, dropout of the very same units
// Copies of a tile run while the block works on another: values during the scores, the next keys during the
// values' product, and all of the first ones during the draws. Probabilities are rounded to bf16, relative
// to the largest so far, before they meet the values; their sum is that of the unrounded ones.
// Reference: Dao, arXiv:2307.08691, for rows that stay with a warp and cells that stay in registers.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/kernels/attention_batch.cuh"
#include "candist/kernels/attention_fragments.cuh"

namespace candist {

/// Block (tile of queries, text, head), the heads first.
template <class Tiles>
__global__ void __launch_bounds__(Tiles::threads, Tiles::blocks_of(16))
    attention_tensor_core_kernel(AttentionBatch<__nv_bfloat16> batch) {
  using detail::FragmentC;
  using Vector = typename Tiles::Vector;
  CANDIST_SHARED(Vector, queries, Tiles::size);
  CANDIST_SHARED(Vector, keys, Tiles::size);
  CANDIST_SHARED(Vector, values, Tiles::size);
  CANDIST_SHARED(unsigned, units, Tiles::Units::words);
  const auto heads = static_cast<unsigned>(batch.heads);
  const auto texts = static_cast<unsigned>(batch.texts);
  const int number = static_cast<int>(blockIdx.x % heads);
  const detail::HeadOfBatch head(batch, blockIdx.x / heads % texts, number, Tiles::width);
  const int query = static_cast<int>(blockIdx.x / heads / texts) * Tiles::tile;
  if (query >= head.tokens) return;
  const auto at_most = [](int a, int b) { return a < b ? a : b; };
  const int rows = at_most(head.tokens - query, Tiles::tile);
  const bool works = Tiles::first_row() < rows;  // the warp
  const float scale = 1.0f / std::sqrt(static_cast<float>(Tiles::width));
  // Queries, keys or values, from a token on.
  const auto load = [&](auto& tile, int which, int first) {
    Tiles::load(tile, batch.qkv + head.query(first) + which * batch.width, 3 * batch.width,
                head.tokens - first);
  };

  load(queries, 0, query);
  load(keys, 1, 0);
  load(values, 2, 0);
  typename Tiles::Units kept(batch.dropout, head.dropout_row, head.tokens);
  typename Tiles::Own own;
  typename Tiles::Sums context = {};
  float top[FragmentC::rows], total[FragmentC::rows];  // of the keys so far; total: the lane's part
  CANDIST_UNROLL
  for (int r = 0; r < FragmentC::rows; ++r) {
    top[r] = -INFINITY;
    total[r] = 0.0f;
  }
  for (int key = 0; key < head.tokens; key += Tiles::tile) {
    const int count = at_most(head.tokens - key, Tiles::tile);
    if (key % Tiles::unit_keys == 0)
      kept.draw(units, query, rows, key, at_most(head.tokens - key, Tiles::unit_keys));
    ptx::cp_async_wait_all();
    __syncthreads();  // keys and units are there, the last values have been read
    if (key > 0) load(values, 2, key);
    FragmentC cells[Tiles::steps];
    if (works) {
      if (key == 0) Tiles::take(queries, own);
      CANDIST_UNROLL
      for (int n = 0; n < Tiles::steps; ++n) {
        if (Tiles::step * n < count) cells[n] = Tiles::multiply(own, keys, n);
        if (Tiles::step * (n + 1) <= count) continue;
        CANDIST_UNROLL
        for (int c = 0; c < FragmentC::columns; ++c) {
          if (Tiles::column(n, c) < count) continue;
          cells[n].at(0, c) = cells[n].at(1, c) = -INFINITY;
        }
      }
      CANDIST_UNROLL
      for (int r = 0; r < FragmentC::rows; ++r) {
        const float before = top[r];
        CANDIST_UNROLL
        for (int n = 0; n < Tiles::steps; ++n) {
          CANDIST_UNROLL
          for (int c = 0; c < FragmentC::columns; ++c)
            top[r] = std::fmax(top[r], cells[n].at(r, c));
        }
        top[r] = detail::row_top(top[r]);
        const float exponent = scale * detail::log2_of_e;
        const float shrinks = std::exp2((before - top[r]) * exponent);
        total[r] *= shrinks;
        Tiles::scale(context, r, shrinks);
        const int i = at_most(Tiles::row(r), rows - 1);
        CANDIST_UNROLL
        for (int n = 0; n < Tiles::steps; ++n) {
          if (Tiles::step * n >= count) continue;
          const unsigned stays = kept.from(units, i, key % Tiles::unit_keys + Tiles::step * n);
          CANDIST_UNROLL
          for (int c = 0; c < FragmentC::columns; ++c) {
            const float p = std::exp2((cells[n].at(r, c) - top[r]) * exponent);
            total[r] += p;
            cells[n].at(r, c) = (stays >> FragmentC::column(c) & 1u) != 0 ? p : 0.0f;
          }
        }
      }
    }
    if (head.tokens > Tiles::tile) {
      ptx::cp_async_wait_all();
      __syncthreads();  // the values are there, the keys have been read
      if (key + Tiles::tile < head.tokens) load(keys, 1, key + Tiles::tile);
    }
    if (!works) continue;
    CANDIST_UNROLL
    for (int n = 0; n < Tiles::steps; ++n) {
      if (Tiles::step * n < count) Tiles::add_weighted(cells[n].rounded(), values, n, context);
    }
  }
  if (!works) return;
  CANDIST_UNROLL
  for (int r = 0; r < FragmentC::rows; ++r) {
    total[r] = detail::row_sum(total[r]);
    Tiles::scale(context, r, batch.dropout.factor / total[r]);
    const int i = Tiles::row(r);
    if (i < rows && FragmentC::column(0) == 0)
      batch.log_sums[(head.first + query + i) * batch.heads + number] =
          top[r] * scale + std::log(total[r]);
  }
  Tiles::store(context, batch.context + head.context(query), batch.width, rows);
}

}  // namespace candist
