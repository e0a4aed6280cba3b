// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The launches of a transformer's classifier, forward and backward; nothing here waits, copies to the host or
// allocates, so that all of it can be recorded. Everything is float, whatever the encoder computes in.
// Host twin: ClassifierHead in students/classifier_head.hpp.
#pragma once

#include <cstdint>

#include "candist/cuda/linear_shape.hpp"
#include "candist/kernels/tanh_dropout.cuh"
#include "candist/students/cuda_parameter_rooms.cuh"
#include "candist/students/cuda_pass_rooms.cuh"

namespace candist {

/// A classifier's passes over rooms that somebody else keeps. T, Compute: as CudaEncoder has them. Gradients of
/// matrices are set, those of vectors are added to.
template <class T, class Compute>
class CudaClassifier {
 public:
  CudaClassifier(const TransformerConfig& config, const ParameterNumbers& numbers,
                 const ParameterRooms<T>& parameters, const PassRooms<T>& pass, Compute& compute,
                 std::uint64_t seed)
      : config_(config),
        numbers_(numbers),
        p_(parameters),
        pass_(pass),
        compute_(compute),
        seed_(seed) {}

  /// pass.logits of `rows` rows of pass.embeddings; `training` keeps what backward needs and drops units.
  void forward(std::int64_t rows, bool training);
  /// pass.dembeddings from pass.dlogits.
  void backward(std::int64_t rows);

 private:
  /// Places of dropout, as the host has them.
  static constexpr std::uint32_t before_dense = (1u << 24) - 2;
  static constexpr std::uint32_t before_output = (1u << 24) - 1;

  cudaStream_t stream() const { return compute_.get(); }
  DroppedRows dropped_rows(std::int64_t rows, std::uint32_t at, bool training) const {
    return {rows, config_.width,
            dropout_of_batch(pass_.batch, training ? config_.head_dropout : 0.0f, seed_, at)};
  }
  bool drops_input() const { return config_.pooling != Pooling::bert_pooler; }
  const float* value(int number) const { return p_.value(number); }
  void bias_gradient(std::int64_t rows, int width, const float* dy, int bias) {
    candist::bias_gradient(rows, width,
                           GeluGradients<float>{dy, nullptr, p_.gradient(bias), pass_.partials},
                           stream());
  }

  const TransformerConfig& config_;
  const ParameterNumbers& numbers_;
  const ParameterRooms<T>& p_;
  const PassRooms<T>& pass_;
  Compute& compute_;
  std::uint64_t seed_;
};

// ---- definitions

template <class T, class Compute>
void CudaClassifier<T, Compute>::forward(std::int64_t rows, bool training) {
  const std::int64_t d = config_.width;
  auto& products = compute_.products();
  const float* last = pass_.embeddings;
  if (drops_input()) {
    dropout_rows(dropped_rows(rows, before_dense, training), pass_.embeddings, pass_.head_input,
                 stream());
    last = pass_.head_input;
  }
  if (numbers_.has_dense) {
    products.forward({rows, d, d}, last, value(numbers_.head), value(numbers_.head + 1),
                     pass_.hidden);
    tanh_dropout(dropped_rows(rows, before_output, training), pass_.hidden, pass_.hidden,
                 pass_.dropped, stream());
    last = pass_.dropped;
  }
  const int output = numbers_.head_output_weight();
  products.forward({rows, d, config_.classes}, last, value(output), value(output + 1),
                   pass_.logits);
}

template <class T, class Compute>
void CudaClassifier<T, Compute>::backward(std::int64_t rows) {
  const std::int64_t d = config_.width;
  auto& products = compute_.products();
  const float* input = drops_input() ? pass_.head_input : pass_.embeddings;
  const float* dlogits = pass_.dlogits;
  const int output = numbers_.head_output_weight();
  const LinearShape to_logits{rows, d, config_.classes};
  products.weight_gradient(to_logits, numbers_.has_dense ? pass_.dropped : input, dlogits,
                           p_.gradient(output));
  bias_gradient(rows, config_.classes, dlogits, output + 1);
  float* const behind = numbers_.has_dense ? pass_.dhidden : pass_.dembeddings;
  products.input_gradient(to_logits, dlogits, value(output), behind, ProductInto::replaces);
  if (numbers_.has_dense) {
    tanh_dropout_backward(dropped_rows(rows, before_output, true), pass_.hidden, pass_.dhidden,
                          stream());
    const float* dhidden = pass_.dhidden;
    products.weight_gradient({rows, d, d}, input, dhidden, p_.gradient(numbers_.head));
    bias_gradient(rows, config_.width, dhidden, numbers_.head + 1);
    products.input_gradient({rows, d, d}, dhidden, value(numbers_.head), pass_.dembeddings,
                            ProductInto::replaces);
  }
  if (drops_input())
    dropout_rows(dropped_rows(rows, before_dense, true), pass_.dembeddings, pass_.dembeddings,
                 stream());
}

}  // namespace candist
