// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A batch of packed texts as the device is given it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "candist/cuda/arena.hpp"
#include "candist/kernels/embedding.cuh"
#include "candist/students/transformer_engine.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist {

/// A batch as the device is given it. Its sizes are rounded up, so that few of them are different: behind the
/// N texts come texts without tokens, and the last one has all the tokens that fill up, at least one. No
/// text's logits depend on it, and nothing goes back from it.
struct BatchSize {
  std::int64_t texts = 0;    ///< N, rounded up
  std::int64_t tokens = 0;   ///< T, rounded up
  std::int64_t longest = 0;  ///< tokens of a text at most, rounded up

  static BatchSize of(std::int64_t texts, std::int64_t tokens, std::int64_t longest) {
    const std::int64_t step = tokens < 2048 ? 64 : 256;
    BatchSize size;
    size.texts = rounded(texts + 1, 8);
    size.tokens = rounded(tokens + 1, step);
    size.longest = rounded(std::max(longest, size.tokens - tokens), 32);
    return size;
  }
  /// Of packed texts.
  static BatchSize of(const PackedTexts& texts);
  /// The largest one of some capacity.
  static BatchSize of(const TransformerCapacity& capacity, const TransformerConfig& config) {
    return of(capacity.texts, capacity.tokens,
              std::min<std::int64_t>(capacity.tokens, config.longest_text()));
  }
  static std::int64_t rounded(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
  }
};

/// Of the word, position and type tables.
inline constexpr int embedding_tables = 3;

/// The arrays of a batch, in one piece: the host fills one such piece, and the device gets a copy.
struct BatchArrays {
  std::int32_t* ids = nullptr;           ///< [T]
  std::int32_t* positions = nullptr;     ///< [T]
  std::int32_t* offsets = nullptr;       ///< [N + 1]
  std::int64_t* first_tokens = nullptr;  ///< [N], rows of the texts' first tokens
  std::uint64_t* step = nullptr;         ///< [1], of the dropout
  struct Table {                     ///< TokensByRow's arrays; the row behind the last touched one
    std::int32_t* order = nullptr;   ///< [T]                has the tokens that fill up
    std::int32_t* begins = nullptr;  ///< [T + 2]
    std::int32_t* first_rows = nullptr;     ///< [chunks of T]
    std::int32_t* spanning_rows = nullptr;  ///< [chunks of T], -1 behind the last
    std::int32_t* touched = nullptr;        ///< [T + 1]
  };
  std::array<Table, embedding_tables> tables;

  BatchArrays() = default;
  BatchArrays(Arena& arena, const BatchSize& size) {
    ids = arena.take<std::int32_t>(size.tokens);
    positions = arena.take<std::int32_t>(size.tokens);
    offsets = arena.take<std::int32_t>(size.texts + 1);
    first_tokens = arena.take<std::int64_t>(size.texts);
    step = arena.take<std::uint64_t>(1);
    const std::int64_t chunks = TokensByRow::chunks(size.tokens);
    for (Table& table : tables) {
      table.order = arena.take<std::int32_t>(size.tokens);
      table.begins = arena.take<std::int32_t>(size.tokens + 2);
      table.first_rows = arena.take<std::int32_t>(chunks);
      table.spanning_rows = arena.take<std::int32_t>(chunks);
      table.touched = arena.take<std::int32_t>(size.tokens + 1);
    }
  }

  /// Fills the arrays of the host. rows: of the tables. How many rows of each table are touched.
  std::array<std::int64_t, embedding_tables> fill(
      const PackedTexts& texts, const BatchSize& size, std::int64_t dropout_step,
      int first_position, const std::array<std::int64_t, embedding_tables>& rows) const;
};

// ---- definitions

inline BatchSize BatchSize::of(const PackedTexts& texts) {
  std::int64_t longest = 0;
  for (std::size_t n = 0; n + 1 < texts.offsets.size(); ++n)
    longest = std::max<std::int64_t>(longest, texts.offsets[n + 1] - texts.offsets[n]);
  return of(texts.texts(), texts.tokens(), longest);
}

inline std::array<std::int64_t, embedding_tables> BatchArrays::fill(
    const PackedTexts& texts, const BatchSize& size, std::int64_t dropout_step, int first_position,
    const std::array<std::int64_t, embedding_tables>& rows) const {
  std::fill(std::copy(texts.ids.begin(), texts.ids.end(), ids), ids + size.tokens, 0);
  std::fill(std::copy(texts.positions.begin(), texts.positions.end(), positions),
            positions + size.tokens, first_position);
  std::fill(std::copy(texts.offsets.begin(), texts.offsets.end(), offsets), offsets + size.texts,
            static_cast<std::int32_t>(texts.tokens()));
  offsets[size.texts] = static_cast<std::int32_t>(size.tokens);
  std::copy_n(offsets, size.texts, first_tokens);
  *step = static_cast<std::uint64_t>(dropout_step);

  const std::vector<std::int32_t> types(texts.ids.size());
  const std::span<const std::int32_t> of_tables[] = {texts.ids, texts.positions, types};
  std::array<std::int64_t, embedding_tables> touched = {};
  for (std::size_t i = 0; i < embedding_tables; ++i) {
    // The tokens that fill up go to a row behind all others.
    std::vector<std::int32_t> all(of_tables[i].begin(), of_tables[i].end());
    all.resize(static_cast<std::size_t>(size.tokens), static_cast<std::int32_t>(rows[i]));
    const TokenOrder order(all);
    const Table& to = tables[i];
    std::copy(order.order.begin(), order.order.end(), to.order);
    std::copy(order.begins.begin(), order.begins.end(), to.begins);
    std::copy(order.first_rows.begin(), order.first_rows.end(), to.first_rows);
    std::copy(order.touched.begin(), order.touched.end(), to.touched);
    std::fill(std::copy(order.spanning_rows.begin(), order.spanning_rows.end(), to.spanning_rows),
              to.spanning_rows + TokensByRow::chunks(size.tokens), -1);
    touched[i] = static_cast<std::int64_t>(order.touched.size()) - 1;
  }
  return touched;
}

}  // namespace candist
