// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Runs kernels without a GPU: their very source, compiled by the host's compiler, one fiber a CUDA thread,
// one block after another. Include it before any .cuh. For tiny sizes: a fiber costs a stack and a shuffle
// costs switches of all its lanes.
//
// A failure (ExecutorError) is what a GPU would do something undefined about: a barrier that some threads of
// the block do not reach, a shuffle that lanes of its mask do not take part in, an index outside a shared
// array. Shared arrays begin every block with bytes of 0xFF, which are NaN in floats and bf16.
// Not here: memory order, more than one block at a time, dynamic shared memory, tensor cores, clusters.
#pragma once

#if defined(__CUDACC__)
#error "the host executor takes nvcc's place"
#endif
#define CANDIST_HOST_EXECUTOR 1

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/cuda/launch_shape.hpp"

namespace candist::host_executor {

struct ExecutorError : std::logic_error {
  using std::logic_error::logic_error;
};

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

/// What a thread waits for.
enum class Wait { nothing, barrier, shuffle, done };

struct Thread {
  Index index;
  Wait wait = Wait::nothing;
  boost::context::fiber fiber{};
  // Of a shuffle:
  unsigned mask = 0;
  unsigned word = 0;    ///< given, then received
  unsigned source = 0;  ///< the lane whose word is wanted
};

/// Thrown into fibers whose block has failed, so that their stacks unwind.
struct Abandoned {};

class Block {
 public:
  static Block*& running() {
    static Block* block = nullptr;
    return block;
  }
  static Thread& thread() { return *running()->current_; }

  Block(Index block, unsigned blocks, unsigned threads)
      : block_(block), grid_{blocks, 1, 1}, size_{threads, 1, 1}, threads_(threads) {}

  template <class Body>
  void run(const Body& body);

  std::uint64_t serial() const { return serial_; }
  const Index& block_index() const { return block_; }
  const Index& grid() const { return grid_; }
  const Index& size() const { return size_; }

  /// The current thread waits.
  void wait(Wait what) {
    Thread& thread = *current_;
    thread.wait = what;
    main_ = std::move(main_).resume();
    if (failed_) throw Abandoned{};
  }

 private:
  void resume(Thread& thread) {
    current_ = &thread;
    thread.fiber = std::move(thread.fiber).resume();
  }
  void run_warp(std::size_t first);
  bool release_shuffle(std::size_t first);
  void abandon();
  [[noreturn]] void fail(const std::string& what);

  static std::uint64_t next_serial() {
    static std::uint64_t last = 0;
    return ++last;
  }
  std::uint64_t serial_ = next_serial();
  Index block_, grid_, size_;
  std::vector<Thread> threads_;
  Thread* current_ = nullptr;
  boost::context::fiber main_{};
  std::exception_ptr error_{};
  bool failed_ = false;
};

/// A shared array; blocks run one after another, so one for all of them is enough.
template <class T, std::size_t Size>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  T& operator[](std::int64_t i) {
    if (i < 0 || i >= static_cast<std::int64_t>(Size))
      throw ExecutorError("shared array: index " + std::to_string(i) + " of " +
                          std::to_string(Size));
    if (block_ != Block::running()->serial()) {
      block_ = Block::running()->serial();
      std::memset(static_cast<void*>(items_), 0xFF, sizeof items_);
    }
    return items_[i];
  }

 private:
  T items_[Size];
  std::uint64_t block_ = 0;
};

// ---- definitions

/// Unwinds the stacks of all that have not ended.
inline void Block::abandon() {
  failed_ = true;
  for (Thread& thread : threads_) {
    if (thread.wait != Wait::done) resume(thread);
  }
}

inline void Block::fail(const std::string& what) {
  abandon();
  throw ExecutorError(what + " (block " + std::to_string(block_.x) + ")");
}

inline bool Block::release_shuffle(std::size_t first) {
  const std::size_t end = std::min(first + 32, threads_.size());
  bool released = false;
  for (std::size_t t = first; t < end; ++t) {
    const unsigned mask = threads_[t].mask;
    if (threads_[t].wait != Wait::shuffle) continue;
    if (((mask >> (t - first)) & 1u) == 0) fail("a lane shuffles with a mask that it is not in");
    bool whole = true;
    for (std::size_t lane = 0; lane < 32 && whole; ++lane) {
      if (((mask >> lane) & 1u) == 0) continue;
      if (first + lane >= end || threads_[first + lane].wait == Wait::done)
        fail("lane " + std::to_string(lane) + " of a shuffle's mask is not there any more");
      const Thread& other = threads_[first + lane];
      whole = other.wait == Wait::shuffle && other.mask == mask;
    }
    if (!whole) continue;
    unsigned words[32];
    for (std::size_t lane = 0; lane < 32; ++lane)
      words[lane] = first + lane < end ? threads_[first + lane].word : 0;
    for (std::size_t lane = 0; lane < 32; ++lane) {
      if (((mask >> lane) & 1u) == 0) continue;
      Thread& member = threads_[first + lane];
      if (((mask >> member.source) & 1u) == 0)
        fail("a shuffle asks a lane that is not in its mask");
      member.word = words[member.source];
      member.wait = Wait::nothing;
    }
    released = true;
  }
  return released;
}

/// Runs one warp until all its threads have ended or wait for other warps.
inline void Block::run_warp(std::size_t first) {
  const std::size_t end = std::min(first + 32, threads_.size());
  do {
    for (std::size_t t = first; t < end; ++t) {
      if (threads_[t].wait == Wait::nothing) resume(threads_[t]);
      if (!error_) continue;
      const std::exception_ptr error = std::exchange(error_, nullptr);
      abandon();
      std::rethrow_exception(error);
    }
  } while (release_shuffle(first));
}

template <class Body>
void Block::run(const Body& body) {
  struct Running {
    Block* before = std::exchange(running(), nullptr);
    ~Running() { running() = before; }
  } running_before;
  running() = this;
  static boost::context::pooled_fixedsize_stack stacks(64 * 1024);
  for (std::size_t t = 0; t < threads_.size(); ++t) {
    threads_[t].index = {static_cast<unsigned>(t), 0, 0};
    threads_[t].fiber = boost::context::fiber(std::allocator_arg, stacks,
                                              [this, t, &body](boost::context::fiber&& main) {
                                                main_ = std::move(main);
                                                try {
                                                  if (!failed_) body();
                                                } catch (const Abandoned&) {
                                                } catch (...) {
                                                  error_ = std::current_exception();
                                                }
                                                threads_[t].wait = Wait::done;
                                                return std::move(main_);
                                              });
  }
  // Each warp goes as far as it can before the next one begins, first to last or last to first by turns: who
  // reads what another warp has not written yet, or has already overwritten, reads something else.
  const std::size_t warps = (threads_.size() + 31) / 32;
  for (bool forward = true;; forward = !forward) {
    for (std::size_t w = 0; w < warps; ++w) run_warp(32 * (forward ? w : warps - 1 - w));
    std::size_t waiting[4] = {};
    for (const Thread& thread : threads_) ++waiting[static_cast<std::size_t>(thread.wait)];
    const auto at = [&](Wait wait) { return waiting[static_cast<std::size_t>(wait)]; };
    if (at(Wait::done) == threads_.size()) return;
    if (at(Wait::barrier) < threads_.size()) {
      fail("threads wait for each other: " + std::to_string(at(Wait::barrier)) + " at a barrier, " +
           std::to_string(at(Wait::shuffle)) + " in a shuffle, " + std::to_string(at(Wait::done)) +
           " have ended");
    }
    for (Thread& thread : threads_) thread.wait = Wait::nothing;
  }
}

inline void barrier() { Block::running()->wait(Wait::barrier); }

inline unsigned exchange_word(unsigned mask, unsigned word, unsigned source) {
  Thread& thread = Block::thread();
  thread.mask = mask;
  thread.word = word;
  thread.source = source;
  Block::running()->wait(Wait::shuffle);
  return thread.word;
}

template <class T>
T shuffled(unsigned mask, T value, unsigned source) {
  static_assert(sizeof(T) == 4);
  unsigned word;
  std::memcpy(&word, &value, sizeof word);
  word = exchange_word(mask, word, source);
  std::memcpy(&value, &word, sizeof word);
  return value;
}

inline unsigned lane() { return Block::thread().index.x % 32; }

}  // namespace candist::host_executor

// ---- CUDA's words

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)
#define CANDIST_UNROLL
#define CANDIST_SHARED(type, name, size) \
  static ::candist::host_executor::SharedArray<type, static_cast<std::size_t>(size)> name
#define threadIdx (::candist::host_executor::Block::thread().index)
#define blockIdx (::candist::host_executor::Block::running()->block_index())
#define blockDim (::candist::host_executor::Block::running()->size())
#define gridDim (::candist::host_executor::Block::running()->grid())

using cudaStream_t = void*;

inline void __syncthreads() { candist::host_executor::barrier(); }
/// A shuffle whose words nobody wants.
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  candist::host_executor::exchange_word(mask, 0, candist::host_executor::lane());
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return candist::host_executor::shuffled(mask, value, static_cast<unsigned>(source) % 32);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  return candist::host_executor::shuffled(
      mask, value, candist::host_executor::lane() ^ static_cast<unsigned>(bits));
}

inline float __int_as_float(int bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline unsigned long long atomicMin(unsigned long long* at, unsigned long long value) {
  const unsigned long long before = *at;
  if (value < before) *at = value;
  return before;
}

struct __nv_bfloat16 {
  std::uint16_t bits = 0;
};
inline float __bfloat162float(__nv_bfloat16 value) {
  return __int_as_float(static_cast<int>(static_cast<std::uint32_t>(value.bits) << 16));
}
/// To nearest, ties to even.
inline __nv_bfloat16 __float2bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (value != value) return {0x7FFF};
  bits += 0x7FFFu + ((bits >> 16) & 1u);
  return {static_cast<std::uint16_t>(bits >> 16)};
}

namespace candist {

/// Runs the kernel to its end.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), LaunchShape shape, cudaStream_t,
            const Arguments&... arguments) {
  for (unsigned b = 0; b < shape.blocks; ++b) {
    host_executor::Block block({b, 0, 0}, shape.blocks, shape.threads);
    block.run([&] { kernel(arguments...); });
  }
}

}  // namespace candist
