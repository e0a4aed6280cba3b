// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Which replies are there and which are missing: what a run that starts again still has to ask.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/chat/answer_parser.hpp"
#include "candist/chat/candidate_weights.hpp"
#include "candist/chat/chat_completion.hpp"
#include "candist/chat/journal.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/string_index.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// What became of a text's question.
enum class AnswerStatus {
  missing,     ///< not asked yet, or not answered
  answered,    ///< read: candidates are known
  unreadable,  ///< asked twice, neither reply names labels; the last reply is kept
  failed,      ///< the endpoint refuses this very text; asked anew when started again
};
constexpr const char* name_of(AnswerStatus status) {
  switch (status) {
    case AnswerStatus::answered:
      return "answered";
    case AnswerStatus::unreadable:
      return "unreadable";
    case AnswerStatus::failed:
      return "failed";
    case AnswerStatus::missing:
      break;
  }
  return "missing";
}

/// What the teacher said of one text in one sample.
struct TeacherAnswer {
  AnswerStatus status = AnswerStatus::missing;
  std::vector<std::int32_t> labels;  ///< candidates, best first; empty unless answered
  std::vector<float> weights;        ///< one a candidate, or none: all alike
  std::string reply;                 ///< the last one, as it came
  std::string reason;                ///< why it is unreadable or failed
  std::string model;                 ///< that answered, in the endpoint's words
  Usage usage;                       ///< of all that was asked about the text
  int replies = 0;                   ///< so far; 2 where it was asked again
};

/// The questions of N texts in K samples each, and their replies so far. Replies are journaled as
/// they are recorded, so a ledger on the same journal begins where this one stopped. Failures are
/// not journaled.
class ReplyLedger {
 public:
  struct Options {
    int samples = 1;  ///< K
    AnswerForm form = AnswerForm::set;
    std::function<Conversation(std::int64_t row)>
        conversation;  ///< the first question about a text
    /// Labels that may be answered for a text; none: all. A text of one such label is not asked about.
    std::function<std::span<const std::int32_t>(std::int64_t row)> among;
    /// Where not null and one label is asked for: labels that were probable in place of the answer, by
    /// the log-probabilities of its first token, become candidates as well.
    const LabelSpace* alternatives = nullptr;
  };
  /// One thing to ask. `key` names it.
  struct Question {
    std::uint64_t key;
    Conversation conversation;
  };

  /// Begins with what is `recorded`. Without a journal nothing new can be recorded.
  ReplyLedger(const std::vector<JournalEntry>& recorded, Journal* journal, const Texts& texts,
              const AnswerParser& parser, Options options);

  /// The next question without reply, texts in order, second questions first; none: all are asked.
  std::optional<Question> next();
  /// The reply to a question of next(). Journals it before anything else.
  void record(std::uint64_t key, const ChatReply& reply);
  /// A reply that came by other ways than next(). False where that question is not open: it has a
  /// reply, or the text was another one. Not between next() and record().
  bool take(std::int64_t row, int sample, int ask, std::uint64_t hash, const ChatReply& reply);
  /// Takes a question back that was handed out: next() gives it again.
  void put_back(std::uint64_t key);
  /// No reply will come in this run.
  void fail(std::uint64_t key, std::string reason);

  /// Text, sample and ask (0: first, 1: again with the reason) of a key.
  std::int64_t row(std::uint64_t key) const {
    return static_cast<std::int64_t>(key / 2) / options_.samples;
  }
  int sample(std::uint64_t key) const {
    return static_cast<int>(static_cast<std::int64_t>(key / 2) % options_.samples);
  }
  static int ask(std::uint64_t key) { return static_cast<int>(key % 2); }
  std::uint64_t key(std::int64_t row, int sample, int ask) const {
    return (static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(options_.samples) +
            static_cast<std::uint64_t>(sample)) *
               2 +
           static_cast<std::uint64_t>(ask);
  }

  /// Of the first question about a text.
  std::uint64_t hash(std::int64_t row) const;

  const TeacherAnswer& answer(std::int64_t row, int sample) const {
    return answers_[key(row, sample, 0) / 2];
  }
  int samples() const { return options_.samples; }
  std::int64_t total() const { return static_cast<std::int64_t>(answers_.size()); }  ///< N K
  std::int64_t count(AnswerStatus status) const {
    return counts_[static_cast<std::size_t>(status)];
  }
  const Usage& usage() const { return usage_; }      ///< of all replies, old ones too
  std::int64_t replies() const { return replies_; }  ///< all, old ones too
  std::int64_t asked_again() const { return asked_again_; }
  /// Journal entries of these texts as they no longer are: paid for, of no use.
  std::int64_t outdated() const { return outdated_; }

 private:
  void restore(const std::vector<JournalEntry>& entries);
  bool is_open(std::uint64_t key, std::uint64_t hash) const;
  void read(std::uint64_t key, const ChatReply& reply);
  void settle(TeacherAnswer& answer, AnswerStatus status);
  void add_alternatives(TeacherAnswer& answer, const ParsedAnswer& parsed, const ChatReply& reply,
                        std::span<const std::int32_t> among) const;

  Journal* journal_;
  const Texts& texts_;
  const AnswerParser& parser_;
  Options options_;
  std::vector<TeacherAnswer> answers_;  ///< [N, K]
  std::vector<char> handed_out_;        ///< [N, K]
  std::deque<std::uint64_t> again_;     ///< keys of second questions
  std::size_t cursor_ = 0;
  std::int64_t counts_[4] = {};
  Usage usage_;
  std::int64_t replies_ = 0;
  std::int64_t asked_again_ = 0;
  std::int64_t outdated_ = 0;
};

// ---- definitions

inline ReplyLedger::ReplyLedger(const std::vector<JournalEntry>& recorded, Journal* journal,
                                const Texts& texts, const AnswerParser& parser, Options options)
    : journal_(journal),
      texts_(texts),
      parser_(parser),
      options_(std::move(options)),
      answers_(static_cast<std::size_t>(texts.rows()) * static_cast<std::size_t>(options_.samples)),
      handed_out_(answers_.size()) {
  counts_[static_cast<std::size_t>(AnswerStatus::missing)] = total();
  for (std::size_t i = 0; options_.among && i < answers_.size(); ++i) {
    const auto among = options_.among(row(2 * i));
    if (among.size() != 1) continue;
    answers_[i].labels.assign(among.begin(), among.end());
    settle(answers_[i], AnswerStatus::answered);
  }
  restore(recorded);
}

inline std::uint64_t ReplyLedger::hash(std::int64_t row) const {
  std::string all;
  for (const Message& message : options_.conversation(row)) {
    all += name_of(message.role);
    all += '\0';
    all += message.content;
    all += '\0';
  }
  return fingerprint(all).low;
}

inline void ReplyLedger::restore(const std::vector<JournalEntry>& entries) {
  IdLookup rows(texts_.ids);
  // First questions before second ones: whether a second one counts follows from the first.
  for (const int ask : {0, 1}) {
    for (const JournalEntry& entry : entries) {
      if (entry.ask != ask || entry.sample < 0 || entry.sample >= options_.samples) continue;
      const std::int64_t row = rows.find(entry.id);
      if (row < 0) continue;
      const std::uint64_t at = key(row, entry.sample, ask);
      const TeacherAnswer& so_far = answers_[at / 2];
      if (so_far.status != AnswerStatus::missing || so_far.replies != ask ||
          hash(row) != entry.text_hash) {
        ++outdated_;
        continue;
      }
      read(at, entry.reply);
    }
  }
}

inline bool ReplyLedger::is_open(std::uint64_t key, std::uint64_t hash_then) const {
  const TeacherAnswer& answer = answers_[key / 2];
  return answer.status == AnswerStatus::missing && answer.replies == ask(key) &&
         hash(row(key)) == hash_then;
}

inline bool ReplyLedger::take(std::int64_t row, int sample, int ask, std::uint64_t hash,
                              const ChatReply& reply) {
  if (sample < 0 || sample >= options_.samples || ask < 0 || ask > 1) return false;
  if (!is_open(key(row, sample, ask), hash)) return false;
  record(key(row, sample, ask), reply);
  return true;
}

inline std::optional<ReplyLedger::Question> ReplyLedger::next() {
  while (!again_.empty()) {
    const std::uint64_t at = again_.front();
    again_.pop_front();
    const TeacherAnswer& answer = answers_[at / 2];
    if (answer.status != AnswerStatus::missing) continue;  // its reply came with a batch
    return Question{
        at, reask(options_.conversation(row(at)), answer.reply, answer.reason, options_.form)};
  }
  for (; cursor_ < answers_.size(); ++cursor_) {
    const TeacherAnswer& answer = answers_[cursor_];
    if (answer.status != AnswerStatus::missing || answer.replies > 0 || handed_out_[cursor_] != 0)
      continue;
    handed_out_[cursor_] = 1;
    const std::uint64_t at = 2 * static_cast<std::uint64_t>(cursor_++);
    return Question{at, options_.conversation(row(at))};
  }
  return std::nullopt;
}

inline void ReplyLedger::record(std::uint64_t key, const ChatReply& reply) {
  const std::int64_t text = row(key);
  journal_->append({.id = std::string(texts_.ids[text]),
                    .text_hash = hash(text),
                    .sample = sample(key),
                    .ask = ask(key),
                    .reply = reply});
  read(key, reply);
}

inline void ReplyLedger::read(std::uint64_t key, const ChatReply& reply) {
  TeacherAnswer& answer = answers_[key / 2];
  const std::int64_t text = row(key);
  usage_ += reply.usage;
  answer.usage += reply.usage;
  answer.model = reply.model;
  answer.reply = reply.content;
  ++replies_;
  ++answer.replies;
  const auto among = options_.among ? options_.among(text) : std::span<const std::int32_t>{};
  const ParsedAnswer parsed = parser_.parse(reply.content, options_.form, among);
  answer.labels = parsed.labels;
  answer.weights = candidate_weights(parsed, reply.content, reply.logprobs);
  answer.reason = parsed.problem;
  if (parsed.read()) {
    if (options_.alternatives != nullptr) add_alternatives(answer, parsed, reply, among);
    settle(answer, AnswerStatus::answered);
    return;
  }
  answer.labels.clear();
  answer.weights.clear();
  if (ask(key) == 1) {
    if (reply.finish_reason == "length")
      answer.reason += " (cut off at the most tokens of a reply)";
    settle(answer, AnswerStatus::unreadable);
    return;
  }
  ++asked_again_;
  again_.push_back(key + 1);
}

inline void ReplyLedger::add_alternatives(TeacherAnswer& answer, const ParsedAnswer& parsed,
                                          const ChatReply& reply,
                                          std::span<const std::int32_t> among) const {
  const auto found =
      alternative_labels(parsed, reply.content, reply.logprobs, *options_.alternatives);
  if (found.size() < 2) return;
  answer.labels.clear();
  answer.weights.clear();
  double total = 0;
  for (const AlternativeLabel& one : found) {
    if (!among.empty() && std::find(among.begin(), among.end(), one.label) == among.end()) continue;
    answer.labels.push_back(one.label);
    // No weight may vanish: a candidate of weight 0 is none.
    answer.weights.push_back(static_cast<float>(std::max(std::exp(one.logprob), 1e-30)));
    total += answer.weights.back();
  }
  for (float& weight : answer.weights) weight = static_cast<float>(weight / total);
}

inline void ReplyLedger::put_back(std::uint64_t key) {
  if (ask(key) == 1) return again_.push_front(key);
  handed_out_[key / 2] = 0;
  cursor_ = std::min(cursor_, static_cast<std::size_t>(key / 2));
}

inline void ReplyLedger::fail(std::uint64_t key, std::string reason) {
  TeacherAnswer& answer = answers_[key / 2];
  answer.reason = std::move(reason);
  settle(answer, AnswerStatus::failed);
}

inline void ReplyLedger::settle(TeacherAnswer& answer, AnswerStatus status) {
  --counts_[static_cast<std::size_t>(answer.status)];
  ++counts_[static_cast<std::size_t>(status)];
  answer.status = status;
}

}  // namespace candist
