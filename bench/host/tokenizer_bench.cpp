// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Bytes of text a second, one thread: WordPiece and byte-level BPE on WordNet's entries, one
// encode() a text, beside Hugging Face `tokenizers` on the same texts where Python (CANDIST_PYTHON,
// else python3) has it. Then the vocabularies have 30,000 tokens, trained by it on these very
// texts, and ids must be equal before anything is reported; else they are the small ones of the
// tests. More model folders in CANDIST_BENCH_TOKENIZERS (with : between them). This is also the
// program behind tests/fixtures/parity_tokenizers.py.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "candist/data/wordnet.hpp"
#include "candist/text/tokenizer_folder.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using bench::Report;

namespace {

constexpr int repetitions = 5;

/// Texts on standard input, each as 4 bytes of length and its bytes; their ids on standard output,
/// each as 4 bytes of count and the ids.
int print_ids(const std::string& folder, bool bare) {
  return bench::run([&] {
    const Tokenizer tokenizer = load_tokenizer(folder);
    std::string text;
    std::vector<std::int32_t> ids;
    for (std::uint32_t length = 0; std::fread(&length, sizeof length, 1, stdin) == 1;) {
      text.resize(length);
      if (std::fread(text.data(), 1, length, stdin) != length)
        throw std::runtime_error("a text that is cut off");
      ids.assign(1, 0);
      bare ? tokenizer.encode_bare(text, ids) : tokenizer.encode(text, ids);
      ids[0] = static_cast<std::int32_t>(ids.size()) - 1;
      std::fwrite(ids.data(), sizeof ids[0], ids.size(), stdout);
    }
  });
}

// ---- Hugging Face

std::string python() {
  const char* given = std::getenv("CANDIST_PYTHON");
  return given == nullptr ? "python3" : given;
}

/// Trains folder/wordpiece and folder/byte_pair on the lines of a file.
constexpr const char* train_program = R"(
import pathlib, sys
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
texts, folder = sys.argv[1], pathlib.Path(sys.argv[2])
wordpiece = Tokenizer(models.WordPiece(unk_token="[UNK]"))
wordpiece.normalizer = normalizers.BertNormalizer()
wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
wordpiece.train([texts], trainers.WordPieceTrainer(vocab_size=30000, show_progress=False,
    special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))
wordpiece.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
byte_pair = Tokenizer(models.BPE())
byte_pair.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
byte_pair.train([texts], trainers.BpeTrainer(vocab_size=30000, show_progress=False,
    special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
byte_pair.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
for name, tokenizer in (("wordpiece", wordpiece), ("byte_pair", byte_pair)):
    (folder / name).mkdir()
    tokenizer.save(str(folder / name / "tokenizer.json"))
)";

/// Prints seconds of its fastest call on the lines of a file, the version, and a digest of all ids.
constexpr const char* encode_program = R"(
import os, sys, time
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers
texts = open(sys.argv[1], encoding="utf-8", newline="\n").read().split("\n")[:-1]
tokenizer = tokenizers.Tokenizer.from_file(sys.argv[2] + "/tokenizer.json")
tokenizer.no_padding()
encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
begin = time.perf_counter()
encoded = encode(texts)
seconds = time.perf_counter() - begin
digest = 0
for text in encoded:
    for id in text.ids + [-1]:
        digest = (digest * 1000003 + id + 2) % (1 << 64)
print(seconds, tokenizers.__version__, digest)
)";

struct Encoding {
  double seconds = 0.0;
  std::uint64_t digest = 0;
  std::string version;
};

Encoding encode_with_hugging_face(const std::filesystem::path& texts,
                                  const std::filesystem::path& folder) {
  Encoding result;
  std::istringstream answer(
      bench::run_child({python(), "-c", encode_program, texts, folder}).output);
  answer >> result.seconds >> result.version >> result.digest;
  bench::require(!answer.fail(), "what Python prints: " + answer.str());
  return result;
}

Encoding encode_with_candist(const Tokenizer& tokenizer, const StringColumn& texts) {
  Encoding result;
  std::vector<std::int32_t> ids;
  result.seconds = bench::seconds_of([&] {
    for (std::int64_t row = 0; row < texts.size(); ++row) {
      ids.clear();
      tokenizer.encode(texts[row], ids);
      bench::keep(ids.data());
    }
  });
  for (std::int64_t row = 0; row < texts.size(); ++row) {
    ids.clear();
    tokenizer.encode(texts[row], ids);
    ids.push_back(-1);
    for (const std::int32_t id : ids)
      result.digest = result.digest * 1000003u + static_cast<std::uint64_t>(id + 2);
  }
  return result;
}

// ---- both in turns

void measure(Report& report, const std::string& what, const std::filesystem::path& folder,
             const StringColumn& texts, const std::filesystem::path& file, bool with_hugging_face) {
  const Tokenizer tokenizer = load_tokenizer(folder);
  const auto bytes = static_cast<double>(texts.bytes());
  std::vector<double> ours;
  std::vector<double> theirs;
  std::vector<double> ratios;
  std::string version;
  for (int i = 0; i < repetitions; ++i) {
    const Encoding our = encode_with_candist(tokenizer, texts);
    ours.push_back(bytes / our.seconds);
    if (!with_hugging_face) continue;
    const Encoding their = encode_with_hugging_face(file, folder);
    bench::require(our.digest == their.digest, what + ": ids differ");
    version = their.version;
    theirs.push_back(bytes / their.seconds);
    ratios.push_back(ours.back() / theirs.back());
  }
  const std::string shape = "N=" + std::to_string(texts.size()) +
                            " text=" + std::to_string(std::lround(bytes * 1e-6)) +
                            "MB tokens=" + std::to_string(tokenizer.vocabulary().size());
  report.add("candist " + what, shape, ours, "MB/s", 1e-6);
  if (!with_hugging_face) return;
  report.add("tokenizers " + version + " " + what, shape, theirs, "MB/s", 1e-6);
  report.add("candist / tokenizers " + what, shape, ratios, "ratio");
}

void measure_all(Report& report) {
  LabelSpace labels;
  for (const char* name : wordnet_categories) labels.add(name);
  const Texts entries = read_wordnet_nouns("/usr/share/wordnet/data.noun", labels);
  const testing::TemporaryFolder folder;
  const std::filesystem::path file = folder / "texts.txt";
  std::ofstream lines(file, std::ios::binary);
  for (std::int64_t row = 0; row < entries.rows(); ++row) lines << entries.texts[row] << '\n';
  if (!lines.flush()) throw std::runtime_error("no room in the temporary folder");

  bool with_hugging_face =
      bench::program_exists(python()) || python().find('/') != std::string::npos;
  if (with_hugging_face) {
    try {
      bench::run_child({python(), "-c", "import tokenizers"});
    } catch (const std::exception&) {
      with_hugging_face = false;
    }
  }
  if (with_hugging_face) {
    bench::run_child({python(), "-c", train_program, file, folder.path()});
    measure(report, "wordpiece", folder / "wordpiece", entries.texts, file, true);
    measure(report, "byte_pair", folder / "byte_pair", entries.texts, file, true);
  } else {
    const auto small =
        std::filesystem::path(CANDIST_EXAMPLES_DATA) / "../../tests/fixtures/tokenizers";
    measure(report, "wordpiece small", small / "bert_uncased", entries.texts, file, false);
    measure(report, "byte_pair small", small / "roberta", entries.texts, file, false);
    report.note("Skipped: Hugging Face tokenizers (" + python() + " has no such package).");
  }
  const char* more = std::getenv("CANDIST_BENCH_TOKENIZERS");
  std::istringstream folders(more == nullptr ? "" : more);
  for (std::string model; std::getline(folders, model, ':');) {
    const std::string name = std::filesystem::path(model).filename().string();
    measure(report, name, model, entries.texts, file, with_hugging_face);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode == "--ids" || mode == "--ids-bare") return print_ids(argv[2], mode == "--ids-bare");
  Report report("tokenizer", argc, argv);
  return bench::run([&] { measure_all(report); });
}
