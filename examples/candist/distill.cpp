// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist distill: texts + annotations -> trained student, unique labels, metrics.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "candist/config.hpp"
#include "candist/training/progress_bar.hpp"
#include "options.hpp"
#include "run.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

void print_summary(const nlohmann::json& metrics, const std::string& out) {
  const auto share = [&](const char* key) {
    return metrics[key].is_null() ? std::string("-")
                                  : percent(std::optional<double>(metrics[key].get<double>()));
  };
  TextTable table({"", "%"});
  table.add({"teacher's first label, training texts", share("teacher_accuracy")});
  table.add({"gold label among the candidates", share("coverage")});
  table.add({"labels given to the training texts", share("train_accuracy")});
  table.add({"labels given to the test texts", share("test_accuracy")});
  std::fputs(table.text().c_str(), stdout);
  std::printf(
      "%s, %s student, %.1f s; files are in %s\n", metrics["method"].get<std::string>().c_str(),
      metrics["student"].get<std::string>().c_str(), metrics["seconds"].get<double>(), out.c_str());
}

}  // namespace

int distill(const Arguments& arguments) {
  RunSettings settings;
  OutputOptions output;
  bool resume = false;
  std::string config;
  po::options_description options("options");
  add_data_options(options, settings.files);
  add_training_options(options, settings);
  options.add_options()("resume", po::bool_switch(&resume),
                        "go on with the interrupted run in --out");
  options.add_options()("config", po::value(&config)->value_name("FILE"),
                        "run again what a config.json says");
  add_output_options(options, output);
  po::variables_map given;
  if (!parse("distill", "train a student on candidate sets and label the texts", options, arguments,
             &given))
    return 0;

  const std::filesystem::path out = output.out;
  if (output.out.empty()) throw InputError("distill: give the run folder with --out DIR");
  if (resume && config.empty()) config = (out / "config.json").string();
  if (!config.empty()) {
    // The file says everything; naming an option again beside it would leave open which one counts.
    for (const auto& [name, value] : given) {
      const bool beside = name == "out" || name == "config" || name == "resume" || name == "json" ||
                          name == "quiet" || name == "help";
      if (!beside && !value.defaulted()) {
        throw InputError("distill: --" + name + " cannot be given together with " +
                         (resume ? "--resume" : "--config"));
      }
    }
    nlohmann::json saved = read_json(config);
    saved.erase("candist");
    settings = settings_from_json(saved, config);
  }
  settings = resolved(settings);
  for (std::string* file : {&settings.files.data, &settings.files.test, &settings.files.labels,
                            &settings.files.candidates, &settings.files.augmented}) {
    if (!file->empty()) *file = std::filesystem::absolute(*file).lexically_normal().string();
  }
  const Corpus corpus = load_corpus(settings.files);
  check_run(settings, corpus);
  if (corpus.annotation_report.empty_sets > 0) {
    std::fprintf(stderr,
                 "candist: %lld texts have no candidates; they are labelled but not trained on\n",
                 static_cast<long long>(corpus.annotation_report.empty_sets));
  }

  make_folder(out);
  nlohmann::json saved = to_json(settings);
  saved["candist"] = CANDIST_VERSION;
  write_json(out / "config.json", saved);
  const auto mode = resume ? std::ios::app : std::ios::trunc;
  std::ofstream log(out / "log.jsonl", std::ios::out | mode);
  if (!log) throw RunError("cannot write " + (out / "log.jsonl").string());

  const ProgressBar::Output shown =
      output.quiet ? ProgressBar::Output::silent : ProgressBar::Output::shown;
  ProgressBar bar("distill", corpus.train.rows() * *settings.epochs, "texts", shown);
  RunHooks hooks;
  hooks.stop = &stop_requested;
  hooks.checkpoint = out / "checkpoint";
  hooks.resume = resume;
  hooks.model = out / "model";
  std::string note;
  hooks.on_rows = [&](std::int64_t rows) { bar.add(rows, note); };
  hooks.on_epoch = [&](const EpochReport& report) {
    char text[64];
    std::snprintf(text, sizeof text, "epoch %d/%d  loss %.3f", report.epoch + 1, report.epochs,
                  report.loss);
    note = text;
    log << log_line(report).dump() << std::endl;
    if (!log)
      throw RunError("cannot write " + (out / "log.jsonl").string() + ": is the disk full?");
  };
  EncodingCache cache;
  RunResult result;
  try {
    result = run(settings, corpus, cache, hooks);
  } catch (const Interrupted& stopped) {
    bar.finish();
    throw Interrupted(std::string(stopped.what()) +
                      "; the state is saved, go on with: candist distill --resume --out " +
                      output.out);
  }
  bar.finish();

  write_labels(out / "labels.jsonl", corpus.train, corpus.labels, result.train,
               corpus.annotations ? &*corpus.annotations : nullptr);
  if (result.test)
    write_labels(out / "test_labels.jsonl", *corpus.test, corpus.labels, *result.test, nullptr);
  nlohmann::json labels = nlohmann::json::array();
  for (int c = 0; c < corpus.labels.size(); ++c) {
    labels.push_back(
        {{"name", corpus.labels.name(c)}, {"description", corpus.labels.description(c)}});
  }
  write_json(out / "model" / "labels.json", labels);
  write_json(out / "model" / "student.json", {{"student", settings.student}});
  const nlohmann::json metrics = metrics_of(settings, corpus, result);
  write_json(out / "metrics.json", metrics);
  std::error_code ignored;
  std::filesystem::remove_all(out / "checkpoint",
                              ignored);  // the run is whole: there is nothing to go on with

  if (output.json) {
    std::printf("%s\n", metrics.dump().c_str());
  } else {
    print_summary(metrics, output.out);
  }
  return 0;
}

}  // namespace candist::program
