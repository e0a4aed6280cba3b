// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The border between students and optimizers: a matrix of parameters with its gradient.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace candist {

/// Does weight decay apply? Biases and norms take none.
enum class Decay { none, weight };
/// Does every step touch all rows, or only those listed?
enum class Rows { dense, sparse };

/// Parameters [rows, width], row-major, owned by the student. A dense block has a gradient of the
/// same shape. A row-sparse block (hashed tables, embeddings) keeps gradients only of the rows
/// touched since the last step: gradient row i, [touched.size(), width], belongs to parameter row
/// touched[i]; no row is listed twice.
struct ParameterBlock {
  std::string_view name;    ///< unique in the student, stable across versions (checkpoints use it)
  std::span<float> values;  ///< [rows * width]
  std::int64_t rows = 0;
  std::int64_t width = 0;
  Rows access = Rows::dense;
  Decay decay = Decay::weight;
  std::span<float> gradient;  ///< [rows * width] or [touched.size() * width]; students add to it
  std::span<const std::int32_t> touched;  ///< row-sparse blocks only
};

}  // namespace candist
