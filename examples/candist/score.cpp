// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist score: the quality of an annotations file against gold labels.

#include <cstdio>

#include "candist/candidates/statistics.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {

int score(const Arguments& arguments) {
  DataFiles files;
  OutputOptions output;
  po::options_description options("options");
  Unused unused;
  add_data_options(options, files, {"valid"});
  add_unused_options(options, unused);
  add_output_options(options, output);
  if (!parse("score", "coverage, set sizes and accuracy of annotations", options, arguments))
    return 0;
  if (files.candidates.empty())
    throw InputError("score: give the annotations with --candidates FILE");
  thread_count(unused.threads);
  if (!output.out.empty()) refuse_overwriting("score", named_files(files), {output.out});

  const Corpus corpus = load_corpus(files);
  const CandidateStatistics s = candidate_statistics(*corpus.annotations, corpus.train.labels);
  const auto figure = [](const std::optional<double>& v) {
    return v ? nlohmann::json(*v) : nlohmann::json(nullptr);
  };
  if (output.json || !output.out.empty()) {
    nlohmann::json result{{"texts", s.rows},
                          {"texts_with_gold", s.gold_rows},
                          {"coverage", figure(s.coverage)},
                          {"mean_set_size", s.mean_set_size},
                          {"beta_coverage", s.beta_coverage},
                          {"candidate_f1", figure(s.f1)},
                          {"teacher_accuracy", figure(s.single_accuracy)},
                          {"empty_sets", s.empty_sets},
                          {"set_sizes", s.size_histogram}};
    auto& classes = result["classes"] = nlohmann::json::array();
    for (int c = 0; c < corpus.labels.size(); ++c) {
      const auto& k = s.per_class[static_cast<std::size_t>(c)];
      classes.push_back({{"label", corpus.labels.name(c)},
                         {"support", k.support},
                         {"coverage", figure(k.coverage)},
                         {"precision", figure(k.precision)}});
    }
    if (!output.out.empty()) write_json(output.out, result);
    if (output.json) {
      std::fprintf(words_beside(output.out), "%s\n", result.dump().c_str());
      return 0;
    }
  }
  TextTable table({"", "value"});
  char text[32];
  const auto number = [&](double value) {
    std::snprintf(text, sizeof text, "%.3f", value);
    return std::string(text);
  };
  table.add({"texts", std::to_string(s.rows)});
  table.add({"texts with a gold label", std::to_string(s.gold_rows)});
  table.add({"empty sets", std::to_string(s.empty_sets)});
  table.add({"mean set size", number(s.mean_set_size)});
  table.add({"coverage 1-alpha, %", percent(s.coverage)});
  table.add({"beta coverage, %", percent(std::optional<double>(s.beta_coverage))});
  table.add({"F1, %", percent(s.f1)});
  table.add({"accuracy of the first label, %", percent(s.single_accuracy)});
  std::fputs((table.text() + "\n").c_str(), words_beside(output.out));
  TextTable classes({"class", "texts", "coverage %", "precision %"});
  for (int c = 0; c < corpus.labels.size(); ++c) {
    const auto& k = s.per_class[static_cast<std::size_t>(c)];
    classes.add({std::string(corpus.labels.name(c)), std::to_string(k.support), percent(k.coverage),
                 percent(k.precision)});
  }
  std::fputs(classes.text().c_str(), words_beside(output.out));
  return 0;
}

}  // namespace candist::program
