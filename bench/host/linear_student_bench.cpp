// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The linear student beside fastText, which is what one would take otherwise: the same training and
// test texts, the same kinds of n-grams, one thread each, in turns.
//
// A word is what white space separates in the texts as they are; words/s are words times epochs by
// the time of training alone. For fastText that time is derived from its own figure, which counts
// labels and line ends as words, too (both figures are reported). Its time includes cutting the
// texts into words in every epoch, as it does; ours has the texts encoded before. What remains
// outside on both sides is in the rows "file to model": reading, encoding or dictionary, training,
// saving.
#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "candist/candidates/mask.hpp"
#include "candist/counter_rng.hpp"
#include "candist/data/wordnet.hpp"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/metrics/accuracy.hpp"
#include "candist/optimizers/row_adagrad.hpp"
#include "candist/refineries/keep_prior.hpp"
#include "candist/students/hashed_linear.hpp"
#include "candist/training/distiller.hpp"
#include "child_process.hpp"
#include "harness.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using bench::Report;

namespace {

// ---- what is compared

/// Of both: a common choice for fastText, and what candist takes by itself.
const HashedNgramsOptions ngram_settings[] = {
    {.buckets_log2 = 18, .word_ngrams = 2, .char_min = 3, .char_max = 5}, HashedNgramsOptions{}};
/// The program's defaults for the linear student (examples/candist/run.cpp, `resolved`).
struct Ours {
  static constexpr int epochs = 20;
  static constexpr int batch = 32;
  static constexpr float learning_rate = 0.5f;
};
struct FastText {
  static constexpr int epochs = 25;
  static constexpr int dim = 50;
  static constexpr const char* learning_rate = "0.5";
};
constexpr int repetitions = 3;
/// On sets above this many texts only the first repetition trains to the end (it gives the accuracy
/// and "file to model"); the others take a fifth of the epochs, which is as good for words/s.
constexpr std::int64_t large_set = 20000;

// ---- data

struct Task {
  std::string name;
  LabelSpace labels;
  Texts train;  ///< in random order: fastText takes them as they stand in the file
  Texts test;
};

Texts shuffled(const Texts& texts) {
  Texts result;
  result.source = texts.source;
  for (const std::int64_t row : random_order(texts.rows(), 1, RandomPurpose::data_split, 0)) {
    result.ids.push_back(texts.ids[row]);
    result.texts.push_back(texts.texts[row]);
    result.labels.push_back(texts.labels[static_cast<std::size_t>(row)]);
  }
  return result;
}

std::vector<Task> wordnet_tasks() {
  const std::filesystem::path folder = std::filesystem::path(CANDIST_EXAMPLES_DATA) / "wordnet";
  const WordNetCorpus corpus = read_wordnet_corpus(folder);
  const Texts all = read_wordnet_nouns("/usr/share/wordnet/data.noun", corpus.labels);
  std::unordered_set<std::string> test_ids;
  for (const char* file : {"test.ca_add.jsonl", "test.ca_all.jsonl"}) {
    const StringColumn ids = read_ids(folder / file);
    for (std::int64_t i = 0; i < ids.size(); ++i) test_ids.emplace(ids[i]);
  }
  StringColumn others;
  for (std::int64_t row = 0; row < all.rows(); ++row) {
    if (!test_ids.contains(std::string(all.ids[row]))) others.push_back(all.ids[row]);
  }
  const Texts large = select_by_ids(all, others, "the bench");
  return {{"wordnet annotated entries", corpus.labels, shuffled(corpus.train), corpus.test},
          {"wordnet all other nouns", corpus.labels, shuffled(large), corpus.test}};
}

std::optional<Task> trec_task() {
  const std::filesystem::path folder = std::filesystem::path(CANDIST_SHARED_DATA) / "trec";
  if (!std::filesystem::exists(folder / "train.jsonl")) return std::nullopt;
  Task task;
  task.name = "trec";
  task.labels = read_labels(folder / "labels.json");
  task.train = shuffled(read_texts(folder / "train.jsonl", task.labels, UnknownLabels::reject));
  task.test = read_texts(folder / "test.jsonl", task.labels, UnknownLabels::reject);
  return task;
}

std::int64_t count_words(const Texts& texts) {
  std::int64_t words = 0;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    std::istringstream text{std::string(texts.texts[row])};
    for (std::string word; text >> word;) ++words;
  }
  return words;
}

/// label, separator, text; a line a text.
void write_lines(const std::filesystem::path& path, const Texts& texts, const LabelSpace& labels,
                 const std::string& before, char separator) {
  std::ofstream file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    const int label = texts.labels[static_cast<std::size_t>(row)];
    file << before << labels.name(label) << separator << texts.texts[row] << '\n';
  }
}

// ---- one training each

struct Training {
  double train_seconds = 0.0;
  double all_seconds = 0.0;  ///< from the file to the saved model
  double own_figure = 0.0;   ///< words/s as fastText counts
  double test_accuracy = 0.0;
};

Training train_ours(const Task& task, const HashedNgramsOptions& ngrams,
                    const std::filesystem::path& file, const std::filesystem::path& model,
                    int epochs) {
  Training result;
  HashedLinearOptions options;
  options.classes = task.labels.size();
  options.ngrams = ngrams;
  TrainingOptions training;
  training.epochs = epochs;
  training.batch = Ours::batch;
  training.learning_rate = Ours::learning_rate;
  Distiller distiller(SoftTargetCe{}, KeepPrior{}, HashedLinear(options), RowAdagrad{}, training);
  result.all_seconds = bench::seconds_of([&] {
    LabelSpace labels = task.labels;
    const Texts texts = read_texts(file, labels, UnknownLabels::reject);
    const EncodedTexts encoded = encode_texts(distiller.student(), texts.texts, texts.rows());
    Annotations gold(labels.size());
    for (const std::int32_t label : texts.labels) gold.add({&label, 1});
    const MaskCandidates candidates(gold);
    result.train_seconds = bench::seconds_of([&] { distiller.fit(encoded, candidates); });
    save_student(model, distiller.student());
  });
  const EncodedTexts test = encode_texts(distiller.student(), task.test.texts, task.test.rows());
  result.test_accuracy = accuracy(distiller.predict(test).labels, task.test.labels).value();
  return result;
}

Training train_fast_text(const Task& task, const HashedNgramsOptions& ngrams,
                         const testing::TemporaryFolder& folder, std::int64_t words, int epochs) {
  Training result;
  const auto buckets = std::to_string(std::int64_t{1} << ngrams.buckets_log2);
  const bench::ChildResult run =
      bench::run_child({"fasttext",    "supervised",
                        "-input",      folder / "train.txt",
                        "-output",     folder / "model",  //
                        "-dim",        std::to_string(FastText::dim),
                        "-epoch",      std::to_string(epochs),  //
                        "-lr",         FastText::learning_rate,
                        "-wordNgrams", std::to_string(ngrams.word_ngrams),  //
                        "-minn",       std::to_string(ngrams.char_min),
                        "-maxn",       std::to_string(ngrams.char_max),  //
                        "-bucket",     buckets,
                        "-thread",     "1"});
  result.all_seconds = run.wall_seconds;
  const std::string_view mark = "words/sec/thread:";
  const std::size_t last = run.output.rfind(mark);
  bench::require(last != std::string::npos, "fasttext prints no words/sec/thread:\n" + run.output);
  result.own_figure = std::stod(run.output.substr(last + mark.size()));
  const std::int64_t own_words = words + 2 * task.train.rows();  // a label and a line end each
  result.train_seconds = static_cast<double>(own_words) * epochs / result.own_figure;

  const std::string answers =
      bench::run_child({"fasttext", "predict", folder / "model.bin", folder / "test.txt"}).output;
  std::istringstream lines(answers);
  std::vector<std::int32_t> predicted;
  for (std::string line; std::getline(lines, line);) {
    predicted.push_back(
        task.labels.find(line.substr(std::string("__label__").size())).value_or(-1));
  }
  result.test_accuracy = accuracy(predicted, task.test.labels).value();
  return result;
}

// ---- both in turns

/// The share of the most frequent label: a student that learnt nothing.
double trivial_accuracy(const Task& task) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(task.labels.size()));
  for (const std::int32_t label : task.test.labels) ++counts[static_cast<std::size_t>(label)];
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(task.test.rows());
}

void measure(Report& report, const Task& task, const HashedNgramsOptions& ngrams,
             bool with_fast_text) {
  const testing::TemporaryFolder folder;
  write_lines(folder / "train.tsv", task.train, task.labels, "", '\t');
  write_lines(folder / "train.txt", task.train, task.labels, "__label__", ' ');
  write_lines(folder / "test.txt", task.test, task.labels, "__label__", ' ');
  const std::int64_t words = count_words(task.train);
  const bool large = task.train.rows() > large_set;

  struct Side {
    std::vector<double> words_per_second, own_figures, all_seconds, accuracies;
  };
  Side ours;
  Side theirs;
  std::vector<double> speed_ratios;
  std::vector<double> time_ratios;
  const auto note = [&](Side& side, const Training& training, int epochs, bool whole) {
    side.words_per_second.push_back(static_cast<double>(words) * epochs / training.train_seconds);
    side.own_figures.push_back(training.own_figure);
    if (!whole) return;
    side.all_seconds.push_back(training.all_seconds);
    side.accuracies.push_back(training.test_accuracy);
    bench::require(
        training.test_accuracy > 2 * trivial_accuracy(task) || training.test_accuracy > 0.8,
        task.name + ": test accuracy " + std::to_string(training.test_accuracy));
  };
  for (int i = 0; i < repetitions; ++i) {
    const bool whole = !large || i == 0;
    const int our_epochs = whole ? Ours::epochs : Ours::epochs / 5;
    const int their_epochs = whole ? FastText::epochs : FastText::epochs / 5;
    note(ours, train_ours(task, ngrams, folder / "train.tsv", folder / "model", our_epochs),
         our_epochs, whole);
    if (!with_fast_text) continue;
    note(theirs, train_fast_text(task, ngrams, folder, words, their_epochs), their_epochs, whole);
    speed_ratios.push_back(ours.words_per_second.back() / theirs.words_per_second.back());
    if (whole) time_ratios.push_back(ours.all_seconds.back() / theirs.all_seconds.back());
  }

  const std::string name = task.name + " characters=" + std::to_string(ngrams.char_min) + "-" +
                           std::to_string(ngrams.char_max);
  const auto shape = [&](int epochs, int width) {
    return name + " N=" + std::to_string(task.train.rows()) +
           " C=" + std::to_string(task.labels.size()) + " words=" + std::to_string(words) +
           " epochs=" + std::to_string(epochs) + " width=" + std::to_string(width) + " buckets=2^" +
           std::to_string(ngrams.buckets_log2);
  };
  const std::string our_shape = shape(Ours::epochs, task.labels.size());
  const std::string their_shape = shape(FastText::epochs, FastText::dim);
  report.add("candist training", our_shape, ours.words_per_second, "words/s");
  if (with_fast_text) {
    report.add("fasttext training", their_shape, theirs.words_per_second, "words/s");
    report.add("candist / fasttext training", name, speed_ratios, "ratio");
    report.add("fasttext training as it counts", their_shape, theirs.own_figures, "words/s");
  }
  report.add("candist file to model", our_shape, ours.all_seconds, "s");
  if (with_fast_text) {
    report.add("fasttext file to model", their_shape, theirs.all_seconds, "s");
    report.add("candist / fasttext file to model", name, time_ratios, "ratio");
  }
  report.add("candist test accuracy", our_shape, ours.accuracies, "%", 100.0);
  if (with_fast_text) {
    report.add("fasttext test accuracy", their_shape, theirs.accuracies, "%", 100.0);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Report report("linear_student", argc, argv);
  return bench::run([&] {
    const bool with_fast_text = bench::program_exists("fasttext");
    std::vector<Task> tasks = wordnet_tasks();
    const std::optional<Task> trec = trec_task();
    if (trec) tasks.insert(tasks.begin() + 1, *trec);
    for (const Task& task : tasks) {
      for (const HashedNgramsOptions& ngrams : ngram_settings)
        measure(report, task, ngrams, with_fast_text);
    }
    if (!trec) report.note("Skipped: trec (no folder shared/data/trec beside the repository).");
    if (!with_fast_text) {
      report.note("Skipped: fasttext (no such program; Debian: apt-get install fasttext).");
    }
  });
}
