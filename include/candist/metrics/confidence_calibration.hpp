// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// From a student's confidences to probabilities that its labels are right, by a few labels that
// somebody has checked.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "candist/error.hpp"
#include "candist/metrics/calibration.hpp"

namespace candist {

/// ln(c / (1 - c)), with c kept in [1e-7, 1 - 1e-7]: a softmax in float says 1 where it is not.
inline double logit(double confidence) {
  constexpr double least = 1e-7;
  const double c = std::clamp(confidence, least, 1.0 - least);
  return std::log(c / (1.0 - c));
}

/// Probability that a label of this confidence is right: sigmoid(slope * logit(c) + intercept).
/// Slope 1 and intercept 0 change nothing; a slope <= 0 says that higher confidences are no better.
struct PlattScaling {
  double slope = 1.0;
  double intercept = 0.0;

  double operator()(double confidence) const {
    return 1.0 / (1.0 + std::exp(-(slope * logit(confidence) + intercept)));
  }
};

/// What fit_platt minimises: the cross entropy of smoothed targets, (R + 1) / (R + 2) for each of
/// the R right labels and 1 / (W + 2) for each of the W wrong ones, as Platt takes them so that
/// separable samples have a finite minimum.
class PlattObjective {
 public:
  struct Value {
    double loss = 0.0;
    double slope_gradient = 0.0;
    double intercept_gradient = 0.0;
    double hessian[3] = {};  ///< slope slope, slope intercept, intercept intercept
  };

  /// `right` is 1 or 0 for each confidence; throws ShapeError for shapes that differ.
  PlattObjective(std::span<const double> confidences, std::span<const std::uint8_t> right);
  Value at(const PlattScaling& scaling) const;

 private:
  std::vector<double> logits_;
  std::vector<double> targets_;
};

/// The minimum of PlattObjective, by Newton's method with halved steps. Labels of one confidence
/// only say nothing about the slope: it is 0 then. Without labels, the identity.
/// Reference: Platt, Advances in Large Margin Classifiers, 1999; Lin, Lin and Weng, Machine
/// Learning 68, 2007.
inline PlattScaling fit_platt(std::span<const double> confidences,
                              std::span<const std::uint8_t> right);

/// One scaling a fold, each fitted without the labels of its fold: label i belongs to fold
/// i % folds. At most as many folds as labels.
struct CrossFitPlatt {
  std::vector<PlattScaling> scalings;
  const PlattScaling& of(std::size_t label) const { return scalings[label % scalings.size()]; }
};
inline CrossFitPlatt cross_fit_platt(std::span<const double> confidences,
                                     std::span<const std::uint8_t> right, int folds = 10);

/// How far probabilities are from what happened.
struct CalibrationError {
  double expected = 0.0;  ///< expected_calibration_error with ten bins
  double brier = 0.0;     ///< mean squared difference: also rewards telling right from wrong
};
inline CalibrationError calibration_error(std::span<const double> probabilities,
                                          std::span<const std::uint8_t> right);

// ---- definitions

inline PlattObjective::PlattObjective(std::span<const double> confidences,
                                      std::span<const std::uint8_t> right) {
  CANDIST_EXPECT_EQ(confidences.size(), right.size(), "confidences, verdicts");
  const auto hits =
      static_cast<double>(std::count_if(right.begin(), right.end(), [](auto r) { return r != 0; }));
  const double misses = static_cast<double>(right.size()) - hits;
  for (std::size_t i = 0; i < right.size(); ++i) {
    logits_.push_back(logit(confidences[i]));
    targets_.push_back(right[i] != 0 ? (hits + 1.0) / (hits + 2.0) : 1.0 / (misses + 2.0));
  }
}

inline PlattObjective::Value PlattObjective::at(const PlattScaling& scaling) const {
  Value value;
  for (std::size_t i = 0; i < logits_.size(); ++i) {
    const double x = logits_[i];
    const double z = scaling.slope * x + scaling.intercept;
    // ln(1 + e^z) - t z, without overflow.
    value.loss += std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - targets_[i] * z;
    const double p = 1.0 / (1.0 + std::exp(-z));
    value.slope_gradient += (p - targets_[i]) * x;
    value.intercept_gradient += p - targets_[i];
    const double w = p * (1.0 - p);
    value.hessian[0] += w * x * x;
    value.hessian[1] += w * x;
    value.hessian[2] += w;
  }
  return value;
}

inline PlattScaling fit_platt(std::span<const double> confidences,
                              std::span<const std::uint8_t> right) {
  const PlattObjective objective(confidences, right);
  if (right.empty()) return {};
  const auto [least, most] = std::minmax_element(confidences.begin(), confidences.end());
  const bool one_confidence = logit(*least) == logit(*most);
  PlattScaling scaling{0.0, 0.0};
  PlattObjective::Value value = objective.at(scaling);
  for (int step = 0; step < 100; ++step) {
    const auto& h = value.hessian;
    double slope_step = 0.0;
    double intercept_step = -value.intercept_gradient / h[2];
    if (!one_confidence) {
      const double a = h[0] * (1.0 + 1e-12) + 1e-12;  // never singular
      const double c = h[2] * (1.0 + 1e-12) + 1e-12;
      const double determinant = a * c - h[1] * h[1];
      slope_step = -(c * value.slope_gradient - h[1] * value.intercept_gradient) / determinant;
      intercept_step = -(a * value.intercept_gradient - h[1] * value.slope_gradient) / determinant;
    }
    const double descent =
        slope_step * value.slope_gradient + intercept_step * value.intercept_gradient;
    if (!(descent < -1e-13 * (1.0 + value.loss))) break;
    double size = 1.0;
    PlattObjective::Value next;
    PlattScaling there;
    do {
      there = {scaling.slope + size * slope_step, scaling.intercept + size * intercept_step};
      next = objective.at(there);
    } while (!(next.loss <= value.loss + 1e-4 * size * descent) && (size *= 0.5) > 1e-10);
    if (!(next.loss < value.loss)) break;
    scaling = there;
    value = next;
  }
  return scaling;
}

inline CrossFitPlatt cross_fit_platt(std::span<const double> confidences,
                                     std::span<const std::uint8_t> right, int folds) {
  CANDIST_EXPECT_EQ(confidences.size(), right.size(), "confidences, verdicts");
  if (folds < 2) throw ShapeError("cross-fitting needs at least two folds");
  CrossFitPlatt fitted;
  const std::size_t count =
      std::max<std::size_t>(1, std::min(right.size(), static_cast<std::size_t>(folds)));
  std::vector<double> others;
  std::vector<std::uint8_t> verdicts;
  for (std::size_t fold = 0; fold < count; ++fold) {
    others.clear();
    verdicts.clear();
    for (std::size_t i = 0; i < right.size(); ++i) {
      if (i % count == fold) continue;
      others.push_back(confidences[i]);
      verdicts.push_back(right[i]);
    }
    fitted.scalings.push_back(fit_platt(others, verdicts));
  }
  return fitted;
}

inline CalibrationError calibration_error(std::span<const double> probabilities,
                                          std::span<const std::uint8_t> right) {
  CANDIST_EXPECT_EQ(probabilities.size(), right.size(), "probabilities, verdicts");
  Predictions predictions;
  std::vector<std::int32_t> gold;
  CalibrationError error;
  for (std::size_t i = 0; i < right.size(); ++i) {
    predictions.labels.push_back(1);
    predictions.confidences.push_back(static_cast<float>(probabilities[i]));
    gold.push_back(right[i] != 0 ? 1 : 0);
    const double miss = (right[i] != 0 ? 1.0 : 0.0) - probabilities[i];
    error.brier += miss * miss / static_cast<double>(right.size());
  }
  error.expected = expected_calibration_error(predictions, gold, 10).value_or(0.0);
  return error;
}

}  // namespace candist
