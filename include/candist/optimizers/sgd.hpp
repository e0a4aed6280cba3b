// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <istream>
#include <ostream>
#include <span>

#include "candist/concepts.hpp"
#include "candist/optimizers/optimizer_state.hpp"

namespace candist {

struct SgdOptions {
  float weight_decay = 0.0f;       ///< decoupled
  float max_gradient_norm = 0.0f;  ///< clipping; 0: none
  int threads = 1;
};

/// w <- (1 - lr wd) w - lr g. Rows that a step does not touch have g = 0 there: the same as dense,
/// but for decay that comes late (optimizer_state.hpp).
class Sgd {
 public:
  static constexpr const char* name = "sgd";

  explicit Sgd(SgdOptions options = {}) : options_(options), state_({}, step_options(options)) {}

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    state_.begin_step(blocks, learning_rate);
    for_each_touched_row(state_, blocks,
                         [&](const ParameterBlock& block, BlockState&, std::int64_t, float* w,
                             const float* g, std::int64_t) {
                           const float rate = learning_rate * state_.gradient_scale();
                           for (std::int64_t k = 0; k < block.width; ++k) w[k] -= rate * g[k];
                         });
  }
  void settle(std::span<ParameterBlock> blocks) { state_.settle(blocks); }
  void save(std::ostream& out) const { state_.save(out); }
  void load(std::istream& in) { state_.load(in); }

 private:
  SgdOptions options_;
  OptimizerState state_;
};
static_assert(Optimizer<Sgd>);

}  // namespace candist
