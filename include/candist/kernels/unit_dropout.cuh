// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Dropout by counter on the device: the masks of kernels/dropout.hpp, to the bit. It is no kernel; layer
// norm, embedding and attention draw from it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "candist/config.hpp"
#include "candist/counter_rng.hpp"
#include "candist/cuda/builtins.cuh"
#include "candist/kernels/row_group.cuh"

namespace candist {

/// The dropout of one place in a network at one step; its masks are those of Dropout
/// (kernels/dropout.hpp, whose vectors nvcc cannot compile).
struct UnitDropout {
  std::uint32_t threshold = 0;  ///< a unit is dropped where its 16 random bits are below; 0: never
  float factor = 1.0f;          ///< what the units that stay are multiplied by
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  std::uint32_t site = 0;                      ///< below 2^24
  const std::uint64_t* device_step = nullptr;  ///< [1], for step where a graph is replayed

  /// The probability is rounded to 1 / 65536.
  static UnitDropout of(float probability, std::uint64_t seed, std::uint64_t step,
                        std::uint32_t site) {
    const auto threshold =
        static_cast<std::uint32_t>(std::lround(std::clamp(probability, 0.0f, 0.9999f) * 65536.0f));
    return {threshold, 65536.0f / (65536.0f - static_cast<float>(threshold)), seed, step, site};
  }
  CANDIST_HD bool off() const { return threshold == 0; }
};

namespace detail {

/// The random words of one row's dropout.
class DropoutStream {
 public:
  __device__ DropoutStream(const UnitDropout& dropout, std::int64_t row)
      : key_{static_cast<std::uint32_t>(dropout.seed),
             static_cast<std::uint32_t>(dropout.seed >> 32)},
        threshold_(dropout.threshold) {
    const std::uint64_t step = dropout.device_step == nullptr ? dropout.step : *dropout.device_step;
    const std::uint64_t sample =
        (std::uint64_t{dropout.site} << 40) + static_cast<std::uint64_t>(row);
    sample_ = static_cast<std::uint32_t>(sample);
    epoch_ =
        static_cast<std::uint32_t>(step) ^ (static_cast<std::uint32_t>(sample >> 32) * 0x9E3779B9u);
  }
  /// Bit h: unit 128 g + 16 h + l is kept, where block = 16 g + l; Philox4x32-10 as in CounterRng.
  __device__ unsigned kept_of_block(std::uint32_t block) const {
    std::uint32_t c[4] = {block, sample_, epoch_,
                          static_cast<std::uint32_t>(RandomPurpose::unit_dropout)};
    std::uint32_t k0 = key_[0], k1 = key_[1];
    CANDIST_UNROLL
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c[0];
      const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c[2];
      c[0] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0;
      c[2] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1;
      c[1] = static_cast<std::uint32_t>(p1);
      c[3] = static_cast<std::uint32_t>(p0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    unsigned kept = 0;
    CANDIST_UNROLL
    for (int h = 0; h < 8; ++h) {
      const std::uint32_t bits = h % 2 == 0 ? c[h / 2] & 0xFFFFu : c[h / 2] >> 16;
      kept |= (bits < threshold_ ? 0u : 1u) << h;
    }
    return kept;
  }

 private:
  std::uint32_t key_[2];
  std::uint32_t threshold_, sample_, epoch_;
};

}  // namespace detail

}  // namespace candist
