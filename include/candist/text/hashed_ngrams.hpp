// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "candist/error.hpp"

namespace candist {

struct HashedNgramsOptions {
  int buckets_log2 = 18;  ///< 1 to 30
  int word_ngrams = 2;    ///< words, word pairs, ...; 0 = none, up to 8
  int char_min = 4;       ///< shortest character n-gram; 0 = none, up to 64
  int char_max = 4;       ///< longest, at least the shortest
};

/// A text as hashed n-grams of words and, within words (marked < and > at their ends), of
/// characters. Words end at white space; ASCII punctuation marks are words of their own; ASCII
/// letters are lower-cased; a UTF-8 character is never cut. Linear in the length of the text.
/// Reference: Joulin et al., EACL 2017 (fastText), arXiv:1607.01759.
class HashedNgrams {
 public:
  static constexpr int most_words = 8;
  static constexpr int most_characters = 64;

  /// Throws ShapeError for options out of range.
  explicit HashedNgrams(HashedNgramsOptions options = {}) : options_(options) {
    const auto expect = [](const char* option, int value, int lowest, int highest) {
      if (value >= lowest && value <= highest) return;
      throw ShapeError(std::string(option) + " is " + std::to_string(value) + ", expected " +
                       std::to_string(lowest) + " to " + std::to_string(highest));
    };
    expect("buckets_log2", options.buckets_log2, 1, 30);
    expect("word_ngrams", options.word_ngrams, 0, most_words);
    expect("char_min", options.char_min, 0, most_characters);
    expect("char_max", options.char_max, options.char_min, most_characters);
  }

  std::int64_t buckets() const { return std::int64_t{1} << options_.buckets_log2; }
  const HashedNgramsOptions& options() const { return options_; }

  /// Appends the ids, in [0, buckets), of a text's n-grams. Thread-safe.
  void append(std::string_view text, std::vector<std::int32_t>& ids) const;

 private:
  static constexpr std::uint64_t multiplier = 0x9E3779B97F4A7C15u;
  enum class Character : std::uint8_t { letter, space, mark };

  static Character kind_of(unsigned char c) {
    if (c <= ' ') return Character::space;
    const bool letter = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c >= 0x80;
    return letter ? Character::letter : Character::mark;
  }
  static std::uint64_t step(std::uint64_t hash, unsigned char byte) {
    return (hash ^ byte) * 0x100000001B3u;
  }
  std::int32_t bucket(std::uint64_t hash) const {
    hash ^= hash >> 32;
    return static_cast<std::int32_t>((hash * multiplier) >> (64 - options_.buckets_log2));
  }
  void append_characters(const unsigned char* word, std::size_t length,
                         std::vector<std::int32_t>& ids) const;

  HashedNgramsOptions options_;
};

inline void HashedNgrams::append(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::uint64_t recent[most_words] = {};  // hashes of the last words, newest first
  const int order = options_.word_ngrams;
  int words = 0;
  std::vector<unsigned char> word;
  std::size_t i = 0;
  while (i < text.size()) {
    const Character kind = kind_of(static_cast<unsigned char>(text[i]));
    if (kind == Character::space) {
      ++i;
      continue;
    }
    word.assign(1, '<');
    std::uint64_t hash = 0xCBF29CE484222325u;
    do {
      auto c = static_cast<unsigned char>(text[i]);
      if (c >= 'A' && c <= 'Z') c |= 32;
      word.push_back(c);
      hash = step(hash, c);
      ++i;
    } while (kind == Character::letter && i < text.size() &&
             kind_of(static_cast<unsigned char>(text[i])) == Character::letter);
    word.push_back('>');

    for (int n = order - 1; n > 0; --n) recent[n] = recent[n - 1];
    recent[0] = hash;
    words = std::min(words + 1, most_words);
    std::uint64_t gram = 0;
    for (int n = 0; n < std::min(order, words); ++n) {
      gram = (gram ^ recent[n]) * multiplier + static_cast<std::uint64_t>(n) + 1;
      ids.push_back(bucket(gram));
    }
    if (options_.char_min > 0 && kind == Character::letter)
      append_characters(word.data(), word.size(), ids);
  }
}

inline void HashedNgrams::append_characters(const unsigned char* word, std::size_t length,
                                            std::vector<std::int32_t>& ids) const {
  const auto continues = [&](std::size_t at) { return at < length && (word[at] & 0xC0) == 0x80; };
  for (std::size_t begin = 0; begin < length; ++begin) {
    if (continues(begin)) continue;
    std::uint64_t hash = 0x84222325CBF29CE4u;
    std::size_t end = begin;
    for (int n = 1; n <= options_.char_max && end < length; ++n) {
      do hash = step(hash, word[end++]);
      while (continues(end));
      if (n >= options_.char_min) ids.push_back(bucket(hash));
    }
  }
}

}  // namespace candist
