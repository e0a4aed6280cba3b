// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The module that cuda_engine.cpp loads; with cuda_rows.cu what nvcc compiles of the program.
#include <memory>
#include <mutex>
#include <utility>

#include "candist/cuda/compute_stream.cuh"
#include "candist/students/cuda_transformer.cuh"
#include "cuda_engine.hpp"
#include "cuda_rows.hpp"

using namespace candist;
using candist::program::CudaEngineRequest;

namespace {

/// A RowEngineMaker for all of them.
std::unique_ptr<RowEngine> make_rows(const RowRequest& request, RowPlaces places,
                                     ComputeStream& compute) {
  std::unique_ptr<RowEngine> made;
  [&]<int... parts>(std::integer_sequence<int, parts...>) {
    ((made = made ? std::move(made) : program::make_rows_of_part<parts>(request, places, compute)),
     ...);
  }
  (std::make_integer_sequence<int, CANDIST_ROW_PARTS>());
  return made;
}

}  // namespace

extern "C" void candist_check_cuda() { check_device(); }

extern "C" TransformerEngine* candist_new_cuda_engine(const CudaEngineRequest& request) {
  static std::mutex one_at_a_time;  // between asking what is free and taking it
  const std::lock_guard lock(one_at_a_time);
  const auto make = [&]<class T>() -> TransformerEngine* {
    return new CudaTransformer<T, ComputeStream>(request.config, request.blocks, request.capacity,
                                                 request.seed, ComputeStream{}, make_rows);
  };
  return request.precision == CudaEngineRequest::Precision::bf16
             ? make.template operator()<__nv_bfloat16>()
             : make.template operator()<float>();
}

extern "C" TransformerMemory candist_cuda_engine_memory(const CudaEngineRequest& r) {
  return r.precision == CudaEngineRequest::Precision::bf16
             ? CudaTransformer<__nv_bfloat16, ComputeStream>::memory_of(r.config, r.blocks,
                                                                        r.capacity)
             : CudaTransformer<float, ComputeStream>::memory_of(r.config, r.blocks, r.capacity);
}

extern "C" std::size_t candist_free_cuda_bytes() { return ComputeStream::free_bytes(); }
