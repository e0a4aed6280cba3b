// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A word of a reply and what stands between two of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace candist {

/// What stands between a word and the one before it; bits.
enum WordGap : std::uint16_t {
  gap_comma = 1,            ///< , ; / | > + and their kin
  gap_clause = 2,           ///< ;
  gap_stop = 4,             ///< the end of a sentence
  gap_line = 8,             ///< a line break
  gap_blank_line = 16,      ///< an empty line
  gap_colon = 32,           ///< : or =
  gap_dash = 64,            ///< a dash that is no hyphen
  gap_open = 128,           ///< ( [ {
  gap_close = 256,          ///< ) ] }
  gap_joined = 512,         ///< one hyphen, dot or the like between two letters or digits
  gap_minus = 1024,         ///< - directly in front of the word
  gap_pipe = 2048,          ///< |
  gap_cross_behind = 4096,  ///< a cross that strikes out what stands before it
  gap_cross_front = 8192,   ///< a cross in front of the word
};

/// One word: its bytes, its normal form's number (0: no word of an alias) and the gap before it.
struct ReplyWord {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::uint32_t stem = 0;
  std::uint16_t gap = 0;
  std::uint16_t gap_after = 0;
  std::uint64_t cues = 0;    ///< the classes of the caller's lexicon
  std::int32_t number = -1;  ///< of digits only; 999999999 for more than nine
};

/// Cue words by normal form.
using WordClasses = std::unordered_map<std::string, std::uint64_t>;

}  // namespace candist
