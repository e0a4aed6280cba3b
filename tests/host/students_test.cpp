// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

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

TEST_CASE("gradients through the dropout of mlp are those of central differences", "[students]") {
  EmbeddingBagMlp student({.classes = 3,
                           .ngrams = {.buckets_log2 = 10},
                           .width = 8,
                           .hidden = 16,
                           .dropout = 0.4f,
                           .seed = 3});
  scramble(student);
  const EncodedTexts texts =
      encode_texts(student, sentences, static_cast<std::int64_t>(sentences.size()));
  const auto batch = batch_of(texts);
  const auto rows = static_cast<std::int64_t>(batch.size());
  std::vector<float> logits(batch.size() * 3);
  std::vector<float> d(logits.size());
  CounterRng rng(1, RandomPurpose::resampling);
  for (float& v : d) v = rng.normal();
  // A copy made before the training forward draws the same mask.
  const EmbeddingBagMlp before = student;
  student.forward(batch, Mode::training, {logits.data(), rows, 3});
  const std::vector<float> in_training = logits;
  student.backward({d.data(), rows, 3});
  std::vector<float> evaluated(logits.size());
  student.forward(batch, Mode::evaluation, {evaluated.data(), rows, 3});
  CHECK(evaluated != in_training);  // the mask is there
  const auto objective = [&](std::size_t block, std::size_t at, float shift) {
    EmbeddingBagMlp copy = before;
    copy.blocks()[block].values[at] += shift;
    copy.forward(batch, Mode::training, {logits.data(), rows, 3});
    double sum = 0.0;
    for (std::size_t i = 0; i < d.size(); ++i) sum += static_cast<double>(d[i]) * logits[i];
    return sum;
  };
  objective(0, 0, 0.0f);
  REQUIRE(logits == in_training);
  const auto blocks = student.blocks();
  int checked = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const ParameterBlock& block = blocks[b];
    const std::size_t step = 1 + block.gradient.size() / 40;
    for (std::size_t i = 0; i < block.gradient.size(); i += step) {
      const std::size_t width = static_cast<std::size_t>(block.width);
      const std::size_t at =
          block.access == Rows::sparse
              ? static_cast<std::size_t>(block.touched[i / width]) * width + i % width
              : i;
      const double numeric = (objective(b, at, 0.001f) - objective(b, at, -0.001f)) / 0.002;
      INFO(block.name << " gradient " << i);
      CHECK(block.gradient[i] == Approx(numeric).epsilon(0.02).margin(2e-3));
      ++checked;
    }
  }
  CHECK(checked > 100);
}

TEMPLATE_TEST_CASE("evaluation gives a text the same bits however texts are packed", "[students]",
                   HashedLinear, EmbeddingBagMlp) {
  TestType student = [] {
    if constexpr (std::is_same_v<TestType, HashedLinear>) {
      return HashedLinear({.classes = 11, .ngrams = {.buckets_log2 = 10}});
    } else {
      return EmbeddingBagMlp({.classes = 11, .ngrams = {.buckets_log2 = 10}, .dropout = 0.5f});
    }
  }();
  scramble(student);
  std::vector<std::string> many;
  for (int i = 0; i < 131; ++i)  // more than a tile of a matrix product, and no multiple of one
    many.push_back(sentences[static_cast<std::size_t>(i) % 7] + " " + std::to_string(i));
  const EncodedTexts texts = encode_texts(student, many, 131);
  auto batch = batch_of(texts);
  const auto logits_of = [&](TextBatch part) {
    std::vector<float> logits(part.size() * 11);
    student.forward(part, Mode::evaluation,
                    {logits.data(), static_cast<std::int64_t>(part.size()), 11});
    return logits;
  };
  const std::vector<float> whole = logits_of(batch);
  for (const std::size_t size : {1, 2, 7, 33, 100}) {
    std::vector<float> packed;
    for (std::size_t begin = 0; begin < batch.size(); begin += size) {
      const auto part = logits_of(TextBatch(batch).subspan(begin, std::min(size, 131 - begin)));
      packed.insert(packed.end(), part.begin(), part.end());
    }
    INFO("batches of " << size);
    CHECK(packed == whole);
  }
  std::reverse(batch.begin(), batch.end());
  const std::vector<float> backwards = logits_of(batch);
  for (std::size_t row = 0; row < 131; ++row) {
    REQUIRE(std::equal(whole.begin() + static_cast<std::ptrdiff_t>(row * 11),
                       whole.begin() + static_cast<std::ptrdiff_t>(row * 11 + 11),
                       backwards.begin() + static_cast<std::ptrdiff_t>((130 - row) * 11)));
  }
  // The way through embeddings is the same way.
  std::vector<float> embeddings(131 * static_cast<std::size_t>(student.width()));
  std::vector<float> via(whole.size());
  std::reverse(batch.begin(), batch.end());
  const MatrixView<float> e{embeddings.data(), 131, student.width()};
  student.embed(batch, Mode::evaluation, e);
  student.classify(e, Mode::evaluation, {via.data(), 131, 11});
  CHECK(via == whole);
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

TEMPLATE_TEST_CASE("a student's file with options or weights out of range is refused by name",
                   "[students]", HashedLinear, EmbeddingBagMlp) {
  const TemporaryFolder folder;
  TestType student = make<TestType>(3);
  scramble(student);
  save_student(folder.path(), student);
  const std::string content = candist::testing::read_file(folder / "student.bin");
  const std::size_t header = content.find('{');
  const std::size_t numbers = content.find('\n', header) + 1;
  using Catch::Contains;
  const auto fault = [&](const std::string& changed) {
    folder.file("student.bin", changed);
    try {
      TestType::load(folder.path());
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no InputError");
  };
  const auto with = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json options = nlohmann::json::parse(content.substr(header, numbers - header));
    options[key] = value;
    return fault(content.substr(0, header) + options.dump() + "\n" + content.substr(numbers));
  };
  CHECK(fault(content) == "no InputError");

  using Wrong = std::pair<const char*, nlohmann::json>;
  std::vector<Wrong> wrong{
      {"classes", 0},         {"classes", -3},      {"classes", 2.5},    {"classes", 1e30},
      {"classes", 1LL << 40}, {"classes", 1 << 21}, {"buckets_log2", 0}, {"buckets_log2", 31},
      {"buckets_log2", -1},   {"word_ngrams", -1},  {"word_ngrams", 9},  {"char_min", -1},
      {"char_min", 65},       {"char_max", 65},     {"char_max", 3},     {"char_max", 1ULL << 63}};
  if constexpr (std::is_same_v<TestType, EmbeddingBagMlp>) {
    wrong.insert(wrong.end(), {{"width", 0},
                               {"width", 1 << 17},
                               {"hidden", 0},
                               {"hidden", -7},
                               {"dropout", 1.0},
                               {"dropout", -0.1},
                               {"dropout", 1e300},
                               {"step", -1},
                               {"seed", -1}});
  }
  for (const auto& [key, value] : wrong) {
    INFO(key << " " << value);
    CHECK_THAT(with(key, value), Contains("student.bin: found \"" + std::string(key) + "\" is ") &&
                                     Contains(", expected "));
  }
  CHECK_THAT(with("classes", "3"), Contains("no number \"classes\""));
  CHECK_THAT(with("classes", nullptr), Contains("no number \"classes\""));
  CHECK_THAT(with("student", 5), Contains("a student of kind \"?\""));
  // In range, but not what the file holds: found before memory of that size is asked for.
  CHECK_THAT(with("classes", 1 << 20), Contains("student.bin: found ") && Contains("expected "));
  if constexpr (std::is_same_v<TestType, EmbeddingBagMlp>) {
    CHECK_THAT(with("buckets_log2", 30), Contains("ends too early"));
    CHECK_THAT(with("width", 1 << 16), Contains("ends too early"));
    CHECK_THAT(with("width", 2), Contains("bytes behind the end"));
  }

  for (const float value : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    for (const std::size_t at : {numbers, content.size() - sizeof value}) {
      std::string changed = content;
      std::memcpy(changed.data() + at, &value, sizeof value);
      CHECK_THAT(fault(changed), Contains("student.bin: found a weight that is not finite"));
    }
  }
  // Cut anywhere, or longer: never a student.
  for (std::size_t size = 0; size < content.size(); size += 1 + content.size() / 61)
    CHECK_THAT(fault(content.substr(0, size)), Contains("student.bin: found "));
  CHECK_THAT(fault(content + std::string(4, '\0')), Contains("4 bytes behind the end"));
}

TEST_CASE("rows of a linear student's file must be in order and inside the table", "[students]") {
  const TemporaryFolder folder;
  HashedLinear student({.classes = 3, .ngrams = {.buckets_log2 = 4}});
  student.blocks()[0].values[8 * 2] = 1.0f;  // rows 2 and 5
  student.blocks()[0].values[8 * 5] = 1.0f;
  save_student(folder.path(), student);
  const std::string content = candist::testing::read_file(folder / "student.bin");
  // Behind the bias (3 floats): the count of rows, then their numbers.
  const std::size_t count = content.find('\n', content.find('{')) + 1 + 3 * sizeof(float);
  const auto fault = [&](std::size_t at, auto value) {
    std::string changed = content;
    std::memcpy(changed.data() + at, &value, sizeof value);
    folder.file("student.bin", changed);
    try {
      HashedLinear::load(folder.path());
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string("no InputError");
  };
  using Catch::Contains;
  CHECK(fault(count + 8, std::int32_t{2}) == "no InputError");
  CHECK_THAT(fault(count, std::int64_t{-1}), Contains("found -1 rows, expected at most 16"));
  CHECK_THAT(fault(count, std::int64_t{17}), Contains("found 17 rows"));
  CHECK_THAT(fault(count, std::int64_t{3}), Contains("ends too early"));
  CHECK_THAT(fault(count, std::int64_t{1}), Contains("behind the end"));
  for (const std::int32_t row : {-1, 16, 5, 1 << 30})
    CHECK_THAT(fault(count + 8, row), Contains("student.bin: found row "));
}

TEST_CASE("n-gram options out of range are refused", "[students]") {
  CHECK_THROWS_AS(HashedNgrams({.buckets_log2 = 0}), ShapeError);
  CHECK_THROWS_AS(HashedNgrams({.word_ngrams = 9}), ShapeError);
  CHECK_THROWS_AS(HashedNgrams({.word_ngrams = -1}), ShapeError);
  CHECK_THROWS_AS(HashedNgrams({.char_min = 5, .char_max = 4}), ShapeError);
  CHECK_THROWS_AS(HashedNgrams({.char_max = 65}), ShapeError);
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
