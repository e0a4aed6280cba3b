// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Optional facts about a loss, with their defaults.
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// How many row sums of its own a loss needs.
template <class L>
CANDIST_HD constexpr int sum_count_of() {
  if constexpr (HasRowSums<L>) {
    return L::sum_count;
  } else {
    return 0;
  }
}

/// Does the loss hold a part of itself constant, so that its gradient is not that of its value?
template <class L>
CANDIST_HD constexpr bool detaches() {
  if constexpr (requires { L::detaches; }) {
    return L::detaches;
  } else {
    return false;
  }
}

/// Is the loss a function of softmax(z) alone?
template <class L>
CANDIST_HD constexpr bool shift_invariant() {
  if constexpr (requires { L::shift_invariant; }) {
    return L::shift_invariant;
  } else {
    return true;
  }
}

/// Are its targets the weights inside and outside the set that LeveragedWeights keeps, which are no
/// distribution?
template <class L>
CANDIST_HD constexpr bool reads_leveraged_weights() {
  if constexpr (requires { L::reads_leveraged_weights; }) {
    return L::reads_leveraged_weights;
  } else {
    return false;
  }
}

/// Does it read the running mean of the student's predictions (cell.memory)?
template <class L>
CANDIST_HD constexpr bool reads_running_prediction() {
  if constexpr (requires { L::reads_running_prediction; }) {
    return L::reads_running_prediction;
  } else {
    return false;
  }
}

/// Does the driver divide the logits by the loss's `temperature` (AtTemperature)?
template <class L>
CANDIST_HD constexpr bool at_temperature() {
  if constexpr (requires { L::at_temperature; }) {
    return L::at_temperature;
  } else {
    return false;
  }
}

}  // namespace candist
