// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/answer_parser.hpp"
#include "candist/chat/prompts.hpp"
#include "support/catch.hpp"

using namespace candist;
using Catch::Contains;

namespace {

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++count;
  return count;
}

/// Names that no wording holds by chance.
LabelSpace letters() {
  LabelSpace labels;
  labels.add("QHUM", "who did zzone");
  labels.add("QLOC", "where zztwo is");
  labels.add("QNUM");
  labels.add("QRED, QBLUE", "zzthree");
  return labels;
}

PromptTask task_of(const LabelSpace& labels) {
  PromptTask task;
  task.labels = &labels;
  task.description = "sorting questions by what they ask for";
  task.text_noun = "question";
  task.label_noun = "category";
  return task;
}

template <Prompt P>
std::string asked(const PromptTask& task, const PromptInput& input) {
  return P{}.conversation(task, input).back().content;
}

constexpr PromptTask::Form forms[] = {PromptTask::Form::names, PromptTask::Form::json};
constexpr PromptTask::Reasoning reasonings[] = {PromptTask::Reasoning::none,
                                                PromptTask::Reasoning::step_by_step};

}  // namespace

TEMPLATE_LIST_TEST_CASE("every prompt says who it is, lists the labels once and ends with the text",
                        "[prompt]", Prompts) {
  const LabelSpace labels = letters();
  PromptTask task = task_of(labels);
  const std::vector<Demonstration> shown{{"Who?", "QHUM"}, {"Where?", "QLOC, QRED, QBLUE"}};
  const std::vector<std::int32_t> candidates{1, 2};
  for (const auto form : forms) {
    for (const auto reasoning : reasonings) {
      task.form = form;
      task.reasoning = reasoning;
      const Conversation conversation = TestType{}.conversation(
          task, {.text = "How many?", .demonstrations = shown, .candidates = candidates});
      REQUIRE(conversation.size() == 6);
      CHECK(conversation == TestType{}.conversation(task, {"How many?", shown, candidates}));
      constexpr Role roles[] = {Role::system, Role::user,      Role::assistant,
                                Role::user,   Role::assistant, Role::user};
      for (std::size_t turn = 0; turn < 6; ++turn) CHECK(conversation[turn].role == roles[turn]);
      const std::string& system = conversation[0].content;
      for (int label = 0; label < labels.size(); ++label) {
        CHECK(count_of(system, labels.name(label)) == 1);
        if (!labels.description(label).empty())
          CHECK(count_of(system, labels.description(label)) == 1);
      }
      CHECK(count_of(system, task.description) == 1);
      CHECK(conversation[1].content.starts_with("<text>Who?</text>\n"));
      CHECK(conversation[3].content.starts_with("<text>Where?</text>\n"));
      CHECK(conversation[5].content.starts_with("<text>How many?</text>\n"));
      // What is shown is what is asked for, and our own parser reads it.
      const AnswerParser parser(labels);
      CHECK(parser.parse(conversation[2].content, AnswerForm::one).labels ==
            std::vector<std::int32_t>{0});
      CHECK(parser.parse(conversation[4].content, AnswerForm::set).labels ==
            std::vector<std::int32_t>{1, 3});
      const bool json = form == PromptTask::Form::json;
      CHECK((count_of(conversation[4].content, R"({"labels":["QLOC","QRED, QBLUE"]})") == 1) ==
            json);
      CHECK((count_of(conversation[5].content, R"({"labels": [)") == 1) == json);
      const bool steps = reasoning == PromptTask::Reasoning::step_by_step;
      CHECK(conversation[2].content.starts_with("Answer: ") == steps);
      CHECK((count_of(conversation[5].content, "Let's think step by step.") == 1) == steps);
      CHECK((count_of(conversation[5].content, "and nothing else") == 1) == !steps);
      CHECK((count_of(system, "without elaboration") == 1) == !steps);
    }
  }
}

TEST_CASE("CA_add is SA and one sentence more", "[prompt]") {
  const LabelSpace labels = letters();
  PromptTask task = task_of(labels);
  const std::vector<Demonstration> shown{{"Who?", "QHUM"}};
  for (const auto form : forms) {
    for (const auto reasoning : reasonings) {
      task.form = form;
      task.reasoning = reasoning;
      const PromptInput input{.text = "How many?", .demonstrations = shown};
      const Conversation sa = SingleAnswer{}.conversation(task, input);
      const Conversation add = CandidatesAdd{}.conversation(task, input);
      REQUIRE(sa.size() == add.size());
      for (std::size_t turn = 0; turn < sa.size(); ++turn) {
        if (sa[turn].role != Role::user) {
          CHECK(add[turn] == sa[turn]);
          continue;
        }
        REQUIRE(add[turn].content.starts_with(sa[turn].content));
        const std::string more = add[turn].content.substr(sa[turn].content.size());
        CHECK_THAT(more, Contains("unsure"));
        CHECK(more.starts_with(' '));
        CHECK(count_of(more, ".") == 1);
        CHECK(more.ends_with('.'));
      }
    }
  }
  CHECK(SingleAnswer{}.answers() == AnswerForm::one);
  CHECK(CandidatesAdd{}.answers() == AnswerForm::ordered);
  CHECK(CandidatesAll{}.answers() == AnswerForm::set);
  CHECK(LlmSelect{}.answers() == AnswerForm::one);
}

TEST_CASE("only CA_all asks for all that are possible", "[prompt]") {
  const LabelSpace labels = letters();
  const PromptTask task = task_of(labels);
  CHECK_THAT(asked<CandidatesAll>(task, {.text = "x"}), Contains("all possible choices"));
  CHECK_THAT(asked<SingleAnswer>(task, {.text = "x"}), Contains("exactly one of the categories"));
  CHECK_THAT(asked<SingleAnswer>(task, {.text = "x"}), !Contains("all possible choices"));
}

TEMPLATE_LIST_TEST_CASE("a text stays in its frame and stays what it is", "[prompt]", Prompts) {
  const LabelSpace labels = letters();
  const PromptTask task = task_of(labels);
  const std::string untouched[] = {"\"quoted\" and 'so'",
                                   "two\nlines\r\n\nand\ttabs",
                                   "{text} {{labels}} %s $1 \\n",
                                   "ignore the above",
                                   "a < b / text > c",
                                   "<texts> </ <b>bold</b> </tex",
                                   "< /text>",
                                   "<text>",
                                   "caf\xC3\xA9 \xF0\x9F\x98\x80",
                                   "",
                                   std::string("\0nul", 4),
                                   "<"};
  for (const std::string& text : untouched) {
    const std::vector<Demonstration> shown{{text, "QHUM"}};
    const Conversation conversation =
        TestType{}.conversation(task, {.text = text, .demonstrations = shown});
    CHECK(conversation[1].content.starts_with("<text>" + text + "</text>\n"));
    CHECK(conversation[3].content.starts_with("<text>" + text + "</text>\n"));
  }
  const std::string escapes[] = {"</text>",     "a</text></text>b", "</TEXT>",    "</ text >",
                                 "</\ntext\n>", "<</text>",         "</Text foo>"};
  for (const std::string& text : escapes) {
    const std::string content = TestType{}.conversation(task, {.text = text}).back().content;
    const std::size_t end = content.find("</text>\n");
    REQUIRE(end != content.npos);
    std::string inner = content.substr(6, end - 6);
    CHECK(count_of(inner, "</") == 0);
    // Nothing but a space has come in.
    for (std::size_t at = 0; (at = inner.find("< /", at)) != inner.npos;) inner.erase(at + 1, 1);
    CHECK(inner == text);
  }
}

TEST_CASE("LLM-Select offers a text's candidates and no other label", "[prompt]") {
  const LabelSpace labels = letters();
  const PromptTask task = task_of(labels);
  const std::vector<Demonstration> shown{{"Who?", "QHUM"}};
  const std::vector<std::int32_t> candidates{2, 1};
  const Conversation conversation = LlmSelect{}.conversation(
      task, {.text = "x", .demonstrations = shown, .candidates = candidates});
  const std::string& last = conversation.back().content;
  CHECK_THAT(last, Contains("one of these: QNUM, QLOC."));
  CHECK(count_of(last, "QHUM") == 0);
  CHECK(count_of(last, "QRED") == 0);
  // The answer of a demonstration need not be a candidate of the text.
  for (int label = 0; label < labels.size(); ++label)
    CHECK(count_of(conversation[1].content, labels.name(label)) == 0);
  CHECK_THAT(asked<LlmSelect>(task, {.text = "x"}),
             Contains("one of these: QHUM, QLOC, QNUM, QRED, QBLUE."));
}

TEST_CASE("a demonstration's free answer is shown as it is", "[prompt]") {
  const LabelSpace labels = letters();
  PromptTask task = task_of(labels);
  task.form = PromptTask::Form::json;
  task.reasoning = PromptTask::Reasoning::step_by_step;
  for (const char* answer :
       {"It asks for a person.\nAnswer: QHUM", "QHUM, other", "QHUM,QLOC", "QHUM, ", "", "QHU"}) {
    const std::vector<Demonstration> shown{{"Who?", answer}};
    CHECK(CandidatesAll{}.conversation(task, {.text = "x", .demonstrations = shown})[2].content ==
          answer);
  }
}

TEST_CASE("names that hold commas are told from lists of names", "[prompt]") {
  LabelSpace labels;
  for (const char* name : {"a", "a, b", "c"}) labels.add(name);
  CHECK(detail::names_in(labels, "a, b, c") == std::vector<std::string>{"a, b", "c"});
  CHECK(detail::names_in(labels, "a, c") == std::vector<std::string>{"a", "c"});
  CHECK(detail::names_in(labels, "a, b, a") == std::vector<std::string>{"a, b", "a"});
}

TEST_CASE("wording follows the nouns and the task", "[prompt]") {
  const std::vector<std::pair<const char*, const char*>> nouns{
      {"label", "labels"},
      {"category", "categories"},
      {"topic", "topics"},
      {"class", "classes"},
      {"day", "days"},
      {"type of question", "types of question"},
      {"box", "boxes"},
      {"branch", "branches"},
      {"analysis", "analyses"},
      {"species", "species"},
      {"named entity", "named entities"},
      {"reply", "replies"},
      {"y", "ies"},
      {"", ""}};
  for (const auto& [one, many] : nouns) CHECK(detail::plural(one) == many);
  const LabelSpace labels = letters();
  PromptTask task = task_of(labels);
  const auto system = [&] { return SingleAnswer{}.conversation(task, {.text = "x"})[0].content; };
  CHECK_THAT(system(), Contains("Your task: sorting questions by what they ask for. "));
  task.description = "Sort the questions.\n";
  CHECK_THAT(system(), Contains("Your task: Sort the questions. "));
  task.description = "";
  task.text_noun = "query";
  CHECK_THAT(system(), Contains("Your task: sorting queries by category. "));
  CHECK_THAT(system(), Contains("The possible categories, by name:\n- QHUM: who did zzone\n"));
  CHECK_THAT(asked<CandidatesAll>(task, {.text = "x"}),
             Contains("What is the category of the query?"));
}

TEST_CASE("to ask again adds the reply and a turn with the reason", "[prompt]") {
  const LabelSpace labels = letters();
  const Conversation first = CandidatesAll{}.conversation(task_of(labels), {.text = "x"});
  for (const AnswerForm form : {AnswerForm::one, AnswerForm::ordered, AnswerForm::set}) {
    const Conversation again = reask(first, "QFOO", "the reply names no label", form);
    REQUIRE(again.size() == first.size() + 2);
    CHECK(std::equal(first.begin(), first.end(), again.begin()));
    CHECK(again[first.size()] == Message{Role::assistant, "QFOO"});
    CHECK(again.back().role == Role::user);
    CHECK_THAT(again.back().content, Contains("the reply names no label"));
    CHECK((count_of(again.back().content, "exactly one") == 1) == (form == AnswerForm::one));
    // JSON may have been asked for: only the first question says how to answer.
    CHECK_THAT(again.back().content, Contains("in the form that was asked for"));
    CHECK(count_of(again.back().content, "comma") == 0);
    CHECK(reask(first, "QFOO", "the reply names no label.", form) == again);
  }
  // Endpoints refuse turns without words.
  for (const char* blank : {"", " ", "\n\t\r\n"}) {
    const Conversation again = reask(first, blank, "the reply is empty", AnswerForm::set);
    REQUIRE(again.size() == first.size() + 2);
    CHECK(again[first.size()] == Message{Role::assistant, "(no answer)"});
  }
  CHECK(reask(first, " x\n", "it is none", AnswerForm::set)[first.size()].content == " x\n");
}
