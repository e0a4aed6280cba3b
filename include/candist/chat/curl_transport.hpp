// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Not part of candist.hpp: needs libcurl (target candist::curl).
#pragma once

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "candist/chat/retry_after.hpp"
#include "candist/chat/transport.hpp"
#include "candist/config.hpp"
#include "candist/error.hpp"

namespace candist {

struct CurlOptions {
  std::string url;        ///< http or https, whole: ".../v1/chat/completions"
  std::string api_key{};  ///< sent as bearer token; never shown; "": none
  double timeout = 120;   ///< seconds for a whole answer
  double connect_timeout = 20;
  std::string proxy{};    ///< "": as the environment says (http_proxy, https_proxy, no_proxy)
  std::string ca_file{};  ///< certificates to trust, PEM; "": the system's
  int connections = 16;   ///< open at once
  std::size_t most_bytes = 32u << 20;  ///< of one answer, unpacked
  std::vector<std::string> headers{};  ///< more of them, "Name: value"; never shown
};

/// HTTP by libcurl: many requests at once from one thread, over connections that are kept; HTTP/2
/// where a TLS server offers it. Redirects are not followed: the key is for one host only. Where a
/// kept connection turns out to be closed before a byte of the answer came, libcurl sends the body
/// again on another by itself. Not for several threads.
class CurlTransport {
 public:
  /// Opens nothing yet. Throws InputError for a URL that is not one of http or https, and for a key
  /// or a header that is not one line.
  explicit CurlTransport(CurlOptions options);

  void post(std::uint64_t ticket, std::string body);
  void wait(std::chrono::milliseconds longest, std::vector<HttpAnswer>& answers);
  std::size_t in_flight() const { return exchanges_.size(); }

  CurlTransport(CurlTransport&&) = default;
  CurlTransport& operator=(CurlTransport&&) = delete;
  ~CurlTransport() {
    for (auto& [easy, exchange] : exchanges_) curl_multi_remove_handle(multi_.get(), easy);
  }

 private:
  struct CloseEasy {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };
  struct CloseMulti {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct CloseList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using Easy = std::unique_ptr<CURL, CloseEasy>;

  /// A request and its answer so far; its address is known to libcurl.
  struct Exchange {
    Easy easy;
    std::string body;
    HttpAnswer answer;
    std::chrono::steady_clock::time_point posted;
    RetryAfter retry_after;
    char error[CURL_ERROR_SIZE] = "";
    std::size_t most_bytes = 0;
    bool oversized = false;
    bool head_ended = false;
  };
  Easy make_easy() const;
  HttpAnswer finish(CURL* easy, CURLcode result);
  static std::size_t on_body(char* bytes, std::size_t one, std::size_t count, void* exchange);
  static std::size_t on_header(char* bytes, std::size_t one, std::size_t count, void* exchange);

  CurlOptions options_;
  std::string shown_url_;
  std::unique_ptr<curl_slist, CloseList> headers_;
  std::vector<Easy> idle_;
  std::unique_ptr<CURLM, CloseMulti> multi_;
  std::unordered_map<CURL*, std::unique_ptr<Exchange>> exchanges_;
};
static_assert(Transport<CurlTransport>);

// ---- definitions

namespace detail {

inline void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw RunError(std::string("libcurl: ") + curl_easy_strerror(started));
}

/// A URL for a message: without user, password and query, which may hold a key.
inline std::string url_without_secrets(std::string url) {
  url.resize(std::min(url.find_first_of("?#"), url.size()));
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  if (const std::size_t at = url.rfind('@'); at != std::string::npos && at >= begin)
    url.erase(begin, at + 1 - begin);
  return url;
}

inline bool is_one_line(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
}

/// A handshake that the network broke is no question of trust, though libcurl has one code for both.
inline bool is_broken_handshake(CURLcode code, std::string_view error) {
  return code == CURLE_SSL_CONNECT_ERROR &&
         (error.find("SSL_ERROR_SYSCALL") != std::string_view::npos ||
          error.find("unexpected eof") != std::string_view::npos ||
          error.find("onnection reset") != std::string_view::npos);
}

inline HttpAnswer::Failure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return HttpAnswer::Failure::none;
    case CURLE_COULDNT_CONNECT:
      return HttpAnswer::Failure::refused;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpAnswer::Failure::unresolved;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return HttpAnswer::Failure::insecure;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpAnswer::Failure::timeout;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY:
      return HttpAnswer::Failure::interrupted;
    default:
      return HttpAnswer::Failure::other;
  }
}

}  // namespace detail

inline CurlTransport::CurlTransport(CurlOptions options)
    : options_(std::move(options)),
      shown_url_(shown(detail::url_without_secrets(options_.url), 300)) {
  detail::start_curl();
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), &curl_url_cleanup);
  if (!url) throw std::bad_alloc();
  char* scheme = nullptr;
  const bool sound = detail::is_one_line(options_.url) &&
                     curl_url_set(url.get(), CURLUPART_URL, options_.url.c_str(), 0) == CURLUE_OK &&
                     curl_url_get(url.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
  const std::string found = scheme != nullptr ? scheme : "";
  curl_free(scheme);
  if (!sound ||
      (curl_strequal(found.c_str(), "http") == 0 && curl_strequal(found.c_str(), "https") == 0)) {
    throw InputError("endpoint: found " + quoted(detail::url_without_secrets(options_.url)) +
                     ", expected a URL such as https://host/v1");
  }
  if (!detail::is_one_line(options_.api_key))
    throw InputError("API key: found a line break or a control character in it, expected one line");
  // libcurl would ask "Expect: 100-continue" for a body of more than 1 MiB and wait for the reply.
  std::vector<std::string> lines{"Content-Type: application/json", "Accept: application/json",
                                 "Expect:"};
  if (!options_.api_key.empty()) lines.push_back("Authorization: Bearer " + options_.api_key);
  for (const std::string& header : options_.headers) {
    if (!detail::is_one_line(header) || header.find(':') == std::string::npos || header[0] == ':')
      throw InputError(
          "header: found one without a name, or of several lines, expected "
          "\"Name: value\"");
    lines.push_back(header);
  }
  for (const std::string& line : lines) {
    curl_slist* list = curl_slist_append(headers_.get(), line.c_str());
    if (list == nullptr) throw std::bad_alloc();
    (void)headers_.release();
    headers_.reset(list);
  }
  multi_.reset(curl_multi_init());
  if (!multi_) throw std::bad_alloc();
  const long connections = std::max(options_.connections, 1);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
}

inline CurlTransport::Easy CurlTransport::make_easy() const {
  Easy easy(curl_easy_init());
  if (!easy) throw std::bad_alloc();
  CURL* e = easy.get();
  const auto milliseconds = [](double seconds) {
    return static_cast<long>(std::clamp(seconds * 1e3, 1.0, 1e9));  // 0 would be no limit
  };
  curl_easy_setopt(e, CURLOPT_URL, options_.url.c_str());
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(e, CURLOPT_USERAGENT, "candist/" CANDIST_VERSION);
  curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(e, CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's are not the endpoint's
  curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);  // a model may think longer than a router waits
  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, milliseconds(options_.timeout));
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options_.connect_timeout));
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, &CurlTransport::on_body);
  curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, &CurlTransport::on_header);
  if (!options_.proxy.empty()) curl_easy_setopt(e, CURLOPT_PROXY, options_.proxy.c_str());
  if (!options_.ca_file.empty()) curl_easy_setopt(e, CURLOPT_CAINFO, options_.ca_file.c_str());
  return easy;
}

inline void CurlTransport::post(std::uint64_t ticket, std::string body) {
  auto exchange = std::make_unique<Exchange>();
  if (idle_.empty()) {
    exchange->easy = make_easy();
  } else {
    exchange->easy = std::move(idle_.back());
    idle_.pop_back();
  }
  CURL* easy = exchange->easy.get();
  exchange->body = std::move(body);
  exchange->answer.ticket = ticket;
  exchange->posted = std::chrono::steady_clock::now();
  exchange->most_bytes = options_.most_bytes;
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   static_cast<curl_off_t>(exchange->body.size()));
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange.get());
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange.get());
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error);
  exchanges_.emplace(easy, std::move(exchange));
  if (const CURLMcode code = curl_multi_add_handle(multi_.get(), easy); code != CURLM_OK)
    throw RunError(std::string("libcurl: ") + curl_multi_strerror(code));
}

inline void CurlTransport::wait(std::chrono::milliseconds longest,
                                std::vector<HttpAnswer>& answers) {
  const std::size_t before = answers.size();
  const auto collect = [&] {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi_.get(), &running); code != CURLM_OK)
      throw RunError(std::string("libcurl: ") + curl_multi_strerror(code));
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE)
        answers.push_back(finish(message->easy_handle, message->data.result));
    }
  };
  const auto until = std::chrono::steady_clock::now() + longest;
  collect();
  while (answers.size() == before) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    const auto most = std::min<std::int64_t>(left.count(), std::numeric_limits<int>::max());
    if (const CURLMcode code =
            curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(most), nullptr);
        code != CURLM_OK)
      throw RunError(std::string("libcurl: ") + curl_multi_strerror(code));
    collect();
  }
}

inline HttpAnswer CurlTransport::finish(CURL* easy, CURLcode result) {
  const auto found = exchanges_.find(easy);
  const std::unique_ptr<Exchange> exchange = std::move(found->second);
  exchanges_.erase(found);
  curl_multi_remove_handle(multi_.get(), easy);
  HttpAnswer answer = std::move(exchange->answer);
  // libcurl takes a reply that was cut within its head for a whole one without a body.
  const bool cut = detail::is_broken_handshake(result, exchange->error) ||
                   (result == CURLE_OK && !exchange->head_ended);
  answer.failure = exchange->oversized ? HttpAnswer::Failure::oversized
                   : cut               ? HttpAnswer::Failure::interrupted
                                       : detail::failure_of(result);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);  // the exchange ends before its handle
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  answer.status = answer.failure == HttpAnswer::Failure::none ? static_cast<int>(status) : 0;
  answer.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - exchange->posted).count();
  if (type != nullptr) answer.content_type = type;
  answer.retry_after = exchange->retry_after.seconds(answer.status);
  if (answer.failure != HttpAnswer::Failure::none) {
    answer.reason =
        shown_url_ + ": " +
        (exchange->oversized
             ? "an answer of more than " + std::to_string(options_.most_bytes) + " bytes"
             : std::string(result == CURLE_OK ? "the reply broke off in its head"
                                              : curl_easy_strerror(result)));
    if (answer.failure == HttpAnswer::Failure::timeout)
      answer.reason += " (after " + std::to_string(static_cast<int>(answer.seconds)) + " s)";
  }
  idle_.push_back(std::move(exchange->easy));
  return answer;
}

inline std::size_t CurlTransport::on_body(char* bytes, std::size_t one, std::size_t count,
                                          void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  exchange.oversized = exchange.answer.body.size() + one * count > exchange.most_bytes;
  if (exchange.oversized) return 0;  // libcurl then breaks off
  exchange.answer.body.append(bytes, one * count);
  return one * count;
}

inline std::size_t CurlTransport::on_header(char* bytes, std::size_t one, std::size_t count,
                                            void* to) {
  auto& exchange = *static_cast<Exchange*>(to);
  const std::string_view line(bytes, one * count);
  exchange.head_ended = line == "\r\n" || line == "\n";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return one * count;
  std::string name(line.substr(0, colon));
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
  const std::size_t end = line.find_last_not_of(" \t\r\n");
  if (begin == std::string_view::npos || begin > end) return one * count;
  const std::string value(line.substr(begin, end - begin + 1));
  exchange.retry_after.read(name, value,
                            [](const char* text) { return curl_getdate(text, nullptr); });
  return one * count;
}

}  // namespace candist
