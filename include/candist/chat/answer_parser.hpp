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

#include "candist/chat/answer_items.hpp"
#include "candist/chat/answer_json.hpp"
#include "candist/chat/label_matcher.hpp"
#include "candist/chat/prompt.hpp"
#include "candist/chat/text_answer.hpp"
#include "candist/chat/text_reader.hpp"
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
  TextAnswer read(const AskedLabels& asked, std::string_view text) const;
  std::string problem(const AskedLabels& asked, const TextAnswer& answer) const;

  LabelMatcher matcher_;
  std::vector<std::int32_t> all_;
  LabelNumbers numbers_;
};

// ---- definitions

namespace detail {

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

/// Are these all labels, in the order in which they were listed? That repeats the question.
inline bool repeats_list(const AskedLabels& asked, const TextAnswer& answer) {
  return asked.listed.size() > 1 &&
         std::equal(
             asked.listed.begin(), asked.listed.end(), answer.labels.begin(), answer.labels.end(),
             [](std::int32_t label, const NamedLabel& found) { return label == found.label; });
}

/// The text with blanks in place of the values.
inline std::string around(std::string_view text, const std::vector<AnswerJson>& values) {
  std::string rest(text);
  for (const AnswerJson& value : values)
    std::fill_n(rest.begin() + static_cast<std::ptrdiff_t>(value.begin), value.end - value.begin,
                ' ');
  return rest;
}

}  // namespace detail

inline AnswerParser::AnswerParser(const LabelSpace& labels) : AnswerParser(labels, Options()) {}

inline AnswerParser::AnswerParser(const LabelSpace& labels, Options options)
    : matcher_(labels, options.aliases),
      all_(static_cast<std::size_t>(labels.size())),
      numbers_(options.numbers) {
  std::iota(all_.begin(), all_.end(), 0);
}

/// The last JSON value with an answer counts, else the text around the values.
inline TextAnswer AnswerParser::read(const AskedLabels& asked, std::string_view text) const {
  using Kind = AnswerJson::Kind;
  TextAnswer answer;
  bool answered = false;
  const std::vector<AnswerJson> values = find_json(text);
  for (const AnswerJson& value : values) {
    if (value.kind == Kind::null || value.kind == Kind::yes || value.kind == Kind::no) break;
    AnswerItems items(asked, text);
    items.add(value);
    TextAnswer found = items.answer();
    if (detail::repeats_list(asked, found)) {
      answer.problem = "the reply names all labels";
      continue;  // the answer may follow
    }
    // One without an answer says why only where no other answers.
    const bool answers = found.problem.empty();
    if (answers || !answered) answer = std::move(found);
    answered = answered || answers;
  }
  if (answered) return answer;
  if (answer.problem.empty()) return read_text(asked, text);
  TextAnswer rest = read_text(asked, detail::around(text, values));
  return rest.problem.empty() ? rest : answer;
}

/// Why an answer that could be read is none.
inline std::string AnswerParser::problem(const AskedLabels& asked, const TextAnswer& answer) const {
  if (detail::repeats_list(asked, answer)) return "the reply names all labels";
  for (const NamedLabel& found : answer.labels) {
    const bool offered =
        std::find(asked.listed.begin(), asked.listed.end(), found.label) != asked.listed.end();
    if (!offered) {
      const std::string& name = matcher_.names()[static_cast<std::size_t>(found.label)];
      return "the label " + quoted(name) + " was not offered";
    }
  }
  return {};
}

inline ParsedAnswer AnswerParser::parse(std::string_view reply, AnswerForm form,
                                        std::span<const std::int32_t> among) const {
  const AskedLabels asked{matcher_, among.empty() ? std::span(all_) : among, numbers_, form};
  ParsedAnswer parsed;
  const std::optional<std::string_view> text = detail::without_thoughts(reply);
  if (!text) {
    parsed.problem = "the reply ends within its reasoning";
    return parsed;
  }
  const TextAnswer answer = read(asked, *text);
  parsed.problem = answer.problem.empty() ? problem(asked, answer) : answer.problem;
  if (!parsed.read()) return parsed;
  const auto offset = static_cast<std::size_t>(text->data() - reply.data());
  for (const NamedLabel& found : answer.labels) {
    parsed.labels.push_back(found.label);
    parsed.mentions.push_back({found.label, offset + found.begin, offset + found.end});
  }
  return parsed;
}

}  // namespace candist
