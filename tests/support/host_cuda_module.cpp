// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// examples/candist/cuda_module.cu without a GPU: the same kernels, run by the host executor. Where it lies beside
// the program under the module's name, the program trains its CUDA student on it: slowly.
#include "support/host_executor.hpp"
#include "support/host_tensor_core.hpp"
//
#include "candist/methods.hpp"
#include "candist/students/cuda_transformer.cuh"
#include "cuda_engine.hpp"
#include "support/host_compute.hpp"

using namespace candist;
using candist::program::CudaEngineRequest;
using candist::testing::HostCompute;

namespace {
/// Others go by the host, as in the program's module those that are no method's.
using Compiled = TypeList<RowComposition<SoftTargetCe, DistributionRefinery>,
                          RowComposition<SoftTargetCe, RenormalisedPrediction>>;
}  // namespace

extern "C" void candist_check_cuda() {}

extern "C" TransformerEngine* candist_new_cuda_engine(const CudaEngineRequest& request) {
  const auto make = [&]<class T>() -> TransformerEngine* {
    return new CudaTransformer<T, HostCompute>(request.config, request.blocks, request.capacity,
                                               request.seed, HostCompute{},
                                               make_row_engine<Compiled, HostCompute>);
  };
  return request.precision == CudaEngineRequest::Precision::bf16
             ? make.template operator()<__nv_bfloat16>()
             : make.template operator()<float>();
}

extern "C" TransformerMemory candist_cuda_engine_memory(const CudaEngineRequest& r) {
  return r.precision == CudaEngineRequest::Precision::bf16
             ? CudaTransformer<__nv_bfloat16, HostCompute>::memory_of(r.config, r.blocks,
                                                                      r.capacity)
             : CudaTransformer<float, HostCompute>::memory_of(r.config, r.blocks, r.capacity);
}

extern "C" std::size_t candist_free_cuda_bytes() { return HostCompute().free_bytes(); }
