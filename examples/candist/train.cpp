// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Training, compiled for every student and candidate set of students.hpp; losses and refineries are
// variants (composition.hpp).
#include "train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include "checkpoint.hpp"
#include "interruption.hpp"

namespace candist::program {
namespace {

nlohmann::json json_of(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}
std::optional<double> figure(const nlohmann::json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

/// Throws RunError where a student has become one that cannot tell anything.
void check_finite(const Predictions& predictions, const Texts& texts) {
  for (std::size_t r = 0; r < predictions.confidences.size(); ++r) {
    if (std::isfinite(predictions.confidences[r])) continue;
    throw RunError("training failed: the student's confidence for text " +
                   quoted(texts.ids[static_cast<std::int64_t>(r)]) + " of " +
                   shown(texts.source, 200) + " is not finite; a smaller --lr often helps");
  }
}

/// What the distiller says of a row, in the words of the corpus: id, place and candidate names; and where the
/// last checkpoint is.
RunError in_words_of(const Corpus& corpus, const RunHooks& hooks, const NonFiniteLoss& error) {
  std::string names;
  for (const int label : error.candidates)
    names += (names.empty() ? "" : ", ") + shown(corpus.labels.name(label), 40);
  std::string text = "training stopped" + NonFiniteLoss::in_words(error.place) +
                     ": the loss of text " + quoted(corpus.train.ids[error.row]) + " (text " +
                     std::to_string(error.row + 1) + " of " + shown(corpus.train.source, 200) +
                     ") is " + NonFiniteLoss::in_words(error.loss) + " with candidates " + names +
                     "; a smaller --lr often helps";
  if (hooks.checkpoint) {
    const std::filesystem::path kept = checkpoint_file(hooks.checkpoint->folder);
    std::error_code ignored;
    if (std::filesystem::exists(kept, ignored))
      text += "; the last checkpoint is " + shown(kept.string(), 400);
  }
  return RunError(text);
}

/// One training: the callback of the distiller, and everything of a run that outlives an epoch.
template <class Distiller, class S>
class Training {
 public:
  Training(Distiller& distiller, const Corpus& corpus, const EncodingCache::Encoded& encoded,
           const RunHooks& hooks, bool keeps_best)
      : distiller_(distiller),
        corpus_(corpus),
        encoded_(encoded),
        hooks_(hooks),
        keeps_best_(keeps_best) {}

  /// Where to begin.
  template <class Program>
  TrainingPosition begin(Program& program, int epochs) {
    TrainingPosition where;
    if (hooks_.checkpoint && hooks_.checkpoint->start == CheckpointPlan::Start::from_checkpoint)
      where = load(program, epochs);
    seen_ = where.next_row;
    if constexpr (DeviceStudent<S> && !std::is_base_of_v<RowEngine, Program>) {
      hooks_.warn(
          "no method has this loss with this refinery, so that the GPU has no kernel for them: "
          "logits go by the "
          "host");
    }
    hooks_.on_start(where.epoch, where.next_row);
    return where;
  }
  void on_visit(std::span<const std::int64_t> rows, MatrixView<const float> targets) {
    for (std::size_t b = 0; b < rows.size(); ++b) {
      const std::int32_t gold = corpus_.train.labels[static_cast<std::size_t>(rows[b])];
      if (gold < 0) continue;
      const float* target = targets.row(static_cast<std::int64_t>(b));
      double sum = 0.0;
      for (std::int64_t j = 0; j < targets.columns; ++j) sum += target[j];
      if (!(sum > 0.0)) continue;
      gold_mass_ += target[gold] / sum;
      ++gold_rows_;
    }
  }
  void on_batch(const EpochReport& report) {
    hooks_.on_rows(report.rows - seen_);
    seen_ = report.rows;
  }
  void on_epoch(const EpochReport& report, const auto& distiller) {
    seen_ = 0;
    result.samples += report.rows;
    result.tokens += report.tokens;
    result.seconds += report.seconds;
    if (corpus_.valid) judge(distiller, report.epoch + 1);
    EpochJudgement judgement{result.valid_accuracy, std::nullopt, std::nullopt};
    if (corpus_.test && hooks_.test_texts == RunHooks::TestTexts::judged_every_epoch)
      judgement.test_accuracy =
          accuracy(distiller.predict(encoded_.test).labels, corpus_.test->labels);
    if (gold_rows_ > 0)
      judgement.target_mass_on_gold = gold_mass_ / static_cast<double>(gold_rows_);
    gold_mass_ = 0.0;
    gold_rows_ = 0;
    hooks_.on_epoch(report, judgement);
  }
  void on_checkpoint(const auto&, const auto& program, const TrainingPosition& where) {
    if (!hooks_.checkpoint) return;
    const std::chrono::duration<double> passed = Clock::now() - saved_;
    const bool last = where.epoch == where.report.epochs;
    if (last && hooks_.checkpoint->last == CheckpointPlan::Last::not_saved) return;
    if (!last && passed.count() < hooks_.checkpoint->seconds) return;
    try {
      save(program, where);
    } catch (const Error& error) {
      hooks_.warn(std::string(error.what()) + "; the training goes on without a new checkpoint");
    }
    saved_ = Clock::now();
  }
  void on_interrupt(const auto&, const auto& program, const TrainingPosition& where) {
    if (hooks_.checkpoint) save(program, where);
  }
  /// The student that the run came to.
  RunResult finish(const std::vector<std::int64_t>& held_out) {
    if (best_) distiller_.student() = *std::move(best_);
    if (!held_out.empty() && corpus_.annotations) compare_with_candidates(held_out);
    result.train = distiller_.predict(encoded_.train);
    check_finite(result.train, corpus_.train);
    if (corpus_.test) {
      result.test = distiller_.predict(encoded_.test);
      check_finite(*result.test, *corpus_.test);
    }
    return std::move(result);
  }

  RunResult result;

 private:
  using Clock = std::chrono::steady_clock;

  void judge(const auto& distiller, int epoch) {
    const auto share = [&](const EncodedTexts& texts, const Texts& gold) {
      return accuracy(distiller.predict(texts).labels, gold.labels);
    };
    result.valid_accuracy = share(encoded_.valid, *corpus_.valid);
    BestEpoch& best = result.best;
    if (best.epoch > 0 && *result.valid_accuracy <= best.valid_accuracy) return;
    best.epoch = epoch;
    best.valid_accuracy = *result.valid_accuracy;
    best.train_accuracy = share(encoded_.train, corpus_.train);
    if (corpus_.test) best.test_accuracy = share(encoded_.test, *corpus_.test);
    if (keeps_best_) best_ = distiller.student();
  }

  void compare_with_candidates(const std::vector<std::int64_t>& held_out) {
    EncodedTexts texts;
    for (const std::int64_t row : held_out) texts.push_back(encoded_.train[row]);
    evaluate_student(
        distiller_.student(), texts, 1, [&](std::int64_t first, MatrixView<const float> logits) {
          for (std::int64_t r = 0; r < logits.rows; ++r) {
            const std::int64_t row = held_out[static_cast<std::size_t>(first + r)];
            result.held_out.add({logits.row(r), static_cast<std::size_t>(logits.columns)},
                                corpus_.annotations->labels(row));
          }
        });
  }

  template <class Program>
  void save(const Program& program, const TrainingPosition& where) {
    const CheckpointPlan& plan = *hooks_.checkpoint;
    Checkpoint checkpoint;
    checkpoint.run = plan.run;
    checkpoint.progress = {{"seconds", result.seconds},
                           {"samples", result.samples},
                           {"tokens", result.tokens},
                           {"gold_mass", gold_mass_},
                           {"gold_rows", gold_rows_},
                           {"valid_accuracy", json_of(result.valid_accuracy)},
                           {"best_epoch", result.best.epoch},
                           {"best_valid_accuracy", result.best.valid_accuracy},
                           {"best_test_accuracy", json_of(result.best.test_accuracy)},
                           {"best_train_accuracy", json_of(result.best.train_accuracy)}};
    checkpoint.where = where;
    checkpoint.student = bytes_of(distiller_.student(), plan.folder);
    if (best_) checkpoint.best_student = bytes_of(*best_, plan.folder);
    std::ostringstream state;
    program.save(state);
    std::as_const(distiller_).optimizer().save(state);
    checkpoint.state = std::move(state).str();
    write_checkpoint(plan.folder, checkpoint);
  }
  template <class Program>
  TrainingPosition load(Program& program, int epochs) {
    const CheckpointPlan& plan = *hooks_.checkpoint;
    const Checkpoint checkpoint = read_checkpoint(plan.folder, plan.run);
    check_position(plan.folder, checkpoint.where, epochs, program.rows());
    try {
      const nlohmann::json& p = checkpoint.progress;
      p.at("seconds").get_to(result.seconds);
      p.at("samples").get_to(result.samples);
      p.at("tokens").get_to(result.tokens);
      p.at("gold_mass").get_to(gold_mass_);
      p.at("gold_rows").get_to(gold_rows_);
      result.valid_accuracy = figure(p.at("valid_accuracy"));
      p.at("best_epoch").get_to(result.best.epoch);
      p.at("best_valid_accuracy").get_to(result.best.valid_accuracy);
      result.best.test_accuracy = figure(p.at("best_test_accuracy"));
      result.best.train_accuracy = figure(p.at("best_train_accuracy"));
      restore(distiller_.student(), checkpoint.student, plan.folder);
      if (!checkpoint.best_student.empty()) {
        best_ = distiller_.student();
        restore(*best_, checkpoint.best_student, plan.folder);
      }
      std::istringstream state(checkpoint.state);
      program.load(state);
      distiller_.optimizer().load(state);
      if (state && state.peek() == std::istringstream::traits_type::eof()) return checkpoint.where;
    } catch (const nlohmann::json::exception&) {
    }
    throw InputError(checkpoint_file(plan.folder).string(), 0,
                     "a state that does not fit this training",
                     "that of the same version of candist; start anew without --resume");
  }

  Distiller& distiller_;
  const Corpus& corpus_;
  const EncodingCache::Encoded& encoded_;
  const RunHooks& hooks_;
  bool keeps_best_;
  std::optional<S> best_;
  std::int64_t seen_ = 0;
  double gold_mass_ = 0.0;  ///< of the epoch so far
  std::int64_t gold_rows_ = 0;
  Clock::time_point saved_ = Clock::now();
};

/// The ids around every text of a student that has some: no second view drops them.
template <class S>
WordDropout::Ends ends_of(const S& student) {
  if constexpr (requires { student.tokenizer().frame(); }) {
    return {student.tokenizer().frame().before.size(), student.tokenizer().frame().after.size()};
  }
  return {};
}

/// Texts that fill the maximal length have lost what is behind it, or just fit.
void warn_of_cut_texts(int max_length, const Corpus& corpus, const EncodingCache::Encoded& encoded,
                       const RunHooks& hooks) {
  const auto warn = [&](const EncodedTexts& texts, const Texts& source) {
    std::int64_t full = 0;
    for (std::int64_t row = 0; row < texts.rows(); ++row)
      full += static_cast<std::int64_t>(texts[row].size()) >= max_length ? 1 : 0;
    if (full == 0) return;
    hooks.warn(std::to_string(full) + " of " + std::to_string(texts.rows()) + " texts of " +
               shown(source.source, 200) + " have " + std::to_string(max_length) +
               " tokens or more: what is behind is cut off; --max-length raises the limit");
  };
  warn(encoded.train, corpus.train);
  if (corpus.test) warn(encoded.test, *corpus.test);
  if (corpus.valid) warn(encoded.valid, *corpus.valid);
}

/// "a run takes 1.25 GiB of device memory: parameters ..."
std::string in_words(const TransformerMemory& memory) {
  const auto gibibytes = [](std::size_t bytes) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", static_cast<double>(bytes) / 0x1p30);
    return std::string(text);
  };
  return "a run takes " + gibibytes(memory.total()) + " GiB of device memory: parameters " +
         gibibytes(memory.parameters) + ", gradients " + gibibytes(memory.gradients) +
         ", moments " + gibibytes(memory.optimizer) + ", a batch " + gibibytes(memory.activations);
}

template <CandidateSet Set, class S>
RunResult train_on(const Set& candidates, S student, PreparedRun prepared, const Corpus& corpus,
                   const EncodingCache::Encoded& encoded, const RunHooks& hooks) {
  AnyAugmenter augmenter;
  TrainingOptions options = prepared.chosen.training;
  options.stop = &StopOnSignal::requested();
  if (prepared.word_dropout) {
    augmenter.augmenter = WordDropout(*prepared.word_dropout, options.seed, ends_of(student));
  } else if (encoded.augmented.rows() > 0) {
    augmenter.augmenter = SecondView(encoded.augmented);
  }
  Distiller distiller(prepared.chosen.method.loss_policy, prepared.chosen.method.refinery_policy,
                      std::move(student), std::move(prepared.chosen.optimizer), options,
                      prepared.chosen.schedule);
  Training<decltype(distiller), S> training(distiller, corpus, encoded, hooks,
                                            prepared.keep == PreparedRun::Keep::best);
  try {
    const StopOnSignal while_training;
    distiller.fit(encoded.train, candidates, augmenter, training,
                  [&](auto& program) { return training.begin(program, options.epochs); });
    if (StopOnSignal::requested()) throw Interrupted("interrupted after the last epoch");
  } catch (const NonFiniteLoss& error) {
    throw in_words_of(corpus, hooks, error);
  }
  RunResult result = training.finish(prepared.held_out);
  if (!hooks.model.empty()) save_student(hooks.model, distiller.student());
  return result;
}

}  // namespace

RunResult train(const RunSettings& settings, PreparedRun prepared, const Corpus& corpus,
                EncodingCache& cache, const RunHooks& hooks) {
  RunResult result;
  with_named<Students>(settings.student, [&]<class Listed>() {
    typename Listed::Student student = Listed::make(settings, corpus);
    if constexpr (requires { Listed::optimizer(settings, student); })
      prepared.chosen.optimizer.optimizer = Listed::optimizer(settings, student);
    if constexpr (requires { student.engine()->memory(); })
      hooks.warn(in_words(student.engine()->memory()));
    const auto encoded =
        cache.get(Listed::encoding_of(settings), student, corpus, std::max(1, settings.threads));
    if (settings.max_length) warn_of_cut_texts(*settings.max_length, corpus, *encoded, hooks);
    with_named<CandidateSets>(settings.candidate_set, [&]<class Set>() {
      const Set set(prepared.annotations);
      result = train_on(set, std::move(student), std::move(prepared), corpus, *encoded, hooks);
    });
  });
  return result;
}

}  // namespace candist::program
