// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/demonstrations.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "candist/chat/demonstration_pool.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using Catch::Contains;

namespace {

LabelSpace colours() {
  LabelSpace labels;
  labels.add("red", "like blood");
  labels.add("blue");
  return labels;
}

std::string error_of(const std::string& content) {
  const testing::TemporaryFolder folder;
  try {
    read_demonstrations(folder.file("shown.jsonl", content), colours());
  } catch (const InputError& error) {
    const std::string text = error.what();
    return text.substr(text.find("shown.jsonl"));
  }
  return "no error";
}

std::vector<Demonstration> numbered(int n) {
  std::vector<Demonstration> demonstrations;
  for (int i = 0; i < n; ++i)
    demonstrations.push_back({"text " + std::to_string(i), "answer " + std::to_string(i)});
  return demonstrations;
}

std::vector<int> numbers_of(const std::vector<Demonstration>& shown) {
  std::vector<int> numbers;
  for (const Demonstration& one : shown) {
    numbers.push_back(std::stoi(one.text.substr(5)));
    CHECK(one.answer == "answer " + std::to_string(numbers.back()));
  }
  return numbers;
}

std::vector<float> random_rows(std::size_t n, std::uint64_t seed) {
  CounterRng rng(seed, RandomPurpose::resampling);
  std::vector<float> rows(n);
  for (float& x : rows) x = rng.normal() * std::exp(2 * rng.normal());
  return rows;
}

}  // namespace

TEST_CASE("demonstrations are read with one label, several or a free answer", "[demonstrations]") {
  const testing::TemporaryFolder folder;
  const auto read = read_demonstrations(
      folder.file(
          "shown.jsonl",
          "{\"text\": \"a\", \"label\": \"red\"}\n\n"
          "{\"text\": \"b\", \"candidates\": [\"blue\", \"red\"], \"more\": 1}\r\n"
          "{\"text\": \"c \\\"\\n\", \"answer\": \"It is red.\\nAnswer: red\"}\n"
          "{\"text\": \"d\", \"label\": null, \"answer\": null, \"candidates\": [\"blue\"]}"),
      colours());
  CHECK(read == std::vector<Demonstration>{{"a", "red"},
                                           {"b", "blue, red"},
                                           {"c \"\n", "It is red.\nAnswer: red"},
                                           {"d", "blue"}});
  write_demonstrations(folder / "again.jsonl", read);
  CHECK(read_demonstrations(folder / "again.jsonl", colours()) == read);
  // Bytes that are not UTF-8 are no reason to lose a pool that was paid for.
  write_demonstrations(folder / "again.jsonl", std::vector<Demonstration>{{"\xFF!", "red"}});
  CHECK(read_demonstrations(folder / "again.jsonl", colours()) ==
        std::vector<Demonstration>{{"\xEF\xBF\xBD!", "red"}});
}

TEST_CASE("a wrong file of demonstrations is one error with its line", "[demonstrations]") {
  using Case = std::pair<const char*, const char*>;
  for (const auto& [content, message] : {
           Case{"", "shown.jsonl: found no demonstrations, expected {\"text\": "},
           Case{"\n \n", "shown.jsonl: found no demonstrations"},
           Case{R"({"label": "red"})", "shown.jsonl:1: found no \"text\""},
           Case{R"({"text": 1, "label": "red"})", "shown.jsonl:1: found \"text\" is a number"},
           Case{R"({"text": " ", "label": "red"})", "shown.jsonl:1: found an empty \"text\""},
           Case{R"({"text": "a"})", "shown.jsonl:1: found no answer, expected {\"text\": "},
           Case{R"({"text": "a", "answer": ""})", "shown.jsonl:1: found no answer"},
           Case{R"({"text": "a", "candidates": []})", "shown.jsonl:1: found no answer"},
           Case{R"({"text": "a", "candidates": "red"})",
                "shown.jsonl:1: found \"candidates\" that are a string"},
           Case{R"({"text": "a", "candidates": ["red", 2]})",
                "shown.jsonl:1: found a candidate that is a number"},
           Case{"\n{\"text\": \"a\", \"label\": \"green\"}",
                "shown.jsonl:2: found label \"green\", expected one of red, blue"},
           Case{"{\"text\": \"a\", \"candidates\": [\"red\", \"Red\"]}",
                "shown.jsonl:1: found label \"Red\""},
           Case{"{\"text\": \"a\", \"label\": \"red\"}\n{\"text\"",
                "shown.jsonl:2: found a last line"},
           Case{"[1]\n", "shown.jsonl:1: found an array"},
       }) {
    INFO(content);
    CHECK_THAT(error_of(content), Catch::StartsWith(message));
  }
}

TEST_CASE("the first demonstrations are shown, never the text itself", "[demonstrations]") {
  const DemonstrationPicker picker(numbered(5), 3);
  CHECK(numbers_of(picker.pick(7, "other")) == std::vector<int>{0, 1, 2});
  CHECK(numbers_of(picker.pick(7, "text 1")) == std::vector<int>{0, 2, 3});
  CHECK(numbers_of(DemonstrationPicker(numbered(2), 9).pick(0, "text 0")) == std::vector<int>{1});
  CHECK(DemonstrationPicker(numbered(1), 9).pick(0, "text 0").empty());
  CHECK(DemonstrationPicker(numbered(5), 0).pick(0, "other").empty());
  CHECK(DemonstrationPicker(numbered(5), -1).pick(0, "other").empty());
  CHECK(DemonstrationPicker({}, 3).pick(0, "other").empty());
}

TEST_CASE("the nearest demonstrations are shown, the most similar last", "[demonstrations]") {
  constexpr int m = 40, n = 25, width = 7, shots = 6;
  const std::vector<float> theirs = random_rows(m * width, 1);
  const std::vector<float> texts = random_rows(n * width, 2);
  const DemonstrationPicker picker(numbered(m), shots, theirs, texts, width);
  for (int row = 0; row < n; ++row) {
    std::vector<std::pair<double, int>> cosines;  // by its definition
    for (int i = 0; i < m; ++i) {
      double product = 0, left = 0, right = 0;
      for (int d = 0; d < width; ++d) {
        const double a = texts[static_cast<std::size_t>(row * width + d)];
        const double b = theirs[static_cast<std::size_t>(i * width + d)];
        product += a * b;
        left += a * a;
        right += b * b;
      }
      cosines.push_back({product / std::sqrt(left * right), i});
    }
    std::sort(cosines.begin(), cosines.end());
    std::vector<int> nearest;
    for (std::size_t i = m - shots; i < m; ++i) nearest.push_back(cosines[i].second);
    CHECK(numbers_of(picker.pick(row, "other")) == nearest);
    // Without the very nearest one, the next comes in at the front.
    nearest.pop_back();
    nearest.insert(nearest.begin(), cosines[m - shots - 1].second);
    CHECK(numbers_of(picker.pick(row, "text " + std::to_string(cosines[m - 1].second))) == nearest);
  }
}

TEST_CASE("ties go by index; zeros and numbers that are none are behind", "[demonstrations]") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float inf = std::numeric_limits<float>::infinity();
  // The nearest last, so index 0, which wins ties, stands behind index 1.
  const std::vector<float> theirs{1, 0, 1, 0, 0, 0, -1, 0, nan, 1, 2, 0, inf, 0};
  const DemonstrationPicker picker(numbered(7), 7, theirs, {3, 0, 0, 0, nan, nan}, 2);
  CHECK(numbers_of(picker.pick(0, "x")) == std::vector<int>{6, 4, 3, 2, 5, 1, 0});
  CHECK(numbers_of(picker.pick(1, "x")) == std::vector<int>{6, 4, 5, 3, 2, 1, 0});
  CHECK(numbers_of(picker.pick(2, "x")) == std::vector<int>{6, 5, 4, 3, 2, 1, 0});
  CHECK_THROWS_AS(picker.pick(3, "x"), ShapeError);
  CHECK_THROWS_AS(picker.pick(-1, "x"), ShapeError);
  CHECK_THROWS_AS(DemonstrationPicker(numbered(3), 1, {1, 2, 3, 4}, {1, 2}, 2), ShapeError);
  CHECK_THROWS_AS(DemonstrationPicker(numbered(2), 1, {1, 2, 3, 4}, {1, 2, 3}, 2), ShapeError);
  CHECK_THROWS_AS(DemonstrationPicker(numbered(2), 1, {}, {}, 0), ShapeError);
}

TEST_CASE("a seed orders the same demonstrations otherwise", "[demonstrations]") {
  constexpr int width = 3;
  const DemonstrationPicker nearest(numbered(20), 4, random_rows(20 * width, 3),
                                    random_rows(5 * width, 4), width);
  const DemonstrationPicker first(numbered(20), 4);
  for (const DemonstrationPicker* picker : {&nearest, &first}) {
    const std::vector<int> plain = numbers_of(picker->pick(2, "x"));
    std::set<std::vector<int>> orders;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
      std::vector<int> shuffled = numbers_of(picker->pick(2, "x", seed));
      CHECK(numbers_of(picker->pick(2, "x", seed)) == shuffled);
      orders.insert(shuffled);
      CHECK(std::is_permutation(plain.begin(), plain.end(), shuffled.begin(), shuffled.end()));
    }
    CHECK(orders.size() == 24);  // all of 4!; one is missing once in a million such runs
  }
  // The order is the text's own, wherever it stands.
  CHECK(first.pick(0, "x", 5) == first.pick(17, "x", 5));
  std::set<std::vector<int>> orders;
  for (int i = 0; i < 50; ++i)
    orders.insert(numbers_of(first.pick(i, "other " + std::to_string(i), 5)));
  CHECK(orders.size() > 10);
}

TEST_CASE("the name tells apart whatever shows something else", "[demonstrations]") {
  const std::vector<float> theirs = random_rows(6, 5);
  std::vector<float> others = theirs;
  others[5] += 1;
  std::vector<Demonstration> changed = numbered(3);
  changed[2].answer += "!";
  std::vector<Demonstration> moved = numbered(3);  // the same bytes, elsewhere
  moved[0] = {"text 0answer", " 0"};
  std::set<std::string> names;
  int made = 0;
  for (const DemonstrationPicker& picker :
       {DemonstrationPicker(numbered(3), 2), DemonstrationPicker(numbered(3), 3),
        DemonstrationPicker(numbered(2), 2), DemonstrationPicker(changed, 2),
        DemonstrationPicker(moved, 2), DemonstrationPicker(numbered(3), 2, theirs, {}, 2),
        DemonstrationPicker(numbered(3), 2, others, {}, 2)}) {
    for (const std::optional<std::uint64_t> order :
         {std::optional<std::uint64_t>(), {0}, {1}, {~std::uint64_t{0}}}) {
      CHECK(picker.name(order) == picker.name(order));
      names.insert(picker.name(order));
      ++made;
    }
  }
  CHECK(static_cast<int>(names.size()) == made);
  // New texts leave the old ones what they had.
  CHECK(DemonstrationPicker(numbered(3), 2, theirs, {1, 2}, 2).name() ==
        DemonstrationPicker(numbered(3), 2, theirs, {1, 2, 3, 4}, 2).name());
}

TEST_CASE("threads pick at once", "[demonstrations]") {
  constexpr int width = 16, n = 200;
  const DemonstrationPicker picker(numbered(50), 5, random_rows(50 * width, 6),
                                   random_rows(n * width, 7), width);
  std::vector<std::vector<Demonstration>> alone(n), together(n);
  for (int row = 0; row < n; ++row) alone[static_cast<std::size_t>(row)] = picker.pick(row, "x", 3);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int row = t; row < n; row += 4)
        together[static_cast<std::size_t>(row)] = picker.pick(row, "x", 3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(alone == together);
}

TEST_CASE("a pool is asked for label by label, every round in other words", "[demonstrations]") {
  const LabelSpace labels = colours();
  PromptTask task;
  task.labels = &labels;
  task.text_noun = "query";
  task.label_noun = "colour";
  std::set<std::string> asked;
  for (int label = 0; label < 2; ++label) {
    for (int round = 0; round < 12; ++round) {
      const Conversation conversation = pool_conversation(task, label, 10, round);
      REQUIRE(conversation.size() == 2);
      CHECK(conversation[0].role == Role::system);
      CHECK(conversation[1].role == Role::user);
      const std::string& ask = conversation[1].content;
      CHECK_THAT(ask, Contains("10 varied queries whose colour is \"" + labels.name(label) + "\""));
      CHECK_THAT(ask, Contains("JSON array of 10 strings"));
      CHECK((ask.find("like blood") != ask.npos) == (label == 0));
      asked.insert(ask);
      CHECK(conversation == pool_conversation(task, label, 10, round));
    }
  }
  CHECK(asked.size() == 24);
  CHECK_THAT(pool_conversation(task, 0, 1, -1)[1].content,
             Contains("1 varied query whose") && Contains("array of 1 string,"));
}

TEST_CASE("a pool's texts are read out of whatever a model replies", "[demonstrations]") {
  const std::vector<std::string> two{"Who am I?", "Where is \"Rome\"?"};
  for (const char* reply : {
           R"(["Who am I?", "Where is \"Rome\"?"])",
           "```json\n[\n  \"Who am I?\",\n  \"Where is \\\"Rome\\\"?\"\n]\n```",
           "Here are 2 examples:\n\n[\"Who am I?\", \"Where is \\\"Rome\\\"?\"]\nGood luck [all]!",
           R"({"examples": ["Who am I?", "Where is \"Rome\"?"]})",
           R"([{"text": "Who am I?", "label": "x"}, {"question": "Where is \"Rome\"?"}])",
           "{\"text\": \"Who am I?\"}\n{\"text\": \"Where is \\\"Rome\\\"?\"}\n",
           "\"Who am I?\"\n\"Where is \\\"Rome\\\"?\"",
           "\"Who am I?\",\n\"Where is \\\"Rome\\\"?\",",
           R"(["Who am I?", "Where is \"Rome\"?", "What)",
           "[\n\"Who am I?\",\n\"Where is \\\"Rome\\\"?\",\n\"What",
           "1. Who am I?\n2. Where is \"Rome\"?",
           "Sure! Here are some:\n\n1) Who am I?\n2) \"Where is \\\"Rome\\\"?\"\n\nI hope this "
           "helps!",
           "(1) Who am I?\r\n(2) Where is \"Rome\"?\r\n",
           "**1.** Who am I?\n**2.** Where is \"Rome\"?",
           "## Examples\n- Who am I?\n- Where is \"Rome\"?\n",
           "* Who am I?\n* Who am I?\n* Where is \"Rome\"?",
           "\xE2\x80\xA2 Who am I?\n\xE2\x80\xA2 Where is \"Rome\"?",
           "Example 1: Who am I?\nExample 2: Where is \"Rome\"?",
           "\xE2\x80\x9CWho am I?\xE2\x80\x9D\n\xE2\x80\x9CWhere is \"Rome\"?\xE2\x80\x9D",
           "Who am I?\n\nWhere is \"Rome\"?",
           "Certainly! Here you go:\nWho am I?\nWhere is \"Rome\"?\n---\nLet me know.",
           "[\" Who am I? \", \"\", \"  \", \"Who am I?\", \"Where is \\\"Rome\\\"?\"]",
           "1. **Who am I?**\n2. **Where is \"Rome\"?**",
           "- 'Who am I?'\n- 'Where is \"Rome\"?'",
           R"({"1": "Who am I?", "2": "Where is \"Rome\"?"})",
           "I'd be happy to help! Two questions it is.\n\nWho am I?\nWhere is \"Rome\"?",
           "<think>\nI could write [\"a draft\"].\n1. another\n</think>\n\n"
           "[\"Who am I?\", \"Where is \\\"Rome\\\"?\"]",
           "1. a draft\n</think>\n1. Who am I?\n2. Where is \"Rome\"?",
       }) {
    INFO(reply);
    CHECK(parse_pool_reply(reply) == two);
  }
  // Numbers and quotations that belong to a text.
  for (const char* text : {"3.14 is pi", "10:30 is late", "\"No\" and \"yes\"", "2001 was a film",
                           "Fifth of 5", "'Tis what 'tis'", "**No** and **yes**", "' '",
                           "\xE2\x80\x9CNo\xE2\x80\x9D and \xE2\x80\x9Cyes\xE2\x80\x9D"}) {
    CHECK(parse_pool_reply(std::string("1. ") + text) == std::vector<std::string>{text});
    CHECK(parse_pool_reply(text) == std::vector<std::string>{text});
  }
  for (const char* nothing : {"", " \n\r\n", "[]", "{}", "Here are 5 examples:", "```json\n```",
                              "[1, 2]", "[", "[\"", "\n\n-\n", "<think>\n1. a draft\n[\"b\"]"}) {
    INFO(nothing);
    CHECK(parse_pool_reply(nothing).empty());
  }
}

TEST_CASE("a pool's reply of any bytes is read in linear time", "[demonstrations]") {
  CounterRng rng(8, RandomPurpose::resampling);
  constexpr std::string_view alphabet = "[]{}\"\"\\\n\n ,,:-**''(1.ab#\xE2\x80\x9C\xFF";
  for (int round = 0; round < 20000; ++round) {
    std::string reply;
    for (std::uint32_t left = rng.below(40); left > 0; --left)
      reply += alphabet[rng.below(static_cast<std::uint32_t>(alphabet.size()))];
    const std::vector<std::string> texts = parse_pool_reply(reply);
    CHECK(std::set<std::string>(texts.begin(), texts.end()).size() == texts.size());
    for (const std::string& text : texts) {
      if (text.empty()) FAIL_CHECK("an empty text");
    }
  }
  for (const char* unit : {"[", "{\"a\":", "[\"", "\"", "\\\"", "((", "1. ", "\xE2\x80\x9C", "- \n",
                           "<think>", "</think>", "[\"a\",", "**", "a ", "\"a\",\n", "1. \"a\n"}) {
    INFO(unit);
    const auto seconds = [&](std::size_t bytes) {
      std::string reply;
      while (reply.size() < bytes) reply += unit;
      double least = 1e9;
      for (int again = 0; again < 3; ++again) {
        const auto begin = std::chrono::steady_clock::now();
        parse_pool_reply(reply);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        least = std::min(least, took.count());
      }
      return least;
    };
    // Sixteen times the bytes: 256 times the work if it were quadratic.
    CHECK(seconds(1 << 18) < 64 * seconds(1 << 14) + 0.02);
  }
}
