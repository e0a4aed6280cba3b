// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

// Losses of a single label j, l(z, j), as functions of its probability p_j: the pieces that
// Targeted, Averaged, Normalized and UnbiasedRisk put together. Each gives the value and the slope
// d l / d log p_j.

/// l(z, j) and dl / d log p_j.
template <class L>
concept LabelLoss = requires(const L loss, RowStats row, Cell cell) {
  { loss.label_value(row, cell) } -> std::same_as<float>;
  { loss.label_slope(row, cell) } -> std::same_as<float>;
};

/// -log p.
struct LogLoss {
  CANDIST_HD float label_value(RowStats row, Cell cell) const { return -row.log_prob(cell); }
  CANDIST_HD float label_slope(RowStats, Cell) const { return -1.0f; }
};

/// (1 - p^q) / q: log loss as q -> 0, 1 - p at q = 1.
struct PowerLoss {
  float q = 0.7f;
  CANDIST_HD float label_value(RowStats row, Cell cell) const {
    return -expm1f(q * row.log_prob(cell)) / q;
  }
  CANDIST_HD float label_slope(RowStats row, Cell cell) const {
    return -expf(q * row.log_prob(cell));
  }
};

/// scale (1 - p).
struct LinearLoss {
  float scale = 1.0f;
  CANDIST_HD float label_value(RowStats row, Cell cell) const {
    return scale * expf(row.log_other(cell));
  }
  CANDIST_HD float label_slope(RowStats row, Cell cell) const { return -scale * row.prob(cell); }
};

/// -(1 - p)^gamma log p.
struct FocalLabelLoss {
  float gamma = 2.0f;
  CANDIST_HD float label_value(RowStats row, Cell cell) const {
    return -rest_to_gamma(row, cell) * row.log_prob(cell);
  }
  /// -(1 - p)^gamma (1 - gamma p log p / (1 - p)): with the power taken out, what is left is finite
  /// for every gamma >= 0, also at p = 1.
  CANDIST_HD float label_slope(RowStats row, Cell cell) const {
    return rest_to_gamma(row, cell) * (gamma * p_log_p_over_rest(row, cell) - 1.0f);
  }

 private:
  /// (1 - p)^gamma; 1 for gamma = 0, also where p = 1.
  CANDIST_HD float rest_to_gamma(RowStats row, Cell cell) const {
    return gamma == 0.0f ? 1.0f : expf(gamma * row.log_other(cell));
  }
  /// p log p / (1 - p): 0 at p = 0 and -1 at p = 1, where its expansion keeps the digits.
  CANDIST_HD static float p_log_p_over_rest(RowStats row, Cell cell) {
    const float log_p = row.log_prob(cell);
    const float rest = expf(row.log_other(cell));
    if (rest < 1e-3f) return -(1.0f - rest) * (1.0f + rest * (0.5f + rest / 3.0f));
    return log_p > -80.0f ? expf(log_p) * log_p / rest : 0.0f;
  }
};

/// Partially Huberised log loss: -log p where p > 1/tau, its tangent below, so the gradient is
/// bounded. Reference: Menon et al., ICLR 2020.
struct HuberLoss {
  float tau = 10.0f;
  CANDIST_HD float label_value(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    return p * tau > 1.0f ? -row.log_prob(cell) : 1.0f + logf(tau) - tau * p;
  }
  CANDIST_HD float label_slope(RowStats row, Cell cell) const {
    const float p = row.prob(cell);
    return p * tau > 1.0f ? -1.0f : -tau * p;
  }
};

static_assert(LabelLoss<LogLoss> && LabelLoss<PowerLoss> && LabelLoss<LinearLoss> &&
              LabelLoss<FocalLabelLoss> && LabelLoss<HuberLoss>);

}  // namespace candist
