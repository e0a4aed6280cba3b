// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The attention kernels' own source, run by the host executor, against plain loops in double and against
// the host student's attention.
#include "support/host_executor.hpp"
//
#include "candist/kernels/packed_attention.hpp"
#include "support/attention_twin.hpp"
#include "support/catch.hpp"
#include "support/host_runner.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// One token, two, a few, around a tile, two tiles and one, four and two; alone and beside each other.
const std::vector<std::vector<int>> batches{
    {1}, {2}, {7}, {31}, {32}, {33}, {65, 1}, {130}, {7, 33, 1, 2, 65, 32, 31}};

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

constexpr auto exactly = [](auto value) { return value; };

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
        const AttentionResult<double> truth = plain_attention<double>(in, exactly);
        const AttentionResult<float> plain = plain_attention<float>(in, exactly);
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

TEST_CASE("the attention kernels in bf16 have the error of a plain loop between bf16 arrays") {
  const float scale = GENERATE(0.3f, 1.0f, 30.0f);
  AttentionErrors errors;
  for (const auto& [heads, head_width] : {std::pair<int, int>{3, 32}, {2, 64}}) {
    for (const auto& lengths : batches) {
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

TEST_CASE("the attention kernels drop the units that the host drops") {
  HostRunner runner;
  CHECK(compare_dropout(runner, {1, 5, 16, 32, 33, 100}, 2,
                        [](const AttentionTexts& in, std::int64_t row, std::int64_t count) {
                          std::vector<float> factors(static_cast<std::size_t>(count));
                          dropout_factors(on_host(in), row, count, factors.data());
                          REQUIRE(factors == in.factors(row, count));
                          return factors;
                        }) == "");
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
  const AttentionResult<double> truth = plain_attention<double>(in, exactly);
  const auto loss = [&](std::size_t i, float by) {
    AttentionTexts moved = in;
    moved.qkv[i] += by;
    const std::vector<double> context = plain_attention<double>(moved, exactly).context;
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

TEST_CASE("the attention kernels give the same bits every run, and wherever a text lies") {
  const float dropped = GENERATE(0.0f, 0.1f);
  HostRunner runner;
  AttentionErrors errors;
  CHECK(compare_attention<float>(runner, AttentionTexts({7, 40, 1}, 2, 32, 1.0f, dropped),
                                 errors) == "");
  CHECK(compare_attention<__nv_bfloat16>(runner, AttentionTexts({7, 40, 1}, 2, 64, 1.0f, dropped),
                                         errors) == "");
  CHECK(runner.strips_are_whole());
  // Without the texts before it, but with its number, and so its units.
  AttentionTexts all({9, 40}, 2, 32, 1.0f, dropped), alone({0, 40}, 2, 32, 1.0f, dropped);
  alone.qkv.assign(all.qkv.begin() + 9 * 3 * all.width, all.qkv.end());
  alone.dcontext.assign(all.dcontext.begin() + 9 * all.width, all.dcontext.end());
  const AttentionResult<float> whole = kernel_attention<float>(runner, all);
  const AttentionResult<float> part = kernel_attention<float>(runner, alone);
  const auto end_of = [](const std::vector<float>& of, std::size_t size) {
    return std::vector<float>(of.end() - static_cast<std::ptrdiff_t>(size), of.end());
  };
  CHECK(equal_bits(end_of(whole.context, part.context.size()), part.context));
  CHECK(equal_bits(end_of(whole.log_sums, part.log_sums.size()), part.log_sums));
  CHECK(equal_bits(end_of(whole.dqkv, part.dqkv.size()), part.dqkv));
}

TEST_CASE("attention of scores up to millions stays finite") {
  AttentionTexts in({1, 7, 33}, 2, 32, GENERATE(1e3f, 1e5f, 1e6f), GENERATE(0.0f, 0.1f));
  HostRunner runner;
  const AttentionResult<float> ours = kernel_attention<float>(runner, in);
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
