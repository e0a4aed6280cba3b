// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What was asked for -> what is done.
#pragma once

#include <string>
#include <vector>

#include "settings.hpp"

namespace candist::program {

/// Settings with every option of the chosen composition filled in; one that the composition does not
/// have is cleared, and named in `without_effect`. Throws InputError for names that do not exist and
/// numbers out of range.
RunSettings resolved(RunSettings settings, std::vector<std::string>* without_effect = nullptr);

/// What the settings' method is called, and its loss and refinery.
struct MethodNames {
  std::string method, loss, refinery;
};
MethodNames method_names(const RunSettings& settings);

}  // namespace candist::program
