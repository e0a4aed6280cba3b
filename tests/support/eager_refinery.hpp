// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/refineries/distribution_refinery.hpp"

namespace candist::testing {

/// Filters, sharpens and rescues from the second epoch on, also where a student is not sure of anything yet.
inline DistributionRefinery eager_refinery() {
  DistributionRefineryOptions options;
  options.warm_up_epochs = 1;
  options.tau = 0.3f;
  return DistributionRefinery(options);
}

}  // namespace candist::testing
