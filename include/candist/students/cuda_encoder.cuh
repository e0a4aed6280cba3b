// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The launches of a transformer encoder's passes, forward and backward, in their order; nothing here waits,
// copies to the host or allocates, so that all of it can be recorded.
// Host twin: TransformerPass in students/transformer_encoder.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "candist/cuda/linear_shape.hpp"
#include "candist/kernels/attention_backward.cuh"
#include "candist/kernels/text_rows.cuh"
#include "candist/students/cuda_parameter_rooms.cuh"
#include "candist/students/cuda_pass_rooms.cuh"

namespace candist {

/// An encoder's passes over rooms that somebody else keeps. T: of activations and of the factors of
/// products, float or bf16. Compute: ComputeStream, or a stand-in that has its get(), products() and
/// zero(). Gradients of matrices and tables are set, those of vectors are added to.
template <class T, class Compute>
class CudaEncoder {
 public:
  CudaEncoder(const TransformerConfig& config, const ParameterRooms<T>& parameters,
              const PassRooms<T>& pass, Compute& compute, std::uint64_t seed)
      : config_(config), p_(parameters), pass_(pass), compute_(compute), seed_(seed) {}

  /// pass.embeddings of the batch in pass.batch; `training` keeps what backward needs and drops units.
  void forward(const BatchSize& size, bool training);
  /// From pass.dembeddings.
  void backward(const BatchSize& size);

 private:
  using Numbers = ParameterNumbers;
  cudaStream_t stream() const { return compute_.get(); }
  std::int64_t queries(int layer, const BatchSize& size) const {
    return first_queries_only(config_, layer) ? size.texts : size.tokens;
  }
  UnitDropout dropout(float probability, std::uint32_t at, bool training) const {
    return dropout_of_batch(pass_.batch, training ? probability : 0.0f, seed_, at);
  }
  static std::uint32_t site(int layer, std::uint32_t which) {
    return static_cast<std::uint32_t>(layer) * 3 + which;
  }
  UnitDropout hidden_dropout(std::uint32_t at, bool training) const {
    return dropout(config_.hidden_dropout, at, training);
  }
  NormBatch<T> norm(std::int64_t rows, int gamma, const NormRooms<T>& room, UnitDropout drop,
                    bool training) const {
    NormBatch<T> batch;
    batch.rows = rows;
    batch.width = config_.width;
    batch.gamma = p_.value(gamma);
    batch.beta = p_.value(gamma + 1);
    batch.epsilon = config_.norm_epsilon;
    batch.dropout = drop;
    if (training) {
      batch.sum = room.sum;
      batch.mean = room.mean;
      batch.scale = room.scale;
    }
    return batch;
  }
  /// A norm of a layer: behind attention (which 2) or the feed-forward network (3).
  NormBatch<T> layer_norm_at(int layer, std::uint32_t which, const BatchSize& size,
                             bool training) const {
    const bool of_attention = which == 2;
    NormBatch<T> batch =
        norm(queries(layer, size),
             Numbers::of(layer, of_attention ? Numbers::attention_gamma : Numbers::gamma),
             of_attention ? room(layer).attention_norm : room(layer).norm,
             hidden_dropout(site(layer, which), training), training);
    if (first_queries_only(config_, layer)) batch.row_ids = pass_.batch.first_tokens;
    return batch;
  }
  NormBatch<T> attention_norm(int layer, const BatchSize& size, bool training) const {
    return layer_norm_at(layer, 2, size, training);
  }
  NormBatch<T> last_norm(int layer, const BatchSize& size, bool training) const {
    return layer_norm_at(layer, 3, size, training);
  }
  NormGradients<T> norm_gradients(int gamma, const T* dout, T* dsum, T* dbranch) const {
    NormGradients<T> gradients;
    gradients.dout = dout;
    gradients.dsum = dsum;
    gradients.dbranch = dbranch;
    gradients.dgamma = p_.gradient(gamma);
    gradients.dbeta = p_.gradient(gamma + 1);
    gradients.partials = pass_.partials;
    return gradients;
  }
  AttentionBatch<T> attention_of(int layer, const BatchSize& size, bool training) const {
    const LayerRooms<T>& r = room(layer);
    AttentionBatch<T> batch;
    batch.texts = size.texts;
    batch.longest = size.longest;
    batch.width = config_.width;
    batch.heads = config_.heads;
    batch.offsets = pass_.batch.offsets;
    batch.dropout = dropout(config_.attention_dropout, site(layer, 1), training);
    batch.qkv = r.qkv;
    batch.context = r.context;
    batch.log_sums = r.log_sums;
    batch.dcontext = pass_.dcontext;
    batch.dqkv = pass_.dqkv;
    return batch;
  }
  GeluBatch<T> gelu_of(int layer, const BatchSize& size) const {
    GeluBatch<T> batch;
    batch.rows = queries(layer, size);
    batch.width = config_.inner_width;
    batch.x = room(layer).inner;
    batch.bias = p_.value(Numbers::of(layer, Numbers::inner_bias));
    return batch;
  }
  TextRows text_rows(const BatchSize& size) const {
    return {size.texts, config_.width, pass_.batch.offsets};
  }
  TextRows rows_as_they_are(const BatchSize& size) const {
    return {size.texts, config_.width, nullptr};
  }
  const LayerRooms<T>& room(int layer) const {
    return pass_.layers[static_cast<std::size_t>(layer)];
  }
  const T* input_of(int layer) const { return layer == 0 ? pass_.embedded : room(layer - 1).out; }

  EmbeddingBatch<T, float> embedding(const BatchSize& size, bool training) const;
  void forward_layer(int layer, const BatchSize& size, bool training);
  void backward_layer(int layer, const BatchSize& size);
  void backward_feed_forward(int layer, const BatchSize& size);
  void backward_attention(int layer, const BatchSize& size);
  void embedding_gradients(const BatchSize& size);
  /// Adds the column sums of dy [rows, width] to a bias's gradient.
  void bias_gradient(std::int64_t rows, int width, const T* dy, int bias) {
    candist::bias_gradient(
        rows, width, GeluGradients<T>{dy, nullptr, p_.gradient(bias), pass_.partials}, stream());
  }

  const TransformerConfig& config_;
  const ParameterRooms<T>& p_;
  PassRooms<T> pass_;  ///< places alone; dout and din take turns
  Compute& compute_;
  std::uint64_t seed_;
};

// ---- definitions

template <class T, class Compute>
EmbeddingBatch<T, float> CudaEncoder<T, Compute>::embedding(const BatchSize& size,
                                                            bool training) const {
  EmbeddingBatch<T, float> batch;
  batch.norm = norm(size.tokens, Numbers::embedding_gamma, pass_.embedding_norm,
                    hidden_dropout(0, training), training);
  batch.words = p_.value(Numbers::words);
  batch.positions = p_.value(Numbers::positions);
  batch.types = p_.value(Numbers::types);
  batch.word_ids = pass_.batch.ids;
  batch.position_ids = pass_.batch.positions;
  return batch;
}

template <class T, class Compute>
void CudaEncoder<T, Compute>::forward(const BatchSize& size, bool training) {
  embed(embedding(size, training), pass_.embedded, stream());
  for (int layer = 0; layer < config_.layers; ++layer) forward_layer(layer, size, training);
  const T* out = room(config_.layers - 1).out;
  if (config_.pooling == Pooling::mean) {
    mean_rows(text_rows(size), out, pass_.embeddings, stream());
  } else {
    take_first_rows(rows_as_they_are(size), out, pass_.embeddings, stream());
  }
}

template <class T, class Compute>
void CudaEncoder<T, Compute>::forward_layer(int layer, const BatchSize& size, bool training) {
  const LayerRooms<T>& r = room(layer);
  const std::int64_t d = config_.width;
  const std::int64_t f = config_.inner_width;
  const std::int64_t u = queries(layer, size);
  const auto factor = [&](Numbers::Part part) { return p_.factor(Numbers::of(layer, part)); };
  auto& products = compute_.products();

  const T* input = input_of(layer);
  products.forward({size.tokens, d, 3 * d}, input, factor(Numbers::query_weight),
                   factor(Numbers::query_bias), r.qkv);
  attention(attention_of(layer, size, training), stream());
  const T* context = r.context;
  if (first_queries_only(config_, layer)) {
    take_first_rows(text_rows(size), input, r.query_input, stream());
    take_first_rows(text_rows(size), context, r.query_context, stream());
    input = r.query_input;
    context = r.query_context;
  }
  products.forward({u, d, d}, context, factor(Numbers::output_weight), factor(Numbers::output_bias),
                   pass_.branch);
  layer_norm(attention_norm(layer, size, training), input, static_cast<const T*>(pass_.branch),
             r.attended, stream());
  // The bias goes with the activation: cuBLASLt's own is the approximation by tanh.
  products.forward({u, d, f}, static_cast<const T*>(r.attended), factor(Numbers::inner_weight),
                   static_cast<const T*>(nullptr), r.inner);
  bias_gelu(gelu_of(layer, size), r.activated, stream());
  products.forward({u, f, d}, static_cast<const T*>(r.activated), factor(Numbers::outer_weight),
                   factor(Numbers::outer_bias), pass_.branch);
  layer_norm(last_norm(layer, size, training), static_cast<const T*>(r.attended),
             static_cast<const T*>(pass_.branch), r.out, stream());
}

template <class T, class Compute>
void CudaEncoder<T, Compute>::backward(const BatchSize& size) {
  if (config_.pooling == Pooling::mean) {
    spread_mean(text_rows(size), static_cast<const float*>(pass_.dembeddings), pass_.dout,
                stream());
  } else {
    put_first_rows(rows_as_they_are(size), static_cast<const float*>(pass_.dembeddings), pass_.dout,
                   stream());
  }
  T* const dout = pass_.dout;
  T* const din = pass_.din;
  for (int layer = config_.layers; layer-- > 0;) {
    backward_feed_forward(layer, size);
    backward_attention(layer, size);
    std::swap(pass_.dout, pass_.din);
  }
  embedding_gradients(size);
  pass_.dout = dout;  // every pass begins alike
  pass_.din = din;
}

/// dattended and, of the attention's branch, dbranch from dout; for din the part of the residual sum.
template <class T, class Compute>
void CudaEncoder<T, Compute>::backward_feed_forward(int layer, const BatchSize& size) {
  const LayerRooms<T>& r = room(layer);
  const std::int64_t d = config_.width;
  const std::int64_t f = config_.inner_width;
  const std::int64_t u = queries(layer, size);
  const auto number = [&](Numbers::Part part) { return Numbers::of(layer, part); };
  auto& products = compute_.products();
  layer_norm_backward(
      last_norm(layer, size, true),
      norm_gradients(number(Numbers::gamma), pass_.dout, pass_.dattended, pass_.dbranch), stream());
  products.weight_gradient({u, f, d}, static_cast<const T*>(r.activated),
                           static_cast<const T*>(pass_.dbranch),
                           p_.gradient(number(Numbers::outer_weight)));
  bias_gradient(u, config_.width, pass_.dbranch, number(Numbers::outer_bias));
  products.input_gradient({u, f, d}, static_cast<const T*>(pass_.dbranch),
                          p_.factor(number(Numbers::outer_weight)), pass_.dinner,
                          ProductInto::replaces);
  GeluGradients<T> gelu;
  gelu.dout = pass_.dinner;
  gelu.dx = pass_.dinner;
  gelu.dbias = p_.gradient(number(Numbers::inner_bias));
  gelu.partials = pass_.partials;
  bias_gelu_backward(gelu_of(layer, size), gelu, stream());
  products.weight_gradient({u, d, f}, static_cast<const T*>(r.attended),
                           static_cast<const T*>(pass_.dinner),
                           p_.gradient(number(Numbers::inner_weight)));
  products.input_gradient({u, d, f}, static_cast<const T*>(pass_.dinner),
                          p_.factor(number(Numbers::inner_weight)), pass_.dattended,
                          ProductInto::adds);
}

/// din from dattended.
template <class T, class Compute>
void CudaEncoder<T, Compute>::backward_attention(int layer, const BatchSize& size) {
  const LayerRooms<T>& r = room(layer);
  const std::int64_t d = config_.width;
  const std::int64_t t = size.tokens;
  const std::int64_t u = queries(layer, size);
  const bool first_only = first_queries_only(config_, layer);
  const auto number = [&](Numbers::Part part) { return Numbers::of(layer, part); };
  auto& products = compute_.products();
  T* const dresidual = first_only ? pass_.dresidual : pass_.din;
  layer_norm_backward(
      attention_norm(layer, size, true),
      norm_gradients(number(Numbers::attention_gamma), pass_.dattended, dresidual, pass_.dbranch),
      stream());
  const T* context = first_only ? r.query_context : r.context;
  T* const dcontext = first_only ? pass_.dattended : pass_.dcontext;  // dattended has been read
  products.weight_gradient({u, d, d}, context, static_cast<const T*>(pass_.dbranch),
                           p_.gradient(number(Numbers::output_weight)));
  bias_gradient(u, config_.width, pass_.dbranch, number(Numbers::output_bias));
  products.input_gradient({u, d, d}, static_cast<const T*>(pass_.dbranch),
                          p_.factor(number(Numbers::output_weight)), dcontext,
                          ProductInto::replaces);
  if (first_only) {
    compute_.zero(pass_.dcontext, static_cast<std::size_t>(t * d) * sizeof(T));
    put_first_rows(text_rows(size), static_cast<const T*>(dcontext), pass_.dcontext, stream());
  }
  attention_backward(attention_of(layer, size, true), stream());
  products.weight_gradient({t, d, 3 * d}, input_of(layer), static_cast<const T*>(pass_.dqkv),
                           p_.gradient(number(Numbers::query_weight)));
  bias_gradient(t, 3 * config_.width, pass_.dqkv, number(Numbers::query_bias));
  products.input_gradient({t, d, 3 * d}, static_cast<const T*>(pass_.dqkv),
                          p_.factor(number(Numbers::query_weight)), pass_.din,
                          first_only ? ProductInto::replaces : ProductInto::adds);
  if (first_only)
    add_to_first_rows(text_rows(size), static_cast<const T*>(pass_.dresidual), pass_.din, stream());
}

template <class T, class Compute>
void CudaEncoder<T, Compute>::embedding_gradients(const BatchSize& size) {
  std::array<TableGradient, embedding_tables> tables;
  for (std::size_t i = 0; i < embedding_tables; ++i) {
    const BatchArrays::Table& of_batch = pass_.batch.tables[i];
    TokensByRow& tokens = tables[i].tokens;
    tokens.tokens = size.tokens;
    tokens.spanning = TokensByRow::chunks(size.tokens);
    tokens.order = of_batch.order;
    tokens.begins = of_batch.begins;
    tokens.first_rows = of_batch.first_rows;
    tokens.spanning_rows = of_batch.spanning_rows;
    tables[i].gradient = p_.row_gradients[i];
  }
  embed_backward(
      embedding(size, true).norm,
      norm_gradients(Numbers::embedding_gamma, pass_.dout, pass_.din, static_cast<T*>(nullptr)),
      std::span<const TableGradient>(tables), pass_.partials, stream());
}

}  // namespace candist
