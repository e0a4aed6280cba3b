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
#include "candist/optimizers/adamw_options.hpp"
#include "candist/optimizers/optimizer_state.hpp"

namespace candist {

/// AdamW: decoupled decay, bias-corrected moments. Rows that a step does not touch: their moments
/// decay for the missed steps at the next touch, m <- beta1^missed m, as those of dense AdamW do
/// with g = 0; but the momentum does not move them meanwhile ("lazy" Adam), and their weight decay
/// comes late (optimizer_state.hpp). Reference: Loshchilov and Hutter, ICLR 2019, arXiv:1711.05101.
class AdamW {
 public:
  static constexpr const char* name = "adamw";

  explicit AdamW(AdamWOptions options = {})
      : options_(options), state_({.tables = 2}, step_options(options)) {}

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    state_.begin_step(blocks, learning_rate);
    const auto t = static_cast<double>(state_.step);
    const auto correction1 =
        static_cast<float>(1.0 - std::pow(static_cast<double>(options_.beta1), t));
    const auto correction2 =
        static_cast<float>(1.0 - std::pow(static_cast<double>(options_.beta2), t));
    for_each_touched_row(
        state_, blocks,
        [&](const ParameterBlock& block, BlockState& state, std::int64_t row, float* w,
            const float* g, std::int64_t missed) {
          const float keep1 =
              missed == 1 ? options_.beta1 : std::pow(options_.beta1, static_cast<float>(missed));
          const float keep2 =
              missed == 1 ? options_.beta2 : std::pow(options_.beta2, static_cast<float>(missed));
          update(block.width, w, state.tables[0].data() + row * block.width,
                 state.tables[1].data() + row * block.width, g,
                 {keep1, keep2, 1.0f - options_.beta1, 1.0f - options_.beta2, correction1,
                  correction2, learning_rate, options_.epsilon, state_.gradient_scale()});
        });
  }
  void settle(std::span<ParameterBlock> blocks) { state_.settle(blocks); }
  /// Of the last step's gradients, before clipping.
  double gradient_norm() const { return state_.gradient_norm(); }
  void save(std::ostream& out) const { state_.save(out); }
  void load(std::istream& in) { state_.load(in); }

 private:
  /// The numbers of one row's update.
  struct Factors {
    float keep1, keep2, take1, take2, correction1, correction2, learning_rate, epsilon, scale;
  };
  static void update(std::int64_t width, float* __restrict w, float* __restrict first,
                     float* __restrict second, const float* __restrict g, Factors f) {
    for_each_lanes(width, [=](auto lanes) {
      const auto gradient = f.scale * lanes.load(g);
      const auto m = f.keep1 * lanes.load(first) + f.take1 * gradient;
      const auto v = f.keep2 * lanes.load(second) + f.take2 * gradient * gradient;
      lanes.store(first, m);
      lanes.store(second, v);
      lanes.store(w, lanes.load(w) - f.learning_rate * (m / f.correction1) /
                                         (square_root(v / f.correction2) + f.epsilon));
    });
  }

  AdamWOptions options_;
  OptimizerState state_;
};
static_assert(Optimizer<AdamW>);

}  // namespace candist
