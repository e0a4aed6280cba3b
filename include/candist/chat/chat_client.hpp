// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Many questions to one endpoint: parallel, within the limits, asked again after a failure that can
// heal.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "candist/chat/chat_completion.hpp"
#include "candist/chat/rate_limiter.hpp"
#include "candist/chat/retry_policy.hpp"
#include "candist/chat/transport.hpp"
#include "candist/error.hpp"

namespace candist {

struct ChatClientOptions {
  int concurrency = 16;            ///< questions under way at most
  double requests_per_minute = 0;  ///< 0: no limit of ours
  double tokens_per_minute = 0;    ///< prompt and completion; 0: no limit of ours
  RetryPolicy::Options retry{};
  std::uint64_t seed = 1;  ///< of the waits between tries
  const std::atomic<bool>* stop =
      nullptr;  ///< set: send nothing new, take what is under way, return
};

/// What happened on the wire.
struct ChatTraffic {
  std::int64_t requests = 0;      ///< bodies sent, retries among them
  std::int64_t retries = 0;       ///< sent again after a failure
  std::int64_t rate_limited = 0;  ///< answers of status 429
};

/// One question: a body to post, and what it may cost.
struct ChatQuestion {
  std::uint64_t key = 0;  ///< the caller's own
  std::string body;
  double tokens = 0;  ///< of prompt and completion, as estimated
};

/// Asks the questions of a source until it has no more.
template <Transport T>
class ChatClient {
 public:
  ChatClient(T transport, ChatClientOptions options)
      : transport_(std::move(transport)),
        options_(options),
        limiter_(options.requests_per_minute, options.tokens_per_minute),
        retry_(options.retry) {}

  /// `next()` gives an optional question; empty means none now, and it is asked again after every
  /// reply, which may bring new ones. `replied(key, reply)` and `failed(key, reason)` end a question.
  /// Returns when nothing is under way and there is no next question. Throws InputError where the
  /// endpoint refuses key, model or path, RunError where it cannot be reached; before that, replies
  /// under way have been taken.
  template <class Next, class Replied, class Failed>
  void run(Next&& next, Replied&& replied, Failed&& failed);

  const ChatTraffic& traffic() const { return traffic_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Asked {
    ChatQuestion question;
    int attempt = 0;  ///< tries before this one
  };
  struct Waiting {
    Clock::time_point due;
    std::uint64_t ticket;
    bool operator<(const Waiting& other) const { return due > other.due; }  // soonest on top
  };
  struct GivenUp {
    bool callers_fault;
    std::string reason;
  };

  bool stopped() const { return given_up_ || (options_.stop != nullptr && options_.stop->load()); }
  template <class Next>
  void send_what_may_go(Next&& next);
  template <class Replied, class Failed>
  void take(HttpAnswer&& answer, Replied&& replied, Failed&& failed);
  void try_again(std::uint64_t ticket, Asked asked, double retry_after);
  static std::string reason_of(const HttpAnswer& answer);

  T transport_;
  ChatClientOptions options_;
  RateLimiter limiter_;
  RetryPolicy retry_;
  ChatTraffic traffic_;
  std::unordered_map<std::uint64_t, Asked> under_way_;  ///< posted, by ticket
  std::unordered_map<std::uint64_t, Asked> resting_;    ///< to be posted again, by ticket
  std::priority_queue<Waiting> due_;
  std::optional<ChatQuestion> held_;  ///< next in line, but the limits say wait
  std::optional<GivenUp> given_up_;
  Clock::duration pause_{};
  std::uint64_t tickets_ = 0;
  int failed_in_a_row_ = 0;
  bool reached_ = false;     ///< the endpoint has answered before
  bool source_dry_ = false;  ///< next() had nothing when last asked
};

// ---- definitions

template <Transport T>
template <class Next, class Replied, class Failed>
void ChatClient<T>::run(Next&& next, Replied&& replied, Failed&& failed) {
  // Ctrl-C is seen at the latest after this; nothing else needs it.
  constexpr std::chrono::milliseconds longest_wait{100};
  std::vector<HttpAnswer> answers;
  while (true) {
    send_what_may_go(next);
    if (under_way_.empty() && (stopped() || (!held_ && due_.empty()))) break;
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(pause_);
    answers.clear();
    transport_.wait(std::clamp(pause, std::chrono::milliseconds{1}, longest_wait), answers);
    for (HttpAnswer& answer : answers) take(std::move(answer), replied, failed);
  }
  if (!given_up_) return;
  if (given_up_->callers_fault) throw InputError(given_up_->reason);
  throw RunError(given_up_->reason);
}

template <Transport T>
template <class Next>
void ChatClient<T>::send_what_may_go(Next&& next) {
  pause_ = Clock::duration::max();
  while (!stopped() && under_way_.size() < static_cast<std::size_t>(options_.concurrency)) {
    const Clock::time_point now = Clock::now();
    const bool again = !due_.empty() && due_.top().due <= now;
    if (!again && !due_.empty()) pause_ = std::min(pause_, due_.top().due - now);
    if (!again && !held_) source_dry_ = !(held_ = next());
    if (!again && !held_) return;
    const std::uint64_t ticket = again ? due_.top().ticket : ++tickets_;
    const double tokens = again ? resting_.at(ticket).question.tokens : held_->tokens;
    if (const Clock::duration delay = limiter_.delay(now, tokens);
        delay > Clock::duration::zero()) {
      pause_ = std::min(pause_, delay);
      return;
    }
    limiter_.spend(now, tokens);
    Asked asked;
    if (again) {
      asked = std::move(resting_.at(ticket));
      resting_.erase(ticket);
      due_.pop();
      ++traffic_.retries;
    } else {
      asked.question = *std::exchange(held_, std::nullopt);
    }
    ++traffic_.requests;
    transport_.post(ticket, asked.question.body);
    under_way_.emplace(ticket, std::move(asked));
  }
}

template <Transport T>
template <class Replied, class Failed>
void ChatClient<T>::take(HttpAnswer&& answer, Replied&& replied, Failed&& failed) {
  const auto found = under_way_.find(answer.ticket);
  Asked asked = std::move(found->second);
  under_way_.erase(found);
  if (answer.status == 429) {
    ++traffic_.rate_limited;
    if (answer.retry_after > 0)
      limiter_.hold_until(Clock::now() + RetryPolicy::duration(answer.retry_after));
  }
  reached_ = reached_ || answer.status > 0;
  RetryPolicy::Verdict verdict = retry_.verdict(answer, asked.attempt);
  // A name that was found before will be found again.
  if (answer.failure == HttpAnswer::Failure::unresolved && reached_ &&
      asked.attempt < options_.retry.retries)
    verdict = RetryPolicy::Verdict::retry;
  std::string reason;
  std::optional<ChatReply> reply;
  if (verdict == RetryPolicy::Verdict::accept) {
    try {
      reply = parse_chat_reply(answer.body);
    } catch (const ReplyError& error) {  // a body that is no chat completion: like a lost answer
      reason = error.what();
      verdict = asked.attempt < options_.retry.retries ? RetryPolicy::Verdict::retry
                                                       : RetryPolicy::Verdict::give_up_text;
    }
  } else {
    reason = reason_of(answer);
  }
  if (reply) {
    const std::int64_t used = reply->usage.prompt_tokens + reply->usage.completion_tokens;
    if (used > 0) limiter_.correct(asked.question.tokens, static_cast<double>(used));
    failed_in_a_row_ = 0;
    replied(asked.question.key, *reply);
    return;
  }
  switch (verdict) {
    case RetryPolicy::Verdict::retry:
      try_again(answer.ticket, std::move(asked), answer.retry_after);
      break;
    case RetryPolicy::Verdict::give_up_run:
      if (!given_up_) given_up_ = GivenUp{answer.status >= 400 && answer.status < 500, reason};
      break;
    default:
      failed(asked.question.key, reason);
      // One text that the endpoint chokes on is that text's trouble; as many in a row as are under
      // way at once are the endpoint's. At the end only those are left that failed before.
      if (++failed_in_a_row_ > options_.concurrency && !source_dry_ && !given_up_)
        given_up_ = GivenUp{false, std::to_string(failed_in_a_row_) +
                                       " texts in a row failed, the last with: " + reason};
  }
}

template <Transport T>
void ChatClient<T>::try_again(std::uint64_t ticket, Asked asked, double retry_after) {
  const auto delay = retry_.delay(options_.seed, ticket, asked.attempt, retry_after);
  ++asked.attempt;
  resting_.emplace(ticket, std::move(asked));
  due_.push({Clock::now() + delay, ticket});
}

template <Transport T>
std::string ChatClient<T>::reason_of(const HttpAnswer& answer) {
  if (answer.failure != HttpAnswer::Failure::none) return answer.reason;
  const std::string said = endpoint_message(answer.body);
  std::string reason = "the endpoint answered with status " + std::to_string(answer.status);
  if (!said.empty()) reason += ": " + said;
  if (answer.status == 401 || answer.status == 403) reason += "; is the API key right?";
  if (answer.status == 404 || is_unknown_model(answer.body))
    reason += "; are --endpoint (it ends in /v1) and --model right?";
  if (is_context_overflow(answer.body))
    reason += "; shorten the text or use a model of a longer context";
  return reason;
}

}  // namespace candist
