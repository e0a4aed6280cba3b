// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <istream>
#include <ostream>
#include <span>

#include "candist/concepts.hpp"
#include "candist/lanes.hpp"
#include "candist/optimizers/optimizer_state.hpp"

namespace candist {

struct RowAdagradOptions {
  float weight_decay = 0.0f;  ///< decoupled
  float epsilon = 1e-6f;
  float max_gradient_norm = 0.0f;  ///< clipping; 0: none
  int threads = 1;
};

/// Adagrad with one accumulator a row: w <- (1 - lr wd) w - lr g / (sqrt(sum of |g|^2) + epsilon),
/// |g| the norm of the row's gradient. Half the memory traffic of Adagrad on row-sparse blocks, and all
/// weights of an n-gram learn at one rate. Rows that a step does not touch have g = 0 there: the
/// same as dense, but for decay that comes late (optimizer_state.hpp).
/// Reference: Ward, Wu and Bottou, ICML 2019 (AdaGrad-Norm), arXiv:1806.01811, row by row as for the
/// embeddings of Mudigere et al., ISCA 2022, arXiv:2104.05158.
class RowAdagrad {
 public:
  static constexpr const char* name = "row_adagrad";

  explicit RowAdagrad(RowAdagradOptions options = {})
      : options_(options), state_({.row_tables = 1}, step_options(options)) {}

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    state_.begin_step(blocks, learning_rate);
    for_each_touched_row(state_, blocks,
                         [&](const ParameterBlock& block, BlockState& state, std::int64_t row,
                             float* w, const float* g, std::int64_t) {
                           float& sum = state.row_tables[0][static_cast<std::size_t>(row)];
                           const float scale = state_.gradient_scale();
                           sum += scale * scale * sum_of_squares(g, block.width);
                           update(block.width, w, g,
                                  scale * learning_rate / (std::sqrt(sum) + options_.epsilon));
                         });
  }
  void settle(std::span<ParameterBlock> blocks) { state_.settle(blocks); }
  void save(std::ostream& out) const { state_.save(out); }
  void load(std::istream& in) { state_.load(in); }

 private:
  static void update(std::int64_t width, float* __restrict w, const float* __restrict g,
                     float rate) {
    for_each_lanes(width,
                   [=](auto lanes) { lanes.store(w, lanes.load(w) - rate * lanes.load(g)); });
  }

  RowAdagradOptions options_;
  OptimizerState state_;
};
static_assert(Optimizer<RowAdagrad>);

}  // namespace candist
