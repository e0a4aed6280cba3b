// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/candidate_weights.hpp"

#include <cmath>
#include <numeric>
#include <random>

#include "support/catch.hpp"

using namespace candist;

namespace {

LabelSpace labels() {
  LabelSpace space;
  for (const char* name : {"act", "animal", "card arrival", "card not working", "event"})
    space.add(name);
  return space;
}

}  // namespace

TEST_CASE("a candidate's weight is the probability of its tokens", "[candidate_weights]") {
  const AnswerParser parser(labels());
  const std::string reply = "card arrival, act, event";
  const ParsedAnswer answer = parser.parse(reply, AnswerForm::set);
  REQUIRE(answer.labels.size() == 3);
  const std::vector<TokenLogprob> tokens{
      {"card", std::log(0.5), {}}, {" arr", std::log(0.8), {}}, {"ival", std::log(1.0), {}},
      {",", std::log(0.1), {}},    {" act", std::log(0.2), {}}, {",", std::log(0.3), {}},
      {" ev", std::log(0.4), {}},  {"ent", std::log(0.5), {}},  {"<|im_end|>", -0.1, {}}};
  const std::vector<float> weights = candidate_weights(answer, reply, tokens);
  REQUIRE(weights.size() == 3);
  CHECK(weights[0] == Approx(0.4 / 0.8));
  CHECK(weights[1] == Approx(0.2 / 0.8));
  CHECK(weights[2] == Approx(0.2 / 0.8));
}

TEST_CASE("weights are positive and sum to one, however the reply is cut", "[candidate_weights]") {
  std::mt19937 random(7);
  const AnswerParser parser(labels());
  const std::string reply = "1. act\n2. card not working\n3. event\n";
  const ParsedAnswer answer = parser.parse(reply, AnswerForm::ordered);
  REQUIRE(answer.labels.size() == 3);
  for (int round = 0; round < 500; ++round) {
    std::vector<TokenLogprob> tokens;
    for (std::size_t at = 0; at < reply.size();) {
      const std::size_t length = 1 + random() % 6;
      const double logprob = -std::pow(10.0, static_cast<double>(random() % 7) - 2.0);
      tokens.push_back({reply.substr(at, length), logprob, {}});
      at += length;
    }
    const std::vector<float> weights = candidate_weights(answer, reply, tokens);
    REQUIRE(weights.size() == 3);
    for (const float weight : weights) CHECK(weight > 0.0f);
    CHECK(std::accumulate(weights.begin(), weights.end(), 0.0f) == Approx(1.0f));
    // The odds of two candidates do not know what else was written.
    double first = 0.0;
    std::size_t at = 0;
    for (const TokenLogprob& token : tokens) {
      const bool overlaps =
          at < answer.mentions[0].end && at + token.token.size() > answer.mentions[0].begin;
      if (overlaps) first += token.logprob;
      at += token.token.size();
    }
    auto changed = tokens;
    changed.front().logprob -= answer.mentions[0].begin >= changed.front().token.size() ? 5.0 : 0.0;
    CHECK(candidate_weights(answer, reply, changed) == weights);
    if (first == 0.0) FAIL("a mention without tokens");
  }
}

TEST_CASE("tokens that do not spell the reply give no weights", "[candidate_weights]") {
  const AnswerParser parser(labels());
  const ParsedAnswer answer = parser.parse("act", AnswerForm::one);
  const auto weights = [&](std::vector<TokenLogprob> tokens) {
    return candidate_weights(answer, "act", tokens);
  };
  CHECK(weights({{"act", -1.0, {}}}) == std::vector<float>{1.0f});
  CHECK(weights({{"act", -std::numeric_limits<double>::infinity(), {}}}) ==
        std::vector<float>{1.0f});
  CHECK(weights({{"", -1.0, {}}, {"ac", -1.0, {}}, {"t", -1.0, {}}}).size() == 1);
  CHECK(weights({}).empty());
  CHECK(weights({{"ac", -1.0, {}}}).empty());
  CHECK(weights({{" act", -1.0, {}}}).empty());
  CHECK(weights({{"acts", -1.0, {}}}).empty());
  CHECK(weights({{"act", std::nan(""), {}}}).empty());
  CHECK(candidate_weights(parser.parse("car", AnswerForm::one), "car",
                          std::vector<TokenLogprob>{{"car", -1.0, {}}})
            .empty());
}

TEST_CASE("alternatives are tokens that begin one label only", "[candidate_weights]") {
  const LabelSpace space = labels();
  const AnswerParser parser(space);
  const std::string reply = "The answer is act.";
  const ParsedAnswer answer = parser.parse(reply, AnswerForm::one);
  REQUIRE(answer.labels.size() == 1);
  const std::vector<TokenLogprob> tokens{{"The answer is", -0.1, {}},
                                         {" act",
                                          std::log(0.5),
                                          {{" act", std::log(0.5)},
                                           {" event", std::log(0.1)},
                                           {" an", std::log(0.15)},
                                           {" animal", std::log(0.05)},
                                           {" card", std::log(0.1)},  // two labels begin so
                                           {" a", std::log(0.05)},
                                           {" vehicle", std::log(0.02)},
                                           {" \"", std::log(0.02)}}},
                                         {".", -0.1, {}}};
  const auto alternatives = alternative_labels(answer, reply, tokens, space);
  REQUIRE(alternatives.size() == 3);
  CHECK(space.name(alternatives[0].label) == "act");  // the answer
  CHECK(alternatives[0].logprob == Approx(std::log(0.5)));
  CHECK(space.name(alternatives[1].label) == "animal");
  CHECK(alternatives[1].logprob == Approx(std::log(0.2)));
  CHECK(space.name(alternatives[2].label) == "event");
  CHECK(alternatives[2].logprob == Approx(std::log(0.1)));
  // A first token that holds other words tells nothing.
  CHECK(alternative_labels(answer, reply,
                           std::vector<TokenLogprob>{{reply, -1.0, {{" event", -2.0}}}}, space)
            .empty());
}
