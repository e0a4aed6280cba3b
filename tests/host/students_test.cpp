// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "candist/counter_rng.hpp"
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/evaluation.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::TemporaryFolder;

namespace {

const std::vector<std::string> sentences{"the quick brown fox",
                                         "jumps over the lazy dog",
                                         "",
                                         "caf\xC3\xA9 caf\xC3\xA9 caf\xC3\xA9",
                                         "WORDS Words words",
                                         "a",
                                         "numbers 12 and 3.5, marks!"};

template <class S>
S make(int classes) {
  if constexpr (std::is_same_v<S, HashedLinear>) {
    return HashedLinear({.classes = classes, .ngrams = {.buckets_log2 = 10}});
  } else {
    return EmbeddingBagMlp({.classes = classes,
                            .ngrams = {.buckets_log2 = 10},
                            .width = 12,
                            .hidden = 20,
                            .dropout = 0.0f,
                            .seed = 3});
  }
}

/// Random parameters, so that nothing is zero by initialisation.
template <class S>
void scramble(S& student) {
  std::uint64_t stream = 0;
  for (ParameterBlock& block : student.blocks()) {
    CounterRng rng(5, RandomPurpose::resampling, 0, stream++);
    for (std::int64_t row = 0; row < block.rows; ++row) {
      for (std::int64_t k = 0; k < block.width; ++k)
        block.values[static_cast<std::size_t>(row * block.width + k)] += 0.3f * rng.normal();
    }
  }
}

std::vector<TokenSpan> batch_of(const EncodedTexts& texts) {
  std::vector<TokenSpan> batch;
  for (std::int64_t row = 0; row < texts.rows(); ++row) batch.push_back(texts[row]);
  return batch;
}

}  // namespace

TEMPLATE_TEST_CASE("gradients of a student are those of central differences", "[students]",
                   HashedLinear, EmbeddingBagMlp) {
  TestType student = make<TestType>(4);
  scramble(student);
  const EncodedTexts texts =
      encode_texts(student, sentences, static_cast<std::int64_t>(sentences.size()));
  const auto batch = batch_of(texts);
  const auto rows = static_cast<std::int64_t>(batch.size());
  std::vector<float> logits(batch.size() * 4);
  std::vector<float> d(logits.size());
  CounterRng rng(1, RandomPurpose::resampling);
  for (float& v : d) v = rng.normal();
  const auto objective = [&] {  // a random linear functional of the logits
    student.forward(batch, Mode::evaluation, {logits.data(), rows, 4});
    double sum = 0.0;
    for (std::size_t i = 0; i < d.size(); ++i) sum += static_cast<double>(d[i]) * logits[i];
    return sum;
  };
  student.forward(batch, Mode::training, {logits.data(), rows, 4});
  student.backward({d.data(), rows, 4});
  int checked = 0;
  for (ParameterBlock& block : student.blocks()) {
    const auto gradient_rows =
        block.access == Rows::sparse ? static_cast<std::int64_t>(block.touched.size()) : block.rows;
    REQUIRE(gradient_rows > 0);
    std::vector<std::int32_t> distinct(block.touched.begin(), block.touched.end());
    std::sort(distinct.begin(), distinct.end());
    CHECK(std::adjacent_find(distinct.begin(), distinct.end()) == distinct.end());
    for (std::int64_t i = 0; i < gradient_rows; i += 1 + gradient_rows / 17) {
      const std::int64_t row =
          block.access == Rows::sparse ? block.touched[static_cast<std::size_t>(i)] : i;
      for (std::int64_t k = 0; k < std::min<std::int64_t>(block.width, 4); ++k) {
        float& parameter = block.values[static_cast<std::size_t>(row * block.width + k)];
        const float kept = parameter;
        parameter = kept + 0.001f;
        const double up = objective();
        parameter = kept - 0.001f;
        const double down = objective();
        parameter = kept;
        const double numeric = (up - down) / 0.002;
        INFO(TestType::name << " " << block.name << " row " << row << " column " << k);
        CHECK(block.gradient[static_cast<std::size_t>(i * block.width + k)] ==
              Approx(numeric).epsilon(0.02).margin(2e-3));
        ++checked;
      }
    }
  }
  CHECK(checked > 30);
}

TEMPLATE_TEST_CASE("the embedding path is the forward path, and so are its gradients", "[students]",
                   HashedLinear, EmbeddingBagMlp) {
  TestType a = make<TestType>(3);
  TestType b = make<TestType>(3);
  scramble(a);
  scramble(b);
  const EncodedTexts texts =
      encode_texts(a, sentences, static_cast<std::int64_t>(sentences.size()));
  const auto batch = batch_of(texts);
  const auto rows = static_cast<std::int64_t>(batch.size());
  std::vector<float> direct(batch.size() * 3), via(direct.size()), d(direct.size(), 0.5f);
  std::vector<float> embeddings(batch.size() * static_cast<std::size_t>(b.width())),
      dembeddings(embeddings.size());
  const MatrixView<float> e{embeddings.data(), rows, b.width()};
  const MatrixView<float> de{dembeddings.data(), rows, b.width()};
  a.forward(batch, Mode::training, {direct.data(), rows, 3});
  b.embed(batch, Mode::training, e);
  b.classify(e, Mode::training, {via.data(), rows, 3});
  CHECK(direct == via);
  d[4] = -1.0f;
  a.backward({d.data(), rows, 3});
  b.classify_backward({d.data(), rows, 3}, de);
  b.embed_backward(de);
  for (std::size_t i = 0; i < a.blocks().size(); ++i) {
    const auto x = a.blocks()[i].gradient;
    const auto y = b.blocks()[i].gradient;
    CHECK(std::vector(x.begin(), x.end()) == std::vector(y.begin(), y.end()));
  }
}

TEMPLATE_TEST_CASE("a text's logits depend neither on the batch nor on the threads", "[students]",
                   HashedLinear, EmbeddingBagMlp) {
  TestType student = make<TestType>(5);
  scramble(student);
  std::vector<std::string> many;
  for (int i = 0; i < 3000; ++i)
    many.push_back(sentences[static_cast<std::size_t>(i) % 7] + " " + std::to_string(i));
  const EncodedTexts one = encode_texts(student, many, 3000, 1);
  const EncodedTexts four = encode_texts(student, many, 3000, 4);
  REQUIRE(one.tokens() == four.tokens());
  for (std::int64_t row = 0; row < 3000; ++row)
    REQUIRE(std::equal(one[row].begin(), one[row].end(), four[row].begin(), four[row].end()));
  const Predictions a = predict(student, one, 1);
  const Predictions b = predict(student, one, 4);
  CHECK(a.labels == b.labels);
  CHECK(a.confidences == b.confidences);
  for (std::int64_t row = 0; row < 3000; row += 501) {
    EncodedTexts alone;
    alone.push_back(one[row]);
    CHECK(predict(student, alone).confidences[0] == a.confidences[static_cast<std::size_t>(row)]);
  }
}

TEMPLATE_TEST_CASE("a saved student comes back bit for bit, a broken file does not", "[students]",
                   HashedLinear, EmbeddingBagMlp) {
  const TemporaryFolder folder;
  TestType student = make<TestType>(3);
  scramble(student);
  save_student(folder.path(), student);
  TestType again = TestType::load(folder.path());
  for (std::size_t i = 0; i < student.blocks().size(); ++i) {
    const auto x = student.blocks()[i].values;
    const auto y = again.blocks()[i].values;
    CHECK(std::vector(x.begin(), x.end()) == std::vector(y.begin(), y.end()));
  }
  const std::string content = candist::testing::read_file(folder / "student.bin");
  using Catch::Contains;
  folder.file("student.bin", content.substr(0, content.size() - 5));
  CHECK_THROWS_WITH(TestType::load(folder.path()), Contains("ends too early"));
  folder.file("student.bin", content + "x");
  CHECK_THROWS_WITH(TestType::load(folder.path()), Contains("behind the end"));
  folder.file("student.bin", "something else entirely, of some length");
  CHECK_THROWS_WITH(TestType::load(folder.path()), Contains("another kind of file"));
  CHECK_THROWS_WITH(TestType::load(folder / "nowhere"), Contains("no such file"));
  using Other =
      std::conditional_t<std::is_same_v<TestType, HashedLinear>, EmbeddingBagMlp, HashedLinear>;
  folder.file("student.bin", content);
  CHECK_THROWS_WITH(Other::load(folder.path()), Contains("a student of kind"));
}

TEST_CASE("n-grams: words and pairs, characters inside words, no cut in a UTF-8 character",
          "[students]") {
  const auto ids = [](const HashedNgramsOptions& options, std::string_view text) {
    std::vector<std::int32_t> result;
    HashedNgrams(options).append(text, result);
    return result;
  };
  const HashedNgramsOptions words{.buckets_log2 = 20, .word_ngrams = 2, .char_min = 0};
  CHECK(ids(words, "one two three").size() == 3 + 2);
  CHECK(ids(words, "One TWO  three\t") == ids(words, "one two three"));
  CHECK(ids(words, "two, one").size() == 3 + 2);  // the comma is a word
  CHECK(ids(words, "one two") != ids(words, "two one"));
  CHECK(ids(words, "").empty());
  const HashedNgramsOptions characters{
      .buckets_log2 = 20, .word_ngrams = 0, .char_min = 3, .char_max = 3};
  CHECK(ids(characters, "cat").size() == 3);  // <ca cat at>
  CHECK(ids(characters, "caf\xC3\xA9").size() ==
        4);  // <ca caf afe fe>: four characters, not five bytes
  CHECK(ids(characters, "\xC3\xA9\xC3\xA8").size() == 2);
  for (const std::int32_t id : ids({.buckets_log2 = 5}, "some words in few buckets"))
    CHECK((id >= 0 && id < 32));
  // Linear time on hostile input: a word of a million letters.
  CHECK(ids({.buckets_log2 = 18}, std::string(1000000, 'x')).size() < 4000000);
}
