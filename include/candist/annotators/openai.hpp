// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "candist/annotators/openai_options.hpp"
#include "candist/chat/answer_parser.hpp"
#include "candist/chat/batch_file.hpp"
#include "candist/chat/chat_client.hpp"
#include "candist/chat/chat_completion.hpp"
#include "candist/chat/journal.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/chat/reply_ledger.hpp"
#include "candist/chat/token_estimate.hpp"
#include "candist/chat/transport.hpp"
#include "candist/concepts.hpp"
#include "candist/data/annotations.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/vote_tensor.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// What asking would take, before anything is asked.
struct AnnotationPlan {
  std::int64_t questions = 0;  ///< still to be asked
  std::int64_t replies = 0;    ///< in the journal
  CostEstimate tokens;         ///< of the questions and their replies
  std::int64_t longest_prompt = 0;
  double ratio = 1;  ///< tokens billed for one counted, by the replies in the journal
  std::optional<double> cost, low_cost, high_cost;  ///< where there are prices
};

/// A language model behind an OpenAI-compatible endpoint. A reply is journaled before it is used:
/// stopped or killed at any moment and called again, it asks only what is missing. A reply that names
/// no label is asked about once more, with the reason. Reference: CanDist section 3.2 (prompts), 5.3
/// (self-consistency).
template <Prompt P, Transport T>
class OpenAiAnnotator {
 public:
  static constexpr const char* name = "openai";

  /// Throws InputError where options contradict each other.
  OpenAiAnnotator(P prompt, T transport, OpenAiOptions options);

  /// The fold of each text's samples; empty where no reply could be read. Throws InputError where
  /// key, model or path are refused; RunError where the endpoint cannot be reached, where it refuses
  /// texts (see FailedTexts) and where the budget is spent; Interrupted where told to stop. What was
  /// answered stays in the journal.
  Annotations annotate(const Texts& texts);

  /// The answers of the last annotate(); valid while its texts are.
  const ReplyLedger& ledger() const { return *ledger_; }
  /// Its K samples one by one, for folds over several annotators.
  std::vector<Annotations> samples() const;
  const ChatTraffic& traffic() const { return client_.traffic(); }
  /// Was structured output refused? The questions then went out without.
  bool structure_refused() const { return structure_refused_; }

  const char* prompt_name() const { return P::name; }

  /// Counts what is still to be asked; asks nothing, makes no file.
  AnnotationPlan plan(const Texts& texts);
  /// The body that asks about a text.
  std::string request(const Texts& texts, std::int64_t row) const {
    return body(conversation(texts, row));
  }
  /// Writes the missing questions as requests of a batch; the files.
  std::vector<std::filesystem::path> write_batch(const Texts& texts,
                                                 const std::filesystem::path& path);
  /// Takes the results of a batch into the journal.
  BatchReport read_batch(const Texts& texts, const std::filesystem::path& path);

  std::filesystem::path journal_path() const {
    std::filesystem::path path = options_.journal;
    return path += ".journal-" + Journal::settings_fingerprint(settings()).substr(0, 12);
  }
  /// All that shapes the replies besides the texts.
  nlohmann::ordered_json settings() const {
    return openai_settings(
        prompt_, options_,
        structure_refused_ ? ChatOptions::Structure::json_schema : options_.chat.structure);
  }

 private:
  Conversation conversation(const Texts& texts, std::int64_t row) const;
  std::string body(const Conversation& conversation) const {
    return chat_request_body(conversation, options_.chat, options_.task.labels);
  }
  std::unique_ptr<ReplyLedger> ledger_on(const std::vector<JournalEntry>& recorded,
                                         Journal* journal, const Texts& texts) const;
  void open(const Texts& texts);
  void ask_all();
  std::optional<ChatQuestion> next_question();
  void take(std::uint64_t key, const ChatReply& reply);
  void give_up(std::uint64_t key, const std::string& reason);
  double price(const Usage& usage) const {
    return options_.prices ? options_.prices->cost(options_.chat.model, usage) : 0.0;
  }
  void learn_from(const std::vector<JournalEntry>& recorded, const Texts& texts);
  void refuse_failed_texts(const Texts& texts) const;

  /// A question under way.
  struct UnderWay {
    std::int64_t counted = 0;  ///< prompt tokens, as counted here
    double cost = 0;           ///< at most about this
    ChatOptions::Structure structure;
  };

  P prompt_;
  OpenAiOptions options_;
  AnswerParser parser_;
  TokenEstimator estimator_;
  ChatClient<T> client_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<ReplyLedger> ledger_;
  std::unordered_map<std::uint64_t, UnderWay> under_way_;
  double reserved_ = 0;  ///< cost of what is under way
  bool budget_spent_ = false;
  bool usage_untold_ = false;
  bool structure_refused_ = false;
};

// ---- definitions

template <Prompt P, Transport T>
OpenAiAnnotator<P, T>::OpenAiAnnotator(P prompt, T transport, OpenAiOptions options)
    : prompt_(std::move(prompt)),
      options_(std::move(options)),
      parser_(*options_.task.labels),
      estimator_(*options_.task.labels, options_.tokenizer),
      client_(std::move(transport), options_.client) {
  check_openai_options(prompt_, options_);
  price({});  // or it throws: a model without price
}

template <Prompt P, Transport T>
Conversation OpenAiAnnotator<P, T>::conversation(const Texts& texts, std::int64_t row) const {
  std::vector<Demonstration> shown;
  if (options_.demonstrations) shown = options_.demonstrations(row);
  std::span<const std::int32_t> among;
  if (options_.candidates != nullptr) among = options_.candidates->labels(row);
  return prompt_.conversation(
      options_.task, {.text = texts.texts[row], .demonstrations = shown, .candidates = among});
}

template <Prompt P, Transport T>
std::unique_ptr<ReplyLedger> OpenAiAnnotator<P, T>::ledger_on(
    const std::vector<JournalEntry>& recorded, Journal* journal, const Texts& texts) const {
  ReplyLedger::Options ledger;
  if (options_.chat.top_logprobs > 0) ledger.alternatives = options_.task.labels;
  ledger.samples = options_.samples;
  ledger.form = prompt_.answers();
  ledger.conversation = [this, &texts](std::int64_t row) { return conversation(texts, row); };
  if (options_.candidates != nullptr) {
    CANDIST_EXPECT_EQ(texts.rows(), options_.candidates->rows(),
                      "texts, candidates to select from");
    ledger.among = [this](std::int64_t row) { return options_.candidates->labels(row); };
  }
  return std::make_unique<ReplyLedger>(recorded, journal, texts, parser_, std::move(ledger));
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::open(const Texts& texts) {
  ledger_.reset();
  journal_.reset();
  journal_ = std::make_unique<Journal>(journal_path(), settings());
  const std::vector<JournalEntry> recorded = journal_->take_recorded();
  ledger_ = ledger_on(recorded, journal_.get(), texts);
  learn_from(recorded, texts);
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::learn_from(const std::vector<JournalEntry>& recorded,
                                       const Texts& texts) {
  // A few hundred tell the ratio to a percent.
  constexpr std::size_t most = 500;
  IdLookup rows(texts.ids);
  for (std::size_t i = 0, taken = 0; i < recorded.size() && taken < most; ++i) {
    const std::int64_t row = rows.find(recorded[i].id);
    if (row < 0 || recorded[i].ask != 0) continue;
    estimator_.observe(estimator_.prompt_tokens(conversation(texts, row)), recorded[i].reply.usage);
    ++taken;
  }
}

template <Prompt P, Transport T>
AnnotationPlan OpenAiAnnotator<P, T>::plan(const Texts& texts) {
  std::vector<JournalEntry> recorded;
  if (std::filesystem::exists(journal_path()))
    recorded = Journal(journal_path(), settings()).take_recorded();
  learn_from(recorded, texts);
  const std::unique_ptr<ReplyLedger> ledger = ledger_on(recorded, nullptr, texts);
  AnnotationPlan plan;
  plan.replies = ledger->replies();
  std::int64_t counted = 0;
  while (const auto question = ledger->next()) {
    const std::int64_t tokens = estimator_.prompt_tokens(question->conversation);
    counted += tokens;
    plan.longest_prompt = std::max(plan.longest_prompt, tokens);
    ++plan.questions;
  }
  plan.ratio = estimator_.ratio();
  plan.tokens = estimator_.estimate(plan.questions, counted);
  if (options_.prices) {
    const auto cost = [&](double TokenEstimate::*of) {
      return price({.prompt_tokens = std::llround(plan.tokens.prompt_tokens.*of),
                    .completion_tokens = std::llround(plan.tokens.completion_tokens.*of)});
    };
    plan.cost = cost(&TokenEstimate::expected);
    plan.low_cost = cost(&TokenEstimate::low);
    plan.high_cost = cost(&TokenEstimate::high);
  }
  return plan;
}

template <Prompt P, Transport T>
std::optional<ChatQuestion> OpenAiAnnotator<P, T>::next_question() {
  if (budget_spent_ || usage_untold_) return std::nullopt;
  auto question = ledger_->next();
  if (!question) return std::nullopt;
  UnderWay asked{estimator_.prompt_tokens(question->conversation), 0, options_.chat.structure};
  const CostEstimate tokens = estimator_.estimate(1, asked.counted);
  if (options_.budget) {
    // The reply may be as long as it is allowed to be.
    const double completion = options_.chat.max_tokens > 0
                                  ? static_cast<double>(options_.chat.max_tokens)
                                  : tokens.completion_tokens.high;
    asked.cost = price({.prompt_tokens = std::llround(tokens.prompt_tokens.expected),
                        .completion_tokens = std::llround(completion)});
    if (price(ledger_->usage()) + reserved_ + asked.cost > *options_.budget) {
      ledger_->put_back(question->key);
      // What is under way may turn out cheaper than reserved; only then is there room again.
      budget_spent_ = under_way_.empty();
      return std::nullopt;
    }
    reserved_ += asked.cost;
  }
  under_way_.emplace(question->key, asked);
  return ChatQuestion{question->key, body(question->conversation),
                      tokens.prompt_tokens.expected + tokens.completion_tokens.expected};
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::take(std::uint64_t key, const ChatReply& reply) {
  const UnderWay asked = under_way_.at(key);
  under_way_.erase(key);
  reserved_ -= asked.cost;
  usage_untold_ = usage_untold_ || (options_.budget && reply.usage.prompt_tokens == 0);
  estimator_.observe(asked.counted, reply.usage);
  ledger_->record(key, reply);
  if (options_.on_reply) options_.on_reply(*ledger_);
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::give_up(std::uint64_t key, const std::string& reason) {
  const UnderWay asked = under_way_.at(key);
  under_way_.erase(key);
  reserved_ -= asked.cost;
  const bool about_structure = reason.find("response_format") != std::string::npos ||
                               reason.find("json_schema") != std::string::npos;
  if (asked.structure == ChatOptions::Structure::json_schema && about_structure) {
    structure_refused_ = true;
    options_.chat.structure = ChatOptions::Structure::free_text;
    ledger_->put_back(key);
    return;
  }
  ledger_->fail(key, reason);
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::ask_all() {
  const auto settle = [&] {
    under_way_.clear();
    reserved_ = 0;
  };
  try {
    client_.run([&] { return next_question(); },
                [&](std::uint64_t key, const ChatReply& reply) { take(key, reply); },
                [&](std::uint64_t key, const std::string& reason) { give_up(key, reason); });
  } catch (...) {
    settle();
    throw;
  }
  settle();
  journal_->sync();
}

template <Prompt P, Transport T>
Annotations OpenAiAnnotator<P, T>::annotate(const Texts& texts) {
  open(texts);
  ask_all();
  const std::string so_far =
      std::to_string(ledger_->total() - ledger_->count(AnswerStatus::missing)) + " of " +
      std::to_string(ledger_->total()) + " answers are kept in " + journal_path().string();
  if (usage_untold_)
    throw RunError("the endpoint tells no token usage, so a budget cannot be kept; " + so_far +
                   "; go on without one");
  if (budget_spent_) {
    throw RunError("the budget of " + show_money(*options_.budget, options_.prices->currency()) +
                   " is spent (" +
                   show_money(price(ledger_->usage()), options_.prices->currency()) + "); " +
                   so_far + "; start again with a larger one to go on");
  }
  if (ledger_->count(AnswerStatus::missing) > 0)
    throw Interrupted("interrupted; " + so_far + "; start again to go on");
  refuse_failed_texts(texts);
  const std::vector<Annotations> all = samples();
  return all.size() == 1 ? all.front() : VoteTensor(all).folded(options_.fold, options_.k);
}

template <Prompt P, Transport T>
void OpenAiAnnotator<P, T>::refuse_failed_texts(const Texts& texts) const {
  const std::int64_t failed = ledger_->count(AnswerStatus::failed);
  if (failed == 0 || options_.failed_texts == FailedTexts::empty_sets) return;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    for (int sample = 0; sample < options_.samples; ++sample) {
      const TeacherAnswer& answer = ledger_->answer(row, sample);
      if (answer.status != AnswerStatus::failed) continue;
      throw RunError("text " + quoted(texts.ids[row]) + " got no answer: " + answer.reason + " (" +
                     std::to_string(failed) + " of " + std::to_string(ledger_->total()) +
                     " questions; the other answers are kept in " + journal_path().string() +
                     "); start again to ask once more, or allow failed texts");
    }
  }
}

template <Prompt P, Transport T>
std::vector<Annotations> OpenAiAnnotator<P, T>::samples() const {
  const std::int64_t rows = ledger_->total() / options_.samples;
  std::vector<Annotations> all;
  for (int sample = 0; sample < options_.samples; ++sample) {
    Annotations& annotations = all.emplace_back(options_.task.labels->size());
    for (std::int64_t row = 0; row < rows; ++row) {
      const TeacherAnswer& answer = ledger_->answer(row, sample);
      annotations.add(answer.labels, answer.weights);
    }
  }
  return all;
}

template <Prompt P, Transport T>
std::vector<std::filesystem::path> OpenAiAnnotator<P, T>::write_batch(
    const Texts& texts, const std::filesystem::path& path) {
  open(texts);
  const std::uint32_t hash = batch_settings_hash(Journal::settings_fingerprint(settings()));
  BatchWriter batch(path);
  while (const auto question = ledger_->next()) {
    const std::int64_t row = ledger_->row(question->key);
    batch.add({{.id_hash = fingerprint(texts.ids[row]).high,
                .text_hash = ledger_->hash(row),
                .settings_hash = hash,
                .sample = ledger_->sample(question->key),
                .ask = ReplyLedger::ask(question->key)},
               body(question->conversation)});
  }
  return batch.finish();
}

template <Prompt P, Transport T>
BatchReport OpenAiAnnotator<P, T>::read_batch(const Texts& texts,
                                              const std::filesystem::path& path) {
  open(texts);
  const std::uint32_t hash = batch_settings_hash(Journal::settings_fingerprint(settings()));
  std::int64_t passed_over = 0;
  BatchReport report = read_batch_results(path, texts.ids, hash, [&](BatchResult&& result) {
    if (!result.reply) return;
    const bool taken = ledger_->take(result.row, result.key.sample, result.key.ask,
                                     result.key.text_hash, *result.reply);
    passed_over += taken ? 0 : 1;
  });
  journal_->sync();
  report.answered -= passed_over;
  report.duplicates += passed_over;
  return report;
}

}  // namespace candist
