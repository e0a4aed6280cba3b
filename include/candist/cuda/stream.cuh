// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Streams, in which work on the device happens in order, and events, which mark points in them.
#pragma once

#include <cuda_runtime.h>

#include "candist/cuda/error.cuh"
#include "candist/cuda/unique_handle.cuh"

namespace candist {

namespace detail {
inline void destroy_stream(cudaStream_t stream) { succeeded(cudaStreamDestroy(stream)); }
inline void destroy_event(cudaEvent_t event) { succeeded(cudaEventDestroy(event)); }
inline cudaStream_t new_stream();
inline cudaEvent_t new_event(unsigned int flags);
}  // namespace detail

/// What an event is for. One that only orders work is cheaper to record; who waits for one of
/// EventUse::waiting sleeps, and wakes some microseconds late.
enum class EventUse { ordering, waiting, timing };

namespace detail {
inline unsigned int event_flags(EventUse use) {
  if (use == EventUse::timing) return cudaEventDefault;
  return use == EventUse::waiting ? cudaEventDisableTiming | cudaEventBlockingSync
                                  : cudaEventDisableTiming;
}
}  // namespace detail

/// A stream of its own: neither waits for the default stream nor makes it wait. Goes wherever CUDA
/// expects a cudaStream_t. Destroying it does not wait for its work. Move-only; may not be used
/// after it was moved from. Everything here throws CudaError.
class Stream {
 public:
  Stream() : handle_(detail::new_stream()) {}

  cudaStream_t get() const { return handle_.get(); }
  operator cudaStream_t() const { return get(); }

  /// Waits on the host until all work given to the stream is done. Faults of kernels show here.
  void synchronize() const { CANDIST_CUDA(cudaStreamSynchronize(get())); }

 private:
  UniqueHandle<cudaStream_t, detail::destroy_stream> handle_;
};

/// A point in a stream. Move-only; may not be used after it was moved from. Everything here throws
/// CudaError.
class Event {
 public:
  explicit Event(EventUse use = EventUse::ordering)
      : handle_(detail::new_event(detail::event_flags(use))) {}

  cudaEvent_t get() const { return handle_.get(); }
  operator cudaEvent_t() const { return get(); }

  /// The point after all work given to `stream` so far.
  void record(cudaStream_t stream) { CANDIST_CUDA(cudaEventRecord(get(), stream)); }
  /// What `stream` is given from now on starts after the recorded point; the host does not wait.
  void hold_back(cudaStream_t stream) const { CANDIST_CUDA(cudaStreamWaitEvent(stream, get(), 0)); }
  /// Waits on the host for the recorded point.
  void synchronize() const { CANDIST_CUDA(cudaEventSynchronize(get())); }

 private:
  UniqueHandle<cudaEvent_t, detail::destroy_event> handle_;
};

/// Milliseconds on the device's clock (steps of about 0.5 us) between two recorded points of
/// EventUse::timing; waits on the host for the second. Throws CudaError.
inline float milliseconds_between(const Event& start, const Event& stop) {
  float milliseconds = 0;
  stop.synchronize();
  CANDIST_CUDA(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
  return milliseconds;
}

namespace detail {
inline cudaStream_t new_stream() {
  cudaStream_t stream = nullptr;
  CANDIST_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return stream;
}

inline cudaEvent_t new_event(unsigned int flags) {
  cudaEvent_t event = nullptr;
  CANDIST_CUDA(cudaEventCreateWithFlags(&event, flags));
  return event;
}
}  // namespace detail

}  // namespace candist
