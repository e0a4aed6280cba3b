// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The passes of a training step where the logits stay with the student, on a device.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/batch_plan.hpp"
#include "candist/training/row_engine.hpp"

namespace candist {

/// A student whose logits can stay on a device, where a row program works on them.
///   row_engine(loss, refinery, view, batch)  that program, a unique_ptr; null where it is not compiled
///   forward_rows(batch, mixtures, mode)      logits of texts and mixtures, left there
///   backward_rows()                          the gradients, from those that the program has set
///   evaluate_rows(batch, work)               work(first, n) behind the evaluation of each part
template <class S>
concept DeviceStudent = Student<S> &&
    requires(S student, TextBatch batch, std::span<const Mixture> mixtures,
             void (*work)(std::int64_t, std::int64_t)) {
  student.forward_rows(batch, mixtures, Mode::training);
  student.backward_rows();
  student.evaluate_rows(batch, work);
};

/// HostSteps' twin.
template <DeviceStudent S>
class DeviceSteps {
 public:
  DeviceSteps(S& student, RowEngine& program) : student_(student), program_(program) {}

  RowEngine& program() { return program_; }
  BatchPlan& plan() { return plan_; }

  void note_all(const EncodedTexts& texts, int /*threads*/) {
    std::vector<TokenSpan> all;
    for (std::int64_t row = 0; row < texts.rows(); ++row) all.push_back(texts[row]);
    student_.evaluate_rows(all,
                           [&](std::int64_t first, std::int64_t n) { program_.note(first, n); });
  }
  void forward() { student_.forward_rows(plan_.batch(), plan_.mixtures, Mode::training); }
  void visit(std::span<const std::int64_t> rows, Denominator denominator,
             std::span<const AuxiliaryRow> auxiliary, TargetCopy copy) {
    program_.visit(rows, denominator, auxiliary, copy);
  }
  void backward() { student_.backward_rows(); }
  /// Waits for the visit, while the device goes on with what came behind it.
  VisitReport report() { return program_.report(); }
  /// Behind the report.
  MatrixView<const float> final_targets() const { return program_.final_targets(); }
  void revisit(std::span<const std::int64_t> rows) {
    student_.forward_rows(plan_.batch().first(rows.size()), {}, Mode::evaluation);
    program_.revisit(rows);
  }

 private:
  S& student_;
  RowEngine& program_;
  BatchPlan plan_;
};

}  // namespace candist
