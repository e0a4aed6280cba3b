// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The one way work is spread over threads: fixed ranges, so results never depend on scheduling.
#pragma once

#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace candist {

/// Calls work(part, begin, end) for `parts` consecutive ranges that cover [0, n), each on its own
/// thread. The first exception is rethrown when all are done.
template <class Work>
void parallel_ranges(std::int64_t n, int parts, Work&& work) {
  if (parts <= 1) {
    work(0, std::int64_t{0}, n);
    return;
  }
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(parts));
  const auto run = [&](int part) {
    try {
      work(part, n * part / parts, n * (part + 1) / parts);
    } catch (...) {
      failures[static_cast<std::size_t>(part)] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int part = 1; part < parts; ++part) threads.emplace_back(run, part);
    run(0);
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace candist
