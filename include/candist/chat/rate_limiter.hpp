// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace candist {

/// Limits of one's own on requests and tokens a minute, as two token buckets that refill steadily. A
/// bucket holds one second's worth, at least one request: over any T seconds no more than
/// rate T + that goes out, and a run does not begin with a minute's worth at once. A request of more
/// tokens than the bucket holds goes when that is full, and those after it pay the debt. Time is
/// passed in.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;

  /// 0: no limit.
  RateLimiter(double requests_per_minute, double tokens_per_minute)
      : requests_(requests_per_minute / 60.0, 1.0), tokens_(tokens_per_minute / 60.0, 0.0) {}

  /// How long a request of that many tokens has to wait; zero: it may go. One that is larger than its
  /// bucket goes when the bucket is full.
  Clock::duration delay(Clock::time_point now, double tokens) const {
    const Clock::duration limits = std::max(requests_.delay(now, 1.0), tokens_.delay(now, tokens));
    return std::max({limits, held_until_ - now, Clock::duration::zero()});
  }
  /// It goes.
  void spend(Clock::time_point now, double tokens) {
    requests_.spend(now, 1.0);
    tokens_.spend(now, tokens);
  }
  /// It took other than the estimated tokens.
  void correct(double estimated, double real) {
    if (tokens_.rate > 0) tokens_.level = std::min(tokens_.size, tokens_.level + estimated - real);
  }
  /// Nothing goes before; what the endpoint asks for. An earlier time than one set before changes
  /// nothing.
  void hold_until(Clock::time_point time) { held_until_ = std::max(held_until_, time); }

 private:
  struct Bucket {
    Bucket(double rate_, double least) : rate(rate_), size(std::max(rate_, least)), level(size) {}

    double level_at(Clock::time_point now) const {
      if (filled == Clock::time_point{} || now <= filled) return level;
      return std::min(size, level + rate * std::chrono::duration<double>(now - filled).count());
    }
    Clock::duration delay(Clock::time_point now, double amount) const {
      if (rate <= 0) return Clock::duration::zero();
      const double lacking = std::min(amount, size) - level_at(now);
      // Rounding must not let a request wait for ever for the last bit of its token.
      if (lacking <= 1e-9 * size) return Clock::duration::zero();
      const std::chrono::duration<double> wait(lacking / rate);
      return std::chrono::ceil<Clock::duration>(
          std::min(wait, std::chrono::duration<double>(86400.0)));
    }
    void spend(Clock::time_point now, double amount) {
      level = level_at(now) - amount;
      filled = std::max(filled, now);
    }

    double rate;  ///< a second; 0: no limit
    double size;
    double level;  ///< at `filled`; below 0 after a request larger than the bucket
    Clock::time_point filled{};
  };

  Bucket requests_;
  Bucket tokens_;
  Clock::time_point held_until_{};
};

}  // namespace candist
