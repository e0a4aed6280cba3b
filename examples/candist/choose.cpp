// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "choose.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include "candist/error.hpp"

namespace candist::program {
namespace {

[[noreturn]] void no_such(const std::string& key, const std::string& name,
                          const std::string& known) {
  throw InputError(option_of(key) + " " + shown(name) + " does not exist; there are: " + known);
}

/// Joins options with their places in a composition, and remembers which have one.
class Joiner {
 public:
  template <class T>
  void number(std::optional<T>& setting, T& place) {
    if (setting) place = *setting;
    setting = place;
    joined.insert(&setting);
  }
  /// The composition has this option; nobody else knows its value.
  template <class T>
  void has(const T& setting) {
    joined.insert(&setting);
  }
  template <class Value>
  void name(const char* key, std::string& setting, Value& place,
            std::initializer_list<std::pair<const char*, std::type_identity_t<Value>>> values) {
    std::string known;
    bool found = setting.empty();
    for (const auto& [known_name, value] : values) {
      if (setting == known_name) {
        place = value;
        found = true;
      }
      known += (known.empty() ? "" : ", ") + std::string(known_name);
    }
    if (!found) no_such(key, setting, known);
    for (const auto& [known_name, value] : values) {
      if (place == value) setting = known_name;
    }
    joined.insert(&setting);
  }

  std::set<const void*> joined;
};

void join_refresh(Joiner& join, RunSettings& s, Refresh& when) {
  join.name("refresh", s.refresh, when,
            {{"same_forward", Refresh::same_forward},
             {"before_loss", Refresh::before_loss},
             {"after_step", Refresh::after_step}});
}

void join_distribution(Joiner& join, RunSettings& s, DistributionRefineryOptions& o) {
  using Options = DistributionRefineryOptions;
  const bool sharpens = o.sharpen == Switch::on;
  const bool filters = o.filter_outside == Switch::on;
  if (o.renormalise == Switch::on) join_refresh(join, s, o.when);
  if (sharpens || filters) {
    join.number(s.warmup_epochs, o.warm_up_epochs);
    join.name("predictions", s.predictions, o.predictions,
              {{"evaluation_pass", PredictionSource::evaluation_pass},
               {"last_visit", PredictionSource::last_visit}});
  }
  if (filters && o.rescue == Switch::on) join.number(s.tau, o.tau);
  if (!sharpens) return;
  join.number(s.delta, o.delta);
  join.number(s.gamma, o.gamma);
  join.name("selection_loss", s.selection_loss, o.selection_loss,
            {{"renormalised", Options::SelectionLoss::renormalised},
             {"stored", Options::SelectionLoss::stored}});
  join.name(
      "rounding", s.rounding, o.rounding,
      {{"up_at_least_one", Options::Rounding::up_at_least_one}, {"down", Options::Rounding::down}});
}

/// Does the refinery leave rows without target, so that Eq. 9 has rows to apply to? `warm_up`: of
/// the distribution refinery, where nothing is said; < 0: its own default.
bool join_refinery(Joiner& join, RunSettings& s, AnyRefinery& any, int warm_up) {
  if (auto* distribution = std::get_if<DistributionRefinery>(&any.refinery)) {
    DistributionRefineryOptions options = distribution->options();
    if (warm_up >= 0) options.warm_up_epochs = warm_up;
    join_distribution(join, s, options);
    any.refinery = DistributionRefinery(options);
    return options.filter_outside == Switch::on;
  }
  if (auto* renormalised = std::get_if<RenormalisedPrediction>(&any.refinery))
    join_refresh(join, s, renormalised->when);
  if (std::holds_alternative<ProgressivePurification>(any.refinery)) {
    ProgressivePurificationOptions options;
    join.number(s.warmup_epochs, options.warm_up_epochs);
    any.refinery = ProgressivePurification(options);
  }
  if (std::holds_alternative<SmallLossMixture>(any.refinery)) {
    SmallLossMixtureOptions options;
    join.number(s.warmup_epochs, options.warm_up_epochs);
    any.refinery = SmallLossMixture(options);
    return true;
  }
  return false;
}

void join_auxiliary(Joiner& join, RunSettings& s, AuxiliaryTerms& t, bool leaves_rows_outside) {
  using Terms = AuxiliaryTerms;
  if (s.consistency) t.consistency_in = t.consistency_out = *s.consistency;
  join.number(s.consistency, t.consistency_in);
  join.number(s.mixup, t.mixup);
  if (t.consistency() || t.mixup > 0.0f) join.number(s.ramp_epochs, t.ramp_epochs);
  if (t.mixup > 0.0f) {
    join.number(s.mixup_beta, t.mixup_beta);
    join.name(
        "mixing", s.mixing, t.mixing,
        {{"at_least_half", Terms::Mixing::at_least_half}, {"as_drawn", Terms::Mixing::as_drawn}});
  }
  if (!t.consistency()) return;
  join.joined.insert(&s.word_dropout);  // off where it is not given
  if (!leaves_rows_outside) return;
  join.name("divergence", s.divergence, t.divergence,
            {{"toward_first_view", Terms::Divergence::toward_first_view},
             {"symmetric", Terms::Divergence::symmetric}});
  join.name(
      "outside_rows", s.outside_rows, t.outside_rows,
      {{"all", Terms::OutsideRows::all}, {"without_target", Terms::OutsideRows::without_target}});
}

/// Throws for names that do not exist, wherever they would belong.
void check_names(RunSettings settings) {
  Joiner anywhere;
  DistributionRefineryOptions refinery;
  AuxiliaryTerms terms = all_auxiliary_terms();
  settings.consistency.reset();
  settings.mixup.reset();
  join_distribution(anywhere, settings, refinery);
  join_auxiliary(anywhere, settings, terms, true);
}

NamedMethod chosen_method(const RunSettings& settings) {
  if (settings.loss.empty() != settings.refinery.empty())
    throw InputError("--loss and --refinery go together: give both, or --method alone");
  if (settings.loss.empty()) {
    const std::string name = settings.method.empty() ? methods::CanDist::name : settings.method;
    if (auto method = find_method(name)) return *std::move(method);
    no_such("method", name, names_of<AllMethods>());
  }
  if (!settings.method.empty()) {
    throw InputError("--method " + shown(settings.method) +
                     " already names a loss and a refinery: give it alone, or --loss and "
                     "--refinery");
  }
  NamedMethod method;
  method.name = settings.loss + "+" + settings.refinery;
  method.loss = settings.loss;
  method.refinery = settings.refinery;
  const auto loss = find_loss(settings.loss);
  if (!loss) no_such("loss", settings.loss, names_of<AllLosses>());
  const auto refinery = find_refinery(settings.refinery);
  if (!refinery) no_such("refinery", settings.refinery, names_of<AllRefineries>());
  if (const std::string_view problem = problem_of(*loss, *refinery); !problem.empty()) {
    throw InputError("--loss " + method.loss + " with --refinery " + method.refinery + ": " +
                     std::string(problem) + "; choose another pair, see candist list");
  }
  method.loss_policy = *loss;
  method.refinery_policy = *refinery;
  return method;
}

}  // namespace

Chosen choose(RunSettings& s, std::set<const void*>* effective) {
  check_names(s);
  Chosen chosen{chosen_method(s), {}, {}, {}};
  if (s.loss.empty()) s.method = chosen.method.name;
  Joiner join;
  int warm_up = -1;
  TrainingOptions& training = chosen.training;
  if (!with_named<Students>(s.student, [&]<class L>() {
        training.epochs = L::epochs;
        training.batch = L::batch;
        training.learning_rate = L::learning_rate;
        if (s.optimizer.empty()) s.optimizer = L::DefaultOptimizer::name;
        if (!s.weight_decay) s.weight_decay = L::weight_decay;
        if (!s.max_gradient_norm) s.max_gradient_norm = L::max_gradient_norm;
        L::join(join, s);
        warm_up = L::warm_up_epochs(s.epochs.value_or(L::epochs));
      }))
    no_such("student", s.student, names_of<Students>());
  if (!with_named<Optimizers>(s.optimizer, [&]<class O>() {
        chosen.optimizer.optimizer = O({.weight_decay = *s.weight_decay,
                                        .max_gradient_norm = *s.max_gradient_norm,
                                        .threads = std::max(1, s.threads)});
      }))
    no_such("optimizer", s.optimizer, names_of<Optimizers>());
  if (!with_named<CandidateSets>(s.candidate_set, []<class C>() {}))
    no_such("candidate_set", s.candidate_set, names_of<CandidateSets>());
  join.number(s.epochs, training.epochs);
  join.number(s.batch, training.batch);
  join.number(s.learning_rate, training.learning_rate);

  const bool leaves_rows_outside = join_refinery(join, s, chosen.method.refinery_policy, warm_up);
  join_auxiliary(join, s, chosen.method.auxiliary, leaves_rows_outside);
  const AuxiliaryTerms& terms = chosen.method.auxiliary;
  if (!targets_are_distributions(chosen.method.refinery_policy) &&
      (terms.mixup > 0.0f || terms.consistency_in > 0.0f)) {
    throw InputError("--mixup and --consistency take targets for labels, and those of " +
                     chosen.method.refinery + " are weights; leave them out");
  }
  training.seed = s.order_seed.value_or(s.seed);
  join.has(s.order_seed);
  join.has(s.hold_out);
  training.threads = s.threads;
  training.auxiliary = chosen.method.auxiliary;
  join.name("denominator", s.denominator, training.denominator,
            {{"rows_with_target", Denominator::rows_with_target},
             {"batch_rows", Denominator::batch_rows}});
  join.number(s.lr_warmup, chosen.schedule.warm_up);
  join.joined.insert(&s.max_gradient_norm);
  join.joined.insert(&s.weight_decay);
  join.joined.insert(&s.optimizer);
  if (effective != nullptr) *effective = std::move(join.joined);
  return chosen;
}

LabelSource learns_from(const RunSettings& settings) {
  RunSettings copy = settings;
  return choose(copy).method.labels;
}

}  // namespace candist::program
