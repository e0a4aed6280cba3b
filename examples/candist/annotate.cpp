// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist annotate: texts -> annotations file.

#include <cstdio>

#include "candist/annotators/recorded.hpp"
#include "candist/annotators/simulated.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "options.hpp"
#include "run.hpp"
#include "text_table.hpp"

namespace candist::program {

int annotate(const Arguments& arguments) {
  DataFiles files;
  OutputOptions output;
  std::string kind = "simulated";
  SimulatedAnnotatorOptions simulated;
  po::options_description options("options");
  add_data_options(options, files);
  options.add_options()("annotator", po::value(&kind)->default_value(kind),
                        "recorded (of --candidates) or simulated (from gold)")(
      "coverage", po::value(&simulated.coverage)->default_value(simulated.coverage),
      "simulated: share of sets that hold the gold label")(
      "mean-set-size", po::value(&simulated.mean_set_size)->default_value(simulated.mean_set_size),
      "simulated: mean number of candidates")(
      "seed", po::value(&simulated.seed)->default_value(simulated.seed),
      "simulated: of everything random");
  add_output_options(options, output);
  if (!parse("annotate", "give every text its candidate labels", options, arguments)) return 0;
  if (output.out.empty()) throw InputError("annotate: give the annotations file with --out FILE");
  const std::string candidates = files.candidates;
  files.candidates.clear();
  const Corpus corpus = load_corpus(files);
  simulated.classes = corpus.labels.size();

  Annotations annotations(corpus.labels.size());
  if (kind == SimulatedAnnotator::name) {
    annotations = SimulatedAnnotator(simulated).annotate(corpus.train);
  } else if (kind == RecordedAnnotator::name) {
    if (candidates.empty())
      throw InputError("annotate: the recorded annotator reads --candidates FILE");
    annotations = RecordedAnnotator(candidates, corpus.labels).annotate(corpus.train);
  } else {
    throw InputError("--annotator " + kind + " does not exist; there are: recorded, simulated");
  }
  write_annotations(output.out, corpus.train, corpus.labels, annotations, kind);
  const CandidateStatistics s = candidate_statistics(annotations, corpus.train.labels);
  if (output.json) {
    nlohmann::json result{{"texts", s.rows},
                          {"mean_set_size", s.mean_set_size},
                          {"coverage", nullptr},
                          {"out", output.out}};
    if (s.coverage) result["coverage"] = *s.coverage;
    std::printf("%s\n", result.dump().c_str());
  } else {
    std::printf("%lld texts annotated: coverage %s %%, mean set size %.3f; in %s\n",
                static_cast<long long>(s.rows), percent(s.coverage).c_str(), s.mean_set_size,
                output.out.c_str());
  }
  return 0;
}

}  // namespace candist::program
