// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP server on the loopback for tests of clients: answers as a chat completions endpoint
// does, or misbehaves as it is told to.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "candist/fingerprint.hpp"

namespace candist::testing {

struct ServerRequest {
  std::int64_t number = 0;  ///< of all that arrived, from 0
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body{};
};

struct ServerReply {
  enum class Mishap {
    none,
    cut,    ///< closes after `bytes` of the reply
    reset,  ///< the same, and the client sees a reset
    never,  ///< no reply at all
    drip,   ///< `bytes` every 10 ms
  };
  enum class Framing { content_length, chunked, until_close };

  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  int delay_ms = 0;
  Mishap mishap = Mishap::none;
  std::size_t bytes = 0;
  Framing framing = Framing::content_length;
};

/// The words between the quotes of a chat reply, as OpenAI frames them.
inline std::string chat_completion(const std::string& content, std::size_t prompt_bytes) {
  nlohmann::ordered_json reply;
  reply["id"] = "chatcmpl-0";
  reply["object"] = "chat.completion";
  reply["created"] = 0;
  reply["model"] = "mock-2026";
  reply["choices"] =
      nlohmann::ordered_json::array({{{"index", 0},
                                      {"message", {{"role", "assistant"}, {"content", content}}},
                                      {"finish_reason", "stop"}}});
  const std::size_t prompt = prompt_bytes / 4 + 8;
  const std::size_t completion = content.size() / 4 + 1;
  reply["usage"] = {{"prompt_tokens", prompt},
                    {"completion_tokens", completion},
                    {"total_tokens", prompt + completion}};
  return reply.dump();
}

/// The names of the "- NAME" lines of the system turn.
inline std::vector<std::string> offered_names(const nlohmann::json& body) {
  std::vector<std::string> names;
  for (const auto& message : body["messages"]) {
    const std::string content = message.value("content", "");
    if (message.value("role", "") != "system") continue;
    for (std::size_t at = 0; (at = content.find("\n- ", at)) != std::string::npos;) {
      at += 3;
      names.push_back(
          content.substr(at, std::min(content.find('\n', at), content.find(':', at)) - at));
    }
  }
  return names;
}

/// One label, or one or two where several are asked for, of the "- NAME" lines of the system turn
/// (where it is "one of these", of those), by the hash of the last turn: the same question gets the same answer.
inline ServerReply answer_chat(const ServerRequest& request) {
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (!body.is_object() || !body.contains("messages") || body["messages"].empty())
    return {.status = 400, .body = R"({"error": {"message": "no messages"}})"};
  std::vector<std::string> names = offered_names(body);
  std::size_t bytes = 0;
  for (const auto& message : body["messages"]) bytes += message.value("content", "").size();
  const std::string last = body["messages"].back().value("content", "");
  if (const std::size_t at = last.find("one of these: "); at != std::string::npos) {
    std::erase_if(
        names, [&](const std::string& name) { return last.find(name, at) == std::string::npos; });
  }
  const bool several = last.find("separated by commas") != std::string::npos;
  const std::uint64_t hash = fingerprint(last).low;
  std::string content = "no labels";
  if (!names.empty()) {
    content = names[hash % names.size()];
    const std::string second = names[(hash >> 32) % names.size()];
    if (several && (hash >> 20) % 3 == 0 && second != content) content += ", " + second;
  }
  return {.body = chat_completion(content, bytes)};
}

/// Listens on a free port of 127.0.0.1 from its construction to its end; one thread.
class ChatServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;
  /// Are the bodies kept, for received()?
  enum class Recording { off, on };

  explicit ChatServer(Handler handler = answer_chat, Recording recording = Recording::off)
      : handler_(std::move(handler)), recording_(recording) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 512) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::pipe2(wake_, O_CLOEXEC) != 0) {
      throw std::runtime_error("cannot listen on 127.0.0.1");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~ChatServer() {
    stop_ = true;
    const char byte = 0;
    [[maybe_unused]] const ssize_t written = ::write(wake_[1], &byte, 1);
    thread_.join();
    for (const auto& [descriptor, client] : clients_) ::close(descriptor);
    ::close(listener_);
    ::close(wake_[0]);
    ::close(wake_[1]);
  }
  ChatServer(const ChatServer&) = delete;
  ChatServer& operator=(const ChatServer&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "/v1/chat/completions") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  std::int64_t requests() const { return requests_; }
  /// Most requests that were being answered at the same time.
  int most_at_once() const { return most_at_once_; }
  /// Connections opened so far.
  std::int64_t connections() const { return connections_; }

  struct Received {
    double seconds;  ///< since the server began
    std::string body;
  };
  /// Every request so far, in the order of arrival: what was paid for, and when. Needs recording.
  std::vector<Received> received() const {
    const std::lock_guard lock(received_mutex_);
    return received_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    std::string in;
    std::string out;
    ServerReply reply;
    Clock::time_point due{};  ///< of the reply, or of its next drip
    bool answering = false;
    std::size_t sent = 0;
  };

  void serve() {
    std::vector<pollfd> waits;
    while (!stop_) {
      waits.assign({{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}});
      const Clock::time_point now = Clock::now();
      Clock::duration timeout = std::chrono::seconds(1);
      int at_once = 0;
      for (auto& [descriptor, client] : clients_) {
        short events = POLLIN;
        if (client.answering) {
          ++at_once;
          const Clock::duration left = client.due - now;
          if (left <= Clock::duration::zero()) {
            events = POLLIN | POLLOUT;
          } else {
            timeout = std::min(timeout, left);
          }
        }
        waits.push_back({descriptor, events, 0});
      }
      most_at_once_ = std::max<int>(most_at_once_, at_once);
      // Not poll(): whole milliseconds would make every latency longer than told.
      const auto whole = std::chrono::duration_cast<std::chrono::seconds>(timeout);
      const timespec most{whole.count(),
                          static_cast<long>(std::chrono::nanoseconds(timeout - whole).count())};
      if (::ppoll(waits.data(), waits.size(), &most, nullptr) < 0 && errno != EINTR) return;
      if ((waits[0].revents & POLLIN) != 0) accept_all();
      for (std::size_t i = 2; i < waits.size(); ++i) {
        if (waits[i].revents != 0) attend(waits[i].fd, waits[i].revents);
      }
    }
  }
  void accept_all() {
    while (true) {
      const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) return;
      ++connections_;
      const int on = 1;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      clients_[descriptor];
    }
  }
  void attend(int descriptor, short events) {
    Client& client = clients_.at(descriptor);
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
      char buffer[1 << 16];
      while (true) {
        const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
        if (count > 0) {
          client.in.append(buffer, static_cast<std::size_t>(count));
          continue;
        }
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0 && errno == EINTR) continue;
        return drop(descriptor);
      }
      if (!client.answering) take_request(client);
    }
    if ((events & POLLOUT) != 0 && client.answering) send_some(descriptor, client);
  }
  void take_request(Client& client) {
    const std::size_t head = client.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    ServerRequest request;
    std::string_view lines(client.in.data(), head);
    const auto next_line = [&] {
      const std::size_t end = std::min(lines.find("\r\n"), lines.size());
      const std::string_view line = lines.substr(0, end);
      lines.remove_prefix(std::min(lines.size(), end + 2));
      return line;
    };
    const std::string_view first = next_line();
    request.method = first.substr(0, first.find(' '));
    const std::size_t target = first.find(' ') + 1;
    request.target = first.substr(target, first.rfind(' ') - target);
    while (!lines.empty()) {
      const std::string_view line = next_line();
      const std::size_t colon = line.find(':');
      std::string name(line.substr(0, colon));
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      request.headers[name] = line.substr(std::min(line.size(), colon + 2));
    }
    const std::size_t length =
        std::strtoull(request.headers["content-length"].c_str(), nullptr, 10);
    if (client.in.size() < head + 4 + length) return;
    request.body = client.in.substr(head + 4, length);
    client.in.erase(0, head + 4 + length);
    if (recording_ == Recording::on) {
      const std::lock_guard lock(received_mutex_);
      received_.push_back(
          {std::chrono::duration<double>(Clock::now() - begin_).count(), request.body});
    }
    request.number = requests_++;
    try {
      client.reply = handler_(request);
    } catch (const std::exception& error) {  // on this thread it would end the program
      client.reply = {.status = 500, .content_type = "text/plain", .body = error.what()};
    }
    client.out = framed(client.reply);
    client.sent = 0;
    client.answering = true;
    client.due = Clock::now() + (client.reply.mishap == ServerReply::Mishap::never
                                     ? std::chrono::milliseconds(3600000)
                                     : std::chrono::milliseconds(client.reply.delay_ms));
  }
  static std::string framed(const ServerReply& reply) {
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) +
                      " Status\r\nContent-Type: " + reply.content_type + "\r\n";
    for (const auto& [name, value] : reply.headers) out += name + ": " + value + "\r\n";
    switch (reply.framing) {
      case ServerReply::Framing::content_length:
        return out + "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" +
               reply.body;
      case ServerReply::Framing::until_close:
        return out + "Connection: close\r\n\r\n" + reply.body;
      case ServerReply::Framing::chunked:
        break;
    }
    out += "Transfer-Encoding: chunked\r\n\r\n";
    char size[32];
    for (std::size_t at = 0; at < reply.body.size(); at += 10) {
      const std::string chunk = reply.body.substr(at, 10);
      std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
      out += size + chunk + "\r\n";
    }
    return out + "0\r\n\r\n";
  }
  void send_some(int descriptor, Client& client) {
    using Mishap = ServerReply::Mishap;
    const Mishap mishap = client.reply.mishap;
    std::size_t end = client.out.size();
    if (mishap == Mishap::cut || mishap == Mishap::reset) end = std::min(end, client.reply.bytes);
    if (mishap == Mishap::drip) end = std::min(end, client.sent + client.reply.bytes);
    while (client.sent < end) {
      const ssize_t count =
          ::send(descriptor, client.out.data() + client.sent, end - client.sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EAGAIN) return;
      if (count < 0) return drop(descriptor);
      client.sent += static_cast<std::size_t>(count);
    }
    if (mishap == Mishap::drip && client.sent < client.out.size()) {
      client.due = Clock::now() + std::chrono::milliseconds(10);
      return;
    }
    if (mishap == Mishap::reset) {
      const linger at_once{1, 0};
      ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    const bool close = mishap == Mishap::cut || mishap == Mishap::reset ||
                       client.reply.framing == ServerReply::Framing::until_close;
    if (close) return drop(descriptor);
    client.answering = false;
    take_request(client);
  }
  void drop(int descriptor) {
    ::close(descriptor);
    clients_.erase(descriptor);
  }

  Handler handler_;
  Recording recording_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  int port_ = 0;
  std::map<int, Client> clients_;
  const Clock::time_point begin_ = Clock::now();
  mutable std::mutex received_mutex_;
  std::vector<Received> received_;
  std::atomic<std::int64_t> requests_{0};
  std::atomic<std::int64_t> connections_{0};
  std::atomic<int> most_at_once_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace candist::testing
