// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/prompt_template.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using Catch::Contains;

namespace {

LabelSpace labels_of_two() {
  LabelSpace labels;
  labels.add("act", "what is done");
  labels.add("event");
  return labels;
}

PromptTask task_of(const LabelSpace& labels) {
  PromptTask task;
  task.labels = &labels;
  task.description = "sorting words";
  task.text_noun = "word";
  task.label_noun = "sense";
  return task;
}

PromptTemplate template_of(const std::string& content) {
  const testing::TemporaryFolder folder;
  return read_prompt_template(folder.file("own.txt", content));
}

/// What is said about a wrong file, without the folder.
std::string error_of(const std::string& content) {
  try {
    template_of(content);
  } catch (const InputError& error) {
    const std::string text = error.what();
    return text.substr(text.find("own.txt"));
  }
  return "no error";
}

}  // namespace

TEST_CASE("a template becomes a conversation", "[prompt_template]") {
  const LabelSpace labels = labels_of_two();
  const PromptTask task = task_of(labels);
  const PromptTemplate own = template_of(
      "answers: ordered\n\n[system]\n\nTask: {task}.\n\n{labels}\n\n[demonstration user]\n"
      "{text_noun}: {text}\n[demonstration assistant]\n{answer}!\n[user]\n{text_noun}: {text}\n"
      "{label_noun}? ({label_names}; {candidates}) {{\"labels\": []}}\n\n");
  CHECK(own.answers() == AnswerForm::ordered);
  const std::vector<Demonstration> shown{{"run", "act"}, {"war", "event, act"}};
  const std::vector<std::int32_t> candidates{1};
  const PromptInput input{.text = "walk", .demonstrations = shown, .candidates = candidates};
  CHECK(own.conversation(task, input) ==
        Conversation{{Role::system, "Task: sorting words.\n\nact: what is done\nevent"},
                     {Role::user, "word: run"},
                     {Role::assistant, "act!"},
                     {Role::user, "word: war"},
                     {Role::assistant, "event, act!"},
                     {Role::user, "word: walk\nsense? (act, event; event) {\"labels\": []}"}});
  const Conversation bare = own.conversation(task, {.text = "walk"});
  REQUIRE(bare.size() == 2);
  CHECK_THAT(bare[1].content, Contains("(act, event; act, event)"));
  CHECK(own.conversation(task, input) == own.conversation(task, input));
}

TEST_CASE("the smallest template, and every answer form", "[prompt_template]") {
  const LabelSpace labels = labels_of_two();
  const PromptTask task = task_of(labels);
  CHECK(template_of("[user]\n{text}").conversation(task, {.text = "x"}) ==
        Conversation{{Role::user, "x"}});
  CHECK(template_of("[user]\n{text}").answers() == AnswerForm::set);
  CHECK(template_of("answers: one\n[user]\n{text}").answers() == AnswerForm::one);
  CHECK(template_of("answers:set \r\n[user] \r\n{text}\r\n").answers() == AnswerForm::set);
  CHECK(template_of("\xEF\xBB\xBF"
                    "answers:\tordered\n[user]\n{text}")
            .answers() == AnswerForm::ordered);
  // Windows line ends leave nothing behind.
  CHECK(
      template_of("[user]\r\nsay\r\n\r\n{text}\r\n").conversation(task, {.text = "x"})[0].content ==
      "say\n\nx");
}

TEST_CASE("what is filled in is not looked at again", "[prompt_template]") {
  LabelSpace labels;
  labels.add("{text}", "{answer}");
  labels.add("}{", "{{");
  PromptTask task = task_of(labels);
  task.description = "{labels}";
  const PromptTemplate own = template_of(
      "[system]\n{task}|{labels}\n[demonstration user]\n{text}\n[demonstration "
      "assistant]\n{answer}\n"
      "[user]\n<{text}>{text}");
  const std::string text = "{text} {{x}} } { [user]\n[system]\n\"quotes\" {labels}";
  const std::vector<Demonstration> shown{{"{answer}", "{text}"}};
  CHECK(own.conversation(task, {.text = text, .demonstrations = shown}) ==
        Conversation{{Role::system, "{labels}|{text}: {answer}\n}{: {{"},
                     {Role::user, "{answer}"},
                     {Role::assistant, "{text}"},
                     {Role::user, "<" + text + ">" + text}});
}

TEST_CASE("lines in brackets that are no sections, and braces, are words of a turn",
          "[prompt_template]") {
  const LabelSpace labels = labels_of_two();
  const PromptTask task = task_of(labels);
  const auto said = [&](const std::string& words) {
    return template_of("[user]\n" + words + "\n{text}")
        .conversation(task, {.text = "x"})[0]
        .content;
  };
  CHECK(said("[\"NAME\"]") == "[\"NAME\"]\nx");
  CHECK(said("[1] one [2]") == "[1] one [2]\nx");
  CHECK(said("[]") == "[]\nx");
  CHECK(said("see [user] there") == "see [user] there\nx");
  CHECK(said("{{{text}}}") == "{x}\nx");
  CHECK(said("{{{{}}}}") == "{{}}\nx");
  CHECK(said("answers: one") == "answers: one\nx");
  CHECK(said("  indented") == "  indented\nx");
}

TEST_CASE("a wrong template is one error with its line", "[prompt_template]") {
  using Case = std::pair<const char*, const char*>;
  for (const auto& [content, message] : {
           Case{"", "own.txt: found no sections"},
           Case{"answers: set\n", "own.txt: found no sections"},
           Case{"answers: two\n[user]\n{text}",
                "own.txt:1: found \"answers: two\", expected answers"},
           Case{"answers:\n[user]\n{text}", "own.txt:1: found \"answers:\""},
           Case{"answers: one\nanswers: set\n[user]\n{text}",
                "own.txt:2: found \"answers:\" again"},
           Case{"hello\n[user]\n{text}", "own.txt:1: found \"hello\", expected a section first"},
           Case{"[user]\n{text}\n[usr]\nx",
                "own.txt:3: found section \"[usr]\", expected [system], "},
           Case{"[User]\n{text}", "own.txt:1: found section \"[User]\""},
           Case{"[demonstration system]\n{text}", "own.txt:1: found section"},
           Case{"[system]\nbe\n\n[user]\nwhat?\n",
                "own.txt:4: found the last [user] without {text}"},
           Case{"[user]\n{text}\n[user]\nwhat?\n",
                "own.txt:3: found the last [user] without {text}"},
           Case{"[system]\n\n[user]\n{text}", "own.txt:1: found \"[system]\" without words"},
           Case{"[system]\nbe\n[user]\n\n", "own.txt:3: found \"[user]\" without words"},
           Case{"[system]\n{text}",
                "own.txt:1: found \"[system]\" as the last section, expected a last "
                "section [user]"},
           Case{"[user]\n{text}\n[assistant]\nok", "own.txt:3: found \"[assistant]\" as the last"},
           Case{"[user]\na\n{txt} {text}",
                "own.txt:3: found placeholder \"{txt}\", expected {text}, "},
           Case{"[user]\n{}{text}", "own.txt:2: found placeholder \"{}\""},
           Case{"[user]\n{ text }", "own.txt:2: found placeholder \"{ text }\""},
           Case{"[user]\n{text", "own.txt:2: found a { without its }"},
           Case{"[user]\n{te{text}", "own.txt:2: found a { without its }"},
           Case{"[user]\n{text}\n}", "own.txt:3: found a } without its {"},
           Case{"[user]\n{text}}", "own.txt:2: found a } without its {"},
           Case{"[user]\n{answer} {text}", "own.txt:2: found {answer} in \"[user]\""},
           Case{"[demonstration user]\n{text}\n[user]\n{text}",
                "own.txt:3: found \"[user]\" behind \"[demonstration user]\""},
           Case{"[demonstration assistant]\n{answer}\n[user]\n{text}",
                "own.txt:1: found \"[demonstration assistant]\" first"},
           Case{"[demonstration user]\nx\n[demonstration assistant]\n{answer}\n[user]\n{text}",
                "own.txt:1: found \"[demonstration user]\" without {text}"},
           Case{"[demonstration user]\n{text}\n[demonstration assistant]\nx\n[user]\n{text}",
                "own.txt:3: found \"[demonstration assistant]\" without {answer}"},
           Case{"[demonstration user]\n{text}",
                "own.txt:1: found \"[demonstration user]\" as the last"},
           Case{"[user]\n{text} \xFF", "own.txt:2: found bytes that are not UTF-8"},
       }) {
    INFO(content);
    const std::string error = error_of(content);
    CHECK_THAT(error, Catch::StartsWith(message));
    CHECK_THAT(error, Contains(", expected "));
    CHECK(error.find('\n') == error.npos);
  }
  CHECK_THROWS_AS(read_prompt_template("/no/such/file"), InputError);
}
