// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A prompt of the researcher's own, from a file.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/prompt.hpp"
#include "candist/chat/prompts.hpp"
#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"

namespace candist {

namespace detail {
class PromptTemplateReader;
}

/// Turns with placeholders. A file of
///   answers: one | ordered | set     (first line; default set)
///   [system]                         then the turns, each under its name in brackets;
///   [demonstration user]             these two, one behind the other, are repeated for every
///   [demonstration assistant]        demonstration and left out where there is none;
///   [user]                           the last one asks.
/// {text}, {answer} (of a demonstration), {labels} (one a line, with descriptions), {label_names},
/// {candidates} (all names where a text has none), {task}, {text_noun} and {label_noun} are filled
/// in once; what is filled in is not looked at again. {{ and }} are braces. Blank lines around a
/// turn do not count. Reasoning and form of the task are the file's own matter.
class PromptTemplate {
 public:
  static constexpr const char* name = "template";

  AnswerForm answers() const { return form_; }
  Conversation conversation(const PromptTask& task, const PromptInput& input) const;

 private:
  friend class detail::PromptTemplateReader;
  enum class Repeat { once, each_demonstration };
  struct Piece {
    std::string text;         ///< as it stands
    std::string placeholder;  ///< then this; "": none
  };
  struct Turn {
    Role role = Role::user;
    Repeat repeat = Repeat::once;
    std::vector<Piece> pieces;
  };

  static Message filled(const Turn& turn, const PromptTask& task, std::string_view text,
                        std::string_view answer, std::span<const std::int32_t> candidates);

  AnswerForm form_ = AnswerForm::set;
  std::vector<Turn> turns_;
};
static_assert(Prompt<PromptTemplate>);

/// Throws InputError with file and line for unknown sections and placeholders, lone braces, empty
/// turns, a demonstration's turn without the other one, and where the last turn is no [user] turn
/// with {text}.
inline PromptTemplate read_prompt_template(const std::filesystem::path& path);

// ---- definitions

inline Message PromptTemplate::filled(const Turn& turn, const PromptTask& task,
                                      std::string_view text, std::string_view answer,
                                      std::span<const std::int32_t> candidates) {
  std::string content;
  for (const Piece& piece : turn.pieces) {
    content += piece.text;
    if (piece.placeholder == "text") content += text;
    if (piece.placeholder == "answer") content += answer;
    if (piece.placeholder == "task") content += detail::task_text(task);
    if (piece.placeholder == "text_noun") content += task.text_noun;
    if (piece.placeholder == "label_noun") content += task.label_noun;
    if (piece.placeholder == "label_names") content += detail::name_list(*task.labels, {});
    if (piece.placeholder == "candidates") content += detail::name_list(*task.labels, candidates);
    if (piece.placeholder != "labels") continue;
    for (int label = 0; label < task.labels->size(); ++label) {
      const std::string& description = task.labels->description(label);
      content += (label > 0 ? "\n" : "") + task.labels->name(label);
      if (!description.empty()) content += ": " + description;
    }
  }
  return {turn.role, std::move(content)};
}

inline Conversation PromptTemplate::conversation(const PromptTask& task,
                                                 const PromptInput& input) const {
  Conversation conversation;
  for (std::size_t i = 0; i < turns_.size(); ++i) {
    if (turns_[i].repeat == Repeat::once) {
      conversation.push_back(filled(turns_[i], task, input.text, {}, input.candidates));
      continue;
    }
    for (const Demonstration& one : input.demonstrations) {  // the reader left them as pairs
      for (const std::size_t turn : {i, i + 1})
        conversation.push_back(filled(turns_[turn], task, one.text, one.answer, input.candidates));
    }
    ++i;
  }
  return conversation;
}

namespace detail {

/// One reading of one file.
class PromptTemplateReader {
 public:
  explicit PromptTemplateReader(const std::filesystem::path& path) : lines_(path) {}

  PromptTemplate read() {
    std::string_view line;
    while (lines_.next(line)) {
      lines_.expect_text(line);
      const std::string_view bare = line.substr(0, line.find_last_not_of(" \t\r") + 1);
      if (result_.turns_.empty() && bare.starts_with("answers:")) {
        read_answers(bare);
      } else if (is_section(bare)) {
        finish_turn();
        start_turn(bare);
      } else if (bare.empty()) {
        blank_ += '\n';
      } else {
        add_line(line);
      }
    }
    finish_turn();
    if (result_.turns_.empty()) fail(0, "no sections", "[user] with {text}, and others before it");
    const PromptTemplate::Turn& last = result_.turns_.back();
    if (last.role != Role::user || last.repeat != PromptTemplate::Repeat::once)
      fail(section_line_, quoted(section_) + " as the last section", "a last section [user]");
    if (!has_text_) fail(section_line_, "the last [user] without {text}", "the text in it");
    return std::move(result_);
  }

 private:
  using Turn = PromptTemplate::Turn;
  using Repeat = PromptTemplate::Repeat;
  static constexpr const char* sections =
      "[system], [user], [assistant], [demonstration user] or [demonstration assistant]";

  [[noreturn]] void fail(std::int64_t line, const std::string& found,
                         const std::string& expected) const {
    throw InputError(lines_.name(), line, found, expected);
  }
  /// "[words]" alone on a line; JSON in brackets is part of a turn.
  static bool is_section(std::string_view line) {
    return line.size() > 2 && line.front() == '[' && line.back() == ']' &&
           std::all_of(line.begin() + 1, line.end() - 1, [](char c) {
             return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == ' ' || c == '_' || c == '-';
           });
  }
  void read_answers(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t", 8);
    const std::string_view form = begin == line.npos ? "" : line.substr(begin);
    if (has_answers_) lines_.fail("\"answers:\" again", "one such line");
    has_answers_ = true;
    if (form != "one" && form != "ordered" && form != "set")
      lines_.fail(quoted(line), "answers: one, ordered or set");
    result_.form_ = form == "one"       ? AnswerForm::one
                    : form == "ordered" ? AnswerForm::ordered
                                        : AnswerForm::set;
  }
  void start_turn(std::string_view line) {
    Turn turn;
    turn.repeat = line.starts_with("[demonstration ") ? Repeat::each_demonstration : Repeat::once;
    const bool user = line == "[user]" || line == "[demonstration user]";
    const bool assistant = line == "[assistant]" || line == "[demonstration assistant]";
    if (!user && !assistant && line != "[system]") lines_.fail("section " + quoted(line), sections);
    turn.role = user ? Role::user : assistant ? Role::assistant : Role::system;
    const bool half = section_ == "[demonstration user]";
    if (half != (line == "[demonstration assistant]"))
      lines_.fail(quoted(line) + (section_.empty() ? " first" : " behind " + quoted(section_)),
                  "[demonstration assistant] behind every [demonstration user], and only there");
    section_ = line;
    section_line_ = lines_.number();
    has_text_ = has_answer_ = false;
    blank_.clear();
    result_.turns_.push_back(std::move(turn));
  }
  void finish_turn() const {
    if (result_.turns_.empty()) return;
    const auto lacks = [&](const std::string& what, const std::string& expected) {
      fail(section_line_, quoted(section_) + " without " + what, expected);
    };
    if (result_.turns_.back().pieces.empty()) lacks("words", "words under every section");
    if (section_ == "[demonstration user]" && !has_text_)
      lacks("{text}", "the demonstration's text in it");
    if (section_ == "[demonstration assistant]" && !has_answer_)
      lacks("{answer}", "the demonstration's answer in it");
  }
  void add_line(std::string_view line) {
    if (result_.turns_.empty())
      lines_.fail(quoted(line), "a section first: one of " + std::string(sections));
    auto& pieces = result_.turns_.back().pieces;
    if (!pieces.empty()) text() += "\n" + blank_;
    blank_.clear();
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c != '{' && c != '}') {
        text() += c;
      } else if (i + 1 < line.size() && line[i + 1] == c) {
        text() += c;
        ++i;
      } else if (c == '}') {
        lines_.fail("a } without its {", "}} for a brace");
      } else {
        const std::size_t end = line.find_first_of("{}", i + 1);
        if (end == line.npos || line[end] == '{')
          lines_.fail("a { without its }", "a placeholder such as {text}, or {{ for a brace");
        add_placeholder(line.substr(i + 1, end - i - 1));
        i = end;
      }
    }
  }
  void add_placeholder(std::string_view word) {
    constexpr std::string_view known[] = {"text",       "answer", "labels",    "label_names",
                                          "candidates", "task",   "text_noun", "label_noun"};
    if (std::find(std::begin(known), std::end(known), word) == std::end(known)) {
      lines_.fail("placeholder " + quoted("{" + std::string(word) + "}"),
                  "{text}, {answer}, {labels}, {label_names}, {candidates}, {task}, {text_noun} or "
                  "{label_noun}; {{ for a brace");
    }
    if (word == "answer" && section_ != "[demonstration assistant]")
      lines_.fail("{answer} in " + quoted(section_), "it in [demonstration assistant] only");
    has_text_ = has_text_ || word == "text";
    has_answer_ = has_answer_ || word == "answer";
    text();
    result_.turns_.back().pieces.back().placeholder = word;
  }
  /// Where the turn goes on.
  std::string& text() {
    auto& pieces = result_.turns_.back().pieces;
    if (pieces.empty() || !pieces.back().placeholder.empty()) pieces.emplace_back();
    return pieces.back().text;
  }

  LineReader lines_;
  PromptTemplate result_;
  std::string section_;  ///< the last one's name, with brackets
  std::int64_t section_line_ = 0;
  bool has_answers_ = false;
  bool has_text_ = false;
  bool has_answer_ = false;
  std::string blank_;  ///< lines that count only where something follows
};

}  // namespace detail

inline PromptTemplate read_prompt_template(const std::filesystem::path& path) {
  return detail::PromptTemplateReader(path).read();
}

}  // namespace candist
