// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Alg. 1 of CanDist: the training loop over any composition of policies.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/augmenters/second_view.hpp"
#include "candist/counter_rng.hpp"
#include "candist/optimizers/schedules.hpp"
#include "candist/training/auxiliary_terms.hpp"
#include "candist/training/device_steps.hpp"
#include "candist/training/evaluation.hpp"
#include "candist/training/host_steps.hpp"
#include "candist/training/non_finite_loss.hpp"
#include "candist/training/row_program.hpp"

namespace candist {

struct TrainingOptions {
  int epochs = 20;
  int batch = 32;
  float learning_rate = 0.1f;
  std::uint64_t seed = 1;
  int threads = 1;  ///< of evaluation passes; results do not depend on it
  Denominator denominator = Denominator::rows_with_target;
  AuxiliaryTerms auxiliary = {};
  const std::atomic<bool>* stop =
      nullptr;  ///< set to true: training throws Interrupted after the batch at hand
};

/// What one epoch came to.
struct EpochReport {
  int epoch = 0;  ///< from 0
  int epochs = 0;
  double loss = 0.0;  ///< mean over the visited rows that had a target
  std::int64_t rows = 0;
  std::int64_t with_target = 0;
  std::int64_t sharpened = 0;
  std::int64_t rescued = 0;
  std::int64_t outside = 0;
  std::int64_t tokens = 0;
  float learning_rate = 0.0f;  ///< of the last step
  double seconds = 0.0;
};

/// Where a training stands between two batches.
struct TrainingPosition {
  std::int32_t epoch = 0;
  std::int64_t next_row = 0;  ///< rows of the epoch already visited
  EpochReport report;
};

/// No callback.
struct NoCallback {};
/// Training starts from its beginning.
struct StartAnew {
  template <class Program>
  TrainingPosition operator()(Program&) const {
    return {};
  }
};

/// The one place where candidates, loss, refinery and student meet: trains a student on the
/// candidate sets of N encoded texts (Alg. 1). A callback is any struct with some of
///     void on_visit(std::span<const std::int64_t> rows, MatrixView<const float> targets);
///     void on_batch(const EpochReport& so_far);
///     void on_epoch(const EpochReport& report);
///     void on_epoch(const EpochReport& report, const auto& distiller);
///     void on_checkpoint(const auto& distiller, const auto& program, const TrainingPosition&);
///     void on_interrupt(const auto& distiller, const auto& program, const TrainingPosition&);
/// on_visit is given the batch's rows [B] and what the loss took for their targets [B, C] (zeros where
/// a row had none). on_epoch follows every epoch; the longer one may predict, which leaves no trace in the training.
/// on_checkpoint follows on_epoch, with the position at the start of the next epoch; on_interrupt
/// has one between two batches. Whoever keeps the student, the optimizer's and the program's state
/// (their save) and the position there can resume to the same bits.
template <class LossPolicy, class RefineryPolicy, Student S, Optimizer O, Schedule H = LinearDecay>
class Distiller {
 public:
  Distiller(LossPolicy loss, RefineryPolicy refinery, S student, O optimizer,
            TrainingOptions options = {}, H schedule = {})
      : loss_(std::move(loss)),
        refinery_(std::move(refinery)),
        student_(std::move(student)),
        optimizer_(std::move(optimizer)),
        options_(options),
        schedule_(schedule) {}

  /// Trains on texts and candidates of the same N rows. `augmenter` gives the second view of a
  /// text. `resume` (optional) is given the row program before the first batch and returns where to
  /// go on. The program is a RowProgram, or a RowEngine where the student is on a device that has this
  /// composition. Throws ShapeError when rows or classes differ, InputError when a term cannot be had,
  /// NonFiniteLoss when a loss is not finite, Interrupted when asked to stop.
  template <CandidateSet Set, Augmenter A = NoSecondView, class Callback = NoCallback,
            class Resume = StartAnew>
  void fit(const EncodedTexts& texts, const Set& candidates, const A& augmenter = {},
           Callback&& callback = {}, Resume&& resume = {});

  /// Argmax and its probability for every text; does not depend on `threads` or on how texts are
  /// batched.
  Predictions predict(const EncodedTexts& texts) {
    return candist::predict(student_, texts, options_.threads);
  }
  Predictions predict(const EncodedTexts& texts) const requires SharedInEvaluation<S> {
    return candist::predict(student_, texts, options_.threads);
  }

  S& student() { return student_; }
  const S& student() const { return student_; }
  O& optimizer() { return optimizer_; }
  const O& optimizer() const { return optimizer_; }

 private:
  template <class Steps, class A, class Callback, class Resume>
  void run(Steps steps, const EncodedTexts& texts, const A& augmenter, Callback& callback,
           Resume& resume);
  template <class Steps, class A>
  VisitReport step(Steps& steps, const EncodedTexts& texts, const A& augmenter,
                   std::span<const std::int64_t> rows, int epoch, double epochs_done,
                   float learning_rate, TargetCopy copy);

  LossPolicy loss_;
  RefineryPolicy refinery_;
  S student_;
  O optimizer_;
  TrainingOptions options_;
  H schedule_;
};

// ---- definitions

template <class LossPolicy, class RefineryPolicy, Student S, Optimizer O, Schedule H>
template <CandidateSet Set, Augmenter A, class Callback, class Resume>
void Distiller<LossPolicy, RefineryPolicy, S, O, H>::fit(const EncodedTexts& texts,
                                                         const Set& candidates, const A& augmenter,
                                                         Callback&& callback, Resume&& resume) {
  const auto view = candidates.view();
  if constexpr (DeviceStudent<S>) {
    if (const auto program = student_.row_engine(loss_, refinery_, view, options_.batch))
      return run(DeviceSteps<S>(student_, *program), texts, augmenter, callback, resume);
  }
  RowProgram program(loss_, refinery_, view);
  run(HostSteps<S, decltype(program)>(student_, program), texts, augmenter, callback, resume);
}

template <class LossPolicy, class RefineryPolicy, Student S, Optimizer O, Schedule H>
template <class Steps, class A, class Callback, class Resume>
void Distiller<LossPolicy, RefineryPolicy, S, O, H>::run(Steps steps, const EncodedTexts& texts,
                                                         const A& augmenter, Callback& callback,
                                                         Resume& resume) {
  auto& program = steps.program();
  CANDIST_EXPECT_EQ(texts.rows(), program.rows(), "texts, candidate sets");
  CANDIST_EXPECT_EQ(student_.classes(), program.classes(),
                    "classes of the student, classes of the candidate sets");
  if (texts.rows() == 0) throw ShapeError("there are no texts to train on");
  const AuxiliaryTerms& terms = options_.auxiliary;
  if (!program.targets_are_labels() && (terms.mixup > 0.0f || terms.consistency_in > 0.0f)) {
    throw InputError(
        "mixup and consistency take targets for labels; those of this refinery are "
        "weights, no distribution over the classes");
  }
  TrainingPosition where = resume(program);

  constexpr bool shows_targets =
      requires(std::span<const std::int64_t> rows, MatrixView<const float> targets) {
    callback.on_visit(rows, targets);
  };
  const std::int64_t n = texts.rows();
  while (where.epoch < options_.epochs) {
    const int epoch = where.epoch;
    auto clock = std::chrono::steady_clock::now();
    if (where.next_row == 0) {
      if (program.predictions(epoch) == PredictionSource::evaluation_pass) {
        steps.note_all(texts, options_.threads);
      }
      program.begin_epoch(epoch);
      where.report = {};
      where.report.epoch = epoch;
      where.report.epochs = options_.epochs;
      for (std::int64_t row = 0; row < n; ++row) {
        const RowPlan& plan = program.plan(row);
        where.report.outside += plan.outside ? 1 : 0;
        where.report.sharpened += plan.treatment == Treatment::sharpened ? 1 : 0;
        where.report.rescued += plan.treatment == Treatment::one_hot ? 1 : 0;
      }
    }
    const std::vector<std::int64_t> order = random_order(
        n, options_.seed, RandomPurpose::epoch_order, static_cast<std::uint64_t>(epoch));
    EpochReport& report = where.report;
    while (where.next_row < n) {
      const auto count =
          static_cast<std::size_t>(std::min<std::int64_t>(options_.batch, n - where.next_row));
      const auto rows = std::span(order).subspan(static_cast<std::size_t>(where.next_row), count);
      const double epochs_done =
          epoch + static_cast<double>(where.next_row) / static_cast<double>(n);
      report.learning_rate = options_.learning_rate *
                             schedule_.factor(static_cast<float>(epochs_done / options_.epochs));
      const VisitReport visit = [&] {
        try {
          return step(steps, texts, augmenter, rows, epoch, epochs_done, report.learning_rate,
                      shows_targets ? TargetCopy::to_host : TargetCopy::none);
        } catch (const NonFiniteLoss& error) {
          throw error.at({epoch + 1, where.next_row / options_.batch + 1});
        }
      }();
      if constexpr (shows_targets) callback.on_visit(rows, steps.final_targets());
      report.loss +=
          (visit.loss - report.loss * static_cast<double>(visit.with_target)) /
          static_cast<double>(std::max<std::int64_t>(1, report.with_target + visit.with_target));
      report.with_target += visit.with_target;
      report.rows += static_cast<std::int64_t>(count);
      for (const std::int64_t row : rows)
        report.tokens += static_cast<std::int64_t>(texts[row].size());
      where.next_row += static_cast<std::int64_t>(count);
      const auto now = std::chrono::steady_clock::now();
      report.seconds += std::chrono::duration<double>(now - clock).count();
      clock = now;
      if constexpr (requires { callback.on_batch(report); }) callback.on_batch(report);
      if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
        if constexpr (requires { callback.on_interrupt(*this, program, where); }) {
          callback.on_interrupt(*this, program, where);
        }
        throw Interrupted("interrupted in epoch " + std::to_string(epoch + 1) + " of " +
                          std::to_string(options_.epochs));
      }
    }
    optimizer_.settle(student_.blocks());
    if constexpr (requires { callback.on_epoch(report, *this); }) {
      callback.on_epoch(report, *this);
    } else if constexpr (requires { callback.on_epoch(report); }) {
      callback.on_epoch(report);
    }
    ++where.epoch;
    where.next_row = 0;
    if constexpr (requires { callback.on_checkpoint(*this, program, where); }) {
      callback.on_checkpoint(*this, program, where);
    }
  }
}

template <class LossPolicy, class RefineryPolicy, Student S, Optimizer O, Schedule H>
template <class Steps, class A>
VisitReport Distiller<LossPolicy, RefineryPolicy, S, O, H>::step(
    Steps& steps, const EncodedTexts& texts, const A& augmenter, std::span<const std::int64_t> rows,
    int epoch, double epochs_done, float learning_rate, TargetCopy copy) {
  const AuxiliaryTerms& terms = options_.auxiliary;
  const float eta = terms.ramp(epochs_done);
  auto& program = steps.program();
  BatchPlan& plan = steps.plan();
  plan.start(texts, rows);
  if (terms.consistency() && eta > 0.0f)
    plan.add_second_views(augmenter, texts, program, rows, epoch, terms);
  if (terms.mixup > 0.0f && eta > 0.0f)
    plan.choose_mixtures(program, rows, options_.seed, epoch, terms);
  steps.forward();
  steps.visit(rows, options_.denominator, plan.auxiliary_rows(program, rows, terms, eta), copy);
  steps.backward();
  optimizer_.step(student_.blocks(), learning_rate);
  student_.zero_gradients();
  if (program.wants_revisit()) steps.revisit(rows);
  return steps.report();
}

}  // namespace candist
