// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The attention kernels' own source, run by the host executor, against plain loops in double and against
// the host student's attention.
#include "support/host_executor.hpp"
//
#include "support/host_tensor_core.hpp"
//
#include "candist/kernels/packed_attention.hpp"
#include "support/attention_twin.hpp"
#include "support/catch.hpp"
#include "support/host_runner.hpp"
#include "support/tensor_core_twin.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// One token, two, a few, around a tile, two tiles and one, four and two; alone and beside each other.
const std::vector<std::vector<int>> batches{
    {1}, {2}, {7}, {31}, {32}, {33}, {65, 1}, {130}, {7, 33, 1, 2, 65, 32, 31}};
/// Also around the 16 rows of a warp, and around a tile of 64.
const std::vector<std::vector<int>> tensor_core_batches{{1},
                                                        {2},
                                                        {7},
                                                        {15},
                                                        {16},
                                                        {17},
                                                        {31},
                                                        {32},
                                                        {33},
                                                        {63},
                                                        {64},
                                                        {65, 1},
                                                        {130},
                                                        {12, 9, 16, 1, 17, 32},
                                                        {7, 33, 1, 2, 65, 32, 64, 16, 31}};

Dropout on_host(const AttentionTexts& in) {
  return {.probability = static_cast<float>(in.dropout.threshold) / 65536.0f,
          .seed = in.dropout.seed,
          .step = in.dropout.step,
          .site = in.dropout.site};
}

/// Both passes by the host student's attention.
AttentionResult<float> by_host(const AttentionTexts& in) {
  const auto d = static_cast<std::size_t>(in.width);
  const auto tokens = static_cast<std::size_t>(in.tokens);
  std::vector<float> queries, keys_values, dqueries(tokens * d), dkeys_values(tokens * 2 * d);
  for (std::size_t i = 0; i < tokens; ++i) {
    const float* row = in.qkv.data() + i * 3 * d;
    queries.insert(queries.end(), row, row + d);
    keys_values.insert(keys_values.end(), row + d, row + 3 * d);
  }
  const PackedAttention attention{.width = in.width,
                                  .heads = in.heads,
                                  .dropout = on_host(in),
                                  .queries = queries.data(),
                                  .keys_values = keys_values.data()};
  AttentionResult<float> out;
  out.context.resize(tokens * d);
  for (std::int64_t n = 0; n < in.texts(); ++n) {
    const std::int64_t first = in.offsets[static_cast<std::size_t>(n)];
    const std::int64_t t = in.offsets[static_cast<std::size_t>(n + 1)] - first;
    const PackedText text{first, t, first, t, n};
    attend(attention, text, out.context.data());
    attend_backward(attention, text, in.dcontext.data(), dqueries.data(), dkeys_values.data());
  }
  for (std::size_t i = 0; i < tokens; ++i) {
    const auto append = [&](const std::vector<float>& from, std::size_t columns) {
      const float* row = from.data() + i * columns;
      out.dqkv.insert(out.dqkv.end(), row, row + columns);
    };
    append(dqueries, d);
    append(dkeys_values, 2 * d);
  }
  return out;
}

void divided_warp_kernel() {
  float c[4] = {};
  const unsigned a[4] = {};
  if (threadIdx.x != 3) ptx::mma_m16n8k16(c, a, 0, 0);
}
void mixed_warp_kernel() {
  float c[4] = {};
  const unsigned a[4] = {};
  if (threadIdx.x < 16) {
    ptx::mma_m16n8k16(c, a, 0, 0);
  } else {
    __ballot_sync(all_lanes, true);
  }
}
void hasty_kernel(const __nv_bfloat16* from, __nv_bfloat16* to) {
  using Vector = detail::Packed<__nv_bfloat16, 8>;
  CANDIST_SHARED(Vector, copy, 1);
  if (threadIdx.x != 0) return;
  ptx::cp_async_16(&copy[0], from, 16);
  to[0] = copy[0].items[7];
  ptx::cp_async_wait_all();
  to[1] = copy[0].items[7];
}

}  // namespace

TEST_CASE("the attention kernels have the error of a plain loop and of the host's attention") {
  // Scores of usual size; then in the hundreds and thousands, where the softmax is a choice of one token.
  const float scale = GENERATE(0.3f, 1.0f, 30.0f, 100.0f);
  AttentionErrors beside_plain, from_host;
  for (const auto& [heads, head_width] : {std::pair<int, int>{3, 32}, {2, 64}}) {
    for (const auto& lengths : batches) {
      for (const float dropped : {0.0f, 0.1f}) {
        AttentionTexts in(lengths, heads, head_width, scale, dropped);
        HostRunner runner;
        const AttentionResult<float> ours = kernel_attention<float>(runner, in);
        CHECK(runner.strips_are_whole());
        const AttentionResult<double> truth = plain_attention<double>(in);
        const AttentionResult<float> plain = plain_attention<float>(in);
        beside_plain.add(in, ours, truth, plain);
        AttentionResult<float> host = by_host(in);
        host.log_sums = ours.log_sums;  // which the host does not keep
        from_host.add(in, ours, host, plain, truth);
      }
    }
  }
  INFO("queries times " << scale << "; shares:" << beside_plain.figures());
  CHECK(beside_plain.complaint() == "");
  CHECK(from_host.complaint(4.0) == "");  // either may be off by two
}

TEST_CASE("the tensor cores' instructions are emulated as the PTX ISA has them") {
  HostRunner runner;
  CHECK(compare_products<__nv_bfloat16>(runner) == "");
  CHECK(runner.strips_are_whole());
}

TEST_CASE("the emulated tensor cores complain, or answer NaN, where a GPU would do anything") {
  CHECK_THROWS_WITH(launch(divided_warp_kernel, {1, 32}, nullptr),
                    Catch::Matchers::Contains("is not there any more"));
  CHECK_THROWS_WITH(launch(mixed_warp_kernel, {1, 32}, nullptr),
                    Catch::Matchers::Contains("different instructions"));
  HostRunner runner;
  const auto from = runner.logits<__nv_bfloat16>(std::vector<float>(8, 3.0f)).pointer;
  auto* to = runner.room<__nv_bfloat16>(2);
  launch(hasty_kernel, {1, 32}, nullptr, from, to);
  const std::vector<float> read = runner.floats(to, 2);
  CHECK(std::isnan(read[0]));  // before the wait
  CHECK(read[1] == 3.0f);
}

TEST_CASE("the attention kernels in bf16 have the error of a plain loop between bf16 arrays") {
  const float scale = GENERATE(0.3f, 1.0f, 30.0f);
  AttentionErrors errors;
  for (const auto& [heads, head_width] : {std::pair<int, int>{3, 32}, {2, 64}}) {
    for (const auto& lengths : tensor_core_batches) {
      for (const float dropped : {0.0f, 0.1f}) {
        HostRunner runner;
        CHECK(compare_attention<__nv_bfloat16>(
                  runner, AttentionTexts(lengths, heads, head_width, scale, dropped), errors, 1) ==
              "");
        CHECK(runner.strips_are_whole());
      }
    }
  }
  INFO("queries times " << scale << "; shares:" << errors.figures());
  CHECK(errors.complaint() == "");
}

TEMPLATE_TEST_CASE("the attention kernels drop the units that the host drops", "", float,
                   __nv_bfloat16) {
  const auto expected = [](const AttentionTexts& in, std::int64_t row, std::int64_t count) {
    std::vector<float> factors(static_cast<std::size_t>(count));
    dropout_factors(on_host(in), row, count, factors.data());
    REQUIRE(factors == in.factors(row, count));
    return factors;
  };
  HostRunner runner;
  CHECK(compare_dropout<TestType>(runner, {1, 5, 16, 32, 33, 100}, 2, expected) == "");
  CHECK(compare_dropout<TestType>(runner, {32, 3, 17}, 2, expected) == "");
}

TEST_CASE("the attention kernels draw dropout for more keys than they have room for at once") {
  constexpr int window = detail::TensorCoreTiles<64, 4>::unit_keys;
  HostRunner runner;
  CHECK(compare_dropout<__nv_bfloat16>(
            runner, {window + 3}, 1,
            [](const AttentionTexts& in, std::int64_t row, std::int64_t count) {
              return in.factors(row, count);
            },
            window) == "");
}

TEST_CASE("the gradients by the attention kernels are slopes of the forward kernel") {
  const float dropped = GENERATE(0.0f, 0.3f);
  const AttentionTexts in({3, 5}, 1, 32, 0.3f, dropped);
  HostRunner runner;
  AttentionTexts same = in;
  const AttentionResult<float> ours = kernel_attention<float>(runner, same);
  const auto loss = [&](std::size_t i, float by) {
    AttentionTexts moved = in;
    moved.qkv[i] += by;
    const AttentionResult<float> result = kernel_attention<float>(runner, moved);
    double sum = 0.0;
    for (std::size_t c = 0; c < result.context.size(); ++c)
      sum += static_cast<double>(in.dcontext[c]) * static_cast<double>(result.context[c]);
    return sum;
  };
  double largest = 0.0;
  for (const float slope : ours.dqkv) largest = std::max(largest, std::abs(double{slope}));
  const float h = 0x1p-6f;
  for (std::size_t i = 0; i < in.qkv.size(); i += 5) {
    const double slope =
        (8 * (loss(i, h) - loss(i, -h)) - (loss(i, 2 * h) - loss(i, -2 * h))) / (12 * h);
    // Each loss is off by some 1e-7 of what it adds up, the slope by that over h.
    CHECK(std::abs(slope - double{ours.dqkv[i]}) <= 1e-4 * (1.0 + largest));
  }
}

TEST_CASE("the plain gradients of attention that the kernels are held to are its slopes") {
  const float dropped = GENERATE(0.0f, 0.3f);
  // The second is longer than a tile: its sums of p dp are taken from the context.
  const AttentionTexts in({3, 34}, 1, 32, 0.3f, dropped);
  const AttentionResult<double> truth = plain_attention<double>(in);
  const auto loss = [&](std::size_t i, float by) {
    AttentionTexts moved = in;
    moved.qkv[i] += by;
    const std::vector<double> context = plain_attention<double>(moved).context;
    double sum = 0.0;
    for (std::size_t c = 0; c < context.size(); ++c)
      sum += static_cast<double>(in.dcontext[c]) * context[c];
    return std::pair{sum, static_cast<double>(moved.qkv[i])};
  };
  for (std::size_t i = 0; i < in.qkv.size(); i += 97) {
    // The step that float makes of h is the one that counts.
    const auto difference = [&](float h) {
      const auto [up, to] = loss(i, h);
      const auto [down, from] = loss(i, -h);
      return (up - down) / (to - from);
    };
    const double slope = (4 * difference(0x1p-10f) - difference(0x1p-9f)) / 3;
    CHECK(std::abs(slope - truth.dqkv[i]) <= 1e-7 * (1.0 + std::abs(truth.dqkv[i])));
  }
}

TEMPLATE_TEST_CASE("the attention kernels give the same bits every run, and wherever a text lies",
                   "", float, __nv_bfloat16) {
  const float dropped = GENERATE(0.0f, 0.1f);
  HostRunner runner;
  AttentionErrors errors;
  for (const auto& lengths : {std::vector<int>{7, 40, 1}, {7, 30, 1}, {70}}) {
    const AttentionTexts in(lengths, 2, lengths.size() == 1 ? 32 : 64, 1.0f, dropped);
    CHECK(compare_attention<TestType>(runner, in, errors) == "");
  }
  CHECK(runner.strips_are_whole());
  // Without the texts before it, but with its number, and so its units.
  AttentionTexts all({9, 40}, 2, 32, 1.0f, dropped), alone({0, 40}, 2, 32, 1.0f, dropped);
  alone.qkv.assign(all.qkv.begin() + 9 * 3 * all.width, all.qkv.end());
  alone.dcontext.assign(all.dcontext.begin() + 9 * all.width, all.dcontext.end());
  const AttentionResult<float> whole = kernel_attention<TestType>(runner, all);
  const AttentionResult<float> part = kernel_attention<TestType>(runner, alone);
  const auto end_of = [](const std::vector<float>& of, std::size_t size) {
    return std::vector<float>(of.end() - static_cast<std::ptrdiff_t>(size), of.end());
  };
  CHECK(equal_bits(end_of(whole.context, part.context.size()), part.context));
  CHECK(equal_bits(end_of(whole.log_sums, part.log_sums.size()), part.log_sums));
  CHECK(equal_bits(end_of(whole.dqkv, part.dqkv.size()), part.dqkv));
  // Without longer ones behind it, for which blocks may be larger.
  AttentionTexts first({9}, 2, 32, 1.0f, dropped);
  first.qkv.assign(all.qkv.begin(), all.qkv.begin() + 9 * 3 * all.width);
  first.dcontext.assign(all.dcontext.begin(), all.dcontext.begin() + 9 * all.width);
  const AttentionResult<float> begin = kernel_attention<TestType>(runner, first);
  const auto begin_of = [](const std::vector<float>& of, std::size_t size) {
    return std::vector<float>(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(size));
  };
  CHECK(equal_bits(begin_of(whole.context, begin.context.size()), begin.context));
  CHECK(equal_bits(begin_of(whole.log_sums, begin.log_sums.size()), begin.log_sums));
  CHECK(equal_bits(begin_of(whole.dqkv, begin.dqkv.size()), begin.dqkv));
}

TEMPLATE_TEST_CASE("attention of scores up to millions stays finite", "", float, __nv_bfloat16) {
  AttentionTexts in({1, 7, 70}, 2, 32, GENERATE(1e3f, 1e5f, 1e6f), GENERATE(0.0f, 0.1f));
  HostRunner runner;
  const AttentionResult<float> ours = kernel_attention<TestType>(runner, in);
  for (const std::vector<float>* values : {&ours.context, &ours.log_sums, &ours.dqkv}) {
    for (const float v : *values) REQUIRE(std::isfinite(v));
  }
}

TEST_CASE("what an attention launch lacks is said before it") {
  alignas(16) float floats[4] = {};
  const std::int32_t offsets[2] = {0, 1};
  AttentionBatch<float> batch;
  const auto says = [&](const std::string& words) {
    CHECK_THROWS_WITH(attention(batch, nullptr), Catch::Matchers::Contains(words));
    CHECK_THROWS_WITH(attention_backward(batch, nullptr), Catch::Matchers::Contains(words));
  };
  batch.width = 48;
  says("expected 32 or 64 a head");
  batch.width = 32;
  batch.longest = 65536;
  says("65536 tokens");
  batch.longest = 1;
  says("without offsets");
  batch.offsets = offsets;
  batch.qkv = floats + 1;
  batch.context = floats;
  batch.log_sums = floats;
  says("multiple of 16 bytes");
  batch.qkv = floats;
  CHECK_THROWS_WITH(attention_backward(batch, nullptr),
                    Catch::Matchers::Contains("without dcontext"));
  batch.texts = 1 << 20;
  batch.heads = 64;
  batch.width = 64 * 32;
  batch.longest = 65535;
  CHECK_THROWS_WITH(attention(batch, nullptr), Catch::Matchers::Contains("2^31"));
  batch.texts = 0;
  attention(batch, nullptr);  // nothing to do
}
