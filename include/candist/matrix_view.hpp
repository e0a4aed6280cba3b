// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A non-owning row-major matrix, trivially copyable, for host and device.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "candist/config.hpp"

namespace candist {

/// Row-major [rows, columns] view; row indices are 64-bit before they meet the stride.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  CANDIST_HD T* row(std::int64_t r) const { return data + r * columns; }
  CANDIST_HD T& operator()(std::int64_t r, std::int64_t c) const { return data[r * columns + c]; }
  CANDIST_HD std::int64_t size() const { return rows * columns; }
  std::span<T> values() const { return {data, static_cast<std::size_t>(size())}; }
  /// Rows [begin, begin + count).
  CANDIST_HD MatrixView slice(std::int64_t begin, std::int64_t count) const {
    return {row(begin), count, columns};
  }
#if defined(__CUDACC__)  // nvcc does not see that the conversion is not there for a const T
#pragma nv_diagnostic push
#pragma nv_diag_suppress 554
#endif
  CANDIST_HD operator MatrixView<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, columns};
  }
#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
};

}  // namespace candist
