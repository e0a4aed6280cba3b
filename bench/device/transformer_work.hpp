// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What transformer_bench.cu and transformer_torch.py both do: shapes of models, batches, and how
// operations are counted. transformer_torch.py reads the two tables of this file and draws the same
// texts; both print a digest of them. Standard library and candist's border headers only.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "candist/parameter_block.hpp"
#include "candist/students/transformer_engine.hpp"
#include "candist/weights/transformer_config.hpp"

namespace candist::bench {

/// {tokens, texts}: the 5,452 questions of TREC's training set by their WordPiece tokens
/// (vocabulary of bert-base-uncased, the two special ones included).
inline constexpr int trec_lengths[][2] = {
    {5, 1},    {6, 48},   {7, 171},  {8, 309},  {9, 461},  {10, 515}, {11, 560}, {12, 562},
    {13, 510}, {14, 487}, {15, 392}, {16, 290}, {17, 243}, {18, 215}, {19, 159}, {20, 125},
    {21, 97},  {22, 80},  {23, 55},  {24, 42},  {25, 26},  {26, 22},  {27, 21},  {28, 14},
    {29, 9},   {30, 12},  {31, 4},   {32, 4},   {33, 4},   {34, 5},   {35, 1},   {36, 2},
    {37, 2},   {38, 1},   {39, 1},   {40, 1},   {41, 1}};

/// 10^12 operations a second without sparsity, of the data sheets "NVIDIA H100 / H200 Tensor Core
/// GPU" (SXM; bf16 is given with sparsity there, twice as much) and "NVIDIA A100 Tensor Core GPU".
struct CardPeak {
  const char* name;
  double bf16, fp32;
};
inline constexpr CardPeak card_peaks[] = {{"NVIDIA H200", 989.5, 67.0},
                                          {"NVIDIA H100 80GB HBM3", 989.5, 67.0},
                                          {"NVIDIA A100-SXM4-80GB", 312.0, 19.5},
                                          {"NVIDIA A100-SXM4-40GB", 312.0, 19.5}};

/// Operations a second; 0 for a card that is not in the table.
inline double peak_of(const std::string& card, bool bf16) {
  for (const CardPeak& peak : card_peaks) {
    if (card == peak.name) return 1e12 * (bf16 ? peak.bf16 : peak.fp32);
  }
  return 0.0;
}

struct ModelShape {
  const char* name;
  TransformerConfig config;
};
inline ModelShape minilm() {
  TransformerConfig config;  // its defaults are this model's
  config.classes = 6;
  return {"MiniLM-L6", config};
}
inline ModelShape roberta_base() {
  TransformerConfig config;
  config.family = EncoderFamily::roberta;
  config.pooling = Pooling::roberta_head;
  config.classes = 6;
  config.vocabulary = 50265;
  config.width = 768;
  config.layers = 12;
  config.heads = 12;
  config.inner_width = 3072;
  config.positions = 514;
  config.first_position = 2;
  config.token_types = 1;
  config.norm_epsilon = 1e-5f;
  return {"RoBERTa-base", config};
}

/// N texts a batch, all of one length or of TREC's lengths (0).
struct TextShape {
  const char* name;
  int texts;
  int length;
  int batches;  ///< different ones, which take turns
};
inline constexpr TextShape text_shapes[] = {
    {"TREC B=32", 32, 0, 16}, {"T=128 B=256", 256, 128, 2}, {"T=512 B=64", 64, 512, 2}};

/// SplitMix64.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  std::uint64_t word() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// 0 to n - 1.
  int below(int n) {
    return static_cast<int>(((word() >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }

 private:
  std::uint64_t state_;
};

struct Batch {
  std::vector<std::vector<std::int32_t>> texts;
  std::int64_t tokens = 0;
  std::int64_t longest = 0;
  double squares = 0.0;  ///< of the lengths, summed
};

/// Text: id 2, words, id 3. A word is as likely to come from each power of two of ids, from 4 on:
/// about as unevenly as words of a language are spread. No id is a padding.
inline std::vector<Batch> draw_batches(const TextShape& shape, int vocabulary) {
  int trec_texts = 0;
  for (const auto& [tokens, texts] : trec_lengths) trec_texts += texts;
  const int powers = std::bit_width(static_cast<unsigned>(vocabulary - 1)) - 2;
  Draw draw(7);
  std::vector<Batch> batches(static_cast<std::size_t>(shape.batches));
  for (Batch& batch : batches) {
    for (int n = 0; n < shape.texts; ++n) {
      int length = shape.length;
      for (int at = length == 0 ? draw.below(trec_texts) : -1, i = 0; at >= 0; ++i) {
        length = trec_lengths[i][0];
        at -= trec_lengths[i][1];
      }
      std::vector<std::int32_t> text{2};
      while (static_cast<int>(text.size()) + 1 < length) {
        const int first = 1 << (2 + draw.below(powers));
        text.push_back(first + draw.below(std::min(first, vocabulary - first)));
      }
      text.push_back(3);
      batch.tokens += length;
      batch.longest = std::max<std::int64_t>(batch.longest, length);
      batch.squares += static_cast<double>(length) * length;
      batch.texts.push_back(std::move(text));
    }
  }
  return batches;
}
inline std::uint64_t digest(std::span<const Batch> batches) {
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a, an id at a time
  for (const Batch& batch : batches) {
    for (const std::vector<std::int32_t>& text : batch.texts) {
      for (const std::int32_t id : text)
        hash = (hash ^ static_cast<std::uint64_t>(id)) * 0x100000001B3u;
    }
  }
  return hash;
}
inline TransformerCapacity capacity_of(std::span<const Batch> batches) {
  TransformerCapacity capacity;
  for (const Batch& batch : batches) {
    capacity.texts = std::max(capacity.texts, static_cast<std::int64_t>(batch.texts.size()));
    capacity.tokens = std::max(capacity.tokens, batch.tokens);
  }
  capacity.rows = capacity.texts;
  return capacity;
}

/// A batch end to end; its room is kept from one to the next.
class PackedRoom {
 public:
  PackedTexts pack(const Batch& batch, const TransformerConfig& config) {
    ids_.clear();
    positions_.clear();
    offsets_.assign(1, 0);
    for (const std::vector<std::int32_t>& text : batch.texts) {
      ids_.insert(ids_.end(), text.begin(), text.end());
      for (std::size_t t = 0; t < text.size(); ++t)
        positions_.push_back(static_cast<std::int32_t>(t) + config.first_position);
      offsets_.push_back(static_cast<std::int32_t>(ids_.size()));
    }
    return {ids_, positions_, offsets_};
  }

 private:
  std::vector<std::int32_t> ids_, positions_, offsets_;
};

/// Operations of a step on these batches, one after another: 6 a valid token and element of the
/// layers' matrices, and 12 L D t^2 for the attention of a text of t tokens. As the model is
/// written down: padding does not count, nor do tables and the head; that classifying by first
/// tokens needs the last layer's queries of no others is not taken off.
inline double model_operations(const TransformerConfig& c, std::span<const Batch> batches) {
  const double d = c.width;
  const double matrices = c.layers * (4.0 * d * d + 2.0 * d * c.inner_width);
  double operations = 0.0;
  for (const Batch& batch : batches)
    operations +=
        6.0 * matrices * static_cast<double>(batch.tokens) + 12.0 * c.layers * d * batch.squares;
  return operations;
}

struct BlockShape {
  std::string name;
  std::int64_t rows, width;
  Decay decay;
};
/// In the order of TransformerParameters::blocks(), which nvcc cannot compile.
inline std::vector<BlockShape> block_shapes(const TransformerConfig& c) {
  const std::int64_t d = c.width;
  std::vector<BlockShape> blocks;
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t width) {
    blocks.push_back({name, rows, width, Decay::weight});
  };
  const auto vector = [&](const std::string& name, std::int64_t width) {
    blocks.push_back({name, 1, width, Decay::none});
  };
  const auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out) {
    matrix(name + ".weight", out, in);
    vector(name + ".bias", out);
  };
  const auto norm = [&](const std::string& name) {
    vector(name + ".weight", d);
    vector(name + ".bias", d);
  };
  matrix("embeddings.word_embeddings.weight", c.vocabulary, d);
  matrix("embeddings.position_embeddings.weight", c.positions, d);
  matrix("embeddings.token_type_embeddings.weight", c.token_types, d);
  norm("embeddings.LayerNorm");
  for (int i = 0; i < c.layers; ++i) {
    const std::string layer = "encoder.layer." + std::to_string(i) + ".";
    linear(layer + "attention.self.query", d, d);
    linear(layer + "attention.self.key_value", d, 2 * d);
    linear(layer + "attention.output.dense", d, d);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", d, c.inner_width);
    linear(layer + "output.dense", c.inner_width, d);
    norm(layer + "output.LayerNorm");
  }
  if (c.pooling != Pooling::mean) linear("head.dense", d, d);
  linear("head.output", d, c.classes);
  return blocks;
}
inline std::int64_t parameter_count(const TransformerConfig& config) {
  std::int64_t count = 0;
  for (const BlockShape& block : block_shapes(config)) count += block.rows * block.width;
  return count;
}

/// Random weights as a model begins with them: deviation 0.02 and close to normal, sums of four
/// uniform numbers, for matrices; 1 for the norms' factors; 0 for biases. Copies would share
/// nothing, so there are none.
class RandomParameters {
 public:
  RandomParameters(const TransformerConfig& config, std::uint64_t seed)
      : shapes_(block_shapes(config)), values_(shapes_.size()) {
    Draw draw(seed);
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      const BlockShape& shape = shapes_[i];
      const bool is_factor = shape.name.ends_with("LayerNorm.weight");
      values_[i].assign(static_cast<std::size_t>(shape.rows * shape.width),
                        is_factor ? 1.0f : 0.0f);
      if (shape.decay == Decay::weight) {
        for (float& value : values_[i]) value = 0.02f * near_normal(draw.word());
      }
      ParameterBlock& block = blocks_.emplace_back();
      block.name = shape.name;
      block.values = values_[i];
      block.rows = shape.rows;
      block.width = shape.width;
      block.decay = shape.decay;
    }
  }
  RandomParameters(const RandomParameters&) = delete;
  RandomParameters& operator=(const RandomParameters&) = delete;

  std::span<ParameterBlock> blocks() { return blocks_; }
  std::span<const ParameterBlock> blocks() const { return blocks_; }

 private:
  static float near_normal(std::uint64_t word) {
    constexpr float mean = 2.0f * 65535.0f;
    constexpr float deviation = 37837.2f;  // 65536 / sqrt(3)
    const auto part = [&](int shift) { return static_cast<float>(word >> shift & 0xFFFFu); };
    return (part(0) + part(16) + part(32) + part(48) - mean) / deviation;
  }

  std::vector<BlockShape> shapes_;
  std::vector<std::vector<float>> values_;
  std::vector<ParameterBlock> blocks_;
};

}  // namespace candist::bench
