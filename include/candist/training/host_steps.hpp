// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The passes of a training step where the logits come to the host.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "candist/error.hpp"
#include "candist/training/batch_workspace.hpp"
#include "candist/training/evaluation.hpp"
#include "candist/training/row_engine.hpp"
#include "candist/training/visit_report.hpp"

namespace candist {

/// A student and a row program, bound for a training. Called in the order below.
template <Student S, class Program>
class HostSteps {
 public:
  HostSteps(S& student, Program& program) : student_(student), program_(program) {}

  Program& program() { return program_; }
  /// Of the batch at hand.
  BatchPlan& plan() { return w_; }

  /// The program takes note of an evaluation pass over all texts.
  void note_all(const EncodedTexts& texts, int threads) {
    evaluate_student(
        student_, texts, threads,
        [&](std::int64_t first, MatrixView<const float> logits) { program_.note(first, logits); });
  }
  /// The logits of the plan's batch. Throws InputError for mixtures that the student cannot make.
  void forward();
  /// Their gradients; `rows`: the batch's first views.
  void visit(std::span<const std::int64_t> rows, Denominator denominator,
             std::span<const AuxiliaryRow> auxiliary, TargetCopy);
  void backward();
  /// Of the visit.
  VisitReport report() const { return report_; }
  /// [B, C], of the visit.
  MatrixView<const float> final_targets() { return w_.final_targets(); }
  /// The pass over `rows` behind the optimizer's step.
  void revisit(std::span<const std::int64_t> rows) {
    student_.forward(w_.batch().first(rows.size()), Mode::evaluation, w_.first_logits());
    program_.revisit(rows, w_.first_logits());
  }

 private:
  S& student_;
  Program& program_;
  BatchWorkspace w_;
  VisitReport report_;
};

// ---- definitions

template <Student S, class Program>
void HostSteps<S, Program>::forward() {
  w_.allocate(student_.classes());
  if (w_.mixtures.empty()) {
    student_.forward(w_.batch(), Mode::training, w_.logits());
  } else if constexpr (EmbeddingStudent<S>) {
    w_.allocate_embeddings(student_.width());
    student_.embed(w_.batch(), Mode::training, w_.text_embeddings());
    w_.mix_embeddings();
    student_.classify(w_.embeddings(), Mode::training, w_.logits());
  } else {
    throw InputError(std::string("mixup needs a student with an embedding; ") + S::name +
                     " has none");
  }
}

template <Student S, class Program>
void HostSteps<S, Program>::visit(std::span<const std::int64_t> rows, Denominator denominator,
                                  std::span<const AuxiliaryRow> auxiliary, TargetCopy) {
  report_ =
      program_.visit(rows, w_.first_logits(), denominator, w_.first_dlogits(), w_.final_targets());
  add_auxiliary_gradients(auxiliary, w_.logits(), w_.final_targets(), w_.dlogits());
}

template <Student S, class Program>
void HostSteps<S, Program>::backward() {
  if (w_.mixtures.empty()) {
    student_.backward(w_.dlogits());
  } else if constexpr (EmbeddingStudent<S>) {
    student_.classify_backward(w_.dlogits(), w_.dembeddings());
    w_.unmix_gradients();
    student_.embed_backward(w_.text_dembeddings());
  }
}

}  // namespace candist
