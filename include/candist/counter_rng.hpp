// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Counter-based random numbers: what is drawn depends on (seed, purpose, epoch, sample) and on
// nothing else, so results do not change with threads, batch packing or restarts.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "candist/config.hpp"

namespace candist {

/// What a stream of random numbers is for; two purposes never share a stream.
enum class RandomPurpose : std::uint32_t {
  initial_weights,
  epoch_order,
  word_dropout,
  unit_dropout,
  mixup,
  simulated_annotator,
  data_split,
  resampling,
  retry_jitter,
  demonstration_order,
};

/// Philox4x32-10 (Salmon et al., SC 2011) with key = seed and counter = (draw, sample, epoch,
/// purpose).
class CounterRng {
 public:
  CANDIST_HD CounterRng(std::uint64_t seed, RandomPurpose purpose, std::uint64_t epoch = 0,
                        std::uint64_t sample = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, static_cast<std::uint32_t>(sample),
                 static_cast<std::uint32_t>(epoch) ^
                     (static_cast<std::uint32_t>(sample >> 32) * 0x9E3779B9u),
                 static_cast<std::uint32_t>(purpose)} {}

  /// 32 random bits.
  CANDIST_HD std::uint32_t bits() {
    if (used_ == 4) refill();
    return block_[used_++];
  }
  /// Uniform on [0, 1).
  CANDIST_HD float uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24f; }
  /// Uniform on {0, ..., n - 1}; n > 0. The bias is below n / 2^32.
  CANDIST_HD std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits()) * n) >> 32);
  }
  /// Standard normal (Box and Muller, one of the pair).
  CANDIST_HD float normal() {
    const float u = 1.0f - uniform();
    const float v = uniform();
    return std::sqrt(-2.0f * std::log(u)) * std::cos(6.28318530718f * v);
  }
  /// Beta(a, b) for whole a, b >= 1: the a-th smallest of a + b - 1 uniforms, through sums of
  /// exponentials.
  CANDIST_HD float beta(int a, int b) {
    float left = 0.0f;
    float right = 0.0f;
    for (int i = 0; i < a; ++i) left -= std::log(1.0f - uniform());
    for (int i = 0; i < b; ++i) right -= std::log(1.0f - uniform());
    return left / (left + right);
  }

 private:
  CANDIST_HD void refill() {
    std::uint32_t c[4] = {counter_[0]++, counter_[1], counter_[2], counter_[3]};
    std::uint32_t k0 = key_[0];
    std::uint32_t k1 = key_[1];
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c[0];
      const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c[2];
      const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0;
      const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1;
      c[1] = static_cast<std::uint32_t>(p1);
      c[3] = static_cast<std::uint32_t>(p0);
      c[0] = n0;
      c[2] = n2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; ++i) block_[i] = c[i];
    used_ = 0;
  }

  std::uint32_t key_[2];
  std::uint32_t counter_[4];
  std::uint32_t block_[4] = {};
  int used_ = 4;
};

/// A random order of {0, ..., n - 1} (Fisher and Yates), the same for the same (seed, purpose,
/// epoch).
inline std::vector<std::int64_t> random_order(std::int64_t n, std::uint64_t seed,
                                              RandomPurpose purpose, std::uint64_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  CounterRng rng(seed, purpose, epoch);
  for (std::int64_t i = n - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)],
              order[rng.below(static_cast<std::uint32_t>(i + 1))]);
  }
  return order;
}

}  // namespace candist
