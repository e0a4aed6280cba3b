// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Demonstrations that the teacher writes itself. Reference: CanDist section A.3 (a pool of 100).
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "candist/chat/answer_json.hpp"
#include "candist/chat/answer_parser.hpp"
#include "candist/chat/prompts.hpp"

namespace candist {

/// Asks for `count` texts of one label. Rounds differ in wording, so that they bring other texts.
inline Conversation pool_conversation(const PromptTask& task, int label, int count, int round);

/// The texts of a reply to that, each once: the strings of JSON arrays or lines (with or without
/// prose around them, also of an array that was cut off), else the numbered, bulleted or quoted
/// lines, else all lines but introductions ("Here are 5 examples:") and farewells. Drafts within
/// <think> and its kin do not count. Throws nothing but std::bad_alloc; linear in the reply.
inline std::vector<std::string> parse_pool_reply(std::string_view reply);

// ---- definitions

inline Conversation pool_conversation(const PromptTask& task, int label, int count, int round) {
  constexpr const char* turns[] = {
      "", " Let them differ in length and style as much as real ones do.",
      " Choose unusual subjects.",
      " Choose some that are hard to tell apart from other possibilities.",
      " Write as different people would."};
  const std::string many = count == 1 ? task.text_noun : detail::plural(task.text_noun);
  std::string system =
      "You write realistic examples. They are for this task: " + detail::task_text(task) +
      ". Every example is one " + task.text_noun +
      ", as it would be met in practice.\n\nThe possible " + detail::plural(task.label_noun) +
      ": " + detail::name_list(*task.labels, {}) + ".";
  std::string ask = "Write " + std::to_string(count) + " varied " + many + " whose " +
                    task.label_noun + " is \"" + task.labels->name(label) + "\"";
  if (!task.labels->description(label).empty()) ask += " (" + task.labels->description(label) + ")";
  ask += ".";
  ask += turns[static_cast<std::size_t>(std::max(round, 0)) % std::size(turns)];
  if (round > 0)
    ask += " This is round " + std::to_string(round + 1) +
           ": do not repeat what comes first to "
           "mind.";
  ask += " Do not name the " + task.label_noun + " in them. Reply with a JSON array of " +
         std::to_string(count) + (count == 1 ? " string" : " strings") + ", and nothing else.";
  return {{Role::system, std::move(system)}, {Role::user, std::move(ask)}};
}

namespace detail {

inline std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\v\f");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n\v\f") + 1 - begin);
}

/// Takes "3. ", "(3) ", "**3.** ", "Example 3: ", "- " and their kin off the line.
inline bool take_marker(std::string_view& line) {
  for (const std::string_view bullet : {"- ", "* ", "+ ", "\xE2\x80\xA2", "\xE2\x80\x93 "}) {
    if (!line.starts_with(bullet)) continue;
    line = trimmed(line.substr(bullet.size()));
    return true;
  }
  std::size_t i = 0;
  const auto skip = [&](auto&& is) {
    const std::size_t begin = i;
    while (i < line.size() && is(line[i])) ++i;
    return i - begin;
  };
  skip([](char c) { return c == '*' || c == '#' || c == '(' || c == ' '; });
  const auto letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  const bool word = skip(letter) > 0;
  const bool gap = skip([](char c) { return c == ' ' || c == '#'; }) > 0;
  const std::size_t digits = skip([](char c) { return c >= '0' && c <= '9'; });
  if ((word && !gap) || digits == 0 || digits > 4 || i >= line.size()) return false;
  const char end = line[i++];
  if (end != ':' && (word || (end != '.' && end != ')'))) return false;
  skip([](char c) { return c == '*'; });
  if (i < line.size() && line[i] != ' ' && line[i] != '\t') return false;  // 3.14, 10:30
  line = trimmed(line.substr(i));
  return true;
}

/// Takes ** or ' around a whole line; a mark of the same kind between words is the text's own.
inline std::string_view without_emphasis(std::string_view line) {
  for (const std::string_view mark : {"**", "'"}) {
    if (line.size() <= 2 * mark.size() || !line.starts_with(mark) || !line.ends_with(mark))
      continue;
    const std::string_view inner = trimmed(line.substr(mark.size(), line.size() - 2 * mark.size()));
    if (!inner.empty() && inner.find(mark) == std::string_view::npos) line = inner;
  }
  return line;
}

/// Takes the quotes around a whole line, with a comma behind them.
inline bool take_quotes(std::string_view line, std::string& inner) {
  if (line.ends_with(',')) line.remove_suffix(1);
  if (line.starts_with('"')) {
    AnswerJson value;
    JsonScan scan(line);
    if (!scan.value(value, 0) || scan.at != line.size()) return false;
    inner = value.text;
    return true;
  }
  constexpr std::string_view left = "\xE2\x80\x9C";
  constexpr std::string_view right = "\xE2\x80\x9D";
  if (line.size() < left.size() + right.size() || !line.starts_with(left) || !line.ends_with(right))
    return false;
  line = line.substr(left.size(), line.size() - left.size() - right.size());
  if (line.find(right) != line.npos) return false;  // two quotations, with words between them
  inner = line;
  return true;
}

/// What a model says around its examples.
inline bool is_chatter(std::string_view line) {
  std::string lower;
  for (const char c : line.substr(0, 24))
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  for (const char* start :
       {"here are", "here's", "here is a", "sure,", "sure!", "certainly", "of course",
        "let me know", "i hope th", "feel free", "note:", "i'd be happy to"}) {
    if (lower.starts_with(start)) return true;
  }
  return line.ends_with(':') || line.starts_with("```") ||
         std::string_view("[]{}#").find(line.front()) != std::string_view::npos ||
         line.find_first_not_of("-*_=") == std::string_view::npos;
}

/// The strings of an array; of an object its "text", its only string, or those under numbers.
template <class Add>
void each_text(const AnswerJson& value, const Add& add) {
  using Kind = AnswerJson::Kind;
  if (value.kind == Kind::string) add(value.text);
  if (value.kind == Kind::array) {
    for (const AnswerJson& item : value.items) each_text(item, add);
  }
  if (value.kind != Kind::object) return;
  const AnswerJson* text = nullptr;
  int strings = 0;
  for (const AnswerJson& member : value.items) {
    if (member.kind == Kind::array) each_text(member, add);
    if (member.kind != Kind::string) continue;
    if (!member.key.empty() && member.key.find_first_not_of("0123456789") == std::string::npos) {
      add(member.text);
      continue;
    }
    if (text == nullptr || member.key == "text") text = &member;
    ++strings;
  }
  if (text != nullptr && (strings == 1 || text->key == "text")) add(text->text);
}

}  // namespace detail

inline std::vector<std::string> parse_pool_reply(std::string_view reply) {
  std::vector<std::string> texts;
  const auto said = detail::without_thoughts(reply);
  if (!said) return texts;
  reply = *said;
  std::unordered_set<std::string> seen;
  const auto add = [&](std::string_view text) {
    text = detail::trimmed(text);
    if (!text.empty() && seen.emplace(text).second) texts.emplace_back(text);
  };
  for (const AnswerJson& value : find_json(reply)) detail::each_text(value, add);
  if (!texts.empty()) return texts;
  if (const std::size_t open = reply.find("[\""); open != reply.npos) {  // cut off in one line
    detail::JsonScan scan(reply);
    scan.at = open + 1;
    AnswerJson value;
    while (scan.at < reply.size() && reply[scan.at] == '"' && scan.value(value, 0)) {
      add(value.text);
      value = {};
      scan.blank();
      if (scan.at < reply.size() && reply[scan.at] == ',') ++scan.at;
      scan.blank();
    }
    if (!texts.empty()) return texts;
  }
  std::vector<std::string> marked;
  std::vector<std::string> plain;
  for (std::size_t begin = 0; begin < reply.size();) {
    const std::size_t end = std::min(reply.find('\n', begin), reply.size());
    std::string_view line = detail::trimmed(reply.substr(begin, end - begin));
    begin = end + 1;
    if (line.empty()) continue;
    std::string inner;
    const bool marker = detail::take_marker(line);
    line = detail::without_emphasis(line);
    const bool quotes = detail::take_quotes(line, inner);
    if (!quotes) inner = line;
    if (marker || quotes) {
      marked.push_back(std::move(inner));
    } else if (!detail::is_chatter(line)) {
      plain.push_back(std::move(inner));
    }
  }
  // Beside lines with marks the others are words about them.
  for (const std::string& text : marked.empty() ? plain : marked) add(text);
  return texts;
}

}  // namespace candist
