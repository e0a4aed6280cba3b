// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <istream>
#include <ostream>
#include <span>

#include "candist/concepts.hpp"
#include "candist/lanes.hpp"
#include "candist/optimizers/optimizer_state.hpp"

namespace candist {

struct AdagradOptions {
  float weight_decay = 0.0f;  ///< decoupled
  float epsilon = 1e-6f;
  float max_gradient_norm = 0.0f;  ///< clipping; 0: none
  int threads = 1;
};

/// w <- (1 - lr wd) w - lr g / (sqrt(sum of g^2) + epsilon). Rows that a step does not touch have g
/// = 0 there: the same as dense, but for decay that comes late (optimizer_state.hpp). Reference:
/// Duchi, Hazan and Singer, JMLR 2011.
class Adagrad {
 public:
  static constexpr const char* name = "adagrad";

  explicit Adagrad(AdagradOptions options = {})
      : options_(options), state_({.tables = 1}, step_options(options)) {}

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    state_.begin_step(blocks, learning_rate);
    for_each_touched_row(state_, blocks,
                         [&](const ParameterBlock& block, BlockState& state, std::int64_t row,
                             float* w, const float* g, std::int64_t) {
                           update(block.width, w, state.tables[0].data() + row * block.width, g,
                                  state_.gradient_scale(), learning_rate, options_.epsilon);
                         });
  }
  void settle(std::span<ParameterBlock> blocks) { state_.settle(blocks); }
  void save(std::ostream& out) const { state_.save(out); }
  void load(std::istream& in) { state_.load(in); }

 private:
  static void update(std::int64_t width, float* __restrict w, float* __restrict sums,
                     const float* __restrict g, float scale, float learning_rate, float epsilon) {
    for_each_lanes(width, [=](auto lanes) {
      const auto gradient = scale * lanes.load(g);
      const auto sum = lanes.load(sums) + gradient * gradient;
      lanes.store(sums, sum);
      lanes.store(w, lanes.load(w) - learning_rate * gradient / (square_root(sum) + epsilon));
    });
  }

  AdagradOptions options_;
  OptimizerState state_;
};
static_assert(Optimizer<Adagrad>);

}  // namespace candist
