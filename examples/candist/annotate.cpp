// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist annotate: texts -> annotations file.

#include <cstdio>
#include <filesystem>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "corpus.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "students.hpp"
#include "teacher.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

/// What annotators are made from.
struct AnnotatorInputs {
  std::string candidates;
  const LabelSpace* labels = nullptr;
  SimulatedAnnotatorOptions simulated;
};

// One function an annotator of the list.
RecordedAnnotator make(std::type_identity<RecordedAnnotator>, const AnnotatorInputs& inputs) {
  if (inputs.candidates.empty())
    throw InputError("annotate: the recorded annotator reads --candidates FILE");
  return {inputs.candidates, *inputs.labels};
}
SimulatedAnnotator make(std::type_identity<SimulatedAnnotator>, const AnnotatorInputs& inputs) {
  return SimulatedAnnotator(inputs.simulated);
}

}  // namespace

int annotate(const Arguments& arguments) {
  DataFiles files;
  OutputOptions output;
  std::string kind = SimulatedAnnotator::name;
  AnnotatorInputs inputs;
  SimulatedAnnotatorOptions& simulated = inputs.simulated;
  int threads = 0;
  po::options_description options("options");
  add_data_options(options, files, {"valid"});
  add_text_option(options, "annotator", kind,
                  "recorded (of --candidates), simulated (from gold) or openai (a language model "
                  "behind an OpenAI-compatible endpoint)");
  add_number_option(options, "coverage", simulated.coverage,
                    "simulated: share of sets that hold the gold label");
  add_number_option(options, "mean-set-size", simulated.mean_set_size,
                    "simulated: mean number of candidates");
  add_number_option(options, "seed", simulated.seed, "of everything random");
  add_number_option(options, "threads", threads, "openai: of --embedder; 0 = all cores");
  add_output_options(options, output);
#if CANDIST_CURL_FOUND
  TeacherSettings teacher;
  add_teacher_options(options, teacher);
#endif
  po::variables_map given;
  if (!parse("annotate", "give every text its candidate labels", options, arguments, &given))
    return 0;
  threads = thread_count(threads);
  std::vector<std::filesystem::path> outputs;
  if (!output.out.empty()) outputs.push_back(output.out);
  std::vector<NamedFile> read = named_files(files);
  inputs.candidates = std::exchange(files.candidates, {});
#if CANDIST_CURL_FOUND
  if (kind == LanguageModel::name) {
    check_files(teacher, output, read, outputs);
    refuse_overwriting("annotate", read, outputs);
    return ask_teacher(teacher, given, load_corpus(files), inputs.candidates, output,
                       simulated.seed, threads);
  }
  refuse_teacher_options(given, kind);
#else
  if (kind == LanguageModel::name)
    throw InputError("annotate: this program was built without libcurl, which openai needs");
#endif
  if (output.out.empty()) throw InputError("annotate: give the annotations file with --out FILE");
  refuse_overwriting("annotate", read, outputs);
  const Corpus corpus = load_corpus(files);
  simulated.classes = corpus.labels.size();
  inputs.labels = &corpus.labels;

  Annotations annotations(corpus.labels.size());
  if (!with_named<Annotators>(kind, [&]<class A>() {
        if constexpr (!std::is_same_v<A, LanguageModel>)
          annotations = make(std::type_identity<A>{}, inputs).annotate(corpus.train);
      })) {
    throw InputError("--annotator " + shown(kind) +
                     " does not exist; there are: " + names_of<Annotators>());
  }
  write_annotations(output.out, corpus.train, corpus.labels, annotations, kind);
  const CandidateStatistics s = candidate_statistics(annotations, corpus.train.labels);
  if (output.json) {
    nlohmann::json result{{"texts", s.rows},
                          {"mean_set_size", s.mean_set_size},
                          {"coverage", nullptr},
                          {"out", shown(output.out, 4096)}};
    if (s.coverage) result["coverage"] = *s.coverage;
    std::fprintf(words_beside(output.out), "%s\n", result.dump().c_str());
  } else {
    std::fprintf(words_beside(output.out),
                 "%lld texts annotated: coverage %s %%, mean set size %.3f; in %s\n",
                 static_cast<long long>(s.rows), percent(s.coverage).c_str(), s.mean_set_size,
                 output.out.c_str());
  }
  return 0;
}

}  // namespace candist::program
