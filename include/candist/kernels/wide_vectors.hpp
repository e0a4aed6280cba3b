// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Sixteen floats at a time, in the widest registers that the processor at hand has. A kernel is written
// once, as a struct with a function template run<W>; it is compiled for W = 16 (AVX-512), 8 (AVX2) and
// 4 floats a register, and the one that fits is chosen while the program runs. Sixteen floats are added
// up in one order whatever W is, so all processors with fused multiply-add give the same bits.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored \
    "-Wpsabi"  // everything here is inlined: nothing passes such a register
#endif

namespace candist {

namespace detail {
template <int W>
struct Registers;
template <>
struct Registers<4> {
  typedef float Float __attribute__((vector_size(16)));
  typedef std::int32_t Int __attribute__((vector_size(16)));
  typedef std::uint32_t Word __attribute__((vector_size(16)));
  typedef std::uint64_t Pair __attribute__((vector_size(16)));
};
template <>
struct Registers<8> {
  typedef float Float __attribute__((vector_size(32)));
  typedef std::int32_t Int __attribute__((vector_size(32)));
  typedef std::uint32_t Word __attribute__((vector_size(32)));
  typedef std::uint64_t Pair __attribute__((vector_size(32)));
};
template <>
struct Registers<16> {
  typedef float Float __attribute__((vector_size(64)));
  typedef std::int32_t Int __attribute__((vector_size(64)));
  typedef std::uint32_t Word __attribute__((vector_size(64)));
  typedef std::uint64_t Pair __attribute__((vector_size(64)));
};
}  // namespace detail

/// One register of W floats.
template <int W>
using FloatRegister = typename detail::Registers<W>::Float;
template <int W>
using IntRegister = typename detail::Registers<W>::Int;

/// Sixteen floats in registers of W.
template <int W>
struct Sixteen {
  static constexpr int count = 16 / W;
  FloatRegister<W> part[count];

  [[gnu::always_inline]] static Sixteen all(float value) {
    Sixteen x;
    for (int i = 0; i < count; ++i) x.part[i] = FloatRegister<W>{} + value;
    return x;
  }
  [[gnu::always_inline]] static Sixteen load(const float* from) {
    Sixteen x;
    std::memcpy(&x, from, sizeof x);
    return x;
  }
  /// The first `count` from memory, the rest `otherwise`.
  [[gnu::always_inline]] static Sixteen load(const float* from, std::int64_t some,
                                             float otherwise = 0.0f) {
    if (some >= 16) return load(from);
    alignas(64) float padded[16];
    for (int i = 0; i < 16; ++i) padded[i] = i < some ? from[i] : otherwise;
    return load(padded);
  }
  [[gnu::always_inline]] void store(float* to) const { std::memcpy(to, this, sizeof *this); }
  [[gnu::always_inline]] void store(float* to, std::int64_t some) const {
    if (some >= 16) return store(to);
    alignas(64) float padded[16];
    store(padded);
    for (std::int64_t i = 0; i < some; ++i) to[i] = padded[i];
  }

#define CANDIST_LANEWISE(OPERATOR)                                                              \
  [[gnu::always_inline]] friend Sixteen operator OPERATOR(const Sixteen& a, const Sixteen& b) { \
    Sixteen c;                                                                                  \
    for (int i = 0; i < count; ++i) c.part[i] = a.part[i] OPERATOR b.part[i];                   \
    return c;                                                                                   \
  }                                                                                             \
  [[gnu::always_inline]] friend Sixteen operator OPERATOR(const Sixteen& a, float b) {          \
    Sixteen c;                                                                                  \
    for (int i = 0; i < count; ++i) c.part[i] = a.part[i] OPERATOR b;                           \
    return c;                                                                                   \
  }
  CANDIST_LANEWISE(+)
  CANDIST_LANEWISE(-)
  CANDIST_LANEWISE(*)
  CANDIST_LANEWISE(/)
#undef CANDIST_LANEWISE
  [[gnu::always_inline]] Sixteen& operator+=(const Sixteen& b) { return *this = *this + b; }
};

template <int W>
[[gnu::always_inline]] inline Sixteen<W> larger(const Sixteen<W>& a, const Sixteen<W>& b) {
  Sixteen<W> c;
  for (int i = 0; i < a.count; ++i) c.part[i] = a.part[i] > b.part[i] ? a.part[i] : b.part[i];
  return c;
}
template <int W>
[[gnu::always_inline]] inline Sixteen<W> smaller(const Sixteen<W>& a, const Sixteen<W>& b) {
  Sixteen<W> c;
  for (int i = 0; i < a.count; ++i) c.part[i] = a.part[i] < b.part[i] ? a.part[i] : b.part[i];
  return c;
}
/// |x|.
template <int W>
[[gnu::always_inline]] inline Sixteen<W> magnitude(const Sixteen<W>& x) {
  Sixteen<W> c;
  for (int i = 0; i < x.count; ++i)
    c.part[i] = (FloatRegister<W>)((IntRegister<W>)x.part[i] & 0x7FFFFFFF);
  return c;
}
/// Where x < 0: a, elsewhere b.
template <int W>
[[gnu::always_inline]] inline Sixteen<W> where_negative(const Sixteen<W>& x, const Sixteen<W>& a,
                                                        const Sixteen<W>& b) {
  Sixteen<W> c;
  for (int i = 0; i < a.count; ++i)
    c.part[i] = x.part[i] < FloatRegister<W>{} ? a.part[i] : b.part[i];
  return c;
}
/// Sum of the sixteen, halves folded onto each other: one order for every W.
template <int W>
[[gnu::always_inline]] inline float sum(const Sixteen<W>& x) {
  alignas(64) float v[16];
  x.store(v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  }
  return v[0];
}
template <int W>
[[gnu::always_inline]] inline float largest(const Sixteen<W>& x) {
  alignas(64) float v[16];
  x.store(v);
  float most = v[0];
  for (int i = 1; i < 16; ++i) most = v[i] > most ? v[i] : most;
  return most;
}

/// e^x to 2 units in the last place, for x in [-87, 88]; beyond, that of the nearest end.
template <int W>
[[gnu::always_inline]] inline Sixteen<W> exponential(const Sixteen<W>& argument) {
  Sixteen<W> x = smaller(larger(argument, Sixteen<W>::all(-87.0f)), Sixteen<W>::all(88.0f));
  for (int i = 0; i < x.count; ++i) {
    // x = n ln 2 + r: the sum with 1.5 * 2^23 rounds to n and leaves it in the lowest bits.
    constexpr float rounder = 12582912.0f;
    const FloatRegister<W> shifted = x.part[i] * 1.44269504089f + rounder;
    const FloatRegister<W> n = shifted - rounder;
    const FloatRegister<W> r = (x.part[i] - n * 0.693359375f) - n * -2.12194440e-4f;
    // Minimax for e^r on [-ln 2 / 2, ln 2 / 2], relative error 3e-9.
    FloatRegister<W> p = r * 1.3814611e-3f + 8.3687100e-3f;
    p = p * r + 4.1668387e-2f;
    p = p * r + 1.6666521e-1f;
    p = p * r + 4.9999993e-1f;
    p = p * r * r + r + 1.0f;
    const IntRegister<W> exponent = ((IntRegister<W>)shifted - 0x4B400000 + 127) << 23;
    x.part[i] = p * (FloatRegister<W>)exponent;
  }
  return x;
}

/// Floats a register of the processor at hand: 16, 8 or 4.
inline int register_width() {
#if defined(__x86_64__)
  static const int width = [] {
    __builtin_cpu_init();
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
    if (wide) return 16;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? 8 : 4;
  }();
  return width;
#else
  return 4;
#endif
}

namespace detail {
#if defined(__x86_64__)
template <class Kernel, class... Arguments>
__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))) void run_in_16(
    const Arguments&... arguments) {
  Kernel::template run<16>(arguments...);
}
template <class Kernel, class... Arguments>
__attribute__((target("avx2,fma"))) void run_in_8(const Arguments&... arguments) {
  Kernel::template run<8>(arguments...);
}
#endif
}  // namespace detail

/// Calls Kernel::run<W>(arguments...), W the registers' width, or `width` where it is given (the
/// processor must have it). run and what it calls are to be always_inline: only so are they compiled
/// for the wide registers.
template <class Kernel, class... Arguments>
void run_wide_as(int width, const Arguments&... arguments) {
#if defined(__x86_64__)
  if (width == 16) return detail::run_in_16<Kernel>(arguments...);
  if (width == 8) return detail::run_in_8<Kernel>(arguments...);
#endif
  (void)width;
  Kernel::template run<4>(arguments...);
}
template <class Kernel, class... Arguments>
void run_wide(const Arguments&... arguments) {
  run_wide_as<Kernel>(register_width(), arguments...);
}

}  // namespace candist

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
