// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/batch_file.hpp"

#include <random>

#include "candist/chat/journal.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;
using Json = nlohmann::ordered_json;
using Catch::Contains;

namespace {

BatchKey key_of(const std::string& id, int sample = 0, int ask = 0) {
  return {fingerprint(id).high, fingerprint("text of " + id).high, 0xABCDEF01u, sample, ask};
}

std::string body_of(const std::string& text) {
  return chat_request_body({{Role::user, text}}, {}, nullptr);
}

Json result(const BatchKey& key, const std::string& content) {
  return {{"id", "batch_req_1"},
          {"custom_id", batch_custom_id(key)},
          {"response",
           {{"status_code", 200},
            {"request_id", "r"},
            {"body",
             {{"choices", Json::array({{{"message", {{"content", content}}}}})},
              {"usage", {{"prompt_tokens", 3}, {"completion_tokens", 2}}}}}}},
          {"error", nullptr}};
}

StringColumn column(const std::vector<std::string>& ids) {
  StringColumn texts;
  for (const std::string& id : ids) texts.push_back(id);
  return texts;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("custom ids are short and plain, and give back what they were made of", "[batch]") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string id(random() % 700, ' ');
    for (char& c : id) c = static_cast<char>(random());
    BatchKey key = key_of(id, static_cast<int>(random() >> 33), static_cast<int>(random() >> 33));
    key.settings_hash = static_cast<std::uint32_t>(random());
    const std::string text = batch_custom_id(key);
    REQUIRE(text.size() <= 64);
    REQUIRE(text.find_first_not_of("0123456789abcdef-") == std::string::npos);
    REQUIRE(parse_batch_custom_id(text) == key);
  }
  const std::string whole = batch_custom_id(key_of("x", 12, 1));
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(parse_batch_custom_id(whole.substr(0, size)));
  CHECK_FALSE(parse_batch_custom_id(whole + "-"));
  CHECK_FALSE(parse_batch_custom_id(whole + "-1"));
  CHECK_FALSE(parse_batch_custom_id("request-1"));
  const std::string settings = Journal::settings_fingerprint({{"model", "m"}});
  CHECK(hex_digits(batch_settings_hash(settings)).substr(8) == settings.substr(0, 8));
}

TEST_CASE("a batch holds every request once, in files within the limits", "[batch]") {
  TemporaryFolder folder;
  std::vector<BatchRequest> requests;
  for (int i = 0; i < 25; ++i)
    requests.push_back(
        {key_of(std::to_string(i)), body_of(std::string(static_cast<std::size_t>(i) * 5, 'x'))});
  for (const char* name : {"b.jsonl", "b"}) {
    for (const BatchLimits limits :
         {BatchLimits{}, BatchLimits{10, 1 << 20}, BatchLimits{1, 1 << 20},
          BatchLimits{25, 1 << 20}, BatchLimits{1000, 700}}) {
      const auto files = write_batch(folder / name, requests, limits);
      CHECK(files[0] == folder / name);
      std::size_t seen = 0;
      for (const auto& file : files) {
        const auto lines = lines_of(file);
        CHECK(static_cast<std::int64_t>(lines.size()) <= limits.requests);
        CHECK(static_cast<std::int64_t>(std::filesystem::file_size(file)) <= limits.bytes);
        for (const std::string& line : lines) {
          const Json read = Json::parse(line);
          REQUIRE(read["custom_id"] == batch_custom_id(requests[seen].key));
          REQUIRE(read["method"] == "POST");
          REQUIRE(read["url"] == "/v1/chat/completions");
          REQUIRE(read["body"].dump() == requests[seen].body);
          ++seen;
        }
      }
      CHECK(seen == requests.size());
      if (limits.requests == 10) CHECK(files.size() == 3);
      if (limits.requests == 25) CHECK(files.size() == 1);
      if (limits.bytes == 700) CHECK(files.size() > 5);
    }
  }
  CHECK(write_batch(folder / "none.jsonl", {}).empty());
  CHECK_THROWS_AS(write_batch(folder / "c.jsonl", requests, {10, 100}), InputError);
}

TEST_CASE("results find their texts in any order, and failures their reasons", "[batch]") {
  TemporaryFolder folder;
  Json failed = result(key_of("b"), "");
  failed["response"]["status_code"] = 429;
  failed["response"]["body"] = {{"error", {{"message", "slow\ndown"}}}};
  Json expired = result(key_of("c"), "");
  expired["response"] = nullptr;
  expired["error"] = {{"code", "batch_expired"}, {"message", "out of time"}};
  Json unreadable = result(key_of("c", 1), "");
  unreadable["response"]["body"] = {{"choices", Json::array()}};
  Json nothing = result(key_of("c", 2), "");
  nothing.erase("response");
  const std::string lines = result(key_of("a", 3, 1), "yes").dump() + "\n" + failed.dump() +
                            "\n\n" + expired.dump() + "\n" + unreadable.dump() + "\n" +
                            nothing.dump() + "\n" + result(key_of("b"), "later").dump() + "\n" +
                            result(key_of("b"), "again").dump() + "\n";
  std::vector<BatchResult> results;
  const BatchReport report =
      read_batch_results(folder.file("r.jsonl", lines), column({"c", "a", "b"}), 0xABCDEF01u,
                         [&](BatchResult&& read) { results.push_back(std::move(read)); });
  CHECK(report.answered == 2);
  CHECK(report.failed == 4);
  CHECK(report.duplicates == 1);
  REQUIRE(results.size() == 6);
  CHECK(results[0].row == 1);
  CHECK(results[0].key == key_of("a", 3, 1));
  CHECK(results[0].reply->content == "yes");
  CHECK(results[0].reply->usage == Usage{3, 2, 0});
  CHECK(results[0].failure.empty());
  CHECK_FALSE(results[1].reply);
  CHECK(results[1].row == 2);
  CHECK(results[1].failure == "HTTP 429: slow\\ndown");
  CHECK(results[2].failure == "out of time");
  CHECK_THAT(results[3].failure, Contains("no choices"));
  CHECK(results[4].failure == "no reason is given");
  CHECK(results[5].reply->content == "later");
}

TEST_CASE("results of another batch are refused with their line", "[batch]") {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& line, const std::string& words) {
    INFO(line);
    const auto path = folder.file("r.jsonl", result(key_of("a"), "x").dump() + "\n" + line + "\n");
    const auto read = [&] {
      read_batch_results(path, column({"a", "b"}), 0xABCDEF01u, [](BatchResult&&) {});
    };
    CHECK_THROWS_AS(read(), InputError);
    CHECK_THROWS_WITH(read(), Contains("r.jsonl:2: ") && Contains(words));
  };
  refused(result(key_of("elsewhere"), "x").dump(), "no text here");
  BatchKey other = key_of("b");
  other.settings_hash = 1;
  refused(result(other, "x").dump(), "other settings");
  refused(R"({"custom_id":"request-2"})", "request-2");
  refused(R"({"id":"x"})", "custom_id");
  refused("[1]", "an array");
  refused(R"({"custom_id":)", "broken JSON");
  CHECK_THROWS_AS(read_batch_results(folder / "none", column({"a"}), 0, [](BatchResult&&) {}),
                  InputError);
}
