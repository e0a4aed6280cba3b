// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// cuBLASLt: products with an epilogue (bias, GELU) in the same kernel.
#pragma once

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <cstddef>

#include "candist/cuda/cublas_error.cuh"
#include "candist/cuda/cublas_handle.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/unique_handle.cuh"

namespace candist {

namespace detail {
inline void destroy_cublas_lt(cublasLtHandle_t handle) { cublasLtDestroy(handle); }
inline cublasLtHandle_t new_cublas_lt() {
  cublasLtHandle_t handle = nullptr;
  CANDIST_CUBLAS(cublasLtCreate(&handle));
  return handle;
}
}  // namespace detail

/// cuBLASLt for one stream, which has to outlive it, on the current device. cuBLASLt asks for
/// stream, workspace and kind of computation with every product: they are here, and are to be the
/// same for all products of one handle, for the workspace is one. Move-only; may not be used after
/// it was moved from. Throws CudaError.
class CublasLtHandle {
 public:
  explicit CublasLtHandle(cudaStream_t stream, FloatProducts products = FloatProducts::full)
      : stream_(stream),
        products_(products),
        workspace_(cublas_workspace_bytes),
        handle_(detail::new_cublas_lt()) {}

  cublasLtHandle_t get() const { return handle_.get(); }
  operator cublasLtHandle_t() const { return get(); }
  cudaStream_t stream() const { return stream_; }
  void* workspace() { return workspace_.data(); }
  std::size_t workspace_bytes() const { return workspace_.bytes(); }
  /// For the descriptions of products of float and of 16-bit matrices; CUBLAS_COMPUTE_32F sums in
  /// float and lets only 16-bit factors use tensor cores.
  cublasComputeType_t compute_type() const {
    return products_ == FloatProducts::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  }

 private:
  cudaStream_t stream_;
  FloatProducts products_;
  DeviceBuffer<std::byte> workspace_;  // freed after the handle
  UniqueHandle<cublasLtHandle_t, detail::destroy_cublas_lt> handle_;
};

}  // namespace candist
