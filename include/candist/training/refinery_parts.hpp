// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <istream>
#include <ostream>
#include <type_traits>

#include "candist/epoch_view.hpp"

namespace candist {

// Optional parts of a refinery, with their defaults; run-time choices among refineries overload
// these.

/// Has the refinery a second stored table?
template <Refinery R>
bool has_memory(const R&) {
  return requires(const R refinery, RowStats row, Cell cell) { refinery.remembered(row, cell); };
}
/// Is a stored target a distribution over the classes, so that it can stand for a label: be mixed,
/// or compared with a prediction? The weights of LeveragedWeights are none.
template <class R>
constexpr bool targets_are_distributions() {
  if constexpr (requires { R::targets_are_distributions; }) {
    return R::targets_are_distributions;
  } else {
    return true;
  }
}
template <class R>
bool targets_are_distributions(const R&) {
  return targets_are_distributions<R>();
}
/// Is the second stored table a running mean of the student's predictions?
template <class R>
constexpr bool remembers_predictions() {
  if constexpr (requires { R::remembers_predictions; }) {
    return R::remembers_predictions;
  } else {
    return false;
  }
}
/// Where the epoch part wants its predictions from.
template <Refinery R>
PredictionSource predictions_of(const R& refinery, int epoch) {
  if constexpr (requires { refinery.predictions(epoch); }) {
    return refinery.predictions(epoch);
  } else {
    return PredictionSource::none;
  }
}
/// The exponent of Treatment::sharpened.
template <Refinery R>
float sharpening_of(const R& refinery) {
  if constexpr (requires { refinery.sharpening(); }) {
    return refinery.sharpening();
  } else {
    return 1.0f;
  }
}
/// Does the epoch part read or write the stored tables themselves, not only the rows' summaries?
template <class R>
constexpr bool plans_from_tables() {
  return requires { R::plans_from_tables; };
}
/// What kernels take of a refinery by value.
template <Refinery R>
auto row_part_of(const R& refinery) {
  if constexpr (requires { refinery.row_part(); }) {
    return refinery.row_part();
  } else {
    static_assert(std::is_trivially_copyable_v<R>,
                  "candist: a refinery with state of its own gives kernels its row_part()");
    return refinery;
  }
}
template <Refinery R>
void plan_epoch(R& refinery, EpochView& view) {
  if constexpr (requires { refinery.begin_epoch(view); }) refinery.begin_epoch(view);
}
template <Refinery R>
void save_refinery(const R& refinery, std::ostream& out) {
  if constexpr (requires { refinery.save(out); }) refinery.save(out);
}
template <Refinery R>
void load_refinery(R& refinery, std::istream& in) {
  if constexpr (requires { refinery.load(in); }) refinery.load(in);
}

}  // namespace candist
