// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/error.hpp"
#include "candist/kernels/packed_attention.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist {

/// Some texts of a batch: texts [first, last), their tokens and queries.
struct TextRange {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

/// N texts laid end to end: T tokens, no padding.
class PackedBatch {
 public:
  /// Throws InputError for a text without tokens, or longer than the model, or with an id beyond its
  /// table.
  void pack(TextBatch batch, const TransformerConfig& config) {
    texts_.clear();
    ids_.clear();
    positions_.clear();
    for (const TokenSpan text : batch) {
      const auto tokens = static_cast<std::int64_t>(text.size());
      if (tokens < 1 || tokens > config.longest_text()) {
        throw InputError("text " + std::to_string(texts_.size()) + " of a batch (from 0) has " +
                         std::to_string(tokens) + " tokens, expected 1 to " +
                         std::to_string(config.longest_text()) +
                         ": encode it with a tokenizer that truncates");
      }
      const auto first = static_cast<std::int64_t>(ids_.size());
      texts_.push_back({first, tokens, first, tokens, static_cast<std::int64_t>(texts_.size())});
      for (std::int64_t t = 0; t < tokens; ++t) {
        const std::int32_t id = text[static_cast<std::size_t>(t)];
        if (id < 0 || id >= config.vocabulary) {
          throw InputError("a text has the token id " + std::to_string(id) + ", expected 0 to " +
                           std::to_string(config.vocabulary - 1));
        }
        ids_.push_back(id);
        positions_.push_back(static_cast<std::int32_t>(t + config.first_position));
      }
    }
    first_tokens_ = texts_;
    first_token_rows_.clear();
    for (PackedText& text : first_tokens_) {
      first_token_rows_.push_back(text.first);
      text.first_query = text.number;
      text.queries = 1;
    }
    const std::size_t known = rows_.size();
    if (known < ids_.size()) {
      rows_.resize(ids_.size());
      std::iota(rows_.begin() + static_cast<std::ptrdiff_t>(known), rows_.end(),
                static_cast<std::int64_t>(known));
    }
  }

  std::int64_t texts() const { return static_cast<std::int64_t>(texts_.size()); }
  std::int64_t tokens() const { return static_cast<std::int64_t>(ids_.size()); }
  const std::vector<std::int32_t>& ids() const { return ids_; }
  const std::vector<std::int32_t>& positions() const { return positions_; }
  /// Each text with a query for every token, or for its first token alone.
  const std::vector<PackedText>& with_all_queries() const { return texts_; }
  const std::vector<PackedText>& with_first_queries() const { return first_tokens_; }
  /// 0, 1, ..., T - 1.
  const std::int64_t* rows() const { return rows_.data(); }
  /// The row of each text's first token [N].
  const std::int64_t* first_token_rows() const { return first_token_rows_.data(); }

  /// Cuts the batch into about `parts` ranges of about as many tokens, of at most `most` tokens where
  /// texts allow it.
  std::vector<TextRange> cut(std::int64_t parts, std::int64_t most) const {
    parts = std::max({parts, std::int64_t{1}, (tokens() + most - 1) / most});
    std::vector<TextRange> ranges;
    std::int64_t first = 0;
    for (std::int64_t part = 1; first < texts(); ++part) {
      const std::int64_t begin = texts_[static_cast<std::size_t>(first)].first;
      std::int64_t last = first;
      while (last < texts() && end_of(last) - begin <= most &&
             (part >= parts || end_of(last) * parts <= tokens() * part)) {
        ++last;
      }
      last = std::max(last, first + 1);
      ranges.push_back({first, last});
      first = last;
    }
    return ranges;
  }

 private:
  std::int64_t end_of(std::int64_t text) const {
    const PackedText& t = texts_[static_cast<std::size_t>(text)];
    return t.first + t.tokens;
  }

  std::vector<PackedText> texts_;
  std::vector<PackedText> first_tokens_;
  std::vector<std::int32_t> ids_;
  std::vector<std::int32_t> positions_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int64_t> first_token_rows_;
};

}  // namespace candist
