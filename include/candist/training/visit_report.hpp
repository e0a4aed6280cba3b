// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace candist {

/// What one batch came to.
struct VisitReport {
  double loss = 0.0;             ///< sum of the row losses
  std::int64_t with_target = 0;  ///< rows that had a target
};

/// By what the sum of the row losses is divided.
enum class Denominator {
  rows_with_target,  ///< of the batch (FreeAL's code)
  batch_rows,        ///< all of the batch (as CanDist's 1/n is printed)
};

}  // namespace candist
