// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// ComputeStream's stand-in under the host executor, which is to be included before: memory is the host's,
// everything happens at once, products are plain loops. Memory begins as NaN, so that who forgets to set
// something is found out, and recorded work is checked to be the same work.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "candist/cuda/builtins.cuh"
#include "candist/cuda/linear_shape.hpp"

namespace candist::testing {

/// Products of a linear layer, sums in double.
struct HostProducts {
  template <class T>
  void forward(LinearShape s, const T* x, const T* w, const T* bias, T* y) {
    for (std::int64_t n = 0; n < s.rows; ++n) {
      for (std::int64_t o = 0; o < s.out; ++o) {
        double sum = bias == nullptr ? 0.0 : to_float(bias[o]);
        for (std::int64_t i = 0; i < s.in; ++i)
          sum += static_cast<double>(to_float(x[n * s.in + i])) * to_float(w[o * s.in + i]);
        y[n * s.out + o] = from_float<T>(static_cast<float>(sum));
      }
    }
  }
  template <class T>
  void input_gradient(LinearShape s, const T* dy, const T* w, T* dx, ProductInto into) {
    for (std::int64_t n = 0; n < s.rows; ++n) {
      for (std::int64_t i = 0; i < s.in; ++i) {
        double sum = into == ProductInto::adds ? to_float(dx[n * s.in + i]) : 0.0;
        for (std::int64_t o = 0; o < s.out; ++o)
          sum += static_cast<double>(to_float(dy[n * s.out + o])) * to_float(w[o * s.in + i]);
        dx[n * s.in + i] = from_float<T>(static_cast<float>(sum));
      }
    }
  }
  template <class T>
  void weight_gradient(LinearShape s, const T* x, const T* dy, float* dw) {
    for (std::int64_t o = 0; o < s.out; ++o) {
      for (std::int64_t i = 0; i < s.in; ++i) {
        double sum = 0.0;
        for (std::int64_t n = 0; n < s.rows; ++n)
          sum += static_cast<double>(to_float(dy[n * s.out + o])) * to_float(x[n * s.in + i]);
        dw[o * s.in + i] = static_cast<float>(sum);
      }
    }
  }
};

class HostCompute {
 public:
  using WorkKey = std::array<std::int64_t, 4>;
  /// Bytes that begin at a multiple of 256, all 0xFF.
  class Memory {
   public:
    Memory() = default;
    explicit Memory(std::size_t size) : size_(size), room_(size / sizeof(Unit) + 1) {
      std::memset(static_cast<void*>(room_.data()), 0xFF, room_.size() * sizeof(Unit));
    }
    std::size_t size() const { return size_; }
    std::byte* data() { return room_.empty() ? nullptr : room_.data()->bytes; }

   private:
    struct alignas(256) Unit {
      std::byte bytes[256];
    };
    std::size_t size_ = 0;
    std::vector<Unit> room_;
  };
  using Staging = Memory;

  struct Mark {
    void synchronize() const {}
  };

  explicit HostCompute(std::size_t free = std::numeric_limits<std::size_t>::max()) : free_(free) {}

  cudaStream_t get() const { return nullptr; }
  HostProducts& products() { return products_; }
  void to_device(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) { to_device(to, from, bytes); }
  void zero(void* at, std::size_t bytes) { fill(at, 0, bytes); }
  void fill(void* at, unsigned char byte, std::size_t bytes) {
    if (bytes > 0) std::memset(at, byte, bytes);
  }
  void record(Mark&) {}
  void wait() const {}
  std::size_t free_bytes() const { return free_; }
  template <class Work>
  void run(const WorkKey&, Work&& work) {
    work();
  }

 private:
  std::size_t free_;
  HostProducts products_;
};

}  // namespace candist::testing
