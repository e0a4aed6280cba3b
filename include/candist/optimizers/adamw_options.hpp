// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace candist {

struct AdamWOptions {
  float weight_decay = 0.01f;  ///< decoupled
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float max_gradient_norm = 0.0f;  ///< clipping; 0: none
  int threads = 1;
};

}  // namespace candist
