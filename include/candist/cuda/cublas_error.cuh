// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What cuBLAS and cuBLASLt report, as an exception that says what to do next.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <string>

#include "candist/cuda/error.cuh"
#include "candist/error.hpp"

namespace candist {

/// A call of cuBLAS failed; `code` is what CUDA reported beside it, cudaErrorUnknown where that was
/// nothing. Programs exit with 1.
struct CublasError : CudaError {
  CublasError(cublasStatus_t failed_with, cudaError_t beside, const std::string& text)
      : CudaError(beside, text), status(failed_with) {}
  cublasStatus_t status;
};

/// "CUBLAS_STATUS_NOT_INITIALIZED (the library was not initialized)".
inline std::string cublas_status_text(cublasStatus_t status) {
  return std::string(cublasGetStatusName(status)) + " (" + cublasGetStatusString(status) + ")";
}

/// What a person can do about `status`. One clause, without a full stop.
inline std::string cublas_advice(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_NOT_INITIALIZED:
    case CUBLAS_STATUS_ALLOC_FAILED:
      return detail::free_memory_text() +
             ", and cuBLAS wants some of it: take a smaller batch or model, or end other programs "
             "that use the device";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "a size, a leading dimension or a pointer is wrong";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "this cuBLAS has no code for the device: " + detail::versions_text() +
             ", use a toolkit that knows it";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "no kernel for these types, layouts and alignments (16 bytes always do)";
    case CUBLAS_STATUS_EXECUTION_FAILED:
    case CUBLAS_STATUS_MAPPING_ERROR:
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "this or an earlier kernel failed: run it under compute-sanitizer, or with "
             "CUDA_LAUNCH_BLOCKING=1, to find the kernel";
    default:
      return "CUBLAS_LOGINFO_DBG=1 makes cuBLAS say more";
  }
}

namespace detail {
inline void check_cublas(cublasStatus_t status, const char* what, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const cudaError_t beside = cudaGetLastError();
  const std::string advice = beside == cudaSuccess ? cublas_advice(status)
                                                   : "CUDA reports " + cuda_error_text(beside) +
                                                         "; " + cuda_advice(beside);
  throw CublasError(status, beside == cudaSuccess ? cudaErrorUnknown : beside,
                    shown(what, 160) + ": " + cublas_status_text(status) + "; " + advice + " (at " +
                        file + ":" + std::to_string(line) + ")");
}
}  // namespace detail

}  // namespace candist

/// Throws CublasError unless the call of cuBLAS or cuBLASLt returns CUBLAS_STATUS_SUCCESS.
#define CANDIST_CUBLAS(...) \
  ::candist::detail::check_cublas((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
