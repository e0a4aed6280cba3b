// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/answer_json.hpp"
#include "candist/chat/answer_text.hpp"
#include "candist/chat/label_matcher.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/data/label_space.hpp"
#include "candist/error.hpp"

namespace candist {

/// What a reply answers.
struct ParsedAnswer {
  /// The bytes of the reply that named a label (of a JSON string with escapes: all of it).
  struct Mention {
    std::int32_t label = -1;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<std::int32_t> labels;  ///< in the reply's order (best first), each once
  std::vector<Mention> mentions;     ///< one a label, in the same order
  std::string problem;               ///< "": read; else why not, fit to be sent back to the model
  bool read() const { return problem.empty(); }
};

/// Reads the labels out of the reply of a language model: JSON, lists, sentences, reasoning with an
/// answer at its end. Immutable and thread-safe; takes any bytes and throws nothing but
/// std::bad_alloc; linear in the reply for given labels.
class AnswerParser {
 public:
  struct Options {
    LabelNumbers numbers = LabelNumbers::read;  ///< "2" and "(b)" are the second label
    LabelMatcher::Options aliases;              ///< what else names a label
  };
  explicit AnswerParser(const LabelSpace& labels);
  AnswerParser(const LabelSpace& labels, Options options);

  /// `among`: where not empty, the only labels that may be answered, in the order in which they were
  /// offered; numbers count in it. An item that is no label is passed over where others are, except
  /// as the first of an ordered answer. Labels and mentions of an answer with a problem are empty.
  ParsedAnswer parse(std::string_view reply, AnswerForm form,
                     std::span<const std::int32_t> among = {}) const;

 private:
  struct Items {
    std::vector<NamedLabel> labels;
    std::string unknown;         ///< the first item that is none
    bool unknown_first = false;  ///< before any label
    bool echo = false;
  };
  using Listed = std::span<const std::int32_t>;

  TextAnswer read(std::string_view text, AnswerForm form, Listed listed) const;
  void read_json(const AnswerJson& value, std::string_view text, AnswerForm form, Listed listed,
                 Items& items, int depth) const;
  void read_object(const AnswerJson& value, std::string_view text, AnswerForm form, Listed listed,
                   Items& items, int depth) const;
  TextAnswer read_items(const Items& items, AnswerForm form) const;

  std::vector<std::string> names_;
  std::vector<std::int32_t> all_;
  Options options_;
  LabelMatcher matcher_;
};

// ---- definitions

namespace detail {

/// How much a member of an object is an answer: 2 one, 1 several, 0 unknown, -1 none.
inline int answer_key(std::string_view key) {
  std::string plain;
  for (const char c : key.substr(0, 40)) {
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') plain += static_cast<char>(c | 0x20);
  }
  const auto in = [&](std::initializer_list<const char*> keys) {
    return std::find(keys.begin(), keys.end(), plain) != keys.end();
  };
  if (in({"finalanswer", "answer", "label", "category", "class", "prediction", "predictedlabel",
          "intent", "choice", "best", "bestlabel", "type", "classification"}))
    return 2;
  if (in({"labels",         "candidates",   "categories", "classes",   "answers",
          "predictions",    "intents",      "result",     "results",   "output",
          "response",       "choices",      "selected",   "candidate", "candidatelabels",
          "possiblelabels", "alternatives", "others",     "name",      "value"}))
    return 1;
  if (in({"reason",   "reasons", "reasoning",  "explanation", "rationale", "justification",
          "analysis", "thought", "thoughts",   "confidence",  "score",     "probability",
          "text",     "input",   "definition", "question",    "word",      "note",
          "notes",    "comment", "id",         "error"}))
    return -1;
  return 0;
}

/// The reply without reasoning in <think> and its kin; nothing where that never ends.
inline std::optional<std::string_view> without_thoughts(std::string_view reply) {
  for (const char* name : {"think", "thinking", "reasoning", "thought"}) {
    const std::string close = std::string("</") + name + ">";
    const std::string open = std::string("<") + name + ">";
    if (const std::size_t end = reply.rfind(close); end != std::string_view::npos)
      reply.remove_prefix(end + close.size());
    if (const std::size_t begin = reply.find(open); begin != std::string_view::npos) {
      const std::string_view before = reply.substr(0, begin);
      if (before.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::nullopt;
      reply = before;
    }
  }
  return reply;
}

}  // namespace detail

inline AnswerParser::AnswerParser(const LabelSpace& labels) : AnswerParser(labels, Options()) {}

inline AnswerParser::AnswerParser(const LabelSpace& labels, Options options)
    : options_(options), matcher_(labels, options.aliases) {
  for (int label = 0; label < labels.size(); ++label) names_.push_back(labels.name(label));
  all_.resize(names_.size());
  std::iota(all_.begin(), all_.end(), 0);
}

inline TextAnswer AnswerParser::read(std::string_view text, AnswerForm form, Listed listed) const {
  // A name to the letter is that label, whatever its punctuation.
  std::size_t begin = 0;
  std::size_t end = text.size();
  const auto trims = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\'' || c == '`' || c == '*';
  };
  while (begin < end && trims(text[begin])) ++begin;
  while (end > begin && trims(text[end - 1])) --end;
  for (const std::int32_t label : all_) {
    if (text.substr(begin, end - begin) == names_[static_cast<std::size_t>(label)])
      return {{{label, begin, end}}, {}, false};
  }
  return TextReader(matcher_, listed, options_.numbers, text, form).read();
}

inline void AnswerParser::read_json(const AnswerJson& value, std::string_view text, AnswerForm form,
                                    Listed listed, Items& items, int depth) const {
  using Kind = AnswerJson::Kind;
  const auto unknown = [&](std::string_view what) {
    if (!items.unknown.empty()) return;
    items.unknown = quoted(what);
    items.unknown_first = items.labels.empty();
  };
  const std::string_view raw = text.substr(value.begin, value.end - value.begin);
  switch (value.kind) {
    case Kind::array:
      for (const AnswerJson& item : value.items) read_json(item, text, form, listed, items, depth);
      return;
    case Kind::object:
      return read_object(value, text, form, listed, items, depth);
    case Kind::number: {
      const auto index = static_cast<std::int64_t>(std::clamp(value.number, -1e9, 1e9)) - 1;
      const bool whole = static_cast<double>(index + 1) == value.number;
      if (options_.numbers == LabelNumbers::read && whole && index >= 0 &&
          index < static_cast<std::int64_t>(listed.size())) {
        items.labels.push_back({listed[static_cast<std::size_t>(index)], value.begin, value.end});
      } else {
        unknown(raw);
      }
      return;
    }
    case Kind::string: {
      if (depth < 2) {
        for (const AnswerJson& inner : find_json(value.text)) {
          if (inner.kind != Kind::array && inner.kind != Kind::object) continue;
          Items nested;
          read_json(inner, value.text, form, listed, nested, depth + 1);
          for (const NamedLabel& found : nested.labels)
            items.labels.push_back({found.label, value.begin, value.end});
          if (!nested.labels.empty()) return;
        }
      }
      TextAnswer read = this->read(value.text, form, listed);
      items.echo = items.echo || read.echo;
      if (!read.problem.empty() && read.labels.empty()) return unknown(value.text);
      const bool plain = value.text.size() + 2 == raw.size();
      for (const NamedLabel& found : read.labels) {
        items.labels.push_back(plain ? NamedLabel{found.label, value.begin + 1 + found.begin,
                                                  value.begin + 1 + found.end}
                                     : NamedLabel{found.label, value.begin, value.end});
      }
      return;
    }
    default:
      return unknown(raw);
  }
}

inline void AnswerParser::read_object(const AnswerJson& value, std::string_view text,
                                      AnswerForm form, Listed listed, Items& items,
                                      int depth) const {
  using Kind = AnswerJson::Kind;
  // {"answer": ..., "candidates": ...}: one asked, the answer; else both, the answer first.
  bool keyed = false;
  for (const int rank : {2, 1}) {
    for (const AnswerJson& member : value.items) {
      if (detail::answer_key(member.key) != rank || (form == AnswerForm::one && keyed)) continue;
      read_json(member, text, form, listed, items, depth);
      keyed = true;
    }
  }
  if (keyed) return;
  // {"act": true, "event": false} or {"act": 0.7, "event": 0.3}
  std::vector<std::pair<double, NamedLabel>> scored;
  bool scores = !value.items.empty();
  for (const AnswerJson& member : value.items) {
    if (detail::answer_key(member.key) < 0) continue;
    const bool score =
        member.kind == Kind::yes || member.kind == Kind::no || member.kind == Kind::number;
    const TextAnswer name = score ? read(member.key, AnswerForm::one, listed) : TextAnswer{};
    scores = scores && name.labels.size() == 1;
    if (!scores) break;
    const double mark = member.kind == Kind::yes  ? 1.0
                        : member.kind == Kind::no ? 0.0
                                                  : member.number;
    scored.push_back({mark, {name.labels[0].label, member.begin, member.end}});
  }
  if (scores) {
    std::stable_sort(scored.begin(), scored.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [mark, label] : scored) {
      if (mark > 0 && (form != AnswerForm::one || mark == scored.front().first))
        items.labels.push_back(label);
    }
    return;
  }
  for (const AnswerJson& member : value.items) {
    if (detail::answer_key(member.key) == 0) read_json(member, text, form, listed, items, depth);
  }
}

inline TextAnswer AnswerParser::read_items(const Items& items, AnswerForm form) const {
  TextAnswer answer;
  std::vector<bool> taken(names_.size());
  for (const NamedLabel& found : items.labels) {
    if (taken[static_cast<std::size_t>(found.label)]) continue;
    taken[static_cast<std::size_t>(found.label)] = true;
    answer.labels.push_back(found);
  }
  const bool wrong =
      !items.unknown.empty() && (answer.labels.empty() || form == AnswerForm::one ||
                                 (form == AnswerForm::ordered && items.unknown_first));
  if (wrong) {
    answer.problem = "the answer " + items.unknown + " is none of the labels";
  } else if (answer.labels.empty()) {
    answer.problem = "the reply names no label";
  } else if (form == AnswerForm::one && answer.labels.size() > 1) {
    answer.problem =
        "the reply names " + std::to_string(answer.labels.size()) + " labels where one is asked";
  }
  return answer;
}

inline ParsedAnswer AnswerParser::parse(std::string_view reply, AnswerForm form,
                                        std::span<const std::int32_t> among) const {
  const Listed listed = among.empty() ? Listed(all_) : among;
  ParsedAnswer parsed;
  const std::optional<std::string_view> spoken = detail::without_thoughts(reply);
  if (!spoken) {
    parsed.problem = "the reply ends within its reasoning";
    return parsed;
  }
  const std::string_view text = *spoken;
  const auto offset = static_cast<std::size_t>(text.data() - reply.data());
  TextAnswer answer;
  bool answered = false;
  const std::vector<AnswerJson> values = find_json(text);
  for (const AnswerJson& value : values) {
    if (value.kind == AnswerJson::Kind::null || value.kind == AnswerJson::Kind::yes ||
        value.kind == AnswerJson::Kind::no) {
      break;
    }
    Items items;
    read_json(value, text, form, listed, items, 0);
    TextAnswer read = read_items(items, form);
    const bool echo = listed.size() > 1 && read.labels.size() == listed.size() &&
                      std::equal(listed.begin(), listed.end(), read.labels.begin(),
                                 [](std::int32_t a, const NamedLabel& b) { return a == b.label; });
    if (echo) {
      answer.problem = "the reply names all labels";
      continue;  // the answer may follow
    }
    // The last value with an answer counts; one without says why only where no other answers.
    if (read.problem.empty() || !answered) answer = read;
    answered = answered || read.problem.empty();
  }
  if (!answered && answer.problem.empty()) {
    answer = this->read(text, form, listed);
  } else if (!answered) {  // around JSON that answers nothing
    std::string around(text);
    for (const AnswerJson& value : values)
      std::fill_n(around.begin() + static_cast<std::ptrdiff_t>(value.begin),
                  value.end - value.begin, ' ');
    TextAnswer read = this->read(around, form, listed);
    if (read.problem.empty()) answer = std::move(read);
  }
  if (answer.problem.empty() && listed.size() > 1 && answer.labels.size() == listed.size() &&
      std::equal(listed.begin(), listed.end(), answer.labels.begin(),
                 [](std::int32_t a, const NamedLabel& b) { return a == b.label; })) {
    answer.problem = "the reply names all labels";
  }
  for (const NamedLabel& found : answer.labels) {
    if (answer.problem.empty() &&
        std::find(listed.begin(), listed.end(), found.label) == listed.end()) {
      answer.problem =
          "the label " + quoted(names_[static_cast<std::size_t>(found.label)]) + " was not offered";
    }
  }
  parsed.problem = answer.problem;
  if (!parsed.read()) return parsed;
  for (const NamedLabel& found : answer.labels) {
    parsed.labels.push_back(found.label);
    parsed.mentions.push_back({found.label, offset + found.begin, offset + found.end});
  }
  return parsed;
}

}  // namespace candist
