// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/token_estimate.hpp"

#include <random>

#include "candist/text/tokenizer_folder.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;

namespace {

LabelSpace some_labels() {
  LabelSpace labels;
  labels.add("sports");
  labels.add("business");
  return labels;
}

void expect_sound(const TokenEstimate& estimate) {
  CHECK(std::isfinite(estimate.expected));
  CHECK(estimate.low >= 0);
  CHECK(estimate.low <= estimate.expected);
  CHECK(estimate.expected <= estimate.high);
  CHECK(std::isfinite(estimate.high));
}

}  // namespace

TEST_CASE("texts count by their bytes where there is no tokenizer", "[token_estimate]") {
  const TokenEstimator estimator(some_labels());
  CHECK(estimator.text_tokens("") == 0);
  CHECK(estimator.text_tokens("a") == 1);
  CHECK(estimator.text_tokens(std::string(400, 'a')) == 100);
  CHECK(estimator.text_tokens("\xE4\xB8\xAD\xE6\x96\x87") == 2);
  CHECK(estimator.text_tokens("\xD0\xB4\xD0\xB0") == 1);
  CHECK(estimator.text_tokens("\xF0\x9F\x98\x80") == 2);
  CHECK(estimator.prompt_tokens({}) == TokenEstimator::tokens_a_reply);
  // More text and more messages never count less; any bytes will do.
  std::mt19937 random(3);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    Conversation conversation;
    std::int64_t tokens = 0;
    for (int i = 0; i < 60; ++i) {
      text += static_cast<char>(random());
      const std::int64_t longer = estimator.text_tokens(text);
      REQUIRE(longer >= tokens);
      tokens = longer;
      const std::int64_t before = estimator.prompt_tokens(conversation);
      conversation.push_back({Role::user, text});
      REQUIRE(estimator.prompt_tokens(conversation) >= before + TokenEstimator::tokens_a_message);
    }
  }
}

TEST_CASE("texts count by a tokenizer where there is one", "[token_estimate]") {
  testing::TemporaryFolder folder;
  folder.file("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\none\ntwo\n##s\n");
  const auto tokenizer = std::make_shared<const Tokenizer>(load_tokenizer(folder.path()));
  const TokenEstimator estimator(some_labels(), tokenizer);
  CHECK(estimator.text_tokens("one twos one") == 4);
  CHECK(estimator.text_tokens("") == 0);
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "one ";
  CHECK(estimator.text_tokens(many) == 3000);  // not cut off where an encoder's input is
}

TEST_CASE("before the first reply there is a guess, and at zero no NaN", "[token_estimate]") {
  for (const bool labelled : {false, true}) {
    TokenEstimator estimator(labelled ? some_labels() : LabelSpace());
    CHECK(estimator.ratio() == 1.0);
    CHECK(estimator.mean_completion() >= 8);
    for (int replies = 0; replies < 4; ++replies) {
      for (const std::int64_t requests : {0, 1, 1000}) {
        const CostEstimate estimate = estimator.estimate(requests, requests * 50);
        expect_sound(estimate.prompt_tokens);
        expect_sound(estimate.completion_tokens);
        if (requests == 0) {
          CHECK(estimate.prompt_tokens.high == 0);
          CHECK(estimate.completion_tokens.high == 0);
        }
      }
      expect_sound(estimator.estimate(5, 0).prompt_tokens);
      estimator.observe(50, {55, 0, 0});
    }
    CHECK(estimator.observed() == 4);
    estimator.observe(50, {});  // a server that tells no usage
    estimator.observe(0, {5, 5, 0});
    CHECK(estimator.observed() == 4);
  }
}

TEST_CASE("more requests cost more", "[token_estimate]") {
  TokenEstimator estimator(some_labels());
  for (const int replies : {0, 1, 30}) {
    while (estimator.observed() < replies)
      estimator.observe(40 + estimator.observed(), {50 + estimator.observed() % 5, 7, 0});
    CostEstimate before = estimator.estimate(0, 0);
    for (std::int64_t requests = 1; requests < 2000; requests *= 3) {
      const CostEstimate more = estimator.estimate(requests, requests * 45);
      CHECK(more.prompt_tokens.expected > before.prompt_tokens.expected);
      CHECK(more.completion_tokens.expected > before.completion_tokens.expected);
      CHECK(more.prompt_tokens.high > before.prompt_tokens.high);
      before = more;
    }
  }
}

TEST_CASE("after some replies the estimate is unbiased, and mostly within its bounds",
          "[token_estimate]") {
  std::mt19937 random(5);
  constexpr int trials = 400;
  constexpr int replies = 40;
  constexpr int requests = 500;
  double relative_prompt = 0;
  double relative_completion = 0;
  int prompt_inside = 0;
  int completion_inside = 0;
  for (int trial = 0; trial < trials; ++trial) {
    TokenEstimator estimator(some_labels());
    std::lognormal_distribution<double> length(4.5, 0.5);
    std::normal_distribution<double> noise(1.32, 0.1);
    std::geometric_distribution<std::int64_t> answer(0.1);
    std::int64_t counted = 0;
    Usage real;
    for (int i = 0; i < replies + requests; ++i) {
      const auto estimated = static_cast<std::int64_t>(length(random)) + 10;
      const auto prompt =
          std::max<std::int64_t>(1, std::llround(static_cast<double>(estimated) * noise(random)));
      const Usage usage{prompt, answer(random) + 2, 0};
      if (i < replies) {
        estimator.observe(estimated, usage);
      } else {
        counted += estimated;
        real += usage;
      }
    }
    const CostEstimate estimate = estimator.estimate(requests, counted);
    const auto prompt = static_cast<double>(real.prompt_tokens);
    const auto completion = static_cast<double>(real.completion_tokens);
    relative_prompt += estimate.prompt_tokens.expected / prompt / trials;
    relative_completion += estimate.completion_tokens.expected / completion / trials;
    prompt_inside += estimate.prompt_tokens.low <= prompt && prompt <= estimate.prompt_tokens.high;
    completion_inside += estimate.completion_tokens.low <= completion &&
                         completion <= estimate.completion_tokens.high;
  }
  // Standard errors of these means: the ratio strays by about 1.5 % a trial, the mean reply by 14 %.
  CHECK(relative_prompt == Approx(1.0).margin(5 * 0.015 / 20));
  CHECK(relative_completion == Approx(1.0).margin(5 * 0.14 / 20));
  // Two standard errors hold 95 % of the time; skewed replies cost a little.
  CHECK(prompt_inside >= trials * 0.90);
  CHECK(completion_inside >= trials * 0.88);
  CHECK(prompt_inside < trials);  // bounds that always hold would be too wide
  CHECK(completion_inside < trials);
}
