// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a prompt is: a policy that turns a task and a text into a conversation.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "candist/chat/message.hpp"
#include "candist/concepts.hpp"
#include "candist/data/label_space.hpp"

namespace candist {

/// How many labels an answer may name, and what their order says.
enum class AnswerForm {
  one,      ///< exactly one label (SA, LLM-Select)
  ordered,  ///< the answer first, then others (CA_add)
  set,      ///< all that are possible (CA_all)
};

/// What the teacher is asked to do; the same for all texts.
struct PromptTask {
  enum class Reasoning { none, step_by_step };
  enum class Form {
    names,  ///< names of labels, separated by commas
    json,   ///< {"labels": [NAME, ...]}
  };

  const LabelSpace* labels = nullptr;
  std::string description{};  ///< what the labels are for: "the task of sorting questions by topic"
  std::string text_noun = "text";    ///< what a text is: "question"
  std::string label_noun = "label";  ///< what a label is: "topic"
  Reasoning reasoning = Reasoning::none;
  Form form = Form::names;
};

/// A text and what was answered about it.
struct Demonstration {
  std::string text;
  std::string answer;
  bool operator==(const Demonstration&) const = default;
};

/// What differs from text to text.
struct PromptInput {
  std::string_view text;
  std::span<const Demonstration> demonstrations = {};  ///< shown before it, in this order
  std::span<const std::int32_t> candidates = {};       ///< what may be answered; none: all labels
};

/// A conversation that asks about one text, and how its answer is to be read.
///   answers()                  how many labels the reply names
///   conversation(task, input)  ends with a turn of the user
template <class P>
concept Prompt = Named<P> &&
    requires(const P prompt, const PromptTask& task, const PromptInput& input) {
  { prompt.answers() } -> std::same_as<AnswerForm>;
  { prompt.conversation(task, input) } -> std::same_as<Conversation>;
};

/// Does the prompt show demonstrations? Found by trying.
template <Prompt P>
bool shows_demonstrations(const P& prompt, const PromptTask& task) {
  const Demonstration one[] = {{"\x01", "\x02"}};
  return prompt.conversation(task, {.text = "\x03", .demonstrations = one}) !=
         prompt.conversation(task, {.text = "\x03"});
}
/// Does the prompt look at a text's candidates? Found by trying.
template <Prompt P>
bool shows_candidates(const P& prompt, const PromptTask& task) {
  const std::int32_t first[] = {0};
  return prompt.conversation(task, {.text = "\x03", .candidates = first}) !=
         prompt.conversation(task, {.text = "\x03"});
}

/// The conversation that asks once more after a reply that could not be read, with the reason. The
/// form of the answer is left as it was asked for: it may be names, JSON or a template's own.
inline Conversation reask(Conversation asked, std::string_view reply, std::string_view problem,
                          AnswerForm form) {
  // Endpoints refuse a turn without words, and chat templates two turns of the user in a row.
  const bool blank = reply.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos;
  asked.push_back({Role::assistant, blank ? "(no answer)" : std::string(reply)});
  while (problem.ends_with('.')) problem.remove_suffix(1);
  std::string again = "This answer cannot be used: " + std::string(problem) +
                      ". Answer again, in the form that was asked for, with ";
  again += form == AnswerForm::one ? "exactly one of the given names."
                                   : "names out of the given list only.";
  asked.push_back({Role::user, std::move(again)});
  return asked;
}

}  // namespace candist
