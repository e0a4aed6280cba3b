// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Labels that are named by their number or letter in the list: "2, 5", "(b)", "Label 3", "#3".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "candist/chat/answer_cues.hpp"
#include "candist/chat/reply_text.hpp"
#include "candist/chat/reply_word.hpp"
#include "candist/chat/text_answer.hpp"

namespace candist::detail {

/// Bytes that make another thing of a number: "-3", "1.5", "70%".
inline bool is_quantity(const ReplyText& text, std::size_t word) {
  const ReplyWord& number = text.words[word];
  const bool decimal =
      word > 0 && (number.gap & gap_joined) != 0 && text.bytes[number.begin - 1] == '.';
  const bool percent = number.end < text.bytes.size() && text.bytes[number.end] == '%';
  return (number.gap & gap_minus) != 0 || decimal || percent;
}

/// Of the words from `first` to `last` (exclusive): nothing where they hold anything else.
inline std::optional<TextAnswer> read_numbers(const ReplyText& text, const AskedLabels& asked,
                                              std::size_t first, std::size_t last) {
  if (asked.numbers == LabelNumbers::ignored || first >= last) return std::nullopt;
  const auto lower = [&](std::size_t word) { return text.bytes[text.words[word].begin] | 0x20; };
  TextAnswer answer;
  std::vector<bool> taken(asked.listed.size());
  std::size_t letters = 0;
  std::size_t letter = last;  // the last one
  for (std::size_t i = first; i < last; ++i) {
    const ReplyWord& word = text.words[i];
    if (word.number < 0) {
      if (text.is_one_byte(i) && lower(i) >= 'a' && lower(i) <= 'z') {
        letter = i;
        ++letters;
      } else if (!text.is(i, cue::neutral | cue::joins)) {
        return std::nullopt;
      }
      continue;
    }
    if (is_quantity(text, i)) return std::nullopt;
    if (word.number < 1 || static_cast<std::size_t>(word.number) > asked.listed.size())
      return TextAnswer{{}, "the number " + text.shown(i, i + 1) + " is none of the labels"};
    const auto index = static_cast<std::size_t>(word.number - 1);
    if (!taken[index]) answer.labels.push_back({asked.listed[index], word.begin, word.end});
    taken[index] = true;
  }
  if (letters == 0 && !answer.labels.empty()) return answer;
  if (letters != 1 || !answer.labels.empty()) return std::nullopt;
  const ReplyWord& word = text.words[letter];
  // "a label" names none.
  const bool an_article =
      text.bytes[word.begin] == 'a' && last - first > 1 && (word.gap & gap_open) == 0;
  const auto index = static_cast<std::size_t>(lower(letter) - 'a');
  if (an_article || index >= asked.listed.size()) return std::nullopt;
  answer.labels.push_back({asked.listed[index], word.begin, word.end});
  return answer;
}

}  // namespace candist::detail
