// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/retry_policy.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>

#include "support/catch.hpp"

using namespace candist;
using Failure = HttpAnswer::Failure;
using Verdict = RetryPolicy::Verdict;

namespace {

HttpAnswer answered(int status, std::string body = R"({"error": {"message": "no"}})") {
  HttpAnswer answer;
  answer.status = status;
  answer.content_type = "application/json";
  answer.body = std::move(body);
  return answer;
}

HttpAnswer failed(Failure failure) {
  HttpAnswer answer;
  answer.failure = failure;
  return answer;
}

double seconds(RetryPolicy::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

TEST_CASE("a JSON answer is accepted at any attempt") {
  const RetryPolicy policy({});
  for (const int attempt : {0, 7, 8, 100}) {
    CHECK(policy.verdict(answered(200, R"({"choices": []})"), attempt) == Verdict::accept);
    CHECK(policy.verdict(answered(201, "\r\n {}"), attempt) == Verdict::accept);
  }
}

TEST_CASE("what can heal is tried again as often as told, then given up") {
  for (const int retries : {0, 1, 8}) {
    const RetryPolicy policy({.retries = retries});
    const auto expect = [&](const HttpAnswer& answer, Verdict then) {
      INFO("status " << answer.status << ", failure " << static_cast<int>(answer.failure));
      for (int attempt = 0; attempt < retries; ++attempt)
        CHECK(policy.verdict(answer, attempt) == Verdict::retry);
      CHECK(policy.verdict(answer, retries) == then);
      CHECK(policy.verdict(answer, retries + 1) == then);
    };
    for (const int status : {408, 409, 425, 429, 500, 502, 503, 504, 524, 529})
      expect(answered(status), Verdict::give_up_text);
    for (const Failure failure :
         {Failure::timeout, Failure::interrupted, Failure::oversized, Failure::other})
      expect(failed(failure), Verdict::give_up_text);
    // A page of a proxy, under whatever content type, and nothing at all.
    for (const char* body : {"<html><title>log in</title></html>", "", " \n", "ok"})
      expect(answered(200, body), Verdict::give_up_run);
  }
}

TEST_CASE("a text that is refused is given up, and the run goes on") {
  for (const int status : {400, 413, 422, 451})
    CHECK(RetryPolicy({}).verdict(answered(status), 0) == Verdict::give_up_text);
}

TEST_CASE("what no question can get past ends the run at once") {
  const RetryPolicy policy({});
  for (const int status : {401, 402, 403, 404, 405, 407, 301, 302, 307, 308})
    CHECK(policy.verdict(answered(status), 0) == Verdict::give_up_run);
  CHECK(policy.verdict(answered(429, R"({"error": {"type": "insufficient_quota"}})"), 0) ==
        Verdict::give_up_run);
  CHECK(policy.verdict(failed(Failure::unresolved), 0) == Verdict::give_up_run);
  CHECK(policy.verdict(failed(Failure::insecure), 0) == Verdict::give_up_run);
}

TEST_CASE("a refused connection is tried a few times, however many retries there are") {
  const RetryPolicy patient({.retries = 1000});
  int tried = 0;
  while (tried < 1000 && patient.verdict(failed(Failure::refused), tried) == Verdict::retry)
    ++tried;
  CHECK(tried >= 2);
  CHECK(tried <= 10);
  CHECK(patient.verdict(failed(Failure::refused), tried) == Verdict::give_up_run);
  CHECK(RetryPolicy({.retries = 0}).verdict(failed(Failure::refused), 0) == Verdict::give_up_run);
}

TEST_CASE("waits double up to the cap and are spread over their whole range") {
  const RetryPolicy policy({.retries = 8, .base = 0.5, .cap = 60});
  constexpr int n = 4000;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const double longest = std::min(60.0, 0.5 * std::exp2(attempt));
    double sum = 0;
    double most = 0;
    for (std::uint64_t ticket = 0; ticket < n; ++ticket) {
      const double wait = seconds(policy.delay(1, ticket, attempt, -1));
      REQUIRE(wait >= 0);
      REQUIRE(wait <= longest);
      sum += wait;
      most = std::max(most, wait);
    }
    // Uniform: mean longest / 2, five standard errors of longest / sqrt(12 n).
    CHECK(std::abs(sum / n - longest / 2) < 5 * longest / std::sqrt(12.0 * n));
    CHECK(most > 0.99 * longest);
  }
  CHECK(seconds(policy.delay(1, 1, 1000000, -1)) <= 60);
}

TEST_CASE(
    "no wait is shorter than the endpoint asks, and those told the same do not come together") {
  const RetryPolicy policy({});
  for (const double asked : {0.02, 1.0, 17.5, 600.0}) {
    std::set<RetryPolicy::Duration> waits;
    for (std::uint64_t ticket = 0; ticket < 100; ++ticket) {
      for (int attempt = 0; attempt < 9; ++attempt) {
        const auto wait = policy.delay(3, ticket, attempt, asked);
        CHECK(wait >= RetryPolicy::duration(asked));
        waits.insert(wait);
      }
    }
    CHECK(waits.size() > 800);
  }
}

TEST_CASE("the same seed, ticket and attempt wait the same; others do not") {
  const RetryPolicy policy({});
  CHECK(policy.delay(1, 2, 3, -1) == policy.delay(1, 2, 3, -1));
  CHECK(policy.delay(2, 2, 3, -1) != policy.delay(1, 2, 3, -1));
  CHECK(policy.delay(1, 3, 3, -1) != policy.delay(1, 2, 3, -1));
  // One attempt later, and not because the range doubled.
  CHECK(policy.delay(1, 2, 4, -1) != 2 * policy.delay(1, 2, 3, -1));
}
