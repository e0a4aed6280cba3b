// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The encoder's CUDA kernels, their own source, run by the host executor: against their formulas in double,
// against the host's kernels, and twice for the same bits. Outputs are NaN before.
#include "support/host_executor.hpp"
//
#include <cstdlib>

#include "candist/kernels/adamw.cuh"
#include "candist/kernels/dropout.hpp"
#include "candist/kernels/embedding.cuh"
#include "candist/kernels/gelu.cuh"
#include "candist/kernels/gelu.hpp"
#include "candist/kernels/layer_norm.cuh"
#include "candist/kernels/layer_norm.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/students/hashed_table.hpp"
#include "support/catch.hpp"
#include "support/encoder_twin.hpp"
#include "support/host_runner.hpp"

using namespace candist;
using namespace candist::testing;

namespace {

/// Figures for who wants to see them: CANDIST_FIGURES=1.
template <class Many>
void show(const char* title, const Many& closeness) {
  if (std::getenv("CANDIST_FIGURES") == nullptr) return;
  for (const Closeness* one : closeness.all())
    std::printf("%s, %s: %s\n", title, one->what().c_str(), one->figures().c_str());
}

/// Complaints about numbers that are further from those of the host's kernels than a few last places of
/// the largest; zeros are to be zeros.
std::string unlike(const char* what, const Floats& ours, const Floats& host) {
  if (ours.size() != host.size()) return std::string(what) + ": other sizes\n";
  float largest = 0.0f;
  for (const float v : host) largest = std::max(largest, std::abs(v));
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (std::abs(ours[i] - host[i]) <= 2e-6f * largest && (ours[i] == 0.0f) == (host[i] == 0.0f))
      continue;
    return std::string(what) + "[" + std::to_string(i) + "]: " + std::to_string(ours[i]) +
           " against " + std::to_string(host[i]) + "\n";
  }
  return "";
}

template <class T>
std::string norms() {
  NormCloseness closeness;
  const auto check = [&](const NormCase& c) {
    HostRunner runner;
    compare_norm<T>(runner, c, closeness);
    CHECK(runner.strips_are_whole());
  };
  // Whole and broken vectors, tiles, warps, every shape of launch.
  for (const int width : {5, 17, 64, 100, 256, 257, 264, 384, 768, 770, 1024, 1030, 2048}) {
    for (const bool drops : {false, true}) check({.rows = 5, .width = width, .drops = drops});
    check({.rows = 3,
           .width = width,
           .with_residual = false,
           .drops = true,
           .place = DropoutPlace::output,
           .with_ids = false});
  }
  for (const int width : {2056, 4093, 4096})
    check({.rows = 2, .width = width, .drops = true, .offset = 3.0f});
  check({.rows = 5, .width = 384, .drops = true, .shift = 1});
  check({.rows = 1, .width = 64});
  check({.rows = 5, .width = 40, .drops = true, .step_on_device = true});
  check({.rows = 2051, .width = 20});  // blocks of five rows, the last of one
  show(sizeof(T) == 4 ? "float" : "bf16", closeness);
  return closeness.verdict();
}

}  // namespace

TEST_CASE("layer_norm is as close to double as the plain loop", "[layer_norm]") {
  CHECK(norms<float>() == "");
}
TEST_CASE("layer_norm of bf16 is as close but for the rounding", "[layer_norm]") {
  CHECK(norms<__nv_bfloat16>() == "");
}

TEST_CASE("layer_norm drops the units that the host drops, and agrees with it", "[layer_norm]") {
  for (const int width : {8, 100, 256, 384, 1024, 1544}) {
    for (const bool with_residual : {false, true}) {
      const NormCase c{.rows = 6, .width = width, .with_residual = with_residual, .drops = true};
      const std::int64_t cells = c.rows * width;
      const Floats residual = random_floats(cells, 1), branch = random_floats(cells, 2),
                   dout = random_floats(cells, 3), gamma = random_floats(width, 4, 0.3f, 1.0f),
                   beta = random_floats(width, 5), zeros(static_cast<std::size_t>(width));
      HostRunner runner;
      const NormRun<float> ours = run_norm<float>(
          runner, c, with_residual ? runner.upload(residual) : nullptr, runner.upload(branch),
          gamma, beta, runner.upload(dout), zeros, zeros, 1e-5f);
      NormRun<float> host{
          Floats(branch.size()), Floats(6), Floats(6), Floats(branch.size()), Floats(branch.size()),
          Floats(branch.size()), zeros,     zeros};
      const std::vector<std::int64_t> ids = c.ids();
      const UnitDropout given = c.dropout();
      const LayerNorm norm{.rows = c.rows,
                           .width = width,
                           .gamma = gamma.data(),
                           .beta = beta.data(),
                           .epsilon = 1e-5f,
                           .dropout = {0.3f, given.seed, given.step, given.site},
                           .row_ids = ids.data(),
                           .sum = host.sum.data(),
                           .mean = host.mean.data(),
                           .scale = host.scale.data()};
      CHECK(norm.dropout.threshold() == given.threshold);
      CHECK(norm.dropout.factor() == given.factor);
      add_and_norm(norm, with_residual ? residual.data() : nullptr, branch.data(), host.out.data());
      add_and_norm_backward(norm, dout.data(), host.dsum.data(), host.dbranch.data());
      norm_parameter_gradients(norm, dout.data(), 0, width, host.dgamma.data(), host.dbeta.data());
      INFO("D " << width << (with_residual ? ", residual" : ""));
      if (!with_residual) CHECK(same_bits(ours.sum, host.sum));  // one product: masks and factors
      CHECK(unlike("sum", ours.sum, host.sum) == "");
      CHECK(unlike("mean", ours.mean, host.mean) == "");
      CHECK(unlike("scale", ours.scale, host.scale) == "");
      CHECK(unlike("out", ours.out, host.out) == "");
      CHECK(unlike("dsum", ours.dsum, host.dsum) == "");
      CHECK(unlike("dbranch", ours.dbranch, host.dbranch) == "");
      CHECK(unlike("dgamma", ours.dgamma, host.dgamma) == "");
      CHECK(unlike("dbeta", ours.dbeta, host.dbeta) == "");
    }
  }
}

TEST_CASE("layer_norm of one column", "[layer_norm]") {
  HostRunner runner;
  CHECK(compare_norm_of_one(runner) == "");
  CHECK(runner.strips_are_whole());
}

// ---- embedding

namespace {

template <class T, class Table>
std::string embeddings(const char* title) {
  EmbeddingCloseness closeness;
  const auto check = [&](const EmbeddingCase& c) {
    HostRunner runner;
    compare_embedding<T, Table>(runner, c, closeness);
    CHECK(runner.strips_are_whole());
  };
  // Tokens around a chunk of 16 and over many; columns around vectors, slices and shapes of launch.
  for (const std::int64_t tokens : {1, 15, 16, 17, 50})
    check({.tokens = tokens, .width = 24, .drops = tokens % 2 == 0, .with_types = tokens > 15});
  check({.tokens = 400, .width = 40, .with_types = true});
  check({.tokens = 30, .width = 13, .drops = true});
  check({.tokens = 20, .width = 264, .drops = true, .shift = 1});
  for (const int width : {384, 768, 1000, 1030, 1032, 2064})
    check({.tokens = 19, .width = width, .drops = true});
  show(title, closeness);
  return closeness.verdict();
}

}  // namespace

TEST_CASE("embeddings are as close to double as the plain loop", "[embedding]") {
  CHECK(embeddings<float, float>("float") == "");
}
TEST_CASE("embeddings of bf16, from either table, are as close but for the rounding",
          "[embedding]") {
  CHECK(embeddings<__nv_bfloat16, __nv_bfloat16>("bf16") == "");
  CHECK(embeddings<__nv_bfloat16, float>("bf16 of float") == "");
}

TEST_CASE("embeddings agree with the host's tables, norm and dropout", "[embedding]") {
  const EmbeddingCase c{.tokens = 90, .width = 40, .drops = true};
  const std::int64_t cells = c.tokens * c.width;
  const auto size = static_cast<std::size_t>(cells);
  HashedTable tables[3] = {{c.vocabulary, c.width}, {c.places, c.width}, {2, c.width}};
  HostRunner runner;
  const float* there[3];
  for (std::size_t i = 0; i < 3; ++i) {
    tables[i].values() = random_floats(static_cast<std::int64_t>(tables[i].values().size()), i + 1);
    there[i] = runner.upload(tables[i].values());
  }
  const Floats gamma = random_floats(c.width, 5, 0.3f, 1.0f), beta = random_floats(c.width, 6),
               dout = random_floats(cells, 7), zeros(static_cast<std::size_t>(c.width));
  const EmbeddingRun ours =
      run_embedding<float, float>(runner, c, there, gamma, beta, runner.upload(dout), zeros, zeros);
  const std::vector<std::int32_t> ids[3] = {c.words(), c.positions(), c.types()};
  Floats raw(size), sum(size), out(size), mean(90), scale(90), d = dout, dgamma = zeros,
                                                               dbeta = zeros;
  for (std::int64_t t = 0; t < c.tokens; ++t) {
    for (int k = 0; k < c.width; ++k) {
      const auto from = [&](std::size_t table) {
        return tables[table].values()[static_cast<std::size_t>(
            ids[table][static_cast<std::size_t>(t)] * c.width + k)];
      };
      raw[static_cast<std::size_t>(t * c.width + k)] = (from(0) + from(2)) + from(1);
    }
  }
  const std::vector<std::int64_t> rows = c.norm().ids();
  const UnitDropout given = c.norm().dropout();
  const Dropout dropout{0.3f, given.seed, given.step, given.site};
  const LayerNorm norm{.rows = c.tokens,
                       .width = c.width,
                       .gamma = gamma.data(),
                       .beta = beta.data(),
                       .dropout = {},
                       .row_ids = rows.data(),
                       .sum = sum.data(),
                       .mean = mean.data(),
                       .scale = scale.data()};
  add_and_norm(norm, nullptr, raw.data(), out.data());
  drop_rows(dropout, rows.data(), c.tokens, c.width, out.data());
  drop_rows(dropout, rows.data(), c.tokens, c.width, d.data());
  norm_parameter_gradients(norm, d.data(), 0, c.width, dgamma.data(), dbeta.data());
  add_and_norm_backward(norm, d.data(), d.data(), d.data());
  CHECK(same_bits(ours.sum, sum));
  CHECK(unlike("out", ours.out, out) == "");
  CHECK(unlike("dsum", ours.dsum, d) == "");
  CHECK(unlike("dgamma", ours.dgamma, dgamma) == "");
  CHECK(unlike("dbeta", ours.dbeta, dbeta) == "");
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t t = 0; t < ids[i].size(); ++t)
      tables[i].add_gradient({&ids[i][t], 1}, d.data() + t * static_cast<std::size_t>(c.width));
    const ParameterBlock block = tables[i].block("table");
    const TokenOrder order(ids[i]);
    REQUIRE(order.touched.size() == block.touched.size());
    Floats gradient;  // in the order of rows
    for (const std::int32_t row : order.touched) {
      const auto slot =
          std::find(block.touched.begin(), block.touched.end(), row) - block.touched.begin();
      const auto begin = block.gradient.begin() + slot * c.width;
      gradient.insert(gradient.end(), begin, begin + c.width);
    }
    CHECK(unlike("gradient of a table", ours.tables[i], gradient) == "");
  }
}

// ---- gelu

namespace {

template <class T>
std::string gelus(const char* title) {
  GeluCloseness closeness;
  const auto check = [&](const GeluCase& c) {
    HostRunner runner;
    compare_gelu<T>(runner, c, closeness);
    CHECK(runner.strips_are_whole());
  };
  // Rows around 8 and 16; columns around vectors and the strip of a block.
  for (const int width : {1, 7, 64, 128, 129, 516, 1024, 1032})
    check({.rows = 9, .width = width, .with_bias = width != 64});
  for (const std::int64_t rows : {1, 8, 16, 17, 33}) check({.rows = rows, .width = 24});
  check({.rows = 10, .width = 136, .shift = 1});
  check({.rows = 8300, .width = 8});  // more than 512 times 16 rows
  show(title, closeness);
  return closeness.verdict();
}

}  // namespace

TEST_CASE("bias and gelu are as close to double as the plain loop", "[gelu]") {
  CHECK(gelus<float>("float") == "");
}
TEST_CASE("bias and gelu of bf16 are as close but for the rounding", "[gelu]") {
  CHECK(gelus<__nv_bfloat16>("bf16") == "");
}
TEST_CASE("the kernel's gelu has the relative error of the plain loop, also in its tails",
          "[gelu]") {
  HostRunner runner;
  CHECK(compare_gelu_range(runner, 1024) == "");
}
TEST_CASE("the kernel's gelu is that of the host", "[gelu]") {
  Floats x{0.0f, -0.0f, 13.0f, -13.0f, 14.0f, -14.0f, 1e30f, -1e30f, 1e-30f, -1e-30f};
  for (int i = 0; i < 2000; ++i) x.push_back(-14.0f + 0.014f * static_cast<float>(i));
  const auto n = static_cast<int>(x.size());
  HostRunner runner;
  GeluBatch<float> batch;
  batch.rows = 1;
  batch.width = n;
  batch.x = runner.upload(x);
  float* out = poisoned<float>(runner, n);
  bias_gelu(batch, out, nullptr);
  GeluGradients<float> g;
  g.dout = g.dx = runner.upload(Floats(x.size(), 1.0f));  // in place
  bias_gelu_backward(batch, g, nullptr);
  Floats values(x.size()), slopes(x.size(), 1.0f);
  gelu(x.data(), n, values.data());
  gelu_backward(x.data(), n, slopes.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    INFO("x = " << x[i]);
    // Both are within 4 units of the truth near 0, and lose a few more where the bell's exponent does.
    const double lost = 1e-7 * std::min(x[i] * x[i], 200.0f);
    CHECK(out[i] == Approx(values[i]).epsilon(1e-6 + lost).margin(1e-37));
    CHECK(g.dx[i] == Approx(slopes[i]).epsilon(1e-6).margin(1e-6));
  }
  const float odd[] = {not_a_number, std::numeric_limits<float>::infinity()};
  batch.width = 2;
  batch.x = odd;
  g.dout = g.dx = runner.upload(Floats(2, 1.0f));
  bias_gelu(batch, out, nullptr);
  bias_gelu_backward(batch, g, nullptr);
  CHECK(std::isnan(out[0]));
  CHECK(std::isnan(g.dx[0]));
  CHECK(out[1] == odd[1]);
  CHECK(g.dx[1] == 1.0f);
}

// ---- global_norm and adamw

namespace {

template <class Gradient>
std::string adamws(const char* title) {
  AdamWCloseness closeness;
  for (const AdamWSettings& settings :
       {AdamWSettings{}, AdamWSettings{.weight_decay = 0.0f, .beta2 = 0.95f},
        AdamWSettings{.max_gradient_norm = 5.0f}, AdamWSettings{.max_gradient_norm = 1e6f}}) {
    HostRunner runner;
    compare_adamw<Gradient>(runner, settings, 5, closeness);
    CHECK(runner.strips_are_whole());
  }
  show(title, closeness);
  return closeness.verdict();
}

}  // namespace

TEST_CASE("adamw and global_norm are as close to double as the plain loop", "[adamw]") {
  CHECK(adamws<float>("float") == "");
}
TEST_CASE("adamw takes gradients of bf16", "[adamw]") {
  CHECK(adamws<__nv_bfloat16>("bf16") == "");
}

TEST_CASE("adamw agrees with the host's, without clipping to the very bits", "[adamw]") {
  const AdamWSettings settings{.max_gradient_norm = GENERATE(0.0f, 5.0f)};
  constexpr int steps = 6;
  const std::vector<TwinBlock> twins = twin_blocks();
  HostRunner runner;
  const AdamWRun ours = run_adamw<float>(runner, twins, settings, steps);
  AdamW host(
      {.weight_decay = settings.weight_decay, .max_gradient_norm = settings.max_gradient_norm});
  std::vector<Floats> values, gradients(twins.size());
  std::vector<std::vector<std::int32_t>> touched(twins.size());
  for (const TwinBlock& twin : twins) values.push_back(twin.values());
  std::vector<ParameterBlock> blocks(twins.size());
  for (int step = 1; step <= steps; ++step) {
    for (std::size_t b = 0; b < twins.size(); ++b) {
      const TwinBlock& twin = twins[b];
      gradients[b] = twin.gradient(step);
      touched[b] = twin.touched(step);
      blocks[b] = {
          "block",    values[b],    twin.rows, twin.width, twin.sparse ? Rows::sparse : Rows::dense,
          twin.decay, gradients[b], touched[b]};
    }
    host.step(blocks, 0.01f / static_cast<float>(step));
    if (settings.max_gradient_norm > 0.0f) {
      CHECK(ours.norms[static_cast<std::size_t>(step) - 1] ==
            Approx(host.gradient_norm()).epsilon(1e-6));
    }
  }
  host.settle(blocks);
  std::size_t others = 0, far = 0, all = 0;
  for (std::size_t b = 0; b < twins.size(); ++b) {
    for (std::size_t i = 0; i < values[b].size(); ++i, ++all) {
      const float apart = std::abs(ours.values[b][i] - values[b][i]);
      others += apart == 0.0f ? 0 : 1;
      far += apart <= 1e-7f + 3e-7f * std::abs(values[b][i]) ? 0 : 1;
    }
  }
  if (std::getenv("CANDIST_FIGURES") != nullptr)
    std::printf("adamw: %zu of %zu values differ from the host's\n", others, all);
  CHECK(far == 0);
#if !defined(__FP_FAST_FMAF)
  // Nothing is fused, so only the factor of clipping can differ.
  if (settings.max_gradient_norm == 0.0f) CHECK(others == 0);
#endif
}

TEST_CASE("a norm that is not finite clips as the host's does", "[adamw]") {
  HostRunner runner;
  for (const float bad : {not_a_number, std::numeric_limits<float>::infinity()}) {
    std::vector<DeviceBlock<float>> table(1);
    table[0].rows = 1;
    table[0].width = 3;
    table[0].gradient = runner.upload(Floats{1.0f, bad, 2.0f});
    const DeviceBlocks<float> all{table.data(), 1,
                                  number_parts(std::span<DeviceBlock<float>>(table))};
    GradientNorm norm;
    global_norm(all, 1.0f, poisoned<float>(runner, 1), &norm, nullptr);
    CHECK(!std::isfinite(norm.norm));
    CHECK(norm.scale == (std::isnan(bad) ? 1.0f : 0.0f));
  }
  GradientNorm norm;
  global_norm(DeviceBlocks<float>{}, 1.0f, nullptr, &norm, nullptr);  // no blocks at all
  CHECK(norm.norm == 0.0f);
  CHECK(norm.scale == 1.0f);
}

// ---- what launches lack

TEST_CASE("what a launch of the encoder's kernels lacks is said before it", "[encoder]") {
  using Catch::Matchers::Contains;
  Floats room(64);
  float* floats = room.data();
  NormBatch<float> norm;
  CHECK_THROWS_WITH(layer_norm<float>(norm, nullptr, floats, floats, nullptr), Contains("width 0"));
  norm.width = 4097;
  CHECK_THROWS_WITH(layer_norm<float>(norm, nullptr, floats, floats, nullptr),
                    Contains("1 to 4096"));
  norm.width = 4;
  CHECK_THROWS_WITH(layer_norm<float>(norm, nullptr, floats, floats, nullptr), Contains("gamma"));
  norm.gamma = norm.beta = floats;
  layer_norm<float>(norm, nullptr, nullptr, nullptr, nullptr);  // no rows: nothing to do
  norm.rows = 1;
  CHECK_THROWS_WITH(layer_norm<float>(norm, nullptr, nullptr, floats, nullptr), Contains("branch"));
  NormGradients<float> gradients;
  CHECK_THROWS_WITH(layer_norm_backward(norm, gradients, nullptr), Contains("forward pass"));
  norm.sum = norm.mean = norm.scale = floats;
  CHECK_THROWS_WITH(layer_norm_backward(norm, gradients, nullptr), Contains("gradients"));
  EmbeddingBatch<float, float> batch;
  batch.norm = norm;
  CHECK_THROWS_WITH(embed(batch, floats, nullptr), Contains("tables"));
  TableGradient table;
  table.tokens.tokens = 2;
  CHECK_THROWS_WITH(sum_by_row<float>(table, floats, 4, floats, nullptr), Contains("order"));
  GeluBatch<float> rows;
  CHECK_THROWS_WITH(bias_gelu(rows, floats, nullptr), Contains("columns"));
  rows.width = 4;
  rows.rows = 1;
  CHECK_THROWS_WITH(bias_gelu(rows, floats, nullptr), Contains("no x"));
  rows.x = floats;
  GeluGradients<float> back{.dout = floats, .dx = floats, .dbias = floats, .partials = nullptr};
  CHECK_THROWS_WITH(bias_gelu_backward(rows, back, nullptr), Contains("partials"));
  CHECK_THROWS_WITH(bias_gradient(1, 4, back, nullptr), Contains("partials"));
  DeviceBlocks<float> blocks;
  CHECK_THROWS_WITH(adamw(blocks, nullptr, nullptr, nullptr), Contains("step"));
  blocks.count = 1;
  const AdamWStep step;
  CHECK_THROWS_WITH(adamw(blocks, &step, nullptr, nullptr), Contains("table of blocks"));
  CHECK_THROWS_WITH(step.next(AdamWSettings{.weight_decay = 2.0f}, 0.5f), Contains("below 1"));
}
