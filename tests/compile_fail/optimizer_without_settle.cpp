// expect: optimizer.settle(blocks)
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/concepts.hpp"
#include "candist/parameter_block.hpp"
struct StepOnly {
  static constexpr const char* name = "step_only";
  void step(std::span<candist::ParameterBlock>, float) {}
};
static_assert(candist::Optimizer<StepOnly>);
