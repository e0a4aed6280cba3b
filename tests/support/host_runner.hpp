// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The Runner of row_twin.hpp under the host executor, which is to be included before.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "candist/cuda/builtins.cuh"

namespace candist::testing {

/// Arrays of the test's own, each with a strip behind it that nobody may write to.
class HostRunner {
 public:
  template <class T>
  struct Rounded {
    T* pointer;
    std::vector<float> values;
  };

  template <class T>
  T* upload(const std::vector<T>& values) {
    const std::size_t bytes = values.size() * sizeof(T);
    auto& block =
        blocks_.emplace_back(bytes, std::vector<std::max_align_t>((bytes + strip) / 16 + 2));
    auto* begin = reinterpret_cast<unsigned char*>(block.second.data());
    if (bytes > 0) std::memcpy(begin, values.data(), bytes);
    std::memset(begin + bytes, 0xAB, strip);
    return reinterpret_cast<T*>(begin);
  }
  template <class T>
  std::vector<T> download(const T* from, std::size_t count) const {
    return {from, from + count};
  }
  template <class T>
  Rounded<T> logits(const std::vector<float>& values) {
    std::vector<T> stored;
    std::vector<float> rounded;
    for (const float value : values) {
      stored.push_back(from_float<T>(value));
      rounded.push_back(to_float(stored.back()));
    }
    return {upload(stored), rounded};
  }
  template <class T>
  T* room(std::size_t count) {
    return upload(std::vector<T>(count, from_float<T>(-77.0f)));
  }
  template <class T>
  std::vector<float> floats(const T* from, std::size_t count) const {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(to_float(from[i]));
    return values;
  }
  bool strips_are_whole() const {
    for (const auto& [bytes, block] : blocks_) {
      const auto* end = reinterpret_cast<const unsigned char*>(block.data()) + bytes;
      for (std::size_t i = 0; i < strip; ++i) {
        if (end[i] != 0xAB) return false;
      }
    }
    return true;
  }

 private:
  static constexpr std::size_t strip = 64;
  std::vector<std::pair<std::size_t, std::vector<std::max_align_t>>> blocks_;
};

}  // namespace candist::testing
