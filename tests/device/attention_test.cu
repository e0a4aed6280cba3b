// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Attention and its gradients on the device: errors at most twice those of plain loops, against double;
// dropout of the units that the host drops; the same bits every run.
#include "support/attention_twin.hpp"
#include "support/device_runner.cuh"
#include "support/tensor_core_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

void expect_none(const std::string& complaint) {
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
}

/// One token, around a tile, two tiles, many, the longest that most encoders take.
const std::vector<std::vector<int>> batches{
    {1},   {1, 2, 7, 31, 32, 33},  {65, 3, 130, 1, 64}, {512, 12}, {12, 9, 14, 511, 10},
    {257}, {12, 15, 16, 17, 9, 30}};

template <class Storage>
void compare(std::int64_t heads, std::int64_t head_width, const std::vector<float>& scales) {
  for (const float scale : scales) {
    AttentionErrors errors;
    for (const auto& lengths : batches) {
      for (const float dropped : {0.0f, 0.1f}) {
        DeviceRunner runner;
        expect_none(compare_attention<Storage>(
            runner, AttentionTexts(lengths, heads, head_width, scale, dropped), errors));
        DEVICE_CHECK(runner.strips_are_whole());
      }
    }
    std::printf("  %d bytes, queries times %g, errors beside a plain loop's:%s\n",
                static_cast<int>(sizeof(Storage)), static_cast<double>(scale),
                errors.figures().c_str());
    expect_none(errors.complaint());
  }
}

}  // namespace

DEVICE_TEST(attention_of_heads_of_32) { compare<float>(3, 32, {0.3f, 1.0f, 30.0f, 100.0f}); }
DEVICE_TEST(attention_of_heads_of_64) { compare<float>(2, 64, {0.3f, 1.0f, 30.0f, 100.0f}); }
DEVICE_TEST(attention_in_bf16) {
  compare<__nv_bfloat16>(3, 32, {0.3f, 1.0f, 30.0f});
  compare<__nv_bfloat16>(2, 64, {0.3f, 1.0f, 30.0f});
}

DEVICE_TEST(tensor_cores_hold_what_the_kernels_think) {
  DeviceRunner runner;
  expect_none(compare_products<__nv_bfloat16>(runner));
  DEVICE_CHECK(runner.strips_are_whole());
}

DEVICE_TEST(attention_of_many_texts) {
  for (const unsigned longest : {16u, 32u, 40u}) {
    CounterRng rng(5, RandomPurpose::resampling);
    std::vector<int> lengths;
    for (int n = 0; n < 300; ++n) lengths.push_back(1 + static_cast<int>(rng.below(longest)));
    const AttentionTexts texts(lengths, 12, 64, 1.0f, 0.1f);
    AttentionErrors errors, errors_in_bf16;
    DeviceRunner runner;
    expect_none(compare_attention<float>(runner, texts, errors));
    expect_none(compare_attention<__nv_bfloat16>(runner, texts, errors_in_bf16));
    DEVICE_CHECK(runner.strips_are_whole());
    expect_none(errors.complaint());
    expect_none(errors_in_bf16.complaint());
  }
}

DEVICE_TEST(attention_drops_the_hosts_units) {
  const auto expected = [](const AttentionTexts& in, std::int64_t row, std::int64_t count) {
    return in.factors(row, count);
  };
  for (const auto& lengths :
       {std::vector<int>{1, 5, 32, 33, 130, 512}, {3, 32, 17, 16}, {515, 64}}) {
    DeviceRunner runner;
    expect_none(compare_dropout<float>(runner, lengths, 2, expected));
    expect_none(compare_dropout<__nv_bfloat16>(runner, lengths, 2, expected));
    DEVICE_CHECK(runner.strips_are_whole());
  }
}
