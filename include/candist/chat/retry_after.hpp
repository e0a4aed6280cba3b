// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// When an endpoint wants to be asked again, as the headers of its answer say.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace candist {

/// What the headers of one answer say about the next request; seconds, < 0 where they do not.
struct RetryAfter {
  double asked = -1;  ///< of Retry-After
  double exact = -1;  ///< of retry-after-ms
  double reset = -1;  ///< until the later of the endpoint's limits is lifted

  /// Seconds since 1970 of a date, < 0 for anything else.
  using DateOf = std::time_t (*)(const char* text);

  /// One header, its name in lower case; what has nothing to do with it is passed over.
  void read(std::string_view name, const std::string& value, DateOf date_of);
  /// Of an answer with this status, < 0 where nothing was said.
  double seconds(int status) const;
};

// ---- definitions

namespace detail {

/// Seconds of "20ms", "1s", "6m0s", "1h2m3.5s", or of a bare number; < 0 for anything else.
inline double seconds_of(std::string_view text) {
  if (text.empty()) return -1;
  double seconds = 0;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    if (digits == 0 || digits > 18) return -1;
    const double number = std::strtod(std::string(text.substr(0, digits)).c_str(), nullptr);
    text.remove_prefix(digits);
    if (text.empty() || text == "s") return seconds + number;
    const bool milliseconds = text.starts_with("ms");
    const double unit = milliseconds     ? 1e-3
                        : text[0] == 's' ? 1
                        : text[0] == 'm' ? 60
                        : text[0] == 'h' ? 3600
                                         : -1;
    if (unit < 0) return -1;
    seconds += number * unit;
    text.remove_prefix(milliseconds ? 2 : 1);
  }
  return seconds;
}

/// Retry-After is a number of seconds or a date.
inline double retry_after_of(const std::string& value, RetryAfter::DateOf date_of) {
  if (const double seconds = seconds_of(value); seconds >= 0) return seconds;
  const std::time_t date = date_of(value.c_str());
  return date < 0 ? -1 : std::max(0.0, std::difftime(date, std::time(nullptr)));
}

}  // namespace detail

inline void RetryAfter::read(std::string_view name, const std::string& value, DateOf date_of) {
  if (name == "retry-after") asked = detail::retry_after_of(value, date_of);
  if (name == "retry-after-ms") exact = detail::seconds_of(value + "ms");
  // Of two limits the later one: before that the next request would be refused as well.
  if (name == "x-ratelimit-reset-requests" || name == "x-ratelimit-reset-tokens")
    reset = std::max(reset, detail::seconds_of(value));
}

inline double RetryAfter::seconds(int status) const {
  const double told = exact >= 0 ? exact : asked;
  return status == 429 && told < 0 ? reset : told;
}

}  // namespace candist
