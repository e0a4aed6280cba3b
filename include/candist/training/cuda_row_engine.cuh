// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The whole of a method's row part on the device: a row program and the terms beside the loss, over the logits
// that a student there leaves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/kernels/auxiliary_rows.cuh"
#include "candist/training/device_row_program.cuh"
#include "candist/training/row_engine.hpp"

namespace candist {

/// Where a student leaves logits and finds their gradients, on the device; always the same places.
struct RowPlaces {
  const float* logits = nullptr;  ///< [., C]
  float* dlogits = nullptr;       ///< [., C], 0 behind the rows of a visit
};

/// RowEngine of a composition. Compute: ComputeStream, or a stand-in, which has to outlive it.
template <class LossPolicy, class RefineryPolicy, class Compute>
class CudaRowEngine final : public RowEngine {
 public:
  CudaRowEngine(const LossPolicy& loss, const RefineryPolicy& refinery, const RowRequest& request,
                RowPlaces places, Compute& compute);
  CudaRowEngine(const CudaRowEngine&) = delete;
  CudaRowEngine& operator=(const CudaRowEngine&) = delete;
  ~CudaRowEngine() override { compute_.drain(); }

  std::int64_t rows() const override { return program_.rows(); }
  int classes() const override { return program_.classes(); }
  PredictionSource predictions(int epoch) const override { return program_.predictions(epoch); }
  bool wants_revisit() const override { return program_.wants_revisit(); }
  bool targets_are_labels() const override { return program_.targets_are_labels(); }
  std::span<const RowPlan> plans() const override { return program_.plans(); }

  void note(std::int64_t first, std::int64_t n) override { program_.note(first, logits(n)); }
  void begin_epoch(int epoch) override { program_.begin_epoch(epoch); }
  void visit(std::span<const std::int64_t> rows, Denominator denominator,
             std::span<const AuxiliaryRow> auxiliary, TargetCopy copy) override;
  VisitReport report() override {
    targets_copied_.synchronize();
    return program_.report();
  }
  MatrixView<const float> final_targets() const override {
    return {host_targets_, targets_.rows, targets_.columns};
  }
  void revisit(std::span<const std::int64_t> rows) override {
    program_.revisit(rows, logits(static_cast<std::int64_t>(rows.size())));
  }
  void save(std::ostream& out) const override { program_.save(out); }
  void load(std::istream& in) override { program_.load(in); }

 private:
  struct Places {
    float* targets = nullptr;           ///< [largest_batch, C]
    AuxiliaryRow* auxiliary = nullptr;  ///< [2 largest_batch]: a second view and a mixture a row
  };
  std::size_t most_auxiliary() const { return static_cast<std::size_t>(2 * largest_batch_); }
  Places laid_out(Arena& arena) const {
    return {arena.take<float>(largest_batch_ * classes()),
            arena.take<AuxiliaryRow>(2 * largest_batch_)};
  }
  MatrixView<const float> logits(std::int64_t n) const { return {places_.logits, n, classes()}; }
  void add_auxiliary(std::span<const AuxiliaryRow> auxiliary);

  std::vector<float> weights_;  // [N, C]
  std::int64_t largest_batch_;
  RowPlaces places_;
  Compute& compute_;
  DeviceRowProgram<LossPolicy, RefineryPolicy, DenseView, Compute, float, RowShapes::few> program_;
  typename Compute::Memory device_memory_;
  Places device_;
  AlternatingStaging<Compute> staged_auxiliary_;
  typename Compute::Staging arriving_targets_;
  float* host_targets_;  ///< [largest_batch, C]
  typename Compute::Mark targets_copied_;
  MatrixView<float> targets_;  // of the last visit, on the device
};

/// Makes the row program of a request; null where the loss and the refinery are others.
template <class Compute>
using RowEngineMaker = std::unique_ptr<RowEngine> (*)(const RowRequest& request, RowPlaces places,
                                                      Compute& compute);

/// A RowEngineMaker for a TypeList of RowCompositions.
template <class List, class Compute>
std::unique_ptr<RowEngine> make_row_engine(const RowRequest& request, RowPlaces places,
                                           Compute& compute) {
  std::unique_ptr<RowEngine> made;
  for_each_type(List{}, [&]<class C>() {
    const auto* loss = request.loss.as<typename C::LossPolicy>();
    const auto* refinery = request.refinery.as<typename C::RefineryPolicy>();
    if (made != nullptr || loss == nullptr || refinery == nullptr) return;
    made = std::make_unique<
        CudaRowEngine<typename C::LossPolicy, typename C::RefineryPolicy, Compute>>(
        *loss, *refinery, request, places, compute);
  });
  return made;
}

// ---- definitions

template <class LossPolicy, class RefineryPolicy, class Compute>
CudaRowEngine<LossPolicy, RefineryPolicy, Compute>::CudaRowEngine(const LossPolicy& loss,
                                                                  const RefineryPolicy& refinery,
                                                                  const RowRequest& request,
                                                                  RowPlaces places,
                                                                  Compute& compute)
    : weights_(request.weights()),
      largest_batch_(request.largest_batch),
      places_(places),
      compute_(compute),
      program_(loss, refinery, DenseView{{weights_.data(), request.rows, request.classes}},
               request.largest_batch, compute) {
  Arena counted;
  laid_out(counted);
  device_memory_ = typename Compute::Memory(counted.used());
  Arena on_device(device_memory_.data());
  device_ = laid_out(on_device);
  staged_auxiliary_ = AlternatingStaging<Compute>(most_auxiliary() * sizeof(AuxiliaryRow));
  arriving_targets_ = typename Compute::Staging(
      static_cast<std::size_t>(largest_batch_ * classes()) * sizeof(float));
  host_targets_ = reinterpret_cast<float*>(arriving_targets_.data());
}

template <class LossPolicy, class RefineryPolicy, class Compute>
void CudaRowEngine<LossPolicy, RefineryPolicy, Compute>::visit(
    std::span<const std::int64_t> rows, Denominator denominator,
    std::span<const AuxiliaryRow> auxiliary, TargetCopy copy) {
  const auto count = static_cast<std::int64_t>(rows.size());
  const bool somebody_reads = copy == TargetCopy::to_host || !auxiliary.empty();
  targets_ = {somebody_reads ? device_.targets : nullptr, count, classes()};
  program_.visit(rows, logits(count), denominator, {places_.dlogits, count, classes()}, targets_);
  if (copy == TargetCopy::to_host) {
    compute_.to_host(host_targets_, targets_.data, targets_.values().size_bytes());
    compute_.record(targets_copied_);
  }
  add_auxiliary(auxiliary);
}

template <class LossPolicy, class RefineryPolicy, class Compute>
void CudaRowEngine<LossPolicy, RefineryPolicy, Compute>::add_auxiliary(
    std::span<const AuxiliaryRow> auxiliary) {
  if (auxiliary.empty()) return;
  if (auxiliary.size() > most_auxiliary()) {
    throw ShapeError("found " + std::to_string(auxiliary.size()) +
                     " second views and mixtures, expected at most two a row of the batch");
  }
  std::byte* room = staged_auxiliary_.next();
  std::memcpy(room, auxiliary.data(), auxiliary.size_bytes());
  compute_.to_device(device_.auxiliary, room, auxiliary.size_bytes());
  staged_auxiliary_.sent(compute_);
  add_auxiliary_rows({device_.auxiliary, static_cast<std::int64_t>(auxiliary.size()), classes(),
                      places_.logits, targets_.data, places_.dlogits},
                     compute_.get());
}

}  // namespace candist
