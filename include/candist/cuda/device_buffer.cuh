// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Memory on the device, and memory on the host that the device can read and write by itself.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <limits>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>

#include "candist/cuda/error.cuh"
#include "candist/cuda/unique_handle.cuh"
#include "candist/error.hpp"

namespace candist {

namespace detail {
template <class T>
struct Block {
  T* data = nullptr;  ///< null: no elements
  std::size_t size = 0;
  bool operator==(const Block&) const = default;
};
template <class T>
void free_device(Block<T> block) {
  succeeded(cudaFree(block.data));
}
template <class T>
void free_pinned(Block<T> block) {
  succeeded(cudaFreeHost(block.data));
}
template <class T>
Block<T> new_device_block(std::size_t size, std::source_location where);
template <class T>
Block<T> new_pinned_block(std::size_t size, std::source_location where);
inline void expect_inside(std::size_t first, std::size_t count, std::size_t size);
}  // namespace detail

/// `size()` elements in the memory of the current device, not initialised. Move-only; what was
/// moved from is empty. Making one may wait for the device and freeing one does: both belong before
/// or after training, not into a step. Throws CudaError: where memory is short, with the wanted and
/// the free bytes and the place of the caller.
///
/// Copies and fills happen in the order of `stream`. Where the host's memory is pinned they return
/// at once: leave that memory alone until the stream was waited for. Every copy whose sizes do not
/// fit throws ShapeError.
template <class T>
class DeviceBuffer {
  static_assert(std::is_trivially_copyable_v<T>, "elements move to the device as plain bytes");

 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(std::size_t size,
                        std::source_location where = std::source_location::current())
      : block_(detail::new_device_block<T>(size, where)) {}

  std::size_t size() const { return block_.get().size; }
  std::size_t bytes() const { return size() * sizeof(T); }
  T* data() { return block_.get().data; }
  const T* data() const { return block_.get().data; }

  /// All elements, from as many of the host.
  void copy_from_host(std::span<const T> host, cudaStream_t stream) {
    CANDIST_EXPECT_EQ(host.size(), size(), "elements on the host, elements on the device");
    copy_part_from_host(0, host, stream);
  }
  /// The elements from `first` on, as many as `host` has.
  void copy_part_from_host(std::size_t first, std::span<const T> host, cudaStream_t stream) {
    detail::expect_inside(first, host.size(), size());
    copy(data() + first, host.data(), host.size_bytes(), cudaMemcpyHostToDevice, stream);
  }
  /// All elements, to as many of the host, which may read them once the stream was waited for.
  void copy_to_host(std::span<T> host, cudaStream_t stream) const {
    CANDIST_EXPECT_EQ(host.size(), size(), "elements on the host, elements on the device");
    copy_part_to_host(0, host, stream);
  }
  /// The elements from `first` on, as many as `host` has.
  void copy_part_to_host(std::size_t first, std::span<T> host, cudaStream_t stream) const {
    detail::expect_inside(first, host.size(), size());
    copy(host.data(), data() + first, host.size_bytes(), cudaMemcpyDeviceToHost, stream);
  }
  /// Every byte of every element: 0xFF makes floats NaN, which shows what was never written.
  void fill_bytes(unsigned char byte, cudaStream_t stream) {
    if (size() > 0) CANDIST_CUDA(cudaMemsetAsync(data(), byte, bytes(), stream));
  }
  void zero(cudaStream_t stream) { fill_bytes(0, stream); }

 private:
  static void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                   cudaStream_t stream) {
    if (bytes > 0) CANDIST_CUDA(cudaMemcpyAsync(to, from, bytes, kind, stream));
  }

  UniqueHandle<detail::Block<T>, detail::free_device<T>> block_;
};

/// `size()` elements in memory of the host that never leaves its place, so that copies to and from
/// the device run beside the host's work; a contiguous range, hence a std::span. Not initialised.
/// Move-only; what was moved from is empty. Throws CudaError with the wanted bytes.
template <class T>
class PinnedBuffer {
  static_assert(std::is_trivially_copyable_v<T>, "elements move to the device as plain bytes");

 public:
  PinnedBuffer() = default;
  explicit PinnedBuffer(std::size_t size,
                        std::source_location where = std::source_location::current())
      : block_(detail::new_pinned_block<T>(size, where)) {}

  std::size_t size() const { return block_.get().size; }
  T* data() { return block_.get().data; }
  const T* data() const { return block_.get().data; }
  T* begin() { return data(); }
  const T* begin() const { return data(); }
  T* end() { return data() + size(); }
  const T* end() const { return data() + size(); }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }

 private:
  UniqueHandle<detail::Block<T>, detail::free_pinned<T>> block_;
};

namespace detail {
/// More than any machine has, and far from where rounding up would wrap around.
inline constexpr std::size_t most_bytes = std::numeric_limits<std::size_t>::max() / 2;

/// The bytes of `size` elements, at most most_bytes.
template <class T>
std::size_t bytes_of(std::size_t size) {
  return size > most_bytes / sizeof(T) ? most_bytes : size * sizeof(T);
}

[[noreturn]] inline void not_allocated(cudaError_t code, std::size_t bytes, const char* kind,
                                       const std::string& advice, std::source_location where) {
  cuda_failed(code, "cannot allocate " + bytes_text(bytes) + " of " + kind, advice,
              where.file_name(), static_cast<int>(where.line()));
}

template <class T>
Block<T> new_device_block(std::size_t size, std::source_location where) {
  void* data = nullptr;
  const std::size_t bytes = bytes_of<T>(size);
  if (bytes == 0) return {};
  const cudaError_t code =
      bytes == most_bytes ? cudaErrorMemoryAllocation : cudaMalloc(&data, bytes);
  if (!succeeded(code)) not_allocated(code, bytes, "device memory", cuda_advice(code), where);
  return {static_cast<T*>(data), size};
}

template <class T>
Block<T> new_pinned_block(std::size_t size, std::source_location where) {
  void* data = nullptr;
  const std::size_t bytes = bytes_of<T>(size);
  if (bytes == 0) return {};
  const cudaError_t code = bytes == most_bytes ? cudaErrorMemoryAllocation
                                               : cudaHostAlloc(&data, bytes, cudaHostAllocDefault);
  if (!succeeded(code)) {
    const std::string advice = code == cudaErrorMemoryAllocation
                                   ? "the host has too little memory that may be pinned: take a "
                                     "smaller batch, or see free and ulimit -l"
                                   : cuda_advice(code);
    not_allocated(code, bytes, "pinned host memory", advice, where);
  }
  return {static_cast<T*>(data), size};
}

inline void expect_inside(std::size_t first, std::size_t count, std::size_t size) {
  if (first <= size && count <= size - first) return;
  throw ShapeError("a copy of " + std::to_string(count) + " elements from element " +
                   std::to_string(first) + " on does not fit a buffer of " + std::to_string(size));
}
}  // namespace detail

}  // namespace candist
