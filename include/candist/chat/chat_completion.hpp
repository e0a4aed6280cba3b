// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The chat completions protocol of OpenAI, as spoken also by vLLM, llama.cpp, Ollama, LiteLLM and
// others: request bodies and replies.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/endpoint_message.hpp"
#include "candist/chat/message.hpp"
#include "candist/chat/token_logprob.hpp"
#include "candist/data/jsonl.hpp"
#include "candist/data/label_space.hpp"
#include "candist/error.hpp"

namespace candist {

/// What is asked for besides the conversation.
struct ChatOptions {
  enum class Logprobs { off, on };
  enum class Structure {
    free_text,
    json_schema,  ///< {"labels": [NAME, ...]}, held to it by the endpoint (structured outputs)
  };

  std::string model;
  double temperature = 0.3;
  std::int64_t max_tokens = 256;     ///< of the reply; 0: not sent
  std::optional<std::int64_t> seed;  ///< not every endpoint heeds it
  Logprobs logprobs = Logprobs::off;
  int top_logprobs = 0;  ///< alternatives a token, where logprobs are on
  Structure structure = Structure::free_text;
  /// The researcher's own fields, an object; they replace fields of the same name, and null takes
  /// one out: {"max_tokens": null, "max_completion_tokens": 256, "temperature": null}.
  nlohmann::ordered_json extra = nlohmann::ordered_json::object();
};

/// The body of a request, compact JSON. Bytes that are not UTF-8 become U+FFFD. `labels_for_schema`
/// is read for Structure::json_schema only. Throws InputError where `extra` is no object, ShapeError
/// where the schema has no labels.
inline std::string chat_request_body(const Conversation& conversation, const ChatOptions& options,
                                     const LabelSpace* labels_for_schema);

/// Tokens as the endpoint bills them; all 0 where it does not tell.
struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;  ///< of the prompt's, those billed as cached input

  Usage& operator+=(const Usage& other) {
    prompt_tokens += other.prompt_tokens;
    completion_tokens += other.completion_tokens;
    cached_tokens += other.cached_tokens;
    return *this;
  }
  bool operator==(const Usage&) const = default;
};

/// What came back, UTF-8.
struct ChatReply {
  std::string content;        ///< a refusal where the model refused; may be empty
  std::string finish_reason;  ///< "stop", "length", "content_filter", ...; "" where not told
  std::string model;          ///< as the endpoint names it
  Usage usage;
  std::vector<TokenLogprob> logprobs;  ///< a token of the content; none where not asked for
};

/// The body of an answer is no chat completion; one line says why.
struct ReplyError : RunError {
  using RunError::RunError;
};

/// Reads the first choice. Content that is null or absent is "": a reasoning model that spent all
/// its tokens, or a filter. A log-probability that is no number (llama.cpp's null for -inf) is
/// -9999, as OpenAI writes it. Throws ReplyError.
inline ChatReply parse_chat_reply(std::string_view body);

// ---- definitions

namespace detail {

inline nlohmann::ordered_json label_schema(const LabelSpace& labels) {
  using Json = nlohmann::ordered_json;
  Json names = Json::array();
  for (int label = 0; label < labels.size(); ++label) names.push_back(labels.name(label));
  Json schema = Json::object();
  schema["type"] = "object";
  Json& array = schema["properties"]["labels"];
  array["type"] = "array";
  array["items"] = {{"type", "string"}, {"enum", std::move(names)}};
  schema["required"] = Json::array({"labels"});
  schema["additionalProperties"] = false;
  return {{"type", "json_schema"},
          {"json_schema", {{"name", "labels"}, {"strict", true}, {"schema", std::move(schema)}}}};
}

inline std::int64_t count_at(simdjson::dom::element object, const char* key) {
  std::int64_t count = 0;
  double real = 0;
  if (object[key].get(count) != simdjson::SUCCESS && object[key].get(real) == simdjson::SUCCESS &&
      real < 1e15 && real > 0) {
    count = static_cast<std::int64_t>(real);
  }
  return count > 0 ? count : 0;
}

inline double logprob_at(simdjson::dom::element object) {
  double logprob = 0;
  return object["logprob"].get(logprob) == simdjson::SUCCESS ? logprob : -9999.0;
}

inline Usage usage_of(simdjson::dom::element usage) {
  Usage counts{count_at(usage, "prompt_tokens"), count_at(usage, "completion_tokens"), 0};
  simdjson::dom::element details;
  if (usage["prompt_tokens_details"].get(details) == simdjson::SUCCESS)
    counts.cached_tokens = count_at(details, "cached_tokens");
  if (counts.cached_tokens == 0) {  // DeepSeek's name for it
    counts.cached_tokens = count_at(usage, "prompt_cache_hit_tokens");
  }
  counts.cached_tokens = std::min(counts.cached_tokens, counts.prompt_tokens);
  return counts;
}

inline std::vector<TokenLogprob> logprobs_of(simdjson::dom::element choice) {
  std::vector<TokenLogprob> logprobs;
  simdjson::dom::array tokens;
  simdjson::dom::array alternatives;
  if (choice["logprobs"]["content"].get(tokens) != simdjson::SUCCESS) return logprobs;
  logprobs.reserve(tokens.size());
  for (const simdjson::dom::element token : tokens) {
    logprobs.push_back({std::string(text_at(token, "token")), logprob_at(token), {}});
    if (token["top_logprobs"].get(alternatives) != simdjson::SUCCESS) continue;
    for (const simdjson::dom::element other : alternatives)
      logprobs.back().top.emplace_back(text_at(other, "token"), logprob_at(other));
  }
  return logprobs;
}

/// The text of a message, and whether its content was of a known kind.
inline bool read_content(simdjson::dom::element message, std::string& content) {
  simdjson::dom::element given;
  simdjson::dom::array parts;
  std::string_view text;
  if (message["content"].get(given) != simdjson::SUCCESS || given.is_null()) return true;
  if (given.get(text) == simdjson::SUCCESS) return content = text, true;
  if (given.get(parts) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element part : parts) {
    if (part.get(text) != simdjson::SUCCESS) text = text_at(part, "text");
    content += text.empty() ? text_at(part, "refusal") : text;
  }
  return true;
}

inline ChatReply chat_reply(simdjson::dom::element root) {
  if (!root.is_object()) throw ReplyError("the reply is " + JsonLines::kind(root) + ", no object");
  simdjson::dom::element choice;
  simdjson::dom::element entry;
  if (root["choices"].at(0).get(choice) != simdjson::SUCCESS) {
    const std::string said = one_line(refusal_text(root));
    throw ReplyError("the reply has no choices" + (said.empty() ? "" : ": " + said));
  }
  if (choice["message"].get(entry) != simdjson::SUCCESS || !entry.is_object())
    throw ReplyError("the reply's choice has no message");
  ChatReply reply;
  reply.finish_reason = text_at(choice, "finish_reason");
  reply.model = text_at(root, "model");
  if (!read_content(entry, reply.content))
    throw ReplyError("the reply's content is " + JsonLines::kind(entry["content"]) + ", no text");
  if (reply.content.empty()) reply.content = text_at(entry, "refusal");
  simdjson::dom::array calls;
  if (reply.content.empty() && entry["tool_calls"].get(calls) == simdjson::SUCCESS &&
      calls.size() > 0) {
    throw ReplyError("the reply calls a tool in place of an answer");
  }
  if (root["usage"].get(entry) == simdjson::SUCCESS) reply.usage = usage_of(entry);
  reply.logprobs = logprobs_of(choice);
  return reply;
}

}  // namespace detail

inline std::string chat_request_body(const Conversation& conversation, const ChatOptions& options,
                                     const LabelSpace* labels_for_schema) {
  nlohmann::ordered_json body;
  body["model"] = options.model;
  auto& messages = body["messages"] = nlohmann::ordered_json::array();
  for (const Message& message : conversation)
    messages.push_back({{"role", name_of(message.role)}, {"content", message.content}});
  body["temperature"] = options.temperature;
  if (options.max_tokens > 0) body["max_tokens"] = options.max_tokens;
  if (options.seed) body["seed"] = *options.seed;
  if (options.logprobs == ChatOptions::Logprobs::on) {
    body["logprobs"] = true;
    if (options.top_logprobs > 0) body["top_logprobs"] = options.top_logprobs;
  }
  if (options.structure == ChatOptions::Structure::json_schema) {
    if (labels_for_schema == nullptr || labels_for_schema->size() == 0)
      throw ShapeError("a schema for replies needs labels");
    body["response_format"] = detail::label_schema(*labels_for_schema);
  }
  if (!options.extra.is_object() && !options.extra.is_null())
    throw InputError("extra request fields: found " + std::string(options.extra.type_name()) +
                     ", expected a JSON object");
  for (const auto& [key, value] : options.extra.items()) {
    if (value.is_null()) {
      body.erase(key);
    } else {
      body[key] = value;
    }
  }
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

inline ChatReply parse_chat_reply(std::string_view body) {
  thread_local detail::ForeignJson json;
  simdjson::dom::element root;
  const simdjson::error_code error = json.parse(body, root);
  if (error == simdjson::SUCCESS) return detail::chat_reply(root);
  const std::string said = detail::one_line(detail::page_text(body));
  throw ReplyError("the reply is no JSON (" + std::string(simdjson::error_message(error)) + ")" +
                   (said.empty() ? "" : ": " + said));
}

}  // namespace candist
