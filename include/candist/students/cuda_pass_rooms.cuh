// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where the activations of a pass and the gradients on its way back lie on the device. They are laid out for the
// largest batch once; their places never change, so that recorded work stays right.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "candist/cuda/arena.hpp"
#include "candist/kernels/gelu.cuh"
#include "candist/kernels/layer_norm.cuh"
#include "candist/kernels/mixtures.cuh"
#include "candist/students/cuda_batch.cuh"
#include "candist/students/cuda_parameter_rooms.cuh"
#include "candist/students/transformer_engine.hpp"

namespace candist {

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
  float* embeddings = nullptr;        ///< [R, D]
  float* head_input = nullptr;        ///< [R, D], after dropout
  float* hidden = nullptr;            ///< [R, D], after tanh
  float* dropped = nullptr;           ///< [R, D], after dropout
  float* logits = nullptr;            ///< [R, C]
  float* dlogits = nullptr;           ///< [R, C]
  float* dhidden = nullptr;           ///< [R, D]
  float* dembeddings = nullptr;       ///< [R, D]
  LinkedMixture* mixtures = nullptr;  ///< [R]
};

/// Does the layer take queries of first tokens alone?
inline bool first_queries_only(const TransformerConfig& config, int layer) {
  return config.pooling != Pooling::mean && layer + 1 == config.layers;
}

/// The dropout of a place in the network; its step is the batch's.
inline UnitDropout dropout_of_batch(const BatchArrays& batch, float probability, std::uint64_t seed,
                                    std::uint32_t site) {
  UnitDropout dropout = UnitDropout::of(probability, seed, 0, site);
  dropout.device_step = batch.step;
  return dropout;
}

/// Rows of the classifier at most, rounded up.
inline std::int64_t most_classifier_rows(const TransformerCapacity& capacity) {
  return BatchSize::rounded(std::max(capacity.texts + 1, capacity.rows), 8);
}
/// Places for the largest batch of the capacity.
template <class T>
void lay_pass(PassRooms<T>& rooms, const TransformerConfig& c, const TransformerCapacity& capacity,
              Arena& arena);
/// Places of everything that a student of this shape has; the bytes of each kind.
template <class T>
TransformerMemory lay_everything(ParameterRooms<T>& parameters, PassRooms<T>& pass,
                                 const TransformerConfig& config,
                                 const TransformerCapacity& capacity, Arena& arena);

// ---- definitions

namespace detail {

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

}  // namespace detail

template <class T>
void lay_pass(PassRooms<T>& rooms, const TransformerConfig& c, const TransformerCapacity& capacity,
              Arena& arena) {
  const BatchSize size = BatchSize::of(capacity, c);
  const std::int64_t n = size.texts;
  const std::int64_t t = size.tokens;
  const std::int64_t d = c.width;
  const std::int64_t f = c.inner_width;
  const std::int64_t rows = most_classifier_rows(capacity);
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
  rooms.partials = arena.take<float>(detail::partial_sums<T>(c, size, rows));
  for (float** place : {&rooms.embeddings, &rooms.head_input, &rooms.hidden, &rooms.dropped,
                        &rooms.dhidden, &rooms.dembeddings})
    *place = arena.take<float>(rows * d);
  for (float** place : {&rooms.logits, &rooms.dlogits})
    *place = arena.take<float>(rows * c.classes);
  rooms.mixtures = arena.take<LinkedMixture>(rows);
}

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
  lay_gradients(parameters, BatchSize::of(capacity, config), arena);
  memory.gradients = since();
  lay_optimizer(parameters, arena);
  memory.optimizer = since();
  lay_pass(pass, config, capacity, arena);
  memory.activations = since();
  return memory;
}

}  // namespace candist
