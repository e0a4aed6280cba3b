// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What device benches do alike: time with events, scrub the L2 cache, print Markdown, append to a CSV file
// (columns: bench/results/README.md). CUDA and the standard library only.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "candist/cuda/device.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/stream.cuh"
#if !defined(CANDIST_GIT_COMMIT)
#include "git_commit.hpp"
#endif

namespace candist::bench {

/// Microseconds of `runs` calls of work(stream), each `repeats` times in one timing; between timings the L2
/// cache is filled with other bytes.
template <class Work>
std::vector<double> microseconds_of(const Stream& stream, DeviceBuffer<char>& scrub, int runs,
                                    int repeats, Work&& work) {
  for (int i = 0; i < 5; ++i) work();
  Event start(EventUse::timing), stop(EventUse::timing);
  std::vector<double> microseconds;
  for (int run = 0; run < runs; ++run) {
    if (scrub.size() > 0) scrub.fill_bytes(static_cast<unsigned char>(run), stream);
    start.record(stream);
    for (int i = 0; i < repeats; ++i) work();
    stop.record(stream);
    microseconds.push_back(1e3 * milliseconds_between(start, stop) / repeats);
  }
  std::sort(microseconds.begin(), microseconds.end());
  return microseconds;
}

/// One table, on the screen and in the file.
class DeviceReport {
 public:
  explicit DeviceReport(std::string csv) : csv_(std::move(csv)) {
    const DeviceFacts facts = device_facts();
    int driver = 0;
    CANDIST_CUDA(cudaDriverGetVersion(&driver));
    char today[16];
    const std::time_t now = std::time(nullptr);
    std::strftime(today, sizeof today, "%F", std::gmtime(&now));
    tail_ = facts.name + "," + std::to_string(driver / 1000) + "." +
            std::to_string(driver % 1000 / 10) + "," + CANDIST_GIT_COMMIT + "," + today;
    std::printf(
        "\n| kernel | variant | N | C | dtype | p50 us | p20 | p80 | GB/s | %% of copy |\n");
    std::printf("|---|---|---:|---:|---|---:|---:|---:|---:|---:|\n");
  }

  /// `bytes`: read once and written once; `copy_rate`: of a plain copy, bytes/s (0: not known).
  void add(const std::string& kernel, const std::string& variant, long long n, long long c,
           const std::string& dtype, const std::vector<double>& microseconds, double bytes,
           double copy_rate) {
    const auto at = [&](double share) {
      return microseconds[static_cast<std::size_t>(share *
                                                   static_cast<double>(microseconds.size() - 1))];
    };
    const double rate = bytes / (at(0.5) * 1e-6);
    char row[256];
    std::snprintf(row, sizeof row, "%s,%s,%lld,%lld,%s,%.3f,%.3f,%.3f,%.1f,%.1f", kernel.c_str(),
                  variant.c_str(), n, c, dtype.c_str(), at(0.5), at(0.2), at(0.8), rate * 1e-9,
                  copy_rate > 0 ? 100 * rate / copy_rate : 0.0);
    std::string shown = std::string("| ") + row + " |";
    for (std::size_t i = 0; (i = shown.find(',', i)) != std::string::npos; i += 3)
      shown.replace(i, 1, " | ");
    std::puts(shown.c_str());
    std::fflush(stdout);
    if (csv_.empty()) return;
    std::ofstream file(csv_, std::ios::app);
    if (file.tellp() == 0)
      file << "kernel,variant,N,C,dtype,p50_us,p20_us,p80_us,GB/s,% of "
              "copy,gpu,driver,commit,date\n";
    file << row << "," << tail_ << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + csv_);
  }

 private:
  std::string csv_;
  std::string tail_;
};

}  // namespace candist::bench
