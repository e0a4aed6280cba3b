// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The server as a process of its own.
//   candist_chat_server --port-file FILE [--log FILE] [--latency-ms N] [--storm] [--require-key KEY]
//                       [--unreadable PERCENT] [--refuse TEXT] [--refuse-structure]
// --log appends a line a request that reaches the model: the last turn, as a JSON string. It ends with
// its parent, or by SIGTERM.
// --refuse: questions that hold TEXT are too long for the model. --refuse-structure: there is no response_format.

#include <signal.h>
#include <sys/prctl.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "support/chat_server.hpp"

using namespace candist::testing;

namespace {

struct Options {
  std::string port_file;
  std::string log;
  std::string key;
  std::string refuse;
  bool refuse_structure = false;
  int latency_ms = 0;
  int unreadable = 0;
  bool storm = false;
};

/// Failures in fixed shares, by the number of the request.
bool strike(std::int64_t number, ServerReply& reply) {
  const std::uint64_t draw = candist::fingerprint(std::to_string(number)).low % 100;
  if (draw < 10) {
    reply = {.status = 429,
             .body = R"({"error": {"message": "slow down"}})",
             .headers = {{"Retry-After", "0"}}};
  } else if (draw < 13) {
    reply.mishap = ServerReply::Mishap::cut;
    reply.bytes = reply.body.size() / 2;
  } else if (draw < 16) {
    reply = {.status = 500, .body = R"({"error": {"message": "something broke"}})"};
  } else if (draw < 18) {
    reply.body.resize(reply.body.size() / 2);
  } else if (draw < 20) {
    reply = {.content_type = "text/html", .body = "<html><title>gateway</title></html>"};
  } else {
    return false;
  }
  return true;
}

/// The probabilities of a reply's tokens, of four bytes each: half that of the one before. Every name's
/// first token might have stood in the place of the first one, with a probability of 1/8.
void add_logprobs(const nlohmann::json& asked, ServerReply& reply) {
  auto body = nlohmann::json::parse(reply.body);
  auto& choice = body["choices"][0];
  const std::string content = choice["message"]["content"];
  double logprob = 0;
  for (std::size_t at = 0; at < content.size(); at += 4) {
    logprob -= 0.693147;
    choice["logprobs"]["content"].push_back(
        {{"token", content.substr(at, 4)}, {"logprob", logprob}});
  }
  auto& top = choice["logprobs"]["content"][0]["top_logprobs"] = nlohmann::json::array();
  for (const std::string& name : offered_names(asked)) {
    if (asked.value("top_logprobs", 0) > 0)
      top.push_back({{"token", name.substr(0, 4)}, {"logprob", -3 * 0.693147}});
  }
  reply.body = body.dump();
}

/// Six examples, one of them twice.
std::string pool_of(const std::string& asked) {
  const std::string begin = "sample " + candist::fingerprint(asked).hex().substr(0, 6) + " ";
  nlohmann::json texts;
  for (const int i : {0, 1, 2, 3, 4, 0}) texts.push_back(begin + std::to_string(i));
  return "Here you are:\n" + texts.dump();
}

ServerReply answer(const Options& options, const ServerRequest& request, std::ofstream& log) {
  const auto key = request.headers.find("authorization");
  if (!options.key.empty() &&
      (key == request.headers.end() || key->second != "Bearer " + options.key))
    return {
        .status = 401,
        .body = R"({"error": {"message": "this key is not known", "code": "invalid_api_key"}})"};
  if (request.target != "/v1/chat/completions")
    return {.status = 404, .body = R"({"error": {"message": "there is nothing here"}})"};
  ServerReply reply = answer_chat(request);
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (body.is_object() && body.contains("messages") && !body["messages"].empty()) {
    const std::string last = body["messages"].back().value("content", "");
    if (log.is_open()) log << nlohmann::json(last).dump() << std::endl;
    if (!options.refuse.empty() && last.find(options.refuse) != std::string::npos) {
      return {
          .status = 400,
          .body =
              R"({"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}})"};
    }
    if (options.refuse_structure && body.contains("response_format"))
      return {.status = 400,
              .body = R"({"error": {"message": "response_format is not supported here"}})"};
    if (last.find("Reply with a JSON array") != std::string::npos)
      reply.body = chat_completion(pool_of(last), request.body.size());
    if (body.value("logprobs", false)) add_logprobs(body, reply);
    const bool first_ask = last.find("cannot be used") == std::string::npos;
    if (first_ask &&
        candist::fingerprint(last).high % 100 < static_cast<std::uint64_t>(options.unreadable))
      reply.body = chat_completion("It is a kind of thing.", request.body.size());
  }
  if (options.storm) strike(request.number, reply);
  reply.delay_ms = options.latency_ms;
  return reply;
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--storm") {
      options.storm = true;
      continue;
    }
    if (option == "--refuse-structure") {
      options.refuse_structure = true;
      continue;
    }
    if (i + 1 == argc) return 2;
    const std::string value = argv[++i];
    if (option == "--port-file") options.port_file = value;
    if (option == "--log") options.log = value;
    if (option == "--require-key") options.key = value;
    if (option == "--refuse") options.refuse = value;
    if (option == "--latency-ms") options.latency_ms = std::stoi(value);
    if (option == "--unreadable") options.unreadable = std::stoi(value);
  }
  std::ofstream log;
  if (!options.log.empty()) log.open(options.log, std::ios::app);
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  sigaddset(&end, SIGINT);
  sigprocmask(SIG_BLOCK, &end, nullptr);
  const ChatServer server(
      [&](const ServerRequest& request) { return answer(options, request, log); });
  std::ofstream(options.port_file + ".part") << server.port();
  std::rename((options.port_file + ".part").c_str(), options.port_file.c_str());
  int signal = 0;
  sigwait(&end, &signal);
  return 0;
}
