// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// config.json of a Hugging Face model folder.
#pragma once

#include <simdjson.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/jsonl.hpp"
#include "candist/error.hpp"
#include "candist/text/json_file.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist {

/// Reads folder/config.json. What is absent is as in transformers. Pooling is that of the family's
/// ...ForSequenceClassification, or the mean where "candist_pooling" says "mean"; what
/// sentence-transformers keeps beside it (1_Pooling) is not looked at. Throws InputError for what
/// is broken, out of range, or not of these models: another architecture, activation or kind of
/// positions, a decoder.
inline TransformerConfig read_transformer_config(const std::filesystem::path& folder);

/// The names of the classes, `id2label` of folder/config.json: [C] names; empty where there are
/// none. Throws InputError where the ids are not 0 to C-1.
inline std::vector<std::string> read_label_names(const std::filesystem::path& folder);

/// What config.json says for a model of this shape; read_transformer_config reads it again. Throws
/// InputError for label names that are not `config.classes` different ones in UTF-8.
inline nlohmann::ordered_json transformer_config_json(const TransformerConfig& config,
                                                      std::span<const std::string> label_names);

/// Throws InputError for a head that the family has not: a pooling is the family's own, or the
/// mean.
inline void expect_head_of_family(const TransformerConfig& config);

// ---- definitions

namespace detail {

/// All numbers of a model, that of its largest table included, stay below this: 16 GiB of floats.
inline constexpr std::int64_t most_parameters = std::int64_t{1} << 32;

/// A number of [least, most) at the root of config.json.
inline float real_number(const JsonNode& root, std::string_view key, double otherwise, double least,
                         double most) {
  const JsonNode node = root[key];
  if (node.is_null()) return static_cast<float>(otherwise);
  double value = 0.0;
  if (root.object()[key].get(value) != simdjson::SUCCESS) node.fail("a number");
  // 0.999999999 is 1 as a float.
  if (!(value >= least && static_cast<float>(value) < static_cast<float>(most))) {
    throw InputError(node.file(), 0, quoted(key) + " is " + nlohmann::json(value).dump(),
                     nlohmann::json(least).dump() + " to below " + nlohmann::json(most).dump());
  }
  return static_cast<float>(value);
}

inline int size_number(const JsonNode& root, std::string_view key, int otherwise, int most) {
  const JsonNode node = root[key];
  return node.is_null() ? otherwise : static_cast<int>(node.number(1, most));
}

inline EncoderFamily read_family(const JsonNode& root) {
  const JsonNode node = root["model_type"];
  const std::string_view type = node.text();
  if (type == "bert") return EncoderFamily::bert;
  if (type == "roberta") return EncoderFamily::roberta;
  throw InputError(node.file(), 0, "an unknown architecture, \"model_type\" " + quoted(type),
                   "\"bert\" or \"roberta\"");
}

inline Pooling pooling_of(EncoderFamily family) {
  return family == EncoderFamily::bert ? Pooling::bert_pooler : Pooling::roberta_head;
}

inline void expect_supported(const JsonNode& root) {
  const JsonNode activation = root["hidden_act"];
  if (!activation.is_null() && activation.text() != "gelu") activation.fail("\"gelu\"");
  const JsonNode positions = root["position_embedding_type"];
  if (!positions.is_null() && positions.text() != "absolute") positions.fail("\"absolute\"");
  for (const char* decoder : {"is_decoder", "add_cross_attention"}) {
    if (root[decoder].flag_or(false))
      throw InputError(root.file(), 0, quoted(decoder) + " is true", "an encoder");
  }
}

inline void expect_size(const std::string& file, const TransformerConfig& c) {
  const std::int64_t d = c.width;
  // The factors are bounded so that no product overflows.
  const std::int64_t layer = 4 * d * d + 2 * d * c.inner_width + 9 * d + c.inner_width;
  const std::int64_t tables = d * (std::int64_t{c.vocabulary} + c.positions + c.token_types + 2);
  const std::int64_t head = d * d + d + (d + 1) * c.classes;
  const std::int64_t all = layer * c.layers + tables + head;
  if (all > most_parameters) {
    throw InputError(file, 0, "a model of " + std::to_string(all) + " parameters",
                     "at most " + std::to_string(most_parameters));
  }
}

/// The double that prints as the float does: 0.1f as 0.1.
inline double as_printed(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double printed = 0.0;
  std::from_chars(text, end, printed);
  return printed;
}

}  // namespace detail

inline TransformerConfig read_transformer_config(const std::filesystem::path& folder) {
  const JsonFile file(folder / "config.json");
  const JsonNode root = file.root();
  TransformerConfig c;
  c.family = detail::read_family(root);
  detail::expect_supported(root);
  const bool bert = c.family == EncoderFamily::bert;
  c.pooling = detail::pooling_of(c.family);
  if (const JsonNode pooling = root["candist_pooling"]; !pooling.is_null()) {
    if (pooling.text() != "mean") pooling.fail("\"mean\"");
    c.pooling = Pooling::mean;
  }
  c.vocabulary = detail::size_number(root, "vocab_size", bert ? 30522 : 50265, 1 << 28);
  c.width = detail::size_number(root, "hidden_size", 768, 1 << 16);
  c.layers = detail::size_number(root, "num_hidden_layers", 12, 1 << 12);
  c.heads = detail::size_number(root, "num_attention_heads", 12, 1 << 16);
  if (c.width % c.heads != 0) {
    throw InputError(file.name(), 0, "\"num_attention_heads\" is " + std::to_string(c.heads),
                     "a divisor of \"hidden_size\", " + std::to_string(c.width));
  }
  c.inner_width = detail::size_number(root, "intermediate_size", 3072, 1 << 20);
  c.positions = detail::size_number(root, "max_position_embeddings", 512, 1 << 24);
  c.token_types = detail::size_number(root, "type_vocab_size", 2, 1 << 16);
  c.norm_epsilon = detail::real_number(root, "layer_norm_eps", 1e-12, 1e-30, 1.0);
  c.hidden_dropout = detail::real_number(root, "hidden_dropout_prob", 0.1, 0.0, 1.0);
  c.attention_dropout = detail::real_number(root, "attention_probs_dropout_prob", 0.1, 0.0, 1.0);
  c.head_dropout = detail::real_number(root, "classifier_dropout", c.hidden_dropout, 0.0, 1.0);
  const JsonNode pad = root["pad_token_id"];
  if (!bert) {  // the rows of the table of positions up to the padding's own are not used
    c.first_position = pad.is_null() ? 2 : static_cast<int>(pad.number(0, c.vocabulary - 1)) + 1;
    if (c.first_position >= c.positions)
      pad.fail("less than \"max_position_embeddings\" - 1, " + std::to_string(c.positions - 1));
  }
  constexpr int most_classes = 1 << 20;
  if (const JsonNode labels = root["id2label"]; !labels.is_null()) {
    const auto count = static_cast<std::int64_t>(labels.object().size());
    if (count < 1 || count > most_classes)
      throw InputError(file.name(), 0, "\"id2label\" of " + std::to_string(count) + " labels",
                       "1 to " + std::to_string(most_classes));
    c.classes = static_cast<int>(count);
  } else {
    c.classes = detail::size_number(root, "num_labels", 2, most_classes);
  }
  detail::expect_size(file.name(), c);
  return c;
}

inline std::vector<std::string> read_label_names(const std::filesystem::path& folder) {
  const JsonFile file(folder / "config.json");
  const JsonNode labels = file.root()["id2label"];
  std::vector<std::string> names;
  if (labels.is_null()) return names;
  names.resize(labels.object().size());
  std::vector<bool> given(names.size());
  for (const auto& [key, value] : labels.object()) {
    std::size_t id = names.size();
    const auto [stop, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const bool whole = error == std::errc() && stop == key.data() + key.size();
    if (!whole || id >= names.size() || given[id]) {
      throw InputError(file.name(), 0, "\"id2label\" of id " + quoted(key),
                       "0 to " + std::to_string(names.size() - 1) + ", once each");
    }
    std::string_view name;
    if (value.get(name) != simdjson::SUCCESS) labels[key].fail("a string");
    names[id] = name;
    given[id] = true;
  }
  return names;
}

inline nlohmann::ordered_json transformer_config_json(const TransformerConfig& c,
                                                      std::span<const std::string> label_names) {
  expect_head_of_family(c);
  CANDIST_EXPECT_EQ(label_names.size(), c.classes, "names of labels, classes");
  const bool bert = c.family == EncoderFamily::bert;
  const std::string own_class =
      std::string(bert ? "Bert" : "Roberta") +
      (c.pooling == Pooling::mean ? "ForMeanPooling" : "ForSequenceClassification");
  nlohmann::ordered_json json;
  json["architectures"] = {own_class};
  json["model_type"] = bert ? "bert" : "roberta";
  if (c.pooling == Pooling::mean) {
    json["auto_map"] = {
        {"AutoModelForSequenceClassification", "modeling_mean_pooling." + own_class}};
    json["candist_pooling"] = "mean";
  }
  json["vocab_size"] = c.vocabulary;
  json["hidden_size"] = c.width;
  json["num_hidden_layers"] = c.layers;
  json["num_attention_heads"] = c.heads;
  json["intermediate_size"] = c.inner_width;
  json["max_position_embeddings"] = c.positions;
  json["type_vocab_size"] = c.token_types;
  json["hidden_act"] = "gelu";
  json["position_embedding_type"] = "absolute";
  json["layer_norm_eps"] = detail::as_printed(c.norm_epsilon);
  json["hidden_dropout_prob"] = detail::as_printed(c.hidden_dropout);
  json["attention_probs_dropout_prob"] = detail::as_printed(c.attention_dropout);
  json["classifier_dropout"] = detail::as_printed(c.head_dropout);
  json["pad_token_id"] = bert ? 0 : c.first_position - 1;
  if (!bert) {
    json["bos_token_id"] = 0;
    json["eos_token_id"] = 2;
  }
  nlohmann::ordered_json::object_t names;
  nlohmann::ordered_json::object_t ids;
  std::set<std::string_view> different;
  for (std::size_t id = 0; id < label_names.size(); ++id) {
    const std::string& name = label_names[id];
    if (name.empty() || !simdjson::validate_utf8(name.data(), name.size()))
      throw InputError("label " + quoted(name) + ": expected a name in UTF-8");
    if (!different.insert(name).second)
      throw InputError("two labels " + quoted(name) + ": expected every name once");
    // push_back does not look for the key first, as operator[] would, from the start
    names.push_back({std::to_string(id), name});
    ids.push_back({name, id});
  }
  json["id2label"] = std::move(names);
  json["label2id"] = std::move(ids);
  // transformers refuses it for a single class.
  if (c.classes > 1) json["problem_type"] = "single_label_classification";
  return json;
}

inline void expect_head_of_family(const TransformerConfig& config) {
  if (config.pooling == Pooling::mean || config.pooling == detail::pooling_of(config.family))
    return;
  throw InputError(config.family == EncoderFamily::bert
                       ? "a BERT encoder with RoBERTa's head: expected bert_pooler or mean"
                       : "a RoBERTa encoder with BERT's pooler: expected roberta_head or mean");
}

}  // namespace candist
