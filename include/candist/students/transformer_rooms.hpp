// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a transformer's forward pass leaves for its backward pass, and the gradients on the way.
#pragma once

#include <vector>

namespace candist {

/// What a norm keeps for its backward pass. All room grows, and never shrinks.
struct NormRoom {
  std::vector<float> sum;    ///< [U, D]
  std::vector<float> mean;   ///< [U]
  std::vector<float> scale;  ///< [U]
};

/// What a layer computes, and backward needs.
struct LayerRoom {
  std::vector<float> query_input;  ///< [U, D], where U < T
  std::vector<float> queries;      ///< [U, D]
  std::vector<float> keys_values;  ///< [T, 2 D]
  std::vector<float> context;      ///< [U, D]
  std::vector<float> branch;       ///< [U, D], of attention, then of the feed-forward network
  NormRoom attention_norm;
  std::vector<float> attended;   ///< [U, D]
  std::vector<float> inner;      ///< [U, F]
  std::vector<float> activated;  ///< [U, F]
  NormRoom norm;
  std::vector<float> out;  ///< [U, D]
};

/// Gradients of one layer; all layers take turns.
struct GradientRoom {
  std::vector<float> out;          ///< [T, D]
  std::vector<float> in;           ///< [T, D]
  std::vector<float> attended;     ///< [T, D]
  std::vector<float> query_input;  ///< [T, D]
  std::vector<float> projected;    ///< [T, D], of the attention's branch
  std::vector<float> outer;        ///< [T, D], of the feed-forward network's branch
  std::vector<float> inner;        ///< [T, F]
  std::vector<float> context;      ///< [T, D]
  std::vector<float> queries;      ///< [T, D]
  std::vector<float> keys_values;  ///< [T, 2 D]
};

}  // namespace candist
