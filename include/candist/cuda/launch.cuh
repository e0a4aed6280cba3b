// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/cuda/builtins.cuh"
#include "candist/cuda/launch_shape.hpp"
#if defined(__CUDACC__)
#include "candist/cuda/error.cuh"
#endif

namespace candist {

#if defined(__CUDACC__)
/// Puts the kernel into the stream; returns before it has run. Nothing is launched where there are no
/// blocks. Throws CudaError where the launch itself is refused.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t stream,
            const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  kernel<<<shape.blocks, shape.threads, 0, stream>>>(arguments...);
  CANDIST_CUDA(cudaGetLastError());
}
#endif

}  // namespace candist
