// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The encoder's kernels on the device against their formulas in double: the error is at most twice that of
// the plain float loop. Whole and broken vectors, every shape of launch, bf16, the same bits every run.
#include "candist/kernels/adamw.cuh"
#include "candist/kernels/embedding.cuh"
#include "candist/kernels/gelu.cuh"
#include "candist/kernels/layer_norm.cuh"
#include "support/device_runner.cuh"
#include "support/encoder_twin.hpp"

using namespace candist;
using namespace candist::testing;
using candist::device_test::DeviceRunner;

namespace {

void expect_nothing(const std::string& complaint) {
  if (!complaint.empty()) std::printf("  %s\n", complaint.c_str());
  DEVICE_CHECK(complaint.empty());
}

template <class T>
void check_norms() {
  NormCloseness closeness;
  const auto check = [&](const NormCase& c) {
    DeviceRunner runner;
    compare_norm<T>(runner, c, closeness);
    DEVICE_CHECK(runner.strips_are_whole());
  };
  for (const int width :
       {5, 17, 64, 100, 256, 257, 264, 384, 768, 770, 1024, 1030, 2048, 2056, 4093, 4096}) {
    for (const bool drops : {false, true}) check({.rows = 37, .width = width, .drops = drops});
    check({.rows = 9,
           .width = width,
           .with_residual = false,
           .drops = true,
           .place = DropoutPlace::output,
           .with_ids = false});
  }
  check({.rows = 5, .width = 384, .drops = true, .shift = 1});
  check({.rows = 1, .width = 64});
  check({.rows = 5, .width = 40, .drops = true, .step_on_device = true});
  check({.rows = 5001, .width = 768, .drops = true, .offset = 3.0f});
  expect_nothing(closeness.verdict());
}

template <class T, class Table>
void check_embeddings() {
  EmbeddingCloseness closeness;
  const auto check = [&](const EmbeddingCase& c) {
    DeviceRunner runner;
    compare_embedding<T, Table>(runner, c, closeness);
    DEVICE_CHECK(runner.strips_are_whole());
  };
  for (const std::int64_t tokens : {1, 15, 16, 17, 50, 3000})
    check({.tokens = tokens, .width = 24, .drops = tokens % 2 == 0, .with_types = tokens > 15});
  check({.tokens = 30, .width = 13, .drops = true});
  check({.tokens = 20, .width = 264, .drops = true, .shift = 1});
  for (const int width : {384, 768, 1000, 1030, 1032, 2064, 4096})
    check({.tokens = 190, .width = width, .drops = true});
  expect_nothing(closeness.verdict());
}

template <class T>
void check_gelus() {
  GeluCloseness closeness;
  const auto check = [&](const GeluCase& c) {
    DeviceRunner runner;
    compare_gelu<T>(runner, c, closeness);
    DEVICE_CHECK(runner.strips_are_whole());
  };
  for (const int width : {1, 7, 64, 128, 129, 516, 1024, 1032, 3072})
    check({.rows = 45, .width = width, .with_bias = width != 64});
  for (const std::int64_t rows : {1, 8, 16, 17, 33}) check({.rows = rows, .width = 24});
  check({.rows = 10, .width = 136, .shift = 1});
  check({.rows = 8300, .width = 64});
  expect_nothing(closeness.verdict());
}

template <class Gradient>
void check_adamws() {
  AdamWCloseness closeness;
  for (const AdamWSettings& settings :
       {AdamWSettings{}, AdamWSettings{.weight_decay = 0.0f, .beta2 = 0.95f},
        AdamWSettings{.max_gradient_norm = 5.0f}, AdamWSettings{.max_gradient_norm = 1e6f}}) {
    DeviceRunner runner;
    compare_adamw<Gradient>(runner, settings, 5, closeness);
    DEVICE_CHECK(runner.strips_are_whole());
  }
  expect_nothing(closeness.verdict());
}

}  // namespace

DEVICE_TEST(layer_norm_of_floats) { check_norms<float>(); }
DEVICE_TEST(layer_norm_of_bf16) { check_norms<__nv_bfloat16>(); }
DEVICE_TEST(layer_norm_of_one_column) {
  DeviceRunner runner;
  expect_nothing(compare_norm_of_one(runner));
}
DEVICE_TEST(embeddings_of_floats) { check_embeddings<float, float>(); }
DEVICE_TEST(embeddings_of_bf16) { check_embeddings<__nv_bfloat16, __nv_bfloat16>(); }
DEVICE_TEST(embeddings_of_bf16_from_float_tables) { check_embeddings<__nv_bfloat16, float>(); }
DEVICE_TEST(gelu_of_floats) { check_gelus<float>(); }
DEVICE_TEST(gelu_of_bf16) { check_gelus<__nv_bfloat16>(); }
DEVICE_TEST(gelu_all_over_its_range) {
  DeviceRunner runner;
  expect_nothing(compare_gelu_range(runner, 4096));
}
DEVICE_TEST(adamw_of_float_gradients) { check_adamws<float>(); }
DEVICE_TEST(adamw_of_bf16_gradients) { check_adamws<__nv_bfloat16>(); }
