// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "run.hpp"

#include <algorithm>
#include <thread>

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

/// Puts --warmup-epochs, --delta, --gamma and --tau where the refinery has them.
void apply_refinery_options(const RunSettings& settings, AnyRefinery& any) {
  if (auto* refinery = std::get_if<DistributionRefinery>(&any.refinery)) {
    DistributionRefineryOptions options = refinery->options();
    options.warm_up_epochs = settings.warmup_epochs.value_or(options.warm_up_epochs);
    options.delta = settings.delta.value_or(options.delta);
    options.gamma = settings.gamma.value_or(options.gamma);
    options.tau = settings.tau.value_or(options.tau);
    any.refinery = DistributionRefinery(options);
  } else if (std::holds_alternative<ProgressivePurification>(any.refinery) &&
             settings.warmup_epochs) {
    any.refinery = ProgressivePurification({.warm_up_epochs = *settings.warmup_epochs});
  } else if (std::holds_alternative<SmallLossMixture>(any.refinery) && settings.warmup_epochs) {
    any.refinery = SmallLossMixture({.warm_up_epochs = *settings.warmup_epochs});
  }
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
  const NamedMethod method = chosen_method(s);
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
  check_range("--consistency", s.consistency, 0, 1e6, "a weight >= 0");
  check_range("--mixup", s.mixup, 0, 1e6, "a weight >= 0");

  const bool linear = s.student == HashedLinear::name;
  if (s.optimizer.empty()) s.optimizer = linear ? Adagrad::name : AdamW::name;
  if (!s.epochs) s.epochs = linear ? 20 : 20;
  if (!s.batch) s.batch = 32;
  if (!s.learning_rate) s.learning_rate = linear ? 0.3f : 2e-3f;
  if (!s.weight_decay) s.weight_decay = 0.0f;
  if (!s.buckets_log2) s.buckets_log2 = 18;
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
  TrainingOptions training;
  training.epochs = *settings.epochs;
  training.batch = *settings.batch;
  training.learning_rate = *settings.learning_rate;
  training.seed = settings.seed;
  training.threads = settings.threads;
  training.auxiliary = method.auxiliary;
  training.auxiliary.consistency_in = training.auxiliary.consistency_out = *settings.consistency;
  training.auxiliary.mixup = *settings.mixup;
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
