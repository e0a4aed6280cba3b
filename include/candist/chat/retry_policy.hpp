// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "candist/chat/endpoint_message.hpp"
#include "candist/chat/transport.hpp"
#include "candist/counter_rng.hpp"

namespace candist {

/// What an answer means for its question, and how long to wait before it is asked again.
class RetryPolicy {
 public:
  using Duration = std::chrono::steady_clock::duration;
  struct Options {
    int retries = 8;    ///< of one question; the first try not counted
    double base = 0.5;  ///< seconds; the longest wait before the first retry
    double cap = 60;    ///< seconds; of any wait of our own choosing
  };
  enum class Verdict {
    accept,
    retry,
    give_up_text,  ///< this question cannot be answered, others may
    give_up_run,   ///< no question can: wrong key, unknown model, nobody there
  };

  explicit RetryPolicy(Options options) : options_(options) {}

  /// `attempt`: tries of this question before this one.
  ///   2xx with a JSON body                               accept
  ///   400, 413, 422 and other 4xx                        the text: it would be refused again; but
  ///                                                      the run where they say "unknown model"
  ///   401 to 405, 407, 429 for want of credit            the run
  ///   408, 409, 425, 429, 5xx, broken connections        again; used up: the text
  ///   2xx without JSON (a proxy's page)                  again; used up: the run
  ///   connection refused                                 again a few times; then the run
  ///   3xx, no such host, TLS not to be trusted           the run
  Verdict verdict(const HttpAnswer& answer, int attempt) const;

  /// Full jitter: uniform in [0, min(cap, base 2^attempt)], so that many clients do not come back
  /// together; at least what the endpoint asks for (`retry_after` seconds, < 0: nothing). Reference:
  /// Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
  Duration delay(std::uint64_t seed, std::uint64_t ticket, int attempt, double retry_after) const {
    const double longest = std::min(options_.cap, options_.base * std::exp2(std::min(attempt, 60)));
    CounterRng rng(seed, RandomPurpose::retry_jitter, static_cast<std::uint64_t>(attempt), ticket);
    const double jitter = longest * rng.uniform();
    // After the time that it was told, a crowd that was told the same would come at once.
    return duration(retry_after > 0 ? retry_after + 0.1 * jitter : jitter);
  }
  static Duration duration(double seconds) {
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::clamp(seconds, 0.0, 86400.0)));
  }

 private:
  /// Some ten seconds of waiting by the default options: who mistyped a port need not wait longer.
  static constexpr int most_refusals = 5;

  Options options_;
};

// ---- definitions

inline RetryPolicy::Verdict RetryPolicy::verdict(const HttpAnswer& answer, int attempt) const {
  const auto again_or = [&](Verdict used_up) {
    return attempt < options_.retries ? Verdict::retry : used_up;
  };
  switch (answer.failure) {
    case HttpAnswer::Failure::none:
      break;
    case HttpAnswer::Failure::unresolved:
    case HttpAnswer::Failure::insecure:
      return Verdict::give_up_run;
    case HttpAnswer::Failure::refused:  // a server that restarts is back in a moment
      return attempt < std::min(options_.retries, most_refusals) ? Verdict::retry
                                                                 : Verdict::give_up_run;
    default:
      return again_or(Verdict::give_up_text);
  }
  const int status = answer.status;
  if (status >= 200 && status < 300) {
    const bool json = answer.body.find_first_not_of(" \t\r\n") != std::string::npos &&
                      answer.body[answer.body.find_first_not_of(" \t\r\n")] == '{';
    return json ? Verdict::accept : again_or(Verdict::give_up_run);
  }
  switch (status) {
    case 401:
    case 402:  // no credit left
    case 403:
    case 404:
    case 405:
    case 407:  // the proxy wants a password
      return Verdict::give_up_run;
    case 429:
      if (answer.body.find("insufficient_quota") != std::string::npos) return Verdict::give_up_run;
      return again_or(Verdict::give_up_text);
    case 408:
    case 409:
    case 425:
      return again_or(Verdict::give_up_text);
    default:
      break;
  }
  if (status >= 400 && status < 500) {
    return is_unknown_model(answer.body) ? Verdict::give_up_run : Verdict::give_up_text;
  }
  if (status >= 500) return again_or(Verdict::give_up_text);
  return Verdict::give_up_run;  // a redirection: the key is for nobody else
}

}  // namespace candist
