// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <algorithm>
#include <initializer_list>
#include <thread>
#include <utility>

#include "candist/candidates/statistics.hpp"
#include "candist/metrics/calibration.hpp"
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"
#include "train.hpp"

namespace candist::program {
namespace {

NamedMethod chosen_method(const RunSettings& settings) {
  if (settings.loss.empty() != settings.refinery.empty()) {
    throw InputError("--loss and --refinery go together: give both, or --method alone");
  }
  if (settings.loss.empty()) {
    if (auto method = find_method(settings.method)) return *std::move(method);
    throw InputError("--method " + settings.method +
                     " does not exist; there are: " + names_of<AllMethods>());
  }
  NamedMethod method;
  method.name = settings.loss + "+" + settings.refinery;
  method.loss = settings.loss;
  method.refinery = settings.refinery;
  const auto loss = find_loss(settings.loss);
  if (!loss)
    throw InputError("--loss " + settings.loss +
                     " does not exist; there are: " + names_of<AllLosses>());
  const auto refinery = find_refinery(settings.refinery);
  if (!refinery) {
    throw InputError("--refinery " + settings.refinery +
                     " does not exist; there are: " + names_of<AllRefineries>());
  }
  method.loss_policy = *loss;
  method.refinery_policy = *refinery;
  return method;
}

/// Sets `target` to the value of that name; leaves it alone where no name is given.
template <class Value>
void choose(Value& target, const std::string& name, const char* option,
            std::initializer_list<std::pair<const char*, Value>> values) {
  if (name.empty()) return;
  std::string known;
  for (const auto& [known_name, value] : values) {
    if (name == known_name) {
      target = value;
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(known_name);
  }
  throw InputError(std::string(option) + " " + name + " does not exist; there are: " + known);
}

void choose_refresh(Refresh& when, const std::string& name) {
  choose(when, name, "--refresh",
         {{"same_forward", Refresh::same_forward},
          {"before_loss", Refresh::before_loss},
          {"after_step", Refresh::after_step}});
}

/// Puts the options of refineries where the refinery has them; names are checked in any case.
void apply_refinery_options(const RunSettings& settings, AnyRefinery& any) {
  DistributionRefineryOptions options;
  auto* distribution = std::get_if<DistributionRefinery>(&any.refinery);
  if (distribution != nullptr) options = distribution->options();
  using Options = DistributionRefineryOptions;
  choose_refresh(options.when, settings.refresh);
  choose(options.predictions, settings.predictions, "--predictions",
         {{"evaluation_pass", PredictionSource::evaluation_pass},
          {"last_visit", PredictionSource::last_visit}});
  choose(options.selection_loss, settings.selection_loss, "--selection-loss",
         {{"renormalised", Options::SelectionLoss::renormalised},
          {"stored", Options::SelectionLoss::stored}});
  choose(
      options.rounding, settings.rounding, "--rounding",
      {{"up_at_least_one", Options::Rounding::up_at_least_one}, {"down", Options::Rounding::down}});
  options.warm_up_epochs = settings.warmup_epochs.value_or(options.warm_up_epochs);
  options.delta = settings.delta.value_or(options.delta);
  options.gamma = settings.gamma.value_or(options.gamma);
  options.tau = settings.tau.value_or(options.tau);
  if (distribution != nullptr) any.refinery = DistributionRefinery(options);

  if (auto* renormalised = std::get_if<RenormalisedPrediction>(&any.refinery))
    choose_refresh(renormalised->when, settings.refresh);
  if (!settings.warmup_epochs) return;
  if (std::holds_alternative<ProgressivePurification>(any.refinery))
    any.refinery = ProgressivePurification({.warm_up_epochs = *settings.warmup_epochs});
  if (std::holds_alternative<SmallLossMixture>(any.refinery))
    any.refinery = SmallLossMixture({.warm_up_epochs = *settings.warmup_epochs});
}

/// The method's auxiliary terms with the settings' changes.
AuxiliaryTerms auxiliary_terms(const RunSettings& settings, AuxiliaryTerms terms) {
  using Terms = AuxiliaryTerms;
  if (settings.consistency) terms.consistency_in = terms.consistency_out = *settings.consistency;
  terms.mixup = settings.mixup.value_or(terms.mixup);
  terms.ramp_epochs = settings.ramp_epochs.value_or(terms.ramp_epochs);
  terms.mixup_beta = settings.mixup_beta.value_or(terms.mixup_beta);
  choose(terms.mixing, settings.mixing, "--mixing",
         {{"at_least_half", Terms::Mixing::at_least_half}, {"as_drawn", Terms::Mixing::as_drawn}});
  choose(terms.divergence, settings.divergence, "--divergence",
         {{"toward_first_view", Terms::Divergence::toward_first_view},
          {"symmetric", Terms::Divergence::symmetric}});
  choose(
      terms.outside_rows, settings.outside_rows, "--outside-rows",
      {{"all", Terms::OutsideRows::all}, {"without_target", Terms::OutsideRows::without_target}});
  return terms;
}

TrainingOptions training_options(const RunSettings& settings, const AuxiliaryTerms& auxiliary) {
  TrainingOptions training;
  training.epochs = settings.epochs.value_or(training.epochs);
  training.batch = settings.batch.value_or(training.batch);
  training.learning_rate = settings.learning_rate.value_or(training.learning_rate);
  training.seed = settings.seed;
  training.threads = settings.threads;
  training.auxiliary = auxiliary_terms(settings, auxiliary);
  choose(training.denominator, settings.denominator, "--denominator",
         {{"rows_with_target", Denominator::rows_with_target},
          {"batch_rows", Denominator::batch_rows}});
  return training;
}

AnyOptimizer make_optimizer(const RunSettings& settings) {
  const float decay = settings.weight_decay.value_or(0.0f);
  if (settings.optimizer == Sgd::name) return {Sgd({.weight_decay = decay})};
  if (settings.optimizer == AdamW::name) return {AdamW({.weight_decay = decay})};
  return {Adagrad({.weight_decay = decay})};
}

Annotations labels_to_learn(const RunSettings& settings, const Corpus& corpus, LabelSource source) {
  if (source == LabelSource::gold) {
    Annotations gold(corpus.labels.size());
    for (std::int64_t row = 0; row < corpus.train.rows(); ++row) {
      const std::int32_t label = corpus.train.labels[static_cast<std::size_t>(row)];
      if (label < 0) {
        throw InputError(
            corpus.train.source, 0, "no label for text " + std::string(corpus.train.ids[row]),
            "a gold label for every text, as --method " + settings.method + " learns from them");
      }
      gold.add({&label, 1});
    }
    return gold;
  }
  if (!corpus.annotations) {
    throw InputError("--method " + settings.method +
                     " learns from annotations: give --candidates FILE");
  }
  return source == LabelSource::single ? corpus.annotations->singles_only() : *corpus.annotations;
}

template <class T>
void check_range(const char* option, const std::optional<T>& value, double low, double high,
                 const char* expected) {
  if (value && !(static_cast<double>(*value) >= low && static_cast<double>(*value) <= high)) {
    throw InputError(std::string(option) + ": found " + std::to_string(*value) + ", expected " +
                     expected);
  }
}

}  // namespace

Corpus load_corpus(const DataFiles& files) {
  if (files.data.empty()) throw InputError("give the texts with --data FILE");
  Corpus corpus;
  const auto unknown = files.labels.empty() ? UnknownLabels::add : UnknownLabels::reject;
  if (!files.labels.empty()) corpus.labels = read_labels(files.labels);
  corpus.train = read_texts(files.data, corpus.labels, unknown);
  if (!files.test.empty()) corpus.test = read_texts(files.test, corpus.labels, unknown);
  if (!files.augmented.empty()) read_second_views(files.augmented, corpus.train);
  if (corpus.labels.size() == 0) {
    throw InputError(files.data, 0, "no labels", "a label space: give it with --labels FILE");
  }
  if (!files.candidates.empty()) {
    corpus.annotations =
        read_annotations(files.candidates, corpus.train, corpus.labels, &corpus.annotation_report);
  }
  return corpus;
}

RunSettings resolved(RunSettings s) {
  NamedMethod method = chosen_method(s);
  apply_refinery_options(s, method.refinery_policy);  // throws for names that do not exist
  training_options(s, method.auxiliary);
  if (s.student != HashedLinear::name && s.student != EmbeddingBagMlp::name) {
    throw InputError("--student " + s.student + " does not exist; there are: " +
                     HashedLinear::name + ", " + EmbeddingBagMlp::name);
  }
  if (s.candidate_set != "mask" && s.candidate_set != "sparse" && s.candidate_set != "dense") {
    throw InputError("--candidate-set " + s.candidate_set +
                     " does not exist; there are: mask, sparse, dense");
  }
  if (!s.optimizer.empty() && s.optimizer != Sgd::name && s.optimizer != Adagrad::name &&
      s.optimizer != AdamW::name) {
    throw InputError("--optimizer " + s.optimizer +
                     " does not exist; there are: sgd, adagrad, adamw");
  }
  check_range("--epochs", s.epochs, 1, 1e6, "a whole number >= 1");
  check_range("--batch", s.batch, 1, 1e6, "a whole number >= 1");
  check_range("--lr", s.learning_rate, 1e-12, 1e6, "a number > 0");
  check_range("--weight-decay", s.weight_decay, 0, 1e6, "a number >= 0");
  check_range("--warmup-epochs", s.warmup_epochs, 0, 1e6, "a whole number >= 0");
  check_range("--delta", s.delta, 0, 1, "a share between 0 and 1");
  check_range("--gamma", s.gamma, 1e-3, 1e3, "a temperature > 0");
  check_range("--tau", s.tau, 0, 1e3, "a probability (>= 1 switches the rescue off)");
  check_range("--word-dropout", s.word_dropout, 0, 0.999, "a probability below 1");
  check_range("--buckets-log2", s.buckets_log2, 8, 28, "a whole number from 8 to 28");
  check_range("--word-ngrams", s.word_ngrams, 0, 8, "a whole number from 0 to 8");
  check_range("--char-min", s.char_min, 0, 64, "a whole number from 0 to 64");
  check_range("--char-max", s.char_max, 1, 64, "a whole number from 1 to 64");
  check_range("--ramp-epochs", s.ramp_epochs, 0, 1e6, "a number >= 0");
  check_range("--mixup-beta", s.mixup_beta, 1, 1000, "a whole number >= 1");
  check_range("--consistency", s.consistency, 0, 1e6, "a weight >= 0");
  check_range("--mixup", s.mixup, 0, 1e6, "a weight >= 0");

  const bool linear = s.student == HashedLinear::name;
  if (s.optimizer.empty()) s.optimizer = Adagrad::name;
  if (!s.epochs) s.epochs = 20;
  if (!s.batch) s.batch = 32;
  if (!s.learning_rate) s.learning_rate = linear ? 0.2f : 0.1f;
  if (!s.weight_decay) s.weight_decay = 0.0f;
  const HashedNgramsOptions ngrams;
  if (!s.buckets_log2) s.buckets_log2 = ngrams.buckets_log2;
  if (!s.word_ngrams) s.word_ngrams = ngrams.word_ngrams;
  if (!s.char_min) s.char_min = ngrams.char_min;
  if (!s.char_max) s.char_max = ngrams.char_max;
  if (!s.consistency) s.consistency = method.auxiliary.consistency_in;
  if (!s.mixup) s.mixup = method.auxiliary.mixup;
  if (s.threads <= 0)
    s.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return s;
}

void check_run(const RunSettings& settings, const Corpus& corpus) {
  labels_to_learn(settings, corpus, chosen_method(settings).labels);
}

MethodNames method_names(const RunSettings& settings) {
  const NamedMethod method = chosen_method(settings);
  return {method.name, method.loss, method.refinery};
}

RunResult run(const RunSettings& settings, const Corpus& corpus, EncodingCache& cache,
              const RunHooks& hooks) {
  NamedMethod method = chosen_method(settings);
  apply_refinery_options(settings, method.refinery_policy);
  TrainingOptions training = training_options(settings, method.auxiliary);
  training.stop = hooks.stop;
  PreparedRun prepared{method.loss_policy,
                       method.refinery_policy,
                       make_optimizer(settings),
                       training,
                       labels_to_learn(settings, corpus, method.labels),
                       settings.word_dropout};
  return settings.student == HashedLinear::name
             ? train_linear(settings, std::move(prepared), corpus, cache, hooks)
             : train_mlp(settings, std::move(prepared), corpus, cache, hooks);
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
