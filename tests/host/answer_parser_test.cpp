// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/answer_parser.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "support/catch.hpp"

using namespace candist;

namespace {

std::filesystem::path replies() {
  return std::filesystem::path(CANDIST_EXAMPLES_DATA) / "../../tests/fixtures/replies";
}

LabelSpace wordnet() {
  return read_labels(std::filesystem::path(CANDIST_EXAMPLES_DATA) / "wordnet/labels.json");
}

LabelSpace space_of(const std::string& name) {
  return name == "wordnet" ? wordnet() : read_labels(replies() / (name + ".labels.json"));
}

AnswerForm form_of(const std::string& name) {
  return name == "one" ? AnswerForm::one : name == "set" ? AnswerForm::set : AnswerForm::ordered;
}

std::vector<std::string> names(const ParsedAnswer& answer, const LabelSpace& labels) {
  std::vector<std::string> result;
  for (const std::int32_t label : answer.labels) result.push_back(labels.name(label));
  return result;
}

void check_mentions(const ParsedAnswer& answer, std::string_view reply) {
  REQUIRE(answer.mentions.size() == answer.labels.size());
  for (std::size_t i = 0; i < answer.labels.size(); ++i) {
    REQUIRE(answer.mentions[i].label == answer.labels[i]);
    REQUIRE(answer.mentions[i].begin < answer.mentions[i].end);
    REQUIRE(answer.mentions[i].end <= reply.size());
  }
}

/// `count` different labels in random order.
std::vector<std::int32_t> draw(std::mt19937& random, int classes, int count) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(classes));
  std::iota(all.begin(), all.end(), 0);
  std::shuffle(all.begin(), all.end(), random);
  all.resize(static_cast<std::size_t>(count));
  return all;
}

std::string join(const std::vector<std::string>& parts, const std::string& between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

/// Ways in which models write a list of labels.
std::vector<std::string> written(const std::vector<std::string>& labels) {
  std::string bullets;
  std::string numbered;
  std::string explained;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    bullets += "- " + labels[i] + "\n";
    numbered += std::to_string(i + 1) + ". **" + labels[i] + "**\n";
    explained += "* " + labels[i] + ": because a person has the time to act\n";
  }
  return {
      nlohmann::json{{"labels", labels}}.dump(),
      "```json\n" + nlohmann::json(labels).dump(2) + "\n```",
      join(labels, ", "),
      join(labels, "\n"),
      join(labels, "; ") + ".",
      bullets,
      numbered,
      explained,
      "Here is what may fit:\n\n" + bullets,
      "The possible labels are " + join(labels, ", ") + ".",
      "It takes thought, as a person or an event may be meant.\n\nAnswer: " + join(labels, ", "),
      "<think>act, animal or food?</think>" + join(labels, " and ")};
}

}  // namespace

TEST_CASE("every reply of the corpus is read as a person reads it", "[answer_parser]") {
  std::size_t lines = 0;
  for (const std::string space : {"wordnet", "trec", "intent"}) {
    const LabelSpace labels = space_of(space);
    const AnswerParser parser(labels);
    std::ifstream file(replies() / (space + ".jsonl"));
    for (std::string line; std::getline(file, line); ++lines) {
      const nlohmann::json entry = nlohmann::json::parse(line);
      const std::string reply = entry["reply"];
      const ParsedAnswer answer = parser.parse(reply, form_of(entry["form"]));
      INFO(line << "\nproblem: " << answer.problem);
      check_mentions(answer, reply);
      if (entry.contains("expected")) {
        CHECK(answer.read());
        CHECK(names(answer, labels) == entry["expected"].get<std::vector<std::string>>());
      } else {
        CHECK_FALSE(answer.read());
        CHECK(answer.labels.empty());
        CHECK_NOTHROW(nlohmann::json(answer.problem).dump());
      }
    }
  }
  CHECK(lines >= 220);
}

TEST_CASE("any subset in any order is read from every way of writing it", "[answer_parser]") {
  std::mt19937 random(1);
  for (const std::string space : {"wordnet", "trec", "intent"}) {
    const LabelSpace labels = space_of(space);
    const AnswerParser parser(labels);
    for (int round = 0; round < 150; ++round) {
      const int count = 1 + static_cast<int>(random() % 5);
      const std::vector<std::int32_t> drawn = draw(random, labels.size(), count);
      std::vector<std::string> texts;
      for (const std::int32_t label : drawn) texts.push_back(labels.name(label));
      const std::vector<std::string> ways = written(texts);
      for (std::size_t way = 0; way < ways.size(); ++way) {
        const ParsedAnswer answer = parser.parse(ways[way], AnswerForm::ordered);
        INFO(ways[way] << "\nproblem: " << answer.problem);
        CHECK(answer.labels == drawn);
        check_mentions(answer, ways[way]);
        // Of the names themselves, the mentions are the bytes.
        for (std::size_t i = 0; i < answer.labels.size(); ++i) {
          const auto& mention = answer.mentions[i];
          CHECK(ways[way].substr(mention.begin, mention.end - mention.begin) == texts[i]);
        }
        const ParsedAnswer one = parser.parse(ways[way], AnswerForm::one);
        CHECK(one.read() == (count == 1));
      }
    }
  }
}

TEST_CASE("case, punctuation, width, white space and markup change nothing", "[answer_parser]") {
  std::mt19937 random(2);
  for (const std::string space : {"wordnet", "trec", "intent"}) {
    const LabelSpace labels = space_of(space);
    const AnswerParser parser(labels);
    for (int round = 0; round < 100; ++round) {
      const std::vector<std::int32_t> drawn = draw(random, labels.size(), 3);
      std::vector<std::string> texts;
      for (const std::int32_t label : drawn) {
        std::string changed;
        for (const char c : labels.name(label)) {
          const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
          switch (random() % 3) {
            case 0:
              changed += letter ? static_cast<char>(c ^ 0x20) : '_';
              break;
            case 1:  // full width
              if (letter) {
                append_code_point(static_cast<char32_t>(c) - 0x21 + 0xFF01, changed);
              } else {
                changed += '-';
              }
              break;
            default:
              changed += c;
          }
        }
        texts.push_back(changed);
      }
      const std::string reply = join(texts, ", ");
      for (const auto& [before, behind] :
           std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                            {"  \n\t", "\n\n  "},
                                                            {"**", "**"},
                                                            {"```\n", "\n```"},
                                                            {"> ", "\n"},
                                                            {"\"", "\""},
                                                            {"<answer>", "</answer>"},
                                                            {"Answer: ", "."},
                                                            {"# ", ""},
                                                            {"(", ")"},
                                                            {"\xEF\xBB\xBF", "<|im_end|>"},
                                                            {"<think>food</think>\n", ""}}) {
        INFO(before + reply + behind);
        CHECK(parser.parse(before + reply + behind, AnswerForm::set).labels == drawn);
      }
    }
  }
}

TEST_CASE("numbers count as labels only where they are wanted", "[answer_parser]") {
  const LabelSpace labels = wordnet();
  const AnswerParser numbers(labels);
  const AnswerParser none(labels, {.numbers = LabelNumbers::ignored, .aliases = {}});
  for (std::int32_t label = 0; label < labels.size(); ++label) {
    const std::string number = std::to_string(label + 1);
    for (const std::string& reply :
         std::vector<std::string>{number, "Label " + number, "#" + number, "(" + number + ")",
                                  "{\"label\": " + number + "}", "The answer is " + number + "."}) {
      INFO(reply);
      CHECK(numbers.parse(reply, AnswerForm::one).labels == std::vector{label});
      CHECK_FALSE(none.parse(reply, AnswerForm::one).read());
    }
  }
  LabelSpace stars;
  for (const char* name : {"5", "4", "3", "2", "1"}) stars.add(name);
  CHECK(AnswerParser(stars).parse("4", AnswerForm::one).labels == std::vector<std::int32_t>{1});
  CHECK(AnswerParser(stars).parse("The answer is 2.", AnswerForm::one).labels ==
        std::vector<std::int32_t>{3});
}

TEST_CASE("descriptions count as names only where they are wanted", "[answer_parser]") {
  LabelSpace labels;
  labels.add("LOC", "locations");
  labels.add("HUM", "human beings");
  const AnswerParser none(labels, {.aliases = {.descriptions = LabelDescriptions::ignored}});
  CHECK(AnswerParser(labels).parse("a human being", AnswerForm::one).labels ==
        std::vector<std::int32_t>{1});
  CHECK_FALSE(none.parse("a human being", AnswerForm::one).read());
  CHECK(none.parse("HUM", AnswerForm::one).labels == std::vector<std::int32_t>{1});
}

TEST_CASE("only labels that were offered may be answered", "[answer_parser]") {
  const LabelSpace labels = wordnet();
  const AnswerParser parser(labels);
  const std::vector<std::int32_t> offered{*labels.find("food"), *labels.find("animal")};
  CHECK(parser.parse("animal", AnswerForm::one, offered).labels == std::vector{offered[1]});
  CHECK(parser.parse("1", AnswerForm::one, offered).labels == std::vector{offered[0]});
  const ParsedAnswer other = parser.parse("plant", AnswerForm::one, offered);
  CHECK(other.problem == "the label \"plant\" was not offered");
  CHECK(parser.parse("Between food and animal, I choose food.", AnswerForm::one, offered).labels ==
        std::vector{offered[0]});
  CHECK_FALSE(parser.parse("food, animal", AnswerForm::set, offered).read());  // the list again
}

TEST_CASE("labels that differ in signs, case or a plural are told apart", "[answer_parser]") {
  LabelSpace labels;
  for (const char* name :
       {"C", "C++", "C#", "US", "us", "transfer", "transfers", "+", "动物", "植物"})
    labels.add(name);
  const AnswerParser parser(labels);
  for (std::int32_t label = 0; label < labels.size(); ++label) {
    INFO(labels.name(label));
    CHECK(parser.parse(labels.name(label), AnswerForm::one).labels == std::vector{label});
    CHECK(parser.parse("[\"" + labels.name(label) + "\"]", AnswerForm::set).labels ==
          std::vector{label});
  }
  CHECK(names(parser.parse("C++, C", AnswerForm::set), labels) ==
        std::vector<std::string>{"C++", "C"});
  CHECK(names(parser.parse("答案是动物。", AnswerForm::one), labels) ==
        std::vector<std::string>{"动物"});
}

TEST_CASE("a problem says what was found", "[answer_parser]") {
  const AnswerParser parser(wordnet());
  CHECK(parser.parse("vehicle", AnswerForm::one).problem ==
        "the answer \"vehicle\" is none of the labels");
  CHECK(parser.parse("act or event", AnswerForm::one).problem ==
        "the reply names 2 labels where one is asked");
  CHECK(parser.parse("", AnswerForm::set).problem == "the reply is empty");
  CHECK(parser.parse("all of the above", AnswerForm::set).problem == "the reply names all labels");
  CHECK(parser.parse(std::string(5000, 'x'), AnswerForm::set).problem.size() < 200);
}

TEST_CASE("random bytes and cut or mixed replies break nothing", "[answer_parser]") {
  std::mt19937 random(3);
  const LabelSpace labels = space_of("intent");
  const AnswerParser parser(labels);
  const std::vector<std::string> pieces{"card",     "not ",     "working", "{\"labels\": [",
                                        "\"]",      "}",        "- ",      "\n",
                                        "1. ",      "Answer: ", "(",       ")",
                                        "transfer", "\\u",      "<think>", "</think>",
                                        "\xE5",     "，",       "no ",     "&",
                                        "'",        "or ",      "other ",  ": "};
  for (int round = 0; round < 60000; ++round) {
    std::string reply;
    for (std::size_t i = random() % 24; i > 0; --i) {
      if (round % 2 == 0) {
        reply += static_cast<char>(random());
      } else {
        reply += pieces[random() % pieces.size()];
      }
    }
    const ParsedAnswer answer = parser.parse(reply, AnswerForm::set);
    REQUIRE(answer.read() == !answer.labels.empty());
    check_mentions(answer, reply);
  }
}

TEST_CASE("eight megabytes of anything are read within seconds", "[answer_parser]") {
  const LabelSpace labels = space_of("intent");
  const AnswerParser parser(labels);
  for (const std::string unit : {"(",
                                 "[",
                                 "{\"a\":",
                                 "\"",
                                 "lost or stolen ",
                                 "card ",
                                 "not ",
                                 "transfer,",
                                 "- \n",
                                 "<think>",
                                 "</think>",
                                 "\\",
                                 "\xCC\x81",
                                 "&",
                                 "a'",
                                 "answer: ",
                                 "1.",
                                 "[\"x\",",
                                 "or transfer ",
                                 "...",
                                 "x"}) {
    std::string reply;
    reply.reserve(std::size_t{8} << 20);
    while (reply.size() + unit.size() <= std::size_t{8} << 20) reply += unit;
    INFO(unit);
    const ParsedAnswer answer = parser.parse(reply, AnswerForm::set);
    CHECK(answer.problem.size() < 1000);
  }
}
