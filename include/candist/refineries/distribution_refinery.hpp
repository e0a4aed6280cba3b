// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "candist/epoch_view.hpp"

namespace candist {

enum class Switch { off, on };

/// Every part of Table 6 has a switch; every point that the paper leaves open is an option whose
/// default is the best evidence there is (docs/paper_map.md).
struct DistributionRefineryOptions {
  Switch renormalise = Switch::on;     ///< Ren.: Eq. 1; off = targets stay the prior
  Switch filter_outside = Switch::on;  ///< Out.: Eq. 2
  Switch sharpen = Switch::on;         ///< Sha.: Eq. 3 and the first case of Eq. 5
  Switch class_wise =
      Switch::on;              ///< Cla.: small loss within each predicted class, not over all rows
  Switch rescue = Switch::on;  ///< Hig.: Eq. 4
  float delta = 0.5f;          ///< share of small-loss rows that is sharpened
  float gamma = 0.85f;         ///< sharpening temperature
  float tau = 0.99f;       ///< confidence above which a row of D_out is rescued; >= 1 never rescues
  int warm_up_epochs = 3;  ///< epochs of Ren. alone

  /// What "iteration t - 1" of Eq. 1 is: the row's last visit (same_forward), this visit's own
  /// forward (before_loss), or a second forward after the step (after_step).
  Refresh when = Refresh::same_forward;
  /// Where p of Eq. 2 to 4 comes from.
  PredictionSource predictions = PredictionSource::evaluation_pass;
  /// Which q stands in the loss l_i of Eq. 3.
  enum class SelectionLoss { renormalised, stored } selection_loss = SelectionLoss::renormalised;
  /// How delta n_c becomes a whole number.
  enum class Rounding { up_at_least_one, down } rounding = Rounding::up_at_least_one;
};

/// The paper's Distribution Refinery: renormalise inside the set, drop rows whose prediction left
/// the set, sharpen the reliable ones, take over confident predictions outside the set. Rows
/// without candidates take part in no choice. The first target is the annotator's prior: uniform on
/// the set as in Eq. 1 where the candidates carry no weights, else those weights. Reference:
/// CanDist Eq. 1-5 and Alg. 1, arXiv:2506.03857.
class DistributionRefinery {
 public:
  static constexpr const char* name = "distribution_refinery";
  static constexpr const char* reference = "CanDist Eq. 1-5";

  explicit DistributionRefinery(DistributionRefineryOptions options = {}) : options_(options) {}

  CANDIST_HD Refresh refresh() const {
    return options_.renormalise == Switch::on ? options_.when : Refresh::never;
  }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const { return row.share(cell); }
  /// 1 / gamma, the exponent of Treatment::sharpened.
  CANDIST_HD float sharpening() const { return 1.0f / options_.gamma; }

  PredictionSource predictions(int epoch) const {
    return selects(epoch) ? options_.predictions : PredictionSource::none;
  }
  void begin_epoch(EpochView& view) const;

  const DistributionRefineryOptions& options() const { return options_; }

 private:
  bool selects(int epoch) const {
    // The last visits say nothing before every row has had one.
    const int first = options_.predictions == PredictionSource::last_visit
                          ? std::max(options_.warm_up_epochs, 1)
                          : options_.warm_up_epochs;
    return epoch >= first &&
           (options_.filter_outside == Switch::on || options_.sharpen == Switch::on);
  }
  void sharpen_small_losses(EpochView& view) const;
  std::size_t small_losses_of(std::size_t group) const;

  DistributionRefineryOptions options_;
};
static_assert(Refinery<DistributionRefinery>);

inline void DistributionRefinery::begin_epoch(EpochView& view) const {
  if (!selects(view.epoch)) return;
  if (options_.filter_outside == Switch::on) {
    for (std::size_t i = 0; i < view.plans.size(); ++i) {
      const RowSummary& summary = view.summaries[i];
      if (summary.inside || !summary.labelled) continue;
      const bool rescued = options_.rescue == Switch::on && summary.confidence > options_.tau;
      view.plans[i] = {rescued ? Treatment::one_hot : Treatment::without_target, true,
                       summary.argmax};
    }
  }
  if (options_.sharpen == Switch::on) sharpen_small_losses(view);
}

inline void DistributionRefinery::sharpen_small_losses(EpochView& view) const {
  using Options = DistributionRefineryOptions;
  const auto loss = [&](std::int64_t i) {
    const RowSummary& summary = view.summaries[static_cast<std::size_t>(i)];
    const float value = options_.selection_loss == Options::SelectionLoss::renormalised
                            ? summary.renormalised_loss
                            : summary.stored_loss;
    // NaN is below nothing, which no sort can work with: the least reliable of all.
    return std::isnan(value) ? std::numeric_limits<float>::infinity() : value;
  };
  // Group 0 alone when the selection is global, else one group a predicted class; a row is its loss and
  // its number, so equal losses are taken in row order.
  const bool by_class = options_.class_wise == Switch::on;
  std::vector<std::vector<std::pair<float, std::int64_t>>> groups(
      by_class ? static_cast<std::size_t>(view.targets.columns) : 1);
  for (std::size_t i = 0; i < view.plans.size(); ++i) {
    if (view.plans[i].outside || !view.summaries[i].labelled) continue;
    const auto row = static_cast<std::int64_t>(i);
    groups[by_class ? static_cast<std::size_t>(view.summaries[i].argmax) : 0].emplace_back(
        loss(row), row);
  }
  for (auto& group : groups) {
    const auto end = group.begin() + static_cast<std::ptrdiff_t>(small_losses_of(group.size()));
    if (end != group.end()) std::nth_element(group.begin(), end, group.end());
    for (auto chosen = group.begin(); chosen != end; ++chosen)
      view.plans[static_cast<std::size_t>(chosen->second)].treatment = Treatment::sharpened;
  }
}

inline std::size_t DistributionRefinery::small_losses_of(std::size_t group) const {
  if (group == 0) return 0;
  const double wanted = static_cast<double>(options_.delta) * static_cast<double>(group);
  // delta is a decimal fraction that float holds to 7 digits: 0.4f * 200 is 80, not a bit above.
  const double nearest = std::round(wanted);
  const bool whole = std::abs(wanted - nearest) <= 1e-6 * std::max(1.0, wanted);
  const double count = options_.rounding == DistributionRefineryOptions::Rounding::down
                           ? (whole ? nearest : std::floor(wanted))
                           : std::max(1.0, whole ? nearest : std::ceil(wanted));
  return std::min(static_cast<std::size_t>(count), group);
}

}  // namespace candist
