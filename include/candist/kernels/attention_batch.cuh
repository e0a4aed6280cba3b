// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What attention is told about a batch, what its kernels make of that, and what is checked before them.
#pragma once

#include <cstdint>
#include <string>

#include "candist/cuda/builtins.cuh"
#include "candist/cuda/launch_shape.hpp"
#include "candist/error.hpp"
#include "candist/kernels/unit_dropout.cuh"

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

// ---- definitions

namespace detail {

/// One head of one text.
struct HeadOfBatch {
  template <class Storage>
  __device__ HeadOfBatch(const AttentionBatch<Storage>& batch, std::int64_t text, int head,
                         int head_width)
      : first(batch.offsets[text]),
        tokens(batch.offsets[text + 1] - batch.offsets[text]),
        number(head),
        width(batch.width),
        head_column(static_cast<std::int64_t>(head) * head_width),
        dropout_row(text * batch.heads + head) {}

  /// Offsets of token i's row: in [T, 3 D], of a token's query; keys and values lie D and 2 D behind it.
  __device__ std::int64_t query(int i) const { return (first + i) * 3 * width + head_column; }
  __device__ std::int64_t context(int i) const { return (first + i) * width + head_column; }

  std::int64_t first;
  int tokens;
  int number;
  std::int64_t width;
  std::int64_t head_column;
  std::int64_t dropout_row;
};

/// What the block of number `slot` of a text and head works on.
struct BackwardPart {
  bool of_queries;  ///< sets gradients of the tile's queries
  bool of_keys;     ///< sets gradients of the tile's keys and values
  int first;        ///< token of the tile

  __device__ BackwardPart(int slot, int tiles, int tokens, int tile)
      : of_queries(slot < tiles),
        of_keys(!of_queries || tokens <= tile),
        first(slot % tiles * tile) {
    if (first >= tokens || (!of_queries && tokens <= tile)) of_queries = of_keys = false;
  }
};

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

/// `slots` blocks a text and head, as Tiles has them.
template <class Tiles, class Storage>
LaunchShape attention_shape(const AttentionBatch<Storage>& batch, std::int64_t slots) {
  const std::int64_t blocks = batch.texts * batch.heads * slots;
  if (blocks > 0x7FFFFFFF) {
    throw ShapeError("attention: found a batch of " + std::to_string(blocks) +
                     " blocks, expected at most 2^31 - 1");
  }
  return {static_cast<unsigned>(blocks), Tiles::threads};
}

/// The tiles of rows, of Tiles::tile each, that the longest text has.
template <class Tiles, class Storage>
std::int64_t attention_tiles(const AttentionBatch<Storage>& batch) {
  return (batch.longest + Tiles::tile - 1) / Tiles::tile;
}

}  // namespace detail

}  // namespace candist
