// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the tokenizers must know of every code point, as Hugging Face `tokenizers` sees it:
// utf8proc's Unicode tables, and where the two differ, unicode_deviations.hpp.
#pragma once

#include <utf8proc.h>

#include <cstdint>
#include <memory>

#include "candist/text/unicode_deviations.hpp"

namespace candist {

namespace character {
/// The bits of a code point's class.
enum Class : std::uint16_t {
  letter = 1,         ///< \p{L} of the byte-level regular expression
  number = 2,         ///< \p{N}
  white_space = 4,    ///< Unicode's White_Space, \s
  punctuation = 8,    ///< BERT's: Unicode's, and the ASCII symbols
  control = 16,       ///< what BERT's cleaning leaves out: Cc, Cf and Co
  nonspacing = 32,    ///< Mn, which accent stripping leaves out
  word = 64,          ///< \w, for added tokens that must stand alone
  decomposes = 128,   ///< has a canonical decomposition
  chinese = 256,      ///< BERT sets spaces around it
  ordered = 512,      ///< a mark that canonical ordering may move
  lower_cased = 1024  ///< lower-casing changes it
};
}  // namespace character

/// The classes of all code points: 2 MB, made at the first use (some 10 ms).
class CharacterTable {
 public:
  static const CharacterTable& get() {
    static const CharacterTable table;
    return table;
  }
  std::uint16_t operator[](char32_t c) const { return classes_[c]; }

 private:
  static constexpr std::uint32_t count = 0x110000;
  CharacterTable();
  std::unique_ptr<std::uint16_t[]> classes_{new std::uint16_t[count]};
};

/// The small letter of a code point, where that is one code point (U+0130 has two).
inline char32_t lower_case(char32_t c);

/// The order of marks among each other; 0 for what keeps its place. For those only that accent
/// stripping leaves.
inline int combining_class(char32_t c);

// ---- definitions

namespace detail {

inline bool within(std::uint32_t c, std::uint32_t first, std::uint32_t last) {
  return c >= first && c <= last;
}

/// The ideographs of BERT's tokenizer: not Hangul, Hiragana or Katakana.
inline bool is_chinese(std::uint32_t c) {
  return within(c, 0x4E00, 0x9FFF) || within(c, 0x3400, 0x4DBF) || within(c, 0x20000, 0x2A6DF) ||
         within(c, 0x2A700, 0x2B73F) || within(c, 0x2B740, 0x2B81F) ||
         within(c, 0x2B920, 0x2CEAF) || within(c, 0xF900, 0xFAFF) || within(c, 0x2F800, 0x2FA1F);
}

inline std::uint16_t unicode_class(std::uint32_t c) {
  const utf8proc_property_t& property = *utf8proc_get_property(static_cast<std::int32_t>(c));
  const auto category = static_cast<utf8proc_category_t>(property.category);
  int bits = 0;
  const bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
  const bool is_mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
  if (is_letter) bits |= character::letter;
  if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
    bits |= character::number;
  if ((category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP) ||
      within(c, 0x09, 0x0D) || c == 0x85) {
    bits |= character::white_space;
  }
  if ((category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO) ||
      (c < 0x80 && category >= UTF8PROC_CATEGORY_SM && category <= UTF8PROC_CATEGORY_SO)) {
    bits |= character::punctuation;
  }
  if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
      category == UTF8PROC_CATEGORY_CO) {
    bits |= character::control;
  }
  const bool canonical = property.decomp_seqindex != UINT16_MAX && property.decomp_type == 0;
  if (canonical || within(c, 0xAC00, 0xD7A3)) {
    bits |= character::decomposes;
  } else if (category == UTF8PROC_CATEGORY_MN) {
    bits |= character::nonspacing;
  }
  // \w is Alphabetic, marks, Nd, Pc and the joiners; the circled letters are Alphabetic symbols.
  const bool circled = within(c, 0x24B6, 0x24E9) || within(c, 0x1F130, 0x1F149) ||
                       within(c, 0x1F150, 0x1F169) || within(c, 0x1F170, 0x1F189);
  if (is_letter || is_mark || circled || category == UTF8PROC_CATEGORY_ND ||
      category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_PC ||
      within(c, 0x200C, 0x200D)) {
    bits |= character::word;
  }
  if (is_chinese(c)) bits |= character::chinese;
  return static_cast<std::uint16_t>(bits);
}

}  // namespace detail

inline char32_t lower_case(char32_t c) {
  for (const detail::LowerDeviation& range : detail::lower_deviations) {
    if (detail::within(c, range.first, range.last))
      return static_cast<char32_t>(static_cast<std::int32_t>(c) + range.shift);
  }
  return static_cast<char32_t>(utf8proc_tolower(static_cast<std::int32_t>(c)));
}

inline int combining_class(char32_t c) {
  for (const detail::OrderedMarks& range : detail::ordered_marks) {
    if (detail::within(c, range.first, range.last)) return range.combining_class;
  }
  return 0;
}

inline CharacterTable::CharacterTable() {
  for (std::uint32_t c = 0; c < count; ++c) classes_[c] = detail::unicode_class(c);
  for (const detail::ClassDeviation& range : detail::class_deviations) {
    for (std::uint32_t c = range.first; c <= range.last; ++c)
      classes_[c] = static_cast<std::uint16_t>((classes_[c] & ~range.wrong) | range.right);
  }
  for (const detail::OrderedMarks& range : detail::ordered_marks) {
    for (std::uint32_t c = range.first; c <= range.last; ++c) classes_[c] |= character::ordered;
  }
  // BERT takes tab and line ends for white space, and leaves NUL and U+FFFD out.
  for (const char32_t c : {0x09, 0x0A, 0x0D})
    classes_[c] &= static_cast<std::uint16_t>(~character::control);
  classes_[0xFFFD] |= character::control;
  for (std::uint32_t c = 0; c < count; ++c) {
    if (lower_case(c) != c || c == 0x130) classes_[c] |= character::lower_cased;
  }
}

}  // namespace candist
