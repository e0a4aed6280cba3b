// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/retry_after.hpp"

#include <cmath>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace candist;

namespace {

/// Knows one date, a minute from now.
std::time_t date_of(const char* text) {
  return std::string_view(text) == "in a minute" ? std::time(nullptr) + 60 : -1;
}

double told(int status, const std::vector<std::pair<std::string, std::string>>& headers) {
  RetryAfter told;
  for (const auto& [name, value] : headers) told.read(name, value, date_of);
  return told.seconds(status);
}

}  // namespace

TEST_CASE("seconds in every form that is in use") {
  CHECK(detail::seconds_of("17") == 17);
  CHECK(detail::seconds_of("2.5s") == 2.5);
  CHECK(detail::seconds_of("20ms") == Approx(0.02));
  CHECK(detail::seconds_of("6m0s") == 360);
  CHECK(detail::seconds_of("1h2m3.5s") == Approx(3723.5));
  for (const char* nonsense :
       {"", "s", "-5", "inf", "nan", "0x10", "1x", "1e4", "1d", "1m-2s", "12345678901234567890"}) {
    INFO(nonsense);
    CHECK(detail::seconds_of(nonsense) < 0);
  }
}

TEST_CASE("the finest that was told counts, limits only for an answer that was refused") {
  CHECK(told(429, {}) < 0);
  CHECK(told(429, {{"content-type", "17"}, {"retry-after", "soon"}}) < 0);
  CHECK(std::abs(told(429, {{"retry-after", "in a minute"}}) - 60) <= 2);
  CHECK(told(429, {{"retry-after", "1"}, {"retry-after-ms", "812"}}) == Approx(0.812));
  CHECK(told(429, {{"retry-after-ms", "812"}, {"retry-after", "1"}}) == Approx(0.812));
  CHECK(told(503, {{"retry-after", "3"}, {"x-ratelimit-reset-tokens", "6m0s"}}) == 3);
  CHECK(told(429, {{"x-ratelimit-reset-requests", "6m0s"}, {"x-ratelimit-reset-tokens", "1s"}}) ==
        360);
  CHECK(told(200, {{"x-ratelimit-reset-tokens", "6m0s"}}) < 0);
}
