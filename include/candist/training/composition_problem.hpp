// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Which losses and refineries belong together. Any loss of distributions goes with any refinery
// that keeps distributions; the exceptions stand here, for the compiler and for the command line.
#pragma once

#include <string_view>

#include "candist/loss_traits.hpp"
#include "candist/training/refinery_parts.hpp"

namespace candist {

/// Why loss L on refinery R means nothing, in one sentence; "" where it means something. Policies
/// that are chosen at run time ask this of every pair of their alternatives.
template <class L, class R>
constexpr std::string_view composition_problem() {
  if constexpr (!Loss<L> || !Refinery<R>) {
    return "";
  } else if constexpr (reads_leveraged_weights<L>() && targets_are_distributions<R>()) {
    return "the loss weighs classes inside and outside the candidate set, and only "
           "leveraged_weights keeps such weights";
  } else if constexpr (!reads_leveraged_weights<L>() && !targets_are_distributions<R>()) {
    return "the refinery keeps weights inside and outside the candidate set, and only lws and lwc "
           "read them";
  } else if constexpr (reads_running_prediction<L>() && !remembers_predictions<R>()) {
    return "the loss reads a running mean of the student's predictions, and only "
           "running_prediction keeps one";
  } else {
    return "";
  }
}

}  // namespace candist
