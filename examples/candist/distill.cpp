// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist distill: texts + annotations -> trained student, unique labels, metrics.

#include <cstdio>
#include <filesystem>

#include "candist/training/progress_bar.hpp"
#include "checkpoint.hpp"
#include "input_files.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "run.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

/// What the command line says.
struct Call {
  RunSettings settings;  ///< resolved
  OutputOptions output;
  std::vector<NamedFile> inputs;
  std::vector<std::string> given;
  std::vector<std::string> without_effect;
  nlohmann::json inputs_then;  ///< contents_of() them, when the --config file was written
  double checkpoint_seconds = 30.0;
  bool resume = false;
};

/// False when only the help was asked for.
bool read_call(const Arguments& arguments, Call& call) {
  std::string config;
  po::options_description options("options");
  add_data_options(options, call.settings.files);
  add_training_options(options, call.settings);
  options.add_options()("resume", po::bool_switch(&call.resume),
                        "go on with the interrupted run in --out");
  add_text_option(options, "config", config, "run again what a config.json says", "FILE");
  add_number_option(options, "checkpoint-seconds", call.checkpoint_seconds,
                    "save the state at the end of an epoch when so many have passed; 0: every one");
  add_output_options(options, call.output);
  po::variables_map values;
  if (!parse("distill", "train a student on candidate sets and label the texts", options, arguments,
             &values))
    return false;
  if (call.output.out.empty()) throw InputError("distill: give the run folder with --out DIR");
  if (!(call.checkpoint_seconds >= 0.0))
    throw InputError("--checkpoint-seconds: expected a number >= 0");
  for_each_option(call.settings, [&](const char* key, const auto&, const char*) {
    if (is_given(values, option_of(key).substr(2))) call.given.push_back(key);
  });

  if (call.resume && config.empty()) {
    config = (std::filesystem::path(call.output.out) / "config.json").string();
  } else if (!config.empty()) {
    call.inputs.push_back({"--config", config});
  }
  if (!config.empty()) {
    // The file says everything; naming an option again beside it would leave open which one counts.
    for (const auto& [name, value] : values) {
      const bool beside = name == "out" || name == "config" || name == "resume" || name == "json" ||
                          name == "quiet" || name == "help" || name == "checkpoint-seconds";
      if (!beside && !value.defaulted()) {
        throw InputError("distill: --" + name + " cannot be given together with " +
                         (call.resume ? "--resume" : "--config"));
      }
    }
    nlohmann::json saved = read_json_object(config);
    saved.erase("candist");
    if (saved.contains("inputs")) call.inputs_then = saved["inputs"];
    saved.erase("inputs");
    call.settings = settings_from_json(saved, config);
  }
  call.settings = resolved(call.settings, &call.without_effect);
  make_absolute(call.settings.files);
  for (NamedFile& file : named_files(call.settings.files)) call.inputs.push_back(std::move(file));
  if (!call.settings.pretrained.empty()) {
    for (const std::string& file : model_files())
      call.inputs.push_back(
          {"--pretrained", std::filesystem::path(call.settings.pretrained) / file});
  }
  return true;
}

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
  if (!metrics["valid_accuracy"].is_null()) {
    table.add({"validation texts, last epoch", share("valid_accuracy")});
    table.add({"validation texts, best epoch (" + metrics["best_epoch"].dump() + ")",
               share("best_valid_accuracy")});
    table.add({"test texts at the best epoch", share("test_accuracy_at_best")});
  }
  std::fputs(table.text().c_str(), stdout);
  std::printf(
      "%s, %s student, %.1f s; files are in %s\n", metrics["method"].get<std::string>().c_str(),
      metrics["student"].get<std::string>().c_str(), metrics["seconds"].get<double>(), out.c_str());
}

/// Trains with a progress bar, a log and checkpoints.
RunResult train(const Call& call, const Corpus& corpus, const nlohmann::json& contents,
                const std::filesystem::path& out) {
  const RunSettings& settings = call.settings;
  RunLog log;
  ProgressBar bar("distill", corpus.train.rows() * *settings.epochs, "texts",
                  call.output.quiet ? ProgressBar::Output::silent : ProgressBar::Output::shown);
  RunHooks hooks;
  hooks.model = out / "model";
  hooks.checkpoint = CheckpointPlan{
      out / "checkpoint", fingerprint_of(settings, contents), call.checkpoint_seconds,
      call.resume ? CheckpointPlan::Start::from_checkpoint : CheckpointPlan::Start::anew};
  hooks.warn = [&](const std::string& words) {
    std::fprintf(stderr, "candist: %s\n", words.c_str());
  };
  std::string note;
  hooks.on_start = [&](int epochs, std::int64_t rows) {
    const int kept = log.open(out / "log.jsonl", epochs);
    if (kept < epochs) {
      hooks.warn("log.jsonl had lost lines: it holds " + std::to_string(kept) + " of the first " +
                 std::to_string(epochs) + " epochs");
    }
    bar.add(corpus.train.rows() * epochs + rows);
  };
  hooks.on_rows = [&](std::int64_t rows) { bar.add(rows, note); };
  hooks.on_epoch = [&](const EpochReport& report, const EpochJudgement& judgement) {
    char text[64];
    std::snprintf(text, sizeof text, "epoch %d/%d  loss %.3f", report.epoch + 1, report.epochs,
                  report.loss);
    note = text;
    log.add(report, judgement);
  };
  EncodingCache cache;
  try {
    return run(settings, corpus, cache, hooks);
  } catch (const Interrupted& stopped) {
    bar.finish();
    throw Interrupted(std::string(stopped.what()) +
                      "; the state is saved, go on with: candist distill --resume --out " +
                      call.output.out);
  }
}

void write_results(const Call& call, const Corpus& corpus, const RunResult& result,
                   const nlohmann::json& metrics, const std::filesystem::path& out) {
  write_labels(out / "labels.jsonl", corpus.train, corpus.labels, result.train, Candidates::written,
               corpus.annotations ? &*corpus.annotations : nullptr);
  if (result.test)
    write_labels(out / "test_labels.jsonl", *corpus.test, corpus.labels, *result.test);
  write_model_card(out / "model", call.settings, corpus);
  write_json(out / "metrics.json", metrics);
}

}  // namespace

int distill(const Arguments& arguments) {
  Call call;
  if (!read_call(arguments, call)) return 0;
  survive_closed_pipes();
  const std::filesystem::path out = call.output.out;
  refuse_overwriting("distill", call.inputs, files_of_run(out));
  const Corpus corpus = load_corpus(call.settings.files);
  check_run(call.settings, corpus);
  const nlohmann::json contents = contents_of(call.settings.files);

  make_folder(out);
  if (!call.resume) {
    for (const std::string& note : notes_on(call.settings, corpus, call.given, call.without_effect))
      std::fprintf(stderr, "candist: %s\n", note.c_str());
    remove_old_run(out);
    if (call.inputs_then.is_object() && call.inputs_then != contents) {
      std::fprintf(
          stderr,
          "candist: the inputs are not what they were when the --config file was written\n");
    }
    write_config(out / "config.json", call.settings, contents);
  }
  const RunResult result = train(call, corpus, contents, out);
  const nlohmann::json metrics = metrics_of(call.settings, corpus, result);
  write_results(call, corpus, result, metrics, out);
  remove_checkpoint(out / "checkpoint");  // the run is whole: there is nothing to go on with

  if (call.output.json) {
    std::printf("%s\n", metrics.dump().c_str());
  } else {
    print_summary(metrics, call.output.out);
  }
  return 0;
}

}  // namespace candist::program
