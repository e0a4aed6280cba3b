// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "candist/text/byte_pair_tokenizer.hpp"
#include "candist/text/wordpiece_tokenizer.hpp"

namespace candist {

/// The tokenizer of a pretrained text encoder; load_tokenizer (text/tokenizer_folder.hpp) makes one
/// from a model's folder. Immutable: threads may share it.
class Tokenizer {
 public:
  Tokenizer(WordPieceTokenizer tokenizer) : any_(std::move(tokenizer)) {}
  Tokenizer(BytePairTokenizer tokenizer) : any_(std::move(tokenizer)) {}

  /// Appends the ids of a text with the special tokens around it, at most frame().max_length.
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    std::visit([&](const auto& tokenizer) { tokenizer.encode(text, ids); }, any_);
  }
  /// Appends the ids of the text alone.
  void encode_bare(std::string_view text, std::vector<std::int32_t>& ids) const {
    std::visit([&](const auto& tokenizer) { tokenizer.encode_bare(text, ids); }, any_);
  }
  /// Tokens and ids, added tokens among them; its size() is what an embedding table must hold.
  const Vocabulary& vocabulary() const {
    return std::visit(
        [](const auto& tokenizer) -> auto& { return tokenizer.vocabulary(); }, any_);
  }
  const TokenFrame& frame() const {
    return std::visit(
        [](const auto& tokenizer) -> auto& { return tokenizer.frame(); }, any_);
  }
  const std::variant<WordPieceTokenizer, BytePairTokenizer>& any() const { return any_; }

 private:
  std::variant<WordPieceTokenizer, BytePairTokenizer> any_;
};

}  // namespace candist
