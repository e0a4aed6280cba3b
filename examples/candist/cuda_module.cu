// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The module that cuda_engine.cpp loads: the one place of the program that nvcc compiles.
#include "candist/cuda/compute_stream.cuh"
#include "candist/students/cuda_transformer.cuh"
#include "cuda_engine.hpp"

using namespace candist;
using candist::program::CudaEngineRequest;

extern "C" void candist_check_cuda() { check_device(); }

extern "C" TransformerEngine* candist_new_cuda_engine(const CudaEngineRequest& request) {
  const auto make = [&]<class T>() -> TransformerEngine* {
    return new CudaTransformer<T, ComputeStream>(request.config, request.blocks, request.capacity,
                                                 request.seed);
  };
  return request.precision == CudaEngineRequest::Precision::bf16
             ? make.template operator()<__nv_bfloat16>()
             : make.template operator()<float>();
}
