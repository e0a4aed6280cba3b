// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/text/character_table.hpp"
#include "candist/text/utf8.hpp"

namespace candist {

struct BertNormalizerOptions {
  bool clean_text = true;            ///< white space to spaces; control characters left out
  bool handle_chinese_chars = true;  ///< spaces around ideographs
  bool strip_accents = true;         ///< canonical decomposition, then without Mn
  bool lowercase = true;
};

/// What BERT does to a text before it cuts it into words. Linear in the length of the text.
/// References: Devlin et al. 2019, arXiv:1810.04805, and its tokenization.py; the order of the
/// steps and the Unicode tables are those of Hugging Face `tokenizers` (BertNormalizer).
class BertNormalizer {
 public:
  explicit BertNormalizer(BertNormalizerOptions options = {});
  const BertNormalizerOptions& options() const { return options_; }

  /// Appends the normal form of a text in UTF-8. Thread-safe.
  void append(std::string_view text, std::string& out) const;

 private:
  /// Marks that wait for what comes behind them, to be put into canonical order.
  using Marks = std::vector<std::pair<int, char32_t>>;

  void append_character(char32_t c, Marks& marks, std::string& out) const;
  void append_decomposed(char32_t c, Marks& marks, std::string& out) const;
  void append_lowered(char32_t c, std::string& out) const;
  void append_marks(Marks& marks, std::string& out) const;

  BertNormalizerOptions options_;
  const CharacterTable* table_ = &CharacterTable::get();
  std::array<char, 128> ascii_{};  ///< what becomes of ASCII; left_out: nothing
  std::uint16_t touched_ = 0;      ///< the classes whose characters change
  static constexpr char left_out = '\xFF';
};

// ---- definitions

inline BertNormalizer::BertNormalizer(BertNormalizerOptions options) : options_(options) {
  for (std::size_t c = 0; c < ascii_.size(); ++c) {
    const std::uint16_t bits = (*table_)[static_cast<char32_t>(c)];
    ascii_[c] = static_cast<char>(c);
    if (options_.lowercase && (bits & character::lower_cased) != 0)
      ascii_[c] = static_cast<char>(c | 0x20);
    if (options_.clean_text && (bits & character::white_space) != 0) ascii_[c] = ' ';
    if (options_.clean_text && (bits & character::control) != 0) ascii_[c] = left_out;
  }
  if (options_.clean_text) touched_ |= character::white_space | character::control;
  if (options_.handle_chinese_chars) touched_ |= character::chinese;
  if (options_.strip_accents)
    touched_ |= character::decomposes | character::nonspacing | character::ordered;
  if (options_.lowercase) touched_ |= character::lower_cased;
}

inline void BertNormalizer::append(std::string_view text, std::string& out) const {
  Marks marks;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t begin = at;
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    if (at > begin) {
      append_marks(marks, out);
      const std::size_t from = out.size();
      out.resize(from + (at - begin));
      char* to = out.data() + from;
      for (std::size_t i = begin; i < at; ++i) {
        const char c = ascii_[static_cast<std::size_t>(text[i])];
        *to = c;
        to += c != left_out ? 1 : 0;
      }
      out.resize(static_cast<std::size_t>(to - out.data()));
    }
    while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80) {
      const std::size_t first = at;
      const char32_t c = next_code_point(text, at);
      if (((*table_)[c] & touched_) == 0 && marks.empty()) {
        out.append(text, first, at - first);
      } else {
        append_character(c, marks, out);
      }
    }
  }
  append_marks(marks, out);
}

inline void BertNormalizer::append_character(char32_t c, Marks& marks, std::string& out) const {
  const std::uint16_t bits = (*table_)[c];
  if (options_.clean_text && (bits & character::control) != 0) return;
  const bool spaced = options_.handle_chinese_chars && (bits & character::chinese) != 0;
  if (spaced) {
    append_marks(marks, out);
    out += ' ';
  }
  if (options_.clean_text && (bits & character::white_space) != 0) {
    append_marks(marks, out);
    out += ' ';
  } else if (options_.strip_accents) {
    append_decomposed(c, marks, out);
  } else {
    append_lowered(c, out);
  }
  if (spaced) out += ' ';
}

inline void BertNormalizer::append_decomposed(char32_t c, Marks& marks, std::string& out) const {
  constexpr int longest = 8;  // Unicode's canonical decompositions have 4 code points at most
  std::int32_t parts[longest] = {static_cast<std::int32_t>(c)};
  std::int64_t count = 1;
  if (((*table_)[c] & character::decomposes) != 0) {
    int boundary = 0;
    count = utf8proc_decompose_char(static_cast<std::int32_t>(c), parts, longest,
                                    UTF8PROC_DECOMPOSE, &boundary);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const auto part = static_cast<char32_t>(parts[i]);
    const std::uint16_t bits = (*table_)[part];
    if ((bits & character::ordered) != 0) {
      marks.emplace_back(combining_class(part), part);
      continue;
    }
    // A mark that is left out ends a run of marks only where it would not be moved itself.
    if ((bits & character::nonspacing) != 0) {
      if (utf8proc_get_property(parts[i])->combining_class == 0) append_marks(marks, out);
      continue;
    }
    append_marks(marks, out);
    append_lowered(part, out);
  }
}

inline void BertNormalizer::append_lowered(char32_t c, std::string& out) const {
  if (!options_.lowercase || ((*table_)[c] & character::lower_cased) == 0)
    return append_code_point(c, out);
  append_code_point(c == 0x130 ? U'i' : lower_case(c), out);
  if (c == 0x130) append_code_point(0x307, out);  // the only letter whose small form is two
}

inline void BertNormalizer::append_marks(Marks& marks, std::string& out) const {
  if (marks.empty()) return;
  std::stable_sort(marks.begin(), marks.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [order, mark] : marks) append_lowered(mark, out);
  marks.clear();
}

}  // namespace candist
