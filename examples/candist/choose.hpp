// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// From the names and numbers of the settings to policies, and back.
#pragma once

#include <set>

#include "candist/training/distiller.hpp"
#include "composition.hpp"
#include "settings.hpp"

namespace candist::program {

/// The policies that settings name.
struct Chosen {
  NamedMethod method;
  AnyOptimizer optimizer;
  TrainingOptions training;  ///< without `stop`
  LinearDecay schedule;
};

/// Chooses the policies and puts every option where the composition has it; from there the settings
/// get its effective value back, whether it was given or not. What the composition has no place for
/// is left as it is, and its address is not in `effective`. Throws InputError for names that do not
/// exist, also for those that have no effect.
Chosen choose(RunSettings& settings, std::set<const void*>* effective = nullptr);

/// What the settings' method learns from.
LabelSource learns_from(const RunSettings& settings);

}  // namespace candist::program
