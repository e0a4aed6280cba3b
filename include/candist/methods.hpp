// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The published methods. Each is a name for a composition: which labels, which loss, which
// refinery, which auxiliary terms. Tests, benches, the command line and the docs iterate over
// AllMethods.
#pragma once

#include <type_traits>

#include "candist/losses/all_losses.hpp"
#include "candist/refineries/all_refineries.hpp"
#include "candist/training/auxiliary_terms.hpp"

namespace candist {

/// What a method learns from.
enum class LabelSource { candidates, single, gold };

/// A composition with the default options of its parts.
template <class L, class R, LabelSource Source = LabelSource::candidates>
struct Composition {
  using LossPolicy = L;
  using RefineryPolicy = R;
  static constexpr LabelSource labels = Source;
  static L loss() { return L{}; }
  static R refinery() { return R{}; }
  static AuxiliaryTerms auxiliary() { return {}; }
};

/// Consistency (where a second view is given) and mixup, all of weight 1.
inline AuxiliaryTerms all_auxiliary_terms() {
  AuxiliaryTerms terms;
  terms.consistency_in = terms.consistency_out = terms.mixup = 1.0f;
  return terms;
}

namespace methods {

struct Supervised : Composition<SoftTargetCe, KeepPrior, LabelSource::gold> {
  static constexpr const char* name = "supervised";
  static constexpr const char* reference = "the ceiling";
  static constexpr const char* summary = "cross entropy on the gold labels: the ceiling";
};

struct Distillation : Composition<SoftTargetCe, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "distillation";
  static constexpr const char* reference = "Hinton et al., 2015";
  static constexpr const char* summary = "cross entropy on the teacher's single labels";
};

struct LabelSmoothing : Composition<SmoothedCe, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "label_smoothing";
  static constexpr const char* reference = "Szegedy et al., CVPR 2016";
  static constexpr const char* summary = "single labels, smoothed";
};

struct BootstrapSoftly : Composition<BootstrapSoft, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "bootstrap_soft";
  static constexpr const char* reference = "Reed et al., 2015";
  static constexpr const char* summary = "single labels mixed with the student's prediction";
};

struct BootstrapHardly : Composition<BootstrapHard, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "bootstrap_hard";
  static constexpr const char* reference = "Reed et al., 2015";
  static constexpr const char* summary = "single labels mixed with the student's argmax";
};

struct Gce : Composition<GeneralizedCe, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "gce";
  static constexpr const char* reference = "Zhang and Sabuncu, NeurIPS 2018";
  static constexpr const char* summary = "generalised cross entropy on single labels";
};

struct Mae : Composition<MeanAbsoluteError, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "mae";
  static constexpr const char* reference = "Ghosh et al., AAAI 2017";
  static constexpr const char* summary = "mean absolute error on single labels";
};

struct Sce : Composition<SymmetricCe, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "sce";
  static constexpr const char* reference = "Wang et al., ICCV 2019";
  static constexpr const char* summary = "symmetric cross entropy on single labels";
};

struct ActivePassiveRce : Composition<NceRce, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "nce_rce";
  static constexpr const char* reference = "Ma et al., ICML 2020";
  static constexpr const char* summary = "active-passive pair NCE + RCE on single labels";
};

struct ActivePassiveMae : Composition<NceMae, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "nce_mae";
  static constexpr const char* reference = "Ma et al., ICML 2020";
  static constexpr const char* summary = "active-passive pair NCE + MAE on single labels";
};

struct FocalDistillation : Composition<Focal, KeepPrior, LabelSource::single> {
  static constexpr const char* name = "focal";
  static constexpr const char* reference = "Lin et al., ICCV 2017";
  static constexpr const char* summary = "focal loss on single labels";
};

struct Elr : Composition<EarlyLearning, RunningPrediction, LabelSource::single> {
  static constexpr const char* name = "elr";
  static constexpr const char* reference = "Liu et al., NeurIPS 2020";
  static constexpr const char* summary = "early-learning regularisation on single labels";
};

struct FreeAl : Composition<SoftTargetCe, SmallLossMixture, LabelSource::single> {
  static constexpr const char* name = "freeal";
  static constexpr const char* reference = "Xiao et al., EMNLP 2023";
  static constexpr const char* summary =
      "single labels, clean rows by a two-Gaussian mixture, consistency and mixup (one round)";
  static AuxiliaryTerms auxiliary() {
    AuxiliaryTerms terms = all_auxiliary_terms();
    terms.divergence = AuxiliaryTerms::Divergence::symmetric;
    return terms;
  }
};

struct Average : Composition<AverageCe, KeepPrior> {
  static constexpr const char* name = "average";
  static constexpr const char* reference = "Jin and Ghahramani, NIPS 2002";
  static constexpr const char* summary = "every candidate is a label";
};

struct Cc : Composition<MarginalNll, KeepPrior> {
  static constexpr const char* name = "cc";
  static constexpr const char* reference = "Feng et al., NeurIPS 2020";
  static constexpr const char* summary = "classifier-consistent: -log of the candidates' mass";
};

struct Rc : Composition<SoftTargetCe, RenormalisedPrediction> {
  static constexpr const char* name = "rc";
  static constexpr const char* reference = "Feng et al., NeurIPS 2020";
  static constexpr const char* summary =
      "risk-consistent: renormalised prediction after every step";
  static RenormalisedPrediction refinery() { return {Refresh::after_step}; }
};

struct Proden : Composition<SoftTargetCe, RenormalisedPrediction> {
  static constexpr const char* name = "proden";
  static constexpr const char* reference = "Lv et al., ICML 2020";
  static constexpr const char* summary = "renormalised prediction of the last visit";
};

struct Lws : Composition<LeveragedSigmoid, LeveragedWeights> {
  static constexpr const char* name = "lws";
  static constexpr const char* reference = "Wen et al., ICML 2021";
  static constexpr const char* summary = "leveraged weighted loss, sigmoid";
};

struct Lwc : Composition<LeveragedCe, LeveragedWeights> {
  static constexpr const char* name = "lwc";
  static constexpr const char* reference = "Wen et al., ICML 2021";
  static constexpr const char* summary = "leveraged weighted loss, cross entropy";
};

struct Cavl : Composition<SoftTargetCe, ClassActivationValue> {
  static constexpr const char* name = "cavl";
  static constexpr const char* reference = "Zhang et al., ICLR 2022";
  static constexpr const char* summary = "the candidate of the largest class activation value";
};

struct Pop : Composition<SoftTargetCe, ProgressivePurification> {
  static constexpr const char* name = "pop";
  static constexpr const char* reference = "Xu et al., ICML 2023";
  static constexpr const char* summary = "PRODEN with candidate sets pruned on the way";
};

struct Exp : Composition<MclExp, KeepPrior> {
  static constexpr const char* name = "exp";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  static constexpr const char* summary = "upper bound EXP of multiple complementary labels";
};

struct Log : Composition<MclLog, KeepPrior> {
  static constexpr const char* name = "log";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  static constexpr const char* summary = "upper bound LOG of multiple complementary labels";
};

struct McMae : Composition<MclUreMae, KeepPrior> {
  static constexpr const char* name = "mcl_mae";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  static constexpr const char* summary = "unbiased risk of multiple complementary labels, MAE";
};

struct McGce : Composition<MclUreGce, KeepPrior> {
  static constexpr const char* name = "mcl_gce";
  static constexpr const char* reference = "Feng et al., ICML 2020";
  static constexpr const char* summary = "unbiased risk of multiple complementary labels, GCE";
};

struct AbsMae : Composition<AverageMae, KeepPrior> {
  static constexpr const char* name = "abs_mae";
  static constexpr const char* reference = "Lv et al., TPAMI 2024";
  static constexpr const char* summary = "average of the candidates' MAE";
};

struct AbsGce : Composition<AverageGce, KeepPrior> {
  static constexpr const char* name = "abs_gce";
  static constexpr const char* reference = "Lv et al., TPAMI 2024";
  static constexpr const char* summary = "average of the candidates' GCE";
};

struct NegativeLabels : Composition<NegativeLearning, KeepPrior> {
  static constexpr const char* name = "negative_learning";
  static constexpr const char* reference = "Wu, Wang and Zhang, ICML 2022";
  static constexpr const char* summary = "only what the sets rule out";
};

struct RatioPreserving : Composition<Libra, KeepPrior> {
  static constexpr const char* name = "libra";
  static constexpr const char* reference = "Zombori et al., 2023";
  static constexpr const char* summary = "ratio-preserving: equal push for all candidates";
};

struct BiRatioPreserving : Composition<BiPrp, KeepPrior> {
  static constexpr const char* name = "bi_prp";
  static constexpr const char* reference = "Zombori et al., 2023";
  static constexpr const char* summary = "ratio-preserving inside and outside the set";
};

struct Meritocratic : Composition<BetaMeritocratic, KeepPrior> {
  static constexpr const char* name = "beta_meritocratic";
  static constexpr const char* reference = "Guu et al., ACL 2017";
  static constexpr const char* summary = "targets r^beta, between average and cc";
};

struct CanDistUniform : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist_uniform";
  static constexpr const char* reference = "CanDist Table 6";
  static constexpr const char* summary = "ablation: uniform targets, no refinery";
  static DistributionRefinery refinery() {
    DistributionRefineryOptions options;
    options.renormalise = Switch::off;
    options.filter_outside = Switch::off;
    options.sharpen = Switch::off;
    options.class_wise = Switch::off;
    options.rescue = Switch::off;
    return DistributionRefinery(options);
  }
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

struct CanDistRen : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist_ren";
  static constexpr const char* reference = "CanDist Table 6";
  static constexpr const char* summary = "ablation: + renormalisation";
  static DistributionRefinery refinery() {
    DistributionRefineryOptions options;
    options.filter_outside = Switch::off;
    options.sharpen = Switch::off;
    options.class_wise = Switch::off;
    options.rescue = Switch::off;
    return DistributionRefinery(options);
  }
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

struct CanDistOut : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist_out";
  static constexpr const char* reference = "CanDist Table 6";
  static constexpr const char* summary = "ablation: + out-of-candidate filter";
  static DistributionRefinery refinery() {
    DistributionRefineryOptions options;
    options.sharpen = Switch::off;
    options.class_wise = Switch::off;
    options.rescue = Switch::off;
    return DistributionRefinery(options);
  }
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

struct CanDistSha : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist_sha";
  static constexpr const char* reference = "CanDist Table 6";
  static constexpr const char* summary = "ablation: + sharpening of small losses, over all rows";
  static DistributionRefinery refinery() {
    DistributionRefineryOptions options;
    options.class_wise = Switch::off;
    options.rescue = Switch::off;
    return DistributionRefinery(options);
  }
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

struct CanDistCla : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist_cla";
  static constexpr const char* reference = "CanDist Table 6";
  static constexpr const char* summary = "ablation: + small losses class by class";
  static DistributionRefinery refinery() {
    DistributionRefineryOptions options;
    options.rescue = Switch::off;
    return DistributionRefinery(options);
  }
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

struct CanDist : Composition<SoftTargetCe, DistributionRefinery> {
  static constexpr const char* name = "candist";
  static constexpr const char* reference = "CanDist, ACL 2025";
  static constexpr const char* summary = "the Distribution Refinery with consistency and mixup";
  static AuxiliaryTerms auxiliary() { return all_auxiliary_terms(); }
};

}  // namespace methods

using AllMethods = TypeList<
    methods::Supervised, methods::Distillation, methods::LabelSmoothing, methods::BootstrapSoftly,
    methods::BootstrapHardly, methods::Gce, methods::Mae, methods::Sce, methods::ActivePassiveRce,
    methods::ActivePassiveMae, methods::FocalDistillation, methods::Elr, methods::FreeAl,
    methods::Average, methods::Cc, methods::Rc, methods::Proden, methods::Lws, methods::Lwc,
    methods::Cavl, methods::Pop, methods::Exp, methods::Log, methods::McMae, methods::McGce,
    methods::AbsMae, methods::AbsGce, methods::NegativeLabels, methods::RatioPreserving,
    methods::BiRatioPreserving, methods::Meritocratic, methods::CanDistUniform, methods::CanDistRen,
    methods::CanDistOut, methods::CanDistSha, methods::CanDistCla, methods::CanDist>;

/// What a row kernel is compiled for.
template <class L, class R>
struct RowComposition {
  using LossPolicy = L;
  using RefineryPolicy = R;
};

namespace detail {
template <class Kept, class... Methods>
struct DifferentCompositions {
  using type = Kept;
};
template <class... Kept, class M, class... Rest>
struct DifferentCompositions<TypeList<Kept...>, M, Rest...> {
  using One = RowComposition<typename M::LossPolicy, typename M::RefineryPolicy>;
  using Next = std::conditional_t<(std::is_same_v<Kept, One> || ...), TypeList<Kept...>,
                                  TypeList<Kept..., One>>;
  using type = typename DifferentCompositions<Next, Rest...>::type;
};
template <class... Methods>
auto compositions_of(TypeList<Methods...>) ->
    typename DifferentCompositions<TypeList<>, Methods...>::type;
}  // namespace detail

/// The compositions of AllMethods, each once.
using AllCompositions = decltype(detail::compositions_of(AllMethods{}));

}  // namespace candist
