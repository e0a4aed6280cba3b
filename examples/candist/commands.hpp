// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The subcommands. Each returns the program's exit code and throws candist's errors.
#pragma once

#include <string>
#include <vector>

namespace candist::program {

using Arguments = std::vector<std::string>;

/// "candist 0.1.0 (commit)".
std::string program_version();

int demo(const Arguments& arguments);
int score(const Arguments& arguments);
int annotate(const Arguments& arguments);
int distill(const Arguments& arguments);
int predict(const Arguments& arguments);
int audit(const Arguments& arguments);
int ablate(const Arguments& arguments);
int rank(const Arguments& arguments);
int list(const Arguments& arguments);

}  // namespace candist::program
