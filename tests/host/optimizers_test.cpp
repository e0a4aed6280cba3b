// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <sstream>

#include "candist/counter_rng.hpp"
#include "candist/optimizers/adagrad.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/optimizers/row_adagrad.hpp"
#include "candist/optimizers/schedules.hpp"
#include "candist/optimizers/sgd.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

constexpr int rows = 40;
constexpr int width = 3;
constexpr std::size_t cells = rows * width;

/// A gradient of step t. Its columns differ by eight orders of magnitude: where gradients are small
/// epsilon matters, where they are large it must not.
double gradient_of(int t, std::size_t cell) {
  CounterRng rng(1, RandomPurpose::resampling, static_cast<std::uint64_t>(t), cell);
  const double scale[width] = {1.0, 1e-4, 1e-8};
  return static_cast<float>(rng.normal() * scale[cell % width]);
}
/// Does step t touch the row? Row 0 always, row 1 never, rows 2 and 3 once, the others at random,
/// some often and some rarely.
bool touches(int t, int row) {
  if (row == 0) return true;
  if (row == 1) return false;
  if (row < 4) return t == 7 * row;
  CounterRng rng(2, RandomPurpose::resampling, static_cast<std::uint64_t>(t),
                 static_cast<std::uint64_t>(row));
  return rng.uniform() < 1.0f / static_cast<float>(row - 2);
}
/// A rate that changes: the decay put off must follow it.
double rate_of(int t) { return 0.02 + 0.03 * (t % 5); }

/// A matrix of parameters, offered as a dense block and as a row-sparse one.
struct Table {
  std::vector<float> values = std::vector<float>(cells, 1.0f);
  std::vector<float> gradient;
  std::vector<std::int32_t> touched;
  Rows access;

  explicit Table(Rows how) : access(how) {}
  ParameterBlock block() {
    return {"table", values, rows, width, access, Decay::weight, gradient, touched};
  }
  void set_gradients(int t) {
    gradient.clear();
    touched.clear();
    // Backwards: the order of the touched rows is the student's affair.
    for (int i = 0; i < rows; ++i) {
      const int row = access == Rows::sparse ? rows - 1 - i : i;
      if (access == Rows::sparse && !touches(t, row)) continue;
      if (access == Rows::sparse) touched.push_back(row);
      for (int k = 0; k < width; ++k) {
        const auto cell = static_cast<std::size_t>(row * width + k);
        gradient.push_back(touches(t, row) ? static_cast<float>(gradient_of(t, cell)) : 0.0f);
      }
    }
  }
};

template <class O>
std::vector<float> train(O optimizer, Rows access, int steps) {
  Table table(access);
  for (int t = 1; t <= steps; ++t) {
    table.set_gradients(t);
    ParameterBlock block = table.block();
    optimizer.step(std::span(&block, 1), static_cast<float>(rate_of(t)));
  }
  ParameterBlock block = table.block();
  optimizer.settle(std::span(&block, 1));
  return table.values;
}

/// The same in double and without any laziness: every step decays every row, and every row's state
/// sees a gradient, 0 where the step does not touch it. update(cell, g, touched, w, rate, t)
/// changes w.
template <class Update>
std::vector<double> train_plainly(double decay, int steps, Update&& update) {
  std::vector<double> w(cells, 1.0);
  for (int t = 1; t <= steps; ++t) {
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const bool touched = touches(t, static_cast<int>(cell) / width);
      w[cell] *= 1.0 - rate_of(t) * decay;
      update(cell, touched ? gradient_of(t, cell) : 0.0, touched, w[cell], rate_of(t), t);
    }
  }
  return w;
}

/// Equal up to the rounding of float over that many steps, against the largest weight (1).
void check_close(const std::vector<float>& a, const std::vector<double>& b, int steps) {
  REQUIRE(a.size() == b.size());
  const double allowed = 4.0 * steps * 6e-8;
  for (std::size_t i = 0; i < a.size(); ++i) {
    INFO("row " << i / width << ", column " << i % width);
    CHECK(std::abs(a[i] - b[i]) <= allowed * std::max(1.0, std::abs(b[i])));
  }
}

}  // namespace

TEST_CASE("SGD on sparse and dense rows is its formula at every step, in double", "[optimizers]") {
  const float decay = GENERATE(0.0f, 0.5f);
  const int steps = GENERATE(1, 30, 200);
  const auto plain = train_plainly(
      decay, steps,
      [](std::size_t, double g, bool, double& w, double rate, int) { w -= rate * g; });
  check_close(train(Sgd({.weight_decay = decay}), Rows::sparse, steps), plain, steps);
  check_close(train(Sgd({.weight_decay = decay}), Rows::dense, steps), plain, steps);
}

TEST_CASE("Adagrad on sparse and dense rows is its formula at every step, in double",
          "[optimizers]") {
  const float decay = GENERATE(0.0f, 0.5f);
  const int steps = GENERATE(1, 30, 200);
  std::vector<double> sum(cells);
  const auto plain = train_plainly(
      decay, steps, [&](std::size_t cell, double g, bool, double& w, double rate, int) {
        sum[cell] += g * g;
        w -= rate * g / (std::sqrt(sum[cell]) + 1e-6);
      });
  check_close(train(Adagrad({.weight_decay = decay}), Rows::sparse, steps), plain, steps);
  check_close(train(Adagrad({.weight_decay = decay}), Rows::dense, steps), plain, steps);
}

TEST_CASE("row-wise Adagrad on sparse and dense rows is its formula at every step, in double",
          "[optimizers]") {
  const float decay = GENERATE(0.0f, 0.5f);
  const int steps = GENERATE(1, 30, 200);
  std::vector<double> sum(rows);
  const auto plain = train_plainly(
      decay, steps, [&](std::size_t cell, double g, bool touched, double& w, double rate, int t) {
        const std::size_t row = cell / width;
        if (cell % width == 0 && touched) {  // the whole row enters before its first cell moves
          for (std::size_t k = 0; k < width; ++k) sum[row] += std::pow(gradient_of(t, cell + k), 2);
        }
        if (touched) w -= rate * g / (std::sqrt(sum[row]) + 1e-6);
      });
  check_close(train(RowAdagrad({.weight_decay = decay}), Rows::sparse, steps), plain, steps);
  check_close(train(RowAdagrad({.weight_decay = decay}), Rows::dense, steps), plain, steps);
}

TEST_CASE("AdamW on sparse and dense rows is its formula at every step, in double",
          "[optimizers]") {
  const float decay = GENERATE(0.0f, 0.5f);
  const int steps = GENERATE(1, 30, 200);
  const Rows access = GENERATE(Rows::sparse, Rows::dense);
  // Moments of every row decay at every step. On sparse rows they move the weight only where the
  // step touches it: that is what makes it lazy.
  std::vector<double> m(cells), v(cells);
  const auto plain = train_plainly(
      decay, steps, [&](std::size_t cell, double g, bool touched, double& w, double rate, int t) {
        m[cell] = 0.9 * m[cell] + 0.1 * g;
        v[cell] = 0.999 * v[cell] + 0.001 * g * g;
        if (access == Rows::sparse && !touched) return;
        w -= rate * (m[cell] / (1 - std::pow(0.9, t))) /
             (std::sqrt(v[cell] / (1 - std::pow(0.999, t))) + 1e-8);
      });
  check_close(train(AdamW({.weight_decay = decay}), access, steps), plain, steps);
}

TEST_CASE("between two touches a row is read too large by the decay of the missed steps",
          "[optimizers]") {
  std::vector<float> values(2, 1.0f);
  std::vector<float> gradient(1, 0.0f);
  std::vector<std::int32_t> touched{0};
  ParameterBlock block{"table", values, 2, 1, Rows::sparse, Decay::weight, gradient, touched};
  Sgd optimizer({.weight_decay = 0.1f});
  for (int t = 0; t < 10; ++t) optimizer.step(std::span(&block, 1), 0.5f);
  const double decayed = std::pow(1.0 - 0.5 * 0.1, 10);
  CHECK(values[0] == Approx(decayed).epsilon(1e-5));
  CHECK(values[1] == 1.0f);  // owed: 1 / 0.95^10 too large
  optimizer.settle(std::span(&block, 1));
  CHECK(values[1] == Approx(decayed).epsilon(1e-5));
  optimizer.settle(std::span(&block, 1));  // nothing is owed any more
  CHECK(values[1] == Approx(decayed).epsilon(1e-5));
}

TEMPLATE_TEST_CASE("a decay that takes the whole weight is refused, not a NaN", "[optimizers]", Sgd,
                   Adagrad, RowAdagrad, AdamW) {
  Table table(Rows::sparse);
  table.set_gradients(1);
  ParameterBlock block = table.block();
  TestType optimizer({.weight_decay = 0.5f});
  for (const float rate : {2.0f, 3.0f, std::nanf("")}) {
    CHECK_THROWS_AS(optimizer.step(std::span(&block, 1), rate), InputError);
    CHECK_THROWS_WITH(optimizer.step(std::span(&block, 1), rate),
                      Catch::Contains("with weight decay 0.5") && Catch::Contains("below 1"));
  }
  CHECK(table.values == std::vector<float>(cells, 1.0f));
  optimizer.step(std::span(&block, 1), 1.9f);
  for (const float value : table.values) REQUIRE(std::isfinite(value));
  TestType without_decay({.weight_decay = 0.0f});
  without_decay.step(std::span(&block, 1), 3.0f);
}

TEST_CASE("defaults are those of the papers and of PyTorch", "[optimizers]") {
  CHECK(AdamWOptions{}.weight_decay == 0.01f);
  CHECK(AdamWOptions{}.beta1 == 0.9f);
  CHECK(AdamWOptions{}.beta2 == 0.999f);
  CHECK(AdamWOptions{}.epsilon == 1e-8f);
  CHECK(AdagradOptions{}.weight_decay == 0.0f);
  CHECK(AdagradOptions{}.epsilon == 1e-6f);
  CHECK(RowAdagradOptions{}.weight_decay == 0.0f);
  CHECK(RowAdagradOptions{}.epsilon == 1e-6f);
  CHECK(SgdOptions{}.weight_decay == 0.0f);
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
                   Adagrad, RowAdagrad, AdamW) {
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

// ---- clipping and threads

namespace {

/// Dense and row-sparse blocks, some large enough to be cut up for threads.
struct Model {
  struct Block {
    std::string name;
    Rows access;
    std::int64_t rows, width;
    std::vector<float> values, gradient;
    std::vector<std::int32_t> touched;
  };
  std::vector<Block> parts;

  Model() {
    // A matrix of several parts and an odd rest; a wide row that is a part alone; a bias; rows of
    // which a third are touched, of several parts; rows of which none is touched.
    add("matrix", Rows::dense, 701, 301, 1);
    add("wide", Rows::dense, 2, 70001, 1);
    add("bias", Rows::dense, 1, 5, 1);
    add("words", Rows::sparse, 1500, 170, 3);
    add("unused", Rows::sparse, 10, 4, 0);
  }
  void add(const char* name, Rows access, std::int64_t n, std::int64_t w, int every) {
    Block block{name, access, n, w, std::vector<float>(static_cast<std::size_t>(n * w), 1.0f),
                {},   {}};
    for (std::int64_t row = n - 1; access == Rows::sparse && every > 0 && row >= 0; row -= every)
      block.touched.push_back(static_cast<std::int32_t>(row));
    const auto gradients =
        access == Rows::dense ? n : static_cast<std::int64_t>(block.touched.size());
    block.gradient.resize(static_cast<std::size_t>(gradients * w));
    parts.push_back(std::move(block));
  }
  /// Those of step t. Blocks of different sizes of gradients, so that each counts.
  void set_gradients(int t, float scale = 1.0f) {
    std::uint64_t number = 0;
    for (Block& part : parts) {
      CounterRng rng(4, RandomPurpose::resampling, static_cast<std::uint64_t>(t), number++);
      const float size = number % 2 == 0 ? 0.3f : 2.0f;
      for (float& g : part.gradient) g = scale * (size * rng.normal());
    }
  }
  std::vector<ParameterBlock> blocks() {
    std::vector<ParameterBlock> blocks;
    for (Block& part : parts)
      blocks.push_back({part.name, part.values, part.rows, part.width, part.access, Decay::weight,
                        part.gradient, part.touched});
    return blocks;
  }
  /// Of all gradients.
  double norm() const {
    double squares = 0.0;
    for (const Block& part : parts) {
      for (const float g : part.gradient) squares += static_cast<double>(g) * g;
    }
    return std::sqrt(squares);
  }
  std::vector<float> values() const {
    std::vector<float> all;
    for (const Block& part : parts) all.insert(all.end(), part.values.begin(), part.values.end());
    return all;
  }
};

}  // namespace

TEST_CASE("the norm of gradients is that of all blocks together", "[optimizers]") {
  const int threads = GENERATE(1, 2, 3);
  Model model;
  model.set_gradients(1);
  const double truth = model.norm();
  double plainly = 0.0;  // the plain float loop a row, as there is one float a row
  for (const Model::Block& part : model.parts) {
    for (std::size_t i = 0; i < part.gradient.size(); i += static_cast<std::size_t>(part.width)) {
      float squares = 0.0f;
      for (std::size_t k = i; k < i + static_cast<std::size_t>(part.width); ++k)
        squares += part.gradient[k] * part.gradient[k];
      plainly += static_cast<double>(squares);
    }
  }
  const double allowed = 2.0 * std::abs(std::sqrt(plainly) - truth) + 1e-7 * truth;
  OptimizerState state({}, {.max_gradient_norm = 1.0f, .threads = threads});
  const std::vector<ParameterBlock> blocks = model.blocks();
  state.begin_step(blocks, 0.1f);
  CHECK(std::abs(state.gradient_norm() - truth) <= allowed);
  CHECK(state.gradient_scale() == static_cast<float>(1.0 / (state.gradient_norm() + 1e-6)));
  AdamW optimizer({.max_gradient_norm = 1.0f, .threads = threads});
  std::vector<ParameterBlock> again = model.blocks();
  optimizer.step(again, 0.1f);
  CHECK(optimizer.gradient_norm() == state.gradient_norm());
}

TEST_CASE("gradients are scaled where their norm is larger than allowed, and only there",
          "[optimizers]") {
  Model model;
  model.set_gradients(1);
  const double norm = model.norm();
  const std::vector<ParameterBlock> blocks = model.blocks();
  const auto scale = [&](float most) {
    OptimizerState state({}, {.max_gradient_norm = most});
    state.begin_step(blocks, 0.1f);
    return state.gradient_scale();
  };
  CHECK(scale(0.0f) == 1.0f);
  CHECK(scale(static_cast<float>(norm * 1.001)) == 1.0f);
  CHECK(scale(static_cast<float>(norm * 0.999)) == Approx(0.999).epsilon(1e-6));
  CHECK(scale(static_cast<float>(norm / 8)) == Approx(0.125).epsilon(1e-6));
  // Of each step anew.
  OptimizerState state({}, {.max_gradient_norm = static_cast<float>(norm / 2)});
  state.begin_step(blocks, 0.1f);
  CHECK(state.gradient_scale() < 1.0f);
  model.set_gradients(1, 0.1f);
  state.begin_step(blocks, 0.1f);
  CHECK(state.gradient_scale() == 1.0f);
  // Gradients of 0 have a norm of 0, and stay.
  model.set_gradients(1, 0.0f);
  state.begin_step(blocks, 0.1f);
  CHECK(state.gradient_norm() == 0.0);
  CHECK(state.gradient_scale() == 1.0f);
}

TEMPLATE_TEST_CASE("a clipped step is the step of gradients scaled by hand", "[optimizers]", Sgd,
                   Adagrad, RowAdagrad, AdamW) {
  const int threads = GENERATE(1, 2);
  Model clipped, scaled;
  TestType clipping({.weight_decay = 0.1f, .max_gradient_norm = 1.0f, .threads = threads});
  TestType plain({.weight_decay = 0.1f});
  constexpr int steps = 3;
  for (int t = 1; t <= steps; ++t) {
    clipped.set_gradients(t);
    scaled.set_gradients(t);
    const auto scale = static_cast<float>(1.0 / (scaled.norm() + 1e-6));
    REQUIRE(scale < 0.1f);
    for (Model::Block& part : scaled.parts) {
      for (float& g : part.gradient) g *= scale;
    }
    std::vector<ParameterBlock> blocks = clipped.blocks(), others = scaled.blocks();
    clipping.step(blocks, 0.05f);
    plain.step(others, 0.05f);
  }
  // Both round the weights, of about 1, twice a step to 2^-24, after updates of about the rate, 0.05,
  // that differ in a few last places.
  const std::vector<float> a = clipped.values(), b = scaled.values();
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  bool moved = false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - b[i]));
    moved |= a[i] != 1.0f;
  }
  CHECK(moved);
  CHECK(worst <= steps * 4.0 * 0x1p-24);
}

TEMPLATE_TEST_CASE("threads change no bit of a step", "[optimizers]", Sgd, Adagrad, RowAdagrad,
                   AdamW) {
  const float most = GENERATE(0.0f, 1.0f);
  const auto trained = [&](int threads) {
    Model model;
    TestType optimizer({.weight_decay = 0.1f, .max_gradient_norm = most, .threads = threads});
    for (int t = 1; t <= 3; ++t) {
      model.set_gradients(t);
      std::vector<ParameterBlock> blocks = model.blocks();
      optimizer.step(blocks, 0.05f);
    }
    std::vector<ParameterBlock> blocks = model.blocks();
    optimizer.settle(blocks);
    return model.values();
  };
  const std::vector<float> alone = trained(1);
  CHECK((trained(2) == alone));  // in brackets: half a million floats are no message
  CHECK((trained(3) == alone));
}
