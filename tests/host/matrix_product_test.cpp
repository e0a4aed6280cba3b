// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/kernels/matrix_product.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

using namespace candist;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

bool processor_has(int width) {
  if (width <= register_width()) return true;
  WARN("skipped: this processor has no registers of " << width << " floats");
  return false;
}

/// Whole numbers of [-8, 8]: their products and sums are exact in float, in any order.
float whole_number(CounterRng& rng) { return static_cast<float>(rng.below(17)) - 8.0f; }
/// A few are far larger than the others, so that what cancels shows.
float with_outliers(CounterRng& rng) {
  return rng.normal() * (rng.uniform() < 0.02f ? 30.0f : 1.0f);
}

/// A matrix whose rows lie `gap` floats further apart than they are long; in the gaps there is NaN,
/// which no product may read. `turned`: its transpose is what lies there.
struct Matrix {
  std::int64_t rows, columns, stride;
  bool turned;
  std::vector<float> values;

  template <class Draw>
  Matrix(std::int64_t r, std::int64_t c, bool lies_turned, std::int64_t gap, std::uint64_t seed,
         Draw draw)
      : rows(r),
        columns(c),
        stride((lies_turned ? r : c) + gap),
        turned(lies_turned),
        values(static_cast<std::size_t>(stride * (lies_turned ? c : r)), not_a_number) {
    CounterRng rng(seed, RandomPurpose::resampling, static_cast<std::uint64_t>(r),
                   static_cast<std::uint64_t>(c));
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) at(i, j) = draw(rng);
    }
  }
  float& at(std::int64_t i, std::int64_t j) {
    return values[static_cast<std::size_t>(turned ? j * stride + i : i * stride + j)];
  }
  float at(std::int64_t i, std::int64_t j) const { return const_cast<Matrix*>(this)->at(i, j); }
  Factor factor() const {
    return turned ? Factor(values.data(), columns, rows, stride).transposed()
                  : Factor(values.data(), rows, columns, stride);
  }
};

/// Row-major results with a gap behind every row.
struct Place {
  std::int64_t rows, columns, stride;
  std::vector<float> values;

  Place(std::int64_t r, std::int64_t c, std::int64_t gap = 3)
      : rows(r), columns(c), stride(c + gap), values(static_cast<std::size_t>(r * stride)) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = before(i);
  }
  /// What is there before: whole numbers, so that adding to them is exact.
  static float before(std::size_t i) { return static_cast<float>(i % 13) - 6.0f; }
  Result result() { return {values.data(), rows, columns, stride}; }
  float at(std::int64_t i, std::int64_t j) const {
    return values[static_cast<std::size_t>(i * stride + j)];
  }
};

void multiply_as(int width, const Factor& a, const Factor& b, const Result& c, Product how) {
  run_wide_as<detail::MultiplyKernel>(width, a, b, c, how, detail::packing_place());
}

/// The plain loop.
template <class T>
T plain(const Matrix& a, const Matrix& b, std::int64_t i, std::int64_t j, T from = 0) {
  for (std::int64_t k = 0; k < a.columns; ++k) {
    // Volatile: rounded by itself, whatever compilers would fuse.
    const volatile T product = static_cast<T>(a.at(i, k)) * static_cast<T>(b.at(k, j));
    from += product;
  }
  return from;
}
float fused(const Matrix& a, const Matrix& b, std::int64_t i, std::int64_t j) {
  float sum = 0.0f;
  for (std::int64_t k = 0; k < a.columns; ++k) sum = std::fma(a.at(i, k), b.at(k, j), sum);
  return sum;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// All ways for the factors to lie, all widths, replacing and adding; whole numbers, so exact.
void check_exactly(std::int64_t m, std::int64_t depth, std::int64_t n) {
  for (const bool a_turned : {false, true}) {
    for (const bool b_turned : {false, true}) {
      const Matrix a(m, depth, a_turned, 2, 1, whole_number);
      const Matrix b(depth, n, b_turned, 5, 2, whole_number);
      Place expected(m, n);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          float sum = 0.0f;
          for (std::int64_t k = 0; k < depth; ++k) sum += a.at(i, k) * b.at(k, j);
          expected.values[static_cast<std::size_t>(i * expected.stride + j)] = sum;
        }
      }
      for (const Product how : {Product::replaces, Product::is_added}) {
        for (const int width : {16, 8, 4}) {
          if (width > register_width()) continue;  // said by the test case below
          Place c(m, n);
          multiply_as(width, a.factor(), b.factor(), c.result(), how);
          std::int64_t wrong = 0;
          for (std::size_t i = 0; i < c.values.size(); ++i) {
            const bool inside = static_cast<std::int64_t>(i) % c.stride < n;
            const float was = Place::before(i);
            const float should = !inside                    ? was
                                 : how == Product::replaces ? expected.values[i]
                                                            : was + expected.values[i];
            if (c.values[i] != should) ++wrong;
          }
          INFO(m << " x " << depth << " x " << n << (a_turned ? ", A turned" : "")
                 << (b_turned ? ", B turned" : "") << ", width " << width
                 << (how == Product::replaces ? ", replaces" : ", is added"));
          REQUIRE(wrong == 0);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("the widths under test are those of the processor", "[matrix_product]") {
  // Every other test case passes over widths that are not there: this one says so.
  for (const int width : {16, 8, 4}) processor_has(width);
  CHECK((register_width() == 16 || register_width() == 8 || register_width() == 4));
}

TEST_CASE("a product is exact on whole numbers, at every edge of rows and columns",
          "[matrix_product]") {
  // Around tiles of 14, 8, 6, 4 and 1 rows, alone and behind each other.
  const std::int64_t m =
      GENERATE(1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 18, 22, 27, 28, 29);
  // Around panels of 4, 8, 16 and 32 columns, and around the 256 that are packed at a time.
  for (const std::int64_t n : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65})
    check_exactly(m, 5, n);
  if (m == 1 || m == 15) {
    for (const std::int64_t n : {255, 256, 257, 271, 272, 288, 511, 513}) check_exactly(m, 5, n);
  }
}

TEST_CASE("a product is exact on whole numbers, at every edge of the depth", "[matrix_product]") {
  // Around blocks of 4 x 4 that are turned, and around the 384 rows that are packed at a time.
  const std::int64_t depth = GENERATE(1, 2, 3, 4, 5, 7, 8, 9, 383, 384, 385, 388, 767, 768, 769);
  for (const std::int64_t m : {1, 15}) {
    for (const std::int64_t n : {1, 6, 33, 257}) check_exactly(m, depth, n);
  }
}

TEST_CASE("the error of a product is that of the plain float loop", "[matrix_product]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const bool a_turned = GENERATE(false, true);
  const bool b_turned = GENERATE(false, true);
  // Depths of the model: a head's, a half block, D, and D of the feed-forward network's way back.
  for (const std::int64_t depth : {32, 200, 384, 1536}) {
    const Matrix a(37, depth, a_turned, 0, 3, with_outliers);
    const Matrix b(depth, 70, b_turned, 0, 4, with_outliers);
    Place c(a.rows, b.columns);
    multiply_as(width, a.factor(), b.factor(), c.result(), Product::replaces);
    double ours = 0.0;
    double theirs = 0.0;
    for (std::int64_t i = 0; i < a.rows; ++i) {
      for (std::int64_t j = 0; j < b.columns; ++j) {
        const double truth = plain<double>(a, b, i, j);
        ours = std::max(ours, std::abs(c.at(i, j) - truth));
        theirs = std::max(theirs, std::abs(plain<float>(a, b, i, j) - truth));
      }
    }
    INFO("depth " << depth << ", width " << width << ": " << 100.0 * ours / (2.0 * theirs)
                  << " % of allowed");
    CHECK(ours <= 2.0 * theirs);
  }
}

TEST_CASE("every result is one chain over k, whatever the shapes around it", "[matrix_product]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const bool a_turned = GENERATE(false, true);
  // 14 + 8 + 4 + 1 rows, two blocks of depth, columns of whole and partial panels.
  const Matrix a(27, 390, a_turned, 0, 5, with_outliers);
  const Matrix b(390, 70, GENERATE(false, true), 0, 6, with_outliers);
  Place c(a.rows, b.columns);
  multiply_as(width, a.factor(), b.factor(), c.result(), Product::replaces);
  std::int64_t not_fused = 0;
  std::int64_t not_plain = 0;
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.columns; ++j) {
      if (c.at(i, j) != fused(a, b, i, j)) ++not_fused;
      if (c.at(i, j) != plain<float>(a, b, i, j)) ++not_plain;
    }
  }
  // Width 4 is for processors without fused multiply-add, and g++ fuses nothing at -O1; but then no
  // result may be fused, or bits would depend on shapes.
  INFO("width " << width << ": " << not_fused << " results are not the chain of fused steps, "
                << not_plain << " not that of plain ones");
  CHECK((not_fused == 0 || not_plain == 0));
}

TEST_CASE("registers of 16 and of 8 floats give the same bits", "[matrix_product]") {
  if (!processor_has(16)) return;
  const Matrix a(29, 400, GENERATE(false, true), 0, 7, with_outliers);
  const Matrix b(400, 301, GENERATE(false, true), 0, 8, with_outliers);
  Place in_16(a.rows, b.columns), in_8(a.rows, b.columns);
  const Product how = GENERATE(Product::replaces, Product::is_added);
  multiply_as(16, a.factor(), b.factor(), in_16.result(), how);
  multiply_as(8, a.factor(), b.factor(), in_8.result(), how);
  CHECK(same_bits(in_16.values, in_8.values));
}

TEST_CASE("the bits of a row depend neither on the rows beside it nor on how work is cut",
          "[matrix_product]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  const bool a_turned = GENERATE(false, true);
  const bool b_turned = GENERATE(false, true);
  const Matrix a(31, 400, a_turned, 0, 9, with_outliers);
  const Matrix b(400, 273, b_turned, 0, 10, with_outliers);
  const Product how = GENERATE(Product::replaces, Product::is_added);
  Place whole(a.rows, b.columns);
  multiply_as(width, a.factor(), b.factor(), whole.result(), how);
  // In steps that end inside tiles and panels.
  for (const std::int64_t step : {1, 5, 13, 14, 15}) {
    Place cut(a.rows, b.columns);
    for (std::int64_t i = 0; i < a.rows; i += step) {
      const std::int64_t some = std::min(step, a.rows - i);
      Factor rows = a.factor();
      rows.data += i * rows.row_stride;
      rows.rows = some;
      multiply_as(
          width, rows, b.factor(),
          {&cut.values[static_cast<std::size_t>(i * cut.stride)], some, b.columns, cut.stride},
          how);
    }
    INFO("rows in steps of " << step << ", width " << width);
    CHECK(same_bits(cut.values, whole.values));
  }
  for (const std::int64_t step : {7, 16, 33, 100}) {
    Place cut(a.rows, b.columns);
    for (std::int64_t j = 0; j < b.columns; j += step) {
      const std::int64_t some = std::min(step, b.columns - j);
      Factor columns = b.factor();
      columns.data += j * columns.column_stride;
      columns.columns = some;
      multiply_as(width, a.factor(), columns,
                  {&cut.values[static_cast<std::size_t>(j)], a.rows, some, cut.stride}, how);
    }
    INFO("columns in steps of " << step << ", width " << width);
    CHECK(same_bits(cut.values, whole.values));
  }
}

TEST_CASE("what is not finite stays in its row of A and its column of B", "[matrix_product]") {
  const int width = GENERATE(16, 8, 4);
  if (!processor_has(width)) return;
  Matrix a(15, 9, GENERATE(false, true), 0, 11, whole_number);
  Matrix b(9, 37, GENERATE(false, true), 0, 12, whole_number);
  a.at(3, 8) = not_a_number;
  b.at(2, 36) = std::numeric_limits<float>::infinity();  // beside the padding of its panel
  Place c(a.rows, b.columns);
  multiply_as(width, a.factor(), b.factor(), c.result(), Product::replaces);
  for (std::int64_t i = 0; i < a.rows; ++i) {
    for (std::int64_t j = 0; j < b.columns; ++j) {
      INFO("row " << i << ", column " << j);
      CHECK(std::isfinite(c.at(i, j)) == (i != 3 && j != 36));
    }
  }
}

TEST_CASE("multiply takes views, and a depth of nothing", "[matrix_product]") {
  std::vector<float> a{1, 2, 3, 4, 5, 6};
  std::vector<float> b{1, 0, 0, 1, 2, 3};
  std::vector<float> c(4, not_a_number);
  const MatrixView<float> left{a.data(), 2, 3}, right{b.data(), 3, 2}, product{c.data(), 2, 2};
  multiply(left, MatrixView<const float>(right), product, Product::replaces);
  CHECK(c == std::vector<float>{7, 11, 16, 23});
  multiply(left, right, product, Product::is_added);
  CHECK(c == std::vector<float>{14, 22, 32, 46});

  for (const Product how : {Product::replaces, Product::is_added}) {
    Place place(3, 5);
    multiply(Factor(nullptr, 3, 0, 0), Factor(nullptr, 0, 5, 5), place.result(), how);
    for (std::size_t i = 0; i < place.values.size(); ++i) {
      const bool emptied = how == Product::replaces && static_cast<std::int64_t>(i) % 8 < 5;
      CHECK(place.values[i] == (emptied ? 0.0f : Place::before(i)));
    }
  }
  // No rows, no columns: nothing happens.
  multiply(Factor(nullptr, 0, 3, 3), right, {nullptr, 0, 2, 2}, Product::replaces);
  multiply(left, Factor(nullptr, 3, 0, 0), {nullptr, 2, 0, 0}, Product::replaces);
}

TEST_CASE("factors that do not fit are refused by name", "[matrix_product]") {
  std::vector<float> v(64, 1.0f);
  const auto factor = [&](std::int64_t r, std::int64_t c) { return Factor(v.data(), r, c, c); };
  std::vector<float> w(64, 2.0f);
  const auto result = [&](std::int64_t r, std::int64_t c) { return Result(w.data(), r, c, c); };
  const auto refused = [&](const Factor& a, const Factor& b, const Result& c, const char* what) {
    CHECK_THROWS_AS(multiply(a, b, c, Product::replaces), ShapeError);
    CHECK_THROWS_WITH(multiply(a, b, c, Product::replaces), Catch::Contains(what));
  };
  refused(factor(2, 3), factor(4, 5), result(2, 5),
          "columns of the first factor, rows of the second: 3 and 4");
  refused(factor(2, 3), factor(3, 5), result(3, 5),
          "rows of the first factor, rows of the product: 2 and 3");
  refused(factor(2, 3), factor(3, 5), result(2, 4),
          "columns of the second factor, columns of the product: 5 and 4");
  refused(factor(2, 0), factor(0, 5), result(3, 5), "rows of the product");
  CHECK(w == std::vector<float>(64, 2.0f));
}
