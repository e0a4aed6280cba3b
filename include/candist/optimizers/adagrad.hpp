// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <istream>
#include <ostream>
#include <span>

#include "candist/concepts.hpp"
#include "candist/optimizers/optimizer_state.hpp"

namespace candist {

struct AdagradOptions {
  float weight_decay = 0.0f;  ///< decoupled
  float epsilon = 1e-6f;
};

/// w <- (1 - lr wd) w - lr g / (sqrt(sum of g^2) + epsilon). Rows that a step does not touch have g
/// = 0 there: exact. Reference: Duchi, Hazan and Singer, JMLR 2011.
class Adagrad {
 public:
  static constexpr const char* name = "adagrad";

  explicit Adagrad(AdagradOptions options = {})
      : options_(options), state_(1, options.weight_decay) {}

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    state_.begin_step(blocks, learning_rate);
    for_each_touched_row(state_, blocks,
                         [&](const ParameterBlock& block, BlockState& state, std::int64_t row,
                             float* w, const float* g, std::int64_t) {
                           // Through Eigen: a loop over std::sqrt stays scalar, for it may set errno.
                           RowMap<float> sum(state.tables[0].data() + row * block.width,
                                             block.width);
                           const RowMap<const float> gradient(g, block.width);
                           sum += gradient.square();
                           RowMap<float>(w, block.width) -=
                               learning_rate * gradient / (sum.sqrt() + options_.epsilon);
                         });
  }
  void settle(std::span<ParameterBlock> blocks) { state_.settle(blocks); }
  void save(std::ostream& out) const { state_.save(out); }
  void load(std::istream& in) { state_.load(in); }

 private:
  AdagradOptions options_;
  OptimizerState state_;
};
static_assert(Optimizer<Adagrad>);

}  // namespace candist
