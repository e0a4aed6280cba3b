// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <utility>

#include "candist/annotators/gold.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/config.hpp"
#include "candist/metrics/calibration.hpp"
#include "input_files.hpp"
#include "run_folder.hpp"
#include "train.hpp"

namespace candist::program {
namespace {

Annotations labels_to_learn(const MethodNames& names, LabelSource source, const Corpus& corpus) {
  if (source == LabelSource::gold)
    return GoldAnnotator(corpus.labels.size()).annotate(corpus.train);
  if (!corpus.annotations) {
    throw InputError("--method " + names.method +
                     " learns from annotations: give --candidates FILE");
  }
  Annotations labels =
      source == LabelSource::single ? corpus.annotations->singles_only() : *corpus.annotations;
  return labels;
}

/// Throws InputError where no row has a label.
void expect_labels(const Annotations& labels, const std::string& method, const Corpus& corpus,
                   const char* where) {
  for (std::int64_t row = 0; row < labels.rows(); ++row) {
    if (!labels.labels(row).empty()) return;
  }
  throw InputError(corpus.train.source, 0, std::string("no text with a candidate label") + where,
                   "annotations that --method " + method + " can learn from");
}

/// The training texts, in order, that a student of these settings is judged by and does not learn
/// from: the same ones for every method and seed.
std::vector<std::int64_t> held_out_rows(const RunSettings& settings, std::int64_t rows) {
  if (!settings.hold_out) return {};
  std::vector<std::int64_t> chosen = random_order(rows, 1, RandomPurpose::data_split, 0);
  chosen.resize(static_cast<std::size_t>(
      std::floor(static_cast<double>(*settings.hold_out) * static_cast<double>(rows))));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

/// The same with no label for these rows.
Annotations without(const Annotations& labels, const std::vector<std::int64_t>& rows) {
  if (rows.empty()) return labels;
  Annotations rest(labels.classes());
  auto next = rows.begin();
  for (std::int64_t row = 0; row < labels.rows(); ++row) {
    if (next != rows.end() && *next == row) {
      rest.add({});
      ++next;
    } else {
      rest.add(labels.labels(row), labels.weights(row), labels.single(row));
    }
  }
  return rest;
}

/// What the student learns from. Throws InputError where that is nothing.
Annotations labels_of_run(const RunSettings& settings, const Corpus& corpus) {
  const MethodNames names = method_names(settings);
  const Annotations all = labels_to_learn(names, learns_from(settings), corpus);
  expect_labels(all, names.method, corpus, "");
  Annotations rest = without(all, held_out_rows(settings, corpus.train.rows()));
  expect_labels(rest, names.method, corpus, " that --hold-out leaves");
  return rest;
}

/// Every file of what a student starts from; a large one is read once, not for every run.
nlohmann::json pretrained_files(const std::string& folder) {
  static std::mutex mutex;
  static std::map<std::string, nlohmann::json> known;
  const std::lock_guard lock(mutex);
  nlohmann::json& content = known[folder];
  if (content.is_null()) {
    content = nlohmann::json::object();
    for (const std::string& name : model_files()) {
      const std::filesystem::path file = std::filesystem::path(folder) / name;
      if (std::filesystem::is_regular_file(file)) content[name] = content_of(file);
    }
  }
  return content;
}

/// "3 of 200 texts (t1, t7, t9)": the rows that `holds` of; empty where there are none.
template <class Holds>
std::string counted(const Texts& texts, Holds&& holds) {
  std::int64_t count = 0;
  std::string names;
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    if (!holds(row)) continue;
    if (++count <= 5) names += (count > 1 ? ", " : "") + shown(texts.ids[row], 40);
  }
  if (count == 0) return {};
  return std::to_string(count) + " of " + std::to_string(texts.rows()) + " texts (" + names +
         (count > 5 ? ", ..." : "") + ")";
}

}  // namespace

nlohmann::json fingerprint_of(const RunSettings& settings, const nlohmann::json& inputs) {
  nlohmann::json decisive = to_json(settings);
  decisive.erase("threads");
  for_each_file(settings.files,
                [&](const char* key, const std::string&, const char*) { decisive.erase(key); });
  if (!settings.pretrained.empty()) decisive["pretrained"] = pretrained_files(settings.pretrained);
  return {{"settings", decisive}, {"inputs", inputs}, {"candist", CANDIST_VERSION}};
}

void check_run(const RunSettings& settings, const Corpus& corpus) {
  labels_of_run(settings, corpus);
  with_named<Students>(settings.student, [&]<class Listed>() {
    if constexpr (requires { Listed::check(settings, corpus); }) Listed::check(settings, corpus);
  });
}

std::vector<std::string> notes_on(const RunSettings& settings, const Corpus& corpus,
                                  const std::vector<std::string>& given,
                                  const std::vector<std::string>& without_effect) {
  std::vector<std::string> notes;
  RunSettings copy = settings;
  const Chosen chosen = choose(copy);
  const std::string& method = chosen.method.name;
  for (const std::string& key : without_effect)
    notes.push_back(option_of(key) + " has no effect on " + method + " with --student " +
                    settings.student);
  if (chosen.method.labels != LabelSource::gold && corpus.annotations) {
    const bool single = chosen.method.labels == LabelSource::single;
    const std::string empty = counted(corpus.train, [&](std::int64_t row) {
      return single ? corpus.annotations->single(row) < 0 : corpus.annotations->labels(row).empty();
    });
    if (!empty.empty())
      notes.push_back(empty + " have no candidates: labelled, but not trained on");
  }
  if (chosen.training.auxiliary.consistency() && !settings.word_dropout) {
    const StringColumn& views = corpus.train.augmented;
    if (views.empty()) {
      if (std::find(given.begin(), given.end(), "consistency") != given.end())
        notes.push_back(
            "--consistency has no effect without second views: give --augmented or --word-dropout");
    } else {
      const std::string missing =
          counted(corpus.train, [&](std::int64_t row) { return views[row].empty(); });
      if (!missing.empty())
        notes.push_back(missing + " have no second view: the consistency terms leave them out");
    }
  }
  if (settings.warmup_epochs && *settings.warmup_epochs >= *settings.epochs) {
    notes.push_back("the warm-up of " + method + " (" + std::to_string(*settings.warmup_epochs) +
                    " epochs) lasts as long as the training (" + std::to_string(*settings.epochs) +
                    "): its refinery never selects; raise --epochs or lower --warmup-epochs");
  }
  if (corpus.valid) {
    const std::string unknown = counted(*corpus.valid, [&](std::int64_t row) {
      return corpus.valid->labels[static_cast<std::size_t>(row)] < 0;
    });
    if (!unknown.empty()) notes.push_back(unknown + " of --valid have no label: they do not count");
  }
  return notes;
}

RunResult run(const RunSettings& settings, const Corpus& corpus, EncodingCache& cache,
              const RunHooks& hooks) {
  RunSettings copy = settings;
  Chosen chosen = choose(copy);
  Annotations annotations = labels_of_run(settings, corpus);
  std::vector<std::int64_t> held_out = held_out_rows(settings, corpus.train.rows());
  return train(
      settings,
      {std::move(chosen), std::move(annotations), std::move(held_out), settings.word_dropout,
       settings.keep == "best" ? PreparedRun::Keep::best : PreparedRun::Keep::last},
      corpus, cache, hooks);
}

nlohmann::json metrics_of(const RunSettings& settings, const Corpus& corpus,
                          const RunResult& result) {
  const auto figure = [](const std::optional<double>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
  };
  const MethodNames names = method_names(settings);
  nlohmann::json m;
  m["train_accuracy"] = figure(accuracy(result.train.labels, corpus.train.labels));
  m["test_accuracy"] = nullptr;
  const Predictions& judged = result.test ? *result.test : result.train;
  const std::vector<std::int32_t>& gold = result.test ? corpus.test->labels : corpus.train.labels;
  if (result.test) m["test_accuracy"] = figure(accuracy(result.test->labels, corpus.test->labels));
  m["macro_f1"] = figure(macro_f1(judged.labels, gold, corpus.labels.size()));
  m["ece"] = figure(expected_calibration_error(judged, gold));
  m["valid_accuracy"] = figure(result.valid_accuracy);
  m["covering_rate"] = figure(result.held_out.covering_rate());
  m["approximated_accuracy"] = figure(result.held_out.approximated_accuracy());
  for (const char* key : {"best_epoch", "best_valid_accuracy"}) m[key] = nullptr;
  if (result.best.epoch > 0) {
    m["best_epoch"] = result.best.epoch;
    m["best_valid_accuracy"] = result.best.valid_accuracy;
  }
  m["test_accuracy_at_best"] = figure(result.best.test_accuracy);
  m["train_accuracy_at_best"] = figure(result.best.train_accuracy);
  for (const char* key :
       {"coverage", "mean_set_size", "beta_coverage", "candidate_f1", "teacher_accuracy"})
    m[key] = nullptr;
  if (corpus.annotations) {
    const CandidateStatistics statistics =
        candidate_statistics(*corpus.annotations, corpus.train.labels);
    m["coverage"] = figure(statistics.coverage);
    m["mean_set_size"] = statistics.mean_set_size;
    m["beta_coverage"] = statistics.beta_coverage;
    m["candidate_f1"] = figure(statistics.f1);
    m["teacher_accuracy"] = figure(statistics.single_accuracy);
  }
  const double seconds = std::max(result.seconds, 1e-9);
  m["seconds"] = result.seconds;
  m["samples_per_second"] = static_cast<double>(result.samples) / seconds;
  m["tokens_per_second"] = static_cast<double>(result.tokens) / seconds;
  m["seed"] = settings.seed;
  m["method"] = names.method;
  m["loss"] = names.loss;
  m["refinery"] = names.refinery;
  m["student"] = settings.student;
  m["candidate_set"] = settings.candidate_set;
  return m;
}

}  // namespace candist::program
