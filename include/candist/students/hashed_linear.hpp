// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/error.hpp"
#include "candist/students/hashed_table.hpp"
#include "candist/students/student_file.hpp"
#include "candist/text/hashed_ngrams.hpp"

namespace candist {

struct HashedLinearOptions {
  int classes = 2;
  HashedNgramsOptions ngrams = {};
  std::uint64_t seed = 1;  ///< unused: weights start at 0; here so that students are made alike
};

/// A linear classifier on hashed n-grams: logits = b + (1 / sqrt(n)) sum of the rows of the text's
/// n ids. Its embedding is the logits before the bias (D = C): mixing those is mixing the inputs of
/// a linear model. Single-threaded in training; evaluation may be shared by threads.
class HashedLinear {
 public:
  static constexpr const char* name = "linear";

  explicit HashedLinear(HashedLinearOptions options)
      : options_(options),
        ngrams_(options.ngrams),
        weights_(ngrams_.buckets(), options.classes),
        bias_(static_cast<std::size_t>(options.classes)),
        bias_gradient_(bias_.size()) {}

  int classes() const { return options_.classes; }
  int width() const { return options_.classes; }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    ngrams_.append(text, ids);
  }

  /// Evaluation: logits [N, C]. Thread-safe.
  void forward(TextBatch batch, MatrixView<float> logits) const {
    std::vector<float> sum(static_cast<std::size_t>(weights_.stride()));
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      embed_row(batch[static_cast<std::size_t>(r)], sum.data());
      for (int j = 0; j < classes(); ++j)
        logits(r, j) = sum[static_cast<std::size_t>(j)] + bias_[static_cast<std::size_t>(j)];
    }
  }
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
    if (mode == Mode::training) batch_.assign(batch.begin(), batch.end());
    std::as_const(*this).forward(batch, logits);
  }
  void backward(MatrixView<const float> dlogits) {
    add_bias_gradient(dlogits);
    embed_backward(dlogits);
  }

  void embed(TextBatch batch, Mode mode, MatrixView<float> embeddings) {
    if (mode == Mode::training) batch_.assign(batch.begin(), batch.end());
    std::vector<float> sum(static_cast<std::size_t>(weights_.stride()));
    for (std::int64_t r = 0; r < embeddings.rows; ++r) {
      embed_row(batch[static_cast<std::size_t>(r)], sum.data());
      std::copy_n(sum.data(), classes(), embeddings.row(r));
    }
  }
  void classify(MatrixView<const float> embeddings, Mode, MatrixView<float> logits) const {
    for (std::int64_t r = 0; r < logits.rows; ++r) {
      for (int j = 0; j < classes(); ++j)
        logits(r, j) = embeddings(r, j) + bias_[static_cast<std::size_t>(j)];
    }
  }
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) {
    add_bias_gradient(dlogits);
    std::copy_n(dlogits.data, dlogits.size(), dembeddings.data);
  }
  void embed_backward(MatrixView<const float> dembeddings) {
    CANDIST_EXPECT_EQ(batch_.size(), dembeddings.rows,
                      "texts of the last training forward, rows of the gradient");
    std::vector<float> g(static_cast<std::size_t>(weights_.stride()));
    for (std::int64_t r = 0; r < dembeddings.rows; ++r) {
      const TokenSpan ids = batch_[static_cast<std::size_t>(r)];
      const float* row = dembeddings.row(r);
      if (std::all_of(row, row + classes(), [](float v) { return v == 0.0f; })) continue;
      const float scale = scale_of(ids);
      for (int j = 0; j < classes(); ++j) g[static_cast<std::size_t>(j)] = scale * row[j];
      weights_.add_gradient(ids, g.data());
    }
  }

  std::span<ParameterBlock> blocks() {
    blocks_[0] = weights_.block("weights");
    blocks_[1] = {"bias", bias_, 1, classes(), Rows::dense, Decay::none, bias_gradient_, {}};
    return blocks_;
  }
  void zero_gradients() {
    weights_.zero_gradients();
    std::fill(bias_gradient_.begin(), bias_gradient_.end(), 0.0f);
  }

  friend void save_student(const std::filesystem::path& folder, const HashedLinear& student) {
    const HashedNgramsOptions& n = student.options_.ngrams;
    StudentFileWriter file(folder, {{"student", name},
                                    {"classes", student.classes()},
                                    {"buckets_log2", n.buckets_log2},
                                    {"word_ngrams", n.word_ngrams},
                                    {"char_min", n.char_min},
                                    {"char_max", n.char_max}});
    file.values(student.bias_.data(), student.bias_.size());
    file.sparse_rows(student.weights_.values(),
                     static_cast<std::size_t>(student.weights_.stride()));
    file.commit();
  }
  /// Makes a student out of a saved one. Throws InputError naming the file where it is not whole,
  /// an option is out of range or a weight not finite.
  static HashedLinear load(const std::filesystem::path& folder) {
    StudentFileReader file(folder);
    file.expect_kind(name);
    HashedLinearOptions options;
    options.classes = file.option("classes", 1, StudentFileWriter::most_classes);
    options.ngrams = file.ngrams();
    std::vector<float> bias(static_cast<std::size_t>(options.classes));
    file.values(bias.data(), bias.size());
    const std::int64_t rows = file.begin_sparse_rows(HashedNgrams(options.ngrams).buckets(),
                                                     HashedTable::stride_of(options.classes));
    HashedLinear student(options);
    student.bias_ = std::move(bias);
    file.read_sparse_rows(rows, student.weights_.values(),
                          static_cast<std::size_t>(student.weights_.stride()));
    return student;
  }

 private:
  static float scale_of(TokenSpan ids) {
    return ids.empty() ? 0.0f : 1.0f / std::sqrt(static_cast<float>(ids.size()));
  }
  void embed_row(TokenSpan ids, float* sum) const { weights_.sum_rows(ids, scale_of(ids), sum); }
  void add_bias_gradient(MatrixView<const float> dlogits) {
    for (std::int64_t r = 0; r < dlogits.rows; ++r) {
      for (int j = 0; j < classes(); ++j)
        bias_gradient_[static_cast<std::size_t>(j)] += dlogits(r, j);
    }
  }

  HashedLinearOptions options_;
  HashedNgrams ngrams_;
  HashedTable weights_;
  std::vector<float> bias_;
  std::vector<float> bias_gradient_;
  std::vector<TokenSpan> batch_;
  std::array<ParameterBlock, 2> blocks_;
};
static_assert(EmbeddingStudent<HashedLinear>);

}  // namespace candist
