// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The device tests' own small harness: no host library may be reached from a .cu file.
//
//   DEVICE_TEST(rng_agrees_with_host) {
//     DEVICE_CALL(cudaMemcpy(...));          a CUDA error ends this test and is a failure
//     DEVICE_CHECK(a == b);                  a false condition is a failure; the test goes on
//   }
//
// The program runs every test, or those of the files named on the command line (file names without
// ending). Without a device it exits with 77, which CTest shows as "skipped"; with
// CANDIST_REQUIRE_GPU=1 that is a failure.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace candist::device_test {

struct Test {
  const char* file;
  const char* name;
  void (*run)();
};

inline std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

inline bool add(Test test) {
  tests().push_back(test);
  return true;
}

/// Failed checks of the running test; only the first few are printed.
inline int& failures() {
  static int count = 0;
  return count;
}

inline void check(bool holds, const char* text, const char* file, int line) {
  if (holds) return;
  if (++failures() <= 5) std::printf("  %s:%d: not true: %s\n", file, line, text);
}

inline void call(cudaError_t error, const char* text, const char* file, int line) {
  if (error == cudaSuccess) return;
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + text + ": " +
                           cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")");
}

/// "tests/device/counter_rng_test.cu" -> "counter_rng_test".
inline std::string_view stem(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.substr(0, path.rfind('.'));
}

/// No device, or no driver at all; every other error is a fault of the machine, not an absence.
inline bool device_is_absent(cudaError_t error) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  return error == cudaErrorNoDevice || error == cudaErrorStubLibrary ||
         (error == cudaErrorInsufficientDriver && driver == 0);
}

inline int run(int argc, char** argv) {
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  if (found != cudaSuccess || devices == 0) {
    std::printf("no CUDA device: %s\n", cudaGetErrorString(found));
    if (!device_is_absent(found) && found != cudaSuccess) return 1;
    const char* required = std::getenv("CANDIST_REQUIRE_GPU");
    return required != nullptr && std::strcmp(required, "1") == 0 ? 1 : 77;
  }
  int ran = 0;
  int failed = 0;
  for (const Test& test : tests()) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; ++i) wanted |= stem(test.file) == argv[i];
    if (!wanted) continue;
    ++ran;
    failures() = 0;
    try {
      test.run();
      call(cudaGetLastError(), "kernel launches of the test", test.file, 0);
      call(cudaDeviceSynchronize(), "end of the test", test.file, 0);
    } catch (const std::exception& error) {
      ++failures();
      std::printf("  %s\n", error.what());
    }
    if (failures() > 5) std::printf("  ... %d checks in all\n", failures());
    std::printf("%s %s\n", failures() == 0 ? "passed" : "FAILED", test.name);
    failed += failures() > 0;
  }
  std::printf("%d passed, %d failed\n", ran - failed, failed);
  return ran == 0 || failed > 0 ? 1 : 0;  // a name that fits no test must not pass
}

}  // namespace candist::device_test

#define DEVICE_TEST(name)                                                                  \
  static void name();                                                                      \
  static const bool name##_is_added = candist::device_test::add({__FILE__, #name, &name}); \
  static void name()
#define DEVICE_CHECK(...) \
  candist::device_test::check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define DEVICE_CALL(...) candist::device_test::call((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
