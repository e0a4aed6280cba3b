// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What an endpoint says in place of a reply; every server has a shape of its own for it.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

#include "candist/error.hpp"
#include "candist/text/utf8.hpp"

namespace candist {

/// What the body of a refusal says, in one line fit for a message; "" where it says nothing.
inline std::string endpoint_message(std::string_view body);

/// Does the body of a refusal say that prompt and reply do not fit into the model's context?
inline bool is_context_overflow(std::string_view body);

/// Does it say that there is no such model? Not every endpoint says so by status 404.
inline bool is_unknown_model(std::string_view body);

// ---- definitions

namespace detail {

/// Escapes of half a surrogate pair, which no JSON reader takes, become \ufffd. Python servers
/// write them for tokens that end inside a character.
inline std::string repaired_escapes(std::string_view json) {
  std::string result(json);
  const auto surrogate = [&](std::size_t at, char first, char last) {
    if (at + 6 > result.size() || result[at] != '\\' || result[at + 1] != 'u') return false;
    const char third = static_cast<char>(result[at + 3] | 0x20);
    return (result[at + 2] | 0x20) == 'd' && third >= first && third <= last;
  };
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i] != '\\') continue;
    const bool high = surrogate(i, '8', '9') || surrogate(i, 'a', 'b');
    const bool low = surrogate(i, 'c', 'f');
    if (high && surrogate(i + 6, 'c', 'f')) {
      i += 11;
    } else if (high || low) {
      result.replace(i, 6, "\\ufffd");
      i += 5;
    } else {
      ++i;
    }
  }
  return result;
}

/// Foreign JSON, also where its strings are not quite sound. One object reads many bodies; what it
/// read is valid until the next.
class ForeignJson {
 public:
  simdjson::error_code parse(std::string_view body, simdjson::dom::element& root) {
    const std::string_view text = repaired_utf8(body, room_);
    const simdjson::error_code error = parser_.parse(text.data(), text.size()).get(root);
    if (error != simdjson::STRING_ERROR) return error;
    const std::string repaired = repaired_escapes(text);
    return parser_.parse(repaired).get(root);
  }

 private:
  simdjson::dom::parser parser_;
  std::string room_;
};

/// The string at `key`; "" where there is none.
inline std::string_view text_at(simdjson::dom::element object, const char* key) {
  std::string_view text;
  return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

/// What a refusal says, unclipped: {"error": {"message"}}, {"error": TEXT}, {"detail": TEXT or
/// [{"msg"}]}, {"message": TEXT}, or one of these in an array.
inline std::string refusal_text(simdjson::dom::element root) {
  simdjson::dom::element entry;
  simdjson::dom::array array;
  std::string_view text;
  if (root.get(array) == simdjson::SUCCESS && array.at(0).get(entry) == simdjson::SUCCESS)
    return entry.is_array() ? std::string() : refusal_text(entry);
  if (root.get(text) == simdjson::SUCCESS) return std::string(text);
  for (const char* key : {"error", "detail", "message", "msg"}) {
    if (root[key].get(entry) != simdjson::SUCCESS || entry.is_null()) continue;
    std::string said = entry.is_object() || entry.is_array() ? refusal_text(entry)
                                                             : std::string(text_at(root, key));
    if (!said.empty()) return said;
    if (entry.is_object() || entry.is_array()) return simdjson::minify(entry);
  }
  return {};
}

/// Of a page of HTML its title, else the text itself.
inline std::string_view page_text(std::string_view body) {
  for (const std::string_view tag : {"<title>", "<TITLE>", "<h1>"}) {
    const std::size_t begin = body.find(tag);
    if (begin == std::string_view::npos) continue;
    body.remove_prefix(begin + tag.size());
    return body.substr(0, body.find('<'));
  }
  return body;
}

inline std::string refusal_text(std::string_view body) {
  ForeignJson json;
  simdjson::dom::element root;
  if (json.parse(body, root) == simdjson::SUCCESS) {
    std::string said = refusal_text(root);
    return said.empty() ? std::string(body) : said;
  }
  return std::string(page_text(body));
}

/// A message for a person is one line without white space around it.
inline std::string one_line(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return shown(text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin), 300);
}

/// Has the body one of the codes, as code or type, or does it say one of the phrases, in any case?
inline bool says_one_of(std::string_view body, std::initializer_list<std::string_view> codes,
                        std::initializer_list<std::string_view> phrases) {
  ForeignJson json;
  simdjson::dom::element root;
  if (json.parse(body, root) == simdjson::SUCCESS) {
    simdjson::dom::element error;
    if (root["error"].get(error) != simdjson::SUCCESS) error = root;
    for (const char* key : {"code", "type"}) {
      if (std::find(codes.begin(), codes.end(), text_at(error, key)) != codes.end()) return true;
    }
  }
  std::string said = refusal_text(body);
  for (char& c : said) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return std::any_of(phrases.begin(), phrases.end(), [&](std::string_view phrase) {
    return said.find(phrase) != std::string::npos;
  });
}

}  // namespace detail

inline std::string endpoint_message(std::string_view body) {
  std::string said = detail::refusal_text(body);
  std::replace_if(
      said.begin(), said.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return detail::one_line(said);
}

inline bool is_context_overflow(std::string_view body) {
  return detail::says_one_of(
      body, {"context_length_exceeded", "exceed_context_size_error"},
      {"maximum context length",              // OpenAI, vLLM
       "context_length_exceeded",             // passed on by routers
       "context length exceeded",             //
       "reduce the length of the messages",   // OpenAI, vLLM
       "maximum model length",                // vLLM
       "too long to fit into the model",      // vLLM
       "exceeds the available context size",  // llama.cpp
       "context size has been exceeded",      // llama.cpp
       "exceeds the context length",          // Ollama
       "exceeds maximum context length",      // Ollama
       "input length exceeds",                // Ollama
       "contextwindowexceedederror",          // LiteLLM
       "exceeds the context window", "exceed context window", "prompt is too long"});
}

inline bool is_unknown_model(std::string_view body) {
  return detail::says_one_of(body, {"model_not_found", "invalid_model"},
                             {"invalid model name",       // LiteLLM
                              "is not a valid model id",  // OpenRouter
                              "model not exist"});        // DeepSeek
}

}  // namespace candist
