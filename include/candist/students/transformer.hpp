// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/students/classifier_head.hpp"
#include "candist/students/transformer_encoder.hpp"
#include "candist/students/transformer_parameters.hpp"
#include "candist/text/json_file.hpp"
#include "candist/text/tokenizer_source.hpp"
#include "candist/weights/pretrained_folder.hpp"
#include "candist/weights/save_pretrained.hpp"
#include "candist/worker_team.hpp"

namespace candist {

/// What a transformer is, besides its shape.
struct TransformerOptions {
  std::vector<std::string> labels;  ///< names of the C classes
  std::optional<Pooling> pooling;   ///< not given: that of the model's folder
  std::optional<float> dropout;     ///< everywhere; not given: what the model's folder says
  std::int64_t max_length =
      128;                 ///< tokens of a text at most, special ones included; the rest is cut
  std::uint64_t seed = 1;  ///< of fresh weights and of dropout
  int threads = 1;         ///< of training; results do not depend on it
};

/// A transformer encoder with a classifier, fine-tuned as a whole. The embedding that can be mixed is
/// what the head reads: the first token's last hidden state, or the mean of all.
/// Texts of a batch are packed without padding. Gradients are written by hand; rows of the tables are
/// updated only where a batch touched them.
/// Evaluation may be shared by threads. The bits of a result depend on nothing but the texts before it
/// in training: not on threads, nor on the texts beside it.
template <class Activation>
class TransformerNetwork {
 public:
  static constexpr const char* name = "transformer";

  /// Fresh weights.
  TransformerNetwork(TransformerConfig config, const TokenizerSource& tokenizer,
                     TransformerOptions options);
  /// The weights of a Hugging Face model folder (BERT or RoBERTa family), a fresh classifier of
  /// options.labels where the folder has none of that many labels. Throws InputError for whatever is
  /// wrong with the folder.
  static TransformerNetwork from_pretrained(const std::filesystem::path& folder,
                                            TransformerOptions options);
  /// A student that save_student wrote: weights, tokenizer, position in its random numbers.
  static TransformerNetwork load(const std::filesystem::path& folder, int threads = 1);

  const TransformerConfig& config() const { return config_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const TransformerOptions& options() const { return options_; }
  /// Tensors that from_pretrained did not find in the folder, so that they are fresh.
  const std::vector<std::string>& fresh() const { return fresh_; }
  int classes() const { return config_.classes; }
  int width() const { return config_.width; }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    tokenizer_->encode(text, ids);
  }

  /// Evaluation: logits [N, C]. Thread-safe.
  void forward(TextBatch batch, MatrixView<float> logits) const;
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits);
  void backward(MatrixView<const float> dlogits);

  void embed(TextBatch batch, Mode mode, MatrixView<float> embeddings);
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits);
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings);
  void embed_backward(MatrixView<const float> dembeddings);

  std::span<ParameterBlock> blocks() { return parameters_.blocks(); }
  void zero_gradients() { parameters_.clear_gradients(); }
  /// Training forwards so far; they name the random numbers of the dropout.
  std::int64_t steps() const { return step_; }
  void set_steps(std::int64_t steps) { step_ = steps; }
  /// Every parameter by its name in the model (weights/transformer_config.hpp).
  std::vector<NamedTensor> tensors() { return parameters_.tensors(); }

  /// Writes a Hugging Face model folder that transformers opens: config.json, model.safetensors, the
  /// tokenizer's files; and candist.json, which has what only candist needs.
  friend void save_student(const std::filesystem::path& folder, const TransformerNetwork& student) {
    student.save(folder);
  }

 private:
  /// Room that a copy of the student has for itself.
  template <class T>
  struct Own {
    T value;
    Own() = default;
    Own(const Own&) {}
    Own& operator=(const Own&) { return *this; }
    T* operator->() { return &value; }
    T& operator*() { return value; }
  };

  Dropout dropout(float probability) const {
    return {probability, options_.seed, static_cast<std::uint64_t>(step_), 0};
  }
  MatrixView<float> own_embeddings(std::int64_t rows) {
    own_embeddings_->resize(static_cast<std::size_t>(rows * width()));
    return {own_embeddings_->data(), rows, width()};
  }
  void embed_rows(TextBatch batch, MatrixView<float> embeddings) const;
  void pool(const TransformerPass<Activation>& pass, MatrixView<float> embeddings) const;
  void save(const std::filesystem::path& folder) const;

  static constexpr const char* own_file = "candist.json";

  TransformerConfig config_;
  TransformerOptions options_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  TokenizerFiles tokenizer_files_;
  TransformerParameters parameters_;
  std::vector<std::string> fresh_;
  std::int64_t step_ = 0;
  std::shared_ptr<WorkerTeam> team_;
  Own<TransformerPass<Activation>> pass_;
  Own<ClassifierHead> head_;
  Own<std::vector<float>> own_embeddings_;
  Own<std::vector<float>> doutput_;
};
/// With the exact GELU, as the released models have it. A template underneath, so that who does not use
/// it does not compile it.
using Transformer = TransformerNetwork<Gelu>;

// ---- definitions

namespace detail {
/// Tokens that evaluation takes through the layers at a time.
inline constexpr std::int64_t evaluation_tokens = 384;
}  // namespace detail

template <class Activation>
TransformerNetwork<Activation>::TransformerNetwork(TransformerConfig config,
                                                   const TokenizerSource& tokenizer,
                                                   TransformerOptions options)
    : config_(config),
      options_(std::move(options)),
      tokenizer_(tokenizer.tokenizer),
      tokenizer_files_(tokenizer.files),
      parameters_(config, options_.seed),
      team_(std::make_shared<WorkerTeam>(std::max(1, options_.threads))) {
  CANDIST_EXPECT_EQ(options_.labels.size(), config.classes, "labels, classes of the transformer");
}

template <class Activation>
void TransformerNetwork<Activation>::forward(TextBatch batch, MatrixView<float> logits) const {
  std::vector<float> embeddings(static_cast<std::size_t>(logits.rows * width()));
  const MatrixView<float> e{embeddings.data(), logits.rows, width()};
  embed_rows(batch, e);
  ClassifierHead head;
  head.forward(parameters_, config_, e, Mode::evaluation, {}, logits);
}

template <class Activation>
void TransformerNetwork<Activation>::forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
  if (mode == Mode::evaluation) return std::as_const(*this).forward(batch, logits);
  const MatrixView<float> e = own_embeddings(logits.rows);
  embed(batch, mode, e);
  classify(e, mode, logits);
}

template <class Activation>
void TransformerNetwork<Activation>::backward(MatrixView<const float> dlogits) {
  const MatrixView<float> e = own_embeddings(dlogits.rows);
  classify_backward(dlogits, e);
  embed_backward(e);
}

template <class Activation>
void TransformerNetwork<Activation>::classify(MatrixView<const float> embeddings, Mode mode,
                                              MatrixView<float> logits) {
  if (mode == Mode::evaluation) {
    ClassifierHead head;
    return head.forward(parameters_, config_, embeddings, mode, {}, logits);
  }
  head_->forward(parameters_, config_, embeddings, mode, dropout(config_.head_dropout), logits);
  ++step_;
}

template <class Activation>
void TransformerNetwork<Activation>::classify_backward(MatrixView<const float> dlogits,
                                                       MatrixView<float> dembeddings) {
  head_->backward(parameters_, config_, dlogits, dembeddings);
}

template <class Activation>
void TransformerNetwork<Activation>::embed(TextBatch batch, Mode mode,
                                           MatrixView<float> embeddings) {
  if (mode == Mode::evaluation) return embed_rows(batch, embeddings);
  pass_->forward(parameters_, config_, batch, mode, dropout(0.0f), team_.get());
  pool(*pass_, embeddings);
}

template <class Activation>
void TransformerNetwork<Activation>::embed_rows(TextBatch batch,
                                                MatrixView<float> embeddings) const {
  TransformerPass<Activation> pass;
  for (std::size_t first = 0; first < batch.size();) {
    std::size_t last = first;
    std::int64_t tokens = 0;
    while (last < batch.size() &&
           (last == first ||
            tokens + static_cast<std::int64_t>(batch[last].size()) <= detail::evaluation_tokens))
      tokens += static_cast<std::int64_t>(batch[last++].size());
    pass.forward(parameters_, config_, batch.subspan(first, last - first), Mode::evaluation, {},
                 nullptr);
    pool(pass, embeddings.slice(static_cast<std::int64_t>(first),
                                static_cast<std::int64_t>(last - first)));
    first = last;
  }
}

template <class Activation>
void TransformerNetwork<Activation>::pool(const TransformerPass<Activation>& pass,
                                          MatrixView<float> embeddings) const {
  const std::int64_t d = width();
  if (config_.pooling != Pooling::mean) {
    std::copy_n(pass.output(), embeddings.rows * d, embeddings.data);
    return;
  }
  for (std::int64_t n = 0; n < embeddings.rows; ++n) {
    const PackedText& text = pass.batch().with_all_queries()[static_cast<std::size_t>(n)];
    float* row = embeddings.row(n);
    std::fill_n(row, d, 0.0f);
    for (std::int64_t t = 0; t < text.tokens; ++t) {
      const float* hidden = pass.output() + (text.first + t) * d;
      for (std::int64_t k = 0; k < d; ++k) row[k] += hidden[k];
    }
    for (std::int64_t k = 0; k < d; ++k) row[k] /= static_cast<float>(text.tokens);
  }
}

template <class Activation>
void TransformerNetwork<Activation>::embed_backward(MatrixView<const float> dembeddings) {
  const PackedBatch& batch = pass_->batch();
  CANDIST_EXPECT_EQ(batch.texts(), dembeddings.rows,
                    "texts of the last training forward, rows of the gradient");
  if (config_.pooling != Pooling::mean)
    return pass_->backward(parameters_, config_, dembeddings.data, team_.get());
  const std::int64_t d = width();
  doutput_->resize(static_cast<std::size_t>(batch.tokens() * d));
  for (const PackedText& text : batch.with_all_queries()) {
    for (std::int64_t t = 0; t < text.tokens; ++t) {
      for (std::int64_t k = 0; k < d; ++k) {
        (*doutput_)[static_cast<std::size_t>((text.first + t) * d + k)] =
            dembeddings(text.number, k) / static_cast<float>(text.tokens);
      }
    }
  }
  pass_->backward(parameters_, config_, doutput_->data(), team_.get());
}

template <class Activation>
TransformerNetwork<Activation> TransformerNetwork<Activation>::from_pretrained(
    const std::filesystem::path& folder, TransformerOptions options) {
  TransformerConfig config = read_transformer_config(folder);
  config.classes = static_cast<int>(options.labels.size());
  if (options.pooling) config.pooling = *options.pooling;
  if (options.dropout) {
    config.hidden_dropout = config.attention_dropout = config.head_dropout = *options.dropout;
  }
  if (options.max_length > config.longest_text()) {
    throw InputError(folder.string(), 0,
                     "a model for texts of " + std::to_string(config.longest_text()) + " tokens",
                     "at least the maximal length of " + std::to_string(options.max_length));
  }
  const TokenizerSource tokenizer = read_tokenizer(folder, options.max_length);
  check_vocabulary(folder, config, tokenizer.tokenizer->vocabulary().size());
  TransformerNetwork student(config, tokenizer, std::move(options));
  std::vector<NamedTensor> tensors = student.tensors();
  student.fresh_ = load_weights(folder, config, tensors).fresh;
  return student;
}

template <class Activation>
void TransformerNetwork<Activation>::save(const std::filesystem::path& folder) const {
  std::error_code ignored;  // AtomicFile says what is wrong with the place
  std::filesystem::create_directories(folder, ignored);
  // tensors() shows the values for writing too; here they are only read.
  const std::vector<NamedTensor> tensors =
      const_cast<TransformerParameters&>(parameters_).tensors();
  write_tokenizer_files(folder, tokenizer_files_);
  const nlohmann::json ours{{"seed", static_cast<std::int64_t>(options_.seed)},
                            {"step", step_},
                            {"max_length", options_.max_length},
                            {"labels", options_.labels}};
  AtomicFile file(folder / own_file);
  file.write(ours.dump(2) + "\n");
  file.commit();
  save_pretrained(folder, config_, options_.labels, tensors);
}

template <class Activation>
TransformerNetwork<Activation> TransformerNetwork<Activation>::load(
    const std::filesystem::path& folder, int threads) {
  const JsonFile file(folder / own_file);
  const JsonNode root = file.root();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  TransformerOptions options;
  options.threads = threads;
  options.max_length = root["max_length"].number(1, most);
  options.seed = static_cast<std::uint64_t>(
      root["seed"].number(std::numeric_limits<std::int64_t>::min(), most));
  root["labels"].each([&](const JsonNode& label) { options.labels.emplace_back(label.text()); });
  TransformerNetwork student = from_pretrained(folder, std::move(options));
  if (!student.fresh_.empty()) {
    throw InputError((folder / "model.safetensors").string(), 0,
                     "no tensor " + quoted(student.fresh_.front()), "a trained student's");
  }
  student.step_ = root["step"].number(0, most);
  return student;
}

}  // namespace candist
