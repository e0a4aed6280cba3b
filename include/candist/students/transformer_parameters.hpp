// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"
#include "candist/error.hpp"
#include "candist/kernels/layer_norm.hpp"
#include "candist/kernels/matrix_product.hpp"
#include "candist/parameter_block.hpp"
#include "candist/students/hashed_table.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist {

/// A dense matrix [rows, columns] of parameters, or a vector (`columns` 0), with its gradient.
struct DenseParameter {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;
  std::vector<float> gradient;

  DenseParameter(std::string its_name, std::int64_t r, std::int64_t c = 0)
      : name(std::move(its_name)),
        rows(r),
        columns(c),
        values(static_cast<std::size_t>(r * std::max<std::int64_t>(c, 1))),
        gradient(values.size()) {}
  Factor matrix() const { return {values.data(), rows, columns, columns}; }
  ParameterBlock block() {
    const bool vector = columns == 0;  // biases and norms: no decay
    return {name,
            values,
            vector ? 1 : rows,
            vector ? rows : columns,
            Rows::dense,
            vector ? Decay::none : Decay::weight,
            gradient,
            {}};
  }
};

/// y = x W^T + b, W [out, in].
struct LinearLayer {
  DenseParameter weight;
  DenseParameter bias;

  LinearLayer(const std::string& name, std::int64_t in, std::int64_t out)
      : weight(name + ".weight", out, in), bias(name + ".bias", out) {}
  std::int64_t in() const { return weight.columns; }
  std::int64_t out() const { return weight.rows; }

  /// y [N, out] of x [N, in].
  template <class Kernel = detail::MultiplyKernel>
  void forward(const float* x, std::int64_t n, float* y) const {
    for (std::int64_t r = 0; r < n; ++r) std::copy_n(bias.values.data(), out(), y + r * out());
    multiply<Kernel>({x, n, in(), in()}, weight.matrix().transposed(), {y, n, out(), out()},
                     Product::is_added);
  }
  /// dx [N, in] of dy [N, out], replaced or added to.
  template <class Kernel = detail::MultiplyKernel>
  void backward(const float* dy, std::int64_t n, float* dx, Product how) const {
    multiply<Kernel>({dy, n, out(), out()}, weight.matrix(), {dx, n, in(), in()}, how);
  }
  /// Gradients of outputs [first, first + count) from x [N, in] and dy [N, out].
  template <class Kernel = detail::MultiplyKernel>
  void parameter_gradients(const float* x, const float* dy, std::int64_t n, std::int64_t first,
                           std::int64_t count, Product how) {
    multiply<Kernel>(Factor(dy + first, n, count, out()).transposed(), {x, n, in(), in()},
                     {weight.gradient.data() + first * in(), count, in(), in()}, how);
    float* db = bias.gradient.data() + first;
    if (how == Product::replaces) std::fill_n(db, count, 0.0f);
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t j = 0; j < count; ++j) db[j] += dy[r * out() + first + j];
    }
  }
};

struct NormParameters {
  DenseParameter gamma;
  DenseParameter beta;

  NormParameters(const std::string& name, std::int64_t width)
      : gamma(name + ".weight", width), beta(name + ".bias", width) {
    std::fill(gamma.values.begin(), gamma.values.end(), 1.0f);
  }
  /// Gradients from dout [N, D] of the norm.
  template <class Kernel = detail::NormParametersKernel>
  void accumulate(const LayerNorm& norm, const float* dout, Product how) {
    if (how == Product::replaces) {
      for (DenseParameter* p : {&gamma, &beta})
        std::fill(p->gradient.begin(), p->gradient.end(), 0.0f);
    }
    norm_parameter_gradients<Kernel>(norm, dout, 0, norm.width, gamma.gradient.data(),
                                     beta.gradient.data());
  }
};

struct EncoderLayerParameters {
  LinearLayer query;      ///< D -> D
  LinearLayer key_value;  ///< D -> 2 D, keys first
  LinearLayer output;     ///< D -> D
  NormParameters attention_norm;
  LinearLayer inner;  ///< D -> F
  LinearLayer outer;  ///< F -> D
  NormParameters norm;

  EncoderLayerParameters(const std::string& name, const TransformerConfig& c)
      : query(name + "attention.self.query", c.width, c.width),
        key_value(name + "attention.self.key_value", c.width, 2 * c.width),
        output(name + "attention.output.dense", c.width, c.width),
        attention_norm(name + "attention.output.LayerNorm", c.width),
        inner(name + "intermediate.dense", c.width, c.inner_width),
        outer(name + "output.dense", c.inner_width, c.width),
        norm(name + "output.LayerNorm", c.width) {}
};

/// All parameters of an encoder with its classifier, initialised as BERT's: normal with deviation 0.02,
/// biases 0. Gradients that nothing was added to since clear() are known to be 0 without being so in
/// memory: the first backward pass after it replaces them.
class TransformerParameters {
 public:
  TransformerParameters(const TransformerConfig& config, std::uint64_t seed);

  HashedTable words;      ///< [V, D]
  HashedTable positions;  ///< [P, D]
  HashedTable types;      ///< [token types, D]
  NormParameters embedding_norm;
  std::vector<EncoderLayerParameters> layers;
  std::vector<LinearLayer> head_dense;  ///< D -> D; none with Pooling::mean
  LinearLayer head_output;              ///< D -> C

  Product how_encoder() const { return encoder_cleared_ ? Product::replaces : Product::is_added; }
  Product how_head() const { return head_cleared_ ? Product::replaces : Product::is_added; }
  void encoder_has_gradients() { encoder_cleared_ = false; }
  void head_has_gradients() { head_cleared_ = false; }
  void clear_gradients() {
    for (HashedTable* table : {&words, &positions, &types}) table->zero_gradients();
    encoder_cleared_ = head_cleared_ = true;
  }
  std::span<ParameterBlock> blocks();
  /// By their names in the model; keys and values apart.
  std::vector<NamedTensor> tensors();

 private:
  template <class Visit>
  void for_each_encoder_parameter(Visit&& visit) {
    for (DenseParameter* p : {&embedding_norm.gamma, &embedding_norm.beta}) visit(*p);
    for (EncoderLayerParameters& l : layers) {
      for (LinearLayer* linear : {&l.query, &l.key_value, &l.output}) {
        visit(linear->weight);
        visit(linear->bias);
      }
      for (DenseParameter* p : {&l.attention_norm.gamma, &l.attention_norm.beta}) visit(*p);
      for (LinearLayer* linear : {&l.inner, &l.outer}) {
        visit(linear->weight);
        visit(linear->bias);
      }
      for (DenseParameter* p : {&l.norm.gamma, &l.norm.beta}) visit(*p);
    }
  }
  template <class Visit>
  void for_each_head_parameter(Visit&& visit) {
    for (LinearLayer& dense : head_dense) {
      visit(dense.weight);
      visit(dense.bias);
    }
    visit(head_output.weight);
    visit(head_output.bias);
  }

  bool encoder_cleared_ = true;
  bool head_cleared_ = true;
  std::vector<ParameterBlock> blocks_;
};

// ---- definitions

inline TransformerParameters::TransformerParameters(const TransformerConfig& config,
                                                    std::uint64_t seed)
    : words(config.vocabulary, config.width),
      positions(config.positions, config.width),
      types(config.token_types, config.width),
      embedding_norm("embeddings.LayerNorm", config.width),
      head_output("head.output", config.width, config.classes) {
  if (config.width % 8 != 0 || config.heads < 1 || config.width % config.heads != 0) {
    throw InputError("a transformer of width " + std::to_string(config.width) + " with " +
                     std::to_string(config.heads) +
                     " heads: expected a multiple of 8 that the heads divide");
  }
  for (int layer = 0; layer < config.layers; ++layer)
    layers.emplace_back("encoder.layer." + std::to_string(layer) + ".", config);
  if (config.pooling != Pooling::mean)
    head_dense.emplace_back("head.dense", config.width, config.width);

  std::uint64_t stream = 0;
  const auto fill = [&](std::vector<float>& values) {
    CounterRng rng(seed, RandomPurpose::initial_weights, 0, stream++);
    for (float& value : values) value = 0.02f * rng.normal();
  };
  for (HashedTable* table : {&words, &positions, &types}) fill(table->values());
  const auto fill_matrix = [&](DenseParameter& p) {
    if (p.columns > 0) fill(p.values);
  };
  for_each_encoder_parameter(fill_matrix);
  for_each_head_parameter(fill_matrix);
}

inline std::span<ParameterBlock> TransformerParameters::blocks() {
  blocks_ = {words.block("embeddings.word_embeddings.weight"),
             positions.block("embeddings.position_embeddings.weight"),
             types.block("embeddings.token_type_embeddings.weight")};
  const auto add = [&](bool cleared) {
    return [this, cleared](DenseParameter& p) {
      if (cleared) std::fill(p.gradient.begin(), p.gradient.end(), 0.0f);
      blocks_.push_back(p.block());
    };
  };
  for_each_encoder_parameter(add(encoder_cleared_));
  for_each_head_parameter(add(head_cleared_));
  encoder_cleared_ = head_cleared_ = false;
  return blocks_;
}

inline std::vector<NamedTensor> TransformerParameters::tensors() {
  std::vector<NamedTensor> tensors;
  const auto table = [&](const char* name, HashedTable& t) {
    tensors.push_back(
        {name, static_cast<std::int64_t>(t.values().size()) / t.stride(), t.stride(), t.values()});
  };
  table("embeddings.word_embeddings.weight", words);
  table("embeddings.position_embeddings.weight", positions);
  table("embeddings.token_type_embeddings.weight", types);
  const auto add = [&](DenseParameter& p) {
    constexpr std::string_view both = "key_value";
    const std::size_t at = p.name.find(both);
    if (at == std::string::npos) {
      tensors.push_back({p.name, p.rows, p.columns, p.values});
      return;
    }
    const std::span<float> values(p.values);
    const std::size_t half = values.size() / 2;
    std::string key = p.name;
    std::string value = p.name;
    tensors.push_back(
        {key.replace(at, both.size(), "key"), p.rows / 2, p.columns, values.first(half)});
    tensors.push_back(
        {value.replace(at, both.size(), "value"), p.rows / 2, p.columns, values.last(half)});
  };
  for_each_encoder_parameter(add);
  for_each_head_parameter(add);
  return tensors;
}

}  // namespace candist
