// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Optional facts about a loss, with their defaults.
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// How many row sums of its own a loss needs.
template <class L>
constexpr int sum_count_of() {
  if constexpr (HasRowSums<L>) {
    return L::sum_count;
  } else {
    return 0;
  }
}

/// Does the loss hold a part of itself constant, so that its gradient is not that of its value?
template <class L>
constexpr bool detaches() {
  if constexpr (requires { L::detaches; }) {
    return L::detaches;
  } else {
    return false;
  }
}

/// Is the loss a function of softmax(z) alone?
template <class L>
constexpr bool shift_invariant() {
  if constexpr (requires { L::shift_invariant; }) {
    return L::shift_invariant;
  } else {
    return true;
  }
}

}  // namespace candist
