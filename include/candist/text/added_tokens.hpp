// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// A token that is found in a text as it stands, before the text is cut into words: [MASK], </s>.
/// The fields are those of tokenizer.json.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  ///< not between or beside word characters
  bool lstrip = false;       ///< takes the white space before it along
  bool rstrip = false;       ///< and that behind it
  bool normalized = false;   ///< is looked for in the normal form of the text, by its own
  bool special = true;
};

/// Cuts texts at added tokens. At every place the longest one wins, and the search goes on behind
/// it. Linear in the length of the text.
/// Reference: Hugging Face `tokenizers` (AddedVocabulary), whose rules these are.
class AddedTokens {
 public:
  AddedTokens() = default;
  /// Patterns and the tokens they stand for: a token's content, or the normal form of it.
  void add(std::string pattern, const AddedToken& token);
  bool empty() const { return patterns_.empty(); }

  /// Calls on_text(piece) and on_token(id) in the order of the text, for pieces that are not empty,
  /// until one of them returns false. Returns false then.
  template <class OnText, class OnToken>
  bool split(std::string_view text, OnText&& on_text, OnToken&& on_token) const;

 private:
  struct Pattern {
    std::string text;
    AddedToken token;
  };
  /// The longest pattern at `at`, or nullptr.
  const Pattern* match(std::string_view text, std::size_t at) const;

  std::vector<Pattern> patterns_;  ///< by first byte, the longest first
  std::array<std::pair<std::uint32_t, std::uint32_t>, 256> starts_{};  ///< patterns by first byte
};

// ---- definitions

namespace detail {

inline bool is_of_class(std::string_view text, std::size_t at, std::uint16_t bits) {
  return (CharacterTable::get()[next_code_point(text, at)] & bits) != 0;
}
inline std::size_t before(std::string_view text, std::size_t at) {
  do --at;
  while (!at_code_point(text, at));
  return at;
}

}  // namespace detail

inline void AddedTokens::add(std::string pattern, const AddedToken& token) {
  patterns_.push_back({std::move(pattern), token});
  const auto first = [](const Pattern& p) { return static_cast<unsigned char>(p.text.front()); };
  std::stable_sort(patterns_.begin(), patterns_.end(), [&](const Pattern& a, const Pattern& b) {
    return first(a) != first(b) ? first(a) < first(b) : a.text.size() > b.text.size();
  });
  starts_ = {};
  for (std::uint32_t i = 0; i < patterns_.size(); ++i) {
    auto& [begin, end] = starts_[first(patterns_[i])];
    if (end == 0) begin = i;
    end = i + 1;
  }
}

inline const AddedTokens::Pattern* AddedTokens::match(std::string_view text, std::size_t at) const {
  const auto [begin, end] = starts_[static_cast<unsigned char>(text[at])];
  for (std::uint32_t i = begin; i < end; ++i) {
    if (text.compare(at, patterns_[i].text.size(), patterns_[i].text) == 0) return &patterns_[i];
  }
  return nullptr;
}

template <class OnText, class OnToken>
bool AddedTokens::split(std::string_view text, OnText&& on_text, OnToken&& on_token) const {
  std::size_t done = 0;  // what lies before it has been reported
  std::size_t at = 0;
  if (patterns_.empty()) at = text.size();
  while (at < text.size()) {
    if (starts_[static_cast<unsigned char>(text[at])].second == 0) {
      ++at;
      continue;
    }
    const Pattern* found = match(text, at);
    if (found == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + found->text.size();
    at = end;
    if (found->token.single_word) {
      const bool joined_before =
          begin > 0 && detail::is_of_class(text, detail::before(text, begin), character::word);
      if (joined_before || (end < text.size() && detail::is_of_class(text, end, character::word)))
        continue;
    }
    if (found->token.lstrip) {
      while (begin > done) {
        const std::size_t previous = detail::before(text, begin);
        if (!detail::is_of_class(text, previous, character::white_space)) break;
        begin = previous;
      }
    }
    if (found->token.rstrip) {
      while (end < text.size() && detail::is_of_class(text, end, character::white_space))
        next_code_point(text, end);
    }
    if (begin > done && !on_text(text.substr(done, begin - done))) return false;
    if (!on_token(found->token.id)) return false;
    done = end;
  }
  return done >= text.size() || on_text(text.substr(done));
}

}  // namespace candist
