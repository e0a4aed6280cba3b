// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A stream with the memory that its work is about: what device code is written against that also runs under
// the host executor, where a stand-in takes its place (tests/support/host_compute.hpp).
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "candist/cuda/device.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/stream.cuh"

namespace candist {

/// On the current device. Move-only. Throws CudaError; where the GPU cannot be used, with what check_device()
/// says.
class DeviceStream : public Stream {
 public:
  using Memory = DeviceBuffer<std::byte>;
  using Staging = PinnedBuffer<std::byte>;
  /// A point in the work; synchronize() waits for it on the host, and leaves the core to other streams' hosts.
  struct Mark : Event {
    Mark() : Event(EventUse::waiting) {}
  };

  DeviceStream() : Stream(checked_stream()) {}

  void to_device(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, get()));
  }
  /// The host may read it behind wait(), or a mark behind it.
  void to_host(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, get()));
  }
  void zero(void* at, std::size_t bytes) { fill(at, 0, bytes); }
  /// Every byte.
  void fill(void* at, unsigned char byte, std::size_t bytes) {
    if (bytes > 0) CANDIST_CUDA(cudaMemsetAsync(at, byte, bytes, get()));
  }
  void record(Mark& mark) { mark.record(get()); }
  void wait() const { synchronize(); }
  /// wait() for destructors: before memory goes that the work may still use; whatever it failed with is said
  /// elsewhere.
  void drain() const noexcept { detail::succeeded(cudaStreamSynchronize(get())); }
  /// Bytes that another allocation could have.
  static std::size_t free_bytes() {
    std::size_t free = 0, total = 0;
    CANDIST_CUDA(cudaMemGetInfo(&free, &total));
    return free;
  }

 private:
  /// check_device() says more than a stream that cannot be made.
  static Stream checked_stream() {
    check_device();
    return {};
  }
};

}  // namespace candist
