// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace candist {

/// Whose text encoder a model is; it decides names of tensors, positions, and the usual head.
enum class EncoderFamily { bert, roberta };

/// How the tokens' hidden states become one embedding [D] of a text, and that the logits.
enum class Pooling {
  bert_pooler,   ///< first token; dense, tanh, dropout, output (BertForSequenceClassification)
  roberta_head,  ///< first token; dropout, dense, tanh, dropout, output (Roberta...)
  mean,          ///< mean of all tokens; dropout, output (sentence encoders)
};

/// The shape of a transformer encoder with a classifier on top; the defaults are those of
/// all-MiniLM-L6-v2. In a Hugging Face folder most of it stands in config.json.
struct TransformerConfig {
  EncoderFamily family = EncoderFamily::bert;
  Pooling pooling = Pooling::bert_pooler;
  int classes = 2;         ///< C
  int vocabulary = 30522;  ///< rows of the table of tokens
  int width = 384;         ///< D
  int layers = 6;
  int heads = 12;          ///< H, a divisor of D
  int inner_width = 1536;  ///< of the feed-forward networks
  int positions = 512;     ///< rows of the table of positions
  int first_position = 0;  ///< position of a text's first token (RoBERTa: padding id + 1)
  int token_types = 2;     ///< rows of the table of token types; only row 0 is used
  float norm_epsilon = 1e-12f;
  float hidden_dropout = 0.1f;
  float attention_dropout = 0.1f;
  float head_dropout = 0.1f;

  /// T of a text at most.
  int longest_text() const { return positions - first_position; }
};

/// A parameter of the model by its name in a Hugging Face model of the BERT family, without prefix:
/// "encoder.layer.0.attention.self.query.weight". The head's tensors are "head.dense.weight",
/// "head.dense.bias" (not with Pooling::mean), "head.output.weight" and "head.output.bias"; the
/// folder's names for them depend on the family. Rows [rows, columns], row-major; `columns` is 0
/// for a vector [rows].
struct NamedTensor {
  std::string name;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::span<float> values;
};

}  // namespace candist
