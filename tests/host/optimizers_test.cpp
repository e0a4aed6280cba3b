// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "candist/counter_rng.hpp"
#include "candist/optimizers/adagrad.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/optimizers/schedules.hpp"
#include "candist/optimizers/sgd.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

/// A matrix of parameters [4, 3], offered as a dense block and as a row-sparse one, with random
/// gradients that touch some rows.
struct Table {
  std::vector<float> values = std::vector<float>(12, 1.0f);
  std::vector<float> gradient;
  std::vector<std::int32_t> touched;
  Rows access;

  explicit Table(Rows rows) : access(rows) {}
  ParameterBlock block() {
    return {"table", values, 4, 3, access, Decay::weight, gradient, touched};
  }
  /// Gradients of step t: row r is touched when bit r of t is set.
  void set_gradients(int t) {
    gradient.clear();
    touched.clear();
    for (int row = 0; row < 4; ++row) {
      const bool touches = (t >> row) & 1;
      if (access == Rows::sparse && !touches) continue;
      touched.push_back(row);
      for (int k = 0; k < 3; ++k) {
        CounterRng rng(1, RandomPurpose::resampling, static_cast<std::uint64_t>(t),
                       static_cast<std::uint64_t>(3 * row + k));
        gradient.push_back(touches ? rng.normal() : 0.0f);
      }
    }
    if (access == Rows::dense) touched.clear();
  }
};

template <class O>
std::vector<float> train(O optimizer, Rows access, int steps) {
  Table table(access);
  for (int t = 1; t <= steps; ++t) {
    table.set_gradients(t);
    ParameterBlock block = table.block();
    optimizer.step(std::span(&block, 1),
                   0.1f / static_cast<float>(t));  // a changing rate: the lazy decay must follow it
  }
  ParameterBlock block = table.block();
  optimizer.settle(std::span(&block, 1));
  return table.values;
}

void check_close(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-5).margin(1e-6));
}

}  // namespace

TEST_CASE("SGD and Adagrad: row-sparse with lazy decay is dense with decay at every step",
          "[optimizers]") {
  check_close(train(Sgd({.weight_decay = 0.5f}), Rows::sparse, 23),
              train(Sgd({.weight_decay = 0.5f}), Rows::dense, 23));
  check_close(train(Adagrad({.weight_decay = 0.5f}), Rows::sparse, 23),
              train(Adagrad({.weight_decay = 0.5f}), Rows::dense, 23));
}

TEST_CASE("AdamW against its formulas in double", "[optimizers]") {
  Table table(Rows::dense);
  AdamW optimizer({.weight_decay = 0.1f});
  std::vector<double> w(12, 1.0), m(12), v(12);
  for (int t = 1; t <= 50; ++t) {
    table.set_gradients(t);
    const double lr = 0.01 * t;
    for (std::size_t i = 0; i < 12; ++i) {
      const double g = table.gradient[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      w[i] = w[i] * (1 - lr * 0.1) - lr * (m[i] / (1 - std::pow(0.9, t))) /
                                         (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
    ParameterBlock block = table.block();
    optimizer.step(std::span(&block, 1), static_cast<float>(lr));
  }
  for (std::size_t i = 0; i < 12; ++i)
    CHECK(table.values[i] == Approx(w[i]).epsilon(1e-4).margin(1e-5));
}

TEST_CASE(
    "lazy AdamW: moments of untouched rows decay, and rows touched at every step are as dense",
    "[optimizers]") {
  Table sparse(Rows::sparse);
  Table dense(Rows::dense);
  AdamW a;
  AdamW b;
  for (int t = 0; t < 20; ++t) {
    sparse.set_gradients(15);
    dense.set_gradients(15);
    ParameterBlock x = sparse.block();
    ParameterBlock y = dense.block();
    a.step(std::span(&x, 1), 0.01f);
    b.step(std::span(&y, 1), 0.01f);
  }
  check_close(sparse.values, dense.values);
}

TEST_CASE("no decay on blocks that ask for none", "[optimizers]") {
  std::vector<float> values(3, 2.0f), gradient(3, 0.0f);
  ParameterBlock block{"bias", values, 1, 3, Rows::dense, Decay::none, gradient, {}};
  AdamW optimizer({.weight_decay = 0.9f});
  for (int t = 0; t < 5; ++t) optimizer.step(std::span(&block, 1), 0.1f);
  optimizer.settle(std::span(&block, 1));
  CHECK(values == std::vector<float>(3, 2.0f));
}

TEMPLATE_TEST_CASE("a saved optimizer goes on as if nothing had happened", "[optimizers]", Sgd,
                   Adagrad, AdamW) {
  const auto run = [](bool interrupt) {
    Table table(Rows::sparse);
    TestType optimizer({.weight_decay = 0.2f});
    for (int t = 1; t <= 20; ++t) {
      if (interrupt && t == 9) {
        std::stringstream state;
        optimizer.save(state);
        TestType fresh({.weight_decay = 0.2f});
        fresh.load(state);
        REQUIRE(state.good());
        optimizer = fresh;
      }
      table.set_gradients(t);
      ParameterBlock block = table.block();
      optimizer.step(std::span(&block, 1), 0.05f);
    }
    return table.values;
  };
  CHECK(run(true) == run(false));
}

TEST_CASE("schedules", "[optimizers]") {
  CHECK(LinearDecay{}.factor(0.0f) == 1.0f);
  CHECK(LinearDecay{}.factor(0.75f) == Approx(0.25f));
  CHECK(LinearDecay{.warm_up = 0.1f}.factor(0.05f) == Approx(0.5f));
  CHECK(LinearDecay{.warm_up = 0.1f}.factor(1.0f) == Approx(0.0f));
  CHECK(CosineDecay{}.factor(0.5f) == Approx(0.5f));
  CHECK(ConstantRate{}.factor(0.9f) == 1.0f);
}
