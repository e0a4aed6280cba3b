// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of the CUDA encoder beside their formulas, each written out once as a plain loop: in double it
// is the truth, in float it shows what error a plain loop has anyway. A Runner (row_twin.hpp) says where
// arrays lie; verdicts come back as text, so that either test harness can report them. Include the kernels
// before.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"

namespace candist::testing {

using Floats = std::vector<float>;

/// Random values, some of them far larger than the others.
inline Floats random_floats(std::int64_t n, std::uint64_t seed, float scale = 1.0f,
                            float offset = 0.0f) {
  CounterRng rng(seed, RandomPurpose::resampling, static_cast<std::uint64_t>(n));
  Floats values(static_cast<std::size_t>(n));
  for (float& v : values)
    v = offset + scale * rng.normal() * (rng.uniform() < 0.02f ? 10.0f : 1.0f);
  return values;
}

inline bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

/// Half a unit in the last place of a storage type, as a share of the number; of float, whose rounding
/// the plain loop has as well, 0.
template <class T>
constexpr double storage_rounding = sizeof(T) == sizeof(float) ? 0.0 : 0x1p-8 * 1.001;

/// Our largest error is to be at most twice that of the plain float loop. Errors count in shares of the
/// largest true entry of their array, beyond the rounding to the storage type, and the largest is taken
/// over many arrays: of a few numbers a plain loop may happen to hit each.
class Closeness {
 public:
  explicit Closeness(std::string what) : what_(std::move(what)) {}

  void add(const std::string& where, const Floats& ours, const std::vector<double>& truth,
           const Floats& plain, double rounding = 0.0) {
    ++arrays_;
    if (ours.size() != truth.size() || plain.size() != truth.size()) {
      sizes_differ_ = true;
      return;
    }
    double largest = 0.0;
    for (const double v : truth) largest = std::max(largest, std::abs(v));
    if (largest == 0.0) largest = 1.0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      theirs_ = std::max(theirs_, std::abs(plain[i] - truth[i]) / largest);
      const double error = (std::abs(ours[i] - truth[i]) - rounding * std::abs(truth[i])) / largest;
      if (error <= ours_) continue;
      ours_ = error;  // also where it is NaN: then it stays
      worst_ = where + ", index " + std::to_string(i) + ": " + std::to_string(ours[i]) +
               " against " + std::to_string(truth[i]);
    }
  }
  /// "" or what is wrong.
  std::string verdict() const {
    if (arrays_ > 0 && !sizes_differ_ && ours_ <= 2.0 * theirs_) return "";
    return what_ + ", " + worst_ + (sizes_differ_ ? " (sizes differ)" : "") + ", " + figures() +
           "\n";
  }
  std::string figures() const {
    char text[100];
    std::snprintf(text, sizeof text, "error %.3g, of the plain loop %.3g: %.0f %% of allowed",
                  ours_, theirs_, 50.0 * ours_ / theirs_);
    return text;
  }
  const std::string& what() const { return what_; }

 private:
  std::string what_, worst_;
  double ours_ = 0.0;
  double theirs_ = 0.0;
  int arrays_ = 0;
  bool sizes_differ_ = false;
};

template <class Real>
std::vector<Real> as(const Floats& values) {
  return {values.begin(), values.end()};
}

// ---- dropout

/// The words of kernels/dropout.hpp as a scalar loop.
template <class Dropout>
Floats plain_factors(const Dropout& dropout, std::int64_t row, std::int64_t count) {
  CounterRng rng(dropout.seed, RandomPurpose::unit_dropout, dropout.step,
                 (std::uint64_t{dropout.site} << 40) + static_cast<std::uint64_t>(row));
  std::vector<std::uint32_t> stream;  // block b of the stream is its words [4 b, 4 b + 4)
  Floats factors;
  for (std::int64_t unit = 0; unit < count; ++unit) {
    const std::int64_t half = unit % 128 / 16;
    const std::int64_t block = 16 * (unit / 128) + unit % 16;
    const auto word = static_cast<std::size_t>(4 * block + half / 2);
    while (stream.size() <= word) stream.push_back(rng.bits());
    const std::uint32_t bits = half % 2 == 0 ? stream[word] & 0xFFFF : stream[word] >> 16;
    factors.push_back(bits < dropout.threshold ? 0.0f : dropout.factor);
  }
  return factors;
}

// ---- layer_norm

/// The norm of rows that are already summed up; no factors: nothing is dropped behind it.
template <class Real>
struct PlainNorm {
  std::vector<Real> mean, scale, out;

  PlainNorm(std::int64_t rows, int width, const Floats& sum, const Floats& gamma,
            const Floats& beta, float epsilon, const Floats& factors) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* x = sum.data() + r * width;
      Real total = 0, squares = 0;
      for (int k = 0; k < width; ++k) total += static_cast<Real>(x[k]);
      mean.push_back(total / static_cast<Real>(width));
      for (int k = 0; k < width; ++k) {
        const Real d = static_cast<Real>(x[k]) - mean.back();
        squares += d * d;
      }
      scale.push_back(1 /
                      std::sqrt(squares / static_cast<Real>(width) + static_cast<Real>(epsilon)));
      for (int k = 0; k < width; ++k) {
        const auto i = static_cast<std::size_t>(k);
        Real y =
            (static_cast<Real>(x[k]) - mean.back()) * scale.back() * static_cast<Real>(gamma[i]) +
            static_cast<Real>(beta[i]);
        if (!factors.empty())
          y *= static_cast<Real>(factors[static_cast<std::size_t>(r * width + k)]);
        out.push_back(y);
      }
    }
  }
};

template <class Real>
struct PlainNormGradients {
  std::vector<Real> dsum, dgamma, dbeta;

  /// dout is that of the norm itself. Adds to given gradients.
  PlainNormGradients(std::int64_t rows, int width, const Floats& sum, const Floats& gamma,
                     const PlainNorm<Real>& norm, const std::vector<Real>& dout,
                     const Floats& dgamma_before, const Floats& dbeta_before)
      : dgamma(as<Real>(dgamma_before)), dbeta(as<Real>(dbeta_before)) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto row = static_cast<std::size_t>(r);
      const auto at = [&](int k) { return static_cast<std::size_t>(r * width + k); };
      const auto normal = [&](int k) {
        return (static_cast<Real>(sum[at(k)]) - norm.mean[row]) * norm.scale[row];
      };
      const auto weighted = [&](int k) {
        return dout[at(k)] * static_cast<Real>(gamma[static_cast<std::size_t>(k)]);
      };
      Real plain = 0, along = 0;
      for (int k = 0; k < width; ++k) {
        dgamma[static_cast<std::size_t>(k)] += dout[at(k)] * normal(k);
        dbeta[static_cast<std::size_t>(k)] += dout[at(k)];
        plain += weighted(k);
        along += weighted(k) * normal(k);
      }
      plain /= static_cast<Real>(width);
      along /= static_cast<Real>(width);
      for (int k = 0; k < width; ++k)
        dsum.push_back((weighted(k) - plain - normal(k) * along) * norm.scale[row]);
    }
  }
};

/// What a test of the norm goes through.
struct NormCase {
  std::int64_t rows = 1;
  int width = 1;
  bool with_residual = true;
  bool drops = false;
  DropoutPlace place = DropoutPlace::branch;
  bool with_ids = true;
  bool step_on_device = false;
  std::int64_t shift = 0;  ///< elements by which rows begin behind a multiple of 16 bytes
  float offset = 0.0f;     ///< of the values

  std::string name() const {
    return "N " + std::to_string(rows) + ", D " + std::to_string(width) +
           (with_residual ? ", residual" : "") +
           (!drops                          ? ""
            : place == DropoutPlace::branch ? ", drops branch"
                                            : ", drops output") +
           (shift > 0 ? ", not aligned" : "");
  }
  UnitDropout dropout() const {
    return drops ? UnitDropout::of(0.3f, 0xFEDCBA9876543210u, 5, 6) : UnitDropout{};
  }
  std::vector<std::int64_t> ids() const {
    std::vector<std::int64_t> all;
    for (std::int64_t r = 0; r < rows; ++r)
      all.push_back(with_ids ? (r * 37 + 40) % 101 + (r == 1 ? std::int64_t{1} << 33 : 0) : r);
    return all;
  }
  /// Of all units; empty where nothing is dropped.
  Floats factors() const {
    Floats all;
    if (!drops) return all;
    for (const std::int64_t id : ids()) {
      const Floats row = plain_factors(dropout(), id, width);
      all.insert(all.end(), row.begin(), row.end());
    }
    return all;
  }
};

/// A norm's errors over many cases.
struct NormCloseness {
  Closeness sum{"sum"}, mean{"mean"}, scale{"scale"}, out{"out"};
  Closeness dsum{"dsum"}, dbranch{"dbranch"}, dgamma{"dgamma"}, dbeta{"dbeta"};
  std::string others;  ///< all other complaints

  std::vector<const Closeness*> all() const {
    return {&sum, &mean, &scale, &out, &dsum, &dbranch, &dgamma, &dbeta};
  }
  std::string verdict() const {
    std::string text = others;
    for (const Closeness* one : all()) text += one->verdict();
    return text;
  }
};

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Values in an array of the runner that begins `shift` elements behind a multiple of 16 bytes, and
/// what they are there.
template <class T, class Runner>
auto shifted(Runner& runner, Floats values, std::int64_t shift) {
  values.insert(values.begin(), static_cast<std::size_t>(shift), 9.0f);
  auto there = runner.template logits<T>(values);
  there.pointer += shift;
  there.values.erase(there.values.begin(), there.values.begin() + shift);
  return there;
}
/// Room for `count`, all of it NaN.
template <class T, class Runner>
T* poisoned(Runner& runner, std::int64_t count, std::int64_t shift = 0) {
  return shifted<T>(runner, Floats(static_cast<std::size_t>(count), not_a_number), shift).pointer;
}

template <class T>
struct NormRun {
  Floats sum, mean, scale, out, dsum, dbranch, dgamma, dbeta;

  bool operator==(const NormRun& other) const {
    return same_bits(sum, other.sum) && same_bits(mean, other.mean) &&
           same_bits(scale, other.scale) && same_bits(out, other.out) &&
           same_bits(dsum, other.dsum) && same_bits(dbranch, other.dbranch) &&
           same_bits(dgamma, other.dgamma) && same_bits(dbeta, other.dbeta);
  }
};

/// Forward and backward once; out, sum, ... come back.
template <class T, class Runner>
NormRun<T> run_norm(Runner& runner, const NormCase& c, const T* residual, const T* branch,
                    const Floats& gamma, const Floats& beta, const T* dout, const Floats& dgamma,
                    const Floats& dbeta, float epsilon) {
  const std::int64_t cells = c.rows * c.width;
  NormBatch<T> batch;
  batch.rows = c.rows;
  batch.width = c.width;
  batch.gamma = runner.upload(gamma);
  batch.beta = runner.upload(beta);
  batch.epsilon = epsilon;
  batch.dropout = c.dropout();
  if (c.step_on_device) {
    batch.dropout.device_step = runner.upload(std::vector<std::uint64_t>{batch.dropout.step});
    batch.dropout.step = 77;
  }
  batch.place = c.place;
  batch.row_ids = c.with_ids ? runner.upload(c.ids()) : nullptr;
  batch.sum = poisoned<T>(runner, cells, c.shift);
  batch.mean = poisoned<float>(runner, c.rows);
  batch.scale = poisoned<float>(runner, c.rows);
  T* out = poisoned<T>(runner, cells, c.shift);
  layer_norm(batch, residual, branch, out, nullptr);

  const bool branch_apart = c.drops && c.place == DropoutPlace::branch;
  const auto partials = NormGradients<T>::partial_count(c.rows, c.width);
  NormGradients<T> g;
  g.dout = dout;
  g.dsum = poisoned<T>(runner, cells, c.shift);
  g.dbranch = branch_apart ? poisoned<T>(runner, cells, c.shift) : nullptr;
  g.dgamma = runner.upload(dgamma);
  g.dbeta = runner.upload(dbeta);
  g.partials = poisoned<float>(runner, static_cast<std::int64_t>(partials));
  layer_norm_backward(batch, g, nullptr);
  const auto count = static_cast<std::size_t>(cells);
  const auto rows = static_cast<std::size_t>(c.rows);
  return {runner.floats(batch.sum, count),
          runner.floats(batch.mean, rows),
          runner.floats(batch.scale, rows),
          runner.floats(out, count),
          runner.floats(g.dsum, count),
          branch_apart ? runner.floats(g.dbranch, count) : Floats{},
          runner.floats(g.dgamma, gamma.size()),
          runner.floats(g.dbeta, beta.size())};
}

/// Runs the case twice, on `runner`, and adds its errors. The norm's own truth begins with the sums as
/// they were stored.
template <class T, class Runner>
void compare_norm(Runner& runner, const NormCase& c, NormCloseness& closeness) {
  const std::int64_t cells = c.rows * c.width;
  constexpr float epsilon = 1e-12f;
  const auto residual = shifted<T>(runner, random_floats(cells, 1), c.shift);
  const auto branch = shifted<T>(runner, random_floats(cells, 2, 1.0f, c.offset), c.shift);
  const auto dout = shifted<T>(runner, random_floats(cells, 3), c.shift);
  const Floats gamma = random_floats(c.width, 4, 0.3f, 1.0f),
               beta = random_floats(c.width, 5, 0.3f);
  const Floats dgamma = random_floats(c.width, 6), dbeta = random_floats(c.width, 7);
  const auto run = [&] {
    return run_norm<T>(runner, c, c.with_residual ? residual.pointer : nullptr, branch.pointer,
                       gamma, beta, dout.pointer, dgamma, dbeta, epsilon);
  };
  const NormRun<T> ours = run();
  if (!(ours == run())) closeness.others += c.name() + ": two runs differ\n";

  const Floats factors = c.factors();
  const bool drops_branch = c.drops && c.place == DropoutPlace::branch;
  const Floats none;
  const Floats& behind = c.drops && !drops_branch ? factors : none;
  const double rounding = storage_rounding<T>;
  const auto truth_and_plain = [&]<class Real>(Real) {
    std::vector<Real> sum, d, dbranch;
    for (std::size_t i = 0; i < branch.values.size(); ++i) {
      Real x = static_cast<Real>(branch.values[i]);
      if (drops_branch) x *= static_cast<Real>(factors[i]);
      if (c.with_residual) x += static_cast<Real>(residual.values[i]);
      sum.push_back(x);
      d.push_back(static_cast<Real>(dout.values[i]) *
                  (behind.empty() ? 1 : static_cast<Real>(behind[i])));
    }
    const PlainNorm<Real> norm(c.rows, c.width, ours.sum, gamma, beta, epsilon, behind);
    const PlainNormGradients<Real> g(c.rows, c.width, ours.sum, gamma, norm, d, dgamma, dbeta);
    if (drops_branch) {
      for (std::size_t i = 0; i < factors.size(); ++i)
        dbranch.push_back(g.dsum[i] * static_cast<Real>(factors[i]));
    }
    return std::vector<std::vector<Real>>{sum,    norm.mean, norm.scale, norm.out,
                                          g.dsum, dbranch,   g.dgamma,   g.dbeta};
  };
  const auto truth = truth_and_plain(0.0);
  const auto plain = truth_and_plain(0.0f);
  closeness.sum.add(c.name(), ours.sum, truth[0], plain[0], rounding);
  closeness.mean.add(c.name(), ours.mean, truth[1], plain[1]);
  closeness.scale.add(c.name(), ours.scale, truth[2], plain[2]);
  closeness.out.add(c.name(), ours.out, truth[3], plain[3], rounding);
  closeness.dsum.add(c.name(), ours.dsum, truth[4], plain[4], rounding);
  closeness.dbranch.add(c.name(), ours.dbranch, truth[5], plain[5], rounding);
  closeness.dgamma.add(c.name(), ours.dgamma, truth[6], plain[6]);
  closeness.dbeta.add(c.name(), ours.dbeta, truth[7], plain[7]);
}

/// D = 1: what is normalised is 0, whatever the input.
template <class Runner>
std::string compare_norm_of_one(Runner& runner) {
  const NormCase c{.rows = 6, .width = 1};
  const Floats x = random_floats(6, 1), zeros(1);
  const NormRun<float> run =
      run_norm<float>(runner, c, runner.upload(x), runner.upload(x), {0.7f}, {1.3f},
                      runner.upload(random_floats(6, 2)), zeros, zeros, 1e-5f);
  std::string wrong;
  for (const float v : run.out) wrong += v == 1.3f ? "" : "out " + std::to_string(v) + "\n";
  for (const float v : run.dgamma) wrong += v == 0.0f ? "" : "dgamma " + std::to_string(v) + "\n";
  for (const float v : run.dsum)
    wrong += std::abs(v) < 1e-3f ? "" : "dsum " + std::to_string(v) + "\n";
  return wrong;
}

// ---- embedding

struct EmbeddingCase {
  std::int64_t tokens = 1;
  int width = 8;
  bool drops = false;
  bool with_types = false;
  std::int64_t shift = 0;

  std::string name() const {
    return "T " + std::to_string(tokens) + ", D " + std::to_string(width) +
           (drops ? ", drops" : "") + (with_types ? ", types" : "") +
           (shift > 0 ? ", not aligned" : "");
  }
  NormCase norm() const {
    return {.rows = tokens,
            .width = width,
            .drops = drops,
            .place = DropoutPlace::output,
            .shift = shift};
  }
  static constexpr int vocabulary = 60;
  static constexpr int places = 11;
  /// A third of the tokens have one word, the others any.
  std::vector<std::int32_t> words() const {
    CounterRng rng(3, RandomPurpose::resampling, static_cast<std::uint64_t>(tokens));
    std::vector<std::int32_t> ids;
    for (std::int64_t t = 0; t < tokens; ++t)
      ids.push_back(rng.below(3) == 0 ? 7 : static_cast<std::int32_t>(rng.below(vocabulary)));
    return ids;
  }
  std::vector<std::int32_t> positions() const {
    std::vector<std::int32_t> ids;
    for (std::int64_t t = 0; t < tokens; ++t) ids.push_back(static_cast<std::int32_t>(t % places));
    return ids;
  }
  std::vector<std::int32_t> types() const {
    std::vector<std::int32_t> ids;
    for (std::int64_t t = 0; t < tokens; ++t) ids.push_back(with_types && t % 5 > 2 ? 1 : 0);
    return ids;
  }
};

struct EmbeddingCloseness {
  Closeness sum{"sum"}, out{"out"}, dsum{"dsum"}, dgamma{"dgamma"}, dbeta{"dbeta"};
  Closeness dwords{"dwords"}, dpositions{"dpositions"}, dtypes{"dtypes"};
  std::string others;

  std::vector<const Closeness*> all() const {
    return {&sum, &out, &dsum, &dgamma, &dbeta, &dwords, &dpositions, &dtypes};
  }
  std::string verdict() const {
    std::string text = others;
    for (const Closeness* one : all()) text += one->verdict();
    return text;
  }
};

/// The order of a table's tokens, where the runner has arrays, with room for one row more.
template <class Runner>
TokensByRow upload(Runner& runner, const TokenOrder& order) {
  std::vector<std::int32_t> spanning = order.spanning_rows;
  spanning.push_back(-1);
  TokensByRow by_row;
  by_row.tokens = static_cast<std::int64_t>(order.order.size());
  by_row.rows = static_cast<std::int64_t>(order.touched.size());
  by_row.spanning = static_cast<std::int64_t>(spanning.size());
  by_row.order = runner.upload(order.order);
  by_row.begins = runner.upload(order.begins);
  by_row.first_rows = runner.upload(order.first_rows);
  by_row.spanning_rows = runner.upload(spanning);
  return by_row;
}

struct EmbeddingRun {
  Floats sum, out, dsum, dgamma, dbeta;
  Floats tables[3];  ///< gradients of words, positions, types
};

template <class T, class Table, class Runner>
EmbeddingRun run_embedding(Runner& runner, const EmbeddingCase& c, const Table* const (&tables)[3],
                           const Floats& gamma, const Floats& beta, const T* dout,
                           const Floats& dgamma, const Floats& dbeta) {
  const std::int64_t cells = c.tokens * c.width;
  const auto size = static_cast<std::size_t>(cells);
  const std::vector<std::int32_t> ids[3] = {c.words(), c.positions(), c.types()};
  EmbeddingBatch<T, Table> batch;
  NormBatch<T>& norm = batch.norm;
  norm.rows = c.tokens;
  norm.width = c.width;
  norm.gamma = runner.upload(gamma);
  norm.beta = runner.upload(beta);
  norm.dropout = c.norm().dropout();
  norm.row_ids = runner.upload(c.norm().ids());
  norm.sum = poisoned<T>(runner, cells, c.shift);
  norm.mean = poisoned<float>(runner, c.tokens);
  norm.scale = poisoned<float>(runner, c.tokens);
  batch.words = tables[0];
  batch.positions = tables[1];
  batch.types = tables[2];
  batch.word_ids = runner.upload(ids[0]);
  batch.position_ids = runner.upload(ids[1]);
  batch.type_ids = c.with_types ? runner.upload(ids[2]) : nullptr;
  T* out = poisoned<T>(runner, cells, c.shift);
  embed(batch, out, nullptr);

  NormGradients<T> g;
  g.dout = dout;
  g.dsum = poisoned<T>(runner, cells, c.shift);
  g.dgamma = runner.upload(dgamma);
  g.dbeta = runner.upload(dbeta);
  g.partials = poisoned<float>(
      runner, static_cast<std::int64_t>(NormGradients<T>::partial_count(c.tokens, c.width)));
  std::vector<TableGradient> gradients;
  for (const auto& list : ids) {
    const TokenOrder order(list);
    gradients.push_back(
        {upload(runner, order),
         poisoned<float>(runner, static_cast<std::int64_t>(order.touched.size()) * c.width)});
  }
  float* partials = poisoned<float>(
      runner, static_cast<std::int64_t>(TokensByRow::partial_count(c.tokens, c.width)));
  embed_backward(norm, g, std::span<const TableGradient>(gradients), partials, nullptr);
  EmbeddingRun run{runner.floats(norm.sum, size),       runner.floats(out, size),
                   runner.floats(g.dsum, size),         runner.floats(g.dgamma, gamma.size()),
                   runner.floats(g.dbeta, beta.size()), {}};
  for (std::size_t table = 0; table < 3; ++table) {
    run.tables[table] =
        runner.floats(gradients[table].gradient,
                      static_cast<std::size_t>(gradients[table].tokens.rows * c.width));
  }
  return run;
}

template <class T, class Table, class Runner>
void compare_embedding(Runner& runner, const EmbeddingCase& c, EmbeddingCloseness& closeness) {
  const std::int64_t cells = c.tokens * c.width;
  const auto words = runner.template logits<Table>(random_floats(c.vocabulary * c.width, 1));
  const auto places = runner.template logits<Table>(random_floats(c.places * c.width, 2));
  const auto types = runner.template logits<Table>(random_floats(2 * c.width, 3));
  const auto dout = shifted<T>(runner, random_floats(cells, 4), c.shift);
  const Floats gamma = random_floats(c.width, 5, 0.3f, 1.0f), beta = random_floats(c.width, 6),
               dgamma = random_floats(c.width, 7), dbeta = random_floats(c.width, 8);
  const Table* const tables[3] = {words.pointer, places.pointer, types.pointer};
  const auto run = [&] {
    return run_embedding<T, Table>(runner, c, tables, gamma, beta, dout.pointer, dgamma, dbeta);
  };
  const EmbeddingRun ours = run(), again = run();
  bool same = same_bits(ours.out, again.out) && same_bits(ours.dgamma, again.dgamma) &&
              same_bits(ours.dsum, again.dsum) && same_bits(ours.dbeta, again.dbeta);
  for (std::size_t table = 0; table < 3; ++table)
    same = same && same_bits(ours.tables[table], again.tables[table]);
  if (!same) closeness.others += c.name() + ": two runs differ\n";

  const std::vector<std::int32_t> ids[3] = {c.words(), c.positions(), c.types()};
  const Floats factors = c.norm().factors();
  const auto truth_and_plain = [&]<class Real>(Real) {
    std::vector<std::vector<Real>> all(8);
    std::vector<Real> d;
    for (std::int64_t t = 0; t < c.tokens; ++t) {
      const auto token = static_cast<std::size_t>(t);
      for (int k = 0; k < c.width; ++k) {
        const auto from = [&](const Floats& table, std::int32_t id) {
          return static_cast<Real>(table[static_cast<std::size_t>(id * c.width + k)]);
        };
        all[0].push_back((from(words.values, ids[0][token]) + from(types.values, ids[2][token])) +
                         from(places.values, ids[1][token]));
        const auto i = static_cast<std::size_t>(t * c.width + k);
        d.push_back(static_cast<Real>(dout.values[i]) *
                    (factors.empty() ? 1 : static_cast<Real>(factors[i])));
      }
    }
    const PlainNorm<Real> norm(c.tokens, c.width, ours.sum, gamma, beta, 1e-12f, factors);
    const PlainNormGradients<Real> g(c.tokens, c.width, ours.sum, gamma, norm, d, dgamma, dbeta);
    all[1] = norm.out;
    all[2] = g.dsum;
    all[3] = g.dgamma;
    all[4] = g.dbeta;
    for (std::size_t table = 0; table < 3; ++table) {
      const TokenOrder order(ids[table]);
      std::vector<Real>& sums = all[5 + table];
      sums.resize(order.touched.size() * static_cast<std::size_t>(c.width));
      for (std::size_t t = 0; t < ids[table].size(); ++t) {
        const auto row = static_cast<std::size_t>(
            std::lower_bound(order.touched.begin(), order.touched.end(), ids[table][t]) -
            order.touched.begin());
        for (std::size_t k = 0; k < static_cast<std::size_t>(c.width); ++k)
          sums[row * static_cast<std::size_t>(c.width) + k] +=
              static_cast<Real>(ours.dsum[t * static_cast<std::size_t>(c.width) + k]);
      }
    }
    return all;
  };
  const auto truth = truth_and_plain(0.0);
  const auto plain = truth_and_plain(0.0f);
  const double rounding = storage_rounding<T>;
  closeness.sum.add(c.name(), ours.sum, truth[0], plain[0], rounding);
  closeness.out.add(c.name(), ours.out, truth[1], plain[1], rounding);
  closeness.dsum.add(c.name(), ours.dsum, truth[2], plain[2], rounding);
  closeness.dgamma.add(c.name(), ours.dgamma, truth[3], plain[3]);
  closeness.dbeta.add(c.name(), ours.dbeta, truth[4], plain[4]);
  closeness.dwords.add(c.name(), ours.tables[0], truth[5], plain[5]);
  closeness.dpositions.add(c.name(), ours.tables[1], truth[6], plain[6]);
  closeness.dtypes.add(c.name(), ours.tables[2], truth[7], plain[7]);
}

// ---- gelu

template <class Real>
Real plain_gelu(Real x) {
  return x * (Real(0.5) * std::erfc(-x * static_cast<Real>(0.70710678118654752440)));
}
template <class Real>
Real plain_gelu_slope(Real x) {
  return Real(0.5) * std::erfc(-x * static_cast<Real>(0.70710678118654752440)) +
         x * std::exp(Real(-0.5) * x * x) * static_cast<Real>(0.39894228040143267794);
}

struct GeluCase {
  std::int64_t rows = 1;
  int width = 1;
  bool with_bias = true;
  std::int64_t shift = 0;

  std::string name() const {
    return "N " + std::to_string(rows) + ", F " + std::to_string(width) +
           (with_bias ? "" : ", no bias") + (shift > 0 ? ", not aligned" : "");
  }
};
struct GeluCloseness {
  Closeness out{"out"}, dx{"dx"}, dbias{"dbias"}, alone{"bias_gradient"};
  std::string others;

  std::vector<const Closeness*> all() const { return {&out, &dx, &dbias, &alone}; }
  std::string verdict() const {
    std::string text = others;
    for (const Closeness* one : all()) text += one->verdict();
    return text;
  }
};

template <class T, class Runner>
void compare_gelu(Runner& runner, const GeluCase& c, GeluCloseness& closeness) {
  const std::int64_t cells = c.rows * c.width;
  const auto size = static_cast<std::size_t>(cells);
  const auto columns = static_cast<std::size_t>(c.width);
  const auto x = shifted<T>(runner, random_floats(cells, 1), c.shift);
  const auto dout = shifted<T>(runner, random_floats(cells, 2), c.shift);
  const Floats bias = c.with_bias ? random_floats(c.width, 3) : Floats(columns),
               before = random_floats(c.width, 4);
  struct Run {
    Floats out, dx, dbias, alone;
  };
  const auto run = [&] {
    GeluBatch<T> batch;
    batch.rows = c.rows;
    batch.width = c.width;
    batch.x = x.pointer;
    batch.bias = c.with_bias ? runner.upload(bias) : nullptr;
    T* out = poisoned<T>(runner, cells, c.shift);
    bias_gelu(batch, out, nullptr);
    GeluGradients<T> g;
    g.dout = dout.pointer;
    g.dx = poisoned<T>(runner, cells, c.shift);
    g.dbias = runner.upload(before);
    g.partials = poisoned<float>(
        runner, static_cast<std::int64_t>(GeluGradients<T>::partial_count(c.rows, c.width)));
    bias_gelu_backward(batch, g, nullptr);
    GeluGradients<T> alone = g;
    alone.dx = nullptr;
    alone.dbias = runner.upload(before);
    bias_gradient(c.rows, c.width, alone, nullptr);
    return Run{runner.floats(out, size), runner.floats(g.dx, size), runner.floats(g.dbias, columns),
               runner.floats(alone.dbias, columns)};
  };
  const Run ours = run(), again = run();
  if (!same_bits(ours.out, again.out) || !same_bits(ours.dx, again.dx) ||
      !same_bits(ours.dbias, again.dbias) || !same_bits(ours.alone, again.alone))
    closeness.others += c.name() + ": two runs differ\n";
  const auto truth_and_plain = [&]<class Real>(Real) {
    std::vector<std::vector<Real>> all{{}, {}, as<Real>(before), as<Real>(before)};
    for (std::size_t i = 0; i < size; ++i) {
      const Real sum = static_cast<Real>(x.values[i]) + static_cast<Real>(bias[i % columns]);
      const auto d = static_cast<Real>(dout.values[i]);
      all[0].push_back(plain_gelu(sum));
      all[1].push_back(d * plain_gelu_slope(sum));
      all[2][i % columns] += all[1].back();
      all[3][i % columns] += d;
    }
    return all;
  };
  const auto truth = truth_and_plain(0.0);
  const auto plain = truth_and_plain(0.0f);
  // Four units in the last place, where erfc is better than any formula of one exponential: as the host's
  // kernel is allowed, and as compare_gelu_range looks into more closely.
  const double rounding = storage_rounding<T> + 4.0 * 0x1p-23;
  closeness.out.add(c.name(), ours.out, truth[0], plain[0], rounding);
  closeness.dx.add(c.name(), ours.dx, truth[1], plain[1], rounding);
  closeness.dbias.add(c.name(), ours.dbias, truth[2], plain[2]);
  closeness.alone.add(c.name(), ours.alone, truth[3], plain[3]);
}

/// Relative errors of gelu and, in shares of its terms, of its slope, all over the range: each quarter at
/// most twice that of the plain loop, or 4 units in the last place as the host's is allowed.
template <class Runner>
std::string compare_gelu_range(Runner& runner, int numbers) {
  std::string wrong;
  for (float from = -12.75f; from < 13.0f; from += 0.25f) {
    Floats x;
    for (int i = 0; i < numbers; ++i)
      x.push_back(from + 0.25f * static_cast<float>(i) / static_cast<float>(numbers));
    GeluBatch<float> batch;
    batch.rows = 1;
    batch.width = numbers;
    batch.x = runner.upload(x);
    float* out = poisoned<float>(runner, numbers);
    bias_gelu(batch, out, nullptr);
    GeluGradients<float> g;
    g.dout = runner.upload(Floats(x.size(), 1.0f));
    g.dx = poisoned<float>(runner, numbers);
    bias_gelu_backward(batch, g, nullptr);
    const Floats values = runner.floats(out, x.size()), slopes = runner.floats(g.dx, x.size());
    double ours[2] = {}, theirs[2] = {};
    const auto note = [](double& most, double error) {
      if (!(error <= most)) most = error;
    };
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      if (v != 0.0) {
        const double truth = plain_gelu(v);
        note(ours[0], std::abs(values[i] / truth - 1.0));
        note(theirs[0], std::abs(static_cast<double>(plain_gelu(x[i])) / truth - 1.0));
      }
      const double truth = plain_gelu_slope(v);
      const double terms = 0.5 * std::erfc(-v * std::sqrt(0.5)) +
                           std::abs(v) * std::exp(-0.5 * v * v) / std::sqrt(2.0 * std::acos(-1.0));
      note(ours[1], std::abs(slopes[i] - truth) / terms);
      note(theirs[1], std::abs(static_cast<double>(plain_gelu_slope(x[i])) - truth) / terms);
    }
    for (const int what : {0, 1}) {
      if (ours[what] <= std::max(2.0 * theirs[what], 4.0 * 0x1p-23)) continue;
      wrong += std::string(what == 0 ? "gelu" : "slope") + " from " + std::to_string(from) +
               ": error " + std::to_string(ours[what] * 0x1p23) + " units, of the plain loop " +
               std::to_string(theirs[what] * 0x1p23) + "\n";
    }
  }
  return wrong;
}

// ---- global_norm and adamw

struct AdamWSettings {
  float weight_decay = 0.1f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float max_gradient_norm = 0.0f;
};

/// A block of a pretended student; `touched(step)` are the rows of a sparse one.
struct TwinBlock {
  std::int64_t rows, width;
  bool sparse;
  Decay decay;

  std::vector<std::int32_t> touched(std::int64_t step) const {
    std::vector<std::int32_t> list;
    for (std::int64_t row = 0; sparse && row < rows; ++row) {
      if ((row * 7 + step * 5) % 3 == 0) list.push_back(static_cast<std::int32_t>(row));
    }
    if (sparse && rows > 4) std::swap(list.front(), list.back());  // no order is asked for
    return list;
  }
  std::int64_t gradient_rows(std::int64_t step) const {
    return sparse ? static_cast<std::int64_t>(touched(step).size()) : rows;
  }
  Floats gradient(std::int64_t step) const {
    return random_floats(gradient_rows(step) * width, static_cast<std::uint64_t>(step * 31 + width),
                         0.2f);
  }
  Floats values() const { return random_floats(rows * width, static_cast<std::uint64_t>(width)); }
};
/// Parts with whole and broken ends, more than one a block, rows of more than a part, rows that begin
/// anywhere, a block that is never touched.
inline std::vector<TwinBlock> twin_blocks() {
  return {
      {33, 17, false, Decay::weight}, {1, 5003, false, Decay::none},  {1, 1, false, Decay::weight},
      {9, 4100, true, Decay::weight}, {64, 96, false, Decay::weight}, {40, 24, true, Decay::weight},
      {50, 7, true, Decay::weight},   {700, 8, true, Decay::none},    {1, 12, true, Decay::weight}};
}

/// AdamW as the formulas have it.
template <class Real>
struct PlainAdamW {
  std::vector<TwinBlock> blocks;
  std::vector<std::vector<Real>> values, first, second;
  std::vector<std::vector<std::int64_t>> steps;
  std::vector<std::vector<double>> decayed;

  explicit PlainAdamW(const std::vector<TwinBlock>& of) : blocks(of) {
    for (const TwinBlock& block : of) {
      const auto rows = static_cast<std::size_t>(block.rows);
      values.push_back(as<Real>(block.values()));
      first.emplace_back(values.back().size());
      second.emplace_back(values.back().size());
      steps.emplace_back(rows);
      decayed.emplace_back(rows);
    }
  }
  void step(const AdamWStep& now, float scale, const std::vector<Floats>& gradients) {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const TwinBlock& block = blocks[b];
      const std::vector<std::int32_t> touched = block.touched(now.step);
      for (std::int64_t i = 0; i < block.gradient_rows(now.step); ++i) {
        const auto row =
            static_cast<std::size_t>(block.sparse ? touched[static_cast<std::size_t>(i)] : i);
        const bool decays = block.decay == Decay::weight;
        Real factor = decays ? static_cast<Real>(now.factor) : Real(1);
        Real keep1 = static_cast<Real>(now.beta1), keep2 = static_cast<Real>(now.beta2);
        if (block.sparse) {
          const auto missed = static_cast<Real>(now.step - std::exchange(steps[b][row], now.step));
          keep1 = std::pow(keep1, missed);
          keep2 = std::pow(keep2, missed);
          const double before = std::exchange(decayed[b][row], now.log_decay);
          if (decays) factor = static_cast<Real>(std::exp(now.log_decay - before));
        }
        for (std::int64_t k = 0; k < block.width; ++k) {
          const std::size_t at =
              row * static_cast<std::size_t>(block.width) + static_cast<std::size_t>(k);
          const Real g =
              static_cast<Real>(scale) *
              static_cast<Real>(gradients[b][static_cast<std::size_t>(i * block.width + k)]);
          first[b][at] = keep1 * first[b][at] + static_cast<Real>(1.0f - now.beta1) * g;
          second[b][at] = keep2 * second[b][at] + static_cast<Real>(1.0f - now.beta2) * g * g;
          values[b][at] = values[b][at] * factor -
                          static_cast<Real>(now.learning_rate) *
                              (first[b][at] / static_cast<Real>(now.correction1)) /
                              (std::sqrt(second[b][at] / static_cast<Real>(now.correction2)) +
                               static_cast<Real>(now.epsilon));
        }
      }
    }
  }
  void settle(const AdamWStep& now) {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (!blocks[b].sparse || blocks[b].decay == Decay::none) continue;
      for (std::size_t row = 0; row < decayed[b].size(); ++row) {
        const auto width = static_cast<std::size_t>(blocks[b].width);
        const auto factor = static_cast<Real>(std::exp(now.log_decay - decayed[b][row]));
        for (std::size_t k = 0; k < width; ++k) values[b][row * width + k] *= factor;
      }
    }
  }
};

struct AdamWCloseness {
  Closeness norm{"norm"}, scale{"scale"}, values{"values"}, first{"first moments"},
      second{"second moments"};
  std::string others;

  std::vector<const Closeness*> all() const { return {&norm, &scale, &values, &first, &second}; }
  std::string verdict() const {
    std::string text = others;
    for (const Closeness* one : all()) text += one->verdict();
    return text;
  }
};

/// What is left of a training by the kernels.
struct AdamWRun {
  std::vector<Floats> values, first, second, copies;
  Floats norms, scales;  ///< of every step
  std::vector<AdamWStep> steps;
};

template <class Gradient, class Runner>
AdamWRun run_adamw(Runner& runner, const std::vector<TwinBlock>& blocks,
                   const AdamWSettings& settings, int steps) {
  std::vector<DeviceBlock<Gradient>> table;
  for (const TwinBlock& block : blocks) {
    const Floats values = block.values(), zeros(values.size());
    const auto rows = static_cast<std::size_t>(block.rows);
    DeviceBlock<Gradient>& there = table.emplace_back();
    there.width = block.width;
    there.values = runner.upload(values);
    there.copy = poisoned<__nv_bfloat16>(runner, block.rows * block.width);
    there.first = runner.upload(zeros);
    there.second = runner.upload(zeros);
    there.decay = block.decay;
    there.table_rows = block.rows;
    if (block.sparse) {
      there.steps = runner.upload(std::vector<std::int64_t>(rows));
      if (block.decay == Decay::weight) there.decayed = runner.upload(std::vector<double>(rows));
    }
  }
  AdamWRun run;
  AdamWStep now;
  DeviceBlocks<Gradient> all;
  for (int s = 1; s <= steps; ++s) {
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      table[b].rows = blocks[b].gradient_rows(s);
      table[b].gradient = runner.template logits<Gradient>(blocks[b].gradient(s)).pointer;
      std::vector<std::int32_t> touched = blocks[b].touched(s);
      touched.push_back(-1);  // an empty list is still one
      if (blocks[b].sparse) table[b].touched = runner.upload(touched);
    }
    all.parts = number_parts(std::span<DeviceBlock<Gradient>>(table)) + 3;
    all.blocks = runner.upload(table);
    all.count = static_cast<int>(table.size());
    now = now.next(settings, 0.01f / static_cast<float>(s));
    run.steps.push_back(now);
    const AdamWStep* step = runner.upload(std::vector<AdamWStep>{now});
    GradientNorm* norm = runner.upload(std::vector<GradientNorm>{{not_a_number, not_a_number}});
    global_norm(all, settings.max_gradient_norm, poisoned<float>(runner, all.parts), norm, nullptr);
    adamw(all, step, &norm->scale, nullptr);
    if (s == steps) adamw_settle(all, step, nullptr);
    const GradientNorm found = runner.download(norm, 1)[0];
    run.norms.push_back(found.norm);
    run.scales.push_back(found.scale);
  }
  for (const DeviceBlock<Gradient>& block : table) {
    const auto size = static_cast<std::size_t>(block.table_rows * block.width);
    run.values.push_back(runner.floats(block.values, size));
    run.first.push_back(runner.floats(block.first, size));
    run.second.push_back(runner.floats(block.second, size));
    run.copies.push_back(runner.floats(block.copy, size));
  }
  return run;
}

/// A training of a few steps, twice on `runner`, beside the formulas.
template <class Gradient, class Runner>
void compare_adamw(Runner& runner, const AdamWSettings& settings, int steps,
                   AdamWCloseness& closeness) {
  const std::vector<TwinBlock> blocks = twin_blocks();
  const AdamWRun ours = run_adamw<Gradient>(runner, blocks, settings, steps);
  const AdamWRun again = run_adamw<Gradient>(runner, blocks, settings, steps);
  PlainAdamW<double> truth(blocks);
  PlainAdamW<float> plain(blocks);
  std::vector<double> norms, scales;
  Floats plain_norms, plain_scales;
  const auto clip = [&]<class Real>(Real norm) {
    const Real scale = static_cast<Real>(settings.max_gradient_norm) / (norm + Real(1e-6));
    return settings.max_gradient_norm > 0.0f && scale < 1 ? scale : Real(1);
  };
  for (std::size_t s = 0; s < ours.steps.size(); ++s) {
    const AdamWStep& now = ours.steps[s];
    std::vector<Floats> gradients;
    double squares = 0.0;
    float plain_squares = 0.0f;
    for (const TwinBlock& block : blocks) {
      gradients.push_back(runner.template logits<Gradient>(block.gradient(now.step)).values);
      for (const float g : gradients.back()) {
        squares += static_cast<double>(g) * g;
        plain_squares += g * g;
      }
    }
    norms.push_back(std::sqrt(squares));
    scales.push_back(clip(norms.back()));
    plain_norms.push_back(std::sqrt(plain_squares));
    plain_scales.push_back(clip(plain_norms.back()));
    truth.step(now, ours.scales[s], gradients);
    plain.step(now, ours.scales[s], gradients);
  }
  truth.settle(ours.steps.back());
  plain.settle(ours.steps.back());
  closeness.norm.add("norms", ours.norms, norms, plain_norms);
  closeness.scale.add("scales", ours.scales, scales, plain_scales);
  bool same = same_bits(ours.norms, again.norms) && same_bits(ours.scales, again.scales);
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const std::string where = "block " + std::to_string(b) + " (from 0)";
    closeness.values.add(where, ours.values[b], truth.values[b], plain.values[b]);
    closeness.first.add(where, ours.first[b], truth.first[b], plain.first[b]);
    closeness.second.add(where, ours.second[b], truth.second[b], plain.second[b]);
    same = same && same_bits(ours.values[b], again.values[b]);
    const auto rounded = runner.template logits<__nv_bfloat16>(ours.values[b]).values;
    const Floats before = blocks[b].values();
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      const bool never_touched =
          blocks[b].sparse && std::isnan(ours.copies[b][i]) && ours.values[b][i] == before[i];
      wrong += never_touched || ours.copies[b][i] == rounded[i] ? 0 : 1;
    }
    if (wrong > 0) closeness.others += where + ": the copy is not that of the values\n";
  }
  if (!same) closeness.others += "two runs differ\n";
}

}  // namespace candist::testing
