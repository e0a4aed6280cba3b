// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/loss_traits.hpp"

namespace candist {

/// A loss of z / T instead of z. The driver scales the logits before the row sums, and the gradient
/// by 1 / T; there is no hidden factor T^2. Outermost: it wraps a WeightedSum, never the other way
/// round. Reference: Hinton et al., 2015, arXiv:1503.02531.
template <Loss L>
struct AtTemperature : L {
  static_assert(!::candist::at_temperature<L>(), "candist: AtTemperature stands only once");
  static constexpr bool at_temperature = true;
  float temperature = 1.0f;
};

}  // namespace candist
