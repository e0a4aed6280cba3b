// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// DeviceRowProgram beside RowProgram, through a few epochs of a training. A Runner (row_twin.hpp)
// says where arrays lie, a Compute (DeviceStream, or a stand-in) where the program works.
// Complaints come back as text.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <list>
#include <sstream>
#include <string>
#include <vector>

#include "candist/error.hpp"
#include "candist/methods.hpp"
#include "candist/training/device_row_program.cuh"
#include "support/row_twin.hpp"

namespace candist::testing {

/// A Runner in the host's own memory, for the host's program.
class HostArrays {
 public:
  float* upload(const std::vector<float>& values) { return arrays_.emplace_back(values).data(); }
  template <class T>
  T* room(std::size_t count) {
    return upload(std::vector<T>(count, -77.0f));
  }
  std::vector<float> download(const float* from, std::size_t count) const {
    return {from, from + count};
  }

 private:
  std::list<std::vector<float>> arrays_;
};

/// What one visit came to, and the plans that it was made under.
struct Visited {
  std::int64_t with_target = 0;
  float loss = 0.0f;
  std::vector<float> gradients, targets;
  std::vector<RowPlan> plans;
};

/// The training that a program is taken through: logits that move from epoch to epoch, as a
/// student's do, and batches of scattered rows. No two logits are equal, so that no plan hangs on a
/// last place.
struct ShortTraining {
  static constexpr int largest_batch = 7;
  static constexpr int step = 17;  // row k step mod N: every row, where N is no multiple of 17

  std::int64_t rows;
  int classes;

  int batches() const { return static_cast<int>((rows + largest_batch - 1) / largest_batch); }
  std::vector<float> logits(int epoch) const {
    const auto seed = 100 + static_cast<std::uint64_t>(epoch);
    std::vector<float> all;
    for (std::int64_t i = 0; i < rows; ++i) {
      const RandomRow row(classes, 1, seed * 7919 + static_cast<std::uint64_t>(i));
      all.insert(all.end(), row.logits.begin(), row.logits.end());
    }
    return all;
  }
  /// Rows of batch `number` of an epoch.
  std::vector<std::int64_t> batch(int epoch, int number) const {
    std::vector<std::int64_t> chosen;
    const std::int64_t first = number * largest_batch;
    for (std::int64_t k = first; k < std::min(first + largest_batch, rows); ++k)
      chosen.push_back((k * step + epoch) % rows);
    return chosen;
  }
  std::vector<float> logits_of(const std::vector<float>& all,
                               const std::vector<std::int64_t>& chosen) const {
    std::vector<float> some;
    for (const std::int64_t row : chosen)
      some.insert(some.end(), all.begin() + row * classes, all.begin() + (row + 1) * classes);
    return some;
  }

  /// Takes `program`, whose matrices lie where `runner` has them, from batch `from` (counted over
  /// all epochs) to `to`.
  template <class Runner, class Program>
  std::vector<Visited> run(Runner& runner, Program& program, int from, int to) const {
    std::vector<Visited> visits;
    for (int at = from; at < to; ++at) {
      const int epoch = at / batches();
      const std::vector<float> now = logits(epoch);
      if (at % batches() == 0) {
        if (program.predictions(epoch) == PredictionSource::evaluation_pass)
          note(runner, program, now);
        program.begin_epoch(epoch);
      }
      const std::vector<std::int64_t> chosen = batch(epoch, at % batches());
      visits.push_back(visit(runner, program, epoch, chosen, logits_of(now, chosen)));
      if (!program.wants_revisit()) continue;
      const std::vector<float> after = logits_of(logits(epoch + 1), chosen);
      const auto b = static_cast<std::int64_t>(chosen.size());
      program.revisit(chosen, {runner.upload(after), b, classes});
    }
    return visits;
  }

 private:
  /// In two parts.
  template <class Runner, class Program>
  void note(Runner& runner, Program& program, const std::vector<float>& now) const {
    const float* all = runner.upload(now);
    const std::int64_t half = rows / 2;
    program.note(half, {all + half * classes, rows - half, classes});
    program.note(0, {all, half, classes});
  }
  template <class Runner, class Program>
  Visited visit(Runner& runner, Program& program, int epoch,
                const std::vector<std::int64_t>& chosen, const std::vector<float>& given) const {
    const auto b = static_cast<std::int64_t>(chosen.size());
    const auto divisor = epoch % 2 == 0 ? Denominator::rows_with_target : Denominator::batch_rows;
    const MatrixView<const float> z{runner.upload(given), b, classes};
    const MatrixView<float> dz{runner.template room<float>(given.size()), b, classes};
    const MatrixView<float> targets{runner.template room<float>(given.size()), b, classes};
    VisitReport report;
    if constexpr (requires { program.report(); }) {
      program.visit(chosen, z, divisor, dz, targets);
      report = program.report();
    } else {
      report = program.visit(chosen, z, divisor, dz, targets);
    }
    Visited visited{report.with_target,
                    static_cast<float>(report.loss),
                    runner.download(dz.data, given.size()),
                    runner.download(targets.data, given.size()),
                    {}};
    for (std::int64_t row = 0; row < rows; ++row) visited.plans.push_back(program.plan(row));
    return visited;
  }
};

inline bool same_plan(const RowPlan& a, const RowPlan& b) {
  return a.treatment == b.treatment && a.outside == b.outside && a.label == b.label;
}

/// `allowed` as in Complaints::compare(): 0 asks for the same numbers.
inline void compare_visits(Complaints& complaints, const std::vector<Visited>& ours,
                           const std::vector<Visited>& theirs, double allowed) {
  complaints.expect(ours.size() == theirs.size() && !ours.empty(), "number of visits");
  for (std::size_t v = 0; v < std::min(ours.size(), theirs.size()); ++v) {
    const Visited &a = ours[v], &b = theirs[v];
    const std::string where = " of visit " + std::to_string(v);
    for (std::size_t row = 0; row < a.plans.size(); ++row) {
      complaints.expect(same_plan(a.plans[row], b.plans[row]),
                        "plan of row " + std::to_string(row) + where);
    }
    complaints.expect(a.with_target == b.with_target, "rows with target" + where);
    complaints.compare(("loss" + where).c_str(), {a.loss}, {b.loss}, 2.0 * allowed);
    complaints.compare(("gradients" + where).c_str(), a.gradients, b.gradients, allowed);
    complaints.compare(("targets" + where).c_str(), a.targets, b.targets, allowed);
  }
}

template <class Program>
std::string saved(const Program& program) {
  std::ostringstream out;
  program.save(out);
  return out.str();
}
/// Loads it, of which nothing may be missing and nothing left.
template <class Program>
void load(Complaints& complaints, Program& program, const std::string& bytes) {
  std::istringstream in(bytes);
  program.load(in);
  complaints.expect(static_cast<bool>(in), "load() wants more than was saved");
  complaints.expect(in.peek() == std::istringstream::traits_type::eof(), "load() leaves a rest");
}

/// What a host's program says of the bytes that one of the device has saved, beside one of the
/// host.
template <class L, class R, class View>
void compare_saved(Complaints& complaints, const L& loss, const R& refinery, View view,
                   const std::string& ours, const std::string& theirs, double allowed) {
  complaints.expect(ours.size() == theirs.size(), "length of what save() writes");
  RowProgram a(loss, refinery, view), b(loss, refinery, view);
  load(complaints, a, ours);
  load(complaints, b, theirs);
  const auto numbers = [](MatrixView<float> table) {
    return std::vector<float>(table.data, table.data + table.size());
  };
  complaints.compare("stored targets", numbers(a.store().targets()), numbers(b.store().targets()),
                     allowed);
  complaints.compare("memory", numbers(a.store().memory()), numbers(b.store().memory()), allowed);
  compare_summaries(complaints, a.store().summaries, b.store().summaries, allowed);
  for (std::size_t row = 0; row < a.store().plans.size(); ++row) {
    complaints.expect(same_plan(a.store().plans[row], b.store().plans[row]),
                      "stored plan of row " + std::to_string(row));
  }
}

template <class L, class R, class Set>
std::string name_of_composition(int classes) {
  return std::string(L::name) + ", " + R::name + ", " + Set::name +
         ", C = " + std::to_string(classes);
}

/// Six epochs on the device and on the host: the same plans, targets, gradients and stored tables.
template <class Set, class L, class R, class Runner, class Compute>
std::string compare_epochs(Runner& runner, Compute& compute, const L& loss, const R& refinery) {
  const ShortTraining training{60, 6};
  const RowTable table(training.rows, training.classes, 4);
  const Set set(table.weight_view());
  Complaints complaints(name_of_composition<L, R, Set>(training.classes));
  RowProgram host(loss, refinery, set.view());
  DeviceRowProgram<L, R, decltype(set.view()), Compute, float, RowShapes::few> device(
      loss, refinery, set.view(), ShortTraining::largest_batch, compute);
  complaints.expect(device.rows() == host.rows() && device.classes() == host.classes() &&
                        device.targets_are_labels() == host.targets_are_labels() &&
                        device.plans().size() == static_cast<std::size_t>(host.rows()),
                    "what the programs say of themselves");
  const int end = 6 * training.batches();
  HostArrays arrays;
  compare_visits(complaints, training.run(runner, device, 0, end),
                 training.run(arrays, host, 0, end), 1e-5);
  compare_saved(complaints, loss, refinery, set.view(), saved(device), saved(host), 1e-5);
  const auto cells = static_cast<std::size_t>(training.rows * training.classes);
  complaints.compare("targets on the device", runner.download(device.targets(), cells),
                     arrays.download(host.store().targets().data, cells), 1e-5);
  return complaints.text();
}

/// A training that is saved in the middle of an epoch: a fresh program that loads it goes on to the
/// same bits, and so closely does one of the host; and the other way round.
template <class Set, class L, class R, class Runner, class Compute>
std::string compare_continued(Runner& runner, Compute& compute, const L& loss, const R& refinery) {
  const ShortTraining training{30, 6};
  const RowTable table(training.rows, training.classes, 4);
  const Set set(table.weight_view());
  Complaints complaints(name_of_composition<L, R, Set>(training.classes) + ", continued");
  using Device = DeviceRowProgram<L, R, decltype(set.view()), Compute, float, RowShapes::few>;
  const auto fresh = [&] {
    return Device(loss, refinery, set.view(), ShortTraining::largest_batch, compute);
  };
  const int middle = 2 * training.batches() + 2;
  const int end = 5 * training.batches();
  HostArrays arrays;
  RowProgram host(loss, refinery, set.view());
  training.run(arrays, host, 0, middle);
  const std::string of_host = saved(host);
  const std::vector<Visited> theirs = training.run(arrays, host, middle, end);

  Device device = fresh();
  training.run(runner, device, 0, middle);
  const std::string of_device = saved(device);
  compare_saved(complaints, loss, refinery, set.view(), of_device, of_host, 1e-5);
  const std::vector<Visited> ours = training.run(runner, device, middle, end);

  Device again = fresh();
  load(complaints, again, of_device);
  compare_visits(complaints, training.run(runner, again, middle, end), ours, 0.0);
  compare_saved(complaints, loss, refinery, set.view(), saved(again), saved(device), 0.0);

  RowProgram on_host(loss, refinery, set.view());
  load(complaints, on_host, of_device);
  compare_visits(complaints, training.run(arrays, on_host, middle, end), ours, 1e-5);
  Device on_device = fresh();
  load(complaints, on_device, of_host);
  compare_visits(complaints, training.run(runner, on_device, middle, end), theirs, 1e-5);

  Device without = fresh();  // what was saved matters: without it there is another end
  Complaints other("");
  compare_visits(other, training.run(runner, without, middle, end), ours, 1e-3);
  complaints.expect(!other.text().empty(), "a program that has loaded nothing goes on as well");
  return complaints.text();
}

/// Few shapes of launch give what all of them give.
template <class Set, class L, class R, class Runner, class Compute>
std::string compare_shapes(Runner& runner, Compute& compute, const L& loss, const R& refinery,
                           std::int64_t rows, int classes) {
  const ShortTraining training{rows, classes};
  const RowTable table(rows, classes, 4);
  const Set set(table.weight_view());
  using View = decltype(set.view());
  Complaints complaints(name_of_composition<L, R, Set>(classes) + ", few shapes");
  constexpr int largest = ShortTraining::largest_batch;
  DeviceRowProgram<L, R, View, Compute, float, RowShapes::few> few(loss, refinery, set.view(),
                                                                   largest, compute);
  DeviceRowProgram<L, R, View, Compute, float, RowShapes::all> all(loss, refinery, set.view(),
                                                                   largest, compute);
  const int end = 3 * training.batches();
  compare_visits(complaints, training.run(runner, few, 0, end), training.run(runner, all, 0, end),
                 1e-5);
  compare_saved(complaints, loss, refinery, set.view(), saved(few), saved(all), 1e-5);
  return complaints.text();
}

/// A row without softmax ends the training with its number, loss and candidates; a visit after it
/// of the same rows, all finite, is as good as any.
template <RowShapes shapes, class Runner, class Compute>
std::string row_that_is_not_finite(Runner& runner, Compute& compute) {
  Complaints complaints("a row that is not finite");
  RowTable table(8, 6, 4);
  const MaskCandidates set(table.weight_view());
  DeviceRowProgram<SoftTargetCe, KeepPrior, MaskView, Compute, float, shapes> device(
      {}, {}, set.view(), 8, compute);
  device.begin_epoch(0);
  table.logits[3 * 6 + 1] = std::numeric_limits<float>::quiet_NaN();
  const auto visit = [&](const std::vector<std::int64_t>& rows) -> std::string {
    std::vector<float> logits;
    for (const std::int64_t row : rows)
      logits.insert(logits.end(), table.logits.begin() + row * 6,
                    table.logits.begin() + row * 6 + 6);
    const auto b = static_cast<std::int64_t>(rows.size());
    device.visit(rows, {runner.upload(logits), b, 6}, Denominator::batch_rows,
                 {runner.template room<float>(logits.size()), b, 6}, {});
    try {
      device.report();
    } catch (const RunError& error) {
      return error.what();
    }
    return "";
  };
  std::string candidates;
  for (int j = 0; j < 6; ++j) {
    if (table.weights[static_cast<std::size_t>(3 * 6 + j)] > 0.0f)
      candidates += " " + std::to_string(j);
  }
  const std::string said = visit({1, 3, 4});
  const std::string expected[] = {"row 3 (from 0)", "is nan", "candidates" + candidates + ";"};
  for (const std::string& words : expected)
    complaints.expect(said.find(words) != std::string::npos, "'" + words + "' in '" + said + "'");
  table.logits[3 * 6 + 1] = 0.5f;
  complaints.expect(visit({1, 3, 4}).empty(), "the visit after it, with the row made good");
  return complaints.text();
}

/// Rows that are not of the set, and matrices that are not of the batch, are ShapeErrors that say
/// so.
template <class Runner, class Compute>
std::string rows_that_are_refused(Runner& runner, Compute& compute) {
  Complaints complaints("rows that are refused");
  const RowTable table(8, 6, 4);
  const MaskCandidates set(table.weight_view());
  DeviceRowProgram device(SoftTargetCe{}, RenormalisedPrediction{}, set.view(), 8, compute);
  device.begin_epoch(0);
  const float* logits = runner.upload(table.logits);
  float* dlogits = runner.template room<float>(54);
  const auto says = [&](const std::string& words, auto&& work) {
    std::string said;
    try {
      work();
    } catch (const ShapeError& error) {
      said = error.what();
    }
    const bool as_expected = words.empty() ? said.empty() : said.find(words) != std::string::npos;
    complaints.expect(as_expected, "'" + said + "' where '" + words + "' was expected");
  };
  const auto visit = [&](const std::string& words, const std::vector<std::int64_t>& rows) {
    const auto b = static_cast<std::int64_t>(rows.size());
    says(words, [&] {
      device.visit(rows, {logits, b, 6}, Denominator::batch_rows, {dlogits, b, 6}, {});
    });
  };
  visit("", {7});
  visit("batch of 9 rows, expected at most 8", std::vector<std::int64_t>(9, 1));
  visit("row 8 (from 0) in place 1 of a batch", {1, 8});
  visit("row -1 (from 0)", {-1});
  const std::vector<std::int64_t> beyond{9}, two{1, 2};
  says("row 9 (from 0)", [&] { device.revisit(beyond, {logits, 1, 6}); });
  says("found logits [1, 6], expected [2, 6]", [&] { device.revisit(two, {logits, 1, 6}); });
  const auto sizes = [&](const std::string& words, MatrixView<const float> z, MatrixView<float> dz,
                         MatrixView<float> targets) {
    says(words, [&] { device.visit(two, z, Denominator::batch_rows, dz, targets); });
  };
  sizes("", {logits, 2, 6}, {dlogits, 2, 6}, {});
  sizes("found logits [2, 5], expected [2, 6], the rows of the batch", {logits, 2, 5},
        {dlogits, 2, 6}, {});
  sizes("found logits [3, 6]", {logits, 3, 6}, {dlogits, 2, 6}, {});
  sizes("gradients of logits [1, 6]", {logits, 2, 6}, {dlogits, 1, 6}, {});
  sizes("final targets [2, 7]", {logits, 2, 6}, {dlogits, 2, 6}, {dlogits, 2, 7});
  says("", [&] { device.note(4, {logits, 4, 6}); });
  says("5 rows from row 4 (from 0) on, expected it within the 8 rows", [&] {
    device.note(4, {logits, 5, 6});
  });
  says("found logits [4, 7], expected [4, 6]", [&] { device.note(4, {logits, 4, 7}); });
  compute.wait();
  return complaints.text();
}

// ---- refineries, for either test harness

/// Plans from summaries of evaluation passes.
inline DistributionRefinery by_evaluation(Refresh when) {
  DistributionRefineryOptions options;
  options.warm_up_epochs = 1;
  options.tau = 0.8f;
  options.when = when;
  if (when == Refresh::after_step) options.class_wise = Switch::off;
  return DistributionRefinery(options);
}
/// Summaries of visits instead of evaluation passes.
inline DistributionRefinery by_last_visits() {
  DistributionRefineryOptions options;
  options.warm_up_epochs = 1;
  options.tau = 0.8f;
  options.predictions = PredictionSource::last_visit;
  return DistributionRefinery(options);
}
/// Plans from stored tables, at every epoch.
inline ProgressivePurification purifying() {
  ProgressivePurificationOptions options;
  options.warm_up_epochs = 0;
  options.window = 1;
  options.threshold = 0.3f;
  return ProgressivePurification(options);
}

}  // namespace candist::testing
