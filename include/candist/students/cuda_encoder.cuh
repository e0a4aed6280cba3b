// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The launches of a transformer's passes, forward and backward, in their order; nothing here waits, copies to
// the host or allocates, so that all of it can be recorded.
// Host twin: TransformerPass in students/transformer_encoder.hpp, ClassifierHead in
// students/classifier_head.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "candist/cuda/linear_shape.hpp"
#include "candist/kernels/attention_backward.cuh"
#include "candist/kernels/tanh_dropout.cuh"
#include "candist/kernels/text_rows.cuh"
#include "candist/students/cuda_transformer_rooms.cuh"

namespace candist {

/// A transformer's passes over rooms that somebody else keeps. T: of activations and of the factors of
/// products, float or bf16. Compute: ComputeStream, or a stand-in that has its get(), products() and
/// zero(). Gradients of matrices and tables are set, those of vectors are added to.
template <class T, class Compute>
class CudaEncoder {
 public:
  CudaEncoder(const TransformerConfig& config, const ParameterNumbers& numbers,
              const ParameterRooms<T>& parameters, const PassRooms<T>& pass, Compute& compute,
              std::uint64_t seed)
      : config_(config),
        numbers_(numbers),
        p_(parameters),
        pass_(pass),
        compute_(compute),
        seed_(seed) {}

  /// pass.embeddings of the batch in pass.batch; `training` keeps what backward needs and drops units.
  void forward(const BatchSize& size, bool training);
  /// From pass.dembeddings.
  void backward(const BatchSize& size);
  /// pass.logits of `rows` rows of pass.embeddings.
  void classify(std::int64_t rows, bool training);
  /// pass.dembeddings from pass.dlogits.
  void classify_backward(std::int64_t rows);

 private:
  using Numbers = ParameterNumbers;
  /// Places of dropout, as the host has them.
  static constexpr std::uint32_t before_dense = (1u << 24) - 2;
  static constexpr std::uint32_t before_output = (1u << 24) - 1;

  cudaStream_t stream() const { return compute_.get(); }
  std::int64_t queries(int layer, const BatchSize& size) const {
    return first_queries_only(config_, layer) ? size.texts : size.tokens;
  }
  UnitDropout dropout(float probability, std::uint32_t site, bool training) const {
    UnitDropout dropout = UnitDropout::of(training ? probability : 0.0f, seed_, 0, site);
    dropout.device_step = pass_.batch.step;
    return dropout;
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
  NormBatch<T> attention_norm(int layer, const BatchSize& size, bool training) const {
    NormBatch<T> batch =
        norm(queries(layer, size), Numbers::of(layer, Numbers::attention_gamma),
             room(layer).attention_norm, hidden_dropout(site(layer, 2), training), training);
    if (first_queries_only(config_, layer)) batch.row_ids = pass_.batch.first_tokens;
    return batch;
  }
  NormBatch<T> last_norm(int layer, const BatchSize& size, bool training) const {
    NormBatch<T> batch = norm(queries(layer, size), Numbers::of(layer, Numbers::gamma),
                              room(layer).norm, hidden_dropout(site(layer, 3), training), training);
    if (first_queries_only(config_, layer)) batch.row_ids = pass_.batch.first_tokens;
    return batch;
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
  template <class Any>
  void bias_gradient(std::int64_t rows, int width, const Any* dy, int bias);

  const TransformerConfig& config_;
  const ParameterNumbers& numbers_;
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
template <class Any>
void CudaEncoder<T, Compute>::bias_gradient(std::int64_t rows, int width, const Any* dy, int bias) {
  GeluGradients<Any> gradients;
  gradients.dout = dy;
  gradients.dbias = p_.gradient(bias);
  gradients.partials = pass_.partials;
  candist::bias_gradient(rows, width, gradients, stream());
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

template <class T, class Compute>
void CudaEncoder<T, Compute>::classify(std::int64_t rows, bool training) {
  const std::int64_t d = config_.width;
  const bool drops_input = config_.pooling != Pooling::bert_pooler;
  auto& products = compute_.products();
  const auto dropped_rows = [&](std::uint32_t at) {
    return DroppedRows{rows, config_.width, dropout(config_.head_dropout, at, training)};
  };
  const float* last = pass_.embeddings;
  if (drops_input) {
    dropout_rows(dropped_rows(before_dense), pass_.embeddings, pass_.head_input, stream());
    last = pass_.head_input;
  }
  if (numbers_.has_dense) {
    products.forward({rows, d, d}, last, static_cast<const float*>(p_.value(numbers_.head)),
                     static_cast<const float*>(p_.value(numbers_.head + 1)), pass_.hidden);
    tanh_dropout(dropped_rows(before_output), pass_.hidden, pass_.hidden, pass_.dropped, stream());
    last = pass_.dropped;
  }
  const int output = numbers_.head_output_weight();
  products.forward({rows, d, config_.classes}, last, static_cast<const float*>(p_.value(output)),
                   static_cast<const float*>(p_.value(output + 1)), pass_.logits);
}

template <class T, class Compute>
void CudaEncoder<T, Compute>::classify_backward(std::int64_t rows) {
  const std::int64_t d = config_.width;
  const bool drops_input = config_.pooling != Pooling::bert_pooler;
  auto& products = compute_.products();
  const auto dropped_rows = [&](std::uint32_t at) {
    return DroppedRows{rows, config_.width, dropout(config_.head_dropout, at, true)};
  };
  const float* input = drops_input ? pass_.head_input : pass_.embeddings;
  const float* dlogits = pass_.dlogits;
  const int output = numbers_.head_output_weight();
  const LinearShape to_logits{rows, d, config_.classes};
  products.weight_gradient(to_logits, numbers_.has_dense ? pass_.dropped : input, dlogits,
                           p_.gradient(output));
  bias_gradient(rows, config_.classes, dlogits, output + 1);
  float* const behind = numbers_.has_dense ? pass_.dhidden : pass_.dembeddings;
  products.input_gradient(to_logits, dlogits, static_cast<const float*>(p_.value(output)), behind,
                          ProductInto::replaces);
  if (numbers_.has_dense) {
    tanh_dropout_backward(dropped_rows(before_output), pass_.hidden, pass_.dhidden, stream());
    const float* dhidden = pass_.dhidden;
    products.weight_gradient({rows, d, d}, input, dhidden, p_.gradient(numbers_.head));
    bias_gradient(rows, config_.width, dhidden, numbers_.head + 1);
    products.input_gradient({rows, d, d}, dhidden,
                            static_cast<const float*>(p_.value(numbers_.head)), pass_.dembeddings,
                            ProductInto::replaces);
  }
  if (drops_input)
    dropout_rows(dropped_rows(before_dense), pass_.dembeddings, pass_.dembeddings, stream());
}

}  // namespace candist
