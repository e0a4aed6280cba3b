// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The files of a vocabulary: vocab.txt, vocab.json, merges.txt, and the same inside tokenizer.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "candist/data/line_reader.hpp"
#include "candist/error.hpp"
#include "candist/text/byte_pair_merges.hpp"
#include "candist/text/json_file.hpp"
#include "candist/text/vocabulary.hpp"

namespace candist {

/// One token a line; the first one has id 0. Throws InputError with the line of a token that is
/// empty or given twice.
inline Vocabulary read_vocabulary_text(const std::filesystem::path& path);

/// An object of tokens and their ids. Throws InputError for an id that is no number, out of range
/// or given twice, and for a token given twice.
inline Vocabulary read_vocabulary(const JsonNode& vocabulary);

/// "left right" a line, the most wanted first; a first line "#version: ..." is passed over. Throws
/// InputError with the line of a merge that is not two tokens of the vocabulary, makes none of it,
/// or is given twice.
inline BytePairMerges read_merges_text(const std::filesystem::path& path,
                                       const Vocabulary& vocabulary);

/// An array of "left right", or of ["left", "right"].
inline BytePairMerges read_merges(const JsonNode& merges, const Vocabulary& vocabulary);

// ---- definitions

namespace detail {

/// `found` is the merge as a message shows it.
inline void add_merge(BytePairMerges& merges, const Vocabulary& vocabulary, std::string_view left,
                      std::string_view right, const std::string& file, std::int64_t line) {
  const std::string merged = std::string(left) + std::string(right);
  for (const std::string_view token : {left, right, std::string_view(merged)}) {
    if (vocabulary.find(token) >= 0) continue;
    throw InputError(
        file, line,
        "a merge of " + quoted(left) + " and " + quoted(right) + ", but no token " + quoted(token),
        "tokens of the vocabulary");
  }
  if (!merges.add(vocabulary.find(left), vocabulary.find(right), vocabulary.find(merged))) {
    throw InputError(file, line,
                     "the merge of " + quoted(left) + " and " + quoted(right) + " twice",
                     "every merge once");
  }
}

/// Cuts "left right" at its only space; false where there is none, or another one.
inline bool cut_merge(std::string_view merge, std::string_view& left, std::string_view& right) {
  const std::size_t space = merge.find(' ');
  if (space == std::string_view::npos) return false;
  left = merge.substr(0, space);
  right = merge.substr(space + 1);
  return !left.empty() && !right.empty() && right.find(' ') == std::string_view::npos;
}

inline constexpr const char* a_merge = "two tokens with a space between them";

}  // namespace detail

inline Vocabulary read_vocabulary_text(const std::filesystem::path& path) {
  Vocabulary vocabulary;
  LineReader lines(path);
  for (std::string_view line; lines.next(line);) {
    lines.expect_text(line);
    if (line.empty()) lines.fail("an empty line", "a token");
    if (vocabulary.size() == Vocabulary::limit)
      lines.fail("one more token", "at most " + std::to_string(Vocabulary::limit));
    if (vocabulary.add(line, vocabulary.size()) != Vocabulary::Added::yes)
      lines.fail("token " + quoted(line) + " twice", "every token once");
  }
  if (vocabulary.size() == 0) throw InputError(lines.name(), 0, "no tokens", "one a line");
  return vocabulary;
}

inline Vocabulary read_vocabulary(const JsonNode& node) {
  Vocabulary vocabulary;
  for (const auto& [token, value] : node.object()) {
    const JsonNode entry(node.file(),
                         (node.way().empty() ? "" : node.way() + ".") + std::string(token), value);
    const auto id = static_cast<std::int32_t>(entry.number(0, Vocabulary::limit - 1));
    const Vocabulary::Added added = vocabulary.add(token, id);
    if (added == Vocabulary::Added::token_twice)
      throw InputError(node.file(), 0, "token " + quoted(token) + " twice", "every token once");
    if (added == Vocabulary::Added::id_twice) {
      throw InputError(node.file(), 0,
                       "id " + std::to_string(id) + " for " + quoted(vocabulary[id]) + " and for " +
                           quoted(token),
                       "every id once");
    }
  }
  if (vocabulary.count() == 0) node.fail("an object of tokens and their ids");
  return vocabulary;
}

inline BytePairMerges read_merges_text(const std::filesystem::path& path,
                                       const Vocabulary& vocabulary) {
  BytePairMerges merges;
  LineReader lines(path);
  for (std::string_view line; lines.next(line);) {
    lines.expect_text(line);
    if (line.empty() || (lines.number() == 1 && line.starts_with("#version"))) continue;
    std::string_view left;
    std::string_view right;
    if (!detail::cut_merge(line, left, right)) lines.fail(quoted(line), detail::a_merge);
    detail::add_merge(merges, vocabulary, left, right, lines.name(), lines.number());
  }
  return merges;
}

inline BytePairMerges read_merges(const JsonNode& node, const Vocabulary& vocabulary) {
  BytePairMerges merges;
  node.each([&](const JsonNode& merge) {
    std::string_view left;
    std::string_view right;
    if (merge.is_array()) {
      const simdjson::dom::array pair = merge.array();
      if (pair.size() != 2 || pair.at(0).get(left) != simdjson::SUCCESS ||
          pair.at(1).get(right) != simdjson::SUCCESS || left.empty() || right.empty()) {
        merge.fail("two tokens");
      }
    } else if (!detail::cut_merge(merge.text(), left, right)) {
      merge.fail(detail::a_merge);
    }
    detail::add_merge(merges, vocabulary, left, right, node.file(), 0);
  });
  return merges;
}

}  // namespace candist
