// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <istream>
#include <ostream>

#include "candist/epoch_view.hpp"

namespace candist {

// Optional parts of a refinery, with their defaults; run-time choices among refineries overload
// these.

/// Has the refinery a second stored table?
template <Refinery R>
bool has_memory(const R&) {
  return requires(const R refinery, RowStats row, Cell cell) { refinery.remembered(row, cell); };
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
