// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/chat_completion.hpp"

#include <random>

#include "candist/chat/endpoint_message.hpp"
#include "candist/fingerprint.hpp"
#include "support/catch.hpp"

using namespace candist;
using Json = nlohmann::ordered_json;
using Catch::Contains;

namespace {

Json request(const ChatOptions& options, const Conversation& conversation = {{Role::user, "hi"}},
             const LabelSpace* labels = nullptr) {
  return Json::parse(chat_request_body(conversation, options, labels));
}

/// A whole answer of OpenAI's.
Json answer() {
  return Json::parse(R"({"id":"c1","object":"chat.completion","created":1,"model":"m-2024-01-02",
    "choices":[{"index":0,"message":{"role":"assistant","content":"sport","refusal":null},
      "logprobs":{"content":[{"token":"sp","logprob":-0.25,"bytes":[115,112],"top_logprobs":[
        {"token":"sp","logprob":-0.25,"bytes":null},{"token":"ar","logprob":-2.5,"bytes":null}]},
        {"token":"ort","logprob":0,"bytes":null,"top_logprobs":[]}]},
      "finish_reason":"stop"}],
    "usage":{"prompt_tokens":57,"completion_tokens":2,"total_tokens":59,
      "prompt_tokens_details":{"cached_tokens":16}}})");
}

ChatReply parsed(const Json& body) { return parse_chat_reply(body.dump()); }

/// Every place of a value, as JSON pointers.
void places_of(const Json& value, const Json::json_pointer& at,
               std::vector<Json::json_pointer>& places) {
  places.push_back(at);
  for (const auto& [key, inner] : value.items()) {
    if (value.is_object()) places_of(inner, at / key, places);
    if (value.is_array()) places_of(inner, at / std::stoul(key), places);
  }
}

}  // namespace

TEST_CASE("fingerprints are MurmurHash3_x64_128", "[chat]") {
  // SMHasher's verification value: keys {0}, {0, 1}, ... under seeds 256, 255, ...; all hashes
  // hashed (github.com/aappleby/smhasher, main.cpp).
  const auto bytes_of = [](Fingerprint f) {
    std::string bytes;
    for (const std::uint64_t half : {f.high, f.low})
      for (int i = 0; i < 8; ++i) bytes += static_cast<char>(half >> 8 * i & 0xFF);
    return bytes;
  };
  std::string key;
  std::string hashes;
  for (std::uint32_t i = 0; i < 256; ++i) {
    hashes += bytes_of(fingerprint(key, 256 - i));
    key += static_cast<char>(i);
  }
  CHECK((fingerprint(hashes).high & 0xFFFFFFFFu) == 0x6384BA69u);
  CHECK(fingerprint("").hex() == std::string(32, '0'));
  CHECK(fingerprint("The quick brown fox jumps over the lazy dog").hex() ==
        "e34bbc7bbc071b6c7a433ca9c49a9347");  // Guava's Murmur3Hash128Test
  CHECK(parse_hex_digits(hex_digits(0xFEDCBA9876543210u)) == 0xFEDCBA9876543210u);
  for (const char* text : {"", "g", "12 ", "-1", "0x1", "11112222333344445"})
    CHECK_FALSE(parse_hex_digits(text));
}

TEST_CASE("a request holds what the options say and nothing else", "[chat]") {
  ChatOptions options;
  options.model = "m";
  const Conversation conversation{
      {Role::system, "be brief"}, {Role::user, "\"quoted\"\n"}, {Role::assistant, "ok"}};
  CHECK(request(options, conversation).dump() ==
        R"({"model":"m","messages":[{"role":"system","content":"be brief"},)"
        R"({"role":"user","content":"\"quoted\"\n"},{"role":"assistant","content":"ok"}],)"
        R"("temperature":0.3,"max_tokens":256})");
  options.max_tokens = 0;
  options.seed = -7;
  options.logprobs = ChatOptions::Logprobs::on;
  options.top_logprobs = 5;
  Json body = request(options);
  CHECK_FALSE(body.contains("max_tokens"));
  CHECK(body["seed"] == -7);
  CHECK(body["logprobs"] == true);
  CHECK(body["top_logprobs"] == 5);
  options.top_logprobs = 0;
  CHECK_FALSE(request(options).contains("top_logprobs"));
  options.extra =
      Json::parse(R"({"temperature":null,"max_completion_tokens":9,"seed":{"a":null}})");
  body = request(options);
  CHECK_FALSE(body.contains("temperature"));
  CHECK(body["max_completion_tokens"] == 9);
  CHECK(body["seed"].dump() == R"({"a":null})");
  options.extra = Json::array({1});
  CHECK_THROWS_AS(request(options), InputError);
}

TEST_CASE("a schema lets the model name labels and nothing else", "[chat]") {
  LabelSpace labels;
  labels.add("a \"b\"");
  labels.add("\xE4\xB8\xAD");
  ChatOptions options;
  options.structure = ChatOptions::Structure::json_schema;
  CHECK_THROWS_AS(request(options), ShapeError);
  const Json format = request(options, {{Role::user, "hi"}}, &labels)["response_format"];
  CHECK(format["type"] == "json_schema");
  CHECK(format["json_schema"]["strict"] == true);
  CHECK(format["json_schema"]["name"].is_string());
  const Json& schema = format["json_schema"]["schema"];
  CHECK(schema["type"] == "object");
  CHECK(schema["additionalProperties"] == false);
  CHECK(schema["required"] == Json::array({"labels"}));
  const Json& array = schema["properties"]["labels"];
  CHECK(array["type"] == "array");
  CHECK(array["items"]["type"] == "string");
  CHECK(array["items"]["enum"] == Json::array({labels.name(0), labels.name(1)}));
}

TEST_CASE("whatever bytes a text holds, the request is sound JSON", "[chat]") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = static_cast<char>(random());
    ChatOptions options;
    options.model = text;
    const std::string body = chat_request_body({{Role::user, text}}, options, nullptr);
    REQUIRE(simdjson::validate_utf8(body));
    const std::string back = Json::parse(body)["messages"][0]["content"];
    if (simdjson::validate_utf8(text)) REQUIRE(back == text);
  }
}

TEST_CASE("a reply is read whole", "[chat]") {
  const ChatReply reply = parsed(answer());
  CHECK(reply.content == "sport");
  CHECK(reply.finish_reason == "stop");
  CHECK(reply.model == "m-2024-01-02");
  CHECK(reply.usage == Usage{57, 2, 16});
  REQUIRE(reply.logprobs.size() == 2);
  CHECK(reply.logprobs[0].token == "sp");
  CHECK(reply.logprobs[0].logprob == -0.25);
  REQUIRE(reply.logprobs[0].top.size() == 2);
  CHECK(reply.logprobs[0].top[1] == std::pair<std::string, double>("ar", -2.5));
  CHECK(reply.logprobs[1].logprob == 0.0);
  Usage sum;
  sum += reply.usage;
  sum += reply.usage;
  CHECK(sum == Usage{114, 4, 32});
}

TEST_CASE("the variants of a reply", "[chat]") {
  Json body = answer();
  Json& choice = body["choices"][0];
  Json& message = choice["message"];
  SECTION("nothing but the content") {
    const ChatReply reply = parse_chat_reply(R"({"choices":[{"message":{"content":"x"}}]})");
    CHECK(reply.content == "x");
    CHECK(reply.usage == Usage{});
    CHECK(reply.logprobs.empty());
  }
  SECTION("refusal") {
    message["content"] = nullptr;
    message["refusal"] = "I cannot";
    CHECK(parsed(body).content == "I cannot");
  }
  SECTION("parts") {
    message["content"] = Json::parse(R"([{"type":"text","text":"a"},{"type":"text","text":"b"}])");
    CHECK(parsed(body).content == "ab");
  }
  SECTION("nothing said") {
    for (const Json& none : {Json(nullptr), Json(""), Json::array()}) {
      message["content"] = none;
      choice["finish_reason"] = "length";
      CHECK(parsed(body).content.empty());
      CHECK(parsed(body).usage.prompt_tokens == 57);
    }
    message.erase("content");
    CHECK(parsed(body).content.empty());
  }
  SECTION("tools") {
    message["content"] = nullptr;
    message["tool_calls"] = Json::array({{{"id", "t"}}});
    CHECK_THROWS_WITH(parsed(body), Contains("calls a tool"));
    message["content"] = "sport";
    CHECK(parsed(body).content == "sport");
  }
  SECTION("DeepSeek's cache, and more cached than there is") {
    body["usage"] = {{"prompt_tokens", 5}, {"prompt_cache_hit_tokens", 4}};
    CHECK(parsed(body).usage == Usage{5, 0, 4});
    body["usage"]["prompt_cache_hit_tokens"] = 40;
    CHECK(parsed(body).usage == Usage{5, 0, 5});
  }
  SECTION("log-probabilities that are none") {
    choice["logprobs"]["content"][0]["logprob"] = nullptr;
    CHECK(parsed(body).logprobs[0].logprob == -9999.0);
  }
  SECTION("tokens that end inside a character") {
    std::string text = body.dump();
    text.replace(text.find("sport"), 5, R"(\\\ud83d\ud83d\ude00 \ude00 \uDBFF)");
    CHECK(parse_chat_reply(text).content ==
          "\\\xEF\xBF\xBD\xF0\x9F\x98\x80 \xEF\xBF\xBD \xEF\xBF\xBD");
    text = body.dump();
    text.replace(text.find("sport"), 5, "sp\xF0\x9F ort");
    CHECK(parse_chat_reply(text).content == "sp\xEF\xBF\xBD ort");
  }
}

TEST_CASE("what is no reply is refused in one line", "[chat]") {
  const auto refused = [](const std::string& body, const std::string& words) {
    INFO(body);
    CHECK_THROWS_AS(parse_chat_reply(body), ReplyError);
    CHECK_THROWS_AS(parse_chat_reply(body), RunError);
    CHECK_THROWS_WITH(parse_chat_reply(body), Contains(words) && !Contains("\n"));
  };
  refused("", "no JSON");
  refused("<html><title>502\nBad Gateway</title>", "502\\nBad Gateway");
  refused(answer().dump().substr(0, 200), "no JSON");
  refused("[]", "an array");
  refused("\"x\"", "a string");
  refused("{}", "no choices");
  refused(R"({"choices":[]})", "no choices");
  refused(R"({"choices":{"0":1}})", "no choices");
  refused(R"({"error":{"message":"over\nload"},"choices":null})", "no choices: over\\nload");
  refused(R"({"choices":[{"text":"x"}]})", "no message");
  refused(R"({"choices":[{"message":"x"}]})", "no message");
  refused(R"({"choices":[{"message":{"content":7}}]})", "a number");
}

TEST_CASE("no reply, however wrong its types or cut off, does more than throw", "[chat]") {
  const Json whole = answer();
  std::vector<Json::json_pointer> places;
  places_of(whole, Json::json_pointer(), places);
  REQUIRE(places.size() > 30);
  int read = 0;
  int refused = 0;
  const auto attempt = [&](const std::string& body) {
    try {
      const ChatReply reply = parse_chat_reply(body);
      CHECK(reply.usage.prompt_tokens >= reply.usage.cached_tokens);
      CHECK(reply.usage.cached_tokens >= 0);
      ++read;
    } catch (const ReplyError&) {
      ++refused;
    }
    endpoint_message(body);
    is_context_overflow(body);
  };
  for (const auto& place : places) {
    for (const char* other : {"null", "true", "-3", "1.5e300", "18446744073709551615", "\"x\"",
                              "[]", "{}", "[[]]", "[{}]", "{\"message\":[]}"}) {
      Json body = whole;
      body[place] = Json::parse(other);
      attempt(body.dump());
    }
  }
  const std::string text = whole.dump();
  for (std::size_t size = 0; size < text.size(); ++size) attempt(text.substr(0, size));
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = text;
    for (int k = 0; k < 2; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    attempt(damaged);
  }
  CHECK(read > 300);
  CHECK(refused > 300);
}

TEST_CASE("what endpoints say when they refuse", "[chat]") {
  CHECK(endpoint_message(R"({"error":{"message":"bad key","code":"invalid_api_key"}})") ==
        "bad key");
  CHECK(endpoint_message(R"({"error":"model not found"})") == "model not found");
  CHECK(endpoint_message(R"({"detail":"Not Found"})") == "Not Found");
  CHECK(endpoint_message(R"({"detail":[{"loc":["body"],"msg":"field required"}]})") ==
        "field required");
  CHECK(endpoint_message(R"({"object":"error","message":"too long","code":400})") == "too long");
  CHECK(endpoint_message(R"([{"error":{"code":400,"message":"API key not valid"}}])") ==
        "API key not valid");
  CHECK(endpoint_message(R"({"error":{"code":7}})") == R"({"code":7})");
  CHECK(endpoint_message(R"({"status":7})") == R"({"status":7})");
  CHECK(endpoint_message("<html><head><title> 404 Not Found </title>") == "404 Not Found");
  CHECK(endpoint_message(" upstream\x1B[2J \r\n") == "upstream\\u001B[2J");
  CHECK(endpoint_message("").empty());
  CHECK(endpoint_message(std::string(10000, 'x')).size() == 303);
}

TEST_CASE("an overflowing context is told from other refusals", "[chat]") {
  for (
      const char* body :
      {R"({"error":{"message":"x","code":"context_length_exceeded"}})",
       R"({"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"}})",
       R"({"object":"error","message":"This model's maximum context length is 4096 tokens.","code":400})",
       R"({"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}})",
       R"({"error":{"code":400,"message":"m","type":"exceed_context_size_error"}})",
       R"({"error":"the input length exceeds the context length"})",
       R"(The prompt (total length 9) is too long to fit into the model (context length 4))"}) {
    INFO(body);
    CHECK(is_context_overflow(body));
  }
  for (const char* body :
       {"", "{}", R"({"error":{"message":"Rate limit reached: Limit 30000, Requested 40000"}})",
        R"({"error":{"message":"Incorrect API key","code":"invalid_api_key"}})",
        R"({"error":{"message":"unknown field context"},"code":400})"}) {
    INFO(body);
    CHECK_FALSE(is_context_overflow(body));
  }
}
