// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Element-wise arithmetic four floats at a time, with the bits of the plain loop on every processor.
// Compilers leave loops over std::sqrt scalar (it may set errno), and Eigen's sqrt is an
// approximation whose last bits differ between makers of processors.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace candist {

/// Four floats, with the operators of one.
typedef float Float4 __attribute__((vector_size(16)));

inline float square_root(float x) { return std::sqrt(x); }
/// Exact in every lane.
inline Float4 square_root(Float4 x) {
#if defined(__SSE2__)
  return _mm_sqrt_ps(x);
#else
  for (int j = 0; j < 4; ++j) x[j] = std::sqrt(x[j]);
  return x;
#endif
}

/// The elements of a row that are worked on at once: V is Float4, or float in the row's last ones.
template <class V>
struct Lanes {
  std::int64_t at;

  V load(const float* row) const {
    V value;
    std::memcpy(&value, row + at, sizeof value);
    return value;
  }
  void store(float* row, V value) const { std::memcpy(row + at, &value, sizeof value); }
};

/// Calls work(lanes) until all elements of a row of `width` have been worked on once. Let the work
/// capture by value: what it holds by reference is read anew after every store, which might have
/// changed it. Always inline: handing over the captures costs more than the work on a short row.
template <class Work>
[[gnu::always_inline]] inline void for_each_lanes(std::int64_t width, const Work work) {
  std::int64_t at = 0;
  for (; at + 4 <= width; at += 4) work(Lanes<Float4>{at});
  for (; at < width; ++at) work(Lanes<float>{at});
}

/// Sum of the squares of a row, in an order that is the same everywhere.
inline float sum_of_squares(const float* row, std::int64_t width) {
  Float4 sums = {};
  std::int64_t at = 0;
  for (; at + 4 <= width; at += 4) {
    const Float4 part = Lanes<Float4>{at}.load(row);
    sums += part * part;
  }
  float sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (; at < width; ++at) sum += row[at] * row[at];
  return sum;
}

}  // namespace candist
