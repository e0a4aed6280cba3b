// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// How request bodies reach an endpoint and answers come back; many at once, from one thread.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace candist {

/// What came back for one posted body.
struct HttpAnswer {
  /// Why no HTTP answer came; `none`: one did, whatever its status.
  enum class Failure {
    none,
    refused,      ///< nobody listens there
    unresolved,   ///< the host's (or the proxy's) name is not known
    insecure,     ///< TLS: the certificate is not trusted, or no common protocol
    timeout,      ///< not whole within the time limit
    interrupted,  ///< the connection broke before the answer was whole
    oversized,    ///< more bytes than any chat completion has
    other,
  };

  std::uint64_t ticket = 0;  ///< of the post() it answers
  Failure failure = Failure::none;
  std::string reason{};  ///< of a failure, for a person; never holds a key
  int status = 0;        ///< HTTP status; 0 where none came
  std::string content_type{};
  std::string body{};
  double retry_after = -1;  ///< seconds the endpoint asks to wait (Retry-After), < 0: not told
  double seconds = 0;       ///< from post() to here
};

/// Bodies out, answers in; one thread, never blocking but in wait().
///   post(ticket, body)     sends a JSON body; the ticket is the caller's own number for it
///   wait(longest, answers) appends what has arrived; returns as soon as there is something, or
///                          after `longest`
///   in_flight()            posted and not answered yet
template <class T>
concept Transport = requires(T transport, std::uint64_t ticket, std::string body,
                             std::vector<HttpAnswer>& answers, std::chrono::milliseconds longest) {
  transport.post(ticket, std::move(body));
  transport.wait(longest, answers);
  { transport.in_flight() } -> std::convertible_to<std::size_t>;
};

}  // namespace candist
