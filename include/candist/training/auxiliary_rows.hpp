// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The terms beside the loss, row by row: what host and device work through.
#pragma once

#include <cstdint>

namespace candist {

/// One mixed example: embeddings and targets of two rows of the batch, omega of the first and 1 -
/// omega of the second.
struct Mixture {
  std::int64_t first = 0;   ///< position in the batch
  std::int64_t second = 0;  ///< position in the batch
  float omega = 1.0f;
};

/// The gradient that a term adds to a row of logits, which is a second view's or a mixture's: `scale` times
/// that of the cross entropy of its softmax on a target held constant. (A KL divergence has the same.)
struct AuxiliaryRow {
  /// Where the target comes from.
  enum class Target : std::int32_t {
    given,  ///< what the loss was given: omega of `first`, 1 - omega of `second` (Eq. 8, Eq. 10)
    first_view,  ///< the softmax of the first view's logits (Eq. 9)
    each_other,  ///< half the scale each way between the views, the student's side at `temperature`
  };

  std::int64_t row = 0;     ///< of the batch's logits
  std::int64_t first = 0;   ///< position in the batch
  std::int64_t second = 0;  ///< position in the batch
  float omega = 1.0f;
  float scale = 0.0f;
  float temperature = 1.0f;
  Target target = Target::given;
};

}  // namespace candist
