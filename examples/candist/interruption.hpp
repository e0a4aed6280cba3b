// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <csignal>
#include <mutex>

namespace candist::program {

/// While one lives, the first Ctrl-C or SIGTERM asks long work to stop at its next safe point and to
/// save its state; a second one ends the program at once, as does the first where none lives. May be
/// nested, and held by several threads.
class StopOnSignal {
 public:
  StopOnSignal() {
    const std::lock_guard lock(mutex_);
    if (holders_++ == 0 && !requested_) install(&on_signal);
  }
  ~StopOnSignal() {
    const std::lock_guard lock(mutex_);
    if (--holders_ == 0) install(SIG_DFL);
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  static const std::atomic<bool>& requested() { return requested_; }

 private:
  static void install(void (*handler)(int)) {
    std::signal(SIGINT, handler);
    std::signal(SIGTERM, handler);
  }
  static void on_signal(int) {
    requested_.store(true);
    install(SIG_DFL);
  }

  static_assert(std::atomic<bool>::is_always_lock_free);  // or a handler must not touch it
  inline static std::atomic<bool> requested_{false};
  inline static std::mutex mutex_;
  inline static int holders_ = 0;
};

/// For commands that run long: whoever stops reading their messages must not end them.
inline void survive_closed_pipes() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace candist::program
