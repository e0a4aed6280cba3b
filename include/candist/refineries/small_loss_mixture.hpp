// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "candist/epoch_view.hpp"

namespace candist {

struct SmallLossMixtureOptions {
  int warm_up_epochs = 4;    ///< all rows are clean before
  float clean_above = 0.7f;  ///< clean where P(component of the lower mean) is above this
  int iterations = 10;       ///< of EM
  double tolerance = 1e-2;   ///< change of the mean log-likelihood that ends EM
  double variance_floor = 5e-4;
};

/// FreeAL's robust training: fit two Gaussians to the losses of all labelled rows (scaled to
/// [0, 1]), train on the rows that belong to the lower one. The targets stay the annotator's.
/// Reference: Xiao et
/// al., EMNLP 2023 (FreeAL), arXiv:2311.15614; Li et al., ICLR 2020 (DivideMix).
class SmallLossMixture {
 public:
  static constexpr const char* name = "small_loss_mixture";
  static constexpr const char* reference = "Xiao et al., EMNLP 2023";

  explicit SmallLossMixture(SmallLossMixtureOptions options = {}) : options_(options) {}

  CANDIST_HD Refresh refresh() const { return Refresh::never; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats, Cell cell) const { return cell.target; }

  PredictionSource predictions(int epoch) const {
    return epoch >= options_.warm_up_epochs ? PredictionSource::evaluation_pass
                                            : PredictionSource::none;
  }
  void begin_epoch(EpochView& view) const;

  /// P(component of the lower mean) for every value of [0, 1]; two Gaussians fitted by EM.
  std::vector<double> lower_component(std::span<const double> values) const;

 private:
  SmallLossMixtureOptions options_;
};
static_assert(Refinery<SmallLossMixture>);

inline void SmallLossMixture::begin_epoch(EpochView& view) const {
  if (predictions(view.epoch) == PredictionSource::none) return;
  // Rows without a label have no loss. Neither has a row without a finite one a place on the scale:
  // it keeps its target, and the training stops at it and says so.
  std::vector<std::size_t> rows;
  std::vector<double> losses;
  for (std::size_t i = 0; i < view.plans.size(); ++i) {
    const RowSummary& summary = view.summaries[i];
    if (!summary.labelled || !std::isfinite(summary.stored_loss)) continue;
    rows.push_back(i);
    losses.push_back(summary.stored_loss);
  }
  if (losses.empty()) return;
  const auto [low, high] = std::minmax_element(losses.begin(), losses.end());
  const double bottom = *low;
  const double range = *high - bottom;
  if (!(range > 0.0)) return;  // all losses equal: nothing stands out
  for (double& loss : losses) loss = (loss - bottom) / range;
  const std::vector<double> clean = lower_component(losses);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    if (clean[k] <= options_.clean_above)
      view.plans[rows[k]] = {Treatment::without_target, true, -1};
  }
}

inline std::vector<double> SmallLossMixture::lower_component(std::span<const double> values) const {
  struct Gaussian {
    double weight, mean, variance;
    double density(double x) const {
      return weight * std::exp(-0.5 * (x - mean) * (x - mean) / variance) / std::sqrt(variance);
    }
  };
  // Start from the two halves of the sorted values: no randomness, and the components cannot swap.
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto moments = [&](std::size_t begin, std::size_t end) {
    double sum = 0.0;
    double squares = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += sorted[i];
      squares += sorted[i] * sorted[i];
    }
    const double n = std::max<double>(1.0, static_cast<double>(end - begin));
    return Gaussian{0.5, sum / n, squares / n - sum / n * sum / n + options_.variance_floor};
  };
  Gaussian a = moments(0, sorted.size() / 2);
  Gaussian b = moments(sorted.size() / 2, sorted.size());
  std::vector<double> share(values.size());
  double last = -1e300;
  for (int iteration = 0; iteration <= options_.iterations; ++iteration) {
    double likelihood = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double pa = a.density(values[i]);
      const double both = pa + b.density(values[i]);
      share[i] = both > 0.0 ? pa / both : (values[i] < b.mean ? 1.0 : 0.0);
      likelihood += std::log(std::max(both, 1e-300));
    }
    likelihood /= static_cast<double>(values.size());
    if (iteration == options_.iterations || std::abs(likelihood - last) < options_.tolerance) break;
    last = likelihood;
    for (const bool first : {true, false}) {
      double n = 0.0;
      double sum = 0.0;
      double squares = 0.0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const double r = first ? share[i] : 1.0 - share[i];
        n += r;
        sum += r * values[i];
        squares += r * values[i] * values[i];
      }
      if (!(n > 0.0)) continue;
      const double mean = sum / n;
      Gaussian& component = first ? a : b;
      component.weight = n / static_cast<double>(values.size());
      component.mean = mean;
      component.variance = std::max(0.0, squares / n - mean * mean) + options_.variance_floor;
    }
  }
  if (a.mean > b.mean) {
    for (double& s : share) s = 1.0 - s;
  }
  return share;
}

}  // namespace candist
