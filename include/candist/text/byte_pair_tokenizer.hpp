// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/text/added_tokens.hpp"
#include "candist/text/byte_level_words.hpp"
#include "candist/text/byte_pair_merges.hpp"
#include "candist/text/token_frame.hpp"
#include "candist/text/utf8.hpp"
#include "candist/text/vocabulary.hpp"

namespace candist {

struct BytePairOptions {
  bool add_prefix_space = false;  ///< before every piece of text that does not begin with one
  std::vector<AddedToken> added;
  TokenFrame frame;
};

/// The tokenizer of GPT-2 and RoBERTa: byte-level byte-pair encoding. A text is cut into words
/// (ByteLevelWords); the bytes of a word are merged to tokens (BytePairMerges). Every text can be
/// written, without an unknown token. Immutable; of a word of n bytes n log n steps. Bytes that are
/// not UTF-8 count as U+FFFD (repaired_utf8).
/// References: Radford et al. 2019 (GPT-2); Liu et al. 2019, arXiv:1907.11692 (RoBERTa); ids as
/// those of Hugging Face `tokenizers`.
class BytePairTokenizer {
 public:
  static constexpr const char* name = "byte_pair";

  /// The vocabulary as its files write it, in the letters of the byte map. Throws ShapeError where
  /// one of the 256 bytes has no token.
  BytePairTokenizer(Vocabulary vocabulary, BytePairMerges merges, BytePairOptions options = {});

  /// Appends the ids of a text with the special tokens around it, at most frame().max_length.
  /// Thread-safe.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    frame_.encode(ids, [&](std::size_t limit) { append(text, limit, ids); });
  }
  /// Appends the ids of the text alone. Thread-safe.
  void encode_bare(std::string_view text, std::vector<std::int32_t>& ids) const {
    append(text, std::numeric_limits<std::size_t>::max(), ids);
  }
  /// The bytes that an id stands for: the way back from encode_bare() to the text.
  std::string bytes(std::int32_t id) const;
  /// With the added tokens.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const TokenFrame& frame() const { return frame_; }

  /// The letter that stands for a byte in vocab.json and merges.txt: printable Latin-1 for itself,
  /// other bytes for code points from U+0100 on.
  static char32_t letter_of(unsigned char byte);

 private:
  void append(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const;
  bool append_words(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids,
                    std::vector<std::int32_t>& tokens) const;
  void merge_word(std::string_view word, std::vector<std::int32_t>& tokens) const;
  /// The bytes of a token as the files write it; nothing where a letter is not of the byte map.
  std::optional<std::string> bytes_of(std::string_view token) const;

  Vocabulary vocabulary_;
  BytePairMerges merges_;
  /// Words that merging makes one token: what a long cache would hold, known beforehand and shared
  /// by all threads.
  TokenIndex whole_words_;
  std::array<std::int32_t, 256> byte_tokens_{};
  std::array<std::int16_t, 512> letter_bytes_{};  ///< the byte a letter stands for, or -1
  bool add_prefix_space_ = false;
  AddedTokens added_;
  AddedTokens normalized_added_;  ///< there is no normalizer, but these come second
  TokenFrame frame_;
};

// ---- definitions

inline char32_t BytePairTokenizer::letter_of(unsigned char byte) {
  const auto printable = [](unsigned c) {
    return (c >= '!' && c <= '~') || (c >= 0xA1 && c <= 0xFF && c != 0xAD);
  };
  if (printable(byte)) return byte;
  char32_t letter = 0x100;
  for (unsigned c = 0; c < byte; ++c) letter += printable(c) ? 0 : 1;
  return letter;
}

inline BytePairTokenizer::BytePairTokenizer(Vocabulary vocabulary, BytePairMerges merges,
                                            BytePairOptions options)
    : vocabulary_(std::move(vocabulary)),
      merges_(std::move(merges)),
      add_prefix_space_(options.add_prefix_space),
      frame_(std::move(options.frame)) {
  frame_.check();
  letter_bytes_.fill(-1);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char32_t letter = letter_of(static_cast<unsigned char>(byte));
    std::string token;
    append_code_point(letter, token);
    letter_bytes_[letter] = static_cast<std::int16_t>(byte);
    byte_tokens_[byte] = vocabulary_.find(token);
    if (byte_tokens_[byte] < 0) {
      throw ShapeError("the vocabulary has no token " + quoted(token) + " for byte " +
                       std::to_string(byte) + ", expected one for each of the 256 bytes");
    }
  }
  std::vector<std::int32_t> tokens;
  for (std::int32_t id = 0; id < vocabulary_.size(); ++id) {
    const std::optional<std::string> word = bytes_of(vocabulary_[id]);
    if (!word || word->empty()) continue;
    merge_word(*word, tokens);
    if (tokens.size() == 1 && tokens.front() == id) whole_words_.insert(*word, id);
  }
  for (const AddedToken& token : options.added) {
    vocabulary_.add(token.content, token.id);  // most are in the vocabulary already
    (token.normalized ? normalized_added_ : added_).add(token.content, token);
  }
}

inline std::optional<std::string> BytePairTokenizer::bytes_of(std::string_view token) const {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const char32_t letter = next_code_point(token, at);
    if (letter >= letter_bytes_.size() || letter_bytes_[letter] < 0) return std::nullopt;
    bytes += static_cast<char>(letter_bytes_[letter]);
  }
  return bytes;
}

inline std::string BytePairTokenizer::bytes(std::int32_t id) const {
  const std::string_view token = vocabulary_[id];
  return bytes_of(token).value_or(std::string(token));
}

inline void BytePairTokenizer::append(std::string_view text, std::size_t limit,
                                      std::vector<std::int32_t>& ids) const {
  if (text.size() >= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw InputError("a text of 2 GiB or more; expected a shorter one");
  std::string room;
  std::string spaced;
  std::vector<std::int32_t> tokens;
  const auto on_token = [&](std::int32_t id) {
    ids.push_back(id);
    return ids.size() < limit;
  };
  const auto on_words = [&](std::string_view words) {
    if (add_prefix_space_ && words.front() != ' ') {
      spaced.assign(1, ' ').append(words);
      words = spaced;
    }
    return append_words(words, limit, ids, tokens);
  };
  added_.split(
      repaired_utf8(text, room),
      [&](std::string_view piece) { return normalized_added_.split(piece, on_words, on_token); },
      on_token);
}

inline bool BytePairTokenizer::append_words(std::string_view text, std::size_t limit,
                                            std::vector<std::int32_t>& ids,
                                            std::vector<std::int32_t>& tokens) const {
  ByteLevelWords words(text);
  for (std::string_view word; words.next(word);) {
    const std::int32_t id =
        word.size() <= whole_words_.longest() ? whole_words_.find(word) : std::int32_t{-1};
    if (id >= 0) {
      ids.push_back(id);
    } else {
      merge_word(word, tokens);
      ids.insert(ids.end(), tokens.begin(), tokens.end());
    }
    if (ids.size() >= limit) return false;
  }
  return true;
}

inline void BytePairTokenizer::merge_word(std::string_view word,
                                          std::vector<std::int32_t>& tokens) const {
  tokens.resize(word.size());
  for (std::size_t i = 0; i < word.size(); ++i)
    tokens[i] = byte_tokens_[static_cast<unsigned char>(word[i])];
  merges_.apply(tokens);
}

}  // namespace candist
