// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/rate_limiter.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

using namespace candist;
using namespace std::chrono_literals;

namespace {

using Clock = RateLimiter::Clock;

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

struct Sent {
  double at;  ///< seconds since the first
  double tokens;
};

/// A client that always has a next request: when each of `tokens` goes.
std::vector<Sent> greedy(RateLimiter& limiter, const std::vector<double>& tokens) {
  const Clock::time_point begin{};
  Clock::time_point now = begin + 1h;
  const Clock::time_point first = now;
  std::vector<Sent> sent;
  for (const double amount : tokens) {
    now += limiter.delay(now, amount);
    // The promise of delay(): after it, the request may go.
    if (limiter.delay(now, amount) > Clock::duration::zero()) return sent;
    limiter.spend(now, amount);
    sent.push_back({seconds(now - first), amount});
  }
  return sent;
}

std::vector<double> sizes(std::size_t n, double largest) {
  CounterRng rng(4, RandomPurpose::resampling);
  std::vector<double> result(n);
  for (double& size : result) size = 1.0 + static_cast<double>(rng.uniform()) * (largest - 1.0);
  return result;
}

/// The most that any window of `window` seconds holds, closed on both sides.
template <class Amount>
double most_within(const std::vector<Sent>& sent, double window, Amount&& amount) {
  double most = 0;
  double sum = 0;
  std::size_t begin = 0;
  for (const Sent& last : sent) {
    sum += amount(last);
    while (sent[begin].at < last.at - window) sum -= amount(sent[begin++]);
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace

TEST_CASE("no window of any length holds more than its rate and one burst") {
  // Requests bind; tokens bind; both; a request a minute; requests larger than the token bucket.
  struct Limits {
    double requests, tokens, largest;
  };
  for (const Limits limits :
       {Limits{600, 0, 900}, Limits{0, 60000, 900}, Limits{3000, 1200000, 900}, Limits{1, 0, 900},
        Limits{0, 6000, 900}}) {
    INFO(limits.requests << " requests, " << limits.tokens << " tokens a minute");
    RateLimiter limiter(limits.requests, limits.tokens);
    const auto sent = greedy(limiter, sizes(4000, limits.largest));
    REQUIRE(sent.size() == 4000);
    const double request_rate = limits.requests / 60;
    const double token_rate = limits.tokens / 60;
    for (const double window : {0.0, 0.5, 1.0, 7.0, 60.0, 600.0}) {
      INFO("windows of " << window << " s");
      if (limits.requests > 0)
        CHECK(most_within(sent, window, [](const Sent&) { return 1.0; }) <=
              request_rate * window + std::max(request_rate, 1.0) + 1e-6);
      if (limits.tokens > 0)
        CHECK(most_within(sent, window, [](const Sent& s) { return s.tokens; }) <=
              (token_rate * window + std::max(token_rate, limits.largest)) * (1 + 1e-9));
    }
  }
}

TEST_CASE("a client that always has more uses its rate to the full, without drift") {
  // A million requests: 1,000 s at 60,000 a minute. Nothing lost, nothing won but the first burst.
  RateLimiter by_requests(60000, 0);
  const auto sent = greedy(by_requests, std::vector<double>(1000000, 1.0));
  REQUIRE(sent.size() == 1000000);
  CHECK(std::abs(sent.back().at - (1e6 - 1000) / 1000) < 0.01);

  RateLimiter by_tokens(0, 600000);
  const auto amounts = sizes(1000000, 700);
  double sum = 0;
  for (const double amount : amounts) sum += amount;
  const auto paid = greedy(by_tokens, amounts);
  REQUIRE(paid.size() == amounts.size());
  CHECK(std::abs(paid.back().at - (sum - 10000) / 10000) < 0.01);
}

TEST_CASE("no limits, no waiting; and a request larger than the bucket goes out") {
  RateLimiter none(0, 0);
  Clock::time_point now{};
  now += 1h;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(none.delay(now, 1e9) == Clock::duration::zero());
    none.spend(now, 1e9);
  }
  RateLimiter small(0, 60);  // one token a second
  CHECK(small.delay(now, 100) == Clock::duration::zero());
  small.spend(now, 100);
  CHECK(seconds(small.delay(now, 100)) == Approx(100));  // from -99 to the full bucket of 1
  CHECK(seconds(small.delay(now, 0.5)) == Approx(99.5));
  CHECK(small.delay(now + 100s, 100) == Clock::duration::zero());
}

TEST_CASE("an idle hour saves up no more than the bucket") {
  RateLimiter limiter(600, 0);
  Clock::time_point now{};
  now += 1h;
  limiter.spend(now, 0);
  now += 1h;
  int burst = 0;
  while (limiter.delay(now, 0) == Clock::duration::zero() && burst < 100) {
    limiter.spend(now, 0);
    ++burst;
  }
  CHECK(burst == 10);
}

TEST_CASE("corrections give back and take, and never more than the bucket holds") {
  Clock::time_point now{};
  now += 1h;
  RateLimiter limiter(0, 6000);  // 100 a second
  limiter.spend(now, 100);
  CHECK(seconds(limiter.delay(now, 50)) == Approx(0.5));
  limiter.correct(100, 40);
  CHECK(limiter.delay(now, 60) == Clock::duration::zero());
  limiter.correct(40, 140);
  CHECK(seconds(limiter.delay(now, 60)) == Approx(1.0));
  limiter.correct(1e6, 0);
  CHECK(limiter.delay(now, 100) == Clock::duration::zero());
  limiter.spend(now, 100);
  CHECK(seconds(limiter.delay(now, 100)) == Approx(1.0));

  // Estimates twice too high or low: what counts in the end is what was used.
  for (const double factor : {0.5, 2.0}) {
    RateLimiter corrected(0, 60000);
    Clock::time_point at{};
    at += 1h;
    const Clock::time_point first = at;
    for (int i = 0; i < 10000; ++i) {
      at += corrected.delay(at, 100 * factor);
      corrected.spend(at, 100 * factor);
      corrected.correct(100 * factor, 100);
    }
    CHECK(seconds(at - first) == Approx(1000).epsilon(0.01));
  }
}

TEST_CASE("a hold stops everything, and an earlier one does not shorten it") {
  Clock::time_point now{};
  now += 1h;
  for (const double limit : {0.0, 6e5}) {
    RateLimiter limiter(limit, limit);
    limiter.hold_until(now + 20s);
    limiter.hold_until(now + 3s);
    CHECK(limiter.delay(now, 1) == 20s);
    CHECK(limiter.delay(now + 19s, 1) == 1s);
    CHECK(limiter.delay(now + 20s, 1) == Clock::duration::zero());
  }
}
