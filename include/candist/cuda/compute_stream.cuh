// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a student computes on: a stream, memory beside it, products in it, and work that is recorded once and
// replayed.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "candist/cuda/device.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/graph.cuh"
#include "candist/cuda/linear_products.cuh"
#include "candist/cuda/stream.cuh"

namespace candist {

/// On the current device. Move-only. Throws CudaError.
class ComputeStream {
 public:
  using Memory = DeviceBuffer<std::byte>;
  using Staging = PinnedBuffer<std::byte>;
  /// Names work: what it does, and its sizes.
  using WorkKey = std::array<std::int64_t, 4>;

  explicit ComputeStream(FloatProducts products = FloatProducts::full)
      : stream_(checked_stream()), products_(stream_, products) {}

  cudaStream_t get() const { return stream_; }
  LinearProducts& products() { return products_; }
  void to_device(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_));
  }
  /// The host may read it behind wait().
  void to_host(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_));
  }
  void zero(void* at, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemsetAsync(at, 0, bytes, stream_));
  }
  void wait() const { stream_.synchronize(); }
  /// Bytes that another allocation could have.
  static std::size_t free_bytes() {
    std::size_t free = 0, total = 0;
    CANDIST_CUDA(cudaMemGetInfo(&free, &total));
    return free;
  }

  /// Puts work() into the stream: as it is the first time that its key comes, so that kernels are loaded
  /// and products known; recorded the second time, and replayed from then on. What changes between
  /// two runs of a key has to be read from memory.
  template <class Work>
  void run(const WorkKey& key, Work&& work) {
    const auto [known, is_new] = recorded_.try_emplace(key);
    if (is_new) return std::forward<Work>(work)();
    if (!known->second) known->second.emplace(Graph::captured(stream_, std::forward<Work>(work)));
    known->second->replay(stream_);
  }

 private:
  /// check_device() says more than a stream that cannot be made.
  static Stream checked_stream() {
    check_device();
    return {};
  }

  Stream stream_;
  LinearProducts products_;
  std::map<WorkKey, std::optional<Graph>> recorded_;
};

}  // namespace candist
