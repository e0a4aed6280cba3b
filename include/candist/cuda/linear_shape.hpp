// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace candist {

/// N rows through a layer from `in` to `out` columns.
struct LinearShape {
  std::int64_t rows = 0;  ///< N
  std::int64_t in = 0;
  std::int64_t out = 0;
};
/// Is what is there replaced, or added to?
enum class ProductInto { replaces, adds };

}  // namespace candist
