// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What CUDA reports, as an exception that says what to do next.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "candist/error.hpp"

namespace candist {

/// Has the error ended what this process has on the device, so that every later call returns it?
inline bool ends_context(cudaError_t code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidPc:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
      return true;
    default:
      return false;
  }
}

/// A call of CUDA failed. Programs exit with 1.
struct CudaError : DeviceError {
  CudaError(cudaError_t failed_with, const std::string& text)
      : DeviceError(text, ends_context(failed_with)), code(failed_with) {}
  cudaError_t code;
};

/// "cudaErrorNoDevice (no CUDA-capable device is detected)".
inline std::string cuda_error_text(cudaError_t code);

/// What a person can do about `code`, with the facts of this machine that matter for it: free
/// memory, versions, architectures. One clause, without a full stop. Leaves no CUDA error behind.
inline std::string cuda_advice(cudaError_t code);

/// Compute capabilities this program has code for: "8.0, 9.0".
inline std::string built_architectures();

/// 13000 -> "13.0": how CUDA counts versions of drivers and toolkits.
inline std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// 3221225472 -> "3.00 GiB".
inline std::string bytes_text(std::size_t bytes) {
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  for (; value >= 1024 && unit < 5; ++unit) value /= 1024;
  char text[32] = {};
  std::snprintf(text, sizeof text, "%.2f %s", value, units[unit]);
  return text;
}

inline std::string cuda_error_text(cudaError_t code) {
  return std::string(cudaGetErrorName(code)) + " (" + cudaGetErrorString(code) + ")";
}

namespace detail {
/// Whether a call succeeded; if not, CUDA forgets its error, so that no later check reports it
/// again. Errors that have ended the CUDA context stay: every later call returns them.
inline bool succeeded(cudaError_t code) {
  if (code != cudaSuccess) static_cast<void>(cudaGetLastError());
  return code == cudaSuccess;
}

/// "1.50 GiB of 79.11 GiB are free on the device".
inline std::string free_memory_text() {
  std::size_t free = 0;
  std::size_t total = 0;
  if (!succeeded(cudaMemGetInfo(&free, &total)))
    return "how much is free on the device is not known";
  return bytes_text(free) + " of " + bytes_text(total) + " are free on the device";
}

inline std::string versions_text() {
  int driver = 0;
  int toolkit = 0;
  succeeded(cudaDriverGetVersion(&driver));
  succeeded(cudaRuntimeGetVersion(&toolkit));
  if (driver == 0) {
    return "no NVIDIA driver was found and the program uses CUDA " + cuda_version_text(toolkit);
  }
  return "the driver knows CUDA up to " + cuda_version_text(driver) + " and the program uses " +
         cuda_version_text(toolkit);
}

/// "the program was built for compute capability 8.0 and the device has 7.5: rebuild with ...".
inline std::string architectures_text() {
  std::string text = "the program was built for compute capability " + built_architectures();
  int device = 0;
  int major = 0;
  int minor = 0;
  if (succeeded(cudaGetDevice(&device)) &&
      succeeded(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device)) &&
      succeeded(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device))) {
    const std::string here = std::to_string(major) + std::to_string(minor);
    return text + " and the device has " + std::to_string(major) + "." + std::to_string(minor) +
           ": rebuild with -DCMAKE_CUDA_ARCHITECTURES=" + here;
  }
  return text + ": rebuild with -DCMAKE_CUDA_ARCHITECTURES set to the device's";
}

/// One line: what failed, with which error, what to do, where in the program.
[[noreturn]] inline void cuda_failed(cudaError_t code, std::string_view what,
                                     const std::string& advice, const char* file, int line) {
  throw CudaError(code, shown(what, 160) + ": " + cuda_error_text(code) + "; " + advice + " (at " +
                            file + ":" + std::to_string(line) + ")");
}

inline void check_cuda(cudaError_t code, const char* what, const char* file, int line) {
  if (!succeeded(code)) cuda_failed(code, what, cuda_advice(code), file, line);
}
}  // namespace detail

inline std::string built_architectures() {
#ifdef __CUDA_ARCH_LIST__
  std::string text;
  for (const int architecture : {__CUDA_ARCH_LIST__}) {
    if (!text.empty()) text += ", ";
    text += std::to_string(architecture / 100) + "." + std::to_string(architecture % 100 / 10);
  }
  return text;
#else
  return "unknown";
#endif
}

inline std::string cuda_advice(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return detail::free_memory_text() +
             ": take a smaller batch or model, or end other programs that use the device";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorInvalidKernelImage:
    case cudaErrorJitCompilerNotFound:
      return detail::architectures_text();
    case cudaErrorUnsupportedPtxVersion:
      return detail::versions_text() + "; " + detail::architectures_text() +
             " or install a newer driver";
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return detail::versions_text() + ": install a driver that knows it, or use the CPU";
    case cudaErrorInvalidValue:
    case cudaErrorInvalidDevicePointer:
    case cudaErrorInvalidMemcpyDirection:
      return "an argument is wrong: a size, or a pointer to the wrong side or to what was freed";
    case cudaErrorInvalidResourceHandle:
      return "a stream, event or graph that was moved from, destroyed or made on another device, "
             "or "
             "an event that does not keep time";
    case cudaErrorNoDevice:
      return "see that nvidia-smi lists a device and that CUDA_VISIBLE_DEVICES does not hide it, "
             "or "
             "use the CPU";
    case cudaErrorInvalidDevice:
      return "see nvidia-smi and CUDA_VISIBLE_DEVICES for the devices there are";
    case cudaErrorDevicesUnavailable:
      return "another program has the device for itself or its mode forbids computing: see "
             "nvidia-smi";
    case cudaErrorInitializationError:
      return "CUDA does not survive fork(): use it in one process only, and see that nvidia-smi "
             "works";
    case cudaErrorLaunchTimeout:
      return "the device also serves a display, which stops long kernels: use another device or "
             "smaller batches, and start the program again";
    case cudaErrorECCUncorrectable:
      return "memory of the device is damaged: see nvidia-smi -q -d ECC, and reset or replace it";
    case cudaErrorInvalidConfiguration:
    case cudaErrorLaunchOutOfResources:
      return "the grid, block or shared memory of a launch exceeds what this device or kernel "
             "allows: an empty batch, or too many threads a block";
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
    case cudaErrorStreamCaptureMerge:
    case cudaErrorStreamCaptureUnmatched:
    case cudaErrorStreamCaptureUnjoined:
    case cudaErrorStreamCaptureIsolation:
    case cudaErrorStreamCaptureImplicit:
    case cudaErrorStreamCaptureWrongThread:
    case cudaErrorCapturedEvent:
      return "while a stream is captured nothing may allocate, wait or use the default stream: do "
             "that before the capture, and use a candist::Stream";
    case cudaErrorCudartUnloading:
      return "the program is ending: release what lives on the device before main returns";
    default:
      return ends_context(code)
                 ? "an earlier kernel failed and this process can use the device no more: run it "
                   "under compute-sanitizer, or with CUDA_LAUNCH_BLOCKING=1, to find the kernel"
                 : "run with CUDA_LAUNCH_BLOCKING=1 to see whether this call or an earlier one "
                   "failed";
  }
}

}  // namespace candist

/// Throws CudaError unless the call returns cudaSuccess: CANDIST_CUDA(cudaMemset(p, 0, bytes)). An
/// error that can be cleared is cleared.
#define CANDIST_CUDA(...) \
  ::candist::detail::check_cuda((__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
