// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs kernels without a GPU: their very source, compiled by the host's compiler, one fiber a CUDA thread,
// one cluster of blocks (mostly: one block) after another. Include it before any .cuh. For tiny sizes: a
// fiber costs a stack and a shuffle costs switches of all its lanes.
//
// A failure (ExecutorError) is what a GPU would do something undefined about: a barrier that some threads of
// the block do not reach, a shuffle that lanes of its mask do not take part in, an index outside a shared
// array, a wait for a cluster that not all threads arrive at. Shared arrays begin every block with bytes of
// 0xFF, which are NaN in floats and bf16.
// Not here: memory order, more than one cluster at a time, dynamic shared memory. Tensor cores are in
// host_tensor_core.hpp.
#pragma once

#if defined(__CUDACC__)
#error "the host executor takes nvcc's place"
#endif
#define CANDIST_HOST_EXECUTOR 1

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>

#include "candist/cuda/launch_shape.hpp"
#include "support/host_cluster.hpp"

namespace candist::host_executor {

inline void barrier() { Cluster::running()->wait(Wait::barrier); }

inline unsigned exchange_word(unsigned mask, unsigned word, unsigned source) {
  Thread& thread = Cluster::thread();
  thread.mask = mask;
  thread.word = word;
  thread.source = source;
  Cluster::running()->wait(Wait::shuffle);
  return thread.word;
}

template <class T>
T shuffled(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) == 4);
  unsigned word;
  std::memcpy(&word, &value, sizeof word);
  word = exchange_word(mask, word, source);
  std::memcpy(&value, &word, sizeof word);
  return value;
}

/// What the thread launches while somebody wants to know: kernels and their arguments, byte by byte.
inline std::string*& launches_of_thread() {
  static thread_local std::string* launches = nullptr;
  return launches;
}
template <class... Values>
void write_down(Values... values) {
  std::string* const launches = launches_of_thread();
  if (launches == nullptr) return;
  const auto append = [&](auto value) {
#if defined(__GNUC__) && !defined(__clang__)
    __builtin_clear_padding(&value);
#endif
    launches->append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  (append(values), ...);
}

inline unsigned lane() { return Cluster::thread().index.x % 32; }

}  // namespace candist::host_executor

// ---- CUDA's words

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define CANDIST_UNROLL
#define CANDIST_SHARED(type, name, size) \
  static ::candist::host_executor::SharedArray<type, static_cast<std::size_t>(size)> name
#define threadIdx (::candist::host_executor::Cluster::thread().index)
#define blockIdx (::candist::host_executor::Cluster::running()->block_index())
#define blockDim (::candist::host_executor::Cluster::running()->size())
#define gridDim (::candist::host_executor::Cluster::running()->grid())

using cudaStream_t = void*;

inline unsigned __clusterSizeInBlocks() {
  return candist::host_executor::Cluster::running()->blocks();
}
inline unsigned __clusterRelativeBlockRank() {
  return candist::host_executor::Cluster::thread().block;
}
inline void __cluster_barrier_arrive() { candist::host_executor::Cluster::running()->arrive(); }
inline void __cluster_barrier_wait() {
  candist::host_executor::Cluster::running()->wait_for_arrivals();
}
inline void* __cluster_map_shared_rank(const void* place, unsigned block) {
  return candist::host_executor::Cluster::running()->in_block(place, block);
}

inline void __syncthreads() { candist::host_executor::barrier(); }
/// A shuffle whose words nobody wants.
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  candist::host_executor::exchange_word(mask, 0, candist::host_executor::lane());
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return candist::host_executor::shuffled(mask, value, static_cast<unsigned>(source) % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return candist::host_executor::shuffled(
      mask, value, candist::host_executor::lane() ^ static_cast<unsigned>(bits));
}

inline float __int_as_float(int bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned long long atomicMin(unsigned long long* at, unsigned long long value) {
  const unsigned long long before = *at;
  if (value < before) *at = value;
  return before;
}

struct __nv_bfloat16 {
  std::uint16_t bits = 0;
};
inline float __bfloat162float(__nv_bfloat16 value) {
  return __int_as_float(static_cast<int>(static_cast<std::uint32_t>(value.bits) << 16));
}
/// To nearest, ties to even.
inline __nv_bfloat16 __float2bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return {0x7FFF};
  bits += 0x7FFFu + ((bits >> 16) & 1u);
  return {static_cast<std::uint16_t>(bits >> 16)};
}

namespace candist {
namespace detail {

/// What blocks_of_cluster() answers at most; a test may change it.
inline int& largest_cluster() {
  static int blocks = 16;
  return blocks;
}
template <class... Parameters>
int blocks_of_cluster(void (*)(Parameters...), unsigned, int wanted) {
  return std::min(wanted, largest_cluster());
}

/// Shared arrays are there once, and a host may have threads.
inline std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

/// Runs the kernel to its end, in clusters of so many blocks.
template <class... Parameters, class... Arguments>
void launch_clusters(void (*kernel)(Parameters...), LaunchShape shape, int blocks, cudaStream_t,
                     const Arguments&... arguments) {
  const std::lock_guard lock(one_at_a_time());
  const auto together = static_cast<unsigned>(blocks);
  for (unsigned first = 0; first < shape.blocks; first += together) {
    host_executor::Cluster cluster(first, together, shape.blocks, shape.threads);
    cluster.run([&] { kernel(arguments...); });
  }
}

}  // namespace detail

/// Runs the kernel to its end.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
            const Arguments&... arguments) {
  host_executor::write_down(kernel, shape, static_cast<Parameters>(arguments)...);
  detail::launch_clusters(kernel, shape, 1, stream, arguments...);
}

}  // namespace candist
