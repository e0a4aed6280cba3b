// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/text/added_tokens.hpp"
#include "candist/text/bert_normalizer.hpp"
#include "candist/text/character_table.hpp"
#include "candist/text/token_frame.hpp"
#include "candist/text/utf8.hpp"
#include "candist/text/vocabulary.hpp"

namespace candist {

struct WordPieceOptions {
  BertNormalizerOptions normalizer;
  std::string unknown = "[UNK]";
  std::string continuation = "##";  ///< before a token that does not begin a word
  int max_word_characters = 100;    ///< a longer word is unknown
  std::vector<AddedToken> added;
  TokenFrame frame;
};

/// BERT's tokenizer. A normalized text is cut at white space and around every punctuation mark;
/// from a word, the longest token is taken again and again; a word with a rest that no token begins
/// is [UNK] as a whole. Immutable; linear in the length of the text. Bytes that are not UTF-8 count
/// as U+FFFD (repaired_utf8), which the cleaning leaves out.
/// References: Devlin et al. 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144; ids as those
/// of Hugging Face `tokenizers`.
class WordPieceTokenizer {
 public:
  static constexpr const char* name = "wordpiece";

  /// Throws ShapeError where the unknown token is not in the vocabulary.
  explicit WordPieceTokenizer(Vocabulary vocabulary, WordPieceOptions options = {});

  /// Appends the ids of a text with the special tokens around it, at most frame().max_length.
  /// Thread-safe.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    frame_.encode(ids, [&](std::size_t limit) { append(text, limit, ids); });
  }
  /// Appends the ids of the text alone. Thread-safe.
  void encode_bare(std::string_view text, std::vector<std::int32_t>& ids) const {
    append(text, std::numeric_limits<std::size_t>::max(), ids);
  }
  /// With the added tokens.
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const TokenFrame& frame() const { return frame_; }
  const BertNormalizer& normalizer() const { return normalizer_; }

 private:
  enum class Kind : std::uint8_t { inside, space, mark, wide };  ///< of a byte

  void append(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const;
  /// Of the character at `at`; moves `at` behind it.
  Kind kind_of(std::string_view text, std::size_t& at) const;
  bool append_words(std::string_view text, std::size_t limit, std::vector<std::int32_t>& ids) const;
  void append_word(std::string_view word, std::vector<std::int32_t>& ids) const;

  Vocabulary vocabulary_;
  TokenIndex heads_;  ///< all tokens
  TokenIndex tails_;  ///< tokens that do not begin a word, without "##"
  BertNormalizer normalizer_;
  AddedTokens added_;             ///< looked for in the text as it stands
  AddedTokens normalized_added_;  ///< looked for in its normal form
  TokenFrame frame_;
  std::int32_t unknown_ = 0;
  std::size_t max_word_characters_ = 0;
  const CharacterTable* table_ = &CharacterTable::get();
  std::array<Kind, 256> kinds_{};
};

// ---- definitions

inline WordPieceTokenizer::WordPieceTokenizer(Vocabulary vocabulary, WordPieceOptions options)
    : vocabulary_(std::move(vocabulary)),
      normalizer_(options.normalizer),
      frame_(std::move(options.frame)),
      unknown_(vocabulary_.find(options.unknown)),
      max_word_characters_(static_cast<std::size_t>(std::max(options.max_word_characters, 0))) {
  frame_.check();
  if (unknown_ < 0)
    throw ShapeError("the vocabulary has no unknown token " + quoted(options.unknown));
  for (std::int32_t id = 0; id < vocabulary_.size(); ++id) {
    if (!vocabulary_.has(id)) continue;
    const std::string_view token = vocabulary_[id];
    heads_.insert(token, id);
    if (token.starts_with(options.continuation))
      tails_.insert(token.substr(options.continuation.size()), id);
  }
  for (const AddedToken& token : options.added) {
    vocabulary_.add(token.content, token.id);  // most are in the vocabulary already
    std::string pattern = token.content;
    if (token.normalized) {
      pattern.clear();
      normalizer_.append(token.content, pattern);
    }
    if (!pattern.empty()) (token.normalized ? normalized_added_ : added_).add(pattern, token);
  }
  for (std::size_t byte = 0; byte < kinds_.size(); ++byte) {
    const std::uint16_t bits = byte < 0x80 ? (*table_)[static_cast<char32_t>(byte)] : 0;
    kinds_[byte] = byte >= 0x80                           ? Kind::wide
                   : (bits & character::white_space) != 0 ? Kind::space
                   : (bits & character::punctuation) != 0 ? Kind::mark
                                                          : Kind::inside;
  }
}

inline void WordPieceTokenizer::append(std::string_view text, std::size_t limit,
                                       std::vector<std::int32_t>& ids) const {
  std::string room;
  std::string normal;
  text = repaired_utf8(text, room);
  const auto on_token = [&](std::int32_t id) {
    ids.push_back(id);
    return ids.size() < limit;
  };
  added_.split(
      text,
      [&](std::string_view piece) {
        normal.clear();
        normalizer_.append(piece, normal);
        return normalized_added_.split(
            normal, [&](std::string_view words) { return append_words(words, limit, ids); },
            on_token);
      },
      on_token);
}

inline WordPieceTokenizer::Kind WordPieceTokenizer::kind_of(std::string_view text,
                                                            std::size_t& at) const {
  const Kind kind = kinds_[static_cast<unsigned char>(text[at])];
  if (kind != Kind::wide) return ++at, kind;
  const std::uint16_t bits = (*table_)[next_code_point(text, at)];
  if ((bits & character::white_space) != 0) return Kind::space;
  return (bits & character::punctuation) != 0 ? Kind::mark : Kind::inside;
}

inline bool WordPieceTokenizer::append_words(std::string_view text, std::size_t limit,
                                             std::vector<std::int32_t>& ids) const {
  std::size_t next = 0;
  while (next < text.size()) {
    const std::size_t begin = next;
    std::size_t end = begin;  // of the word; what ends it goes up to `next`
    Kind kind = Kind::inside;
    while (kind == Kind::inside && next < text.size()) {
      end = next;
      kind = kind_of(text, next);
    }
    if (kind == Kind::inside) end = next;
    if (end > begin) append_word(text.substr(begin, end - begin), ids);
    if (kind == Kind::mark) append_word(text.substr(end, next - end), ids);
    if (ids.size() >= limit) return false;
  }
  return true;
}

inline void WordPieceTokenizer::append_word(std::string_view word,
                                            std::vector<std::int32_t>& ids) const {
  if (word.size() > max_word_characters_) {
    std::size_t characters = 0;
    for (std::size_t at = 0; at < word.size(); ++at) characters += at_code_point(word, at) ? 1 : 0;
    if (characters > max_word_characters_) return ids.push_back(unknown_);
  }
  const std::size_t before = ids.size();
  const TokenIndex* index = &heads_;
  for (std::size_t at = 0; at < word.size(); index = &tails_) {
    std::size_t end = std::min(word.size(), at + index->longest());
    while (!at_code_point(word, end)) --end;
    std::int32_t id = -1;
    while (end > at && (id = index->find(word.substr(at, end - at))) < 0) {
      do --end;
      while (!at_code_point(word, end));
    }
    if (id < 0) {
      ids.resize(before);
      return ids.push_back(unknown_);
    }
    ids.push_back(id);
    at = end;
  }
}

}  // namespace candist
