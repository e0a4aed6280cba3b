// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where everything of a transformer lies on the device: parameters with their gradients and moments, a batch,
// and the activations of a pass. Rooms are laid out for the largest batch once; their places never change, so
// that recorded work stays right.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/cuda/arena.hpp"
#include "candist/kernels/adamw.cuh"
#include "candist/kernels/attention.cuh"
#include "candist/kernels/embedding.cuh"
#include "candist/kernels/gelu.cuh"
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
};

/// One block of parameters: where it begins among all of them.
struct DeviceParameter {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t width = 0;
  Decay decay = Decay::weight;
  std::int64_t first = 0;  ///< of its values
  std::int64_t size() const { return rows * width; }
};

/// Numbers of the blocks that TransformerParameters::blocks() lists.
struct ParameterNumbers {
  static constexpr int words = 0, positions = 1, types = 2;
  static constexpr int embedding_gamma = 3, embedding_beta = 4;
  static constexpr int per_layer = 14;
  /// Of a layer, behind the number that its first block has.
  enum Part {
    query_weight,
    query_bias,
    key_value_weight,
    key_value_bias,
    output_weight,
    output_bias,
    attention_gamma,
    attention_beta,
    inner_weight,
    inner_bias,
    outer_weight,
    outer_bias,
    gamma,
    beta
  };
  static int of(int layer, Part part) { return 5 + layer * per_layer + part; }
  int head = 0;  ///< the first of the classifier
  bool has_dense = true;
  int head_output_weight() const { return head + (has_dense ? 2 : 0); }
};

/// Parameters on the device. Matrices lie before vectors; those of queries, keys and values side by side.
/// Copies in bf16 are of the layers alone: products of the layers read them.
template <class T>
struct ParameterRooms {
  static constexpr bool has_copies = !std::is_same_v<T, float>;

  std::vector<DeviceParameter> list;  ///< in the order of blocks()
  std::int64_t size = 0;              ///< elements of all, with gaps
  std::int64_t tables_end = 0;        ///< where the tables end and dense gradients begin
  std::int64_t vectors_begin = 0;
  float* values = nullptr;                                  ///< [size]
  T* copies = nullptr;                                      ///< [size - tables_end], rounded
  float* gradients = nullptr;                               ///< [size - tables_end]
  float* first_moments = nullptr;                           ///< [size]
  float* second_moments = nullptr;                          ///< [size]
  std::array<std::int64_t*, embedding_tables> steps = {};   ///< [rows of the table]
  std::array<double*, embedding_tables> decayed = {};       ///< [rows of the table]
  std::array<float*, embedding_tables> row_gradients = {};  ///< [touched rows + 1, D]
  DeviceBlock<float>* blocks = nullptr;                     ///< [list.size()], dense ones first
  AdamWStep* now = nullptr;                                 ///< [1]
  GradientNorm* norm = nullptr;                             ///< [1]
  float* norm_partials = nullptr;                           ///< [most_parts]
  std::int64_t most_parts = 0;

  float* value(int number) const { return values + list[at(number)].first; }
  float* gradient(int number) const { return gradients + (list[at(number)].first - tables_end); }
  const T* factor(int number) const {
    if constexpr (has_copies) {
      return copies + (list[at(number)].first - tables_end);
    } else {
      return value(number);
    }
  }
  static std::size_t at(int number) { return static_cast<std::size_t>(number); }
};

/// What a norm keeps.
template <class T>
struct NormRooms {
  T* sum = nullptr;        ///< [U, D]
  float* mean = nullptr;   ///< [U]
  float* scale = nullptr;  ///< [U]

  NormRooms() = default;
  NormRooms(Arena& arena, std::int64_t rows, std::int64_t width)
      : sum(arena.take<T>(rows * width)),
        mean(arena.take<float>(rows)),
        scale(arena.take<float>(rows)) {}
};

/// What a layer computes, and backward needs. U queries: T, or in the last layer of a model that classifies
/// by first tokens the N texts.
template <class T>
struct LayerRooms {
  T* qkv = nullptr;            ///< [T, 3 D]
  T* context = nullptr;        ///< [T, D]
  float* log_sums = nullptr;   ///< [T, H]
  T* query_input = nullptr;    ///< [N, D], first rows of the layer's input where U = N
  T* query_context = nullptr;  ///< [N, D], first rows of the context where U = N
  NormRooms<T> attention_norm;
  T* attended = nullptr;   ///< [U, D]
  T* inner = nullptr;      ///< [U, F], before bias and activation
  T* activated = nullptr;  ///< [U, F]
  NormRooms<T> norm;
  T* out = nullptr;  ///< [U, D]
};

/// All activations of a pass and the gradients on its way back.
template <class T>
struct PassRooms {
  BatchArrays batch;
  NormRooms<T> embedding_norm;
  T* embedded = nullptr;  ///< [T, D]
  std::vector<LayerRooms<T>> layers;
  T* branch = nullptr;  ///< [T, D]

  T* dout = nullptr;       ///< [T, D]
  T* din = nullptr;        ///< [T, D]
  T* dattended = nullptr;  ///< [T, D]
  T* dbranch = nullptr;    ///< [T, D]
  T* dresidual = nullptr;  ///< [N, D], of queries of first tokens alone
  T* dinner = nullptr;     ///< [T, F]
  T* dcontext = nullptr;   ///< [T, D]
  T* dqkv = nullptr;       ///< [T, 3 D]
  float* partials = nullptr;

  // The classifier, R rows:
  float* embeddings = nullptr;   ///< [R, D]
  float* head_input = nullptr;   ///< [R, D], after dropout
  float* hidden = nullptr;       ///< [R, D], after tanh
  float* dropped = nullptr;      ///< [R, D], after dropout
  float* logits = nullptr;       ///< [R, C]
  float* dlogits = nullptr;      ///< [R, C]
  float* dhidden = nullptr;      ///< [R, D]
  float* dembeddings = nullptr;  ///< [R, D]
};

/// Does the layer take queries of first tokens alone?
inline bool first_queries_only(const TransformerConfig& config, int layer) {
  return config.pooling != Pooling::mean && layer + 1 == config.layers;
}

// ---- definitions

namespace detail {

/// Room for the largest batch of some capacity.
inline BatchSize largest_batch(const TransformerCapacity& capacity,
                               const TransformerConfig& config) {
  return BatchSize::of(capacity.texts, capacity.tokens,
                       std::min<std::int64_t>(capacity.tokens, config.longest_text()));
}
inline std::int64_t classifier_rows(const TransformerCapacity& capacity) {
  return BatchSize::rounded(std::max(capacity.texts + 1, capacity.rows), 8);
}

/// Places of the blocks: tables, matrices, vectors.
template <class T>
void place_parameters(ParameterRooms<T>& rooms) {
  const auto place = [&](auto belongs) {
    for (std::size_t i = 0; i < rooms.list.size(); ++i) {
      DeviceParameter& parameter = rooms.list[i];
      if (!belongs(static_cast<int>(i), parameter)) continue;
      parameter.first = rooms.size;
      rooms.size += BatchSize::rounded(parameter.size(), 8);
    }
    rooms.size = BatchSize::rounded(rooms.size, 64);
  };
  rooms.size = 0;
  place([](int number, const DeviceParameter&) { return number < embedding_tables; });
  rooms.tables_end = rooms.size;
  place([](int number, const DeviceParameter& p) {
    return number >= embedding_tables && p.rows > 1;
  });
  rooms.vectors_begin = rooms.size;
  place([](int number, const DeviceParameter& p) {
    return number >= embedding_tables && p.rows <= 1;
  });
}

/// Rows of a table that a batch may touch.
inline std::int64_t most_touched(const DeviceParameter& table, const BatchSize& batch) {
  return std::min(table.rows, batch.tokens);
}

template <class T>
void lay_parameters(ParameterRooms<T>& rooms, Arena& arena) {
  rooms.values = arena.take<float>(rooms.size);
  if constexpr (ParameterRooms<T>::has_copies)
    rooms.copies = arena.take<T>(rooms.size - rooms.tables_end);
}
template <class T>
void lay_gradients(ParameterRooms<T>& rooms, const BatchSize& batch, Arena& arena) {
  rooms.gradients = arena.take<float>(rooms.size - rooms.tables_end);
  for (std::size_t t = 0; t < embedding_tables; ++t) {
    const DeviceParameter& table = rooms.list[t];
    rooms.row_gradients[t] = arena.take<float>((most_touched(table, batch) + 1) * table.width);
  }
}
template <class T>
void lay_optimizer(ParameterRooms<T>& rooms, Arena& arena) {
  rooms.first_moments = arena.take<float>(rooms.size);
  rooms.second_moments = arena.take<float>(rooms.size);
  for (std::size_t t = 0; t < embedding_tables; ++t) {
    rooms.steps[t] = arena.take<std::int64_t>(rooms.list[t].rows);
    rooms.decayed[t] = arena.take<double>(rooms.list[t].rows);
  }
  rooms.blocks = arena.take<DeviceBlock<float>>(static_cast<std::int64_t>(rooms.list.size()));
  rooms.now = arena.take<AdamWStep>(1);
  rooms.norm = arena.take<GradientNorm>(1);
  rooms.norm_partials = arena.take<float>(rooms.most_parts);
}

/// Floats that some kernel leaves for a second launch. Kernels take more rows a block where there are many,
/// so that fewer rows may leave more.
template <class T>
std::int64_t partial_sums(const TransformerConfig& c, const BatchSize& batch, std::int64_t rows) {
  std::size_t most = GeluGradients<float>::partial_count(rows, std::max(c.width, c.classes));
  for (const std::int64_t count : {std::int64_t{2048}, std::int64_t{8192}, batch.tokens}) {
    const std::int64_t n = std::min(count, batch.tokens);
    most = std::max({most, NormGradients<T>::partial_count(n, c.width),
                     GeluGradients<T>::partial_count(n, std::max(3 * c.width, c.inner_width)),
                     TokensByRow::partial_count(n, c.width)});
  }
  return static_cast<std::int64_t>(most);
}

template <class T>
void lay_pass(PassRooms<T>& rooms, const TransformerConfig& c, const TransformerCapacity& capacity,
              Arena& arena) {
  const BatchSize size = largest_batch(capacity, c);
  const std::int64_t n = size.texts;
  const std::int64_t t = size.tokens;
  const std::int64_t d = c.width;
  const std::int64_t f = c.inner_width;
  const std::int64_t rows = classifier_rows(capacity);
  rooms.batch = BatchArrays(arena, size);
  rooms.embedding_norm = NormRooms<T>(arena, t, d);
  rooms.embedded = arena.take<T>(t * d);
  rooms.layers.resize(static_cast<std::size_t>(c.layers));
  for (int layer = 0; layer < c.layers; ++layer) {
    const bool first_only = first_queries_only(c, layer);
    const std::int64_t u = first_only ? n : t;
    LayerRooms<T>& room = rooms.layers[static_cast<std::size_t>(layer)];
    room.qkv = arena.take<T>(t * 3 * d);
    room.context = arena.take<T>(t * d);
    room.log_sums = arena.take<float>(t * c.heads);
    if (first_only) {
      room.query_input = arena.take<T>(n * d);
      room.query_context = arena.take<T>(n * d);
    }
    room.attention_norm = NormRooms<T>(arena, u, d);
    room.attended = arena.take<T>(u * d);
    room.inner = arena.take<T>(u * f);
    room.activated = arena.take<T>(u * f);
    room.norm = NormRooms<T>(arena, u, d);
    room.out = arena.take<T>(u * d);
  }
  rooms.branch = arena.take<T>(t * d);
  for (T** place : {&rooms.dout, &rooms.din, &rooms.dattended, &rooms.dbranch, &rooms.dcontext})
    *place = arena.take<T>(t * d);
  rooms.dresidual = arena.take<T>(n * d);
  rooms.dinner = arena.take<T>(t * f);
  rooms.dqkv = arena.take<T>(t * 3 * d);
  rooms.partials = arena.take<float>(partial_sums<T>(c, size, rows));
  for (float** place : {&rooms.embeddings, &rooms.head_input, &rooms.hidden, &rooms.dropped,
                        &rooms.dhidden, &rooms.dembeddings})
    *place = arena.take<float>(rows * d);
  for (float** place : {&rooms.logits, &rooms.dlogits})
    *place = arena.take<float>(rows * c.classes);
}

/// Parameters in the order of blocks(), placed, for batches of `batch`.
template <class T>
ParameterRooms<T> listed(std::span<const ParameterBlock> blocks, const BatchSize& batch) {
  ParameterRooms<T> rooms;
  for (const ParameterBlock& block : blocks)
    rooms.list.push_back({std::string(block.name), block.rows, block.width, block.decay, 0});
  place_parameters(rooms);
  for (std::size_t i = 0; i < rooms.list.size(); ++i) {
    const DeviceParameter& parameter = rooms.list[i];
    static constexpr std::int32_t any_row = 0;
    DeviceBlock<float> block;
    block.width = parameter.width;
    block.rows = i < embedding_tables ? most_touched(parameter, batch) : parameter.rows;
    block.touched = i < embedding_tables ? &any_row : nullptr;
    rooms.most_parts += block.parts();
  }
  return rooms;
}

/// Places of everything; the bytes of each kind.
template <class T>
TransformerMemory lay_everything(ParameterRooms<T>& parameters, PassRooms<T>& pass,
                                 const TransformerConfig& config,
                                 const TransformerCapacity& capacity, Arena& arena) {
  TransformerMemory memory;
  std::size_t before = arena.used();
  const auto since = [&] {
    const std::size_t begin = std::exchange(before, arena.used());
    return arena.used() - begin;
  };
  lay_parameters(parameters, arena);
  memory.parameters = since();
  lay_gradients(parameters, largest_batch(capacity, config), arena);
  memory.gradients = since();
  lay_optimizer(parameters, arena);
  memory.optimizer = since();
  lay_pass(pass, config, capacity, arena);
  memory.activations = since();
  return memory;
}

}  // namespace detail

}  // namespace candist
