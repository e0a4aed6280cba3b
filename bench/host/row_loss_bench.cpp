// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The plain host loop: from a row of logits to value and gradient, for every loss there is; and the
// whole visit of a batch as CanDist trains it.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "candist/candidates/mask.hpp"
#include "candist/losses/all_losses.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "candist/training/row_program.hpp"
#include "harness.hpp"
#include "support/rows.hpp"

using namespace candist;
using bench::Report;
using testing::RandomRow;
using testing::reference_value;
using testing::ReferenceRow;

namespace {

/// TREC and PICO, WordNet, Banking77, and more classes than any of the paper's.
constexpr int class_counts[] = {6, 25, 77, 1025};
/// Enough rows that the clock does not matter, few enough that they stay in the cache.
int rows_for(int classes) { return std::max(16, 8192 / classes); }

RandomRow random_row(std::string_view loss, int classes, std::uint64_t seed) {
  RandomRow row(classes, 1 + static_cast<int>(seed % 4), seed);
  if (loss == LeveragedSigmoid::name || loss == LeveragedCe::name) {  // they learn outside S, too
    for (Cell& cell : row.cells) {
      if (!cell.candidate) cell.target = 0.5f / static_cast<float>(classes);
    }
  }
  return row;
}

/// Value against the double formula; gradient against the slope of that formula in a random
/// direction, which needs four values where the whole gradient would need 4 C.
void check(std::string_view loss, const RandomRow& row, float value,
           const std::vector<float>& gradient) {
  const std::string where = std::string(loss) + ", C = " + std::to_string(gradient.size());
  const ReferenceRow<double> exact = row.reference<double>();
  const auto expected = reference_value(loss, exact);
  bench::require(expected.has_value(), where + " has no formula in loss_reference.hpp");
  const double root = std::sqrt(static_cast<double>(gradient.size()));
  constexpr double last_places = 64 * 1.1920929e-7;  // what the tests allow
  bench::require(
      std::abs(value - *expected) <= last_places * root * (1.0 + std::abs(*expected)),
      where + ": value " + std::to_string(value) + ", exactly " + std::to_string(*expected));
  CounterRng rng(1, RandomPurpose::resampling);
  std::vector<double> direction;
  double slope = 0.0;
  double largest = 1.0;
  for (const float g : gradient) {
    direction.push_back(rng.normal());
    slope += static_cast<double>(g) * direction.back();
    largest = std::max(largest, std::abs(static_cast<double>(g)));
  }
  const auto at = [&](double step) {
    ReferenceRow<double> moved = exact;
    for (std::size_t j = 0; j < direction.size(); ++j) moved.z[j] += step * direction[j];
    return *reference_value(loss, moved);
  };
  constexpr double h = 1e-4;
  const double wide = (at(2 * h) - at(-2 * h)) / (4 * h);
  const double narrow = (at(h) - at(-h)) / (2 * h);
  const double exact_slope = (4 * narrow - wide) / 3;
  bench::require(
      std::abs(slope - exact_slope) <= last_places * root * largest,
      where + ": slope " + std::to_string(slope) + ", exactly " + std::to_string(exact_slope));
}

template <Loss L>
void measure_loss(Report& report, int classes) {
  const L loss{};
  const int n = rows_for(classes);
  std::vector<RandomRow> rows;
  for (int i = 0; i < n; ++i) rows.push_back(random_row(L::name, classes, 1u + i));
  std::vector<float> dlogits(static_cast<std::size_t>(classes));
  const auto one = [&](RandomRow& row) {
    RowStats stats = row_stats(row.logits.data(), row.cells);
    add_target_sums(stats, row.cells);
    return row_loss(loss, stats, std::span<const Cell>(row.cells), 1.0f, dlogits.data());
  };
  for (int i = 0; i < 4; ++i) {  // one of every set size
    const float value = one(rows[static_cast<std::size_t>(i)]);
    check(L::name, rows[static_cast<std::size_t>(i)], value, dlogits);
  }
  const auto seconds = bench::seconds_of_runs([&] {
    float sum = 0.0f;
    for (RandomRow& row : rows) {
      sum += one(row);
      bench::keep(dlogits);
    }
    bench::keep(sum);
  });
  report.add(L::name, "C=" + std::to_string(classes), seconds, "ns/row", 1e9 / n);
}

/// RowProgram::visit of every row once, in batches of 32, after the refinery has made its choice:
/// candidates, stored targets, sharpening, loss, gradient and the refreshed targets.
void measure_visit(Report& report, int classes) {
  constexpr int batch = 32;
  const int n = std::max(4 * batch, rows_for(classes) / batch * batch);
  CounterRng rng(2, RandomPurpose::resampling, static_cast<std::uint64_t>(classes));
  Annotations annotations(classes);
  std::vector<float> values(static_cast<std::size_t>(n * classes));
  const MatrixView<float> logits{values.data(), n, classes};
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < classes; ++j) logits(i, j) = 1.5f * rng.normal();
    const std::int32_t first = static_cast<std::int32_t>(rng.below(classes));
    const std::int32_t other =
        static_cast<std::int32_t>((first + 1 + rng.below(classes - 1)) % classes);
    const std::int32_t both[] = {first, other};
    annotations.add(std::span(both).first(1 + rng.below(2)));
    logits(i, first) += rng.uniform() < 0.9f ? 8.0f : 0.0f;  // as trained: mostly inside the set
  }
  const MaskCandidates candidates(annotations);
  const DistributionRefinery refinery;
  RowProgram program(SoftTargetCe{}, refinery, candidates.view());
  program.note(0, logits);
  program.begin_epoch(refinery.options().warm_up_epochs);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) rows[static_cast<std::size_t>(i)] = i;
  std::vector<float> gradients(batch * static_cast<std::size_t>(classes));
  std::vector<float> targets(gradients.size());
  const MatrixView<float> dlogits{gradients.data(), batch, classes};
  const MatrixView<float> final_targets{targets.data(), batch, classes};
  const auto visit = [&](int first) {
    return program.visit(std::span(rows).subspan(static_cast<std::size_t>(first), batch),
                         logits.slice(first, batch), Denominator::rows_with_target, dlogits,
                         final_targets);
  };
  for (int first = 0; first < n; first += batch) {
    const VisitReport visited = visit(first);
    double loss = 0.0;
    for (int b = 0; b < batch; ++b) {
      const float* z = logits.row(first + b);
      const auto log_p = testing::log_softmax_of(std::vector<double>(z, z + classes));
      double mass = 0.0;
      for (int j = 0; j < classes; ++j) mass += final_targets(b, j);
      for (int j = 0; j < classes; ++j) {
        const double q = final_targets(b, j);
        const double p = std::exp(log_p[static_cast<std::size_t>(j)]);
        loss -= q * log_p[static_cast<std::size_t>(j)];
        const double expected = (mass * p - q) / static_cast<double>(visited.with_target);
        bench::require(std::abs(dlogits(b, j) - expected) <= 1e-6, "gradient of a visit");
      }
    }
    bench::require(std::abs(visited.loss - loss) <= 1e-4 * (1.0 + loss), "loss of a visit");
  }
  const auto seconds = bench::seconds_of_runs([&] {
    for (int first = 0; first < n; first += batch) {
      bench::keep(visit(first));
      bench::keep(gradients);
    }
  });
  report.add("RowProgram::visit soft_target_ce + distribution_refinery",
             "C=" + std::to_string(classes), seconds, "ns/row", 1e9 / n);
}

}  // namespace

int main(int argc, char** argv) {
  Report report("row_loss", argc, argv);
  return bench::run([&] {
    for (const int classes : class_counts) {
      for_each_type(AllLosses{}, [&]<class L>() { measure_loss<L>(report, classes); });
      measure_visit(report, classes);
    }
  });
}
