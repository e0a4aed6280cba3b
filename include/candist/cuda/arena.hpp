// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// One piece of memory for many arrays: laid out twice by the same code, first to count the bytes, then to
// hand out the places.
#pragma once

#include <cstddef>
#include <cstdint>

namespace candist {

/// Arrays one behind the other, each at a multiple of 256 bytes. Without memory it counts: the places are
/// null then. Host and device.
class Arena {
 public:
  static constexpr std::size_t alignment = 256;

  explicit Arena(std::byte* memory = nullptr) : memory_(memory) {}

  /// Place for `count` elements.
  template <class T>
  T* take(std::int64_t count) {
    const std::size_t begin = used_;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + alignment - 1) / alignment * alignment;
    return memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + begin);
  }
  /// Bytes handed out so far.
  std::size_t used() const { return used_; }

 private:
  std::byte* memory_;
  std::size_t used_ = 0;
};

}  // namespace candist
