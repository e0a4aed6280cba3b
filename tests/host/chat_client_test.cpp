// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/chat_client.hpp"

#include <sys/resource.h>

#include <memory>
#include <thread>

#include "candist/chat/curl_transport.hpp"
#include "support/catch.hpp"
#include "support/chat_server.hpp"

using namespace candist;
using namespace std::chrono_literals;
using candist::testing::chat_completion;
using candist::testing::ChatServer;
using candist::testing::ServerReply;
using candist::testing::ServerRequest;
using Failure = HttpAnswer::Failure;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

HttpAnswer answered(int status, std::string body, double retry_after = -1) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.retry_after = retry_after;
  return answer;
}
HttpAnswer fine(const std::string& content) { return answered(200, chat_completion(content, 40)); }
HttpAnswer refused_text() { return answered(400, R"({"error": {"message": "not this text"}})"); }
HttpAnswer slow_down(double retry_after = -1) {
  return answered(429, R"({"error": {"message": "slow down"}})", retry_after);
}
HttpAnswer failed(Failure failure, std::string reason) {
  HttpAnswer answer;
  answer.failure = failure;
  answer.reason = std::move(reason);
  return answer;
}

/// An endpoint in memory. A test looks at it after the run.
struct Endpoint {
  struct Post {
    double at;  ///< seconds since the endpoint began
    std::string body;
    std::uint64_t ticket;
  };
  /// The answer to the nth time (from 0) that this body was sent.
  std::function<HttpAnswer(const std::string& body, int nth)> answer;
  std::chrono::microseconds latency{200};

  std::vector<Post> posts{};
  std::map<std::string, int> asked{};
  std::multimap<Clock::time_point, HttpAnswer> under_way{};
  std::size_t most_at_once = 0;
  int empty_waits = 0;  ///< wait() that brought nothing
  Clock::time_point begin = Clock::now();
};

class InMemory {
 public:
  explicit InMemory(Endpoint& endpoint) : endpoint_(&endpoint) {}

  void post(std::uint64_t ticket, std::string body) {
    HttpAnswer answer = endpoint_->answer(body, endpoint_->asked[body]++);
    answer.ticket = ticket;
    endpoint_->posts.push_back({seconds_since(endpoint_->begin), std::move(body), ticket});
    endpoint_->under_way.emplace(Clock::now() + endpoint_->latency, std::move(answer));
    endpoint_->most_at_once = std::max(endpoint_->most_at_once, in_flight());
  }
  void wait(std::chrono::milliseconds longest, std::vector<HttpAnswer>& answers) {
    auto& under_way = endpoint_->under_way;
    Clock::time_point until = Clock::now() + longest;
    if (!under_way.empty()) until = std::min(until, under_way.begin()->first);
    std::this_thread::sleep_until(until);
    const auto end = under_way.upper_bound(Clock::now());
    if (end == under_way.begin()) ++endpoint_->empty_waits;
    for (auto it = under_way.begin(); it != end; it = under_way.erase(it))
      answers.push_back(std::move(it->second));
  }
  std::size_t in_flight() const { return endpoint_->under_way.size(); }

 private:
  Endpoint* endpoint_;
};
static_assert(Transport<InMemory>);

/// The other side of a client: n questions, and how each one ended.
struct Asker {
  std::uint64_t n = 0;
  double tokens = 100;
  std::uint64_t next = 0;
  std::map<std::uint64_t, std::vector<std::string>> replies{};
  std::map<std::uint64_t, std::vector<std::string>> failures{};
  std::vector<std::uint64_t> order{};  ///< of the ends
  std::function<void(std::uint64_t)> at_end = [](std::uint64_t) {};

  template <class Client>
  void ask(Client& client) {
    client.run(
        [&]() -> std::optional<ChatQuestion> {
          if (next == n) return std::nullopt;
          const std::uint64_t key = next++;
          return ChatQuestion{key, body(key), tokens};
        },
        [&](std::uint64_t key, const ChatReply& reply) {
          replies[key].push_back(reply.content);
          order.push_back(key);
          at_end(key);
        },
        [&](std::uint64_t key, const std::string& reason) {
          failures[key].push_back(reason);
          order.push_back(key);
          at_end(key);
        });
  }
  static std::string body(std::uint64_t key) { return std::to_string(key); }
  /// Every question that was taken has ended, and none twice.
  bool each_ended_once() const {
    for (std::uint64_t key = 0; key < next; ++key) {
      if (ends(replies, key) + ends(failures, key) != 1) return false;
    }
    return order.size() == next;
  }

 private:
  static std::size_t ends(const std::map<std::uint64_t, std::vector<std::string>>& of,
                          std::uint64_t key) {
    const auto found = of.find(key);
    return found == of.end() ? 0 : found->second.size();
  }
};

/// Waits of milliseconds in place of seconds.
RetryPolicy::Options quick(int retries = 8) {
  return {.retries = retries, .base = 0.002, .cap = 0.02};
}

/// Failures in fixed shares, drawn from what is asked and how often it was.
HttpAnswer stormy(const std::string& body, int nth) {
  const HttpAnswer good = fine("reply to " + body);
  switch (fingerprint(body + "#" + std::to_string(nth)).low % 20) {
    case 0:
    case 1:
      return slow_down(0);
    case 2:
      return failed(Failure::interrupted, "cut");
    case 3:
      return answered(500, R"({"error": {"message": "something broke"}})");
    case 4:
      return answered(200, good.body.substr(0, good.body.size() / 2));
    case 5:
      return answered(200, "<html><title>gateway</title></html>");
    case 6:
      return answered(200, R"({"error": {"message": "the provider failed", "code": 502}})");
    case 7:
      return failed(Failure::timeout, "too late");
    default:
      return good;
  }
}

}  // namespace

TEST_CASE("every question ends exactly once, with its own reply, whatever the concurrency") {
  for (const int concurrency : {1, 2, 7, 64}) {
    INFO("concurrency " << concurrency);
    Endpoint endpoint{.answer = stormy};
    ChatClient client(InMemory(endpoint), {.concurrency = concurrency, .retry = quick(40)});
    Asker asker{.n = 300};
    asker.ask(client);
    CHECK(asker.next == 300);
    CHECK(asker.each_ended_once());
    CHECK(asker.failures.empty());
    for (const auto& [key, contents] : asker.replies)
      CHECK(contents == std::vector<std::string>{"reply to " + std::to_string(key)});
    CHECK(endpoint.most_at_once == static_cast<std::size_t>(concurrency));  // kept, and used
    CHECK(endpoint.under_way.empty());
    // The counts are those of the wire.
    CHECK(client.traffic().requests == static_cast<std::int64_t>(endpoint.posts.size()));
    CHECK(client.traffic().retries == static_cast<std::int64_t>(endpoint.posts.size()) - 300);
    std::int64_t limited = 0;
    for (const auto& [body, times] : endpoint.asked) {
      for (int nth = 0; nth < times; ++nth) limited += stormy(body, nth).status == 429 ? 1 : 0;
    }
    CHECK(limited > 0);
    CHECK(client.traffic().rate_limited == limited);
  }
}

TEST_CASE("no questions, no requests; a source that has more after a reply is asked again") {
  Endpoint endpoint{.answer = [](const std::string& body, int) { return fine(body); }};
  ChatClient client(InMemory(endpoint), {.retry = quick()});
  Asker none;
  none.ask(client);
  CHECK(endpoint.posts.empty());

  // One question whose reply brings the next, as a second ask does.
  std::vector<std::uint64_t> waiting{0};
  std::vector<std::uint64_t> ended;
  client.run(
      [&]() -> std::optional<ChatQuestion> {
        if (waiting.empty()) return std::nullopt;
        const std::uint64_t key = waiting.back();
        waiting.pop_back();
        return ChatQuestion{key, std::to_string(key), 1};
      },
      [&](std::uint64_t key, const ChatReply&) {
        ended.push_back(key);
        if (key < 9) waiting.push_back(key + 1);
      },
      [&](std::uint64_t, const std::string&) { FAIL(); });
  CHECK(ended == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("the limits are kept on the wire, retries among them") {
  // 1,200 a minute: 20 at once, then one every 50 ms.
  const auto lasts = [](ChatClientOptions options, double tokens,
                        std::function<HttpAnswer(const std::string&, int)> answer) {
    Endpoint endpoint{.answer = std::move(answer)};
    options.retry = quick();
    ChatClient client(InMemory(endpoint), options);
    Asker asker{.n = 30, .tokens = tokens};
    asker.ask(client);
    CHECK(asker.each_ended_once());
    CHECK(asker.replies.size() == 30);
    // Waiting for a limit is waiting, not asking all the time.
    CHECK(endpoint.empty_waits < 200);
    return endpoint;
  };
  const auto well = [](const std::string& body, int) { return fine(body); };
  const auto once_more = [](const std::string& body, int nth) {
    return nth == 0 && std::stoi(body) < 5 ? failed(Failure::interrupted, "cut") : fine(body);
  };
  const auto within = [](const Endpoint& endpoint, double window) {
    std::size_t most = 0;
    for (std::size_t i = 0, j = 0; j < endpoint.posts.size(); ++j) {
      while (endpoint.posts[i].at < endpoint.posts[j].at - window) ++i;
      most = std::max(most, j - i + 1);
    }
    return static_cast<double>(most);
  };
  const Endpoint by_requests = lasts({.requests_per_minute = 1200}, 100, well);
  const Endpoint with_retries = lasts({.requests_per_minute = 1200}, 100, once_more);
  // 30 questions of 100 tokens estimated; replies took less, and give the rest back.
  const double real = [] {
    const ChatReply reply = parse_chat_reply(fine("7").body);
    return static_cast<double>(reply.usage.prompt_tokens + reply.usage.completion_tokens);
  }();
  const Endpoint by_tokens = lasts({.tokens_per_minute = 60 * 20 * real}, real, well);
  for (const Endpoint* endpoint : {&by_requests, &with_retries, &by_tokens}) {
    for (const double window : {0.0, 0.1, 0.3, 0.6})
      CHECK(within(*endpoint, window) <=
            20 * window + 20 + 1);  // posts are timed after the limiter
    const double n = static_cast<double>(endpoint->posts.size());
    const double last = endpoint->posts.back().at;
    CHECK(last >= (n - 20) / 20 - 0.01);
    CHECK(last < (n - 20) / 20 + 0.5);  // and no slower than allowed
  }
  CHECK(with_retries.posts.size() == 35);
}

TEST_CASE("an endpoint that does not tell what it used is held to the estimates") {
  Endpoint endpoint{.answer = [](const std::string&, int) {
    return answered(200, R"({"choices": [{"message": {"content": "fruit"}}]})");
  }};
  // 1,000 tokens a second: ten questions at once, then ten a second.
  ChatClient client(InMemory(endpoint), {.tokens_per_minute = 60000, .retry = quick()});
  Asker asker{.n = 15, .tokens = 100};
  asker.ask(client);
  CHECK(asker.replies.size() == 15);
  CHECK(endpoint.posts.back().at >= 0.49);
}

TEST_CASE("set to stop, it sends nothing new, takes what is under way, and returns") {
  for (const int after : {1, 20, 100}) {
    std::atomic<bool> stop{false};
    Endpoint endpoint{.answer =
                          [](const std::string& body, int nth) {
                            return std::stoi(body) % 7 == 3 && nth == 0 ? slow_down() : fine(body);
                          },
                      .latency = 2ms};
    ChatClient client(InMemory(endpoint), {.concurrency = 8, .retry = quick(), .stop = &stop});
    std::size_t posted_before = 0;
    Asker asker{.n = 100000};
    asker.at_end = [&](std::uint64_t) {
      if (static_cast<int>(asker.order.size()) != after) return;
      stop = true;
      posted_before = endpoint.posts.size();
    };
    const Clock::time_point begin = Clock::now();
    asker.ask(client);
    CHECK(seconds_since(begin) < 5);
    CHECK(endpoint.posts.size() == posted_before);
    CHECK(endpoint.under_way.empty());
    CHECK(asker.failures.empty());
    // All that had been paid for was taken, once.
    std::size_t paid = 0;
    for (const Endpoint::Post& post : endpoint.posts) {
      const auto found = asker.replies.find(std::stoull(post.body));
      const bool taken = found != asker.replies.end();
      if (taken) CHECK(found->second.size() == 1);
      if (taken) ++paid;
      if (!taken) CHECK(std::stoi(post.body) % 7 == 3);
    }
    CHECK(paid >= static_cast<std::size_t>(after));
    CHECK(asker.order.size() == asker.replies.size());
  }
  const std::atomic<bool> stopped{true};
  Endpoint endpoint{.answer = [](const std::string& body, int) { return fine(body); }};
  ChatClient client(InMemory(endpoint), {.stop = &stopped});
  Asker asker{.n = 5};
  asker.ask(client);
  CHECK(endpoint.posts.empty());
}

TEST_CASE("stopping does not wait for a hold or for a retry that is far away") {
  std::atomic<bool> stop{false};
  Endpoint endpoint{.answer = [](const std::string&, int) { return slow_down(3600); }};
  ChatClient client(InMemory(endpoint), {.retry = quick(), .stop = &stop});
  std::thread hand([&] {
    std::this_thread::sleep_for(150ms);
    stop = true;
  });
  Asker asker{.n = 50};
  const Clock::time_point begin = Clock::now();
  asker.ask(client);
  hand.join();
  CHECK(seconds_since(begin) < 1);
  CHECK(asker.order.empty());
}

TEST_CASE("what no question can get past ends the run, after what is under way") {
  struct Case {
    HttpAnswer answer;
    bool callers_fault;
    std::vector<std::string> words;
  };
  const std::string address = "http://host/v1: Couldn't connect to server";
  for (const Case& c :
       {Case{answered(401, R"({"error": {"message": "this key is not known"}})"),
             true,
             {"status 401", "this key is not known", "API key"}},
        Case{answered(404, R"({"error": {"message": "no model mock-9"}})"),
             true,
             {"status 404", "no model mock-9", "--model"}},
        Case{answered(400, R"({"error": {"message": "gpt-5x is not a valid model ID"}})"),
             true,
             {"status 400", "not a valid model", "--model"}},
        Case{failed(Failure::unresolved, "http://host/v1: no such host"), false, {"no such host"}},
        Case{failed(Failure::insecure, "http://host/v1: no trust"), false, {"no trust"}},
        Case{failed(Failure::refused, address), false, {address}},
        Case{answered(302, ""), false, {"status 302"}},
        Case{answered(200, "<html><title>log in\x1b[31m</title></html>"), false, {"log in"}}}) {
    INFO(c.words[0]);
    Endpoint endpoint{
        .answer = [&](const std::string& body, int) { return body == "5" ? c.answer : fine(body); },
        .latency = 1ms};
    ChatClient client(InMemory(endpoint), {.concurrency = 4, .retry = quick()});
    Asker asker{.n = 100000};
    std::string said;
    bool callers_fault = false;
    try {
      asker.ask(client);
      FAIL("nothing was thrown");
    } catch (const InputError& error) {
      said = error.what();
      callers_fault = true;
    } catch (const RunError& error) {
      said = error.what();
    }
    CHECK(callers_fault == c.callers_fault);
    for (const std::string& words : c.words) CHECK(said.find(words) != std::string::npos);
    CHECK(said.find('\x1b') == std::string::npos);
    CHECK(endpoint.under_way.empty());
    // Nothing that was answered is lost: all that were sent, but the one.
    CHECK(endpoint.asked.size() == asker.replies.size() + 1);
    CHECK(asker.replies.count(5) == 0);
    CHECK(asker.next < 100000);
  }
}

TEST_CASE("questions come in the order of their source, retries before new ones") {
  Endpoint endpoint{.answer = [](const std::string& body, int nth) {
    return body == "3" && nth < 4 ? failed(Failure::interrupted, "cut") : fine(body);
  }};
  // No wait between tries: what is due is due at once.
  ChatClient client(InMemory(endpoint),
                    {.concurrency = 1, .retry = {.retries = 8, .base = 0, .cap = 0}});
  Asker asker{.n = 8};
  asker.ask(client);
  std::vector<std::string> bodies;
  for (const Endpoint::Post& post : endpoint.posts) bodies.push_back(post.body);
  CHECK(bodies ==
        std::vector<std::string>{"0", "1", "2", "3", "3", "3", "3", "3", "4", "5", "6", "7"});
}

TEST_CASE("a question keeps its ticket through its tries, no two share one, and each try waits") {
  Endpoint endpoint{.answer = stormy};
  ChatClient client(InMemory(endpoint), {.concurrency = 8, .retry = quick(40)});
  Asker asker{.n = 100};
  asker.ask(client);
  std::map<std::string, std::uint64_t> tickets;
  std::map<std::uint64_t, std::string> bodies;
  for (const Endpoint::Post& post : endpoint.posts) {
    CHECK(tickets.try_emplace(post.body, post.ticket).first->second == post.ticket);
    CHECK(bodies.try_emplace(post.ticket, post.body).first->second == post.body);
  }
  CHECK(tickets.size() == 100);
}

TEST_CASE("a question does not come back before the time that the endpoint told it") {
  for (const int status : {429, 503}) {
    INFO(status);
    Endpoint endpoint{.answer = [&](const std::string& body, int nth) {
      return body == "2" && nth == 0 ? answered(status, "{}", 0.2) : fine(body);
    }};
    ChatClient client(InMemory(endpoint), {.concurrency = 2, .retry = quick()});
    Asker asker{.n = 500};
    asker.ask(client);
    CHECK(asker.replies.size() == 500);
    std::vector<double> tries;
    std::size_t meanwhile = 0;
    for (const Endpoint::Post& post : endpoint.posts) {
      if (post.body == "2") tries.push_back(post.at);
    }
    REQUIRE(tries.size() == 2);
    CHECK(tries[1] - tries[0] >= 0.2);
    // It was for everybody: what went before the answer came is all there is. The answer is taken
    // some time after it was due; half of the hold is more than that.
    for (const Endpoint::Post& post : endpoint.posts)
      meanwhile += post.at > tries[0] + 0.1 && post.at < tries[0] + 0.2 ? 1 : 0;
    CHECK(meanwhile == 0);
  }
}

TEST_CASE("a text that is refused fails with the endpoint's words, the others are answered") {
  Endpoint endpoint{.answer = [](const std::string& body, int) {
    const int number = std::stoi(body);
    if (number % 10 == 4) return refused_text();
    if (number % 10 == 7) return answered(500, R"({"error": {"message": "something broke"}})");
    if (number % 10 == 9)
      return answered(400,
                      R"({"error": {"message": "too long", "code": "context_length_exceeded"}})");
    return fine(body);
  }};
  ChatClient client(InMemory(endpoint), {.concurrency = 16, .retry = quick(3)});
  Asker asker{.n = 200};
  asker.ask(client);
  CHECK(asker.each_ended_once());
  REQUIRE(asker.failures.size() == 60);
  for (const auto& [key, reasons] : asker.failures) {
    const std::string& reason = reasons.at(0);
    INFO(key << ": " << reason);
    const bool broke = key % 10 == 7;
    CHECK(endpoint.asked[std::to_string(key)] == (broke ? 4 : 1));  // refused once is refused
    CHECK(reason.find(broke           ? "something broke"
                      : key % 10 == 4 ? "not this text"
                                      : "too long") != std::string::npos);
    CHECK((reason.find("longer context") != std::string::npos) == (key % 10 == 9));
  }
}

TEST_CASE("a body that is no completion is asked for again, and fails the text in the end") {
  for (const char* body : {R"({"choices": [)", R"({"choices": []})", R"({"error": "no"})"}) {
    INFO(body);
    Endpoint endpoint{.answer = [&](const std::string& question, int) {
      return question == "1" ? answered(200, body) : fine(question);
    }};
    ChatClient client(InMemory(endpoint), {.retry = quick(3)});
    Asker asker{.n = 3};
    asker.ask(client);
    CHECK(asker.replies.size() == 2);
    CHECK(asker.failures.count(1) == 1);
    CHECK(endpoint.asked["1"] == 4);
  }
}

TEST_CASE("many failures in a row give up the run; as many with answers between do not") {
  const ChatClientOptions options{.concurrency = 8, .retry = quick(2)};
  Endpoint broken{.answer = [](const std::string&, int) { return refused_text(); }};
  ChatClient client(InMemory(broken), options);
  Asker asker{.n = 100000};
  CHECK_THROWS_AS(asker.ask(client), RunError);
  CHECK(asker.each_ended_once());
  CHECK(asker.order.size() > 8);
  CHECK(asker.order.size() < 40);

  Endpoint half{.answer = [](const std::string& body, int) {
    return std::stoi(body) % 2 == 0 ? refused_text() : fine(body);
  }};
  ChatClient patient(InMemory(half), options);
  Asker all{.n = 500};
  all.ask(patient);
  CHECK(all.failures.size() == 250);
  CHECK(all.replies.size() == 250);
}

TEST_CASE("an exception of the caller's goes through, and costs no second request") {
  // A disk that is full while the reply is written down; also as the error that a bad body makes.
  for (const bool like_a_bad_body : {false, true}) {
    Endpoint endpoint{.answer = [](const std::string& body, int) { return fine(body); }};
    ChatClient client(InMemory(endpoint), {.concurrency = 1, .retry = quick()});
    Asker asker{.n = 10};
    asker.at_end = [&](std::uint64_t key) {
      if (key != 4) return;
      if (like_a_bad_body) throw ReplyError("the disk is full");
      throw RunError("the disk is full");
    };
    CHECK_THROWS_WITH(asker.ask(client), "the disk is full");
    CHECK(endpoint.asked["4"] == 1);
  }
}

TEST_CASE("over the wire, through a storm, every question gets its own reply") {
  const ChatServer server([](const ServerRequest& request) {
    ServerReply reply{.body = chat_completion("reply to " + request.body, 100), .delay_ms = 2};
    switch (fingerprint(std::to_string(request.number)).low % 20) {
      case 0:
      case 1:
        return ServerReply{.status = 429, .body = "{}", .headers = {{"Retry-After", "0"}}};
      case 2:
        reply.mishap = ServerReply::Mishap::cut;
        reply.bytes = 100;
        return reply;
      case 3:
        return ServerReply{.status = 500, .body = "{}"};
      case 4:
        reply.body.resize(reply.body.size() / 2);
        return reply;
      case 5:
        return ServerReply{.content_type = "text/html", .body = "<html></html>"};
      case 6:
        reply.mishap = ServerReply::Mishap::reset;
        return reply;
      default:
        return reply;
    }
  });
  ChatClient client(CurlTransport({.url = server.url(), .connections = 32}),
                    {.concurrency = 32, .retry = quick(40)});
  Asker asker{.n = 2000};
  asker.ask(client);
  CHECK(asker.each_ended_once());
  CHECK(asker.failures.empty());
  for (const auto& [key, contents] : asker.replies)
    REQUIRE(contents[0] == "reply to " + std::to_string(key));
  CHECK(server.most_at_once() <= 32);
  CHECK(client.traffic().retries > 500);
  // libcurl itself sends again what met a kept connection that was closed.
  CHECK(server.requests() >= client.traffic().requests);
}

/// A benchmark, hidden: run it by its name.
TEST_CASE("questions a second of the whole client", "[.][speed]") {
  for (const int concurrency : {64, 128}) {
    const ChatServer server([](const ServerRequest& request) {
      return ServerReply{.body = chat_completion("fruit", request.body.size()), .delay_ms = 50};
    });
    ChatClient client(CurlTransport({.url = server.url(), .connections = concurrency}),
                      {.concurrency = concurrency});
    rusage before{};
    rusage after{};
    Asker asker{.n = 8000};
    getrusage(RUSAGE_THREAD, &before);
    const Clock::time_point begin = Clock::now();
    asker.ask(client);
    const double wall = seconds_since(begin);
    getrusage(RUSAGE_THREAD, &after);
    const auto cpu = [](const rusage& used) {
      return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
             1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    };
    CHECK(asker.replies.size() == 8000);
    WARN(concurrency << " at once, 50 ms: " << 8000 / wall << " questions/s (" << 20 * concurrency
                     << " at best), " << cpu(after) - cpu(before) << " s of CPU of the client");
  }
}

TEST_CASE("a name that was found is looked for again; one that never was ends the run at once") {
  Endpoint blip{.answer = [](const std::string& body, int nth) {
    return body == "5" && nth < 2 ? failed(Failure::unresolved, "no such host") : fine(body);
  }};
  ChatClient client(InMemory(blip), {.concurrency = 1, .retry = quick()});
  Asker asker{.n = 10};
  asker.ask(client);
  CHECK(asker.replies.size() == 10);

  Endpoint nowhere{.answer = [](const std::string&, int) {
    return failed(Failure::unresolved, "no such host");
  }};
  ChatClient lost(InMemory(nowhere), {.concurrency = 1, .retry = quick()});
  Asker one{.n = 10};
  CHECK_THROWS_WITH(one.ask(lost), "no such host");
  CHECK(nowhere.posts.size() == 1);
}
