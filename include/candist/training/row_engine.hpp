// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The border between a training loop on the host and a row program beside a student's logits on a device:
// compiled by both sides, so without CUDA, and without host libraries.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>
#include <typeinfo>
#include <vector>

#include "candist/epoch_view.hpp"
#include "candist/training/auxiliary_rows.hpp"
#include "candist/training/visit_report.hpp"

namespace candist {

/// A loss or refinery for somebody who has it compiled.
struct PolicyRef {
  const std::type_info* type = nullptr;
  const void* policy = nullptr;

  /// Null where it is another one.
  template <class P>
  const P* as() const {
    return *type == typeid(P) ? static_cast<const P*>(policy) : nullptr;
  }
};
/// Run-time choices among policies overload it with the chosen one.
template <class P>
PolicyRef policy_ref(const P& policy) {
  return {&typeid(P), &policy};
}

/// Are the targets of a visit wanted on the host?
enum class TargetCopy { none, to_host };

/// What a row program is made for.
struct RowRequest {
  PolicyRef loss;
  PolicyRef refinery;
  std::int64_t rows = 0;  ///< N
  int classes = 0;        ///< C
  std::function<std::vector<float>()>
      weights;            ///< [N, C], of the candidate sets; asked for once, or not at all
  int largest_batch = 0;  ///< rows of a visit at most
};

/// The request for a candidate set's view, which has to last until it is answered.
template <CandidateView View>
RowRequest row_request(PolicyRef loss, PolicyRef refinery, const View& candidates,
                       int largest_batch) {
  const auto weights = [&candidates] {
    std::vector<float> all;
    all.reserve(static_cast<std::size_t>(candidates.rows() * candidates.classes()));
    for (std::int64_t row = 0; row < candidates.rows(); ++row) {
      for (int label = 0; label < candidates.classes(); ++label)
        all.push_back(candidates.weight(row, label));
    }
    return all;
  };
  return {loss, refinery, candidates.rows(), candidates.classes(), weights, largest_batch};
}

/// RowProgram, and the terms beside the loss, over logits that a student on a device has left there: those of
/// its last forward pass. What crosses over are plans and summaries once an epoch, of a visit its row
/// numbers, losses and, if wanted, targets.
class RowEngine {
 public:
  virtual ~RowEngine() = default;

  virtual std::int64_t rows() const = 0;
  virtual int classes() const = 0;
  virtual PredictionSource predictions(int epoch) const = 0;
  virtual bool wants_revisit() const = 0;
  virtual bool targets_are_labels() const = 0;
  /// [N], of the epoch; rows without candidates are without_target from the beginning.
  virtual std::span<const RowPlan> plans() const = 0;
  const RowPlan& plan(std::int64_t row) const { return plans()[static_cast<std::size_t>(row)]; }
  bool has_target(std::int64_t row) const {
    return plan(row).treatment != Treatment::without_target;
  }

  /// The last forward pass was an evaluation of rows [first, first + n).
  virtual void note(std::int64_t first, std::int64_t n) = 0;
  virtual void begin_epoch(int epoch) = 0;
  /// The last forward pass was a training one of `rows` [B], their second views and mixtures: sets the
  /// gradients of its logits, the auxiliary rows' included.
  virtual void visit(std::span<const std::int64_t> rows, Denominator denominator,
                     std::span<const AuxiliaryRow> auxiliary, TargetCopy copy) = 0;
  /// Waits for it. Throws NonFiniteLoss for the lowest row whose loss or gradient is not finite.
  virtual VisitReport report() = 0;
  /// [B, C], what the loss of the last visit was given, on the host, where the visit was to copy them; behind
  /// report().
  virtual MatrixView<const float> final_targets() const = 0;
  /// The last forward pass was one of `rows` after the step.
  virtual void revisit(std::span<const std::int64_t> rows) = 0;

  /// As RowProgram's.
  virtual void save(std::ostream& out) const = 0;
  virtual void load(std::istream& in) = 0;
};

}  // namespace candist
