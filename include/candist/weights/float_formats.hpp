// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

namespace candist {

/// The float equal to an IEEE 754 half (fp16: 1 sign, 5 exponent, 10 fraction bits). Every half is
/// a float; a NaN keeps its sign and payload.
inline float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t rest = half & 0x7FFFu;
  if (rest < 0x0400u) {  // subnormal or 0: a multiple of 2^-24
    const float value = static_cast<float>(rest) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
  }
  const std::uint32_t exponent_shift = rest < 0x7C00u ? 127u - 15u : 255u - 31u;
  return std::bit_cast<float>(sign | ((rest << 13) + (exponent_shift << 23)));
}

/// The float equal to a bfloat16, which is a float's upper half.
inline float bfloat_to_float(std::uint16_t bfloat) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bfloat) << 16);
}

/// The nearest half, of two as near the even one; from 65520 on infinity. NaN becomes a quiet NaN
/// of the same sign.
inline std::uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t rest = bits & 0x7FFFFFFFu;
  std::uint32_t half = 0;
  if (rest > 0x7F800000u) {  // NaN
    half = 0x7E00u | ((rest >> 13) & 0x03FFu);
  } else if (rest >= 0x47800000u) {  // 2^16 and more
    half = 0x7C00u;
  } else if (rest >= 0x38800000u) {  // 2^-14 and more: a normal half, or rounded up to infinity
    half = (rest - ((127u - 15u) << 23) + 0x0FFFu + ((rest >> 13) & 1u)) >> 13;
  } else if (rest >= 0x33000000u) {  // 2^-25 and more: a multiple of 2^-24
    const std::uint32_t significand = (rest & 0x007FFFFFu) | 0x00800000u;
    const std::uint32_t shift = 126u - (rest >> 23);  // 14 to 24
    const std::uint32_t middle = 1u << (shift - 1);
    const std::uint32_t left_out = significand & (2u * middle - 1u);
    half = significand >> shift;
    if (left_out > middle || (left_out == middle && (half & 1u) != 0)) ++half;
  }
  return static_cast<std::uint16_t>(sign | half);
}

/// The nearest bfloat16, of two as near the even one. NaN becomes a quiet NaN of the same sign.
inline std::uint16_t float_to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u)  // the payload may lie in the lower half alone
    return static_cast<std::uint16_t>((bits >> 16) | 0x0040u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace candist
