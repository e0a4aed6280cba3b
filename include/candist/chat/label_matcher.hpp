// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where a text names labels: words compared without case, width and punctuation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "candist/chat/reply_vocabulary.hpp"
#include "candist/chat/reply_word.hpp"
#include "candist/data/label_space.hpp"

namespace candist {

/// Whether what a description calls a label counts as its name.
enum class LabelDescriptions { read, ignored };

/// The labels' names and what their descriptions call them, as a trie over words. Immutable,
/// thread-safe; linear in the text for given labels (every match is at most as long as the longest
/// alias).
class LabelMatcher {
 public:
  struct Options {
    LabelDescriptions descriptions = LabelDescriptions::read;
  };
  /// The words from `first` to `last` (exclusive) name `label`.
  struct Match {
    std::int32_t label = -1;
    std::size_t first = 0;
    std::size_t last = 0;
    bool weak = false;  ///< one word of a description: names the label only where it stands alone
  };

  explicit LabelMatcher(const LabelSpace& labels);
  LabelMatcher(const LabelSpace& labels, Options options);

  const std::vector<std::string>& names() const { return names_; }
  /// The words of any bytes.
  std::vector<ReplyWord> words(std::string_view text, const WordClasses& classes) const {
    return vocabulary_.words(text, classes);
  }
  /// From left to right, the longest first, without overlap.
  std::vector<Match> matches(std::string_view text, const std::vector<ReplyWord>& words) const;

 private:
  enum class Alias { name, description };
  struct Terminal {
    std::vector<std::int32_t> labels;  ///< more than one: told apart by their very bytes
    bool weak = false;
    bool name = false;
  };
  struct Node {
    std::map<std::uint32_t, std::uint32_t> next;
    std::int32_t terminal = -1;
    std::uint16_t allowed = 0;  ///< gaps that the alias itself has before this word
  };

  void add(std::string_view alias, std::int32_t label, Alias kind);
  void add_description(std::string_view description, std::int32_t label);
  std::uint32_t child(std::uint32_t node, const ReplyWord& word);
  std::int32_t told_apart(std::string_view text, const Terminal& terminal, std::size_t begin) const;
  Match longest_match(std::string_view text, const std::vector<ReplyWord>& words,
                      std::size_t first) const;

  std::vector<std::string> names_;
  ReplyVocabulary vocabulary_;
  std::vector<Node> nodes_{1};
  std::vector<Terminal> terminals_;
};

// ---- definitions

namespace detail {

/// The pieces of "foods and drinks" or "substances, materials, chemicals"; none where there are not
/// two, and of "relations between people or things" or "two and three dimensional shapes".
inline std::vector<std::string_view> enumerated(std::string_view text,
                                                const std::vector<ReplyWord>& words) {
  constexpr std::string_view bound[] = {"of",   "between", "for", "to",    "in",   "by",
                                        "with", "one",     "two", "three", "that", "which",
                                        "the",  "a",       "an",  "other", "from"};
  std::vector<std::string_view> pieces;
  std::size_t begin = words.front().begin;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = text.substr(words[i].begin, words[i].end - words[i].begin);
    if (std::find(std::begin(bound), std::end(bound), word) != std::end(bound)) return {};
    const bool joins = word == "and" || word == "or" || word == "&";
    if (joins || (words[i].gap & gap_comma) != 0) {
      if (i > 0 && words[i - 1].end > begin)
        pieces.push_back(text.substr(begin, words[i - 1].end - begin));
      begin = joins ? words[i].end : words[i].begin;
    }
  }
  if (words.back().end > begin) pieces.push_back(text.substr(begin, words.back().end - begin));
  if (pieces.size() < 2) pieces.clear();
  return pieces;
}

}  // namespace detail

inline LabelMatcher::LabelMatcher(const LabelSpace& labels) : LabelMatcher(labels, Options()) {}

inline LabelMatcher::LabelMatcher(const LabelSpace& labels, Options options) {
  // All words must be known before any is looked up.
  for (std::int32_t label = 0; label < labels.size(); ++label) {
    names_.push_back(labels.name(label));
    vocabulary_.learn(names_.back());
  }
  std::set<std::vector<std::uint32_t>> taken;
  for (const std::string& name : names_) {
    std::vector<std::uint32_t> stems;
    for (const ReplyWord& word : words(name, {})) stems.push_back(word.stem);
    // "transfer" beside "transfers": plurals are names
    if (!taken.insert(stems).second) vocabulary_.tell_plurals_apart();
  }
  for (std::int32_t label = 0; label < labels.size(); ++label)
    add(labels.name(label), label, Alias::name);
  if (options.descriptions == LabelDescriptions::ignored) return;
  for (std::int32_t label = 0; label < labels.size(); ++label)
    add_description(labels.description(label), label);
}

/// The node behind `word`, made where there is none.
inline std::uint32_t LabelMatcher::child(std::uint32_t node, const ReplyWord& word) {
  const auto made = static_cast<std::uint32_t>(nodes_.size());
  const auto [next, is_new] = nodes_[node].next.emplace(word.stem, made);
  const std::uint32_t to = next->second;
  if (is_new) nodes_.emplace_back();
  nodes_[to].allowed = static_cast<std::uint16_t>(nodes_[to].allowed | word.gap);
  return to;
}

inline void LabelMatcher::add(std::string_view alias, std::int32_t label, Alias kind) {
  vocabulary_.learn(alias);
  const std::vector<ReplyWord> found = words(alias, {});
  if (found.empty()) return;
  std::uint32_t node = 0;
  for (const ReplyWord& word : found) node = child(node, word);
  const bool name = kind == Alias::name;
  std::int32_t& terminal = nodes_[node].terminal;
  if (terminal < 0) {
    terminal = static_cast<std::int32_t>(terminals_.size());
    terminals_.push_back({{label}, !name && found.size() == 1, name});
    return;
  }
  Terminal& known = terminals_[static_cast<std::size_t>(terminal)];
  // A name stays its label's, whatever other labels' descriptions say.
  if (!name && known.name) return;
  if (std::find(known.labels.begin(), known.labels.end(), label) == known.labels.end())
    known.labels.push_back(label);
}

inline void LabelMatcher::add_description(std::string_view description, std::int32_t label) {
  const std::string_view part = description.substr(0, description.find_first_of(":(;"));
  const std::vector<ReplyWord> found = words(part, {});
  if (found.empty() || found.size() > 6) return;
  add(part, label, Alias::description);
  for (const std::string_view piece : detail::enumerated(part, found))
    add(piece, label, Alias::description);
}

inline std::int32_t LabelMatcher::told_apart(std::string_view text, const Terminal& terminal,
                                             std::size_t begin) const {
  if (terminal.labels.size() == 1) return terminal.labels.front();
  if (!terminal.name) return -1;
  std::int32_t best = -1;
  std::size_t longest = 0;
  for (const std::int32_t label : terminal.labels) {
    const std::string& name = names_[static_cast<std::size_t>(label)];
    if (name.size() > longest && text.substr(begin, name.size()) == name) {
      best = label;
      longest = name.size();
    }
  }
  return best;
}

/// The longest match that begins at the word `first`; label < 0 for none.
inline LabelMatcher::Match LabelMatcher::longest_match(std::string_view text,
                                                       const std::vector<ReplyWord>& words,
                                                       std::size_t first) const {
  constexpr std::uint16_t apart =
      gap_comma | gap_stop | gap_colon | gap_dash | gap_open | gap_close | gap_line;
  Match match;
  std::uint32_t node = 0;
  for (std::size_t i = first; i < words.size() && words[i].stem != 0; ++i) {
    const auto next = nodes_[node].next.find(words[i].stem);
    if (next == nodes_[node].next.end()) break;
    if (i > first && (words[i].gap & apart & ~nodes_[next->second].allowed) != 0) break;
    node = next->second;
    if (nodes_[node].terminal < 0) continue;
    const Terminal& terminal = terminals_[static_cast<std::size_t>(nodes_[node].terminal)];
    const std::int32_t label = told_apart(text, terminal, words[first].begin);
    if (label >= 0) match = {label, first, i + 1, terminal.weak};
  }
  return match;
}

inline std::vector<LabelMatcher::Match> LabelMatcher::matches(
    std::string_view text, const std::vector<ReplyWord>& words) const {
  const auto hyphen = [&](std::uint16_t gap, std::size_t at) {
    return (gap & gap_joined) != 0 && text[at] == '-';
  };
  std::vector<Match> result;
  for (std::size_t i = 0; i < words.size();) {
    const Match match = longest_match(text, words, i);
    if (match.label < 0) {
      ++i;
      continue;
    }
    // "action-packed" names no act.
    const ReplyWord& back = words[match.last - 1];
    const bool part_of_a_word = (i > 0 && hyphen(words[i].gap, words[i].begin - 1)) ||
                                (match.last < words.size() && hyphen(back.gap_after, back.end));
    if (!part_of_a_word) result.push_back(match);
    i = match.last;
  }
  return result;
}

}  // namespace candist
