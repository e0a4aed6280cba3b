// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist annotate: texts -> annotations file.

#include <cstdio>
#include <type_traits>
#include <utility>

#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "corpus.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "students.hpp"
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
                  "recorded (of --candidates) or simulated (from gold)");
  add_number_option(options, "coverage", simulated.coverage,
                    "simulated: share of sets that hold the gold label");
  add_number_option(options, "mean-set-size", simulated.mean_set_size,
                    "simulated: mean number of candidates");
  add_number_option(options, "seed", simulated.seed, "simulated: of everything random");
  add_number_option(options, "threads", threads, "no effect: one is enough");
  add_output_options(options, output);
  if (!parse("annotate", "give every text its candidate labels", options, arguments)) return 0;
  thread_count(threads);
  if (output.out.empty()) throw InputError("annotate: give the annotations file with --out FILE");
  refuse_overwriting("annotate", named_files(files), {output.out});
  inputs.candidates = std::exchange(files.candidates, {});
  const Corpus corpus = load_corpus(files);
  simulated.classes = corpus.labels.size();
  inputs.labels = &corpus.labels;

  Annotations annotations(corpus.labels.size());
  if (!with_named<Annotators>(kind, [&]<class A>() {
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
