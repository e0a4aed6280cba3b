// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// ComputeStream's stand-in under the host executor, which is to be included before: memory is the host's,
// kernels run at once, products are plain loops. Memory begins as NaN, so that who forgets to set something is
// found out; so is who touches pinned memory without waiting for the copies that are on their way from or to it, and whose
// recorded work is not the same work whenever it comes.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "candist/cuda/builtins.cuh"
#include "candist/cuda/linear_shape.hpp"

namespace candist::testing {

/// Products of a linear layer, sums in double.
struct HostProducts {
  template <class T>
  void forward(LinearShape s, const T* x, const T* w, const T* bias, T* y) {
    host_executor::write_down(s, x, w, bias, y);
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
    host_executor::write_down(s, dy, w, dx, into);
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
    host_executor::write_down(s, x, dy, dw);
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

/// Pinned memory, and the copies from and to it that are on their way until somebody waits for them. Who changes
/// what is on its way, or frees it, is found out, which ends the program; what is to arrive is NaN until then.
class HostBus {
 public:
  static HostBus& only() {
    static HostBus bus;
    return bus;
  }
  void pin(const std::byte* begin, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    pinned_[begin] = bytes;
  }
  void unpin(const std::byte* begin) {
    const std::lock_guard lock(mutex_);
    const std::size_t bytes = pinned_[begin];
    pinned_.erase(begin);
    for (const Copy& copy : copies_) {
      if (copy.host >= begin && copy.host < begin + bytes)
        fail("pinned memory was freed while a copy was on its way");
    }
  }
  /// The copy of a stream; done at once where the host's memory is not pinned.
  void to_device(int stream, void* to, const void* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
    note(stream, static_cast<const std::byte*>(from), from, bytes, false);
  }
  void to_host(int stream, void* to, const void* from, std::size_t bytes) {
    const auto* begin = static_cast<const std::byte*>(to);
    finish([&](const Copy& copy) {  // what the stream was given before comes first
      return copy.stream == stream && copy.host < begin + bytes &&
             begin < copy.host + copy.bytes.size();
    });
    if (note(stream, static_cast<const std::byte*>(to), from, bytes, true)) {
      std::memset(to, 0xFF, bytes);
    } else {
      std::memcpy(to, from, bytes);
    }
  }
  /// A point behind all copies so far.
  std::int64_t now() {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  /// What the stream was given before that point is over.
  void arrive(int stream, std::int64_t before) {
    finish([&](const Copy& copy) { return copy.stream == stream && copy.number < before; });
  }

 private:
  struct Copy {
    int stream;
    std::int64_t number;
    const std::byte* host;
    bool arrives;
    std::vector<std::byte> bytes;
  };
  template <class IsOver>
  void finish(const IsOver& is_over) {
    const std::lock_guard lock(mutex_);
    std::erase_if(copies_, [&](const Copy& copy) {
      if (!is_over(copy)) return false;
      if (copy.arrives) {
        std::memcpy(const_cast<std::byte*>(copy.host), copy.bytes.data(), copy.bytes.size());
      } else if (std::memcmp(copy.host, copy.bytes.data(), copy.bytes.size()) != 0) {
        fail("pinned memory was written to while it was on its way to the device");
      }
      return true;
    });
  }
  bool note(int stream, const std::byte* host, const void* from, std::size_t bytes, bool arrives) {
    const std::lock_guard lock(mutex_);
    const auto behind = pinned_.upper_bound(host);
    if (behind == pinned_.begin()) return false;
    const auto& [begin, size] = *std::prev(behind);
    if (host >= begin + size) return false;
    const auto* values = static_cast<const std::byte*>(from);
    copies_.push_back({stream, count_++, host, arrives, {values, values + bytes}});
    return true;
  }
  /// From destructors too, so no exception.
  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "host compute: %s\n", what);
    std::abort();
  }

  std::mutex mutex_;
  std::map<const std::byte*, std::size_t> pinned_;
  std::vector<Copy> copies_;
  std::int64_t count_ = 0;
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
  class Staging {
   public:
    Staging() = default;
    explicit Staging(std::size_t size) : memory_(size) {
      HostBus::only().pin(memory_.data(), memory_.size());
    }
    Staging(Staging&&) = default;
    Staging& operator=(Staging&& other) noexcept {
      std::swap(memory_, other.memory_);
      return *this;
    }
    ~Staging() {
      if (memory_.data() != nullptr) HostBus::only().unpin(memory_.data());
    }
    std::size_t size() const { return memory_.size(); }
    std::byte* data() { return memory_.data(); }

   private:
    Memory memory_;
  };
  class Mark {
   public:
    void synchronize() const {
      if (stream_ >= 0) HostBus::only().arrive(stream_, point_);
    }

   private:
    friend HostCompute;
    int stream_ = -1;
    std::int64_t point_ = 0;
  };

  explicit HostCompute(std::size_t free = std::numeric_limits<std::size_t>::max())
      : stream_(next_stream()), free_(free) {}

  cudaStream_t get() const { return nullptr; }
  HostProducts& products() { return products_; }
  void to_device(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) HostBus::only().to_device(stream_, to, from, bytes);
  }
  void to_host(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) HostBus::only().to_host(stream_, to, from, bytes);
  }
  void zero(void* at, std::size_t bytes) { fill(at, 0, bytes); }
  void fill(void* at, unsigned char byte, std::size_t bytes) {
    if (bytes > 0) std::memset(at, byte, bytes);
  }
  void record(Mark& mark) {
    mark.stream_ = stream_;
    mark.point_ = HostBus::only().now();
  }
  void wait() const { HostBus::only().arrive(stream_, HostBus::only().now()); }
  void drain() const noexcept { wait(); }
  std::size_t free_bytes() const { return free_; }
  /// Work of one key has to be the same work, launch by launch, or a recording would do something else.
  template <class Work>
  void run(const WorkKey& key, Work&& work) {
    std::string launches;
    host_executor::launches_of_thread() = &launches;
    work();
    host_executor::launches_of_thread() = nullptr;
    const auto [known, is_new] = recorded_.try_emplace(key, launches);
    if (!is_new && known->second != launches) {
      std::fprintf(stderr, "host compute: the work of a key is not what it was before\n");
      std::abort();
    }
  }

 private:
  static int next_stream() {
    static std::atomic<int> streams{0};
    return streams++;
  }

  int stream_;
  std::size_t free_;
  HostProducts products_;
  std::map<WorkKey, std::string> recorded_;
};

}  // namespace candist::testing
