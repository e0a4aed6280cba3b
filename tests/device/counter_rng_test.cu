// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a kernel draws is what the host draws, bit for bit: results do not depend on where a
// program runs.
#include <cstdint>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/device_main.cuh"

namespace {

constexpr int samples = 257;  // more than one block, and a last one that is not full
constexpr int draws = 9;      // three blocks of Philox, the last one not used up
constexpr std::uint64_t epoch = 3;
constexpr std::uint64_t seeds[] = {0, 1,
                                   0x123456789ABCDEFull};  // the last one fills both key words

/// Sample ids beyond 32 bits too: both halves enter the counter.
__host__ __device__ std::uint64_t sample_id(int i) {
  return static_cast<std::uint64_t>(i) * 0x100000001ull;
}

/// Draw number `draw` as bits; every third one is a uniform float, every third a bounded integer.
__host__ __device__ std::uint32_t drawn(candist::CounterRng& rng, int draw) {
  if (draw % 3 == 0) return rng.bits();
  if (draw % 3 == 1) return static_cast<std::uint32_t>(rng.uniform() * 0x1p24f);  // exact
  return rng.below(1000);
}

__global__ void draw_kernel(std::uint64_t seed, std::uint32_t* out) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= samples) return;
  candist::CounterRng rng(seed, candist::RandomPurpose::word_dropout, epoch, sample_id(i));
  for (int draw = 0; draw < draws; ++draw) out[i * draws + draw] = drawn(rng, draw);
}

}  // namespace

DEVICE_TEST(counter_rng_draws_the_same_bits_on_host_and_device) {
  std::uint32_t* device = nullptr;
  std::vector<std::uint32_t> host(samples * draws);
  const std::size_t bytes = host.size() * sizeof(std::uint32_t);
  DEVICE_CALL(cudaMalloc(&device, bytes));
  for (const std::uint64_t seed : seeds) {
    draw_kernel<<<(samples + 127) / 128, 128>>>(seed, device);
    DEVICE_CALL(cudaGetLastError());
    DEVICE_CALL(cudaMemcpy(host.data(), device, bytes, cudaMemcpyDeviceToHost));
    for (int i = 0; i < samples; ++i) {
      candist::CounterRng rng(seed, candist::RandomPurpose::word_dropout, epoch, sample_id(i));
      for (int draw = 0; draw < draws; ++draw) {
        DEVICE_CHECK(host[static_cast<std::size_t>(i * draws + draw)] == drawn(rng, draw));
      }
    }
  }
  DEVICE_CALL(cudaFree(device));
}
