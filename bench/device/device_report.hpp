// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What device benches do alike: time with events, scrub the L2 cache, print Markdown, append to a CSV file
// (columns: bench/results/README.md). CUDA and the standard library only.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "candist/cuda/device.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/launch.cuh"
#include "candist/cuda/stream.cuh"
#if !defined(CANDIST_GIT_COMMIT)
#include "git_commit.hpp"
#endif

namespace candist::bench {

/// Reads everything; writes only if the sum is what it never is, so that no read can be left out.
template <class>
__global__ void read_all_kernel(const float4* from, long long n, float* never) {
  const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
  float sum = 0.0f;
  for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += threads) {
    sum += from[i].x + from[i].y + from[i].z + from[i].w;
  }
  if (sum == -1.5f) *never = sum;
}

/// Takes a measurement's data out of the L2 cache. By reading: what a fill leaves there has to be written
/// to memory first, which the next measurement would pay for.
class CacheScrub {
 public:
  explicit CacheScrub(const Stream& stream) : bytes_(256u << 20), never_(1) { bytes_.zero(stream); }
  void operator()(const Stream& stream) {
    launch(read_all_kernel<void>, {1024, 256}, stream,
           reinterpret_cast<const float4*>(bytes_.data()),
           static_cast<long long>(bytes_.size() / sizeof(float4)), never_.data());
  }

 private:
  DeviceBuffer<char> bytes_;
  DeviceBuffer<float> never_;
};

/// Microseconds of a call of work(), sorted: `runs` of them, or as many as `seconds` allow, at least three.
/// `scrub`: none where the work is to find its data in the cache.
template <class Work>
std::vector<double> microseconds_of(const Stream& stream, CacheScrub* scrub, int runs,
                                    double seconds, Work&& work) {
  Event start(EventUse::timing), stop(EventUse::timing);
  const auto once = [&] {
    if (scrub != nullptr) (*scrub)(stream);  // long enough for the host to get ahead of the device
    start.record(stream);
    work();
    stop.record(stream);
    return 1e3 * milliseconds_between(start, stop);
  };
  const double first = once();
  for (int i = 0; i < 4 && first < 1e5; ++i) once();  // warm
  const int allowed = static_cast<int>(std::min(1e6 * seconds / std::max(first, 1.0), 1e6));
  std::vector<double> microseconds(static_cast<std::size_t>(std::clamp(allowed, 3, runs)));
  for (double& value : microseconds) value = once();
  std::sort(microseconds.begin(), microseconds.end());
  return microseconds;
}

/// 0 where there is a device that can be used, else what a bench without one exits with.
inline int exit_code_without_device() {
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (found == cudaSuccess && devices > 0) {
    check_device();
    return 0;
  }
  std::printf("no CUDA device: %s\n", cudaGetErrorString(found));
  const char* required = std::getenv("CANDIST_REQUIRE_GPU");
  return required != nullptr && std::string(required) == "1" ? 1 : 77;
}

/// "gpu,driver,commit,date" of this run.
inline std::string run_facts() {
  int version = 0;
  CANDIST_CUDA(cudaDriverGetVersion(&version));
  std::string driver =
      "CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  // The CUDA runtime does not know the driver's own number: run_all.sh asks nvidia-smi.
  if (const char* number = std::getenv("CANDIST_GPU_DRIVER")) driver = number;
  char today[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(today, sizeof today, "%F", std::gmtime(&now));
  return device_facts().name + "," + driver + "," + CANDIST_GIT_COMMIT + "," + today;
}

/// One table, on the screen and in the file.
class DeviceReport {
 public:
  explicit DeviceReport(std::string csv) : csv_(std::move(csv)) {
    tail_ = run_facts();
    std::printf(
        "\n%s\n\n| kernel | variant | N | C | dtype | p50 us | p20 | p80 | GB/s | "
        "%% of copy |\n|---|---|---:|---:|---|---:|---:|---:|---:|---:|\n",
        tail_.c_str());
  }

  /// `bytes`: read once and written once; `copy_rate`: of a plain copy, bytes/s (0: no comparison).
  void add(const std::string& kernel, const std::string& variant, long long n, long long c,
           const std::string& dtype, const std::vector<double>& microseconds, double bytes,
           double copy_rate) {
    const auto at = [&](double share) {
      const double last = static_cast<double>(microseconds.size() - 1);
      return microseconds[static_cast<std::size_t>(share * last + 0.5)];
    };
    const double rate = bytes / (at(0.5) * 1e-6);
    char text[256];
    std::snprintf(text, sizeof text, "%s,%s,%lld,%lld,%s,%.3f,%.3f,%.3f,%.1f,", kernel.c_str(),
                  variant.c_str(), n, c, dtype.c_str(), at(0.5), at(0.2), at(0.8), rate * 1e-9);
    std::string row = text;
    if (copy_rate > 0) {
      std::snprintf(text, sizeof text, "%.1f", 100 * rate / copy_rate);
      row += text;
    }
    std::string shown = "| " + row + " |";
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
