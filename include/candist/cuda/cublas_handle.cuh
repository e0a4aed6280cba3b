// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// cuBLAS, set up so that the same product gives the same bits on every run.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstddef>

#include "candist/cuda/cublas_error.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/unique_handle.cuh"

namespace candist {

/// How products of float matrices are computed. The sums are float in both.
enum class FloatProducts {
  full,  ///< factors keep their 24 significant bits
  tf32,  ///< factors are rounded to 11 significant bits, for tensor cores: several times faster
};

/// What NVIDIA recommends for Hopper (older devices: 4 MiB).
inline constexpr std::size_t cublas_workspace_bytes = std::size_t{32} << 20;

namespace detail {
inline void destroy_cublas(cublasHandle_t handle) { cublasDestroy(handle); }
inline cublasHandle_t new_cublas() {
  cublasHandle_t handle = nullptr;
  CANDIST_CUBLAS(cublasCreate(&handle));
  return handle;
}
}  // namespace detail

/// cuBLAS for one stream, which has to outlive it, on the current device. Its workspace is its own,
/// so that its products do not depend on other streams and can be captured in a Graph; sums by
/// atomic additions are off, and products of 16-bit matrices are summed in float. Goes wherever
/// cuBLAS expects a cublasHandle_t; alpha and beta are on the host. One thread at a time.
/// Move-only; may not be used after it was moved from. Throws CudaError.
class CublasHandle {
 public:
  explicit CublasHandle(cudaStream_t stream, FloatProducts products = FloatProducts::full)
      : stream_(stream), workspace_(cublas_workspace_bytes), handle_(detail::new_cublas()) {
    const int mode =
        products == FloatProducts::tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH;
    const int sums = CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    CANDIST_CUBLAS(cublasSetStream(get(), stream));  // first: it takes the workspace away again
    CANDIST_CUBLAS(cublasSetWorkspace(get(), workspace_.data(), workspace_.size()));
    CANDIST_CUBLAS(cublasSetMathMode(get(), static_cast<cublasMath_t>(mode | sums)));
    CANDIST_CUBLAS(cublasSetAtomicsMode(get(), CUBLAS_ATOMICS_NOT_ALLOWED));
    CANDIST_CUBLAS(cublasSetPointerMode(get(), CUBLAS_POINTER_MODE_HOST));
  }

  cublasHandle_t get() const { return handle_.get(); }
  operator cublasHandle_t() const { return get(); }
  cudaStream_t stream() const { return stream_; }

 private:
  cudaStream_t stream_;
  DeviceBuffer<std::byte> workspace_;  // freed after the handle
  UniqueHandle<cublasHandle_t, detail::destroy_cublas> handle_;
};

}  // namespace candist
