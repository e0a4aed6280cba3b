// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The encoder of BERT and RoBERTa: token, position and type embeddings, then layers of attention and
// feed-forward networks with the norm behind each residual sum. U queries: all T tokens, but only the
// first token of each of the N texts in the last layer of a model that classifies by it, for nothing
// else of that layer's output is ever read.
// References: Devlin et al., NAACL 2019, arXiv:1810.04805; Liu et al. 2019, arXiv:1907.11692.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "candist/kernels/gelu.hpp"
#include "candist/kernels/layer_norm.hpp"
#include "candist/kernels/packed_attention.hpp"
#include "candist/students/packed_batch.hpp"
#include "candist/students/transformer_parameters.hpp"
#include "candist/students/transformer_rooms.hpp"
#include "candist/worker_team.hpp"

namespace candist {

/// The exact one, as in the released models.
struct Gelu {
  static void forward(const float* x, std::int64_t n, float* out) { gelu(x, n, out); }
  /// gradient *= derivative at x.
  static void backward(const float* x, std::int64_t n, float* gradient) {
    gelu_backward(x, n, gradient);
  }
};

/// Forward and backward pass of one batch; the parameters are the caller's. Dropout is keyed by (seed,
/// step, place, token), so the pass can be cut for any number of threads.
template <class Activation>
class TransformerPass {
 public:
  /// With `dropout` off in evaluation; its probability is ignored, those of the config count.
  void forward(const TransformerParameters& parameters, const TransformerConfig& config,
               TextBatch batch, Mode mode, Dropout dropout, WorkerTeam* team);
  /// The hidden states that a text's embedding is made of: [N, D] of the first tokens, or with
  /// Pooling::mean [T, D] of all.
  const float* output() const { return output_; }
  const PackedBatch& batch() const { return batch_; }
  /// From the gradient of output(); adds to those of the parameters. After a forward pass in training
  /// mode.
  void backward(TransformerParameters& parameters, const TransformerConfig& config,
                const float* doutput, WorkerTeam* team);

 private:
  /// The rows of a range of texts.
  struct Rows {
    TextRange texts;
    std::int64_t first, count;              ///< tokens
    std::int64_t first_query, query_count;  ///< queries
  };

  static float* sized(std::vector<float>& room, std::int64_t size) {
    if (room.size() < static_cast<std::size_t>(size)) room.resize(static_cast<std::size_t>(size));
    return room.data();
  }
  bool first_only(const TransformerConfig& c, std::size_t layer) const {
    return c.pooling != Pooling::mean && layer + 1 == static_cast<std::size_t>(c.layers);
  }
  std::int64_t queries_of(const TransformerConfig& c, std::size_t layer) const {
    return first_only(c, layer) ? batch_.texts() : batch_.tokens();
  }
  Rows rows_of(const TransformerConfig& c, std::size_t layer, TextRange range) const {
    const auto& texts = batch_.with_all_queries();
    const PackedText& last = texts[static_cast<std::size_t>(range.last - 1)];
    const std::int64_t first = texts[static_cast<std::size_t>(range.first)].first;
    const std::int64_t count = last.first + last.tokens - first;
    if (first_only(c, layer)) return {range, first, count, range.first, range.last - range.first};
    return {range, first, count, first, count};
  }
  LayerRoom& room(std::size_t layer) { return rooms_[training_ ? layer : layer % 2]; }
  void allocate(const TransformerConfig& config);
  void embed(const TransformerParameters& parameters, const TransformerConfig& config, Rows rows);
  void forward_layer(const TransformerParameters& parameters, const TransformerConfig& config,
                     std::size_t layer, Rows rows);
  void backward_layer(const TransformerParameters& parameters, const TransformerConfig& config,
                      std::size_t layer, Rows rows);
  void layer_gradients(TransformerParameters& parameters, const TransformerConfig& config,
                       std::size_t layer, WorkerTeam* team);
  void embedding_gradients(TransformerParameters& parameters, const TransformerConfig& config);

  const float* input_of(std::size_t layer) {
    return layer == 0 ? embedded_.data() : room(layer - 1).out.data();
  }
  Dropout dropout_at(float probability, std::uint32_t site) const {
    Dropout d = dropout_.at(site);
    d.probability = training_ ? probability : 0.0f;
    return d;
  }
  /// Places of dropout: 0 the embeddings, then three a layer.
  static std::uint32_t site(std::size_t layer, std::uint32_t which) {
    return static_cast<std::uint32_t>(layer) * 3 + which;
  }
  static constexpr std::uint32_t at_probabilities = 1;
  static constexpr std::uint32_t at_attention = 2;
  static constexpr std::uint32_t at_feed_forward = 3;

  LayerNorm norm_at(const TransformerConfig& c, const NormParameters& p, NormRoom& norm_room,
                    std::int64_t first, std::int64_t count, Dropout dropout,
                    const std::int64_t* ids) const {
    const std::int64_t d = c.width;
    return {count,
            d,
            p.gamma.values.data(),
            p.beta.values.data(),
            c.norm_epsilon,
            dropout,
            ids + first,
            norm_room.sum.data() + first * d,
            norm_room.mean.data() + first,
            norm_room.scale.data() + first};
  }
  PackedAttention attention_at(const TransformerConfig& c, std::size_t layer, LayerRoom& r) const {
    return {c.width, c.heads, dropout_at(c.attention_dropout, site(layer, at_probabilities)),
            r.queries.data(), r.keys_values.data()};
  }
  const std::vector<PackedText>& texts_of(const TransformerConfig& c, std::size_t layer) const {
    return first_only(c, layer) ? batch_.with_first_queries() : batch_.with_all_queries();
  }
  const std::int64_t* ids_of(const TransformerConfig& c, std::size_t layer) const {
    return first_only(c, layer) ? batch_.first_token_rows() : batch_.rows();
  }
  template <class Work>
  static void spread(WorkerTeam* team, std::int64_t tasks, Work&& work) {
    if (team != nullptr) return team->run(tasks, work);
    for (std::int64_t task = 0; task < tasks; ++task) work(task);
  }

  PackedBatch batch_;
  std::vector<TextRange> ranges_;
  bool training_ = false;
  Dropout dropout_;
  std::vector<float> raw_;  ///< [T, D], sums of the three embeddings
  NormRoom embedding_norm_;
  std::vector<float> embedded_;  ///< [T, D]
  std::vector<LayerRoom> rooms_;
  GradientRoom gradients_;
  const float* output_ = nullptr;
};

// ---- definitions

namespace detail {
/// Tokens of a range at most: its activations of one layer then stay in the second-level cache.
inline constexpr std::int64_t most_tokens_of_range = 512;
}  // namespace detail

template <class Activation>
void TransformerPass<Activation>::allocate(const TransformerConfig& c) {
  const std::int64_t t = batch_.tokens();
  const std::int64_t d = c.width;
  const auto norm_room = [&](NormRoom& r, std::int64_t rows) {
    sized(r.sum, rows * d);
    sized(r.mean, rows);
    sized(r.scale, rows);
  };
  sized(raw_, t * d);
  sized(embedded_, t * d);
  norm_room(embedding_norm_, t);
  rooms_.resize(
      std::max<std::size_t>(rooms_.size(), training_ ? static_cast<std::size_t>(c.layers) : 2));
  for (std::size_t layer = 0; layer < static_cast<std::size_t>(c.layers); ++layer) {
    LayerRoom& r = room(layer);
    const std::int64_t u = queries_of(c, layer);
    if (first_only(c, layer)) sized(r.query_input, u * d);
    sized(r.queries, u * d);
    sized(r.keys_values, t * 2 * d);
    sized(r.context, u * d);
    sized(r.branch, u * d);
    norm_room(r.attention_norm, u);
    sized(r.attended, u * d);
    sized(r.inner, u * c.inner_width);
    sized(r.activated, u * c.inner_width);
    norm_room(r.norm, u);
    sized(r.out, u * d);
  }
}

template <class Activation>
void TransformerPass<Activation>::forward(const TransformerParameters& p,
                                          const TransformerConfig& c, TextBatch batch, Mode mode,
                                          Dropout dropout, WorkerTeam* team) {
  batch_.pack(batch, c);
  training_ = mode == Mode::training;
  dropout_ = dropout;
  allocate(c);
  ranges_ = batch_.cut(team != nullptr ? team->threads() : 1, detail::most_tokens_of_range);
  spread(team, static_cast<std::int64_t>(ranges_.size()), [&](std::int64_t part) {
    const TextRange range = ranges_[static_cast<std::size_t>(part)];
    embed(p, c, rows_of(c, 0, range));
    for (std::size_t layer = 0; layer < p.layers.size(); ++layer)
      forward_layer(p, c, layer, rows_of(c, layer, range));
  });
  output_ = p.layers.empty() ? embedded_.data() : room(p.layers.size() - 1).out.data();
}

template <class Activation>
void TransformerPass<Activation>::embed(const TransformerParameters& p, const TransformerConfig& c,
                                        Rows rows) {
  const std::int64_t d = c.width;
  const float* type = p.types.values().data();
  for (std::int64_t t = rows.first; t < rows.first + rows.count; ++t) {
    const auto at = static_cast<std::size_t>(t);
    const float* word = p.words.values().data() + batch_.ids()[at] * d;
    const float* position = p.positions.values().data() + batch_.positions()[at] * d;
    float* out = raw_.data() + t * d;
    for (std::int64_t k = 0; k < d; ++k) out[k] = (word[k] + type[k]) + position[k];
  }
  float* embedded = embedded_.data() + rows.first * d;
  add_and_norm(
      norm_at(c, p.embedding_norm, embedding_norm_, rows.first, rows.count, {}, batch_.rows()),
      nullptr, raw_.data() + rows.first * d, embedded);
  // Here dropout comes behind the norm.
  drop_rows(dropout_at(c.hidden_dropout, 0), batch_.rows() + rows.first, rows.count, d, embedded);
}

template <class Activation>
void TransformerPass<Activation>::forward_layer(const TransformerParameters& parameters,
                                                const TransformerConfig& c, std::size_t layer,
                                                Rows rows) {
  const EncoderLayerParameters& p = parameters.layers[layer];
  LayerRoom& r = room(layer);
  const std::int64_t d = c.width;
  const std::int64_t f = c.inner_width;
  const std::int64_t q = rows.first_query;
  const float* input = input_of(layer);
  const float* query_input = input + q * d;
  if (first_only(c, layer)) {
    for (std::int64_t n = q; n < q + rows.query_count; ++n)
      std::copy_n(input + batch_.first_token_rows()[n] * d, d, r.query_input.data() + n * d);
    query_input = r.query_input.data() + q * d;
  }
  p.query.forward(query_input, rows.query_count, r.queries.data() + q * d);
  p.key_value.forward(input + rows.first * d, rows.count,
                      r.keys_values.data() + rows.first * 2 * d);
  const PackedAttention attention = attention_at(c, layer, r);
  for (std::int64_t n = rows.texts.first; n < rows.texts.last; ++n)
    attend(attention, texts_of(c, layer)[static_cast<std::size_t>(n)], r.context.data());

  float* branch = r.branch.data() + q * d;
  float* attended = r.attended.data() + q * d;
  p.output.forward(r.context.data() + q * d, rows.query_count, branch);
  add_and_norm(norm_at(c, p.attention_norm, r.attention_norm, q, rows.query_count,
                       dropout_at(c.hidden_dropout, site(layer, at_attention)), ids_of(c, layer)),
               query_input, branch, attended);
  p.inner.forward(attended, rows.query_count, r.inner.data() + q * f);
  Activation::forward(r.inner.data() + q * f, rows.query_count * f, r.activated.data() + q * f);
  p.outer.forward(r.activated.data() + q * f, rows.query_count, branch);
  add_and_norm(
      norm_at(c, p.norm, r.norm, q, rows.query_count,
              dropout_at(c.hidden_dropout, site(layer, at_feed_forward)), ids_of(c, layer)),
      attended, branch, r.out.data() + q * d);
}

template <class Activation>
void TransformerPass<Activation>::backward(TransformerParameters& p, const TransformerConfig& c,
                                           const float* doutput, WorkerTeam* team) {
  const std::int64_t t = batch_.tokens();
  const std::int64_t d = c.width;
  GradientRoom& g = gradients_;
  for (std::vector<float>* buffer :
       {&g.out, &g.in, &g.attended, &g.query_input, &g.projected, &g.outer, &g.context, &g.queries})
    sized(*buffer, t * d);
  sized(g.inner, t * c.inner_width);
  sized(g.keys_values, t * 2 * d);
  const bool all_tokens = c.pooling == Pooling::mean || p.layers.empty();
  std::copy_n(doutput, (all_tokens ? t : batch_.texts()) * d, g.out.data());
  for (std::size_t layer = p.layers.size(); layer-- > 0;) {
    spread(team, static_cast<std::int64_t>(ranges_.size()), [&](std::int64_t part) {
      backward_layer(p, c, layer, rows_of(c, layer, ranges_[static_cast<std::size_t>(part)]));
    });
    layer_gradients(p, c, layer, team);
    g.out.swap(g.in);
  }
  embedding_gradients(p, c);
  p.encoder_has_gradients();
}

template <class Activation>
void TransformerPass<Activation>::backward_layer(const TransformerParameters& parameters,
                                                 const TransformerConfig& c, std::size_t layer,
                                                 Rows rows) {
  const EncoderLayerParameters& p = parameters.layers[layer];
  LayerRoom& r = room(layer);
  GradientRoom& g = gradients_;
  const std::int64_t d = c.width;
  const std::int64_t f = c.inner_width;
  const std::int64_t q = rows.first_query;
  const std::int64_t n = rows.query_count;
  add_and_norm_backward(
      norm_at(c, p.norm, r.norm, q, n, dropout_at(c.hidden_dropout, site(layer, at_feed_forward)),
              ids_of(c, layer)),
      g.out.data() + q * d, g.attended.data() + q * d, g.outer.data() + q * d);
  p.outer.backward(g.outer.data() + q * d, n, g.inner.data() + q * f, Product::replaces);
  Activation::backward(r.inner.data() + q * f, n * f, g.inner.data() + q * f);
  p.inner.backward(g.inner.data() + q * f, n, g.attended.data() + q * d, Product::is_added);
  add_and_norm_backward(
      norm_at(c, p.attention_norm, r.attention_norm, q, n,
              dropout_at(c.hidden_dropout, site(layer, at_attention)), ids_of(c, layer)),
      g.attended.data() + q * d, g.query_input.data() + q * d, g.projected.data() + q * d);
  p.output.backward(g.projected.data() + q * d, n, g.context.data() + q * d, Product::replaces);
  const PackedAttention attention = attention_at(c, layer, r);
  for (std::int64_t text = rows.texts.first; text < rows.texts.last; ++text) {
    attend_backward(attention, texts_of(c, layer)[static_cast<std::size_t>(text)], g.context.data(),
                    g.queries.data(), g.keys_values.data());
  }
  p.query.backward(g.queries.data() + q * d, n, g.query_input.data() + q * d, Product::is_added);
  p.key_value.backward(g.keys_values.data() + rows.first * 2 * d, rows.count,
                       g.in.data() + rows.first * d, Product::replaces);
  for (std::int64_t u = q; u < q + n; ++u) {
    float* in = g.in.data() + ids_of(c, layer)[u] * d;
    const float* from = g.query_input.data() + u * d;
    for (std::int64_t k = 0; k < d; ++k) in[k] += from[k];
  }
}

/// Every task takes some outputs of a linear layer, or some columns of a norm, over all rows.
template <class Activation>
void TransformerPass<Activation>::layer_gradients(TransformerParameters& parameters,
                                                  const TransformerConfig& c, std::size_t layer,
                                                  WorkerTeam* team) {
  EncoderLayerParameters& p = parameters.layers[layer];
  LayerRoom& r = room(layer);
  GradientRoom& g = gradients_;
  const Product how = parameters.how_encoder();
  const std::int64_t t = batch_.tokens();
  const std::int64_t u = queries_of(c, layer);
  const float* input = input_of(layer);
  const float* query_input = first_only(c, layer) ? r.query_input.data() : input;
  struct Task {
    LinearLayer* linear;
    const float* x;
    const float* dy;
    std::int64_t rows, first, count;
  };
  constexpr std::int64_t outputs = 192;
  std::vector<Task> tasks;
  const auto add = [&](LinearLayer& linear, const float* x, const float* dy, std::int64_t rows) {
    for (std::int64_t o = 0; o < linear.out(); o += outputs)
      tasks.push_back({&linear, x, dy, rows, o, std::min(outputs, linear.out() - o)});
  };
  add(p.outer, r.activated.data(), g.outer.data(), u);  // the longest first
  add(p.inner, r.attended.data(), g.inner.data(), u);
  add(p.key_value, input, g.keys_values.data(), t);
  add(p.query, query_input, g.queries.data(), u);
  add(p.output, r.context.data(), g.projected.data(), u);
  const auto count = static_cast<std::int64_t>(tasks.size());
  spread(team, count + 2, [&](std::int64_t number) {
    if (number < count) {
      const Task& task = tasks[static_cast<std::size_t>(number)];
      task.linear->parameter_gradients(task.x, task.dy, task.rows, task.first, task.count, how);
      return;
    }
    const bool last = number == count;
    NormParameters& norm = last ? p.norm : p.attention_norm;
    norm.accumulate(norm_at(c, norm, last ? r.norm : r.attention_norm, 0, u, {}, ids_of(c, layer)),
                    last ? g.out.data() : g.attended.data(), how);
  });
}

template <class Activation>
void TransformerPass<Activation>::embedding_gradients(TransformerParameters& p,
                                                      const TransformerConfig& c) {
  const std::int64_t t = batch_.tokens();
  const std::int64_t d = c.width;
  float* gradient = gradients_.out.data();
  drop_rows(dropout_at(c.hidden_dropout, 0), batch_.rows(), t, d, gradient);
  const LayerNorm norm = norm_at(c, p.embedding_norm, embedding_norm_, 0, t, {}, batch_.rows());
  p.embedding_norm.accumulate(norm, gradient, p.how_encoder());
  add_and_norm_backward(norm, gradient, gradient, gradient);
  for (std::int64_t row = 0; row < t; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const float* g = gradient + row * d;
    p.words.add_gradient({&batch_.ids()[at], 1}, g);
    p.positions.add_gradient({&batch_.positions()[at], 1}, g);
    static constexpr std::int32_t first_type = 0;
    p.types.add_gradient({&first_type, 1}, g);
  }
}

}  // namespace candist
