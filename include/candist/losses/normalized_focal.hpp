// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"
#include "candist/losses/normalized.hpp"

namespace candist {

/// Normalised focal loss.
/// Reference: Ma et al., ICML 2020, arXiv:2006.13554.
struct NormalizedFocal : Normalized<FocalLabelLoss> {
  static constexpr const char* name = "nfl";
  static constexpr const char* reference = "Ma et al., ICML 2020";
};
static_assert(Loss<NormalizedFocal>);

}  // namespace candist
