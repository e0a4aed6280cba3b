// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A prompt of one's own, and a model that is not behind an endpoint: both are policies of the annotator,
// checked by the compiler. You learn what they have to offer, and that a second run asks nothing.
//
//   build-cpu/bin/06_your_own_prompt      (at once)
//
// Last line: "ok: the second run asked nothing"
#include <candist/annotators/openai.hpp>
#include <candist/candist.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

using namespace candist;

// [prompt]
/// One label, and another where the model is unsure; the parser reads the names out of any words.
struct TwoGuesses {
  static constexpr const char* name = "two_guesses";
  AnswerForm answers() const { return AnswerForm::ordered; }  // the likeliest first
  Conversation conversation(const PromptTask& task, const PromptInput& input) const {
    std::string system = "You name the topic of a " + task.text_noun + ". Topics:";
    for (int label = 0; label < task.labels->size(); ++label)
      system += "\n- " + task.labels->name(label);
    return {
        {Role::system, std::move(system)},
        {Role::user, std::string(input.text) + "\nYour best guess, and a second one if unsure."}};
  }
};
static_assert(Prompt<TwoGuesses>);
// [/prompt]

// [transport]
/// In the place of libcurl and an endpoint: a "model" in this program, which looks for words.
struct WordModel {
  int* asked;
  std::vector<HttpAnswer> ready{};

  void post(std::uint64_t ticket, const std::string& body) {
    ++*asked;
    const auto request = nlohmann::json::parse(body);
    const std::string text = request["messages"].back()["content"];
    std::string reply = text.find("ball") != text.npos ? "Sport" : "Music";
    if (text.find("band") != text.npos) reply += ", or possibly " + std::string("politics");
    const nlohmann::json answer{{"choices", {{{"message", {{"content", reply}}}}}},
                                {"usage", {{"prompt_tokens", 40}, {"completion_tokens", 3}}}};
    ready.push_back({.ticket = ticket, .status = 200, .body = answer.dump()});
  }
  void wait(std::chrono::milliseconds, std::vector<HttpAnswer>& answers) {
    for (HttpAnswer& answer : ready) answers.push_back(std::move(answer));
    ready.clear();
  }
  std::size_t in_flight() const { return ready.size(); }
};
static_assert(Transport<WordModel>);
// [/transport]

int main() try {
  LabelSpace labels;
  for (const char* name : {"sport", "music", "politics"}) labels.add(name);
  Texts texts;
  for (const char* text : {"the ball went wide", "the band played on", "a song for the road"}) {
    texts.ids.push_back(std::to_string(texts.rows()));
    texts.texts.push_back(text);
    texts.labels.push_back(-1);
  }
  const auto folder = std::filesystem::temp_directory_path() / "candist-06";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);

  int asked = 0;
  const auto annotate = [&] {
    // [annotate]
    OpenAiOptions options;
    options.task = {.labels = &labels, .text_noun = "headline"};
    options.chat.model = "words";
    options.journal = folder / "annotations.jsonl";
    OpenAiAnnotator teacher(TwoGuesses{}, WordModel{&asked}, options);
    return teacher.annotate(texts);
    // [/annotate]
  };
  const Annotations annotations = annotate();
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    std::printf("%-20s", std::string(texts.texts[row]).c_str());
    for (const std::int32_t label : annotations.labels(row))
      std::printf(" %s", labels.name(label).c_str());
    std::puts("");
  }
  const int first_run = asked;
  annotate();
  const bool good = first_run == 3 && asked == 3 && annotations.labels(1).size() == 2;
  std::filesystem::remove_all(folder);
  std::puts(good ? "ok: the second run asked nothing" : "FAILED: see above");
  return good ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
