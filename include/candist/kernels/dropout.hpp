// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// dropout: which units of a row are dropped, drawn again wherever it is asked for instead of stored.
//   writes  count factors, 0 or 1 / (1 - p)
//   bound   arithmetic: ten rounds of Philox for eight units, sixteen counters at a time
// Unit j of a row belongs to the stream CounterRng(seed, unit_dropout, step, site * 2^40 + row): of every
// 128 units, unit 16 h + l takes the h-th half of a word of the stream's block l, low half first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "candist/counter_rng.hpp"
#include "candist/kernels/wide_vectors.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace candist {

/// The dropout of one place in a network at one step. The probability is rounded to 1 / 65536.
struct Dropout {
  float probability = 0.0f;
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint32_t site = 0;  ///< below 2^24

  bool off() const { return threshold() == 0; }
  /// A unit is dropped where its 16 random bits are below this.
  std::uint32_t threshold() const {
    return static_cast<std::uint32_t>(
        std::lround(std::clamp(probability, 0.0f, 0.9999f) * 65536.0f));
  }
  /// What the units that stay are multiplied by.
  float factor() const { return 65536.0f / (65536.0f - static_cast<float>(threshold())); }
  Dropout at(std::uint32_t place) const {
    Dropout other = *this;
    other.site = place;
    return other;
  }
};

namespace detail {
struct DropoutKernel;
struct DropRowsKernel;
}  // namespace detail

/// The factors of units [0, count) of a row.
template <class Kernel = detail::DropoutKernel>
void dropout_factors(const Dropout& dropout, std::int64_t row, std::int64_t count, float* factors) {
  run_wide<Kernel>(dropout, row, count, factors);
}
/// values [rows, width] times the factors of rows row_ids[0], row_ids[1], ...
template <class Kernel = detail::DropRowsKernel>
void drop_rows(const Dropout& dropout, const std::int64_t* row_ids, std::int64_t rows,
               std::int64_t width, float* values) {
  if (!dropout.off()) run_wide<Kernel>(dropout, row_ids, rows, width, values);
}

namespace detail {

/// Units whose factors are drawn together.
inline constexpr std::int64_t dropout_group = 128;

template <int W>
struct DropoutGroup {
  using Word = typename Registers<W>::Word;
  using Pair = typename Registers<W>::Pair;

  /// High and low words of the products with a constant.
  [[gnu::always_inline]] static void multiply_words(const Word& a, std::uint64_t constant,
                                                    Word& high, Word& low) {
    constexpr std::uint64_t upper = 0xFFFFFFFF00000000u;
    const Pair even = ((Pair)a & ~upper) * constant;
    const Pair odd = ((Pair)a >> 32) * constant;
    high = (Word)((even >> 32) | (odd & upper));
    low = (Word)((even & ~upper) | (odd << 32));
  }
  /// Factors of units [128 group, 128 group + 128).
  [[gnu::always_inline]] static void draw(const Dropout& dropout, std::int64_t row,
                                          std::int64_t group, float* factors) {
    const std::uint64_t sample =
        (std::uint64_t{dropout.site} << 40) + static_cast<std::uint64_t>(row);
    const std::uint32_t threshold = dropout.threshold();
    const float factor = dropout.factor();
    for (int part = 0; part < 16 / W; ++part) {
      Word c0{};
      for (int l = 0; l < W; ++l) c0[l] = static_cast<std::uint32_t>(group * 16 + part * W + l);
      Word c1 = Word{} + static_cast<std::uint32_t>(sample);
      Word c2 = Word{} + (static_cast<std::uint32_t>(dropout.step) ^
                          (static_cast<std::uint32_t>(sample >> 32) * 0x9E3779B9u));
      Word c3 = Word{} + static_cast<std::uint32_t>(RandomPurpose::unit_dropout);
      auto k0 = static_cast<std::uint32_t>(dropout.seed);
      auto k1 = static_cast<std::uint32_t>(dropout.seed >> 32);
      for (int round = 0; round < 10; ++round) {
        Word h0{}, l0{}, h1{}, l1{};
        multiply_words(c0, 0xD2511F53u, h0, l0);
        multiply_words(c2, 0xCD9E8D57u, h1, l1);
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
      }
      const Word words[4] = {c0, c1, c2, c3};
      for (int half = 0; half < 8; ++half) {
        const Word bits = half % 2 == 0 ? words[half / 2] & 0xFFFFu : words[half / 2] >> 16;
        const FloatRegister<W> kept =
            bits < threshold ? FloatRegister<W>{} : FloatRegister<W>{} + factor;
        std::memcpy(factors + half * 16 + part * W, &kept, sizeof kept);
      }
    }
  }
};

struct DropoutKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const Dropout& dropout, std::int64_t row,
                                         std::int64_t count, float* factors) {
    alignas(64) float group[dropout_group];
    for (std::int64_t at = 0; at < count; at += dropout_group) {
      DropoutGroup<W>::draw(dropout, row, at / dropout_group, group);
      std::copy_n(group, std::min(dropout_group, count - at), factors + at);
    }
  }
};

struct DropRowsKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const Dropout& dropout, const std::int64_t* row_ids,
                                         std::int64_t rows, std::int64_t width, float* values) {
    alignas(64) float group[dropout_group];
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t at = 0; at < width; at += 16) {
        if (at % dropout_group == 0)
          DropoutGroup<W>::draw(dropout, row_ids[r], at / dropout_group, group);
        float* here = values + r * width + at;
        (Sixteen<W>::load(here, width - at) * Sixteen<W>::load(group + at % dropout_group))
            .store(here, width - at);
      }
    }
  }
};

}  // namespace detail

}  // namespace candist

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
