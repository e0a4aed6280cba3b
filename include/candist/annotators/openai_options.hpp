// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/chat/chat_client.hpp"
#include "candist/chat/chat_completion.hpp"
#include "candist/chat/price.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/chat/reply_ledger.hpp"
#include "candist/chat/token_estimate.hpp"
#include "candist/data/annotations.hpp"
#include "candist/data/vote_tensor.hpp"
#include "candist/error.hpp"
#include "candist/fingerprint.hpp"

namespace candist {

/// Texts that the endpoint refuses (too long, filtered): an error, or an empty candidate set?
enum class FailedTexts { refuse, empty_sets };

struct OpenAiOptions {
  PromptTask task;
  ChatOptions chat;
  ChatClientOptions client;
  int samples = 1;        ///< K replies a text (self-consistency)
  Fold fold = Fold::any;  ///< of the K replies
  int k = 1;              ///< of the fold, where it counts
  /// Where replies are kept; a fingerprint of all that shapes them is added to the name, so that
  /// another prompt, model or label file begins another journal.
  std::filesystem::path journal;
  /// Demonstrations shown before a text; what tells them from others goes into the fingerprint.
  std::function<std::vector<Demonstration>(std::int64_t row)> demonstrations;
  std::string demonstrations_name;
  const Annotations* candidates = nullptr;     ///< of every text: what LlmSelect chooses among
  std::shared_ptr<const Tokenizer> tokenizer;  ///< counts tokens beforehand; none: by bytes
  std::optional<PriceList> prices;
  /// Most to spend, in the currency of the prices, earlier runs on the same journal included.
  std::optional<double> budget;
  FailedTexts failed_texts = FailedTexts::refuse;
  std::function<void(const ReplyLedger&)> on_reply;
};

/// Throws InputError where options contradict each other or the prompt.
template <Prompt P>
void check_openai_options(const P& prompt, const OpenAiOptions& options) {
  if (options.samples < 1)
    throw InputError("found " + std::to_string(options.samples) + " samples, expected at least 1");
  if (options.samples > 1 && options.chat.temperature <= 0)
    throw InputError("several samples at temperature 0 are one: raise the temperature");
  if (options.budget && !options.prices) throw InputError("a budget needs prices to be counted in");
  if (options.chat.structure == ChatOptions::Structure::json_schema &&
      options.task.reasoning != PromptTask::Reasoning::none)
    throw InputError("structured output leaves no room for reasoning step by step: choose one");
  if (options.demonstrations && !shows_demonstrations(prompt, options.task))
    throw InputError("there are demonstrations, but the prompt does not show them");
  if (options.candidates != nullptr && !shows_candidates(prompt, options.task)) {
    throw InputError(std::string("there are candidates to choose among, but prompt ") + P::name +
                     " does not show them");
  }
  if (options.chat.top_logprobs > 0 && prompt.answers() != AnswerForm::one)
    throw InputError(
        std::string("alternatives to the answered label need a prompt that asks for one, "
                    "and ") +
        P::name + " asks for several");
}

/// All that shapes the replies besides the texts; `structure`: as it was asked for at first.
template <Prompt P>
nlohmann::ordered_json openai_settings(const P& prompt, const OpenAiOptions& options,
                                       ChatOptions::Structure structure) {
  const LabelSpace& labels = *options.task.labels;
  std::string names;
  for (int label = 0; label < labels.size(); ++label)
    names += labels.name(label) + '\0' + labels.description(label) + '\0';
  // The wording of the prompt, whatever it is made of: what it says about a text that is none.
  std::string wording;
  const std::int32_t candidates[] = {0};
  std::vector<Demonstration> demonstrations;
  if (options.demonstrations) demonstrations = {{"\x02", "\x03"}};
  for (const Message& message : prompt.conversation(
           options.task,
           {.text = "\x01", .demonstrations = demonstrations, .candidates = candidates}))
    wording += std::string(name_of(message.role)) + '\0' + message.content + '\0';
  const ChatOptions& chat = options.chat;
  nlohmann::ordered_json settings;
  settings["model"] = chat.model;
  settings["prompt"] = P::name;
  settings["wording"] = fingerprint(wording).hex();
  settings["labels"] = fingerprint(names).hex();
  settings["demonstrations"] = options.demonstrations_name;
  settings["temperature"] = chat.temperature;
  settings["max_tokens"] = chat.max_tokens;
  settings["seed"] = nullptr;
  if (chat.seed) settings["seed"] = *chat.seed;
  settings["logprobs"] = chat.logprobs == ChatOptions::Logprobs::on;
  if (chat.top_logprobs > 0) settings["top_logprobs"] = chat.top_logprobs;
  settings["structured"] = structure == ChatOptions::Structure::json_schema;
  settings["extra"] = chat.extra;
  return settings;
}

}  // namespace candist
