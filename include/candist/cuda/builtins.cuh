// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The language of kernels: what CUDA puts into it, by nvcc, or, in tests on machines without a GPU, by the
// host executor (tests/support/host_executor.hpp), which has to be included before.
#pragma once

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_runtime.h>

/// An array that the threads of a block share. Under the host executor one that checks its bounds.
#define CANDIST_SHARED(type, name, size) __shared__ type name[size]
/// The loop behind it is unrolled.
#define CANDIST_UNROLL _Pragma("unroll")
#elif !defined(CANDIST_HOST_EXECUTOR)
#error "candist: kernels are compiled by nvcc (link candist::cuda)"
#endif

namespace candist {

/// Lanes of a warp.
inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xFFFFFFFFu;

/// Storage types of matrices: float, and bf16 rounded to nearest even.
__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
template <class To>
__device__ To from_float(float value) {
  if constexpr (sizeof(To) == sizeof(float)) {
    return value;
  } else {
    return __float2bfloat16(value);
  }
}

}  // namespace candist
