// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/students/transformer_parameters.hpp"

namespace candist {

/// From embeddings [M, D] to logits [M, C]: the three heads of Pooling. Keeps what backward needs.
class ClassifierHead {
 public:
  /// `dropout` has its probability, seed and step; it is off in evaluation mode.
  template <class Kernel = detail::MultiplyKernel>
  void forward(const TransformerParameters& p, const TransformerConfig& c,
               MatrixView<const float> embeddings, Mode mode, Dropout dropout,
               MatrixView<float> logits) {
    const std::int64_t m = embeddings.rows;
    const std::int64_t d = embeddings.columns;
    input_.assign(embeddings.data, embeddings.data + m * d);
    dropout_ = dropout;
    if (mode == Mode::evaluation) dropout_.probability = 0.0f;
    rows_.resize(static_cast<std::size_t>(m));
    std::iota(rows_.begin(), rows_.end(), std::int64_t{0});
    if (c.pooling != Pooling::bert_pooler) drop(input_, before_dense, d);
    const float* last = input_.data();
    if (!p.head_dense.empty()) {
      hidden_.resize(static_cast<std::size_t>(m * d));
      p.head_dense[0].template forward<Kernel>(input_.data(), m, hidden_.data());
      for (float& h : hidden_) h = std::tanh(h);
      dropped_ = hidden_;
      drop(dropped_, before_output, d);
      last = dropped_.data();
    }
    p.head_output.template forward<Kernel>(last, m, logits.data);
  }

  /// dembeddings [M, D] of dlogits [M, C]; adds to the head's gradients.
  template <class Kernel = detail::MultiplyKernel>
  void backward(TransformerParameters& p, const TransformerConfig& c,
                MatrixView<const float> dlogits, MatrixView<float> dembeddings) {
    const std::int64_t m = dlogits.rows;
    const std::int64_t d = dembeddings.columns;
    CANDIST_EXPECT_EQ(rows_.size(), m, "rows of the last training forward, rows of the gradient");
    const Product how = p.how_head();
    const bool dense = !p.head_dense.empty();
    const float* last = dense ? dropped_.data() : input_.data();
    p.head_output.template parameter_gradients<Kernel>(last, dlogits.data, m, 0, c.classes, how);
    gradient_.resize(static_cast<std::size_t>(m * d));
    p.head_output.template backward<Kernel>(
        dlogits.data, m, dense ? gradient_.data() : dembeddings.data, Product::replaces);
    if (dense) {
      drop(gradient_, before_output, d);
      for (std::size_t i = 0; i < gradient_.size(); ++i)
        gradient_[i] *= 1.0f - hidden_[i] * hidden_[i];
      p.head_dense[0].template parameter_gradients<Kernel>(input_.data(), gradient_.data(), m, 0, d,
                                                           how);
      p.head_dense[0].template backward<Kernel>(gradient_.data(), m, dembeddings.data,
                                                Product::replaces);
    }
    if (c.pooling != Pooling::bert_pooler)
      drop_rows(dropout_.at(before_dense), rows_.data(), m, d, dembeddings.data);
    p.head_has_gradients();
  }

 private:
  /// Places of dropout behind all those of the encoder.
  static constexpr std::uint32_t before_dense = (1u << 24) - 2;
  static constexpr std::uint32_t before_output = (1u << 24) - 1;

  template <class Kernel = detail::DropRowsKernel>
  void drop(std::vector<float>& values, std::uint32_t site, std::int64_t width) {
    drop_rows<Kernel>(dropout_.at(site), rows_.data(), static_cast<std::int64_t>(rows_.size()),
                      width, values.data());
  }

  Dropout dropout_;
  std::vector<std::int64_t> rows_;
  std::vector<float> input_;    ///< [M, D], after dropout
  std::vector<float> hidden_;   ///< [M, D], after tanh
  std::vector<float> dropped_;  ///< [M, D], after dropout
  std::vector<float> gradient_;
};

}  // namespace candist
