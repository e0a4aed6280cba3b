// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The three products of a linear layer by cuBLASLt, with the bias in the epilogue. Matrices are row-major here;
// cuBLASLt sees their transposes, which are column-major.
#pragma once

#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>

#include "candist/cuda/cublas_lt_handle.cuh"
#include "candist/cuda/linear_shape.hpp"
#include "candist/cuda/unique_handle.cuh"
#include "candist/error.hpp"

namespace candist {

/// Products of one stream, which has to outlive it. How cuBLASLt computes a shape is asked once, the
/// first time it comes; a product after that may be captured in a Graph. The same shape gives the same bits
/// on every run: partial sums are added in one order. All pointers are of the device and begin at
/// multiples of 16 bytes. T is float or bf16; sums are float. Not thread-safe. Throws CublasError.
class LinearProducts {
 public:
  explicit LinearProducts(cudaStream_t stream, FloatProducts products = FloatProducts::full)
      : handle_(stream, products) {}

  /// y [N, out] = x [N, in] w^T + bias; w [out, in]; bias [out], or none.
  template <class T>
  void forward(LinearShape shape, const T* x, const T* w, const T* bias, T* y) {
    multiply({.operation_a = CUBLAS_OP_T,
              .operation_b = CUBLAS_OP_N,
              .m = shape.out,
              .n = shape.rows,
              .k = shape.in,
              .has_bias = bias != nullptr},
             w, x, bias, y);
  }
  /// dx [N, in] = dy [N, out] w, or what is there and that.
  template <class T>
  void input_gradient(LinearShape shape, const T* dy, const T* w, T* dx, ProductInto into) {
    multiply({.operation_a = CUBLAS_OP_N,
              .operation_b = CUBLAS_OP_N,
              .m = shape.in,
              .n = shape.rows,
              .k = shape.out,
              .adds = into == ProductInto::adds},
             w, dy, static_cast<const T*>(nullptr), dx);
  }
  /// dw [out, in] = dy^T x.
  template <class T>
  void weight_gradient(LinearShape shape, const T* x, const T* dy, float* dw) {
    multiply({.operation_a = CUBLAS_OP_N,
              .operation_b = CUBLAS_OP_T,
              .m = shape.in,
              .n = shape.out,
              .k = shape.rows},
             x, dy, static_cast<const T*>(nullptr), dw);
  }

 private:
  /// D [m, n] = A [m, k] B [k, n], column-major, A and B stored as they are without their operations.
  struct Product {
    cublasOperation_t operation_a = CUBLAS_OP_N;
    cublasOperation_t operation_b = CUBLAS_OP_N;
    std::int64_t m = 0, n = 0, k = 0;
    bool has_bias = false;
    bool adds = false;
  };
  static void destroy_description(cublasLtMatmulDesc_t d) { cublasLtMatmulDescDestroy(d); }
  static void destroy_layout(cublasLtMatrixLayout_t l) { cublasLtMatrixLayoutDestroy(l); }
  static void destroy_preference(cublasLtMatmulPreference_t p) {
    cublasLtMatmulPreferenceDestroy(p);
  }
  using Layout = UniqueHandle<cublasLtMatrixLayout_t, destroy_layout>;
  /// How one shape is computed.
  struct Plan {
    UniqueHandle<cublasLtMatmulDesc_t, destroy_description> description;
    Layout a, b, d;
    cublasLtMatmulAlgo_t algorithm = {};
  };
  using Key = std::array<std::int64_t, 9>;

  template <class T>
  static constexpr cudaDataType_t type_of() {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, __nv_bfloat16>);
    return std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;
  }
  static Layout layout(cudaDataType_t type, std::int64_t rows, std::int64_t columns) {
    cublasLtMatrixLayout_t made = nullptr;
    CANDIST_CUBLAS(cublasLtMatrixLayoutCreate(&made, type, static_cast<std::uint64_t>(rows),
                                              static_cast<std::uint64_t>(columns), rows));
    return Layout(made);
  }
  template <class Value>
  static void set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t what,
                  const Value& value) {
    CANDIST_CUBLAS(cublasLtMatmulDescSetAttribute(description, what, &value, sizeof value));
  }
  Plan plan(const Product& p, cudaDataType_t type, cudaDataType_t result);

  template <class T, class To>
  void multiply(const Product& p, const T* a, const T* b, const T* bias, To* d) {
    if (p.m == 0 || p.n == 0) return;
    const Key key{p.operation_a, p.operation_b, p.m,          p.n,          p.k,
                  p.has_bias,    p.adds,        type_of<T>(), type_of<To>()};
    auto found = plans_.find(key);
    if (found == plans_.end())
      found = plans_.emplace(key, plan(p, type_of<T>(), type_of<To>())).first;
    Plan& known = found->second;
    if (p.has_bias) set(known.description.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    const float one = 1.0f;
    const float beta = p.adds ? 1.0f : 0.0f;
    CANDIST_CUBLAS(cublasLtMatmul(handle_, known.description.get(), &one, a, known.a.get(), b,
                                  known.b.get(), &beta, d, known.d.get(), d, known.d.get(),
                                  &known.algorithm, handle_.workspace(), handle_.workspace_bytes(),
                                  handle_.stream()));
  }

  CublasLtHandle handle_;
  std::map<Key, Plan> plans_;
};

// ---- definitions

inline LinearProducts::Plan LinearProducts::plan(const Product& p, cudaDataType_t type,
                                                 cudaDataType_t result) {
  const auto stored = [&](cublasOperation_t operation, std::int64_t rows, std::int64_t columns) {
    return operation == CUBLAS_OP_N ? layout(type, rows, columns) : layout(type, columns, rows);
  };
  cublasLtMatmulDesc_t description = nullptr;
  CANDIST_CUBLAS(cublasLtMatmulDescCreate(&description, handle_.compute_type(), CUDA_R_32F));
  Plan made{UniqueHandle<cublasLtMatmulDesc_t, destroy_description>(description),
            stored(p.operation_a, p.m, p.k), stored(p.operation_b, p.k, p.n),
            layout(result, p.m, p.n)};
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, p.operation_a);
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, p.operation_b);
  if (p.has_bias) set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);

  cublasLtMatmulPreference_t preference = nullptr;
  CANDIST_CUBLAS(cublasLtMatmulPreferenceCreate(&preference));
  const UniqueHandle<cublasLtMatmulPreference_t, destroy_preference> owned(preference);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t what, const auto& value) {
    CANDIST_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference, what, &value, sizeof value));
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, handle_.workspace_bytes());
  // Not in place: blocks would add to the result in the order in which they come.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
         std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  for (const auto what :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    prefer(what, std::uint32_t{16});
  cublasLtMatmulHeuristicResult_t found = {};
  int count = 0;
  CANDIST_CUBLAS(cublasLtMatmulAlgoGetHeuristic(handle_, description, made.a.get(), made.b.get(),
                                                made.d.get(), made.d.get(), preference, 1, &found,
                                                &count));
  if (count == 0) {
    throw RunError("cuBLASLt has no kernel for a product of " + std::to_string(p.m) + " x " +
                   std::to_string(p.k) + " and " + std::to_string(p.k) + " x " +
                   std::to_string(p.n));
  }
  made.algorithm = found.algo;
  return made;
}

}  // namespace candist
