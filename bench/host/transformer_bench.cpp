// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Fine-tuning all-MiniLM-L6-v2 (its folder in CANDIST_BENCH_MODEL) on short texts, batches of 32: valid
// tokens a second on one and two threads, and where a step's time goes; beside it PyTorch and Hugging
// Face `transformers` on the same texts where Python (CANDIST_PYTHON, else python3) has them, in turns:
// as they come, and where the processor is one that MKL underrates, with MKL's AVX-512 forced. And the
// matrix products alone, beside Eigen's as this bench is compiled.
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "candist/data/dataset.hpp"
#include "candist/data/wordnet.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/students/transformer.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/auxiliary_terms.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using bench::Report;

namespace {

namespace fs = std::filesystem;

constexpr int batch_size = 32;
constexpr int classes = 6;
constexpr int steps = 30;

// ---- products

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void measure_products(Report& report) {
  for (const auto& [m, n, k] :
       {std::array<int, 3>{214, 384, 384}, std::array<int, 3>{214, 1536, 384},
        std::array<int, 3>{214, 384, 1536}, std::array<int, 3>{13, 13, 32}}) {
    const Matrix a = Matrix::Random(m, k);
    const Matrix w = Matrix::Random(n, k);
    Matrix ours(m, n);
    Matrix theirs(m, n);
    const auto view = [](const Matrix& x) {
      return MatrixView<const float>{x.data(), x.rows(), x.cols()};
    };
    const auto candist_product = [&] {
      multiply(view(a), Factor(view(w)).transposed(), {ours.data(), m, n, n}, Product::replaces);
      bench::keep(ours.data());
    };
    const auto eigen_product = [&] {
      theirs.noalias() = a * w.transpose();
      bench::keep(theirs.data());
    };
    candist_product();
    eigen_product();
    bench::require((ours - theirs).cwiseAbs().maxCoeff() < 1e-4f * static_cast<float>(k),
                   "a product");
    const double operations = 2e-9 * m * n * k;
    const std::string shape =
        "M=" + std::to_string(m) + " N=" + std::to_string(n) + " K=" + std::to_string(k);
    const auto rates = [&](auto&& work) {
      std::vector<double> seconds = bench::seconds_of_runs([&] {
        for (int i = 0; i < 20; ++i) work();
      });
      for (double& s : seconds) s = 20.0 * operations / s;
      return seconds;
    };
    report.add("product x W^T", shape, rates(candist_product), "GFLOP/s");
    report.add("product x W^T by Eigen", shape, rates(eigen_product), "GFLOP/s");
  }
}

// ---- the texts of the bench

struct Corpus {
  std::string name;
  fs::path file;  ///< JSON Lines with "text"
  std::vector<std::string> texts;
};

Corpus corpus_in(const fs::path& folder) {
  Corpus corpus;
  LabelSpace labels;
  Texts texts;
  const fs::path trec = fs::path(CANDIST_SHARED_DATA) / "trec" / "train.jsonl";
  if (fs::exists(trec)) {
    corpus.name = "TREC";
    texts = read_texts(trec, labels, UnknownLabels::add);
  } else {
    corpus.name = "WordNet";
    texts = read_wordnet_corpus(fs::path(CANDIST_EXAMPLES_DATA) / "wordnet",
                                "/usr/share/wordnet/data.noun")
                .train;
  }
  corpus.file = folder / "texts.jsonl";
  std::ofstream file(corpus.file);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    corpus.texts.emplace_back(texts.texts[row]);
    file << nlohmann::json{{"text", corpus.texts.back()}}.dump() << "\n";
  }
  return corpus;
}

// ---- candist

Transformer load(const fs::path& model, int threads) {
  TransformerOptions options;
  for (int c = 0; c < classes; ++c) options.labels.push_back("class " + std::to_string(c));
  options.threads = threads;
  return Transformer::from_pretrained(model, options);
}

/// Fine-tuning on batches in a random order, as distill does it.
class FineTuning {
 public:
  FineTuning(const fs::path& model, const Corpus& corpus, int threads)
      : student_(load(model, threads)),
        optimizer_({.weight_decay = 0.01f, .max_gradient_norm = 1.0f, .threads = threads}),
        texts_(encode_texts(student_, corpus.texts, static_cast<std::int64_t>(corpus.texts.size()),
                            threads)),
        order_(random_order(texts_.rows(), 1, RandomPurpose::epoch_order, 0)) {}

  /// One step; its tokens.
  std::int64_t step() {
    batch_.clear();
    std::int64_t tokens = 0;
    for (int i = 0; i < batch_size; ++i) {
      batch_.push_back(texts_[order_[next_++ % order_.size()]]);
      tokens += static_cast<std::int64_t>(batch_.back().size());
    }
    std::vector<float> logits(batch_size * classes);
    student_.forward(batch_, Mode::training, {logits.data(), batch_size, classes});
    for (std::int64_t n = 0; n < batch_size; ++n) {
      float* row = logits.data() + n * classes;
      softmax(row, classes, 1.0f, row);
      row[n % classes] -= 1.0f;
      for (int j = 0; j < classes; ++j) row[j] /= batch_size;
    }
    student_.backward({logits.data(), batch_size, classes});
    optimize();
    return tokens;
  }
  void optimize() {
    optimizer_.step(student_.blocks(), 3e-5f);
    student_.zero_gradients();
  }
  /// Tokens a second.
  double rate() {
    for (int i = 0; i < 3; ++i) step();
    std::int64_t tokens = 0;
    const double seconds = bench::seconds_of([&] {
      for (int i = 0; i < steps; ++i) tokens += step();
    });
    return static_cast<double>(tokens) / seconds;
  }
  double evaluation_rate() {
    std::vector<TokenSpan> batch;
    std::int64_t tokens = 0;
    for (int i = 0; i < 1024; ++i) {
      batch.push_back(texts_[i % texts_.rows()]);
      tokens += static_cast<std::int64_t>(batch.back().size());
    }
    std::vector<float> logits(1024 * classes);
    return static_cast<double>(tokens) / bench::seconds_of([&] {
             std::as_const(student_).forward(TextBatch(batch), {logits.data(), 1024, classes});
           });
  }
  const std::vector<TokenSpan>& batch() const { return batch_; }
  Transformer& student() { return student_; }

 private:
  Transformer student_;
  AdamW optimizer_;
  EncodedTexts texts_;
  std::vector<std::int64_t> order_;
  std::size_t next_ = 0;
  std::vector<TokenSpan> batch_;
};

/// Where a step's time goes, on one thread: each part alone, at the sizes of the last batch.
void measure_parts(Report& report, FineTuning& training, const std::string& shape) {
  const TransformerConfig& c = training.student().config();
  PackedBatch packed;
  packed.pack(training.batch(), c);
  const std::int64_t t = packed.tokens();
  const std::int64_t d = c.width;
  const std::int64_t f = c.inner_width;
  const auto numbers = [](std::int64_t size) {
    std::vector<float> values(static_cast<std::size_t>(size));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
    return values;
  };
  const std::vector<float> x = numbers(t * f);
  const std::vector<float> w = numbers(f * d);
  std::vector<float> y(static_cast<std::size_t>(std::max(t * f, f * d)));
  // All products of the linear layers: forward, and both of backward; rows as in the last layer, too.
  const auto linear = [&](std::int64_t rows, std::int64_t in, std::int64_t out) {
    const Factor weight(w.data(), out, in, in);
    multiply({x.data(), rows, in, in}, weight.transposed(), {y.data(), rows, out, out},
             Product::replaces);
    multiply({x.data(), rows, out, out}, weight, {y.data(), rows, in, in}, Product::replaces);
    multiply(Factor(x.data(), rows, out, out).transposed(), {x.data(), rows, in, in},
             {y.data(), out, in, in}, Product::replaces);
  };
  double operations = 0.0;
  const auto all_products = [&] {
    operations = 0.0;
    for (int layer = 0; layer < c.layers; ++layer) {
      const std::int64_t u = layer + 1 < c.layers ? t : packed.texts();
      linear(t, d, 2 * d);
      linear(u, d, d);
      linear(u, d, d);
      linear(u, d, f);
      linear(u, f, d);
      operations += 6.0 * static_cast<double>(t * 2 * d * d + u * 2 * (d * d + d * f));
    }
  };
  std::vector<float> context(static_cast<std::size_t>(t * d));
  std::vector<float> dkv(static_cast<std::size_t>(t * 2 * d));
  const PackedAttention attention{d, c.heads, {0.1f, 1, 1, 1}, x.data(), w.data()};
  const auto all_attention = [&] {
    for (int layer = 0; layer < c.layers; ++layer) {
      for (const PackedText& text :
           layer + 1 < c.layers ? packed.with_all_queries() : packed.with_first_queries()) {
        attend(attention, text, context.data());
        attend_backward(attention, text, x.data(), y.data(), dkv.data());
      }
    }
  };
  std::vector<float> mean(static_cast<std::size_t>(t)), scale(static_cast<std::size_t>(t));
  std::vector<float> sum(static_cast<std::size_t>(t * d));
  const LayerNorm norm{
      t,          d,           x.data(),    x.data(), 1e-12f, {0.1f, 1, 1, 1}, packed.rows(),
      sum.data(), mean.data(), scale.data()};
  const auto all_norms = [&] {
    for (int i = 0; i < 2 * c.layers; ++i) {
      add_and_norm(norm, x.data(), w.data(), y.data());
      add_and_norm_backward(norm, x.data(), y.data(), context.data());
      norm_parameter_gradients(norm, x.data(), 0, d, mean.data(), scale.data());
    }
  };
  const auto all_gelus = [&] {
    for (int layer = 0; layer + 1 < c.layers; ++layer) {
      gelu(x.data(), t * f, y.data());
      gelu_backward(x.data(), t * f, y.data());
    }
  };
  const auto add = [&](const char* what, auto&& work, int runs = 11) {
    report.add(what, shape, bench::seconds_of_runs(work, runs, 1), "ms", 1e3);
  };
  add("a whole step", [&] { training.step(); });
  add("of it: products of the linear layers", all_products);
  add("of it: attention", all_attention);
  add("of it: norms and dropout", all_norms);
  add("of it: GELU", all_gelus);
  add("of it: AdamW and clipping", [&] { training.optimize(); });
  // The floor: the products at the rate of one that has nothing to pack and everything in the cache.
  const std::vector<float> a = numbers(840 * 384);
  const std::vector<float> b = numbers(384 * 256);
  std::vector<float> product(840 * 256);
  const double best =
      bench::quantile(bench::seconds_of_runs([&] {
                        multiply({a.data(), 840, 384, 384}, {b.data(), 384, 256, 256},
                                 {product.data(), 840, 256, 256}, Product::replaces);
                      }),
                      0.1);
  report.add("floor: its operations at the fastest product's rate", shape,
             {operations / (2.0 * 840 * 384 * 256 / best)}, "ms", 1e3);
}

// ---- PyTorch

std::string python() {
  const char* given = std::getenv("CANDIST_PYTHON");
  return given == nullptr ? "python3" : given;
}

bool python_has_torch() {
  try {
    bench::run_child({python(), "-c", "import torch, transformers"});
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

/// A library that tells MKL that this is a processor of Intel; empty where there is no use for it.
fs::path mkl_key(const fs::path& folder) {
  std::ifstream file("/proc/cpuinfo");
  const std::string cpu{std::istreambuf_iterator<char>(file), {}};
  if (cpu.find("GenuineIntel") != std::string::npos || cpu.find("avx512f") == std::string::npos)
    return {};
  std::ofstream(folder / "key.c") << "int mkl_serv_intel_cpu_true(void) { return 1; }\n";
  bench::run_child({"cc", "-shared", "-fPIC", "-o", folder / "key.so", folder / "key.c"});
  return folder / "key.so";
}

nlohmann::json run_torch(const fs::path& model, const Corpus& corpus, int threads, bool evaluation,
                         const fs::path& key) {
  const fs::path script = fs::path(__FILE__).parent_path() / "transformer_bench.py";
  std::vector<std::string> command{"env", "TOKENIZERS_PARALLELISM=false"};
  if (!key.empty()) command.push_back("LD_PRELOAD=" + key.string());
  for (const std::string& word :
       {python(), script.string(), std::string("--model"), model.string(), std::string("--texts"),
        corpus.file.string(), std::string("--classes"), std::to_string(classes),
        std::string("--threads"), std::to_string(threads), std::string("--steps"),
        std::to_string(evaluation ? 4 : 12), std::string("--json")})
    command.push_back(word);
  if (evaluation) command.emplace_back("--eval");
  const std::string output = bench::run_child(command).output;
  return nlohmann::json::parse(output.substr(output.rfind("\n{") + 1));
}

double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024.0;
  }
  return 0.0;
}

void measure(Report& report) {
  measure_products(report);
  const char* folder = std::getenv("CANDIST_BENCH_MODEL");
  if (folder == nullptr || !fs::exists(fs::path(folder) / "config.json")) {
    report.note(
        "SKIPPED fine-tuning: no model (bash examples/fetch_minilm.sh FOLDER, "
        "CANDIST_BENCH_MODEL=FOLDER)");
    return;
  }
  const testing::TemporaryFolder place;
  const Corpus corpus = corpus_in(place.path());
  const bool torch = python_has_torch();
  if (!torch) report.note("SKIPPED PyTorch: no torch and transformers in " + python());
  const fs::path key = torch ? mkl_key(place.path()) : fs::path();
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string version;
  for (int threads = 1; threads <= std::min(2, cores); ++threads) {
    const std::string shape =
        "MiniLM-L6 " + corpus.name + " B=32 threads=" + std::to_string(threads);
    struct Peer {
      std::string name;
      fs::path key;
      std::vector<double> rates, ratios;
    };
    std::vector<Peer> peers;
    if (torch) peers.push_back({"PyTorch", {}, {}, {}});
    if (!key.empty()) peers.push_back({"PyTorch with MKL's AVX-512 forced", key, {}, {}});
    for (const bool evaluation : {false, true}) {
      if (evaluation && threads > 1) break;  // candist evaluates a batch on one thread
      const std::string what = evaluation ? "evaluation" : "fine-tuning";
      std::vector<double> ours;
      for (int turn = 0; turn < 3; ++turn) {
        FineTuning training(folder, corpus, threads);
        ours.push_back(evaluation ? training.evaluation_rate() : training.rate());
        for (Peer& peer : peers) {
          const nlohmann::json result = run_torch(folder, corpus, threads, evaluation, peer.key);
          peer.rates.push_back(result.at("valid_tokens_per_second"));
          peer.ratios.push_back(ours.back() / peer.rates.back());
        }
      }
      report.add(what, shape, ours, "tokens/s", 1.0, threads);
      for (Peer& peer : peers) {
        report.add(what + " by " + peer.name, shape, peer.rates, "tokens/s", 1.0, threads);
        report.add(what + " against " + peer.name, shape, peer.ratios, "ratio", 1.0, threads);
        peer.rates.clear();
        peer.ratios.clear();
      }
    }
  }
  const std::string shape = "MiniLM-L6 " + corpus.name + " B=32 threads=1";
  FineTuning training(folder, corpus, 1);
  training.step();
  measure_parts(report, training, shape);
  report.add("peak memory", shape, {peak_memory()}, "MB", 1e-6);
  if (torch) {
    const nlohmann::json result = run_torch(folder, corpus, 1, false, {});
    report.add("peak memory of PyTorch", shape, {result.at("peak_rss_bytes").get<double>()}, "MB",
               1e-6);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run([&] {
    Report report("transformer", argc, argv);
    measure(report);
  });
}
