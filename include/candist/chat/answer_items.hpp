// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The labels that a reply's JSON answers with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/chat/answer_json.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/chat/text_answer.hpp"
#include "candist/chat/text_reader.hpp"
#include "candist/error.hpp"

namespace candist {

/// Collects the labels that values of one text name: {"labels": ["act", 2]}, {"act": 0.7}.
class AnswerItems {
 public:
  /// `depth`: how many strings the text is nested in, which were read as JSON.
  AnswerItems(const AskedLabels& asked, std::string_view text, int depth = 0)
      : asked_(asked), text_(text), depth_(depth) {}

  void add(const AnswerJson& value);
  /// Each label once, in the order in which they came.
  TextAnswer answer() const;

 private:
  void add_number(const AnswerJson& value);
  void add_string(const AnswerJson& value);
  void add_object(const AnswerJson& value);
  bool add_nested(const AnswerJson& value);
  bool add_members(const AnswerJson& value);
  bool add_scores(const AnswerJson& value);
  void pass_over(std::string_view what);
  std::string_view raw(const AnswerJson& value) const {
    return text_.substr(value.begin, value.end - value.begin);
  }

  AskedLabels asked_;
  std::string_view text_;
  int depth_;
  std::vector<NamedLabel> labels_;
  std::string unknown_;         ///< the first item that is none
  bool unknown_first_ = false;  ///< before any label
};

// ---- definitions

namespace detail {

/// What a member of an object is by its key.
enum class AnswerKey { no_answer, unknown, several, one };

inline AnswerKey answer_key(std::string_view key) {
  std::string plain;
  for (const char c : key.substr(0, 40)) {
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') plain += static_cast<char>(c | 0x20);
  }
  const auto in = [&](std::initializer_list<const char*> keys) {
    return std::find(keys.begin(), keys.end(), plain) != keys.end();
  };
  if (in({"finalanswer", "answer", "label", "category", "class", "prediction", "predictedlabel",
          "intent", "choice", "best", "bestlabel", "type", "classification"}))
    return AnswerKey::one;
  if (in({"labels",         "candidates",   "categories", "classes",   "answers",
          "predictions",    "intents",      "result",     "results",   "output",
          "response",       "choices",      "selected",   "candidate", "candidatelabels",
          "possiblelabels", "alternatives", "others",     "name",      "value"}))
    return AnswerKey::several;
  if (in({"reason",   "reasons", "reasoning",  "explanation", "rationale", "justification",
          "analysis", "thought", "thoughts",   "confidence",  "score",     "probability",
          "text",     "input",   "definition", "question",    "word",      "note",
          "notes",    "comment", "id",         "error"}))
    return AnswerKey::no_answer;
  return AnswerKey::unknown;
}

/// How sure a member is of its key; nothing where it is no score.
inline std::optional<double> score_of(const AnswerJson& member) {
  switch (member.kind) {
    case AnswerJson::Kind::yes:
      return 1.0;
    case AnswerJson::Kind::no:
      return 0.0;
    case AnswerJson::Kind::number:
      return member.number;
    default:
      return std::nullopt;
  }
}

}  // namespace detail

inline void AnswerItems::pass_over(std::string_view what) {
  if (!unknown_.empty()) return;
  unknown_ = quoted(what);
  unknown_first_ = labels_.empty();
}

inline void AnswerItems::add(const AnswerJson& value) {
  switch (value.kind) {
    case AnswerJson::Kind::array:
      for (const AnswerJson& item : value.items) add(item);
      return;
    case AnswerJson::Kind::object:
      return add_object(value);
    case AnswerJson::Kind::number:
      return add_number(value);
    case AnswerJson::Kind::string:
      return add_string(value);
    default:
      return pass_over(raw(value));
  }
}

inline void AnswerItems::add_number(const AnswerJson& value) {
  const auto index = static_cast<std::int64_t>(std::clamp(value.number, -1e9, 1e9)) - 1;
  const bool whole = static_cast<double>(index + 1) == value.number;
  const bool listed = index >= 0 && index < static_cast<std::int64_t>(asked_.listed.size());
  if (asked_.numbers == LabelNumbers::ignored || !whole || !listed) return pass_over(raw(value));
  labels_.push_back({asked_.listed[static_cast<std::size_t>(index)], value.begin, value.end});
}

inline void AnswerItems::add_string(const AnswerJson& value) {
  if (add_nested(value)) return;
  const TextAnswer read = read_text(asked_, value.text);
  if (!read.problem.empty() && read.labels.empty()) return pass_over(value.text);
  const bool plain = value.text.size() + 2 == value.end - value.begin;  // without escapes
  const std::size_t begin = value.begin + 1;
  for (const NamedLabel& found : read.labels) {
    labels_.push_back(plain ? NamedLabel{found.label, begin + found.begin, begin + found.end}
                            : NamedLabel{found.label, value.begin, value.end});
  }
}

/// JSON inside a string.
inline bool AnswerItems::add_nested(const AnswerJson& value) {
  if (depth_ >= 2) return false;
  for (const AnswerJson& inner : find_json(value.text)) {
    if (inner.kind != AnswerJson::Kind::array && inner.kind != AnswerJson::Kind::object) continue;
    AnswerItems nested(asked_, value.text, depth_ + 1);
    nested.add(inner);
    for (const NamedLabel& found : nested.labels_)
      labels_.push_back({found.label, value.begin, value.end});
    if (!nested.labels_.empty()) return true;
  }
  return false;
}

inline void AnswerItems::add_object(const AnswerJson& value) {
  if (add_members(value) || add_scores(value)) return;
  for (const AnswerJson& member : value.items) {
    if (detail::answer_key(member.key) == detail::AnswerKey::unknown) add(member);
  }
}

/// {"answer": ..., "candidates": ...}: one asked, the answer; else both, the answer first.
inline bool AnswerItems::add_members(const AnswerJson& value) {
  bool keyed = false;
  for (const auto kind : {detail::AnswerKey::one, detail::AnswerKey::several}) {
    for (const AnswerJson& member : value.items) {
      if (asked_.form == AnswerForm::one && keyed) return true;
      if (detail::answer_key(member.key) != kind) continue;
      add(member);
      keyed = true;
    }
  }
  return keyed;
}

/// {"act": true, "event": false} or {"act": 0.7, "event": 0.3}
inline bool AnswerItems::add_scores(const AnswerJson& value) {
  if (value.items.empty()) return false;
  AskedLabels one = asked_;
  one.form = AnswerForm::one;
  std::vector<std::pair<double, NamedLabel>> scored;
  for (const AnswerJson& member : value.items) {
    if (detail::answer_key(member.key) == detail::AnswerKey::no_answer) continue;
    const std::optional<double> score = detail::score_of(member);
    if (!score) return false;
    const TextAnswer name = read_text(one, member.key);
    if (name.labels.size() != 1) return false;
    scored.push_back({*score, {name.labels[0].label, member.begin, member.end}});
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [score, label] : scored) {
    if (score > 0 && (asked_.form != AnswerForm::one || score == scored.front().first))
      labels_.push_back(label);
  }
  return true;
}

inline TextAnswer AnswerItems::answer() const {
  TextAnswer answer;
  std::vector<bool> taken(asked_.matcher.names().size());
  for (const NamedLabel& found : labels_) {
    if (taken[static_cast<std::size_t>(found.label)]) continue;
    taken[static_cast<std::size_t>(found.label)] = true;
    answer.labels.push_back(found);
  }
  const bool wrong =
      !unknown_.empty() && (answer.labels.empty() || asked_.form == AnswerForm::one ||
                            (asked_.form == AnswerForm::ordered && unknown_first_));
  if (wrong) {
    answer.problem = "the answer " + unknown_ + " is none of the labels";
  } else if (answer.labels.empty()) {
    answer.problem = "the reply names no label";
  } else {
    answer.problem = detail::too_many(answer, asked_.form);
  }
  return answer;
}

}  // namespace candist
