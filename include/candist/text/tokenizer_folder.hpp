// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/text/json_file.hpp"
#include "candist/text/tokenizer.hpp"
#include "candist/text/tokenizer_json.hpp"
#include "candist/text/vocabulary_files.hpp"

namespace candist {

struct LoadTokenizerOptions {
  /// Ids of a text at most, those around it counted. 0: as the folder says (the truncation of
  /// tokenizer.json, else model_max_length of tokenizer_config.json, else no limit).
  std::int64_t max_length = 0;
};

/// Loads the tokenizer of a Hugging Face model folder: tokenizer.json where there is one; else
/// vocab.txt (BERT), or vocab.json and merges.txt (RoBERTa where the vocabulary has <s> and </s>,
/// else GPT-2), with what tokenizer_config.json, special_tokens_map.json and added_tokens.json say,
/// where they are. Throws InputError, with file and line where there is one, for whatever is
/// missing, broken, contradictory, or not of these tokenizers.
inline Tokenizer load_tokenizer(const std::filesystem::path& folder,
                                LoadTokenizerOptions options = {});

// ---- definitions

namespace detail {

/// The small files beside a vocabulary, any of which may be absent.
class TokenizerSettings {
 public:
  explicit TokenizerSettings(const std::filesystem::path& folder) {
    for (const char* file : {"tokenizer_config.json", "special_tokens_map.json"}) {
      if (std::filesystem::exists(folder / file)) files_.emplace_back(folder / file);
    }
    if (std::filesystem::exists(folder / "added_tokens.json"))
      added_.emplace(folder / "added_tokens.json");
  }
  /// The entry of the first file that has one.
  JsonNode operator[](std::string_view key) const {
    static const std::string nowhere = "tokenizer_config.json";
    for (const JsonFile& file : files_) {
      if (const JsonNode node = file.root()[key]; !node.is_null()) return node;
    }
    return {nowhere, std::string(key)};
  }
  /// A special token: a string, or an object of the fields of AddedToken.
  AddedToken special_token(std::string_view key, const char* otherwise) const {
    const JsonNode node = (*this)[key];
    AddedToken token;
    token.content = otherwise;
    if (node.is_text()) token.content = node.text();
    if (!node.is_null() && !node.is_text()) {
      token.content = node["content"].text();
      token.lstrip = node["lstrip"].flag_or(false);
      token.rstrip = node["rstrip"].flag_or(false);
      token.single_word = node["single_word"].flag_or(false);
      token.normalized = node["normalized"].flag_or(false);
    }
    return token;
  }
  /// Tokens beyond the special ones, with ids of their own. `added_tokens_decoder` has all their
  /// fields; added_tokens.json, which is older, only ids.
  void add_tokens(std::vector<AddedToken>& tokens) const {
    const auto add = [&](AddedToken token) {
      for (AddedToken& known : tokens) {
        if (known.content != token.content) continue;
        known = token;
        return;
      }
      tokens.push_back(std::move(token));
    };
    const JsonNode decoder = (*this)["added_tokens_decoder"];
    if (added_ && decoder.is_null()) {
      for (const auto& [content, value] : added_->root().object()) {
        AddedToken token;
        token.content = content;
        token.id = static_cast<std::int32_t>(added_->root()[content].number(0, last_id));
        token.normalized = true;
        token.special = false;
        add(std::move(token));
      }
    }
    if (decoder.is_null()) return;
    for (const auto& [key, value] : decoder.object()) {
      const JsonNode entry = decoder[key];
      AddedToken token = read_added_token(entry);
      const std::string digits(key);
      char* end = nullptr;
      const std::int64_t id = std::strtoll(digits.c_str(), &end, 10);
      if (digits.empty() || *end != '\0' || id < 0 || id > last_id)
        throw InputError(entry.file(), 0, quoted(entry.way()), "an id as key");
      token.id = static_cast<std::int32_t>(id);
      add(std::move(token));
    }
  }
  void expect_class(std::initializer_list<std::string_view> classes) const {
    const JsonNode node = (*this)["tokenizer_class"];
    if (node.is_null()) return;
    std::string_view given = node.text();
    if (given.ends_with("Fast")) given.remove_suffix(4);
    std::string known;
    for (const std::string_view name : classes) {
      if (given == name) return;
      known += (known.empty() ? "" : " or ") + std::string(name);
    }
    node.fail(known);
  }

 private:
  std::vector<JsonFile> files_;
  std::optional<JsonFile> added_;
};

/// Special tokens that the vocabulary lacks are left out, unless they stand around texts.
inline void add_special_tokens(TokenizerParts& parts, const TokenizerSettings& settings,
                               std::vector<AddedToken> tokens) {
  for (AddedToken& token : tokens) {
    token.id = parts.vocabulary.find(token.content);
    bool known = token.id < 0;
    for (const AddedToken& other : parts.added) known |= other.content == token.content;
    if (!known) parts.added.push_back(std::move(token));
  }
  settings.add_tokens(parts.added);
}

inline std::int32_t token_around(const TokenizerParts& parts, const AddedToken& token) {
  const std::int32_t id = parts.vocabulary.find(token.content);
  if (id < 0)
    throw InputError(parts.file, 0, "no token " + quoted(token.content),
                     "the tokens around a text");
  return id;
}

inline TokenizerParts read_bert_files(const std::filesystem::path& folder,
                                      const TokenizerSettings& settings) {
  settings.expect_class({"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"});
  TokenizerParts parts;
  parts.file = (folder / "vocab.txt").string();
  parts.vocabulary = read_vocabulary_text(folder / "vocab.txt");
  BertNormalizerOptions& normalizer = parts.wordpiece.normalizer;
  normalizer.lowercase = settings["do_lower_case"].flag_or(true);
  normalizer.strip_accents = settings["strip_accents"].flag_or(normalizer.lowercase);
  normalizer.handle_chinese_chars = settings["tokenize_chinese_chars"].flag_or(true);
  const AddedToken unknown = settings.special_token("unk_token", "[UNK]");
  const AddedToken first = settings.special_token("cls_token", "[CLS]");
  const AddedToken last = settings.special_token("sep_token", "[SEP]");
  parts.wordpiece.unknown = unknown.content;
  parts.frame.before = {token_around(parts, first)};
  parts.frame.after = {token_around(parts, last)};
  add_special_tokens(parts, settings,
                     {unknown, last, settings.special_token("pad_token", "[PAD]"), first,
                      settings.special_token("mask_token", "[MASK]")});
  return parts;
}

inline TokenizerParts read_byte_pair_files(const std::filesystem::path& folder,
                                           const TokenizerSettings& settings) {
  settings.expect_class({"RobertaTokenizer", "GPT2Tokenizer"});
  TokenizerParts parts;
  parts.file = (folder / "vocab.json").string();
  parts.vocabulary = read_vocabulary(JsonFile(folder / "vocab.json").root());
  parts.merges = read_merges_text(folder / "merges.txt", parts.vocabulary);
  parts.add_prefix_space = settings["add_prefix_space"].flag_or(false);
  const JsonNode named = settings["tokenizer_class"];
  const bool roberta = named.is_null()
                           ? parts.vocabulary.find("<s>") >= 0 && parts.vocabulary.find("</s>") >= 0
                           : named.text().starts_with("Roberta");
  if (!roberta) {
    const char* end = "<|endoftext|>";
    add_special_tokens(
        parts, settings,
        {settings.special_token("bos_token", end), settings.special_token("eos_token", end),
         settings.special_token("unk_token", end), settings.special_token("pad_token", end)});
    return parts;
  }
  const AddedToken first = settings.special_token("cls_token", "<s>");
  const AddedToken last = settings.special_token("sep_token", "</s>");
  AddedToken mask = settings.special_token("mask_token", "<mask>");
  // As in roberta-base's own tokenizer.json: <mask> takes the space before it along.
  if (settings["mask_token"].is_null() || settings["mask_token"].is_text()) mask.lstrip = true;
  parts.frame.before = {token_around(parts, first)};
  parts.frame.after = {token_around(parts, last)};
  add_special_tokens(
      parts, settings,
      {settings.special_token("bos_token", "<s>"), settings.special_token("eos_token", "</s>"),
       settings.special_token("unk_token", "<unk>"), last,
       settings.special_token("pad_token", "<pad>"), first, mask});
  return parts;
}

}  // namespace detail

inline Tokenizer load_tokenizer(const std::filesystem::path& folder, LoadTokenizerOptions options) {
  const auto there = [&](const char* file) { return std::filesystem::exists(folder / file); };
  if (!std::filesystem::is_directory(folder))
    throw InputError(folder.string(), 0, "no folder", "a model's folder");
  const detail::TokenizerSettings settings(folder);
  TokenizerParts parts;
  if (there("tokenizer.json")) {
    parts = read_tokenizer_json(JsonFile(folder / "tokenizer.json"));
    const JsonNode lower = settings["do_lower_case"];
    if (!parts.merges && !lower.is_null() && lower.flag() != parts.wordpiece.normalizer.lowercase) {
      throw InputError(lower.file(), 0,
                       quoted(lower.way()) + " is " + (lower.flag() ? "true" : "false"),
                       "what tokenizer.json's normalizer says");
    }
  } else if (there("vocab.txt")) {
    parts = detail::read_bert_files(folder, settings);
  } else if (there("vocab.json") || there("merges.txt")) {
    parts = detail::read_byte_pair_files(folder, settings);
  } else {
    throw InputError(folder.string(), 0, "no tokenizer",
                     "tokenizer.json, vocab.txt, or vocab.json and merges.txt");
  }
  // transformers writes 1e30 where a model has no limit.
  const JsonNode limit = settings["model_max_length"];
  if (options.max_length != 0) {
    parts.frame.max_length = options.max_length;
  } else if (parts.frame.max_length == 0 && limit.is_whole_number()) {
    parts.frame.max_length = limit.number(1, std::int64_t{1} << 40);
  }
  return std::move(parts).build();
}

}  // namespace candist
