// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// How many tokens an annotation will be billed for, before and while it runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/chat_completion.hpp"
#include "candist/chat/message.hpp"
#include "candist/data/label_space.hpp"
#include "candist/text/tokenizer.hpp"

namespace candist {

/// Tokens to come: what is expected, and from where to where it may lie.
struct TokenEstimate {
  double expected = 0;
  double low = 0;
  double high = 0;
};

/// Prompt and completion tokens to come.
struct CostEstimate {
  TokenEstimate prompt_tokens;
  TokenEstimate completion_tokens;
};

/// Counts the tokens of prompts, and learns from replies how the endpoint's counts differ. Not for
/// several threads while observe() runs.
class TokenEstimator {
 public:
  /// Of one message: role and separators of a chat template; and of the turn that the template opens
  /// for the reply. As OpenAI counts for its chat models ("How to count tokens with tiktoken").
  static constexpr std::int64_t tokens_a_message = 4;
  static constexpr std::int64_t tokens_a_reply = 3;

  /// With a tokenizer texts count by it, else by their bytes: four of ASCII a token, two of the other
  /// characters of two bytes (Cyrillic, Arabic), one of those of three (Chinese, Hindi), half an
  /// emoji.
  explicit TokenEstimator(const LabelSpace& labels,
                          std::shared_ptr<const Tokenizer> tokenizer = nullptr)
      : tokenizer_(std::move(tokenizer)), guessed_reply_(guess_reply(labels)) {}

  /// Of a text alone, as counted here.
  std::int64_t text_tokens(std::string_view text) const;
  /// Of a prompt, as counted here: not calibrated, hence independent of what was observed.
  std::int64_t prompt_tokens(const Conversation& conversation) const;

  /// A reply: what prompt_tokens() said of its conversation, and what was billed. Replies whose
  /// usage was not told (all zeros) teach nothing.
  void observe(std::int64_t estimated_prompt, const Usage& billed);
  /// Replies learned from.
  std::int64_t observed() const { return static_cast<std::int64_t>(replies_); }
  /// Billed prompt tokens for one counted here: the ratio of the sums; 1 before the first reply.
  double ratio() const { return counted_ > 0 ? billed_ / counted_ : 1.0; }
  /// Tokens of a reply: their mean; before the first reply twice the mean name of a label plus 8 (an
  /// answer of about two labels, and what stands around them). Reasoning models need many times
  /// that, which the first replies tell.
  double mean_completion() const { return replies_ > 0 ? completion_ / replies_ : guessed_reply_; }

  /// Of `requests` still to be sent whose prompt_tokens() sum to `counted`. From two replies on, low
  /// and high lie two standard errors away (ratio estimator, Cochran, Sampling Techniques 1977,
  /// chapter 6), where the replies so far are a random part of all; before, at half and twice.
  CostEstimate estimate(std::int64_t requests, std::int64_t counted) const;

 private:
  double guess_reply(const LabelSpace& labels) const;
  static TokenEstimate between(double expected, double error) {
    return {expected, std::max(0.0, expected - error), expected + error};
  }

  std::shared_ptr<const Tokenizer> tokenizer_;
  double guessed_reply_;
  double replies_ = 0;
  double counted_ = 0;  ///< sums over the replies, of tokens and of their products
  double billed_ = 0;
  double completion_ = 0;
  double counted_counted_ = 0;
  double counted_billed_ = 0;
  double billed_billed_ = 0;
  double completion_completion_ = 0;
};

// ---- definitions

inline std::int64_t TokenEstimator::text_tokens(std::string_view text) const {
  if (tokenizer_ != nullptr) {
    thread_local std::vector<std::int32_t> ids;
    ids.clear();
    tokenizer_->encode_bare(text, ids);
    return static_cast<std::int64_t>(ids.size());
  }
  std::int64_t quarters = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    quarters += byte < 0x80 ? 1 : byte < 0xC0 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 4 : 8;
  }
  return (quarters + 3) / 4;
}

inline std::int64_t TokenEstimator::prompt_tokens(const Conversation& conversation) const {
  std::int64_t tokens = tokens_a_reply;
  for (const Message& message : conversation)
    tokens += tokens_a_message + text_tokens(message.content);
  return tokens;
}

inline void TokenEstimator::observe(std::int64_t estimated_prompt, const Usage& billed) {
  if (billed.prompt_tokens <= 0 || estimated_prompt <= 0) return;
  const auto counted = static_cast<double>(estimated_prompt);
  const auto prompt = static_cast<double>(billed.prompt_tokens);
  const auto completion = static_cast<double>(billed.completion_tokens);
  replies_ += 1;
  counted_ += counted;
  billed_ += prompt;
  completion_ += completion;
  counted_counted_ += counted * counted;
  counted_billed_ += counted * prompt;
  billed_billed_ += prompt * prompt;
  completion_completion_ += completion * completion;
}

inline CostEstimate TokenEstimator::estimate(std::int64_t requests, std::int64_t counted) const {
  const auto n = static_cast<double>(std::max<std::int64_t>(requests, 0));
  const double prompt = ratio() * static_cast<double>(std::max<std::int64_t>(counted, 0));
  const double completion = mean_completion() * n;
  if (replies_ < 2 || n == 0) {
    return {{prompt, prompt / 2, prompt * 2}, {completion, completion / 2, completion * 2}};
  }
  const double r = ratio();
  const double prompt_squares = billed_billed_ - 2 * r * counted_billed_ + r * r * counted_counted_;
  const double completion_squares = completion_completion_ - completion_ * completion_ / replies_;
  // Each request to come strays by itself, and all together by the error of the mean.
  const auto two_errors = [&](double squares, double scale) {
    const double variance = std::max(0.0, squares) / (replies_ - 1);
    return 2 * std::sqrt(variance * (n + scale * scale / replies_));
  };
  const double mean_counted = counted_ / replies_;
  return {between(prompt, two_errors(prompt_squares, static_cast<double>(counted) / mean_counted)),
          between(completion, two_errors(completion_squares, n))};
}

inline double TokenEstimator::guess_reply(const LabelSpace& labels) const {
  double names = 0;
  for (int label = 0; label < labels.size(); ++label)
    names += static_cast<double>(text_tokens(labels.name(label)));
  return 8 + (labels.size() > 0 ? 2 * names / labels.size() : 0.0);
}

}  // namespace candist
