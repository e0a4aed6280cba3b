// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist demo: the main job on dictionary entries with recorded annotations of a large language
// model.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "candist/candidates/statistics.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/wordnet.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "study.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// The folder examples/data: named by CANDIST_DATA, installed beside the program, or that of the
/// source tree.
fs::path data_folder() {
  std::vector<fs::path> places;
  if (const char* named = std::getenv("CANDIST_DATA")) places.emplace_back(named);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) places.push_back(program.parent_path().parent_path() / "share/candist/data");
  places.emplace_back(CANDIST_EXAMPLES_DATA);
  for (const fs::path& place : places) {
    if (fs::exists(place / "wordnet" / "labels.json")) return place;
  }
  throw InputError(places.back().string(), 0, "no wordnet/labels.json",
                   "candist's example data; name the folder with CANDIST_DATA");
}

/// Texts as the JSON Lines that `candist distill` reads.
void write_texts(const fs::path& path, const Texts& texts, const LabelSpace& labels) {
  AtomicFile file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    nlohmann::ordered_json line;
    line["id"] = std::string(texts.ids[row]);
    line["text"] = std::string(texts.texts[row]);
    line["label"] = labels.name(texts.labels[static_cast<std::size_t>(row)]);
    file.write(line.dump() + "\n");
  }
  file.commit();
}

/// One line of the demo's table.
struct Entry {
  std::string annotations;
  std::string method;
  std::vector<double> train;
  std::vector<double> test;
};

/// Says what the figures show, whatever they show: CanDist against the better of distillation and
/// average on test texts, judged by the spread over seeds.
std::string verdict(const std::vector<Entry>& entries, const std::string& annotations) {
  std::map<std::string, Summary> test;
  for (const Entry& entry : entries) {
    if (entry.annotations == annotations) test[entry.method] = summarize(entry.test);
  }
  const Summary candist = test["candist"];
  const std::string rival =
      test["average"].mean > test["distillation"].mean ? "average" : "distillation";
  const double gain = 100.0 * (candist.mean - test[rival].mean);
  const double noise = 100.0 * std::max(candist.deviation, test[rival].deviation);
  char text[256];
  std::snprintf(
      text, sizeof text,
      "%s: CanDist labels unseen texts %.1f points %s than %s, %s the spread over seeds (%.1f)",
      annotations.c_str(), std::abs(gain), gain >= 0 ? "better" : "worse", rival.c_str(),
      std::abs(gain) > noise ? "more than" : "within", noise);
  return text;
}

}  // namespace

int demo(const Arguments& arguments) {
  OutputOptions output;
  int threads = 0;
  int seeds = 3;
  std::string nouns = "/usr/share/wordnet/data.noun";
  RunSettings common;
  po::options_description options("options");
  add_output_options(options, output, "candist-demo");
  options.add_options()("seeds", po::value(&seeds)->default_value(seeds),
                        "runs of each line of the table")("epochs", optional_value(common.epochs),
                                                          "of each run; default: the student's")(
      "threads", po::value(&threads)->default_value(0),
      "0 = all cores; results do not depend on it")(
      "wordnet", po::value(&nouns)->default_value(nouns),
      "WordNet's data.noun (Debian package wordnet-base)");
  if (!parse("demo",
             "teacher, distillation, average, PRODEN, CanDist and the gold ceiling, compared",
             options, arguments))
    return 0;
  if (seeds < 1)
    throw InputError("--seeds: found " + std::to_string(seeds) + ", expected at least 1");

  const fs::path folder = data_folder() / "wordnet";
  const WordNetCorpus wordnet = read_wordnet_corpus(folder, nouns);
  const fs::path out = output.out;
  make_folder(out);
  write_texts(out / "train.jsonl", wordnet.train, wordnet.labels);
  write_texts(out / "test.jsonl", wordnet.test, wordnet.labels);
  for (const char* file :
       {"labels.json", "train.ca_add.jsonl", "train.ca_all.jsonl", "train.augmented.jsonl"}) {
    fs::copy_file(folder / file, out / file, fs::copy_options::overwrite_existing);
  }

  const char* const prompts[] = {"ca_add", "ca_all"};
  SharedCorpus shared[2];
  std::vector<Entry> entries;
  std::vector<StudyRun> runs;
  std::vector<std::size_t> entry_of;
  const auto plan = [&](SharedCorpus& data, const std::string& annotations, const char* method) {
    entries.push_back({annotations, method, {}, {}});
    for (int seed = 1; seed <= seeds; ++seed) {
      RunSettings settings = common;
      settings.method = method;
      settings.seed = static_cast<std::uint64_t>(seed);
      runs.push_back({resolved(settings), &data});
      entry_of.push_back(entries.size() - 1);
    }
  };
  for (int p = 0; p < 2; ++p) {
    Corpus& corpus = shared[p].corpus;
    corpus.labels = wordnet.labels;
    corpus.train = wordnet.train;
    corpus.test = wordnet.test;
    corpus.annotations = read_annotations(out / ("train." + std::string(prompts[p]) + ".jsonl"),
                                          corpus.train, corpus.labels);
    const CandidateStatistics s = candidate_statistics(*corpus.annotations, corpus.train.labels);
    entries.push_back({prompts[p], "teacher's first label", {*s.single_accuracy}, {}});
    for (const char* method : {"distillation", "average", "proden", "candist"})
      plan(shared[p], prompts[p], method);
  }
  plan(shared[1], "gold", "supervised");

  std::fprintf(
      stderr,
      "candist demo: %lld dictionary entries, 25 noun categories, %lld test entries; %zu runs\n",
      static_cast<long long>(wordnet.train.rows()), static_cast<long long>(wordnet.test.rows()),
      runs.size());
  const int cores = std::max(1, threads > 0 ? threads : runs.front().settings.threads);
  std::vector<nlohmann::json> metrics(runs.size());
  run_study(runs, cores, "demo", output.quiet, stop_requested,
            [&](std::size_t i, const nlohmann::json& m) { metrics[i] = m; });
  nlohmann::json lines = nlohmann::json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {  // in the order planned, whoever finished first
    Entry& entry = entries[entry_of[i]];
    entry.train.push_back(metrics[i]["train_accuracy"].get<double>());
    entry.test.push_back(metrics[i]["test_accuracy"].get<double>());
  }

  TextTable table({"annotations", "method", "training texts, %", "test texts, %"});
  for (const Entry& entry : entries) {
    table.add({entry.annotations, entry.method, mean_and_spread(entry.train),
               mean_and_spread(entry.test)});
    lines.push_back({{"annotations", entry.annotations},
                     {"method", entry.method},
                     {"train_accuracy", entry.train},
                     {"test_accuracy", entry.test}});
  }
  const std::string verdicts = verdict(entries, "ca_add") + "; " + verdict(entries, "ca_all") + ".";
  const nlohmann::json result{
      {"lines", lines}, {"verdict", verdicts}, {"seeds", seeds}, {"out", output.out}};
  write_json(out / "results.json", result);
  AtomicFile report(out / "table.txt");
  report.write(table.text() + "\n" + verdicts + "\n");
  report.commit();
  if (output.json) {
    std::printf("%s\n", result.dump().c_str());
    return 0;
  }
  std::printf(
      "\nShare of right labels: mean ± standard deviation of %d seeds, linear "
      "student\n\n%s\n%s\n\n",
      seeds, table.text().c_str(), verdicts.c_str());
  std::printf(
      "Texts, annotations and results are in %s; go on with:\n"
      "  candist distill --data %s/train.jsonl --candidates %s/train.ca_all.jsonl --labels "
      "%s/labels.json \\\n"
      "    --test %s/test.jsonl --augmented %s/train.augmented.jsonl --out my-run\n",
      output.out.c_str(), output.out.c_str(), output.out.c_str(), output.out.c_str(),
      output.out.c_str(), output.out.c_str());
  return 0;
}

}  // namespace candist::program
