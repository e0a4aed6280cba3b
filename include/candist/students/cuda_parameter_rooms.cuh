// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where a transformer's parameters, their gradients and AdamW's moments lie on the device.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "candist/cuda/arena.hpp"
#include "candist/kernels/adamw.cuh"
#include "candist/parameter_block.hpp"
#include "candist/students/cuda_batch.cuh"

namespace candist {

/// One block of parameters: where it begins among all of them.
struct DeviceParameter {
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

/// Parameters in the order of blocks(), for batches of `batch` at most; without places yet.
template <class T>
ParameterRooms<T> list_parameters(std::span<const ParameterBlock> blocks, const BatchSize& batch);
template <class T>
void lay_parameters(ParameterRooms<T>& rooms, Arena& arena);
template <class T>
void lay_gradients(ParameterRooms<T>& rooms, const BatchSize& batch, Arena& arena);
template <class T>
void lay_optimizer(ParameterRooms<T>& rooms, Arena& arena);

// ---- definitions

namespace detail {

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

}  // namespace detail

template <class T>
ParameterRooms<T> list_parameters(std::span<const ParameterBlock> blocks, const BatchSize& batch) {
  ParameterRooms<T> rooms;
  for (const ParameterBlock& block : blocks)
    rooms.list.push_back({block.rows, block.width, block.decay, 0});
  detail::place_parameters(rooms);
  for (std::size_t i = 0; i < rooms.list.size(); ++i) {
    const DeviceParameter& parameter = rooms.list[i];
    static constexpr std::int32_t any_row = 0;
    DeviceBlock<float> block;
    block.width = parameter.width;
    block.rows = i < embedding_tables ? detail::most_touched(parameter, batch) : parameter.rows;
    block.touched = i < embedding_tables ? &any_row : nullptr;
    rooms.most_parts += block.parts();
  }
  return rooms;
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
    rooms.row_gradients[t] =
        arena.take<float>((detail::most_touched(table, batch) + 1) * table.width);
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

}  // namespace candist
