// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Which device there is, and whether this program can run on it.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <string>

#include "candist/cuda/error.cuh"

namespace candist {

/// What programs ask about a device.
struct DeviceFacts {
  std::string name;
  int compute_major = 0;  ///< compute capability 9.0: 9 and 0
  int compute_minor = 0;
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t l2_bytes = 0;
  std::size_t shared_bytes_per_block = 0;  ///< the most a kernel can ask for
};

/// Of the current device. Throws CudaError.
inline DeviceFacts device_facts();

/// The first thing a program calls: whether there is a driver that fits the toolkit, a device, and
/// code in the program that this device can run. Throws CudaError, which says what to do.
inline DeviceFacts check_device();

namespace detail {
/// Asked about, never launched: the device can run it where it can run the other kernels. A
/// template, so that it may be in a header.
template <class>
__global__ void probe_kernel() {}
}  // namespace detail

inline DeviceFacts device_facts() {
  int device = 0;
  cudaDeviceProp found = {};
  CANDIST_CUDA(cudaGetDevice(&device));
  CANDIST_CUDA(cudaGetDeviceProperties(&found, device));
  return {.name = found.name,
          .compute_major = found.major,
          .compute_minor = found.minor,
          .multiprocessors = found.multiProcessorCount,
          .memory_bytes = found.totalGlobalMem,
          .l2_bytes = static_cast<std::size_t>(found.l2CacheSize),
          .shared_bytes_per_block = found.sharedMemPerBlockOptin};
}

inline DeviceFacts check_device() {
  int driver = 0;
  int toolkit = 0;
  CANDIST_CUDA(cudaDriverGetVersion(&driver));  // 0: there is none
  CANDIST_CUDA(cudaRuntimeGetVersion(&toolkit));
  if (driver / 1000 < toolkit / 1000) {  // an older minor version of the same major one will do
    detail::cuda_failed(cudaErrorInsufficientDriver, "no CUDA device can be used",
                        cuda_advice(cudaErrorInsufficientDriver), __FILE__, __LINE__);
  }
  int devices = 0;
  CANDIST_CUDA(cudaGetDeviceCount(&devices));
  cudaFuncAttributes attributes = {};
  CANDIST_CUDA(cudaFuncGetAttributes(&attributes, detail::probe_kernel<void>));
  return device_facts();
}

}  // namespace candist
