// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The inside of host_executor.hpp: the blocks of a cluster, mostly a single one, as fibers that take turns,
// and the arrays that they share.
#pragma once

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace candist::host_executor {

struct ExecutorError : std::logic_error {
  using std::logic_error::logic_error;
};

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

/// What a thread waits for.
enum class Wait { nothing, barrier, shuffle, cluster, done };

struct Thread {
  Index index;
  unsigned block = 0;     ///< of the cluster
  unsigned arrivals = 0;  ///< at the cluster's barrier
  unsigned waits = 0;     ///< for it
  Wait wait = Wait::nothing;
  boost::context::fiber fiber{};
  // Of a shuffle:
  unsigned mask = 0;
  unsigned word = 0;    ///< given, then received
  unsigned source = 0;  ///< the lane whose word is wanted
};

/// Thrown into fibers whose block has failed, so that their stacks unwind.
struct Abandoned {};

/// Blocks of a launch that run at once, and whose shared memory is one: mostly a single one.
class Cluster {
 public:
  static Cluster*& running() {
    static Cluster* cluster = nullptr;
    return cluster;
  }
  static Thread& thread() { return *running()->current_; }

  /// `blocks` from the `first` one on, of `grid` altogether.
  Cluster(unsigned first, unsigned blocks, unsigned grid, unsigned threads)
      : first_(first),
        blocks_(blocks),
        grid_{grid, 1, 1},
        size_{threads, 1, 1},
        threads_(blocks * threads) {}

  template <class Body>
  void run(const Body& body);

  std::uint64_t serial() const { return serial_; }
  unsigned blocks() const { return blocks_; }
  Index block_index() const { return {first_ + current_->block, 0, 0}; }
  const Index& grid() const { return grid_; }
  const Index& size() const { return size_; }

  /// An array of so many bytes a block, for all blocks.
  void add_shared(void* begin, std::size_t bytes) {
    shared_.emplace_back(static_cast<unsigned char*>(begin), bytes);
  }
  /// The same place of a shared array in another block.
  void* in_block(const void* place, unsigned block) const;

  void arrive() {
    if (current_->arrivals++ != current_->waits)
      throw ExecutorError("a thread arrives at its cluster's barrier twice without a wait");
  }
  void wait_for_arrivals() {
    if (++current_->waits != current_->arrivals)
      throw ExecutorError("a thread waits for its cluster and has not arrived");
    wait(Wait::cluster);
  }
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
  bool release_barriers();
  bool release_arrived();
  /// One past the last thread of the warp that begins with `first`.
  std::size_t end_of_warp(std::size_t first) const {
    return std::min<std::size_t>(first + 32, (threads_[first].block + 1) * size_.x);
  }
  void abandon();
  [[noreturn]] void fail(const std::string& what);

  static std::uint64_t next_serial() {
    static std::uint64_t last = 0;
    return ++last;
  }
  std::uint64_t serial_ = next_serial();
  unsigned first_, blocks_;
  Index grid_, size_;
  std::vector<std::pair<unsigned char*, std::size_t>> shared_;
  std::vector<Thread> threads_;
  Thread* current_ = nullptr;
  boost::context::fiber main_{};
  std::exception_ptr error_{};
  bool failed_ = false;
};

/// A shared array, once a block of the cluster; clusters run one after another, so one for all of them is
/// enough.
template <class T, std::size_t Size>
class SharedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  T& operator[](std::int64_t i) {
    if (i < 0 || i >= static_cast<std::int64_t>(Size))
      throw ExecutorError("shared array: index " + std::to_string(i) + " of " +
                          std::to_string(Size));
    Cluster& cluster = *Cluster::running();
    if (cluster_ != cluster.serial()) {
      cluster_ = cluster.serial();
      items_.resize(Size * cluster.blocks());
      std::memset(static_cast<void*>(items_.data()), 0xFF, items_.size() * sizeof(T));
      cluster.add_shared(items_.data(), Size * sizeof(T));
    }
    return items_[Cluster::thread().block * Size + static_cast<std::size_t>(i)];
  }

 private:
  std::vector<T> items_;
  std::uint64_t cluster_ = 0;
};

// ---- definitions

/// Unwinds the stacks of all that have not ended.
inline void Cluster::abandon() {
  failed_ = true;
  for (Thread& thread : threads_) {
    if (thread.wait != Wait::done) resume(thread);
  }
}

inline void Cluster::fail(const std::string& what) {
  abandon();
  throw ExecutorError(what + " (block " + std::to_string(first_) +
                      (blocks_ > 1 ? " and those of its cluster)" : ")"));
}

inline void* Cluster::in_block(const void* place, unsigned block) const {
  if (block >= blocks_)
    throw ExecutorError("block " + std::to_string(block) + " of a cluster of " +
                        std::to_string(blocks_));
  for (const auto& [begin, bytes] : shared_) {
    const std::size_t offset =
        static_cast<std::size_t>(static_cast<const unsigned char*>(place) - begin);
    if (offset < bytes * blocks_) return begin + block * bytes + offset % bytes;
  }
  throw ExecutorError("a place that is not in a shared array, in another block");
}

inline bool Cluster::release_shuffle(std::size_t first) {
  const std::size_t end = end_of_warp(first);
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

/// Of blocks whose threads all stand at one.
inline bool Cluster::release_barriers() {
  bool released = false;
  for (auto block = threads_.begin(); block != threads_.end(); block += size_.x) {
    const auto end = block + size_.x;
    if (std::any_of(block, end, [](const Thread& t) { return t.wait != Wait::barrier; })) continue;
    std::for_each(block, end, [](Thread& t) { t.wait = Wait::nothing; });
    released = true;
  }
  return released;
}

/// Those for whom all threads of the cluster have arrived.
inline bool Cluster::release_arrived() {
  unsigned everyone = threads_[0].arrivals;
  for (const Thread& thread : threads_) everyone = std::min(everyone, thread.arrivals);
  bool released = false;
  for (Thread& thread : threads_) {
    if (thread.wait != Wait::cluster || thread.waits > everyone) continue;
    thread.wait = Wait::nothing;
    released = true;
  }
  return released;
}

/// Runs one warp until all its threads have ended or wait for other warps.
inline void Cluster::run_warp(std::size_t first) {
  const std::size_t end = end_of_warp(first);
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
void Cluster::run(const Body& body) {
  struct Running {
    Cluster* before = std::exchange(running(), nullptr);
    ~Running() { running() = before; }
  } running_before;
  running() = this;
  static boost::context::pooled_fixedsize_stack stacks(64 * 1024);
  for (std::size_t t = 0; t < threads_.size(); ++t) {
    threads_[t].index = {static_cast<unsigned>(t % size_.x), 0, 0};
    threads_[t].block = static_cast<unsigned>(t / size_.x);
    threads_[t].fiber = boost::context::fiber(
        std::allocator_arg, stacks, [this, t, &body](boost::context::fiber&& main) {
          main_ = std::move(main);
          try {
            if (!failed_) body();
            if (threads_[t].arrivals != threads_[t].waits)
              throw ExecutorError(
                  "a thread ends between arriving at its cluster's barrier and waiting for it");
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
  std::vector<std::size_t> warps;
  for (std::size_t first = 0; first < threads_.size(); first = end_of_warp(first))
    warps.push_back(first);
  for (;; std::reverse(warps.begin(), warps.end())) {
    for (const std::size_t first : warps) run_warp(first);
    std::size_t waiting[5] = {};
    for (const Thread& thread : threads_) ++waiting[static_cast<std::size_t>(thread.wait)];
    const auto at = [&](Wait wait) {
      return std::to_string(waiting[static_cast<std::size_t>(wait)]);
    };
    if (waiting[static_cast<std::size_t>(Wait::done)] == threads_.size()) return;
    const bool barriers = release_barriers();
    if (release_arrived() || barriers) continue;
    fail("threads wait for each other: " + at(Wait::barrier) + " at a barrier, " +
         at(Wait::shuffle) + " in a shuffle, " + at(Wait::cluster) + " for their cluster, " +
         at(Wait::done) + " have ended");
  }
}

}  // namespace candist::host_executor
