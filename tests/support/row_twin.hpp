// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The row kernels beside their host twins. A Runner says where arrays lie: in the host executor's memory or
// on a device. Complaints come back as text, so that either test harness can report them.
//   runner.upload(values) -> T*       a copy there, whose ends are guarded where the runner can
//   runner.download(pointer, count)   the values as they are now
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/kernels/row_loss.hpp"
#include "candist/kernels/row_refine.hpp"
#include "candist/losses/marginal_nll.hpp"
#include "candist/refineries/keep_prior.hpp"
#include "candist/training/row_program.hpp"
#include "support/rows.hpp"

namespace candist::testing {

/// N rows of random logits, candidates of many sizes (none and all among them) and prior weights. Every
/// fifth row has only two different logits: the first of equal ones wins everywhere.
struct RowTable {
  std::int64_t rows;
  int classes;
  std::vector<float> logits;   ///< [N, C]
  std::vector<float> weights;  ///< [N, C], of the candidates

  RowTable(std::int64_t n, int c, std::uint64_t seed, float offset = 0.0f) : rows(n), classes(c) {
    const int sizes[] = {1, 2, 0, c, std::max(1, c / 2), std::max(1, c - 1)};
    for (std::int64_t i = 0; i < n; ++i) {
      const int size = std::min(sizes[static_cast<std::size_t>(i) % 6], c);
      const RandomRow row(c, size, seed * 7919 + static_cast<std::uint64_t>(i));
      for (std::size_t j = 0; j < row.logits.size(); ++j) {
        const float z = i % 5 == 4 ? (row.logits[j] > 0.0f ? 1.0f : 0.0f) : row.logits[j];
        logits.push_back(z + offset);
        weights.push_back(row.cells[j].candidate ? row.cells[j].target : 0.0f);
      }
    }
  }
  MatrixView<const float> weight_view() const { return {weights.data(), rows, classes}; }
};

/// A candidate set's view with its arrays where the runner has them.
template <class Runner>
MaskView upload(Runner& runner, const MaskView& view) {
  const auto n = static_cast<std::size_t>(view.row_count);
  const std::size_t words = static_cast<std::size_t>(view.class_count + 63) / 64;
  return {runner.upload(std::vector(view.bits, view.bits + n * words)),
          runner.upload(std::vector(view.row_weight, view.row_weight + n)), view.row_count,
          view.class_count};
}
template <class Runner>
SparseView upload(Runner& runner, const SparseView& view) {
  const auto n = static_cast<std::size_t>(view.row_count);
  const auto entries = static_cast<std::size_t>(view.offsets[n]);
  return {runner.upload(std::vector(view.offsets, view.offsets + n + 1)),
          runner.upload(std::vector(view.labels, view.labels + entries)),
          runner.upload(std::vector(view.weights, view.weights + entries)), view.row_count,
          view.class_count};
}
template <class Runner>
DenseView upload(Runner& runner, const DenseView& view) {
  const auto size = static_cast<std::size_t>(view.rows() * view.classes());
  return {{runner.upload(std::vector(view.weights.data, view.weights.data + size)), view.rows(),
           view.classes()}};
}

/// Complaints about numbers that are too far from those of the twin, the first of them spelled out.
class Complaints {
 public:
  explicit Complaints(std::string about) : about_(std::move(about)) {}

  /// `allowed` relative to the largest number of the row, at least 1.
  void compare(const char* what, const std::vector<float>& ours, const std::vector<float>& theirs,
               double allowed) {
    if (ours.size() != theirs.size()) return add(std::string(what) + ": other sizes");
    double scale = 1.0;
    for (const float value : theirs) {
      if (std::isfinite(value)) scale = std::max(scale, std::abs(static_cast<double>(value)));
    }
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (std::isnan(ours[i]) && std::isnan(theirs[i])) continue;
      if (ours[i] == theirs[i]) continue;
      const double error = std::abs(static_cast<double>(ours[i]) - static_cast<double>(theirs[i]));
      if (error <= allowed * scale) continue;
      return add(std::string(what) + "[" + std::to_string(i) + "]: " + std::to_string(ours[i]) +
                 " against " + std::to_string(theirs[i]));
    }
  }
  void expect(bool holds, const std::string& what) {
    if (!holds) add(what);
  }
  /// "" where there is nothing to complain about.
  const std::string& text() const { return text_; }

 private:
  void add(const std::string& what) {
    if (text_.size() < 500) text_ += (text_.empty() ? "" : "\n") + about_ + ": " + what;
  }

  std::string about_;
  std::string text_;
};

inline void compare_summaries(Complaints& complaints, const std::vector<RowSummary>& ours,
                              const std::vector<RowSummary>& theirs, double allowed) {
  std::vector<float> numbers[2];
  for (std::size_t i = 0; i < ours.size(); ++i) {
    complaints.expect(ours[i].argmax == theirs[i].argmax &&
                          ours[i].labelled == theirs[i].labelled &&
                          ours[i].inside == theirs[i].inside,
                      "summary of row " + std::to_string(i));
    for (const auto& [to, from] : {std::pair{&numbers[0], &ours[i]}, {&numbers[1], &theirs[i]}}) {
      to->push_back(from->confidence);
      to->push_back(from->renormalised_loss);
      to->push_back(from->stored_loss);
    }
  }
  complaints.compare("summaries", numbers[0], numbers[1], allowed);
}

/// A short training of a composition, every pass compared: first targets, an evaluation pass, a plan that
/// holds every treatment, a visit in scattered order, a revisit. `work(loss, row_part, batch)` launches.
template <class L, class R, class Set, class Logit = float, class Runner, class Work>
std::string compare_with_program(Runner& runner, const RowTable& table, const L& loss,
                                 const R& refinery, Work&& work) {
  const Set set(table.weight_view());
  RowProgram program(loss, refinery, set.view());
  const std::int64_t n = table.rows;
  const int c = table.classes;
  const auto cells = static_cast<std::size_t>(n * c);
  const double allowed = 1e-6 * (4.0 + std::sqrt(static_cast<double>(c)));
  Complaints complaints(std::string(L::name) + ", " + R::name + ", " + Set::name +
                        ", C = " + std::to_string(c) + ", N = " + std::to_string(n));
  constexpr float poison = -77.0f;
  const auto host = [](const float* data, std::size_t count) {
    return std::vector<float>(data, data + count);
  };

  RowBatch<Logit, decltype(set.view())> batch;
  batch.candidates = upload(runner, set.view());
  batch.count = n;
  batch.targets = runner.upload(std::vector<float>(cells, poison));
  if (has_memory(refinery)) batch.memory = runner.upload(std::vector<float>(cells, poison));
  const auto stored = [&](const char* what) {
    complaints.compare(what, runner.download(batch.targets, cells),
                       host(program.store().targets().data, cells), allowed);
    if (batch.memory != nullptr)
      complaints.compare("memory", runner.download(batch.memory, cells),
                         host(program.store().memory().data, cells), allowed);
  };
  const auto rounded = runner.template logits<Logit>(table.logits);  // as bf16 holds them
  batch.logits = rounded.pointer;
  const MatrixView<const float> logits{rounded.values.data(), n, c};

  batch.pass = RowPass::initialize;
  work(loss, row_part_of(refinery), batch);
  stored("first targets");

  batch.summaries = runner.upload(std::vector<RowSummary>(static_cast<std::size_t>(n)));
  batch.pass = RowPass::note;
  work(loss, row_part_of(refinery), batch);
  program.note(0, logits);
  compare_summaries(complaints, runner.download(batch.summaries, static_cast<std::size_t>(n)),
                    program.store().summaries, allowed);

  // Every treatment, whatever the refinery would have chosen.
  program.begin_epoch(0);
  for (std::int64_t row = 0; row < n; ++row) {
    RowPlan& plan = program.store().plans[static_cast<std::size_t>(row)];
    if (plan.treatment == Treatment::without_target) continue;  // an empty set
    const Treatment treatments[] = {Treatment::as_stored, Treatment::sharpened, Treatment::one_hot,
                                    Treatment::without_target};
    if (targets_are_distributions(refinery)) plan.treatment = treatments[row % 4];
    plan.label = static_cast<std::int32_t>(row % c);
  }
  batch.plans = runner.upload(program.store().plans);

  // All rows but the first, last one first, and a scale that is not 1.
  std::vector<std::int64_t> order;
  for (std::int64_t row = n - 1; row >= (n > 1 ? 1 : 0); --row) order.push_back(row);
  std::vector<float> batch_logits;
  for (const std::int64_t row : order)
    batch_logits.insert(batch_logits.end(), logits.row(row), logits.row(row) + c);
  const auto given = runner.template logits<Logit>(batch_logits);
  const auto b = static_cast<std::int64_t>(order.size());
  const auto batch_cells = static_cast<std::size_t>(b * c);
  std::vector<float> gradients(batch_cells), targets(batch_cells);
  const VisitReport report =
      program.visit(order, {given.values.data(), b, c}, Denominator::rows_with_target,
                    {gradients.data(), b, c}, {targets.data(), b, c});
  batch.pass = RowPass::visit;
  batch.count = b;
  batch.rows = runner.upload(order);
  batch.logits = given.pointer;
  batch.scale = 2.0f;
  const float factor =
      report.with_target > 0 ? 0.5f / static_cast<float>(report.with_target) : 0.0f;
  batch.scale_factor = runner.upload(std::vector<float>{factor});
  batch.dlogits = runner.template room<Logit>(batch_cells);
  batch.final_targets = runner.upload(std::vector<float>(batch_cells, poison));
  batch.losses = runner.upload(std::vector<float>(static_cast<std::size_t>(b), poison));
  batch.first_bad_row = runner.upload(std::vector<unsigned long long>{~0ull});
  work(loss, row_part_of(refinery), batch);
  stored("targets after the visit");
  const double storage = sizeof(Logit) == sizeof(float) ? 0.0 : 1.0 / 256;
  complaints.compare("gradients", runner.floats(batch.dlogits, batch_cells), gradients,
                     allowed + storage);
  complaints.compare("targets of the visit", runner.download(batch.final_targets, batch_cells),
                     targets, allowed);
  double sum = 0.0;
  for (const float value : runner.download(batch.losses, static_cast<std::size_t>(b))) sum += value;
  complaints.expect(
      std::abs(sum - report.loss) <=
          allowed * static_cast<double>(b) * (1.0 + std::abs(report.loss)),
      "sum of the losses: " + std::to_string(sum) + " against " + std::to_string(report.loss));
  complaints.expect(runner.download(batch.first_bad_row, 1)[0] == ~0ull, "a bad row was reported");

  batch.pass = RowPass::revisit;
  work(loss, row_part_of(refinery), batch);
  program.revisit(order, {given.values.data(), b, c});
  stored("targets after the revisit");
  return complaints.text();
}

/// Rows with NaN and +inf among rows without: `work(loss, row_part, batch)` launches; the lowest bad row is
/// named, its loss and gradients are NaN, and those of the others are finite.
template <class Runner, class Work>
std::string rows_without_softmax(Runner& runner, Work&& work) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  RowTable table(4, 6, 2);
  table.logits[6 + 2] = std::numeric_limits<float>::quiet_NaN();
  table.logits[18 + 1] = inf;
  table.logits[0] = -inf;  // one of them: the softmax is defined
  for (float& weight : table.weights) weight = 1.0f / 6.0f;
  const MaskCandidates set(table.weight_view());
  RowBatch<float, MaskView> batch;
  batch.candidates = upload(runner, set.view());
  batch.count = 4;
  batch.logits = runner.upload(table.logits);
  batch.targets = runner.upload(table.weights);
  batch.dlogits = runner.template room<float>(24);
  batch.losses = runner.template room<float>(4);
  batch.first_bad_row = runner.upload(std::vector<unsigned long long>{~0ull});
  work(MarginalNll{}, KeepPrior{}, batch);
  Complaints complaints("rows without softmax");
  complaints.expect(runner.download(batch.first_bad_row, 1)[0] == 1, "the first bad row");
  const std::vector<float> losses = runner.download(batch.losses, 4);
  const std::vector<float> gradients = runner.download(batch.dlogits, 24);
  for (std::size_t row = 0; row < 4; ++row) {
    const bool bad = row % 2 == 1;
    complaints.expect(bad ? std::isnan(losses[row]) : std::isfinite(losses[row]),
                      "loss of row " + std::to_string(row));
    for (std::size_t j = 0; j < 6; ++j) {
      const float gradient = gradients[row * 6 + j];
      complaints.expect(bad ? std::isnan(gradient) : std::isfinite(gradient),
                        "gradient of row " + std::to_string(row));
    }
  }
  return complaints.text();
}

}  // namespace candist::testing
