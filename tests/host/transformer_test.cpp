// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The transformer against PyTorch and transformers: fixtures of tests/fixtures/make_encoder_fixtures.py,
// computed there in double precision.
#include "candist/students/transformer.hpp"

#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "candist/optimizers/adamw.hpp"
#include "candist/optimizers/schedules.hpp"
#include "candist/training/evaluation.hpp"
#include "candist/weights/safetensors_file.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace {

using namespace candist;
namespace fs = std::filesystem;

const fs::path fixtures = fs::path(__FILE__).parent_path().parent_path() / "fixtures" / "encoders";

/// What the script left for one model.
class Expected {
 public:
  explicit Expected(const std::string& model) : file_(fixtures / model / "expected.safetensors") {}

  std::vector<float> floats(const std::string& name) const {
    std::vector<float> values(static_cast<std::size_t>(file_.at(name).count()));
    file_.read(name, values);
    return values;
  }
  template <class T>
  std::vector<T> whole_numbers(const std::string& name) const {
    const std::string_view bytes = file_.bytes(file_.at(name));
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> names;
    for (const TensorEntry& tensor : file_.tensors()) {
      if (tensor.name.starts_with(prefix)) names.push_back(tensor.name.substr(prefix.size()));
    }
    return names;
  }

 private:
  SafetensorsFile file_;
};

/// The texts of a fixture, as ids.
struct Batch {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;
  std::vector<TokenSpan> texts;

  explicit Batch(const Expected& expected)
      : ids(expected.whole_numbers<std::int32_t>("ids")),
        offsets(expected.whole_numbers<std::int64_t>("offsets")) {
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      texts.push_back(
          TokenSpan(ids).subspan(static_cast<std::size_t>(offsets[i]),
                                 static_cast<std::size_t>(offsets[i + 1] - offsets[i])));
    }
  }
  std::int64_t rows() const { return static_cast<std::int64_t>(texts.size()); }
};

Transformer without_dropout(const std::string& model, int classes, int threads = 1,
                            std::optional<Pooling> pooling = {}) {
  TransformerOptions options;
  for (int c = 0; c < classes; ++c) options.labels.push_back("LABEL_" + std::to_string(c));
  options.dropout = 0.0f;
  options.max_length = 38;
  options.threads = threads;
  options.pooling = pooling;
  return Transformer::from_pretrained(fixtures / model, options);
}

/// max |a - b| / max |b|.
double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
  }
  return worst / std::max(largest, 1e-30);
}

/// The name of a block or tensor in the folder of its family.
std::string folder_name(const TransformerConfig& config, std::string name) {
  const bool bert = config.family == EncoderFamily::bert;
  const auto renamed = [&](const char* from, const char* to) {
    if (name.starts_with(from)) name = to + name.substr(std::strlen(from));
  };
  if (bert) {
    if (name.starts_with("head.dense")) return "bert.pooler.dense" + name.substr(10);
    renamed("head.output", "classifier");
  } else {
    renamed("head.dense", "classifier.dense");
    renamed("head.output", "classifier.out_proj");
  }
  if (name.starts_with("classifier")) return name;
  return (bert ? "bert." : "roberta.") + name;
}

/// All gradients by name, dense, keys and values apart.
std::map<std::string, std::vector<float>> gradients(Transformer& student) {
  std::map<std::string, std::vector<float>> all;
  for (const ParameterBlock& block : student.blocks()) {
    const std::string name(block.name);
    std::vector<float> g(block.values.size());
    if (block.access == Rows::sparse) {
      for (std::size_t i = 0; i < block.touched.size(); ++i) {
        std::copy_n(block.gradient.data() + static_cast<std::int64_t>(i) * block.width, block.width,
                    g.data() + block.touched[i] * block.width);
      }
    } else {
      g.assign(block.gradient.begin(), block.gradient.end());
    }
    const std::size_t at = name.find("key_value");
    if (at == std::string::npos) {
      all[folder_name(student.config(), name)] = g;
      continue;
    }
    const auto half = g.begin() + static_cast<std::ptrdiff_t>(g.size() / 2);
    std::string key = name;
    std::string value = name;
    all[folder_name(student.config(), key.replace(at, 9, "key"))] = {g.begin(), half};
    all[folder_name(student.config(), value.replace(at, 9, "value"))] = {half, g.end()};
  }
  return all;
}

struct Model {
  const char* name;
  int classes;
};
constexpr Model models[] = {{"tiny_bert", 3}, {"tiny_roberta", 5}};

std::vector<float> logits_of(Transformer& student, const Batch& batch, Mode mode) {
  std::vector<float> logits(static_cast<std::size_t>(batch.rows() * student.classes()));
  student.forward(batch.texts, mode, {logits.data(), batch.rows(), student.classes()});
  return logits;
}

TEST_CASE("logits are those of transformers", "[transformer]") {
  for (const Model& model : models) {
    CAPTURE(model.name);
    const Expected expected(model.name);
    const Batch batch(expected);
    Transformer student = without_dropout(model.name, model.classes);
    CHECK(student.fresh().empty());
    for (const Mode mode : {Mode::evaluation, Mode::training})
      CHECK(relative_error(logits_of(student, batch, mode), expected.floats("logits")) < 1e-5);
  }
}

TEST_CASE("weights on disk may be bf16 or fp16", "[transformer]") {
  for (const std::string stored : {"tiny_bert_bf16", "tiny_bert_fp16"}) {
    CAPTURE(stored);
    const Expected texts("tiny_bert");
    const Batch batch(texts);
    // Only the weights differ; the tokenizer is that of tiny_bert.
    const candist::testing::TemporaryFolder folder;
    for (const char* file : {"vocab.txt", "tokenizer_config.json"})
      fs::copy_file(fixtures / "tiny_bert" / file, folder.path() / file);
    for (const char* file : {"config.json", "model.safetensors"})
      fs::copy_file(fixtures / stored / file, folder.path() / file);
    TransformerOptions options;
    options.labels = {"a", "b", "c"};
    options.max_length = 38;
    Transformer student = Transformer::from_pretrained(folder.path(), options);
    CHECK(relative_error(logits_of(student, batch, Mode::evaluation),
                         Expected(stored).floats("logits")) < 1e-5);
  }
}

TEST_CASE("every gradient is that of PyTorch", "[transformer]") {
  for (const Model& model : models) {
    for (const int threads : {1, 3}) {
      CAPTURE(model.name, threads);
      const Expected expected(model.name);
      const Batch batch(expected);
      Transformer student = without_dropout(model.name, model.classes, threads);
      logits_of(student, batch, Mode::training);
      const std::vector<float> dlogits = expected.floats("dlogits");
      student.backward({dlogits.data(), batch.rows(), model.classes});
      const auto ours = gradients(student);
      const std::vector<std::string> names = expected.names("grad.");
      CHECK(names.size() == ours.size());
      for (const std::string& name : names) {
        CAPTURE(name);
        REQUIRE(ours.contains(name));
        // The bias of the keys shifts all scores of a query alike: its gradient is 0 but for rounding.
        if (name.ends_with("key.bias")) {
          for (const float g : ours.at(name)) CHECK(std::abs(g) < 1e-4f);
        } else {
          CHECK(relative_error(ours.at(name), expected.floats("grad." + name)) < 2e-5);
        }
      }
    }
  }
}

TEST_CASE("gradients add up until they are cleared", "[transformer]") {
  const Expected expected("tiny_bert");
  const Batch batch(expected);
  const std::vector<float> dlogits = expected.floats("dlogits");
  Transformer student = without_dropout("tiny_bert", 3);
  const auto pass = [&] {
    logits_of(student, batch, Mode::training);
    student.backward({dlogits.data(), batch.rows(), 3});
  };
  pass();
  const auto once = gradients(student);
  pass();
  const auto twice = gradients(student);
  for (const auto& [name, g] : once) {
    CAPTURE(name);
    std::vector<float> doubled = g;
    for (float& x : doubled) x *= 2.0f;
    if (!name.ends_with("key.bias")) CHECK(relative_error(twice.at(name), doubled) < 1e-5);
  }
  student.zero_gradients();
  for (const auto& [name, g] : gradients(student)) {
    CAPTURE(name);
    CHECK(std::all_of(g.begin(), g.end(), [](float x) { return x == 0.0f; }));
  }
  pass();
  CHECK(gradients(student) == once);
}

TEST_CASE("the mean of all tokens as embedding", "[transformer]") {
  const Expected expected("tiny_bert");
  const Batch batch(expected);
  Transformer student = without_dropout("tiny_bert", 3, 2, Pooling::mean);
  CHECK(relative_error(logits_of(student, batch, Mode::training), expected.floats("mean_logits")) <
        1e-5);
  const std::vector<float> dlogits = expected.floats("dlogits");
  student.backward({dlogits.data(), batch.rows(), 3});
  const auto ours = gradients(student);
  for (const std::string& name : expected.names("mean_grad.")) {
    CAPTURE(name);
    CHECK(relative_error(ours.at(name), expected.floats("mean_grad." + name)) < 2e-5);
  }
}

TEST_CASE("ten steps of AdamW with clipping and linear decay are those of PyTorch",
          "[transformer]") {
  for (const Model& model : models) {
    CAPTURE(model.name);
    const Expected expected(model.name);
    const Batch batch(expected);
    const std::vector<float> targets = expected.floats("targets");
    const std::vector<float> losses = expected.floats("losses");
    const std::vector<float> norms = expected.floats("norms");
    Transformer student = without_dropout(model.name, model.classes, 2);
    AdamW optimizer({.weight_decay = 0.01f, .max_gradient_norm = 1.0f, .threads = 2});
    const int c = model.classes;
    for (int step = 0; step < 10; ++step) {
      CAPTURE(step);
      const std::vector<float> logits = logits_of(student, batch, Mode::training);
      std::vector<float> dlogits(logits.size());
      double loss = 0.0;
      for (std::int64_t n = 0; n < batch.rows(); ++n) {
        const float* z = logits.data() + n * c;
        double sum = 0.0;
        for (int j = 0; j < c; ++j) sum += std::exp(static_cast<double>(z[j]));
        for (int j = 0; j < c; ++j) {
          const double target = static_cast<double>(targets[static_cast<std::size_t>(n * c + j)]);
          const double p = std::exp(static_cast<double>(z[j])) / sum;
          loss -= target * std::log(p) / static_cast<double>(batch.rows());
          dlogits[static_cast<std::size_t>(n * c + j)] =
              static_cast<float>((p - target) / static_cast<double>(batch.rows()));
        }
      }
      CHECK(loss ==
            Approx(static_cast<double>(losses[static_cast<std::size_t>(step)])).epsilon(1e-4));
      student.backward({dlogits.data(), batch.rows(), c});
      optimizer.step(student.blocks(),
                     1e-3f * LinearDecay{}.factor(static_cast<float>(step) / 10.0f));
      CHECK(optimizer.gradient_norm() ==
            Approx(static_cast<double>(norms[static_cast<std::size_t>(step)])).epsilon(1e-3));
      student.zero_gradients();
    }
    optimizer.settle(student.blocks());
    std::map<std::string, std::vector<float>> tensors;
    for (const NamedTensor& tensor : student.tensors()) {
      tensors[folder_name(student.config(), tensor.name)] = {tensor.values.begin(),
                                                             tensor.values.end()};
    }
    for (const std::string& name : expected.names("final.")) {
      CAPTURE(name);
      CHECK(relative_error(tensors.at(name), expected.floats("final." + name)) < 1e-3);
    }
  }
}

}  // namespace
