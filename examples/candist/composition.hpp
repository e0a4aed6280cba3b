// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Choosing among compiled policies by name: one variant a policy, filled from the library's lists.
// A variant models the same row functions as its alternatives, so the trainer is compiled once for
// all losses and refineries.
#pragma once

#include <istream>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "candist/augmenters/second_view.hpp"
#include "candist/augmenters/word_dropout.hpp"
#include "candist/kernels/row_refine.hpp"
#include "candist/methods.hpp"
#include "candist/training/composition_problem.hpp"
#include "candist/training/refinery_parts.hpp"
#include "candist/training/row_engine.hpp"
#include "students.hpp"

namespace candist::program {

template <class List, class... More>
struct VariantOf;
template <class... Types, class... More>
struct VariantOf<TypeList<Types...>, More...> {
  using type = std::variant<Types..., More...>;
};

/// Any loss of the list.
struct AnyLoss {
  typename VariantOf<AllLosses>::type loss;
};

inline float row_loss(const AnyLoss& any, RowStats row, std::span<const Cell> cells,
                      float gradient_scale, float* dlogits) {
  return std::visit(
      [&](const auto& loss) {
        return candist::row_loss(loss, row, cells, gradient_scale, dlogits);
      },
      any.loss);
}

/// Any refinery of the list.
struct AnyRefinery {
  typename VariantOf<AllRefineries>::type refinery;

  Refresh refresh() const {
    return std::visit([](const auto& r) { return r.refresh(); }, refinery);
  }
};

inline void initialize_row(const AnyRefinery& any, RowStats row, std::span<Cell> cells) {
  std::visit([&](const auto& r) { candist::initialize_row(r, row, cells); }, any.refinery);
}
inline void refresh_row(const AnyRefinery& any, RowStats row, std::span<Cell> cells) {
  std::visit([&](const auto& r) { candist::refresh_row(r, row, cells); }, any.refinery);
}
inline bool has_memory(const AnyRefinery& any) {
  return std::visit([](const auto& r) { return candist::has_memory(r); }, any.refinery);
}
inline bool targets_are_distributions(const AnyRefinery& any) {
  return std::visit([](const auto& r) { return candist::targets_are_distributions(r); },
                    any.refinery);
}
inline PredictionSource predictions_of(const AnyRefinery& any, int epoch) {
  return std::visit([&](const auto& r) { return candist::predictions_of(r, epoch); }, any.refinery);
}
inline float sharpening_of(const AnyRefinery& any) {
  return std::visit([](const auto& r) { return candist::sharpening_of(r); }, any.refinery);
}
inline void plan_epoch(AnyRefinery& any, EpochView& view) {
  std::visit([&](auto& r) { candist::plan_epoch(r, view); }, any.refinery);
}
inline void save_refinery(const AnyRefinery& any, std::ostream& out) {
  std::visit([&](const auto& r) { candist::save_refinery(r, out); }, any.refinery);
}
inline void load_refinery(AnyRefinery& any, std::istream& in) {
  std::visit([&](auto& r) { candist::load_refinery(r, in); }, any.refinery);
}

/// What a row program on a device is compiled for.
inline PolicyRef policy_ref(const AnyLoss& any) {
  return std::visit([](const auto& l) { return candist::policy_ref(l); }, any.loss);
}
inline PolicyRef policy_ref(const AnyRefinery& any) {
  return std::visit([](const auto& r) { return candist::policy_ref(r); }, any.refinery);
}

/// Why the two do not go together, in one sentence; "" where they do.
inline std::string_view problem_of(const AnyLoss& loss, const AnyRefinery& refinery) {
  return std::visit(
      []<class L, class R>(const L&, const R&) { return composition_problem<L, R>(); }, loss.loss,
      refinery.refinery);
}

/// Any optimizer: of the list, or of a student on a device.
struct AnyOptimizer {
  static constexpr const char* name = "any";
  typename VariantOf<Optimizers, DeviceAdamW>::type optimizer;

  void step(std::span<ParameterBlock> blocks, float learning_rate) {
    std::visit([&](auto& o) { o.step(blocks, learning_rate); }, optimizer);
  }
  void settle(std::span<ParameterBlock> blocks) {
    std::visit([&](auto& o) { o.settle(blocks); }, optimizer);
  }
  void save(std::ostream& out) const {
    std::visit([&](const auto& o) { o.save(out); }, optimizer);
  }
  void load(std::istream& in) {
    std::visit([&](auto& o) { o.load(in); }, optimizer);
  }
};
static_assert(Optimizer<AnyOptimizer>);

/// Any source of second views.
struct AnyAugmenter {
  static constexpr const char* name = "any";
  std::variant<NoSecondView, SecondView, WordDropout> augmenter;

  void view(std::uint64_t epoch, std::int64_t sample, TokenSpan ids,
            std::vector<std::int32_t>& out) const {
    std::visit([&](const auto& a) { a.view(epoch, sample, ids, out); }, augmenter);
  }
};
static_assert(Augmenter<AnyAugmenter>);

/// A named composition, ready to run.
struct NamedMethod {
  std::string name;
  std::string loss;
  std::string refinery;
  std::string summary;
  std::string reference;
  LabelSource labels = LabelSource::candidates;
  AnyLoss loss_policy;
  AnyRefinery refinery_policy;
  AuxiliaryTerms auxiliary;
};

/// The method of that name, or nothing.
inline std::optional<NamedMethod> find_method(std::string_view name) {
  std::optional<NamedMethod> found;
  for_each_type(AllMethods{}, [&]<class M>() {
    if (name != M::name) return;
    const auto loss = M::loss();
    const auto refinery = M::refinery();
    found = NamedMethod{M::name,       loss.name, refinery.name,   M::summary,
                        M::reference,  M::labels, AnyLoss{{loss}}, AnyRefinery{{refinery}},
                        M::auxiliary()};
  });
  return found;
}

template <class List, class Any>
std::optional<Any> find_policy(std::string_view name) {
  std::optional<Any> found;
  for_each_type(List{}, [&]<class T>() {
    if (name == T::name) found = Any{{T{}}};
  });
  return found;
}
inline std::optional<AnyLoss> find_loss(std::string_view name) {
  return find_policy<AllLosses, AnyLoss>(name);
}
inline std::optional<AnyRefinery> find_refinery(std::string_view name) {
  return find_policy<AllRefineries, AnyRefinery>(name);
}

}  // namespace candist::program
