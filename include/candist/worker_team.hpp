// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Threads that stay: for work that is spread out many times a second, where parallel_ranges would spend
// its time on starting threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace candist {

/// A team of `threads` threads, the caller's among them. Which of them does a task is left to chance:
/// tasks are to write to places of their own, so that results do not depend on it.
class WorkerTeam {
 public:
  explicit WorkerTeam(int threads) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { wait_for_work(); });
  }
  ~WorkerTeam() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }
  WorkerTeam(const WorkerTeam&) = delete;
  WorkerTeam& operator=(const WorkerTeam&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls work(task) once for every task of [0, n), and returns when all are done. The first exception
  /// is rethrown. Not from inside a task.
  template <class Work>
  void run(std::int64_t n, Work&& work) {
    if (workers_.empty() || n <= 1) {
      for (std::int64_t task = 0; task < n; ++task) work(task);
      return;
    }
    const std::lock_guard one_caller(callers_);
    {
      const std::lock_guard lock(mutex_);
      call_ = [](void* context, std::int64_t task) {
        (*static_cast<std::remove_reference_t<Work>*>(context))(task);
      };
      context_ = const_cast<void*>(static_cast<const void*>(&work));
      tasks_ = n;
      next_ = 0;
      failure_ = nullptr;
      busy_ = static_cast<int>(workers_.size());
      ++round_;
    }
    wake_.notify_all();
    do_tasks();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return busy_ == 0; });
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void do_tasks() {
    for (std::int64_t task = next_++; task < tasks_; task = next_++) {
      try {
        call_(context_, task);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
      }
    }
  }
  void wait_for_work() {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
      lock.unlock();
      do_tasks();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  void (*call_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::int64_t tasks_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr failure_;
  int busy_ = 0;
  std::uint64_t round_ = 0;
  bool stopping_ = false;
  std::vector<std::jthread> workers_;  // last: they are joined before the rest goes
};

}  // namespace candist
