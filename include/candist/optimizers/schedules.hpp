// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "candist/concepts.hpp"

namespace candist {

/// The same learning rate throughout.
struct ConstantRate {
  float factor(float) const { return 1.0f; }
};
/// Linear from 0 to 1 over the first `warm_up` share of the training, then linear to 0 at its end.
struct LinearDecay {
  float warm_up = 0.0f;
  float factor(float fraction) const {
    if (fraction < warm_up) return fraction / warm_up;
    return warm_up < 1.0f ? (1.0f - fraction) / (1.0f - warm_up) : 1.0f;
  }
};
/// The same warm-up, then half a cosine to 0.
struct CosineDecay {
  float warm_up = 0.0f;
  float factor(float fraction) const {
    if (fraction < warm_up) return fraction / warm_up;
    if (!(warm_up < 1.0f)) return 1.0f;
    return 0.5f * (1.0f + std::cos(3.14159265f * (fraction - warm_up) / (1.0f - warm_up)));
  }
};
static_assert(Schedule<ConstantRate> && Schedule<LinearDecay> && Schedule<CosineDecay>);

}  // namespace candist
