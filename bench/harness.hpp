// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What every bench does alike: warm up, run many times, take the median and the spread, print
// Markdown and append rows to a CSV file (columns: bench/results/README.md).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "git_commit.hpp"

namespace candist::bench {

/// Keeps the compiler from leaving out work whose result nobody reads.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "g"(&value) : "memory");
}

/// The wall time of one call.
template <class Work>
double seconds_of(Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The wall times of `runs` calls, after `warm_up` calls that do not count.
template <class Work>
std::vector<double> seconds_of_runs(Work&& work, int runs = 31, int warm_up = 3) {
  for (int i = 0; i < warm_up; ++i) work();
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) seconds.push_back(seconds_of(work));
  return seconds;
}

/// The value that a share of the values does not exceed (the nearest rank: always one that was
/// measured).
inline double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5));
}

/// Stops a bench whose result is wrong: a fast wrong answer is no answer.
inline void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("the result is wrong, so it is not timed: " + what);
}

/// "AMD EPYC (1 core)": the processor's model, never the name of a machine.
inline std::string machine(int cores) {
  std::string model = "unknown processor";
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) {
      model = line.substr(line.find(':') + 2);
      break;
    }
  }
  return model + " (" + std::to_string(cores) + (cores == 1 ? " core)" : " cores)");
}

/// The rows of one bench.
class Report {
 public:
  /// Reads the bench's arguments: [--csv FILE].
  Report(std::string bench, int argc, char** argv) : bench_(std::move(bench)) {
#ifndef __OPTIMIZE__
    std::fprintf(stderr, "bench: built without optimisation; expected CMAKE_BUILD_TYPE=Release\n");
    std::exit(2);
#endif
    for (int i = 1; i < argc; ++i) {
      if (std::string_view(argv[i]) != "--csv" || ++i == argc) {
        std::fprintf(stderr, "usage: bench_%s [--csv FILE]\n", bench_.c_str());
        std::exit(2);
      }
      csv_ = argv[i];
    }
    char today[16];
    const std::time_t now = std::time(nullptr);
    std::strftime(today, sizeof today, "%F", std::gmtime(&now));
    tail_ = std::string(CANDIST_BENCH_COMPILER) + "," + CANDIST_GIT_COMMIT + "," + today;
    std::printf("\n## %s (%s, %s)\n\n| variant | shape | p50 | p20 | p80 | unit |\n",
                bench_.c_str(), machine(1).c_str(), tail_.c_str());
    std::printf("|---|---|---:|---:|---:|---|\n");
  }

  /// Adds a row: the median and the spread of `values`, each times `factor`, measured on `cores`.
  void add(const std::string& variant, const std::string& shape, std::vector<double> values,
           const std::string& unit, double factor = 1.0, int cores = 1) {
    for (double& value : values) value *= factor;
    std::string figures[3];
    const double shares[3] = {0.5, 0.2, 0.8};
    for (int i = 0; i < 3; ++i) {
      char text[32];
      const double value = quantile(values, shares[i]);
      std::snprintf(text, sizeof text, value < 1000.0 ? "%.4g" : "%.0f", value);
      figures[i] = text;
    }
    const auto joined = [&](const char* comma) {
      return variant + comma + shape + comma + figures[0] + comma + figures[1] + comma +
             figures[2] + comma + unit;
    };
    std::printf("| %s |\n", joined(" | ").c_str());
    std::fflush(stdout);
    if (csv_.empty()) return;
    std::ofstream file(csv_, std::ios::app);
    if (file.tellp() == 0)
      file << "bench,variant,shape,p50,p20,p80,unit,machine,compiler,commit,date\n";
    file << bench_ << "," << joined(",") << "," << machine(cores) << "," << tail_ << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + csv_);
  }
  /// A remark below the table.
  void note(const std::string& text) { std::printf("\n%s\n", text.c_str()); }

 private:
  std::string bench_;
  std::string csv_;
  std::string tail_;
};

/// main() of every bench: errors as one line.
template <class Bench>
int run(Bench&& bench) {
  try {
    bench();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "\nbench: FAILED: %s\n", error.what());
    return 1;
  }
}

}  // namespace candist::bench
