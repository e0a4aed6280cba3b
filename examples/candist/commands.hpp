// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The subcommands. Each returns the program's exit code and throws candist's errors.
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace candist::program {

using Arguments = std::vector<std::string>;

int demo(const Arguments& arguments);
int score(const Arguments& arguments);
int annotate(const Arguments& arguments);
int distill(const Arguments& arguments);
int predict(const Arguments& arguments);
int ablate(const Arguments& arguments);
int list(const Arguments& arguments);

/// Set by Ctrl-C and by SIGTERM: long work stops at the next safe point and saves its state.
extern std::atomic<bool> stop_requested;

}  // namespace candist::program
