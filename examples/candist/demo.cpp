// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist demo: the main job on dictionary entries with recorded annotations of a large language
// model.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "candist/candidates/statistics.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/wordnet.hpp"
#include "input_files.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "students.hpp"
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

constexpr const char* teacher = "teacher's first label";

/// One line of the demo's table.
struct Entry {
  std::string annotations;
  std::string method;
  std::vector<double> train;
  std::vector<double> test;
};

/// Its name among the study's compositions.
std::string composition_of(const Entry& entry) { return entry.method + ", " + entry.annotations; }

/// The part of the study that one verdict is about: the compositions of a prompt, compared with
/// CanDist, which was named beforehand; and the teacher's first labels as one more, each seed the same.
Study part_of(const Study& study, const std::string& annotations, const char* with_teacher) {
  Study part = study;
  part.reference = composition_of({annotations, "candist", {}, {}});
  std::erase_if(part.compositions, [&](const StudiedComposition& composition) {
    return !composition.name.ends_with(", " + annotations);
  });
  if (with_teacher == nullptr) return part;
  StudiedComposition first = part.compositions.front();
  first.name = with_teacher;
  for (FinishedRun& run : first.runs) {
    for (std::int64_t row = 0; row < first.teacher->rows(); ++row)
      run.train.labels[static_cast<std::size_t>(row)] = first.teacher->single(row);
  }
  part.compositions.push_back(std::move(first));
  return part;
}

/// "1.3 points better than average, more than chance": CanDist beside another, as a comparison with
/// it as the reference found.
std::string in_words(const Comparison& comparison, const std::string& composition,
                     const std::string& rival) {
  const ComparedComposition& line = *line_of(comparison, composition);
  char text[240];
  const double points = -100.0 * *line.difference;
  if (line.standing == ComparedComposition::Standing::unclear) {
    std::snprintf(
        text, sizeof text,
        "not clearly better or worse than %s (%+.1f points, p over seeds %s, over texts %s)",
        rival.c_str(), points, p_value(line.p_seeds).c_str(), p_value(line.p_texts).c_str());
  } else {
    std::snprintf(text, sizeof text, "%.1f points %s than %s (p over seeds %s, over texts %s)",
                  std::abs(points), points > 0.0 ? "better" : "worse", rival.c_str(),
                  p_value(line.p_seeds).c_str(), p_value(line.p_texts).c_str());
  }
  return text;
}

/// Says what the figures show, whatever they show: CanDist on test texts against the better of
/// distillation and average, and on the training texts against the teacher's first label.
std::string verdict(const Study& study, const std::string& annotations) {
  const auto test = compare(part_of(study, annotations, nullptr), Judged::test_texts);
  const auto train = compare(part_of(study, annotations, teacher), Judged::training_texts);
  const auto name = [&](const char* method) {
    return composition_of({annotations, method, {}, {}});
  };
  const auto mean = [&](const char* method) { return line_of(test, name(method))->accuracy.mean; };
  const char* rival = mean("average") > mean("distillation") ? "average" : "distillation";
  return annotations + ": CanDist's labels of unseen texts are " +
         in_words(*test, name(rival), rival) + "; its labels of the training texts are " +
         in_words(*train, teacher, "the " + std::string(teacher));
}

}  // namespace

int demo(const Arguments& arguments) {
  OutputOptions output;
  int threads = 0;
  std::optional<int> given_seeds;
  std::uint64_t first_seed = 1;
  std::string nouns = "/usr/share/wordnet/data.noun";
  RunSettings common;
  po::options_description options("options");
  add_output_options(options, output, "candist-demo");
  add_number_option(options, "seeds", given_seeds,
                    "runs of each line of the table; default: 3, or 2 with --pretrained");
  add_number_option(options, "seed", first_seed, "the first of the seeds");
  add_number_option(options, "epochs", common.epochs, help_of("epochs", "of each run; default:"));
  add_number_option(options, "threads", threads, "0 = all cores; results do not depend on it");
  add_text_option(
      options, "pretrained", common.pretrained,
      "folder of a Hugging Face model: a transformer that starts from it instead of the "
      "linear student, 3 epochs, on the annotations of one prompt (12 minutes on 2 cores)",
      "DIR");
  add_text_option(options, "wordnet", nouns, "WordNet's data.noun (Debian package wordnet-base)",
                  "FILE");
  if (!parse("demo",
             "teacher, distillation, average, PRODEN, CanDist and the gold ceiling, compared",
             options, arguments))
    return 0;
  const bool pretrained = !common.pretrained.empty();
  if (pretrained) {
    common.student = TransformerStudent::name;
    if (!common.epochs) common.epochs = 3;
  }
  const int seeds = given_seeds.value_or(pretrained ? 2 : 3);
  if (seeds < 1 || seeds > 1000) {
    throw InputError("--seeds: found " + std::to_string(seeds) +
                     ", expected a whole number from 1 to 1000");
  }
  threads = thread_count(threads);
  common = resolved(common);
  survive_closed_pipes();

  const fs::path folder = data_folder() / "wordnet";
  const fs::path out = output.out;
  const std::vector<const char*> copied{"labels.json", "train.ca_add.jsonl", "train.ca_all.jsonl",
                                        "train.augmented.jsonl"};
  std::vector<NamedFile> inputs{{"--wordnet", nouns}};
  std::vector<fs::path> outputs;
  for (const char* file : copied) inputs.push_back({"CANDIST_DATA", folder / file});
  for (const char* file : {"train.jsonl", "test.jsonl", "results.json", "table.txt"})
    outputs.push_back(out / file);
  for (const char* file : copied) outputs.push_back(out / file);
  refuse_overwriting("demo", inputs, outputs);
  const WordNetCorpus wordnet = read_wordnet_corpus(folder, nouns);
  if (pretrained) {
    Corpus labelled;
    labelled.labels = wordnet.labels;
    TransformerStudent::check(common, labelled);
  }
  make_folder(out);
  std::error_code ignored;
  for (const fs::path& output_file : outputs) fs::remove(output_file, ignored);
  write_texts(out / "train.jsonl", wordnet.train, wordnet.labels);
  write_texts(out / "test.jsonl", wordnet.test, wordnet.labels);
  for (const char* file : copied) fs::copy_file(folder / file, out / file);

  // Fine-tuning takes its time: one prompt shows it.
  const std::vector<const char*> prompts =
      pretrained ? std::vector{"ca_all"} : std::vector{"ca_add", "ca_all"};
  SharedCorpus shared[2];
  std::vector<Entry> entries;
  std::vector<ProgramRun> runs;
  const auto plan = [&](SharedCorpus& data, const std::string& annotations, const char* method) {
    entries.push_back({annotations, method, {}, {}});
    for (int seed = 0; seed < seeds; ++seed) {
      RunSettings settings;
      settings.files = data.files;
      settings.student = common.student;
      settings.pretrained = common.pretrained;
      settings.epochs = common.epochs;
      settings.method = method;
      settings.seed = first_seed + static_cast<std::uint64_t>(seed);
      runs.push_back({resolved(settings), &data, composition_of(entries.back()),
                      std::to_string(settings.seed)});
    }
  };
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    const std::string annotations = "train." + std::string(prompts[p]) + ".jsonl";
    DataFiles& files = shared[p].files;
    files.data = out / "train.jsonl";
    files.test = out / "test.jsonl";
    files.labels = out / "labels.json";
    files.augmented = out / "train.augmented.jsonl";
    files.candidates = out / annotations;
    make_absolute(files);
    shared[p].inputs = contents_of(files);
    shared[p].teacher_name = prompts[p];
    shared[p].cache = shared[0].cache;
    Corpus& corpus = shared[p].corpus;
    corpus.labels = wordnet.labels;
    corpus.train = wordnet.train;
    corpus.test = wordnet.test;
    corpus.annotations = read_annotations(out / annotations, corpus.train, corpus.labels);
    const CandidateStatistics s = candidate_statistics(*corpus.annotations, corpus.train.labels);
    entries.push_back({prompts[p], teacher, {*s.single_accuracy}, {}});
    for (const char* method : {"distillation", "average", "proden", "candist"})
      plan(shared[p], prompts[p], method);
  }
  plan(shared[prompts.size() - 1], "gold", "supervised");

  if (!output.quiet) {
    std::fprintf(
        stderr,
        "candist demo: %lld dictionary entries, 25 noun categories, %lld test entries; %zu runs\n",
        static_cast<long long>(wordnet.train.rows()), static_cast<long long>(wordnet.test.rows()),
        runs.size());
  }
  Study study;
  study.title = "candist demo: WordNet's categories of nouns";
  study.command = "candist demo";
  for (const std::string& argument : arguments) study.command += " " + shell_word(argument);
  study.made_by = program_version();
  study.labels = &shared[0].corpus.labels;
  study.train = &shared[0].corpus.train;
  study.test = &*shared[0].corpus.test;
  StudyCall call;
  call.out = out / "study";
  call.progress_title = "demo";
  call.parallel = threads;
  call.memory = 0.8 * available_memory();
  if (output.quiet) call.progress = ProgressBar::Output::silent;
  const StudyOutcome outcome = run_and_report(std::move(study), runs, call);
  if (!outcome.failures.empty()) throw RunError("demo: a run failed: " + outcome.failures.front());
  const StudyFindings findings(outcome.study);
  nlohmann::json lines = nlohmann::json::array();
  for (Entry& entry : entries) {
    if (entry.method == teacher) continue;
    entry.train = line_of(findings.train, composition_of(entry))->accuracies;
    entry.test = line_of(findings.test, composition_of(entry))->accuracies;
  }

  TextTable table({"annotations", "method", "training texts, %", "test texts, %"});
  for (const Entry& entry : entries) {
    table.add({entry.annotations, entry.method, mean_and_spread(summarize(entry.train)),
               mean_and_spread(summarize(entry.test))});
    lines.push_back({{"annotations", entry.annotations},
                     {"method", entry.method},
                     {"train_accuracy", entry.train},
                     {"test_accuracy", entry.test}});
  }
  std::string verdicts;
  for (const char* prompt : prompts)
    verdicts += (verdicts.empty() ? "" : "\n") + verdict(outcome.study, prompt) + ".";
  if (seeds < 2) verdicts = "No verdict: one seed shows no spread; give --seeds 3 or more.";
  const nlohmann::json result{
      {"lines", lines}, {"verdict", verdicts}, {"seeds", seeds}, {"out", shown(output.out, 4096)}};
  write_json(out / "results.json", result);
  AtomicFile report(out / "table.txt");
  report.write(table.text() + "\n" + verdicts + "\n");
  report.commit();
  if (output.json) {
    std::printf("%s\n", result.dump().c_str());
    return 0;
  }
  std::printf(
      "\nShare of right labels: mean ± standard deviation of %d seeds, %s student\n\n%s\n%s\n",
      seeds, common.student.c_str(), table.text().c_str(), verdicts.c_str());
  if (output.quiet) return 0;
  std::printf(
      "\nTexts, annotations and results are in %s; study/report.html there shows more. Go on "
      "with:\n"
      "  candist distill --data %s/train.jsonl --candidates %s/train.ca_all.jsonl --labels "
      "%s/labels.json \\\n"
      "    --test %s/test.jsonl --augmented %s/train.augmented.jsonl --out my-run\n",
      output.out.c_str(), output.out.c_str(), output.out.c_str(), output.out.c_str(),
      output.out.c_str(), output.out.c_str());
  return 0;
}

}  // namespace candist::program
