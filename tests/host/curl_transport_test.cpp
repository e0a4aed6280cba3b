// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/curl_transport.hpp"

#include <sys/resource.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "support/catch.hpp"
#include "support/chat_server.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using namespace std::chrono_literals;
using candist::testing::answer_chat;
using candist::testing::chat_completion;
using candist::testing::ChatServer;
using candist::testing::ServerReply;
using candist::testing::ServerRequest;
using candist::testing::TemporaryFolder;
using Failure = HttpAnswer::Failure;
using Mishap = ServerReply::Mishap;
using Framing = ServerReply::Framing;

namespace {

using Clock = std::chrono::steady_clock;

/// A proxy of whoever runs the tests is none of theirs.
[[maybe_unused]] const bool no_proxies = [] {
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                           "no_proxy", "NO_PROXY"})
    ::unsetenv(name);
  return true;
}();

/// Never to be seen in anything that a person reads.
constexpr const char* secret = "sk-sesame-secret";

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}
double cpu_seconds_of_thread() {
  rusage used{};
  getrusage(RUSAGE_THREAD, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

std::vector<HttpAnswer> all_of(CurlTransport& transport, double longest = 20) {
  std::vector<HttpAnswer> answers;
  const Clock::time_point begin = Clock::now();
  while (transport.in_flight() > 0 && seconds_since(begin) < longest)
    transport.wait(100ms, answers);
  return answers;
}

HttpAnswer ask(CurlTransport& transport, std::string body = "{}") {
  transport.post(7, std::move(body));
  std::vector<HttpAnswer> answers = all_of(transport);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].ticket == 7);
  CHECK(transport.in_flight() == 0);
  const bool failed = answers[0].failure != Failure::none;
  CHECK(answers[0].reason.empty() == !failed);
  CHECK((answers[0].status == 0) == failed);
  CHECK(answers[0].reason.find("secret") == std::string::npos);
  return answers[0];
}
HttpAnswer ask(CurlOptions options, std::string body = "{}") {
  options.api_key = secret;
  CurlTransport transport(std::move(options));
  return ask(transport, std::move(body));
}

/// A port of 127.0.0.1 where nobody listens.
int closed_port() {
  const ChatServer server;
  return server.port();
}

std::string name_of(const ServerRequest& request, const std::string& header) {
  const auto found = request.headers.find(header);
  return found == request.headers.end() ? "" : found->second;
}

/// The request as the server saw it; handlers run on the server's thread.
struct Seen {
  std::mutex mutex;
  std::vector<ServerRequest> requests;
  ChatServer::Handler handler() {
    return [this](const ServerRequest& request) {
      const std::lock_guard lock(mutex);
      requests.push_back(request);
      return ServerReply{.body = R"({"choices": []})"};
    };
  }
};

}  // namespace

TEST_CASE("a request carries the body, the key and who asks, and no more than that") {
  Seen seen;
  const ChatServer server(seen.handler());
  CurlTransport transport({.url = server.url(), .api_key = secret, .headers = {"X-Team: candist"}});
  // More than 1 MiB: libcurl would ask first whether it may send that (Expect).
  const std::string body = R"({"text": ")" + std::string(3 << 20, 'x') + "\"}";
  const Clock::time_point begin = Clock::now();
  const HttpAnswer answer = ask(transport, body);
  CHECK(seconds_since(begin) < 0.9);  // libcurl waits a second for an answer to Expect
  CHECK(answer.failure == Failure::none);
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "application/json");
  CHECK(answer.body == R"({"choices": []})");
  CHECK(answer.retry_after < 0);
  REQUIRE(seen.requests.size() == 1);
  const ServerRequest& request = seen.requests[0];
  CHECK(request.method == "POST");
  CHECK(request.target == "/v1/chat/completions");
  CHECK(request.body == body);
  CHECK(name_of(request, "authorization") == std::string("Bearer ") + secret);
  CHECK(name_of(request, "content-type") == "application/json");
  CHECK(name_of(request, "user-agent") == "candist/" CANDIST_VERSION);
  CHECK(name_of(request, "x-team") == "candist");
  CHECK(request.headers.count("expect") == 0);

  CurlTransport without_key({.url = server.url()});
  ask(without_key);
  CHECK(seen.requests.back().headers.count("authorization") == 0);
}

TEST_CASE("2,000 requests over 64 connections: each answer under its own ticket") {
  const ChatServer server([](const ServerRequest& request) {
    // Later ones overtake earlier ones.
    return ServerReply{.body = "{\"echo\": " + request.body + "}",
                       .delay_ms = static_cast<int>(request.number * 7 % 13)};
  });
  CurlTransport transport({.url = server.url(), .connections = 64});
  constexpr std::uint64_t n = 2000;
  std::set<std::uint64_t> answered;
  std::vector<HttpAnswer> answers;
  std::uint64_t posted = 0;
  const Clock::time_point begin = Clock::now();
  while (answered.size() < n && seconds_since(begin) < 30) {
    // More than there are connections: the rest queues.
    for (; posted < n && transport.in_flight() < 80; ++posted)
      transport.post(posted * 3 + 1, std::to_string(posted));
    answers.clear();
    transport.wait(1s, answers);
    for (const HttpAnswer& answer : answers) {
      REQUIRE(answer.failure == Failure::none);
      REQUIRE(answer.body == "{\"echo\": " + std::to_string((answer.ticket - 1) / 3) + "}");
      REQUIRE(answered.insert(answer.ticket).second);
    }
  }
  CHECK(answered.size() == n);
  CHECK(server.requests() == static_cast<std::int64_t>(n));
  CHECK(server.most_at_once() <= 64);
  CHECK(server.connections() <= 64);  // kept, not opened anew
}

TEST_CASE("every mishap is the failure that it is") {
  struct Case {
    const char* what;
    ServerReply reply;
    Failure failure;
  };
  const std::string body = chat_completion("fruit", 100);
  const std::vector<Case> cases{
      {"whole", {.body = body}, Failure::none},
      {"chunked", {.body = body, .framing = Framing::chunked}, Failure::none},
      {"until close", {.body = body, .framing = Framing::until_close}, Failure::none},
      {"slow but whole", {.body = body, .mishap = Mishap::drip, .bytes = 100}, Failure::none},
      {"a status", {.status = 503, .body = body}, Failure::none},
      {"cut in the body",
       {.body = body, .mishap = Mishap::cut, .bytes = 200},
       Failure::interrupted},
      {"cut in the head", {.body = body, .mishap = Mishap::cut, .bytes = 30}, Failure::interrupted},
      {"cut before all", {.body = body, .mishap = Mishap::cut, .bytes = 0}, Failure::interrupted},
      {"chunked and cut",
       {.body = body, .mishap = Mishap::cut, .bytes = 200, .framing = Framing::chunked},
       Failure::interrupted},
      {"reset in the body",
       {.body = body, .mishap = Mishap::reset, .bytes = 200},
       Failure::interrupted},
      {"reset before all",
       {.body = body, .mishap = Mishap::reset, .bytes = 0},
       Failure::interrupted},
      {"never", {.body = body, .mishap = Mishap::never}, Failure::timeout},
      {"too slow", {.body = body, .mishap = Mishap::drip, .bytes = 1}, Failure::timeout},
      {"too late", {.body = body, .delay_ms = 5000}, Failure::timeout},
      {"too much", {.body = std::string(200000, ' ')}, Failure::oversized},
      {"too much in chunks",
       {.body = std::string(200000, ' '), .framing = Framing::chunked},
       Failure::oversized},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    const ChatServer server([&](const ServerRequest&) { return c.reply; });
    const Clock::time_point begin = Clock::now();
    const HttpAnswer answer = ask({.url = server.url(), .timeout = 0.6, .most_bytes = 100000});
    CHECK(static_cast<int>(answer.failure) == static_cast<int>(c.failure));
    CHECK(seconds_since(begin) < 2);
    CHECK(std::abs(answer.seconds - seconds_since(begin)) < 0.2);
    if (answer.failure == Failure::none) {
      CHECK(answer.status == c.reply.status);
      CHECK(answer.body == body);
    } else {
      CHECK(answer.reason.find(server.url()) == 0);
    }
    if (answer.failure == Failure::timeout) CHECK(answer.seconds >= 0.59);
  }
}

TEST_CASE("a packed answer is unpacked, and its limit counts what comes out") {
  // gzip of 98 spaces and "{}".
  const std::array<unsigned char, 26> packed{0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                             0x03, 0x53, 0x50, 0xa0, 0x35, 0xa8, 0xae, 0x05, 0x00,
                                             0xf5, 0xa9, 0xfa, 0xef, 0x64, 0x00, 0x00, 0x00};
  const ChatServer server([&](const ServerRequest& request) {
    if (name_of(request, "accept-encoding").find("gzip") == std::string::npos)
      return ServerReply{.status = 406, .body = "{}"};
    return ServerReply{.body = std::string(packed.begin(), packed.end()),
                       .headers = {{"Content-Encoding", "gzip"}}};
  });
  CHECK(ask({.url = server.url(), .most_bytes = 100}).body == std::string(98, ' ') + "{}");
  CHECK(ask({.url = server.url(), .most_bytes = 99}).failure == Failure::oversized);
}

TEST_CASE("broken JSON and pages of proxies are answers: the policy judges them") {
  const ChatServer server([](const ServerRequest& request) {
    if (request.number == 0) return ServerReply{.body = "{\"choices\": ["};
    return ServerReply{.content_type = "text/html; charset=utf-8", .body = "<html></html>"};
  });
  CurlTransport transport({.url = server.url()});
  CHECK(ask(transport).body == "{\"choices\": [");
  const HttpAnswer page = ask(transport);
  CHECK(page.content_type == "text/html; charset=utf-8");
  CHECK(page.body == "<html></html>");
}

TEST_CASE("one failure on a connection leaves the others and the handles sound") {
  const ChatServer server([](const ServerRequest& request) {
    ServerReply reply = answer_chat(request);
    if (request.body.find("cut") != std::string::npos)
      reply.mishap = Mishap::cut, reply.bytes = 100;
    return reply;
  });
  CurlTransport transport({.url = server.url(), .connections = 4});
  constexpr std::uint64_t n = 200;
  for (std::uint64_t i = 0; i < n; ++i)
    transport.post(i, i % 5 == 2 ? R"({"messages": [{"role": "user", "content": "cut"}]})"
                                 : R"({"messages": [{"role": "user", "content": "whole"}]})");
  const auto answers = all_of(transport);
  REQUIRE(answers.size() == n);
  for (const HttpAnswer& answer : answers) {
    INFO(answer.ticket << " " << answer.reason);
    const bool cut = answer.ticket % 5 == 2;
    CHECK((answer.failure == (cut ? Failure::interrupted : Failure::none)));
    if (!cut) CHECK(answer.body.find("no labels") != std::string::npos);
  }
}

TEST_CASE("how long the endpoint asks to wait, in every form that is in use") {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const auto told = [](int status, const Headers& headers) {
    const ChatServer server([&](const ServerRequest&) {
      return ServerReply{.status = status, .body = "{}", .headers = headers};
    });
    CurlTransport transport({.url = server.url()});
    return ask(transport).retry_after;
  };
  CHECK(told(429, {}) < 0);
  CHECK(told(429, {{"Retry-After", "0"}}) == 0);
  CHECK(told(429, {{"Retry-After", "17"}}) == 17);
  CHECK(told(503, {{"retry-after", " 2.5 "}}) == 2.5);
  CHECK(told(429, {{"RETRY-AFTER-MS", "812"}}) == Approx(0.812));
  // The finer one counts, whichever comes first.
  CHECK(told(429, {{"retry-after-ms", "812"}, {"retry-after", "1"}}) == Approx(0.812));
  CHECK(told(429, {{"retry-after", "1"}, {"retry-after-ms", "812"}}) == Approx(0.812));
  CHECK(told(429, {{"x-ratelimit-reset-requests", "20ms"}}) == Approx(0.02));
  CHECK(told(429, {{"x-ratelimit-reset-requests", "1s"}, {"x-ratelimit-reset-tokens", "6m0s"}}) ==
        360);
  CHECK(told(429, {{"x-ratelimit-reset-tokens", "1h2m3.5s"}}) == Approx(3723.5));
  CHECK(told(429, {{"Retry-After", "3"}, {"x-ratelimit-reset-tokens", "6m0s"}}) == 3);
  CHECK(told(200, {{"x-ratelimit-reset-tokens", "6m0s"}}) < 0);  // told with every answer

  char date[64];
  const std::time_t soon = std::time(nullptr) + 100;
  std::tm parts{};
  gmtime_r(&soon, &parts);
  std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  CHECK(std::abs(told(429, {{"Retry-After", date}}) - 100) <= 2);
  CHECK(told(429, {{"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"}}) == 0);
  for (const char* nonsense : {"soon", "-5", "inf", "nan", "0x10", "1x", "1e400", ".",
                               "99999999999"
                               "99999999999999999999999999"}) {
    INFO(nonsense);
    const double seconds = told(429, {{"Retry-After", nonsense}});
    CHECK(std::isfinite(seconds));
    CHECK(seconds <= 0);
  }
}

TEST_CASE("nobody listens, nobody has that name, nobody is to be trusted") {
  CHECK(ask({.url = "http://127.0.0.1:" + std::to_string(closed_port()) + "/v1"}).failure ==
        Failure::refused);
  // .invalid is kept free of names for ever (RFC 2606).
  CHECK(ask({.url = "http://nobody.invalid/v1"}).failure == Failure::unresolved);
  const ChatServer server;
  CHECK(ask({.url = server.url(), .proxy = "http://nobody.invalid:3128"}).failure ==
        Failure::unresolved);
  const std::string tls = "https://127.0.0.1:" + std::to_string(server.port()) + "/v1";
  CHECK(ask({.url = tls, .ca_file = "/nowhere/certificates.pem"}).failure == Failure::insecure);
  CHECK(server.requests() == 0);
}

TEST_CASE(
    "a server that speaks no TLS is insecure, a connection lost while greeting is interrupted") {
  // A listener that answers a TLS greeting with plain words, or with a reset.
  for (const bool reset : {false, true}) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener, 4) == 0);
    REQUIRE(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    std::thread peer([&] {
      const int client = ::accept(listener, nullptr, nullptr);
      char greeting[4096];
      [[maybe_unused]] const ssize_t got = ::read(client, greeting, sizeof greeting);
      const std::string_view words = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
      const linger at_once{1, 0};
      if (reset) {
        ::setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      } else {
        [[maybe_unused]] const ssize_t put =
            ::send(client, words.data(), words.size(), MSG_NOSIGNAL);
      }
      ::close(client);
    });
    const HttpAnswer answer =
        ask({.url = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/v1",
             .timeout = 5});
    peer.join();
    ::close(listener);
    INFO(answer.reason);
    CHECK((answer.failure == (reset ? Failure::interrupted : Failure::insecure)));
  }
}

TEST_CASE("a proxy sees the whole address; a redirection is an answer, the key stays") {
  Seen seen;
  const ChatServer proxy(seen.handler());
  const std::string through = "http://127.0.0.1:" + std::to_string(proxy.port());
  const HttpAnswer answer =
      ask({.url = "http://model.invalid/v1/chat/completions", .proxy = through});
  CHECK(answer.status == 200);
  REQUIRE(seen.requests.size() == 1);
  CHECK(seen.requests[0].target == "http://model.invalid/v1/chat/completions");
  CHECK(name_of(seen.requests[0], "host") == "model.invalid");

  ::setenv("http_proxy", through.c_str(), 1);
  const HttpAnswer by_environment = ask({.url = "http://model.invalid/v1"});
  ::unsetenv("http_proxy");
  CHECK(by_environment.status == 200);
  CHECK(proxy.requests() == 2);

  for (const int status : {301, 302, 307, 308}) {
    const ChatServer server([&](const ServerRequest&) {
      return ServerReply{.status = status, .body = "{}", .headers = {{"Location", proxy.url()}}};
    });
    CHECK(ask({.url = server.url()}).status == status);
  }
  CHECK(proxy.requests() == 2);
}

TEST_CASE("what is no URL, or no single line, is refused before anything is opened") {
  for (const char* url : {"", "host/v1", "ftp://host/v1", "file:///etc/passwd", "gopher://host/",
                          "http://", "https://:80/v1", "http://host:99999/v1", "http://ho st/v1",
                          "http://host/v1\r\nX: y", "javascript:alert(1)"}) {
    INFO(url);
    CHECK_THROWS_AS(CurlTransport({.url = url}), InputError);
  }
  for (const char* url : {"http://host", "HTTPS://host/v1", "http://[::1]:8000/v1"}) {
    INFO(url);
    CHECK_NOTHROW(CurlTransport({.url = url}));
  }
  const std::string url = "http://host/v1";
  CHECK_THROWS_AS(CurlTransport({.url = url, .api_key = "one\ntwo"}), InputError);
  CHECK_THROWS_AS(CurlTransport({.url = url, .api_key = std::string("a\0b", 3)}), InputError);
  for (const char* header : {"no name", ": value", "A: b\r\nC: d", ""})
    CHECK_THROWS_AS(CurlTransport({.url = url, .headers = {header}}), InputError);
}

TEST_CASE("neither the key nor what a URL may hide is in any message") {
  const std::string port = std::to_string(closed_port());
  for (const std::string& url : std::initializer_list<std::string>{
           "http://user:hidden-secret@127.0.0.1:" + port + "/v1?key=hidden-secret#hidden-secret",
           "http://user:hidden-secret@nobody.invalid/v1"}) {
    const HttpAnswer answer = ask({.url = url});
    CHECK(answer.failure != Failure::none);
    CHECK(answer.reason.find("hidden") == std::string::npos);
    CHECK(answer.reason.find("/v1") != std::string::npos);
  }
  for (const CurlOptions& options :
       {CurlOptions{.url = "ftp://user:hidden-secret@host/v1?key=hidden-secret"},
        CurlOptions{.url = "user:hidden-secret@host:99999"},
        CurlOptions{.url = "http://host/v1", .api_key = "hidden-secret\n"},
        CurlOptions{.url = "http://host/v1", .headers = {"X-Key: hidden-secret\n"}}}) {
    try {
      CurlTransport transport(options);
      FAIL("nothing was thrown");
    } catch (const InputError& error) {
      CHECK(std::string(error.what()).find("secret") == std::string::npos);
    }
  }
}

TEST_CASE("wait() returns when something arrives, after its time otherwise, and does not spin") {
  const ChatServer server(
      [](const ServerRequest&) { return ServerReply{.body = "{}", .delay_ms = 700}; });
  CurlTransport transport({.url = server.url()});
  std::vector<HttpAnswer> answers;
  // With nothing under way as well: a client that waits for its limits calls it then.
  for (const bool busy : {false, true}) {
    if (busy) transport.post(1, "{}");
    const Clock::time_point begin = Clock::now();
    const double cpu = cpu_seconds_of_thread();
    transport.wait(100ms, answers);
    CHECK(answers.empty());
    CHECK(seconds_since(begin) >= 0.099);
    CHECK(seconds_since(begin) < 0.5);
    CHECK(cpu_seconds_of_thread() - cpu < 0.02);
  }
  const Clock::time_point begin = Clock::now();
  const double cpu = cpu_seconds_of_thread();
  transport.wait(10s, answers);
  CHECK(answers.size() == 1);
  CHECK(seconds_since(begin) < 1);
  CHECK(cpu_seconds_of_thread() - cpu < 0.02);
}

TEST_CASE("a transport may move and end with requests under way") {
  const ChatServer server([](const ServerRequest& request) {
    return ServerReply{.body = request.body, .delay_ms = request.body == "late" ? 3600000 : 50};
  });
  CurlTransport first({.url = server.url(), .api_key = secret, .headers = {"A: b"}});
  std::vector<HttpAnswer> answers;
  first.post(1, "one");
  first.wait(1ms, answers);
  CurlTransport second(std::move(first));
  second.post(2, "two");
  answers = all_of(second);
  REQUIRE(answers.size() == 2);
  std::map<std::uint64_t, std::string> bodies;
  for (const HttpAnswer& answer : answers) bodies[answer.ticket] = answer.body;
  CHECK(bodies == std::map<std::uint64_t, std::string>{{1, "one"}, {2, "two"}});
  // Waiting for an answer, queued behind it, and not even begun.
  const Clock::time_point begin = Clock::now();
  for (std::uint64_t i = 0; i < 40; ++i) second.post(10 + i, "late");
  second.wait(20ms, answers);
  second.post(99, "late");
  { const CurlTransport last(std::move(second)); }
  CHECK(seconds_since(begin) < 1);
}

TEST_CASE("a kept connection that the server has closed costs no answer") {
  const ChatServer server(
      [](const ServerRequest& request) {
        ServerReply reply{.body = "{}"};
        if (request.number == 1) reply.mishap = Mishap::cut;  // the second, before its first byte
        return reply;
      },
      ChatServer::Recording::on);
  CurlTransport transport({.url = server.url(), .connections = 1});
  CHECK(ask(transport, "\"first\"").failure == Failure::none);
  CHECK(ask(transport, "\"second\"").failure == Failure::none);
  // One post, and the body went out twice: see the class.
  std::vector<std::string> bodies;
  for (const ChatServer::Received& received : server.received()) bodies.push_back(received.body);
  CHECK(bodies == std::vector<std::string>{"\"first\"", "\"second\"", "\"second\""});
}

/// A benchmark, hidden: run it by its name.
TEST_CASE("requests a second, by latency and connections", "[.][speed]") {
  struct Load {
    int latency_ms, connections;
  };
  for (const Load load : {Load{50, 64}, Load{50, 128}, Load{0, 64}}) {
    const ChatServer server([&](const ServerRequest& request) {
      return ServerReply{.body = chat_completion("fruit", request.body.size()),
                         .delay_ms = load.latency_ms};
    });
    CurlTransport transport(
        {.url = server.url(), .api_key = secret, .connections = load.connections});
    const std::string body(2000, 'x');
    constexpr std::uint64_t n = 8000;
    std::uint64_t posted = 0;
    std::uint64_t done = 0;
    double round_trips = 0;
    std::vector<HttpAnswer> answers;
    const Clock::time_point begin = Clock::now();
    const double cpu = cpu_seconds_of_thread();
    while (done < n) {
      while (posted < n && transport.in_flight() < static_cast<std::size_t>(load.connections))
        transport.post(posted++, body);
      answers.clear();
      transport.wait(1s, answers);
      done += answers.size();
      for (const HttpAnswer& answer : answers) {
        REQUIRE(answer.failure == Failure::none);
        round_trips += answer.seconds;
      }
    }
    const double wall = seconds_since(begin);
    const double used = cpu_seconds_of_thread() - cpu;
    WARN(load.latency_ms << " ms, " << load.connections << " connections: " << n / wall
                         << " requests/s, round trip " << 1e3 * round_trips / n << " ms, "
                         << used / wall << " of a core, " << 1e6 * used / n
                         << " us of CPU a request");
  }
}
