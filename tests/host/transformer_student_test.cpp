// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The transformer as a student: what it promises whatever its weights are. That these are PyTorch's
// numbers is tested in transformer_test.cpp.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "candist/optimizers/adamw.hpp"
#include "candist/students/transformer.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/evaluation.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace candist;
using candist::testing::TemporaryFolder;
namespace fs = std::filesystem;

static_assert(EmbeddingStudent<Transformer>);
static_assert(SharedInEvaluation<Transformer>);

const fs::path fixtures = fs::path(__FILE__).parent_path().parent_path() / "fixtures" / "encoders";

const std::vector<std::string> sentences{"the cat sat on the mat",
                                         "a dog barks",
                                         "rain falls in the night and the street is wet",
                                         "sun",
                                         "the dog and the cat sit in the sun",
                                         "night falls on the street"};

/// One of the tiny models, with its dropout of 0.1.
Transformer tiny(const std::string& model, int threads, Pooling pooling, int classes = 3) {
  TransformerOptions options;
  for (int c = 0; c < classes; ++c) options.labels.push_back("class " + std::to_string(c));
  options.max_length = 38;
  options.threads = threads;
  options.seed = 7;
  options.pooling = pooling;
  return Transformer::from_pretrained(fixtures / model, options);
}

/// One layer, as narrow as can be: sizes that no model of the fixtures has.
Transformer narrow() {
  TransformerConfig config;
  config.width = 16;
  config.heads = 2;
  config.layers = 1;
  config.inner_width = 24;
  config.positions = 32;
  config.classes = 3;
  const TokenizerSource tokenizer = make_tokenizer(sentences, 6, 32);
  config.vocabulary = static_cast<int>(tokenizer.tokenizer->vocabulary().size());
  TransformerOptions options;
  options.labels = {"a", "b", "c"};
  options.max_length = 32;
  options.threads = 2;
  Transformer student(config, tokenizer, options);
  for (const NamedTensor& tensor :
       student.tensors()) {  // far from the small numbers of a beginning
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] += 0.3f * std::sin(static_cast<float>(i * i % 97));
  }
  return student;
}

EncodedTexts encode(const Transformer& student) { return encode_texts(student, sentences, 6); }

std::vector<TokenSpan> batch_of(const EncodedTexts& texts) {
  std::vector<TokenSpan> batch;
  for (std::int64_t row = 0; row < texts.rows(); ++row) batch.push_back(texts[row]);
  return batch;
}

std::vector<float> logits_of(Transformer& student, const std::vector<TokenSpan>& batch, Mode mode) {
  const auto rows = static_cast<std::int64_t>(batch.size());
  std::vector<float> logits(static_cast<std::size_t>(rows * student.classes()));
  student.forward(batch, mode, {logits.data(), rows, student.classes()});
  return logits;
}

/// An upstream gradient that is nothing special.
std::vector<float> upstream(std::size_t size) {
  std::vector<float> g(size);
  for (std::size_t i = 0; i < size; ++i) g[i] = std::sin(1.0f + 3.0f * static_cast<float>(i));
  return g;
}

void train(Transformer& student, AdamW& optimizer, const std::vector<TokenSpan>& batch, int steps) {
  for (int step = 0; step < steps; ++step) {
    const std::vector<float> g = upstream(logits_of(student, batch, Mode::training).size());
    student.backward({g.data(), static_cast<std::int64_t>(batch.size()), student.classes()});
    optimizer.step(student.blocks(), 1e-2f);
    student.zero_gradients();
  }
  optimizer.settle(student.blocks());
}

std::vector<float> all_values(Transformer& student) {
  std::vector<float> all;
  for (const NamedTensor& tensor : student.tensors())
    all.insert(all.end(), tensor.values.begin(), tensor.values.end());
  return all;
}

TEST_CASE("the number of threads changes no bit of a training", "[transformer_student]") {
  for (const auto& [model, pooling] :
       {std::pair("tiny_bert", Pooling::bert_pooler), std::pair("tiny_bert", Pooling::mean),
        std::pair("tiny_roberta", Pooling::roberta_head)}) {
    CAPTURE(model);
    std::vector<float> with_one;
    for (const int threads : {1, 2, 3, 5}) {
      Transformer student = tiny(model, threads, pooling);
      AdamW optimizer({.max_gradient_norm = 1.0f, .threads = threads});
      const EncodedTexts texts = encode(student);
      train(student, optimizer, batch_of(texts), 3);
      const std::vector<float> values = all_values(student);
      if (threads == 1) with_one = values;
      CHECK(values == with_one);
    }
  }
}

TEST_CASE("a text's logits do not depend on the texts beside it", "[transformer_student]") {
  for (const Pooling pooling : {Pooling::bert_pooler, Pooling::mean}) {
    Transformer student = tiny("tiny_bert", 2, pooling);
    const EncodedTexts texts = encode(student);
    const std::vector<TokenSpan> batch = batch_of(texts);
    const std::vector<float> together = logits_of(student, batch, Mode::evaluation);
    for (std::size_t n = 0; n < batch.size(); ++n) {
      const std::vector<float> alone = logits_of(student, {batch[n]}, Mode::evaluation);
      CHECK(std::equal(alone.begin(), alone.end(),
                       together.begin() + static_cast<std::ptrdiff_t>(n * 3)));
    }
    std::vector<float> shared(together.size());
    std::as_const(student).forward(TextBatch(batch), {shared.data(), 6, 3});
    CHECK(shared == together);
  }
}

TEST_CASE("gradients are the slopes of the loss, with dropout on", "[transformer_student]") {
  for (const auto& [model, pooling] :
       {std::pair("tiny_bert", Pooling::bert_pooler), std::pair("tiny_bert", Pooling::mean),
        std::pair("tiny_roberta", Pooling::roberta_head),
        std::pair("narrow", Pooling::bert_pooler)}) {
    // A copy is at the same step, and drops the same units.
    const Transformer fresh = std::string(model) == "narrow" ? narrow() : tiny(model, 2, pooling);
    const EncodedTexts texts = encode(fresh);
    const std::vector<TokenSpan> batch = batch_of(texts);
    const auto loss = [&](Transformer student) {
      const std::vector<float> logits = logits_of(student, batch, Mode::training);
      const std::vector<float> g = upstream(logits.size());
      double sum = 0.0;
      for (std::size_t i = 0; i < g.size(); ++i)
        sum += static_cast<double>(logits[i]) * static_cast<double>(g[i]);
      return sum;
    };
    Transformer student = fresh;
    const std::vector<float> g = upstream(logits_of(student, batch, Mode::training).size());
    student.backward({g.data(), 6, 3});
    std::size_t number = 0;
    for (const ParameterBlock& block : student.blocks()) {
      CAPTURE(model, std::string(block.name));
      double squares = 0.0;
      for (const float x : block.gradient)
        squares += static_cast<double>(x) * static_cast<double>(x);
      const double norm = std::sqrt(squares);
      REQUIRE(norm > 0.0);
      // Along the block's gradient the slope is the gradient's norm. The step moves the loss by about
      // a thousandth: far above the rounding of floats, where the loss is still straight.
      const double step = std::min(1e-2, 3e-3 / norm);
      const auto moved = [&](double by) {
        Transformer other = fresh;
        const ParameterBlock target = other.blocks()[number];
        const auto rows = block.access == Rows::sparse
                              ? static_cast<std::int64_t>(block.touched.size())
                              : block.rows;
        for (std::int64_t i = 0; i < rows; ++i) {
          const std::int64_t row =
              block.access == Rows::sparse ? block.touched[static_cast<std::size_t>(i)] : i;
          for (std::int64_t k = 0; k < block.width; ++k) {
            target.values[static_cast<std::size_t>(row * block.width + k)] += static_cast<float>(
                by *
                static_cast<double>(block.gradient[static_cast<std::size_t>(i * block.width + k)]) /
                norm);
          }
        }
        return loss(std::move(other));
      };
      CHECK((moved(step) - moved(-step)) / (2.0 * step) == Approx(norm).epsilon(0.02));
      ++number;
    }
  }
}

TEST_CASE("dropout is off in evaluation, and another one at every step", "[transformer_student]") {
  Transformer student = tiny("tiny_bert", 1, Pooling::bert_pooler);
  const EncodedTexts texts = encode(student);
  const std::vector<TokenSpan> batch = batch_of(texts);
  const std::vector<float> plain = logits_of(student, batch, Mode::evaluation);
  const std::vector<float> first = logits_of(student, batch, Mode::training);
  const std::vector<float> second = logits_of(student, batch, Mode::training);
  CHECK(first != plain);
  CHECK(first != second);
  CHECK(logits_of(student, batch, Mode::evaluation) == plain);
}

TEST_CASE("a saved student goes on where it was", "[transformer_student]") {
  for (const auto& [model, pooling] :
       {std::pair("tiny_bert", Pooling::mean), std::pair("tiny_roberta", Pooling::roberta_head)}) {
    CAPTURE(model);
    Transformer student = tiny(model, 1, pooling);
    const EncodedTexts texts = encode(student);
    const std::vector<TokenSpan> batch = batch_of(texts);
    AdamW optimizer;
    train(student, optimizer, batch, 2);
    const TemporaryFolder folder;
    save_student(folder.path() / "model", student);
    Transformer loaded = Transformer::load(folder.path() / "model", 2);
    CHECK(all_values(loaded) == all_values(student));
    CHECK(loaded.options().labels == student.options().labels);
    std::vector<std::int32_t> a, b;
    student.encode(sentences[2], a);
    loaded.encode(sentences[2], b);
    CHECK(a == b);
    CHECK(logits_of(loaded, batch, Mode::evaluation) ==
          logits_of(student, batch, Mode::evaluation));
    // The position in the random numbers is kept, too.
    CHECK(logits_of(loaded, batch, Mode::training) == logits_of(student, batch, Mode::training));
  }
}

TEST_CASE("a copy is a student of its own", "[transformer_student]") {
  Transformer student = tiny("tiny_bert", 2, Pooling::bert_pooler);
  const EncodedTexts texts = encode(student);
  const std::vector<TokenSpan> batch = batch_of(texts);
  Transformer copy = student;
  const std::vector<float> before = all_values(copy);
  AdamW optimizer;
  train(student, optimizer, batch, 1);
  CHECK(all_values(copy) == before);
  CHECK(all_values(student) != before);
}

TEST_CASE("the parts of a pass give the whole", "[transformer_student]") {
  Transformer whole = tiny("tiny_roberta", 1, Pooling::roberta_head, 5);
  Transformer parts = whole;
  const EncodedTexts texts = encode(whole);
  const std::vector<TokenSpan> batch = batch_of(texts);
  const std::vector<float> logits = logits_of(whole, batch, Mode::training);
  const std::vector<float> g = upstream(logits.size());
  whole.backward({g.data(), 6, 5});

  std::vector<float> embeddings(6 * 32), dembeddings(6 * 32), other(logits.size());
  parts.embed(batch, Mode::training, {embeddings.data(), 6, 32});
  parts.classify({embeddings.data(), 6, 32}, Mode::training, {other.data(), 6, 5});
  CHECK(other == logits);
  parts.classify_backward({g.data(), 6, 5}, {dembeddings.data(), 6, 32});
  parts.embed_backward({dembeddings.data(), 6, 32});
  const std::span<ParameterBlock> expected = whole.blocks();
  const std::span<ParameterBlock> found = parts.blocks();
  REQUIRE(expected.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    CHECK(std::equal(found[i].gradient.begin(), found[i].gradient.end(),
                     expected[i].gradient.begin(), expected[i].gradient.end()));
}

TEST_CASE("fresh weights learn sixteen texts by heart", "[transformer_student]") {
  std::vector<std::string> texts;
  for (int i = 0; i < 16; ++i)
    texts.push_back(sentences[static_cast<std::size_t>(i) % 6] + " number " + std::to_string(i));
  TransformerConfig config;
  config.width = 32;
  config.heads = 2;
  config.layers = 2;
  config.inner_width = 64;
  config.positions = 32;
  config.classes = 4;
  config.hidden_dropout = config.attention_dropout = config.head_dropout = 0.0f;
  const TokenizerSource tokenizer = make_tokenizer(texts, 16, 32);
  config.vocabulary = static_cast<int>(tokenizer.tokenizer->vocabulary().size());
  TransformerOptions options;
  options.labels = {"a", "b", "c", "d"};
  options.max_length = 32;
  Transformer student(config, tokenizer, options);
  const EncodedTexts encoded = encode_texts(student, texts, 16);
  const std::vector<TokenSpan> batch = batch_of(encoded);
  AdamW optimizer({.max_gradient_norm = 1.0f});
  double loss = 0.0;
  for (int step = 0; step < 1000; ++step) {
    std::vector<float> g = logits_of(student, batch, Mode::training);
    loss = 0.0;
    for (std::size_t n = 0; n < 16; ++n) {
      float* row = g.data() + 4 * n;
      softmax(row, 4, 1.0f, row);
      const std::size_t label = (n * 7) % 4;
      loss -= std::log(static_cast<double>(row[label])) / 16.0;
      row[label] -= 1.0f;
      for (int j = 0; j < 4; ++j) row[j] /= 16.0f;
    }
    student.backward({g.data(), 16, 4});
    optimizer.step(student.blocks(), 1e-3f);
    student.zero_gradients();
  }
  CHECK(loss < 0.05);
}

TEST_CASE("what does not fit is one clear error", "[transformer_student]") {
  TransformerOptions options;
  options.labels = {"a", "b", "c"};
  options.max_length = 41;
  CHECK_THROWS_WITH(Transformer::from_pretrained(fixtures / "tiny_bert", options),
                    Catch::Contains("texts of 40 tokens") && Catch::Contains("41"));
  options.max_length = 40;
  const TemporaryFolder folder;
  for (const char* file : {"config.json", "model.safetensors", "tokenizer_config.json"})
    fs::copy_file(fixtures / "tiny_bert" / file, folder.path() / file);
  CHECK_THROWS_WITH(Transformer::from_pretrained(folder.path(), options),
                    Catch::Contains("no tokenizer"));
  std::string vocabulary;
  for (int i = 0; i < 161; ++i) {
    const char* special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    vocabulary += (i < 5 ? special[i] : "word" + std::to_string(i)) + std::string("\n");
  }
  folder.file("vocab.txt", vocabulary);
  CHECK_THROWS_WITH(Transformer::from_pretrained(folder.path(), options),
                    Catch::Contains("does not fit the weights") && Catch::Contains("below 160"));
  CHECK_THROWS_WITH(Transformer::load(fixtures / "tiny_bert"), Catch::Contains("candist.json"));

  TransformerConfig config;
  config.width = 20;
  config.heads = 3;
  CHECK_THROWS_WITH(TransformerParameters(config, 1), Catch::Contains("width 20"));
}

}  // namespace
