// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// mixtures: rows [M, D] behind the embeddings of a batch, each omega of one text's row and 1 - omega of
// another's (CanDist Eq. 10), and the way of their gradients back to the texts.
//   reads   2 M D floats; backward 3 M D
//   writes  M D floats                                     bound: launch, M is at most the texts of a batch
//   launch  a block of 128 a mixture
//   never   adds to a row from two blocks: a mixture's block gathers what its first text gets, from this
//           mixture and from the one that it is second in, in the order of the mixtures
//   host twin: BatchWorkspace::mix_embeddings and unmix_gradients in training/batch_workspace.hpp
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "candist/cuda/launch.cuh"
#include "candist/error.hpp"
#include "candist/training/auxiliary_rows.hpp"

namespace candist {

/// A mixture, and which one its first text is second in.
struct LinkedMixture {
  std::int32_t first = 0;
  std::int32_t second = 0;
  std::int32_t returned = 0;
  float omega = 1.0f;
};

/// Every text of the mixtures has to be first in one and second in one; throws ShapeError otherwise.
inline std::vector<LinkedMixture> linked(std::span<const Mixture> mixtures, std::int64_t texts);

/// All pointers are of the device.
struct MixtureBatch {
  const LinkedMixture* mixtures = nullptr;  ///< [M]
  std::int64_t count = 0;                   ///< M
  std::int64_t texts = 0;                   ///< N, rows before those of the mixtures
  int width = 0;                            ///< D
};

/// Puts it into the stream: the last M rows of [N + M, D] become the mixtures of the others.
inline void mix_rows(const MixtureBatch& batch, float* rows, cudaStream_t stream);
/// Adds the gradients of the last M rows to those of the others.
inline void unmix_rows(const MixtureBatch& batch, float* drows, cudaStream_t stream);

// ---- the kernels

inline constexpr int mixture_threads = 128;

template <class = void>
__global__ void __launch_bounds__(mixture_threads)
    mix_rows_kernel(MixtureBatch batch, float* rows) {
  const LinkedMixture mixture = batch.mixtures[blockIdx.x];
  const long long width = batch.width;
  const float* first = rows + mixture.first * width;
  const float* second = rows + mixture.second * width;
  float* out = rows + (batch.texts + blockIdx.x) * width;
  for (int d = static_cast<int>(threadIdx.x); d < batch.width; d += mixture_threads)
    out[d] = mixture.omega * first[d] + (1.0f - mixture.omega) * second[d];
}

template <class = void>
__global__ void __launch_bounds__(mixture_threads)
    unmix_rows_kernel(MixtureBatch batch, float* drows) {
  const LinkedMixture mixture = batch.mixtures[blockIdx.x];
  const float back = 1.0f - batch.mixtures[mixture.returned].omega;
  const long long width = batch.width;
  float* text = drows + mixture.first * width;
  const float* as_first = drows + (batch.texts + blockIdx.x) * width;
  const float* as_second = drows + (batch.texts + mixture.returned) * width;
  const bool first_comes_first = static_cast<int>(blockIdx.x) <= mixture.returned;
  for (int d = static_cast<int>(threadIdx.x); d < batch.width; d += mixture_threads) {
    const float one = mixture.omega * as_first[d];
    const float other = back * as_second[d];
    text[d] = first_comes_first ? text[d] + one + other : text[d] + other + one;
  }
}

// ---- definitions

inline std::vector<LinkedMixture> linked(std::span<const Mixture> mixtures, std::int64_t texts) {
  std::vector<std::int32_t> second_in(static_cast<std::size_t>(texts), -1);
  std::vector<char> is_first(second_in.size());
  const auto refuse = [&](std::size_t m) {
    throw ShapeError(
        "found mixture " + std::to_string(m) + " of texts " + std::to_string(mixtures[m].first) +
        " and " + std::to_string(mixtures[m].second) + " (from 0), expected each of " +
        std::to_string(texts) + " texts first in one mixture and second in one, or in none");
  };
  for (std::size_t m = 0; m < mixtures.size(); ++m) {
    const auto [first, second, omega] = mixtures[m];
    if (first < 0 || first >= texts || second < 0 || second >= texts) refuse(m);
    if (is_first[static_cast<std::size_t>(first)] != 0 ||
        second_in[static_cast<std::size_t>(second)] >= 0)
      refuse(m);
    is_first[static_cast<std::size_t>(first)] = 1;
    second_in[static_cast<std::size_t>(second)] = static_cast<std::int32_t>(m);
  }
  std::vector<LinkedMixture> all;
  for (std::size_t m = 0; m < mixtures.size(); ++m) {
    const std::int32_t returned = second_in[static_cast<std::size_t>(mixtures[m].first)];
    if (returned < 0) refuse(m);
    all.push_back({static_cast<std::int32_t>(mixtures[m].first),
                   static_cast<std::int32_t>(mixtures[m].second), returned, mixtures[m].omega});
  }
  return all;
}

inline void mix_rows(const MixtureBatch& batch, float* rows, cudaStream_t stream) {
  launch(mix_rows_kernel<>, {static_cast<unsigned>(batch.count), mixture_threads}, stream, batch,
         rows);
}
inline void unmix_rows(const MixtureBatch& batch, float* drows, cudaStream_t stream) {
  launch(unmix_rows_kernel<>, {static_cast<unsigned>(batch.count), mixture_threads}, stream, batch,
         drows);
}

}  // namespace candist
