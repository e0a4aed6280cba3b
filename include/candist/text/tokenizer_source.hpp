// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/text/bert_normalizer.hpp"
#include "candist/text/tokenizer.hpp"
#include "candist/text/tokenizer_folder.hpp"

namespace candist {

/// The files that a folder's tokenizer is made of, name -> content: what a trained student's folder
/// takes over from the folder that it began with.
using TokenizerFiles = std::map<std::string, std::string>;

/// A tokenizer and its files.
struct TokenizerSource {
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenizerFiles files;
};

/// That of a model's folder, for texts of at most `max_length` tokens; throws as load_tokenizer does.
inline TokenizerSource read_tokenizer(const std::filesystem::path& folder, std::int64_t max_length);

namespace detail {
inline constexpr const char* tokenizer_files[] = {"tokenizer.json",
                                                  "vocab.txt",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json"};
}

/// The files that are there. Throws RunError where one cannot be read.
inline TokenizerFiles read_tokenizer_files(const std::filesystem::path& folder) {
  TokenizerFiles files;
  for (const char* name : detail::tokenizer_files) {
    std::error_code error;
    if (!std::filesystem::exists(folder / name, error)) continue;
    std::ifstream file(folder / name, std::ios::binary);
    files[name] = {std::istreambuf_iterator<char>(file), {}};
    if (!file) throw RunError("cannot read " + (folder / name).string());
  }
  return files;
}

/// Makes the folder's tokenizer this one: writes each file whole or not at all, and removes those of
/// another, which would contradict it.
inline void write_tokenizer_files(const std::filesystem::path& folder,
                                  const TokenizerFiles& files) {
  for (const char* name : detail::tokenizer_files) {
    std::error_code ignored;
    if (!files.contains(name)) std::filesystem::remove(folder / name, ignored);
  }
  for (const auto& [name, content] : files) {
    AtomicFile file(folder / name);
    file.write(content);
    file.commit();
  }
}

/// A lower-casing WordPiece tokenizer for texts[0 ... n), for a model that is trained from nothing:
/// special tokens, single characters (alone and inside a word), then the most frequent words, `most`
/// tokens at most. Throws InputError where these are not even the special ones.
template <class Column>
TokenizerSource make_tokenizer(const Column& texts, std::int64_t n, std::int64_t max_length,
                               std::int32_t most = 16384);

// ---- definitions

inline TokenizerSource read_tokenizer(const std::filesystem::path& folder,
                                      std::int64_t max_length) {
  return {std::make_shared<const Tokenizer>(load_tokenizer(folder, {.max_length = max_length})),
          read_tokenizer_files(folder)};
}

namespace detail {

/// How often things were seen; the most frequent first, then in the order of their bytes.
class Counts {
 public:
  void add(std::string_view key) {
    const auto found = table_.find(key);
    if (found == table_.end()) {
      table_.emplace(key, 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string_view> at_least(std::int64_t times) const {
    std::vector<std::pair<std::int64_t, std::string_view>> ranked;
    for (const auto& [key, count] : table_) {
      if (count >= times) ranked.emplace_back(-count, key);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string_view> keys;
    for (const auto& entry : ranked) keys.push_back(entry.second);
    return keys;
  }

 private:
  std::map<std::string, std::int64_t, std::less<>> table_;
};

/// Calls visit(word) for the words of a normalised text, cut at white space and ASCII punctuation.
/// Where BERT's rules cut elsewhere, at Unicode's punctuation, a word of the vocabulary is never met; its
/// characters are tokens in any case.
template <class Visit>
void for_each_plain_word(std::string_view text, Visit&& visit) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  const auto is_word = [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (is_word(text[at])) {
      while (end < text.size() && is_word(text[end])) ++end;
    }
    if (!is_space(text[at])) visit(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace detail

template <class Column>
TokenizerSource make_tokenizer(const Column& texts, std::int64_t n, std::int64_t max_length,
                               std::int32_t most) {
  detail::Counts words;
  detail::Counts characters;
  const BertNormalizer normalizer{BertNormalizerOptions{}};
  std::string normal;
  std::string room;
  for (std::int64_t row = 0; row < n; ++row) {
    normal.clear();
    normalizer.append(repaired_utf8(texts[row], room), normal);
    detail::for_each_plain_word(normal, [&](std::string_view word) {
      words.add(word);
      for (std::size_t at = 0; at < word.size();) {
        const std::size_t length = std::max<std::size_t>(1, detail::utf8_length(word.substr(at)));
        characters.add(word.substr(at, length));
        characters.add("##" + std::string(word.substr(at, length)));
        at += length;
      }
    });
  }
  if (most < 5) {
    throw InputError("a vocabulary of at most " + std::to_string(most) +
                     " tokens: expected at least the 5 special ones");
  }
  TokenizerParts parts;
  parts.file = "vocab.txt";
  std::string file;
  const auto add = [&](std::string_view token) {
    if (parts.vocabulary.size() >= most || parts.vocabulary.find(token) >= 0) return;
    parts.vocabulary.add(token, parts.vocabulary.size());
    file += std::string(token) + "\n";
  };
  for (const char* special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) {
    add(special);
    AddedToken token;
    token.content = special;
    token.id = parts.vocabulary.find(special);
    parts.added.push_back(token);
  }
  parts.frame.before = {parts.vocabulary.find("[CLS]")};
  parts.frame.after = {parts.vocabulary.find("[SEP]")};
  parts.frame.max_length = max_length;
  for (const std::string_view character : characters.at_least(1)) add(character);
  // A word that occurs once teaches nothing that its pieces do not.
  for (const std::string_view word : words.at_least(2)) add(word);
  return {std::make_shared<const Tokenizer>(std::move(parts).build()),
          {{"vocab.txt", file},
           {"tokenizer_config.json",
            "{\"tokenizer_class\": \"BertTokenizer\", \"do_lower_case\": true}\n"}}};
}

}  // namespace candist
