// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/counter_rng.hpp"
#include "candist/error.hpp"
#include "candist/students/hashed_table.hpp"
#include "candist/students/student_file.hpp"
#include "candist/text/hashed_ngrams.hpp"

namespace candist {

struct EmbeddingBagMlpOptions {
  int classes = 2;
  HashedNgramsOptions ngrams = {};
  int width = 64;        ///< D of the embeddings
  int hidden = 128;      ///< units of the hidden layer
  float dropout = 0.1f;  ///< of the hidden layer
  std::uint64_t seed = 1;
};

/// max(x, 0), element by element.
struct Relu {
  template <class Rows>
  static auto value(const Rows& x) {
    return x.cwiseMax(0.0f);
  }
  /// The derivative, from the value; a positive factor on it (dropout) changes nothing.
  template <class Rows>
  static auto slope(const Rows& value) {
    return (value.array() > 0.0f).template cast<float>();
  }
};

/// Mean of n-gram embeddings [D], one hidden layer with ReLU and dropout, C logits. The embedding
/// that can be mixed is the mean. Reference: Iyyer et al., ACL 2015 (deep averaging network).
/// Single-threaded in training; evaluation may be shared by threads.
template <class Activation>
class EmbeddingBagNetwork {
 public:
  static constexpr const char* name = "mlp";

  explicit EmbeddingBagNetwork(EmbeddingBagMlpOptions options);

  int classes() const { return options_.classes; }
  int width() const { return options_.width; }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    ngrams_.append(text, ids);
  }

  /// Evaluation: logits [N, C]. Thread-safe.
  void forward(TextBatch batch, MatrixView<float> logits) const {
    Matrix embeddings(logits.rows, width());
    embed_rows(batch, {embeddings.data(), embeddings.rows(), width()});
    classify_rows(embeddings, logits);
  }
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
    if (mode == Mode::evaluation) return std::as_const(*this).forward(batch, logits);
    own_embeddings_.resize(logits.rows, width());
    embed(batch, mode, {own_embeddings_.data(), logits.rows, width()});
    classify({own_embeddings_.data(), logits.rows, width()}, mode, logits);
  }
  void backward(MatrixView<const float> dlogits) {
    own_embeddings_.resize(dlogits.rows, width());
    const MatrixView<float> dembeddings{own_embeddings_.data(), dlogits.rows, width()};
    classify_backward(dlogits, dembeddings);
    embed_backward(dembeddings);
  }

  void embed(TextBatch batch, Mode mode, MatrixView<float> embeddings) {
    if (mode == Mode::training) batch_.assign(batch.begin(), batch.end());
    embed_rows(batch, embeddings);
  }
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits);
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings);
  void embed_backward(MatrixView<const float> dembeddings);

  std::span<ParameterBlock> blocks();
  void zero_gradients() {
    table_.zero_gradients();
    for (Dense* layer : {&hidden_, &output_}) {
      layer->weight_gradient.setZero();
      layer->bias_gradient.setZero();
    }
  }

  friend void save_student(const std::filesystem::path& folder,
                           const EmbeddingBagNetwork& student) {
    student.save(folder);
  }
  /// Makes a student out of a saved one. Throws InputError naming the file where it is not whole,
  /// an option is out of range or a weight not finite.
  static EmbeddingBagNetwork load(const std::filesystem::path& folder);

 private:
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Row = Eigen::Matrix<float, 1, Eigen::Dynamic>;
  struct Dense {
    Matrix weight;  ///< [in, out]
    Row bias;       ///< [out]
    Matrix weight_gradient;
    Row bias_gradient;
    Dense(int in, int out)
        : weight(Matrix::Zero(in, out)),
          bias(Row::Zero(out)),
          weight_gradient(Matrix::Zero(in, out)),
          bias_gradient(Row::Zero(out)) {}
  };

  static float scale_of(TokenSpan ids) {
    return ids.empty() ? 0.0f : 1.0f / static_cast<float>(ids.size());
  }
  void embed_rows(TextBatch batch, MatrixView<float> embeddings) const {
    std::vector<float> sum(static_cast<std::size_t>(table_.stride()));
    for (std::int64_t r = 0; r < embeddings.rows; ++r) {
      const TokenSpan ids = batch[static_cast<std::size_t>(r)];
      table_.sum_rows(ids, scale_of(ids), sum.data());
      std::copy_n(sum.data(), width(), embeddings.row(r));
    }
  }
  /// One row at a time, so that a row's logits do not depend on the rows beside it.
  void classify_rows(const Matrix& embeddings, MatrixView<float> logits) const {
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      const Row hidden = Activation::value(embeddings.row(r) * hidden_.weight + hidden_.bias);
      Eigen::Map<Row>(logits.row(r), classes()) = hidden * output_.weight + output_.bias;
    }
  }
  void save(const std::filesystem::path& folder) const;

  EmbeddingBagMlpOptions options_;
  HashedNgrams ngrams_;
  HashedTable table_;
  Dense hidden_;
  Dense output_;
  std::int64_t step_ = 0;  ///< training forwards so far; names the random numbers of the dropout
  std::vector<TokenSpan> batch_;
  Matrix own_embeddings_;
  Matrix input_;       ///< embeddings of the last training classify
  Matrix activation_;  ///< hidden units after ReLU and dropout
  Matrix mask_;        ///< what dropout multiplied by
  std::array<ParameterBlock, 5> blocks_;
};
/// With rectified linear units. A template underneath, so that who does not use it does not compile
/// its matrix products.
using EmbeddingBagMlp = EmbeddingBagNetwork<Relu>;
static_assert(EmbeddingStudent<EmbeddingBagMlp>);

// ---- definitions

template <class Activation>
EmbeddingBagNetwork<Activation>::EmbeddingBagNetwork(EmbeddingBagMlpOptions options)
    : options_(options),
      ngrams_(options.ngrams),
      table_(ngrams_.buckets(), options.width),
      hidden_(options.width, options.hidden),
      output_(options.hidden, options.classes) {
  // Glorot's uniform range for the dense layers; a mean of many embeddings needs none to start
  // small.
  const auto fill = [&](float* data, std::int64_t count, float range, std::uint64_t stream) {
    CounterRng rng(options_.seed, RandomPurpose::initial_weights, 0, stream);
    for (std::int64_t i = 0; i < count; ++i) data[i] = range * (2.0f * rng.uniform() - 1.0f);
  };
  const auto glorot = [](std::int64_t in, std::int64_t out) {
    return std::sqrt(6.0f / static_cast<float>(in + out));
  };
  fill(hidden_.weight.data(), hidden_.weight.size(), glorot(options.width, options.hidden), 0);
  fill(output_.weight.data(), output_.weight.size(), glorot(options.hidden, options.classes), 1);
  for (std::int64_t row = 0; row < ngrams_.buckets(); ++row) {
    fill(table_.values().data() + row * table_.stride(), options.width, 1.0f,
         static_cast<std::uint64_t>(row) + 2);
  }
}

template <class Activation>
void EmbeddingBagNetwork<Activation>::classify(MatrixView<const float> embeddings, Mode mode,
                                               MatrixView<float> logits) {
  const Eigen::Map<const Matrix> input(embeddings.data, embeddings.rows, width());
  if (mode == Mode::evaluation) return classify_rows(input, logits);
  input_ = input;
  activation_ = Activation::value((input_ * hidden_.weight).rowwise() + hidden_.bias);
  mask_.setOnes(activation_.rows(), activation_.cols());
  if (options_.dropout > 0.0f) {
    const float kept = 1.0f / (1.0f - options_.dropout);
    for (Eigen::Index r = 0; r < mask_.rows(); ++r) {
      CounterRng rng(options_.seed, RandomPurpose::unit_dropout, static_cast<std::uint64_t>(step_),
                     static_cast<std::uint64_t>(r));
      for (Eigen::Index k = 0; k < mask_.cols(); ++k)
        mask_(r, k) = rng.uniform() < options_.dropout ? 0.0f : kept;
    }
    activation_.array() *= mask_.array();
  }
  ++step_;
  Eigen::Map<Matrix>(logits.data, logits.rows, classes()) =
      (activation_ * output_.weight).rowwise() + output_.bias;
}

template <class Activation>
void EmbeddingBagNetwork<Activation>::classify_backward(MatrixView<const float> dlogits,
                                                        MatrixView<float> dembeddings) {
  CANDIST_EXPECT_EQ(input_.rows(), dlogits.rows,
                    "rows of the last training forward, rows of the gradient");
  const Eigen::Map<const Matrix> d(dlogits.data, dlogits.rows, classes());
  output_.weight_gradient.noalias() += activation_.transpose() * d;
  output_.bias_gradient += d.colwise().sum();
  Matrix dhidden = d * output_.weight.transpose();
  dhidden.array() *= mask_.array() * Activation::slope(activation_);
  hidden_.weight_gradient.noalias() += input_.transpose() * dhidden;
  hidden_.bias_gradient += dhidden.colwise().sum();
  Eigen::Map<Matrix>(dembeddings.data, dembeddings.rows, width()).noalias() =
      dhidden * hidden_.weight.transpose();
}

template <class Activation>
void EmbeddingBagNetwork<Activation>::embed_backward(MatrixView<const float> dembeddings) {
  CANDIST_EXPECT_EQ(batch_.size(), dembeddings.rows,
                    "texts of the last training forward, rows of the gradient");
  std::vector<float> g(static_cast<std::size_t>(table_.stride()));
  for (std::int64_t r = 0; r < dembeddings.rows; ++r) {
    const TokenSpan ids = batch_[static_cast<std::size_t>(r)];
    const float scale = scale_of(ids);
    for (int k = 0; k < width(); ++k) g[static_cast<std::size_t>(k)] = scale * dembeddings(r, k);
    table_.add_gradient(ids, g.data());
  }
}

template <class Activation>
std::span<ParameterBlock> EmbeddingBagNetwork<Activation>::blocks() {
  const auto dense = [](std::string_view block, auto& values, auto& gradient, Decay decay) {
    return ParameterBlock{block,
                          {values.data(), static_cast<std::size_t>(values.size())},
                          values.rows(),
                          values.cols(),
                          Rows::dense,
                          decay,
                          {gradient.data(), static_cast<std::size_t>(gradient.size())},
                          {}};
  };
  blocks_ = {table_.block("embeddings"),
             dense("hidden.weight", hidden_.weight, hidden_.weight_gradient, Decay::weight),
             dense("hidden.bias", hidden_.bias, hidden_.bias_gradient, Decay::none),
             dense("output.weight", output_.weight, output_.weight_gradient, Decay::weight),
             dense("output.bias", output_.bias, output_.bias_gradient, Decay::none)};
  return blocks_;
}

template <class Activation>
void EmbeddingBagNetwork<Activation>::save(const std::filesystem::path& folder) const {
  const HashedNgramsOptions& n = options_.ngrams;
  StudentFileWriter file(folder, {{"student", name},
                                  {"classes", classes()},
                                  {"width", options_.width},
                                  {"hidden", options_.hidden},
                                  {"dropout", options_.dropout},
                                  {"seed", options_.seed},
                                  {"step", step_},
                                  {"buckets_log2", n.buckets_log2},
                                  {"word_ngrams", n.word_ngrams},
                                  {"char_min", n.char_min},
                                  {"char_max", n.char_max}});
  for (const Dense* layer : {&hidden_, &output_}) {
    file.values(layer->weight.data(), static_cast<std::size_t>(layer->weight.size()));
    file.values(layer->bias.data(), static_cast<std::size_t>(layer->bias.size()));
  }
  file.values(table_.values().data(), table_.values().size());
  file.commit();
}

template <class Activation>
EmbeddingBagNetwork<Activation> EmbeddingBagNetwork<Activation>::load(
    const std::filesystem::path& folder) {
  StudentFileReader file(folder);
  file.expect_kind(name);
  constexpr int widest = 1 << 16;
  EmbeddingBagMlpOptions options;
  options.classes = file.option("classes", 1, StudentFileWriter::most_classes);
  options.width = file.option("width", 1, widest);
  options.hidden = file.option("hidden", 1, widest);
  options.dropout = file.option("dropout", 0.0f, std::nextafter(1.0f, 0.0f));
  options.seed = file.option<std::uint64_t>("seed", 0, std::numeric_limits<std::uint64_t>::max());
  options.ngrams = file.ngrams();
  const std::int64_t step =
      file.option<std::int64_t>("step", 0, std::numeric_limits<std::int64_t>::max() / 2);
  const std::int64_t parameters =
      std::int64_t{options.width + 1} * options.hidden +
      std::int64_t{options.hidden + 1} * options.classes +
      HashedNgrams(options.ngrams).buckets() * HashedTable::stride_of(options.width);
  file.expect_bytes(parameters * static_cast<std::int64_t>(sizeof(float)));
  EmbeddingBagNetwork student(options);
  student.step_ = step;
  for (Dense* layer : {&student.hidden_, &student.output_}) {
    file.values(layer->weight.data(), static_cast<std::size_t>(layer->weight.size()));
    file.values(layer->bias.data(), static_cast<std::size_t>(layer->bias.size()));
  }
  file.values(student.table_.values().data(), student.table_.values().size());
  return student;
}

}  // namespace candist
