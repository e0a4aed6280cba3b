// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of a transformer layer against their formulas, each written out once as a plain loop: in
// double it is the truth, in float it shows what error the plain loop has anyway.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/kernels/dropout.hpp"
#include "candist/kernels/gelu.hpp"
#include "candist/kernels/layer_norm.hpp"
#include "candist/kernels/packed_attention.hpp"
#include "candist/kernels/wide_vectors.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

using Floats = std::vector<float>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

bool processor_has(int width) {
  if (width <= register_width()) return true;
  WARN("skipped: this processor has no registers of " << width << " floats");
  return false;
}

/// Random values, some of them far larger than the others.
Floats random_floats(std::int64_t n, std::uint64_t seed, float scale = 1.0f, float offset = 0.0f) {
  CounterRng rng(seed, RandomPurpose::resampling, static_cast<std::uint64_t>(n));
  Floats values(at(n));
  for (float& v : values)
    v = offset + scale * rng.normal() * (rng.uniform() < 0.02f ? 10.0f : 1.0f);
  return values;
}
template <class T>
std::vector<T> as(const Floats& values) {
  return {values.begin(), values.end()};
}
bool same_bits(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Our largest error is to be at most twice that of the plain float loop. Errors count in shares of the
/// largest true entry of their array, and the largest is taken over many arrays: of a few numbers a
/// plain loop may happen to hit each.
class Closeness {
 public:
  void add(const Floats& ours, const std::vector<double>& truth, const Floats& plain) {
    REQUIRE(ours.size() == truth.size());
    REQUIRE(plain.size() == truth.size());
    double largest = 0.0;
    for (const double v : truth) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < truth.size() && largest > 0.0; ++i) {
      theirs_ = std::max(theirs_, std::abs(plain[i] - truth[i]) / largest);
      const double error = std::abs(ours[i] - truth[i]) / largest;
      if (error <= ours_) continue;
      ours_ = error;  // also where it is NaN: then it stays
      worst_ = "array " + std::to_string(arrays_) + " (from 0), index " + std::to_string(i) + ": " +
               std::to_string(ours[i]) + " against " + std::to_string(truth[i]);
    }
    ++arrays_;
  }
  /// "" or what is wrong.
  std::string verdict() const {
    if (arrays_ > 0 && ours_ <= 2.0 * theirs_) return "";
    return worst_ + ", " + std::to_string(50.0 * ours_ / theirs_) + " % of allowed";
  }

 private:
  double ours_ = 0.0;
  double theirs_ = 0.0;
  int arrays_ = 0;
  std::string worst_;
};

/// d f / d x[i] by central differences of fourth order: their error is far below that of float.
template <class F>
double slope(std::vector<double>& x, std::size_t i, F&& f) {
  const double before = x[i];
  const auto difference = [&](double h) {
    x[i] = before + h;
    const double up = f();
    x[i] = before - h;
    const double down = f();
    x[i] = before;
    return (up - down) / (2 * h);
  };
  return (4 * difference(1e-3) - difference(2e-3)) / 3;
}
/// Are two gradients the same, as far as differences in double can tell? Their error is h^4 times a
/// fifth derivative, and 1e-16 / h of what is differenced: 1e-9 is beyond both.
bool same_slope(double a, double b) { return std::abs(a - b) <= 1e-9 * (1.0 + std::abs(b)); }

// ---- wide_vectors: kernels around single functions

struct ExponentialKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* x, std::int64_t n, float* out) {
    for (std::int64_t i = 0; i < n; i += 16)
      exponential(Sixteen<W>::load(x + i, n - i)).store(out + i, n - i);
  }
};
struct FoldsKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* x, float* out) {
    out[0] = candist::sum(Sixteen<W>::load(x));
    out[1] = candist::largest(Sixteen<W>::load(x));
  }
};
/// 11 rows of sixteen: what each operation makes of x, y.
struct OperationsKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* from_x, const float* from_y, float* out) {
    const Sixteen<W> x = Sixteen<W>::load(from_x);
    const Sixteen<W> y = Sixteen<W>::load(from_y);
    (x + y).store(out);
    (x - y).store(out + 16);
    (x * y).store(out + 32);
    (x / y).store(out + 48);
    (x + 2.5f).store(out + 64);
    (x * 2.5f).store(out + 80);
    larger(x, y).store(out + 96);
    smaller(x, y).store(out + 112);
    magnitude(x).store(out + 128);
    where_negative(x, x, y).store(out + 144);
    Sixteen<W>::all(7.0f).store(out + 160);
  }
};
struct LoadAndStoreKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* from, std::int64_t some, float otherwise,
                                         float* loaded, float* stored) {
    const Sixteen<W> x = Sixteen<W>::load(from, some, otherwise);
    x.store(loaded);
    x.store(stored, some);
  }
};

}  // namespace

// ---- wide_vectors

TEST_CASE("operations on sixteen floats are those on each", "[wide_vectors]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  Floats x = random_floats(16, 1), y = random_floats(16, 2);
  x[3] = 0.0f, x[5] = -0.0f, x[7] = infinity, x[9] = -infinity, x[11] = y[11];
  Floats out(176);
  run_wide_as<OperationsKernel>(width, x.data(), y.data(), out.data());
  for (std::size_t i = 0; i < 16; ++i) {
    INFO("element " << i << ", width " << width);
    CHECK(out[i] == x[i] + y[i]);
    CHECK(out[16 + i] == x[i] - y[i]);
    CHECK(out[32 + i] == x[i] * y[i]);
    CHECK(out[48 + i] == x[i] / y[i]);
    CHECK(out[64 + i] == x[i] + 2.5f);
    CHECK(out[80 + i] == x[i] * 2.5f);
    CHECK(out[96 + i] == std::max(x[i], y[i]));
    CHECK(out[112 + i] == std::min(x[i], y[i]));
    CHECK(out[128 + i] == std::abs(x[i]));
    CHECK_FALSE(std::signbit(out[128 + i]));
    CHECK(out[144 + i] == (x[i] < 0.0f ? x[i] : y[i]));
    CHECK(out[160 + i] == 7.0f);
  }
}

TEST_CASE("a part of sixteen floats is loaded and stored, and nothing behind it",
          "[wide_vectors]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (std::int64_t some = 1; some <= 17; ++some) {
    const Floats x = random_floats(std::min<std::int64_t>(some, 16), 3);  // no byte more to be read
    Floats loaded(16), stored(17, not_a_number);
    run_wide_as<LoadAndStoreKernel>(width, x.data(), some, 5.0f, loaded.data(), stored.data());
    for (std::size_t i = 0; i < 17; ++i) {
      INFO(some << " floats, element " << i);
      if (i < 16) CHECK(loaded[i] == (i < x.size() ? x[i] : 5.0f));
      CHECK(std::isnan(stored[i]) == (i >= x.size()));
      if (i < x.size()) CHECK(stored[i] == x[i]);
    }
  }
}

TEST_CASE("sum folds halves onto each other, in one order for every width", "[wide_vectors]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Floats x = random_floats(16, seed, 1.0f, -5.0f);  // largest: also where all are negative
    Floats v = x;
    for (std::size_t half = 8; half > 0; half /= 2) {
      for (std::size_t i = 0; i < half; ++i) v[i] += v[i + half];
    }
    Floats out(2);
    run_wide_as<FoldsKernel>(width, x.data(), out.data());
    CHECK(out[0] == v[0]);
    CHECK(out[1] == *std::max_element(x.begin(), x.end()));
  }
}

TEST_CASE("exponential has 2 units in the last place on [-87, 88]", "[wide_vectors]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  Floats x;
  // All over the range, and close to 0, where x itself is the answer's last digits.
  for (int i = 0; i <= 1 << 19; ++i)
    x.push_back(-87.0f + 175.0f * static_cast<float>(i) * 0x1p-19f);
  for (float tiny = 1e-30f; tiny < 1.0f; tiny *= 1.7f) x.push_back(tiny), x.push_back(-tiny);
  // Around n + 1/2 times ln 2, where the rounding to n turns over.
  for (int n = -125; n < 126; ++n) {
    const float half = (static_cast<float>(n) + 0.5f) * 0.693147181f;
    for (const float off : {-1e-5f, 0.0f, 1e-5f}) x.push_back(half + off);
  }
  x.insert(x.end(), {0.0f, -0.0f, 1.0f, -1.0f, -87.0f, 88.0f});
  Floats out(x.size());
  run_wide_as<ExponentialKernel>(width, x.data(), static_cast<std::int64_t>(x.size()), out.data());
  double worst = 0.0;
  float where = 0.0f;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double truth = std::exp(static_cast<double>(x[i]));
    const auto near = static_cast<float>(truth);
    const double unit = std::nextafter(near, infinity) - near;
    const double error = std::abs(out[i] - truth) / unit;
    if (!(error <= worst)) worst = error, where = x[i];
  }
  INFO("width " << width << ", x = " << where << ": " << worst << " units");
  CHECK(worst <= 2.0);
  CHECK(out[x.size() - 6] == 1.0f);
  CHECK(out[x.size() - 5] == 1.0f);
}

TEST_CASE("beyond its range exponential is that of the nearest end", "[wide_vectors]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const Floats x{-87.0f, -87.1f, -1000.0f, -1e30f, -infinity,
                 88.0f,  88.1f,  1000.0f,  1e30f,  infinity};
  Floats out(x.size());
  run_wide_as<ExponentialKernel>(width, x.data(), static_cast<std::int64_t>(x.size()), out.data());
  for (std::size_t i = 1; i < 5; ++i) CHECK(out[i] == out[0]);
  for (std::size_t i = 6; i < 10; ++i) CHECK(out[i] == out[5]);
  CHECK(out[0] > 0.0f);
  CHECK(std::isfinite(out[5]));
}

// ---- dropout

namespace {

/// The header's words as a scalar loop.
Floats plain_factors(const Dropout& dropout, std::int64_t row, std::int64_t count) {
  CounterRng rng(dropout.seed, RandomPurpose::unit_dropout, dropout.step,
                 (std::uint64_t{dropout.site} << 40) + static_cast<std::uint64_t>(row));
  std::vector<std::uint32_t> stream;  // block b of the stream is its words [4 b, 4 b + 4)
  const double kept = 1.0 - std::round(dropout.probability * 65536.0) / 65536.0;
  const auto dropped_below = static_cast<std::uint32_t>(std::lround(65536.0 * (1.0 - kept)));
  Floats factors;
  for (std::int64_t unit = 0; unit < count; ++unit) {
    const std::int64_t group = unit / 128;
    const std::int64_t half = unit % 128 / 16;
    const std::int64_t block = 16 * group + unit % 16;
    const std::size_t word = at(4 * block + half / 2);
    while (stream.size() <= word) stream.push_back(rng.bits());
    const std::uint32_t bits = half % 2 == 0 ? stream[word] & 0xFFFF : stream[word] >> 16;
    factors.push_back(bits < dropped_below ? 0.0f : static_cast<float>(1.0 / kept));
  }
  return factors;
}
Floats factors_of(const Dropout& dropout, std::int64_t row, std::int64_t count) {
  Floats factors(at(count));
  dropout_factors(dropout, row, count, factors.data());
  return factors;
}
/// The share of units that are dropped in both.
double share_of_both(const Floats& a, const Floats& b) {
  std::int64_t both = 0;
  for (std::size_t i = 0; i < a.size(); ++i) both += a[i] == 0.0f && b[i] == 0.0f ? 1 : 0;
  return static_cast<double>(both) / static_cast<double>(a.size());
}
/// Five standard deviations of a share of n: by chance one check in two million fails.
double allowed_of_share(double share, std::int64_t n) {
  return 5.0 * std::sqrt(share * (1.0 - share) / static_cast<double>(n));
}

}  // namespace

TEST_CASE("dropout is what CounterRng gives unit by unit", "[dropout]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const float p = GENERATE(0.1f, 0.5f, 0.9f);
  // Seeds, steps, sites and rows that fill the upper halves of their words, and small ones.
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{0xFEDCBA9876543210}}) {
    for (const std::uint64_t step :
         {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{0xFFFFFFFF}}) {
      for (const std::uint32_t site : {0u, 3u, 0xFFFFFFu}) {
        for (const std::int64_t row :
             {std::int64_t{0}, std::int64_t{12345}, std::int64_t{1} << 39}) {
          const Dropout dropout{.probability = p, .seed = seed, .step = step, .site = site};
          // Around a register, a group of 128, and several groups.
          for (const std::int64_t count : {1, 15, 16, 17, 127, 128, 129, 700}) {
            Floats factors(at(count) + 1, not_a_number);
            run_wide_as<detail::DropoutKernel>(width, dropout, row, count, factors.data());
            INFO("p " << p << ", seed " << seed << ", step " << step << ", site " << site
                      << ", row " << row << ", " << count << " units, width " << width);
            REQUIRE(std::isnan(factors.back()));
            factors.pop_back();
            REQUIRE(factors == plain_factors(dropout, row, count));
          }
        }
      }
    }
  }
}

TEST_CASE("rows are multiplied by the factors of their own ids", "[dropout]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const Dropout dropout{.probability = 0.3f, .seed = 5, .step = 2, .site = 4};
  const std::vector<std::int64_t> ids{0, 9, 3, 100000000000};
  // Less than a register, whole ones, around a group, D of the model.
  for (const std::int64_t columns : {1, 8, 16, 24, 127, 128, 129, 384}) {
    const auto rows = static_cast<std::int64_t>(ids.size());
    const Floats before = random_floats(rows * columns, 6);
    Floats values = before;
    values.push_back(not_a_number);
    run_wide_as<detail::DropRowsKernel>(width, dropout, ids.data(), rows, columns, values.data());
    CHECK(std::isnan(values.back()));
    std::int64_t wrong = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      const Floats factors = factors_of(dropout, ids[at(r)], columns);
      for (std::int64_t k = 0; k < columns; ++k)
        wrong +=
            values[at(r * columns + k)] != before[at(r * columns + k)] * factors[at(k)] ? 1 : 0;
    }
    INFO(columns << " columns, width " << width);
    CHECK(wrong == 0);
  }
}

TEST_CASE("dropout drops its share of units, and the others make up for it", "[dropout]") {
  const float p = GENERATE(0.05f, 0.1f, 0.5f, 0.9f);
  constexpr std::int64_t n = 1 << 20;
  const Dropout dropout{.probability = p, .seed = 3};
  const double share = dropout.threshold() / 65536.0;
  CHECK(std::abs(share - p) <= 0.5 / 65536.0);
  const Floats factors = factors_of(dropout, 1, n);
  const double dropped = share_of_both(factors, factors);
  CHECK(std::abs(dropped - share) <= allowed_of_share(share, n));
  // Correctly rounded, so what is expected of a unit is 1 to half a unit in the last place.
  CHECK(dropout.factor() == static_cast<float>(1.0 / (1.0 - share)));
  CHECK(std::abs((1.0 - share) * dropout.factor() - 1.0) <= 0x1p-24);
  // So many units that some draw the very first bits that are not dropped.
  CHECK((factors == plain_factors(dropout, 1, n)));
  const auto is_known = [&](float f) { return f == 0.0f || f == dropout.factor(); };
  CHECK(std::all_of(factors.begin(), factors.end(), is_known));
}

TEST_CASE("dropout of nothing is off, and that of everything keeps numbers finite", "[dropout]") {
  for (const float p : {0.0f, -0.0f, -1.0f, 1e-6f}) {
    const Dropout dropout{.probability = p, .seed = 1};
    CHECK(dropout.off());
    CHECK(dropout.factor() == 1.0f);
    CHECK(factors_of(dropout, 0, 200) == Floats(200, 1.0f));
    const Floats before{1.0f, -0.0f, not_a_number, infinity};
    Floats values = before;
    const std::int64_t id = 0;
    drop_rows(dropout, &id, 1, 4, values.data());
    CHECK(same_bits(values, before));
  }
  CHECK_FALSE(Dropout{.probability = 1e-4f}.off());
  for (const float p : {1.0f, 2.0f, infinity}) {
    const Dropout dropout{.probability = p};
    CHECK(std::isfinite(dropout.factor()));
    CHECK(dropout.factor() > 0.0f);
  }
}

TEST_CASE("sites, rows, steps and seeds drop units independently", "[dropout]") {
  constexpr std::int64_t n = 1 << 18;
  const Dropout one{.probability = 0.25f, .seed = 11, .step = 40, .site = 2};
  Dropout other_step = one, other_seed = one, high_seed = one;
  other_step.step = 41;
  other_seed.seed = 12;
  high_seed.seed += std::uint64_t{1} << 32;
  CHECK(one.at(9).site == 9);
  CHECK(one.at(9).seed == one.seed);
  CHECK(one.at(9).step == one.step);
  CHECK(one.at(9).probability == one.probability);
  const Floats factors = factors_of(one, 7, n);
  const double both = 0.25 * 0.25;
  const auto independent = [&](const Floats& others) {
    return std::abs(share_of_both(factors, others) - both) <= allowed_of_share(both, n);
  };
  CHECK(independent(factors_of(one.at(3), 7, n)));
  CHECK(independent(factors_of(one, 8, n)));
  CHECK(independent(factors_of(other_step, 7, n)));
  CHECK(independent(factors_of(other_seed, 7, n)));
  CHECK(independent(factors_of(high_seed, 7, n)));
  // And units of one row: neighbours, the halves of a word, words of a block, blocks, groups.
  for (const std::int64_t shift : {1, 16, 32, 64, 128, 2048}) {
    Floats moved(factors.begin() + shift, factors.end());
    moved.insert(moved.end(), factors.begin(), factors.begin() + shift);
    INFO("units " << shift << " apart");
    CHECK(independent(moved));
  }
  CHECK(same_bits(factors, factors_of(one, 7, n)));
}

// ---- gelu

namespace {

template <class T>
T plain_gelu(T x) {
  return x * (T(0.5) * std::erfc(-x * static_cast<T>(0.70710678118654752440)));
}
template <class T>
T plain_gelu_slope(T x) {
  return T(0.5) * std::erfc(-x * static_cast<T>(0.70710678118654752440)) +
         x * std::exp(T(-0.5) * x * x) * static_cast<T>(0.39894228040143267794);
}
Floats gelu_as(int width, const Floats& x) {
  Floats out(x.size());
  run_wide_as<detail::GeluKernel>(width, x.data(), static_cast<std::int64_t>(x.size()), out.data());
  return out;
}
Floats gelu_slope_as(int width, const Floats& x) {
  Floats gradient(x.size(), 1.0f);
  run_wide_as<detail::GeluBackwardKernel>(width, x.data(), static_cast<std::int64_t>(x.size()),
                                          gradient.data());
  return gradient;
}
/// 4096 numbers of [from, from + 1/4).
Floats quarter(float from) {
  Floats x;
  for (int i = 0; i < 4096; ++i) x.push_back(from + static_cast<float>(i) * 0x1p-14f);
  return x;
}

}  // namespace

TEST_CASE("gelu has the relative error of the plain float loop, also in its tails", "[gelu]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  // To where gelu leaves float's normal numbers, about -12.9.
  for (float from = -12.75f; from < 13.0f; from += 0.25f) {
    const Floats x = quarter(from);
    const Floats out = gelu_as(width, x);
    double ours = 0.0;
    double theirs = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] == 0.0f) continue;
      const double truth = plain_gelu(static_cast<double>(x[i]));
      ours = std::max(ours, std::abs(out[i] / truth - 1.0));
      theirs = std::max(theirs, std::abs(plain_gelu(x[i]) / truth - 1.0));
    }
    INFO("x from " << from << ", width " << width << ": relative error " << ours
                   << ", of the plain loop " << theirs);
    // Where erfc is better than any formula of one exponential: 4 units in the last place, 2 of them
    // the exponential's, the others those of the polynomial and of its products.
    CHECK(ours <= std::max(2.0 * theirs, 4.0 * 0x1p-23));
  }
}

TEST_CASE("the gradient of gelu is its slope", "[gelu]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (float from = -13.0f; from < 13.0f; from += 0.25f) {
    const Floats x = quarter(from);
    const Floats slopes = gelu_slope_as(width, x);
    double ours = 0.0;
    double theirs = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      double v = x[i];
      const double truth = plain_gelu_slope(v);
      // The slope is a sum that cancels: errors count in shares of its terms.
      const double terms = 0.5 * std::erfc(-v * std::sqrt(0.5)) +
                           std::abs(v) * std::exp(-0.5 * v * v) / std::sqrt(2.0 * std::acos(-1.0));
      ours = std::max(ours, std::abs(slopes[i] - truth) / terms);
      theirs = std::max(theirs, std::abs(plain_gelu_slope(x[i]) - truth) / terms);
      std::vector<double> exact{v};
      if (i % 512 == 0)
        CHECK(same_slope(truth, slope(exact, 0, [&] { return plain_gelu(exact[0]); })));
    }
    INFO("x from " << from << ", width " << width << ": error " << ours << ", of the plain loop "
                   << theirs);
    CHECK(ours <= std::max(2.0 * theirs, 4.0 * 0x1p-23));  // as above
  }
}

TEST_CASE("gelu of the large and the tiny", "[gelu]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const Floats large{6.0f, 13.0f, 14.0f, 1e4f, 1e30f, std::numeric_limits<float>::max(), infinity};
  CHECK(gelu_as(width, large) == large);
  for (const float slope_there : gelu_slope_as(width, {13.0f, 14.0f, 1e4f, 1e30f}))
    CHECK(slope_there == 1.0f);
  const Floats negative{-14.0f, -100.0f, -1e4f, -1e30f, -std::numeric_limits<float>::max()};
  for (const float v : gelu_as(width, negative)) {
    CHECK(v <= 0.0f);
    CHECK(v > -1e-36f);  // 14 Phi(-13) = 9e-38, as far as Phi is told from 0
  }
  for (const float v : gelu_slope_as(width, negative)) {
    CHECK(v <= 0.0f);
    CHECK(v > -1e-34f);  // 14 e^(-13^2 / 2) = 3e-36
  }
  const Floats zeros = gelu_as(width, {0.0f, -0.0f});
  CHECK(same_bits(zeros, {0.0f, -0.0f}));
  CHECK(gelu_slope_as(width, {0.0f, -0.0f}) == Floats(2, 0.5f));
  const Floats tiny{1e-20f, -1e-20f, 1e-30f, -1e-30f};
  for (std::size_t i = 0; i < tiny.size(); ++i)
    CHECK(gelu_as(width, tiny)[i] == Approx(0.5 * tiny[i]).epsilon(2.5e-7).margin(0));
  CHECK(std::isnan(gelu_as(width, {not_a_number})[0]));
  CHECK(std::isnan(gelu_slope_as(width, {not_a_number})[0]));
}

TEST_CASE("gelu works in place, on any number of floats, and multiplies gradients", "[gelu]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (const std::int64_t n : {1, 15, 16, 17, 40}) {  // around registers
    const Floats x = random_floats(n, 20), gradient = random_floats(n, 21);
    const Floats out = gelu_as(width, x), slopes = gelu_slope_as(width, x);
    Floats here = x;
    here.push_back(not_a_number);
    run_wide_as<detail::GeluKernel>(width, here.data(), n, here.data());
    CHECK(std::isnan(here.back()));
    here.pop_back();
    CHECK(same_bits(here, out));
    Floats product = gradient;
    product.push_back(not_a_number);
    run_wide_as<detail::GeluBackwardKernel>(width, x.data(), n, product.data());
    CHECK(std::isnan(product.back()));
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(product[i] == gradient[i] * slopes[i]);
    Floats plain_call(x.size());
    gelu(x.data(), n, plain_call.data());
    Floats backward_call = gradient;
    gelu_backward(x.data(), n, backward_call.data());
    if (width == register_width()) {
      CHECK(same_bits(plain_call, out));
      product.pop_back();
      CHECK(same_bits(backward_call, product));
    }
  }
}

// ---- layer_norm

namespace {

/// Input of a layer norm [N, D]; an empty residual or factors is none.
template <class T>
struct NormInput {
  std::int64_t rows, width;
  std::vector<T> residual, branch, gamma, beta, factors;
  T epsilon;

  template <class U>
  NormInput<U> as_type() const {
    return {rows,
            width,
            {residual.begin(), residual.end()},
            {branch.begin(), branch.end()},
            {gamma.begin(), gamma.end()},
            {beta.begin(), beta.end()},
            {factors.begin(), factors.end()},
            static_cast<U>(epsilon)};
  }
};
template <class T>
struct NormResult {
  std::vector<T> sum, mean, scale, out;
};
template <class T>
NormResult<T> plain_norm(const NormInput<T>& in) {
  NormResult<T> result;
  for (std::int64_t r = 0; r < in.rows; ++r) {
    T mean = 0;
    for (std::int64_t k = 0; k < in.width; ++k) {
      const std::size_t i = at(r * in.width + k);
      T s = in.branch[i];
      if (!in.factors.empty()) s *= in.factors[i];
      if (!in.residual.empty()) s += in.residual[i];
      result.sum.push_back(s);
      mean += s;
    }
    mean /= static_cast<T>(in.width);
    T variance = 0;
    for (std::int64_t k = 0; k < in.width; ++k) {
      const T d = result.sum[at(r * in.width + k)] - mean;
      variance += d * d;
    }
    variance /= static_cast<T>(in.width);
    const T scale = 1 / std::sqrt(variance + in.epsilon);
    result.mean.push_back(mean);
    result.scale.push_back(scale);
    for (std::int64_t k = 0; k < in.width; ++k) {
      result.out.push_back((result.sum[at(r * in.width + k)] - mean) * scale * in.gamma[at(k)] +
                           in.beta[at(k)]);
    }
  }
  return result;
}

template <class T>
struct NormGradients {
  std::vector<T> dsum, dbranch, dgamma, dbeta;
};
template <class T>
NormGradients<T> plain_norm_gradients(const NormInput<T>& in, const std::vector<T>& dout) {
  const NormResult<T> forward = plain_norm(in);
  NormGradients<T> g;
  g.dgamma.resize(at(in.width));
  g.dbeta.resize(at(in.width));
  for (std::int64_t r = 0; r < in.rows; ++r) {
    T plain = 0;
    T along = 0;
    const auto normal = [&](std::int64_t k) {
      return (forward.sum[at(r * in.width + k)] - forward.mean[at(r)]) * forward.scale[at(r)];
    };
    for (std::int64_t k = 0; k < in.width; ++k) {
      const T d = dout[at(r * in.width + k)];
      g.dgamma[at(k)] += d * normal(k);
      g.dbeta[at(k)] += d;
      plain += d * in.gamma[at(k)];
      along += d * in.gamma[at(k)] * normal(k);
    }
    for (std::int64_t k = 0; k < in.width; ++k) {
      const std::size_t i = at(r * in.width + k);
      const T ds = (dout[i] * in.gamma[at(k)] - plain / static_cast<T>(in.width) -
                    normal(k) * along / static_cast<T>(in.width)) *
                   forward.scale[at(r)];
      g.dsum.push_back(ds);
      g.dbranch.push_back(in.factors.empty() ? ds : ds * in.factors[i]);
    }
  }
  return g;
}

const Dropout norm_dropout{.probability = 0.3f, .seed = 8, .step = 5, .site = 6};
/// Ids of rows need neither begin with 0 nor follow each other.
const std::vector<std::int64_t> norm_ids{40, 7, 100, 3, 8};

NormInput<float> norm_input(std::int64_t width, bool with_residual, bool drops, std::uint64_t seed,
                            float offset = 0.0f) {
  const auto rows = static_cast<std::int64_t>(norm_ids.size());
  NormInput<float> in{rows,
                      width,
                      {},
                      random_floats(rows * width, seed, 1.0f, offset),
                      random_floats(width, seed + 1, 0.3f, 1.0f),
                      random_floats(width, seed + 2, 0.3f),
                      {},
                      1e-12f};
  if (with_residual) in.residual = random_floats(rows * width, seed + 3);
  if (drops) {
    for (const std::int64_t id : norm_ids) {
      const Floats factors = factors_of(norm_dropout, id, width);
      in.factors.insert(in.factors.end(), factors.begin(), factors.end());
    }
  }
  return in;
}

/// Ours, forward; every place a float larger than it has to be.
struct Normed {
  NormResult<float> result;
  LayerNorm norm;

  Normed(int width, const NormInput<float>& in) {
    const std::size_t cells = in.branch.size();
    result.sum.assign(cells + 1, not_a_number);
    result.out.assign(cells + 1, not_a_number);
    result.mean.assign(at(in.rows) + 1, not_a_number);
    result.scale.assign(at(in.rows) + 1, not_a_number);
    norm = {.rows = in.rows,
            .width = in.width,
            .gamma = in.gamma.data(),
            .beta = in.beta.data(),
            .epsilon = in.epsilon,
            .dropout = in.factors.empty() ? Dropout{} : norm_dropout,
            .row_ids = in.factors.empty() ? nullptr : norm_ids.data(),
            .sum = result.sum.data(),
            .mean = result.mean.data(),
            .scale = result.scale.data()};
    const float* residual = in.residual.empty() ? nullptr : in.residual.data();
    const float* branch = in.branch.data();
    float* out = result.out.data();
    run_wide_as<detail::AddAndNormKernel>(width, norm, residual, branch, out);
    for (Floats* place : {&result.sum, &result.out, &result.mean, &result.scale}) {
      REQUIRE(std::isnan(place->back()));
      place->pop_back();
    }
  }
};

NormGradients<float> gradients_as(int width, const LayerNorm& norm, const Floats& dout) {
  NormGradients<float> g;
  g.dsum.assign(dout.size() + 1, not_a_number);
  g.dbranch.assign(dout.size() + 1, not_a_number);
  run_wide_as<detail::AddAndNormBackwardKernel>(width, norm, dout.data(), g.dsum.data(),
                                                g.dbranch.data());
  for (Floats* place : {&g.dsum, &g.dbranch}) {
    REQUIRE(std::isnan(place->back()));
    place->pop_back();
  }
  g.dgamma.assign(at(norm.width), 0.0f);
  g.dbeta.assign(at(norm.width), 0.0f);
  run_wide_as<detail::NormParametersKernel>(width, norm, dout.data(), std::int64_t{0}, norm.width,
                                            g.dgamma.data(), g.dbeta.data());
  return g;
}

/// One entry; less than a register, one and a half, two and a half; around the 128 units whose
/// dropout is drawn together; D of the model.
const std::vector<std::int64_t> norm_widths{1, 8, 24, 40, 127, 136, 384};

}  // namespace

TEST_CASE("layer norm is its formula", "[layer_norm]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  Closeness sum, mean, scale, out;
  for (const bool with_residual : {false, true}) {
    for (const bool drops : {false, true}) {
      for (const std::int64_t columns : norm_widths) {
        const NormInput<float> in = norm_input(columns, with_residual, drops, 30);
        const Normed ours(width, in);
        const NormResult<double> truth = plain_norm(in.as_type<double>());
        const NormResult<float> plain = plain_norm(in);
        sum.add(ours.result.sum, truth.sum, plain.sum);
        mean.add(ours.result.mean, truth.mean, plain.mean);
        scale.add(ours.result.scale, truth.scale, plain.scale);
        out.add(ours.result.out, truth.out, plain.out);
      }
    }
  }
  INFO("width " << width);
  CHECK(sum.verdict() == "");
  CHECK(mean.verdict() == "");
  CHECK(scale.verdict() == "");
  CHECK(out.verdict() == "");
}

TEST_CASE("layer norm of a huge offset has the error of the plain loop", "[layer_norm]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (const float offset : {100.0f, -1e4f, 1e6f}) {
    Closeness out;
    for (const std::int64_t columns : norm_widths) {
      const NormInput<float> in = norm_input(columns, false, false, 35, offset);
      const Normed ours(width, in);
      out.add(ours.result.out, plain_norm(in.as_type<double>()).out, plain_norm(in).out);
    }
    INFO("offset " << offset << ", width " << width);
    CHECK(out.verdict() == "");
  }
}

TEST_CASE("layer norm of a constant row is beta, and its gradient finite", "[layer_norm]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (const std::int64_t columns : norm_widths) {
    for (const float value : {0.0f, 1.0f, -3.0f, 1024.0f}) {  // their sums are exact: variance is 0
      NormInput<float> in = norm_input(columns, false, false, 40);
      in.branch.assign(in.branch.size(), value);
      const Normed ours(width, in);
      INFO(columns << " columns of " << value << ", width " << width);
      for (std::size_t i = 0; i < in.branch.size(); ++i)
        REQUIRE(ours.result.out[i] == in.beta[i % at(columns)]);
      CHECK(ours.result.mean == Floats(at(in.rows), value));
      const Floats dout = random_floats(in.rows * columns, 41);
      const NormGradients<float> g = gradients_as(width, ours.norm, dout);
      for (const float d : g.dsum) REQUIRE(std::isfinite(d));
      CHECK(g.dgamma == Floats(at(columns), 0.0f));
    }
  }
}

TEST_CASE("the plain gradients of layer norm are its slopes", "[layer_norm]") {
  const bool with_residual = GENERATE(false, true);
  const bool drops = GENERATE(false, true);
  for (const std::int64_t columns : {8, 24}) {
    NormInput<double> in = norm_input(columns, with_residual, drops, 50).as_type<double>();
    const auto dout = as<double>(random_floats(in.rows * columns, 51));
    const NormGradients<double> g = plain_norm_gradients(in, dout);
    const auto loss = [&] {
      const NormResult<double> result = plain_norm(in);
      double sum = 0.0;
      for (std::size_t i = 0; i < dout.size(); ++i) sum += dout[i] * result.out[i];
      return sum;
    };
    // The slopes of a loss of some hundred terms: its rounding is that much larger.
    const auto check = [&](std::vector<double>& of, const std::vector<double>& gradient) {
      for (std::size_t i = 0; i < of.size(); i += 3)
        CHECK(std::abs(slope(of, i, loss) - gradient[i]) <= 1e-7 * (1.0 + std::abs(gradient[i])));
    };
    check(in.branch, g.dbranch);
    if (with_residual) check(in.residual, g.dsum);
    check(in.gamma, g.dgamma);
    check(in.beta, g.dbeta);
  }
}

TEST_CASE("the gradients of layer norm have the error of the plain loop", "[layer_norm]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  Closeness dsum, dbranch, dgamma, dbeta;
  for (const bool with_residual : {false, true}) {
    for (const bool drops : {false, true}) {
      for (const std::int64_t columns : norm_widths) {
        if (columns == 1) continue;  // variance 0: above
        const NormInput<float> in = norm_input(columns, with_residual, drops, 60);
        const Normed forward(width, in);
        const Floats dout = random_floats(in.rows * columns, 61);
        const NormGradients<float> ours = gradients_as(width, forward.norm, dout);
        const auto truth = plain_norm_gradients(in.as_type<double>(), as<double>(dout));
        const NormGradients<float> plain = plain_norm_gradients(in, dout);
        dsum.add(ours.dsum, truth.dsum, plain.dsum);
        dbranch.add(ours.dbranch, truth.dbranch, plain.dbranch);
        dgamma.add(ours.dgamma, truth.dgamma, plain.dgamma);
        dbeta.add(ours.dbeta, truth.dbeta, plain.dbeta);
        if (drops) continue;
        // Where nothing is dropped both may go to one place.
        CHECK(same_bits(ours.dsum, ours.dbranch));
        Floats both(dout.size(), not_a_number);
        add_and_norm_backward(forward.norm, dout.data(), both.data(), both.data());
        if (width == register_width()) CHECK(same_bits(both, ours.dsum));
      }
    }
  }
  INFO("width " << width);
  CHECK(dsum.verdict() == "");
  CHECK(dbranch.verdict() == "");
  CHECK(dgamma.verdict() == "");
  CHECK(dbeta.verdict() == "");
}

TEST_CASE("gradients of gamma and beta are added, column range by column range", "[layer_norm]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  for (const std::int64_t columns : norm_widths) {
    const NormInput<float> in = norm_input(columns, true, false, 70);
    const Normed forward(width, in);
    const Floats dout = random_floats(in.rows * columns, 71);
    const Floats before = random_floats(columns, 72);
    Floats dgamma = before, dbeta = before;
    run_wide_as<detail::NormParametersKernel>(width, forward.norm, dout.data(), std::int64_t{0},
                                              columns, dgamma.data(), dbeta.data());
    // In whole registers, in steps inside them, in the whole.
    for (const std::int64_t step : {16, 5, 1, 100, 1000}) {
      Floats cut_gamma = before, cut_beta = before;
      for (std::int64_t first = 0; first < columns; first += step) {
        const std::int64_t some = std::min(step, columns - first);
        run_wide_as<detail::NormParametersKernel>(width, forward.norm, dout.data(), first, some,
                                                  cut_gamma.data(), cut_beta.data());
      }
      INFO(columns << " columns in steps of " << step << ", width " << width);
      CHECK(same_bits(cut_gamma, dgamma));
      CHECK(same_bits(cut_beta, dbeta));
    }
    // A range touches no other column.
    Floats part_gamma = before, part_beta = before;
    norm_parameter_gradients(forward.norm, dout.data(), columns / 2, 1, part_gamma.data(),
                             part_beta.data());
    for (std::int64_t k = 0; k < columns; ++k) {
      if (k == columns / 2) continue;
      CHECK(part_gamma[at(k)] == before[at(k)]);
      CHECK(part_beta[at(k)] == before[at(k)]);
    }
    // And what was there counts: beta's gradient is a chain of sums that begins with it.
    for (std::int64_t k = 0; k < columns; ++k) {
      float chain = before[at(k)];
      for (std::int64_t r = 0; r < in.rows; ++r) chain += dout[at(r * columns + k)];
      CHECK(dbeta[at(k)] == chain);
    }
  }
}

TEST_CASE("the bits of a normed row do not depend on the rows beside it", "[layer_norm]") {
  const NormInput<float> in = norm_input(40, true, true, 80);
  const Normed whole(register_width(), in);
  const Floats dout = random_floats(in.rows * in.width, 81);
  const NormGradients<float> g = gradients_as(register_width(), whole.norm, dout);
  for (std::int64_t r = 0; r < in.rows; ++r) {
    LayerNorm one = whole.norm;
    Floats sum(40), mean(1), scale(1), out(40), dsum(40), dbranch(40);
    one.rows = 1;
    one.row_ids = norm_ids.data() + r;
    one.sum = sum.data(), one.mean = mean.data(), one.scale = scale.data();
    const std::int64_t first = r * in.width;
    add_and_norm(one, in.residual.data() + first, in.branch.data() + first, out.data());
    add_and_norm_backward(one, dout.data() + first, dsum.data(), dbranch.data());
    const auto row_of = [&](const Floats& all) {
      return Floats(all.begin() + first, all.begin() + first + in.width);
    };
    CHECK(same_bits(out, row_of(whole.result.out)));
    CHECK(same_bits(dsum, row_of(g.dsum)));
    CHECK(same_bits(dbranch, row_of(g.dbranch)));
  }
}

// ---- packed_attention

namespace {

/// One text and head as plain loops: context, and the gradients of queries, keys and values.
template <class T>
struct PlainHead {
  std::int64_t q, t, width;
  std::vector<T> queries, keys, values, factors;  ///< factors [q, t]

  std::vector<T> probabilities() const {
    std::vector<T> p;
    const T scale = 1 / std::sqrt(static_cast<T>(width));
    for (std::int64_t i = 0; i < q; ++i) {
      std::vector<T> scores;
      for (std::int64_t j = 0; j < t; ++j) {
        T score = 0;
        for (std::int64_t k = 0; k < width; ++k)
          score += queries[at(i * width + k)] * keys[at(j * width + k)];
        scores.push_back(score * scale);
      }
      const T top = *std::max_element(scores.begin(), scores.end());
      T total = 0;
      for (T& score : scores) score = std::exp(score - top), total += score;
      for (const T score : scores) p.push_back(score / total);
    }
    return p;
  }
  std::vector<T> context() const {
    const std::vector<T> p = probabilities();
    std::vector<T> c(at(q * width));
    for (std::int64_t i = 0; i < q; ++i) {
      for (std::int64_t j = 0; j < t; ++j) {
        for (std::int64_t k = 0; k < width; ++k)
          c[at(i * width + k)] +=
              p[at(i * t + j)] * factors[at(i * t + j)] * values[at(j * width + k)];
      }
    }
    return c;
  }
  void gradients(const std::vector<T>& dcontext, std::vector<T>& dqueries, std::vector<T>& dkeys,
                 std::vector<T>& dvalues) const {
    const std::vector<T> p = probabilities();
    const T scale = 1 / std::sqrt(static_cast<T>(width));
    dqueries.assign(queries.size(), T(0));
    dkeys.assign(keys.size(), T(0));
    dvalues.assign(values.size(), T(0));
    for (std::int64_t i = 0; i < q; ++i) {
      std::vector<T> dp(at(t));
      T along = 0;
      for (std::int64_t j = 0; j < t; ++j) {
        const std::size_t cell = at(i * t + j);
        for (std::int64_t k = 0; k < width; ++k) {
          dp[at(j)] += dcontext[at(i * width + k)] * values[at(j * width + k)];
          dvalues[at(j * width + k)] += p[cell] * factors[cell] * dcontext[at(i * width + k)];
        }
        dp[at(j)] *= factors[cell];
        along += p[cell] * dp[at(j)];
      }
      for (std::int64_t j = 0; j < t; ++j) {
        const T ds = scale * p[at(i * t + j)] * (dp[at(j)] - along);
        for (std::int64_t k = 0; k < width; ++k) {
          dqueries[at(i * width + k)] += ds * keys[at(j * width + k)];
          dkeys[at(j * width + k)] += ds * queries[at(i * width + k)];
        }
      }
    }
  }
};

/// Texts of a batch with their queries, keys and values.
struct AttentionBatch {
  std::int64_t heads, head_width, width;
  Dropout dropout;
  std::vector<PackedText> all, first;  ///< with all queries, with that of the first token
  std::int64_t tokens = 0;
  Floats queries, first_queries, keys_values, dcontext;

  AttentionBatch(const std::vector<std::int64_t>& lengths, std::int64_t h, std::int64_t each,
                 float scale = 1.0f, float dropped = 0.0f)
      : heads(h),
        head_width(each),
        width(h * each),
        dropout{.probability = dropped, .seed = 77, .step = 3, .site = 12} {
    for (const std::int64_t length : lengths) {
      const auto number = static_cast<std::int64_t>(all.size());
      all.push_back({tokens, length, tokens, length, number});
      first.push_back({tokens, length, number, 1, number});
      tokens += length;
    }
    queries = random_floats(tokens * width, 90, scale);
    keys_values = random_floats(tokens * 2 * width, 91);
    dcontext = random_floats(tokens * width, 92);
    for (const PackedText& text : all)
      first_queries.insert(first_queries.end(), queries.begin() + text.first * width,
                           queries.begin() + (text.first + 1) * width);
  }
  PackedAttention attention(bool first_only) const {
    return {.width = width,
            .heads = heads,
            .dropout = dropout,
            .queries = first_only ? first_queries.data() : queries.data(),
            .keys_values = keys_values.data()};
  }
  /// Columns of one head from rows `stride` apart.
  template <class T>
  std::vector<T> part(const Floats& from, std::int64_t row, std::int64_t rows, std::int64_t stride,
                      std::int64_t column) const {
    std::vector<T> cells;
    for (std::int64_t i = row; i < row + rows; ++i) {
      for (std::int64_t k = 0; k < head_width; ++k)
        cells.push_back(static_cast<T>(from[at(i * stride + column + k)]));
    }
    return cells;
  }
  template <class T>
  PlainHead<T> plain(const PackedText& text, bool first_only, std::int64_t head) const {
    const std::int64_t column = head * head_width;
    PlainHead<T> h{text.queries,
                   text.tokens,
                   head_width,
                   part<T>(first_only ? first_queries : queries, text.first_query, text.queries,
                           width, column),
                   part<T>(keys_values, text.first, text.tokens, 2 * width, column),
                   part<T>(keys_values, text.first, text.tokens, 2 * width, width + column),
                   {}};
    // Each text and head has a row of units, cell after cell.
    const Floats factors =
        factors_of(dropout, text.number * heads + head, text.queries * text.tokens);
    h.factors.assign(factors.begin(), factors.end());
    return h;
  }
};

struct AttentionCloseness {
  Closeness context, queries, keys, values;

  void add(const AttentionBatch& batch, bool first_only);
};

/// All texts and heads of a batch, each tensor one array.
void AttentionCloseness::add(const AttentionBatch& batch, bool first_only) {
  const PackedAttention attention = batch.attention(first_only);
  const std::vector<PackedText>& texts = first_only ? batch.first : batch.all;
  const std::int64_t rows = first_only ? static_cast<std::int64_t>(texts.size()) : batch.tokens;
  const std::int64_t d = batch.width;
  // NaN: what is not written would be seen.
  Floats c(at(rows * d), not_a_number), dq = c, dkv(at(batch.tokens * 2 * d), not_a_number);
  for (const PackedText& text : texts) attend(attention, text, c.data());
  for (const PackedText& text : texts)
    attend_backward(attention, text, batch.dcontext.data(), dq.data(), dkv.data());
  struct Three {
    Floats ours, plain;
    std::vector<double> truth;

    void append(const Floats& o, const std::vector<double>& t, const Floats& p) {
      ours.insert(ours.end(), o.begin(), o.end());
      truth.insert(truth.end(), t.begin(), t.end());
      plain.insert(plain.end(), p.begin(), p.end());
    }
  };
  Three of_context, of_queries, of_keys, of_values;
  for (const PackedText& text : texts) {
    for (std::int64_t head = 0; head < batch.heads; ++head) {
      const std::int64_t column = head * batch.head_width;
      const auto rows_of = [&](const Floats& all) {
        return batch.part<float>(all, text.first_query, text.queries, d, column);
      };
      const auto token_rows_of = [&](std::int64_t first_column) {
        return batch.part<float>(dkv, text.first, text.tokens, 2 * d, first_column + column);
      };
      const PlainHead<double> truth = batch.plain<double>(text, first_only, head);
      const PlainHead<float> plain = batch.plain<float>(text, first_only, head);
      of_context.append(rows_of(c), truth.context(), plain.context());
      std::vector<double> true_dq, true_dk, true_dv;
      Floats plain_dq, plain_dk, plain_dv;
      const Floats dcontext = rows_of(batch.dcontext);
      truth.gradients(as<double>(dcontext), true_dq, true_dk, true_dv);
      plain.gradients(dcontext, plain_dq, plain_dk, plain_dv);
      of_queries.append(rows_of(dq), true_dq, plain_dq);
      of_keys.append(token_rows_of(0), true_dk, plain_dk);
      of_values.append(token_rows_of(d), true_dv, plain_dv);
    }
  }
  context.add(of_context.ours, of_context.truth, of_context.plain);
  queries.add(of_queries.ours, of_queries.truth, of_queries.plain);
  keys.add(of_keys.ours, of_keys.truth, of_keys.plain);
  values.add(of_values.ours, of_values.truth, of_values.plain);
}

/// A text of one token, of two, around a register, two registers and one, many.
const std::vector<std::int64_t> text_lengths{1, 2, 15, 16, 17, 33, 100};

struct HeadShape {
  std::int64_t heads, width;
};

}  // namespace

TEST_CASE("the plain gradients of attention are its slopes", "[packed_attention]") {
  const float dropped = GENERATE(0.0f, 0.4f);
  const AttentionBatch batch({5}, 1, 3, 1.0f, dropped);
  PlainHead<double> head = batch.plain<double>(batch.all[0], false, 0);
  const auto dcontext = as<double>(batch.dcontext);
  std::vector<double> dqueries, dkeys, dvalues;
  head.gradients(dcontext, dqueries, dkeys, dvalues);
  const auto loss = [&] {
    const std::vector<double> context = head.context();
    double sum = 0.0;
    for (std::size_t i = 0; i < context.size(); ++i) sum += dcontext[i] * context[i];
    return sum;
  };
  for (std::size_t i = 0; i < dqueries.size(); ++i) {
    // Scores bend more sharply than other kernels: an outlier has the fifth power in the error.
    CHECK(std::abs(slope(head.queries, i, loss) - dqueries[i]) <=
          1e-7 * (1 + std::abs(dqueries[i])));
    CHECK(std::abs(slope(head.keys, i, loss) - dkeys[i]) <= 1e-7 * (1 + std::abs(dkeys[i])));
    CHECK(std::abs(slope(head.values, i, loss) - dvalues[i]) <= 1e-7 * (1 + std::abs(dvalues[i])));
  }
}

TEST_CASE("attention and its gradients have the error of the plain loop", "[packed_attention]") {
  const bool first_only = GENERATE(false, true);
  // Scores of usual size; then in the hundreds and thousands, where the softmax is a choice of one
  // token. (Larger still, and the rounding of the scores themselves decides which one.)
  const float scale = GENERATE(0.3f, 1.0f, 30.0f, 100.0f);
  AttentionCloseness close;
  // One head; MiniLM's and BERT's head widths; one that fills no whole registers; a narrow one.
  for (const HeadShape shape :
       {HeadShape{1, 16}, HeadShape{3, 32}, HeadShape{2, 64}, HeadShape{3, 24}, HeadShape{4, 8}}) {
    for (const float dropped : {0.0f, 0.1f})
      close.add(AttentionBatch(text_lengths, shape.heads, shape.width, scale, dropped), first_only);
  }
  INFO("queries times " << scale << ", first query only: " << first_only);
  CHECK(close.context.verdict() == "");
  CHECK(close.queries.verdict() == "");
  CHECK(close.keys.verdict() == "");
  CHECK(close.values.verdict() == "");
}

TEST_CASE("attention of scores up to millions does not overflow", "[packed_attention]") {
  const AttentionBatch batch(text_lengths, 2, 16, GENERATE(100.0f, 3000.0f, 1e6f),
                             GENERATE(0.0f, 0.1f));
  const PackedAttention attention = batch.attention(false);
  Floats context(at(batch.tokens * batch.width), not_a_number),
      dqueries = context, dkeys_values(context.size() * 2, not_a_number);
  for (const PackedText& text : batch.all) {
    attend(attention, text, context.data());
    attend_backward(attention, text, batch.dcontext.data(), dqueries.data(), dkeys_values.data());
  }
  for (const Floats* values : {&context, &dqueries, &dkeys_values}) {
    for (const float v : *values) REQUIRE(std::isfinite(v));
  }
}

TEST_CASE("a text of one token attends to itself: its context is its value", "[packed_attention]") {
  const AttentionBatch batch(text_lengths, 3, 16);
  const PackedAttention attention = batch.attention(false);
  Floats context(at(batch.tokens * batch.width));
  for (const PackedText& text : batch.all) attend(attention, text, context.data());
  const PlainHead<double> alone = batch.plain<double>(batch.all[0], false, 1);
  for (std::size_t k = 0; k < 16; ++k)
    CHECK(context[16 + k] == static_cast<float>(alone.values[k]));
}

TEST_CASE("the first token's query alone gives the bits of the first row of all",
          "[packed_attention]") {
  const HeadShape shape = GENERATE(HeadShape{3, 32}, HeadShape{2, 24});
  const float dropped = GENERATE(0.0f, 0.1f);
  const AttentionBatch batch(text_lengths, shape.heads, shape.width, 1.0f, dropped);
  const PackedAttention all = batch.attention(false);
  const PackedAttention first = batch.attention(true);
  Floats all_context(at(batch.tokens * batch.width)), first_context(batch.first_queries.size());
  for (const PackedText& text : batch.all) attend(all, text, all_context.data());
  for (const PackedText& text : batch.first) attend(first, text, first_context.data());
  for (std::size_t i = 0; i < batch.all.size(); ++i) {
    INFO(batch.all[i].tokens << " tokens, dropout " << dropped);
    const std::int64_t row = batch.all[i].first;
    const auto number = static_cast<std::int64_t>(i);
    CHECK(std::memcmp(&all_context[at(row * batch.width)], &first_context[at(number * batch.width)],
                      at(batch.width) * sizeof(float)) == 0);
  }
}

TEST_CASE("a text attends to itself alone, and to the same bits wherever it lies",
          "[packed_attention]") {
  const float dropped = GENERATE(0.0f, 0.1f);
  const AttentionBatch batch(text_lengths, 2, 16, 1.0f, dropped);
  const std::int64_t d = batch.width;
  const PackedAttention attention = batch.attention(false);
  Floats context(at(batch.tokens * d)), dqueries(context.size()), dkeys_values(2 * context.size());
  for (const PackedText& text : batch.all) {
    attend(attention, text, context.data());
    attend_backward(attention, text, batch.dcontext.data(), dqueries.data(), dkeys_values.data());
  }
  for (const PackedText& text : batch.all) {
    // Alone, with all that belongs to other texts out of sight.
    const std::int64_t first = text.first * d;
    const std::int64_t last = (text.first + text.tokens) * d;
    const auto rows = [&](const Floats& all, std::int64_t times) {
      return Floats(all.begin() + times * first, all.begin() + times * last);
    };
    const Floats queries = rows(batch.queries, 1), keys_values = rows(batch.keys_values, 2),
                 dcontext = rows(batch.dcontext, 1);
    Floats c(queries.size(), not_a_number), dq(queries.size(), not_a_number),
        dkv(keys_values.size(), not_a_number);
    PackedAttention alone = attention;
    alone.queries = queries.data();
    alone.keys_values = keys_values.data();
    const PackedText here{0, text.tokens, 0, text.tokens, text.number};
    attend(alone, here, c.data());
    attend_backward(alone, here, dcontext.data(), dq.data(), dkv.data());
    INFO(text.tokens << " tokens, dropout " << dropped);
    CHECK(same_bits(c, rows(context, 1)));
    CHECK(same_bits(dq, rows(dqueries, 1)));
    CHECK(same_bits(dkv, rows(dkeys_values, 2)));
  }
}

TEST_CASE("registers of 16 and of 8 floats give the same bits in every kernel", "[wide_vectors]") {
  if (!processor_has(16)) return;
  const Floats x = random_floats(1000, 100, 3.0f);
  CHECK(same_bits(gelu_as(16, x), gelu_as(8, x)));
  CHECK(same_bits(gelu_slope_as(16, x), gelu_slope_as(8, x)));
  const NormInput<float> in = norm_input(136, true, true, 101);
  const Normed in_16(16, in), in_8(8, in);
  CHECK(same_bits(in_16.result.out, in_8.result.out));
  CHECK(same_bits(in_16.result.scale, in_8.result.scale));
  const Floats dout = random_floats(in.rows * in.width, 102);
  const NormGradients<float> g_16 = gradients_as(16, in_16.norm, dout);
  const NormGradients<float> g_8 = gradients_as(8, in_16.norm, dout);
  CHECK(same_bits(g_16.dsum, g_8.dsum));
  CHECK(same_bits(g_16.dbranch, g_8.dbranch));
  CHECK(same_bits(g_16.dgamma, g_8.dgamma));
  const std::int64_t q = 3, t = 33;
  Floats p_16 = random_floats(q * t, 103, 4.0f), p_8 = p_16;
  run_wide_as<detail::SoftmaxRowsKernel>(16, p_16.data(), q, t, 0.25f);
  run_wide_as<detail::SoftmaxRowsKernel>(8, p_8.data(), q, t, 0.25f);
  CHECK(same_bits(p_16, p_8));
}
