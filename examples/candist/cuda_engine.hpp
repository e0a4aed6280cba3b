// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The way to the GPU: a module beside the program, loaded when a student on the GPU is asked for, so that the
// program starts without CUDA's libraries and runs where there are none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "candist/students/transformer_engine.hpp"

namespace candist::program {

/// What the module is asked for.
struct CudaEngineRequest {
  TransformerConfig config;
  std::span<const ParameterBlock> blocks;
  TransformerCapacity capacity;
  std::uint64_t seed = 1;  ///< of dropout
  enum class Precision { bf16, fp32 } precision = Precision::bf16;
};

/// Throws InputError where this candist has no module, RunError (CudaError) where the GPU cannot be used.
void check_cuda();
std::shared_ptr<TransformerEngine> make_cuda_engine(const CudaEngineRequest& request);
/// What that engine would take, and what bytes are free on the device.
TransformerMemory cuda_engine_memory(const CudaEngineRequest& request);
std::size_t free_cuda_bytes();

}  // namespace candist::program
