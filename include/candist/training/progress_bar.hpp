// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A progress bar with rate and time left, for one training or many at once.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace candist {

/// Draws on standard error: one line that is redrawn on a terminal, a line every tenth elsewhere.
/// Thread-safe.
class ProgressBar {
 public:
  enum class Output { shown, silent };

  /// `total` units of work, of which `unit` is the plural ("texts").
  ProgressBar(std::string title, std::int64_t total, std::string unit,
              Output output = Output::shown)
      : title_(std::move(title)),
        unit_(std::move(unit)),
        total_(std::max<std::int64_t>(total, 1)),
        output_(output),
        terminal_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressBar() { finish(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Notes `units` more as done; `note` stands at the end of the line.
  void add(std::int64_t units, std::string_view note = {}) {
    const std::int64_t done = done_.fetch_add(units) + units;
    if (output_ == Output::silent) return;
    const std::unique_lock lock(drawing_, std::try_to_lock);
    if (!lock) return;
    const auto now = std::chrono::steady_clock::now();
    if (terminal_) {
      if (now - drawn_ < std::chrono::milliseconds(100)) return;
    } else if (done * 10 / total_ == tenth_) {
      return;
    }
    tenth_ = done * 10 / total_;
    drawn_ = now;
    draw(done, std::string(note));
  }
  /// Notes that `units` are done in all, those of an earlier run too.
  void set(std::int64_t units) { add(units - done_.load()); }
  /// Ends the line.
  void finish() {
    if (output_ == Output::silent || finished_) return;
    finished_ = true;
    if (!terminal_) return;
    draw(done_.load(), "");
    std::fputc('\n', stderr);
  }

 private:
  void draw(std::int64_t done, const std::string& note) const {
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double rate = static_cast<double>(done) / std::max(seconds, 1e-9);
    const double left = static_cast<double>(total_ - done) / std::max(rate, 1e-9);
    const int filled = static_cast<int>(std::min<std::int64_t>(24, done * 24 / total_));
    std::string bar(24, '.');
    std::fill_n(bar.begin(), filled, '#');
    std::fprintf(stderr, "%s%s [%s] %3d %%  %.0f %s/s  %.0f s left  %s%s",
                 terminal_ ? "\r\033[K" : "", title_.c_str(), bar.c_str(),
                 static_cast<int>(std::min<std::int64_t>(100, done * 100 / total_)), rate,
                 unit_.c_str(), std::max(left, 0.0), note.c_str(), terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

  std::string title_;
  std::string unit_;
  std::int64_t total_;
  Output output_;
  bool terminal_;
  bool finished_ = false;
  std::atomic<std::int64_t> done_{0};
  std::int64_t tenth_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_{};
  std::mutex drawing_;
};

}  // namespace candist
