// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The Runner of row_twin.hpp on a device.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "candist/cuda/builtins.cuh"
#include "support/device_main.cuh"

namespace candist::device_test {

/// Arrays on the device, each with a strip behind it that no kernel may write to.
class DeviceRunner {
 public:
  template <class T>
  struct Rounded {
    T* pointer;
    std::vector<float> values;
  };

  DeviceRunner() = default;
  DeviceRunner(const DeviceRunner&) = delete;
  DeviceRunner& operator=(const DeviceRunner&) = delete;
  ~DeviceRunner() {
    for (const auto& block : blocks_) cudaFree(block.data);
  }

  template <class T>
  T* upload(const std::vector<T>& values) {
    const std::size_t bytes = values.size() * sizeof(T);
    Block block{nullptr, bytes};
    DEVICE_CALL(cudaMalloc(&block.data, bytes + strip));
    blocks_.push_back(block);
    DEVICE_CALL(cudaMemset(block.data + bytes, 0xAB, strip));
    if (bytes > 0)
      DEVICE_CALL(cudaMemcpy(block.data, values.data(), bytes, cudaMemcpyHostToDevice));
    return reinterpret_cast<T*>(block.data);
  }
  template <class T>
  std::vector<T> download(const T* from, std::size_t count) const {
    std::vector<T> values(count);
    DEVICE_CALL(cudaMemcpy(values.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }
  template <class T>
  Rounded<T> logits(const std::vector<float>& values) {
    std::vector<T> stored;
    std::vector<float> rounded;
    for (const float value : values) {
      stored.push_back(host_from_float<T>(value));
      rounded.push_back(host_to_float(stored.back()));
    }
    return {upload(stored), rounded};
  }
  template <class T>
  T* room(std::size_t count) {
    return upload(std::vector<T>(count, host_from_float<T>(-77.0f)));
  }
  template <class T>
  std::vector<float> floats(const T* from, std::size_t count) const {
    std::vector<float> values;
    for (const T& value : download(from, count)) values.push_back(host_to_float(value));
    return values;
  }
  bool strips_are_whole() const {
    for (const auto& [data, bytes] : blocks_) {
      for (const unsigned char byte : download(data + bytes, strip)) {
        if (byte != 0xAB) return false;
      }
    }
    return true;
  }

 private:
  struct Block {
    unsigned char* data;
    std::size_t bytes;
  };
  static constexpr std::size_t strip = 64;

  static float host_to_float(float value) { return value; }
  static float host_to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
  template <class T>
  static T host_from_float(float value) {
    if constexpr (sizeof(T) == sizeof(float)) {
      return value;
    } else {
      return __float2bfloat16(value);
    }
  }

  std::vector<Block> blocks_;
};

}  // namespace candist::device_test
