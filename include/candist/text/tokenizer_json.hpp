// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/text/json_file.hpp"
#include "candist/text/tokenizer.hpp"
#include "candist/text/vocabulary_files.hpp"

namespace candist {

/// The parts of a tokenizer as files describe them, before they are put together.
struct TokenizerParts {
  std::string file;  ///< for messages
  Vocabulary vocabulary;
  std::optional<BytePairMerges> merges;  ///< none: WordPiece
  WordPieceOptions wordpiece;            ///< without `added` and `frame`
  bool add_prefix_space = false;
  std::vector<AddedToken> added;
  TokenFrame frame;

  /// Throws InputError where the parts do not fit together.
  Tokenizer build() &&;
};

/// Reads a tokenizer.json: the subset of it that BERT, RoBERTa and GPT-2 use. Throws InputError
/// naming whatever else is in it, for a part that is left out changes ids in silence. "decoder" and
/// "padding" change none: candist packs texts without padding.
/// Reference: the serialization of Hugging Face `tokenizers`, version "1.0".
inline TokenizerParts read_tokenizer_json(const JsonFile& file);

// ---- definitions

namespace detail {

inline constexpr std::int64_t last_id = Vocabulary::limit - 1;

inline void read_normalizer(const JsonNode& node, BertNormalizerOptions& options) {
  options = {false, false, false, false};
  if (node.is_null()) return;
  if (node["type"].text() != "BertNormalizer")
    node["type"].fail("BertNormalizer, or no normalizer");
  node.expect_only({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
  options.clean_text = node["clean_text"].flag();
  options.handle_chinese_chars = node["handle_chinese_chars"].flag();
  options.lowercase = node["lowercase"].flag();
  options.strip_accents = node["strip_accents"].flag_or(options.lowercase);
}

/// [content, id], as BertProcessing and RobertaProcessing have it.
inline std::int32_t read_token_pair(const JsonNode& node) {
  const simdjson::dom::array pair = node.array();
  std::int64_t id = 0;
  if (pair.size() != 2 || !pair.at(0).is_string() || pair.at(1).get(id) != simdjson::SUCCESS ||
      id < 0 || id > last_id) {
    node.fail("a token and its id");
  }
  return static_cast<std::int32_t>(id);
}

inline void read_template(const JsonNode& node, TokenFrame& frame) {
  node.expect_only({"type", "single", "pair", "special_tokens"});
  bool text_seen = false;
  node["single"].each([&](const JsonNode& part) {
    part.expect_only({"SpecialToken", "Sequence"});
    if (!part["Sequence"].is_null()) {
      if (text_seen || part["Sequence"]["id"].text() != "A")
        part["Sequence"].fail("the text A once");
      text_seen = true;
      return;
    }
    const JsonNode token = node["special_tokens"][part["SpecialToken"]["id"].text()];
    token["ids"].each([&](const JsonNode& id) {
      (text_seen ? frame.after : frame.before)
          .push_back(static_cast<std::int32_t>(id.number(0, last_id)));
    });
  });
  if (!text_seen) node["single"].fail("the text A once");
}

inline void read_post_processor(const JsonNode& node, TokenFrame& frame) {
  if (node.is_null()) return;
  const std::string_view type = node["type"].text();
  if (type == "TemplateProcessing") return read_template(node, frame);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    node.expect_only({"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    frame.before = {read_token_pair(node["cls"])};
    frame.after = {read_token_pair(node["sep"])};
    return;
  }
  if (type != "ByteLevel") {
    node["type"].fail("TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, or none");
  }
}

inline void read_truncation(const JsonNode& node, TokenFrame& frame) {
  if (node.is_null()) return;
  node.expect_only({"direction", "max_length", "strategy", "stride"});
  const JsonNode direction = node["direction"];
  if (!direction.is_null() && direction.text() != "Right") direction.fail("Right");
  if (node["strategy"].text() == "OnlySecond") node["strategy"].fail("LongestFirst or OnlyFirst");
  frame.max_length = node["max_length"].number(1, std::int64_t{1} << 40);
}

inline AddedToken read_added_token(const JsonNode& node) {
  node.expect_only({"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
  AddedToken token;
  token.content = node["content"].text();
  if (token.content.empty()) node["content"].fail("a token that is not empty");
  token.single_word = node["single_word"].flag_or(false);
  token.lstrip = node["lstrip"].flag_or(false);
  token.rstrip = node["rstrip"].flag_or(false);
  token.special = node["special"].flag_or(false);
  token.normalized = node["normalized"].flag_or(!token.special);
  return token;
}

inline void read_wordpiece(const JsonNode& model, const JsonNode& root, TokenizerParts& parts) {
  model.expect_only(
      {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
  const JsonNode cutter = root["pre_tokenizer"]["type"];
  if (cutter.is_null() || cutter.text() != "BertPreTokenizer")
    cutter.fail("BertPreTokenizer, as the model is WordPiece");
  root["pre_tokenizer"].expect_only({"type"});
  read_normalizer(root["normalizer"], parts.wordpiece.normalizer);
  parts.wordpiece.unknown = model["unk_token"].text();
  parts.wordpiece.continuation = model["continuing_subword_prefix"].text();
  parts.wordpiece.max_word_characters =
      static_cast<int>(model["max_input_chars_per_word"].number(1, 1'000'000));
}

inline void read_byte_pair(const JsonNode& model, const JsonNode& root, TokenizerParts& parts) {
  model.expect_only({"type", "dropout", "unk_token", "continuing_subword_prefix",
                     "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab",
                     "merges"});
  if (!model["dropout"].is_null()) model["dropout"].fail("null");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model[key].is_null() && !model[key].text().empty()) model[key].fail("none");
  }
  for (const char* key : {"byte_fallback", "ignore_merges"}) {
    if (model[key].flag_or(false))
      throw InputError(model.file(), 0, quoted(model[key].way()) + " is true", "false");
  }
  const JsonNode cutter = root["pre_tokenizer"];
  if (cutter.is_null() || cutter["type"].text() != "ByteLevel")
    cutter["type"].fail("ByteLevel, as the model is BPE");
  cutter.expect_only({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  if (!cutter["use_regex"].flag_or(true))
    throw InputError(model.file(), 0, quoted(cutter["use_regex"].way()) + " is false", "true");
  parts.add_prefix_space = cutter["add_prefix_space"].flag();
  if (!root["normalizer"].is_null())
    root["normalizer"]["type"].fail("no normalizer, as the model is BPE");
  parts.merges = read_merges(model["merges"], parts.vocabulary);
}

}  // namespace detail

inline TokenizerParts read_tokenizer_json(const JsonFile& file) {
  const JsonNode root = file.root();
  root.expect_only({"version", "truncation", "padding", "added_tokens", "normalizer",
                    "pre_tokenizer", "post_processor", "decoder", "model"});
  TokenizerParts parts;
  parts.file = file.name();
  const JsonNode model = root["model"];
  // Files of old versions do not name the type.
  const JsonNode type = model["type"];
  const bool byte_pair = type.is_null() ? !model["merges"].is_null() : type.text() == "BPE";
  if (!byte_pair && !type.is_null() && type.text() != "WordPiece") type.fail("WordPiece or BPE");
  parts.vocabulary = read_vocabulary(model["vocab"]);
  if (byte_pair) {
    detail::read_byte_pair(model, root, parts);
  } else {
    detail::read_wordpiece(model, root, parts);
  }
  detail::read_post_processor(root["post_processor"], parts.frame);
  detail::read_truncation(root["truncation"], parts.frame);
  if (root["added_tokens"].is_null()) return parts;
  root["added_tokens"].each([&](const JsonNode& entry) {
    AddedToken token = detail::read_added_token(entry);
    token.id = static_cast<std::int32_t>(entry["id"].number(0, detail::last_id));
    parts.added.push_back(std::move(token));
  });
  return parts;
}

inline Tokenizer TokenizerParts::build() && {
  Vocabulary all = vocabulary;  // with the added tokens
  for (std::size_t i = 0; i < added.size(); ++i) {
    const AddedToken& token = added[i];
    for (std::size_t j = 0; j < i; ++j) {
      if (added[j].content == token.content)
        throw InputError(file, 0, "added token " + quoted(token.content) + " twice", "once");
    }
    if (all.find(token.content) == token.id) continue;
    const auto id = std::to_string(token.id);
    if (all.find(token.content) >= 0) {
      throw InputError(file, 0, "id " + id + " for added token " + quoted(token.content),
                       std::to_string(all.find(token.content)) + " as in the vocabulary");
    }
    if (all.add(token.content, token.id) == Vocabulary::Added::id_twice) {
      throw InputError(file, 0,
                       "id " + id + " for added token " + quoted(token.content) + " and for " +
                           quoted(all[token.id]),
                       "every id once");
    }
  }
  for (const auto* ids : {&frame.before, &frame.after}) {
    for (const std::int32_t id : *ids) {
      if (!all.has(id)) {
        throw InputError(file, 0, "special token " + std::to_string(id) + " around texts",
                         "an id of the vocabulary");
      }
    }
  }
  frame.check();
  try {
    if (merges) {
      return BytePairTokenizer(std::move(vocabulary), std::move(*merges),
                               {add_prefix_space, std::move(added), std::move(frame)});
    }
    wordpiece.added = std::move(added);
    wordpiece.frame = std::move(frame);
    return WordPieceTokenizer(std::move(vocabulary), std::move(wordpiece));
  } catch (const ShapeError& error) {
    throw InputError(file + ": " + error.what());
  }
}

}  // namespace candist
