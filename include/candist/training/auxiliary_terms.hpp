// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The other terms of the method's total loss: consistency between two views, and mixup (CanDist Eq.
// 8-10).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "candist/matrix_view.hpp"
#include "candist/training/auxiliary_rows.hpp"

namespace candist {

/// The weights and the open points (method.md 4.4) of L_total = L_dr + eta (L_cr_in + L_cr_out +
/// L_mix). A weight of 0 switches its term off; all off is the pure loss.
struct AuxiliaryTerms {
  float consistency_in = 0.0f;   ///< Eq. 8: CE of the second view on the target, rows of D_in
  float consistency_out = 0.0f;  ///< Eq. 9: KL between the views, rows of D_out
  float mixup = 0.0f;  ///< Eq. 10: CE of mixed embeddings on mixed targets, rows with a target
  float ramp_epochs = 10.0f;  ///< eta grows linearly from 0 to 1 over these epochs
  int mixup_beta = 4;         ///< omega ~ Beta(4, 4), one a batch

  /// as_drawn: omega; at_least_half: max(omega, 1 - omega), as FreeAL's code does.
  enum class Mixing { as_drawn, at_least_half } mixing = Mixing::at_least_half;
  /// toward_first_view: KL(p || p_aug), p held constant. symmetric: FreeAL's half-and-half, each
  /// side's target constant, the student's side at `temperature`. Both are means over the rows of
  /// D_out in the batch; FreeAL's code takes the sum, which would make the weight of the term grow
  /// with the batch.
  enum class Divergence { toward_first_view, symmetric } divergence = Divergence::toward_first_view;
  float temperature = 0.85f;
  /// Does Eq. 9 apply to all of D_out (as printed) or only to rows that were not rescued?
  enum class OutsideRows { all, without_target } outside_rows = OutsideRows::all;

  bool consistency() const { return consistency_in > 0.0f || consistency_out > 0.0f; }
  /// eta at a point of the training measured in epochs.
  float ramp(double epochs) const {
    return ramp_epochs > 0.0f ? static_cast<float>(std::min(epochs / ramp_epochs, 1.0)) : 1.0f;
  }
};

/// Adds `scale` times the gradient of CE(target, softmax(logits / T)), target [C] held constant, to
/// dlogits [C].
inline void add_cross_entropy_gradient(const float* logits, const float* target, int classes,
                                       float temperature, float scale, float* dlogits);

/// Adds the gradients of a batch's auxiliary rows to dlogits, of the shape of logits [., C]; targets [B, C] are
/// what the loss was given.
inline void add_auxiliary_gradients(std::span<const AuxiliaryRow> auxiliary,
                                    MatrixView<const float> logits, MatrixView<const float> targets,
                                    MatrixView<float> dlogits);

/// softmax(logits) [C].
inline void softmax(const float* logits, int classes, float temperature, float* probabilities);

// ---- definitions

inline void softmax(const float* logits, int classes, float temperature, float* probabilities) {
  float top = logits[0];
  for (int j = 1; j < classes; ++j) top = std::max(top, logits[j]);
  float sum = 0.0f;
  for (int j = 0; j < classes; ++j) {
    probabilities[j] = std::exp((logits[j] - top) / temperature);
    sum += probabilities[j];
  }
  for (int j = 0; j < classes; ++j) probabilities[j] /= sum;
}

inline void add_cross_entropy_gradient(const float* logits, const float* target, int classes,
                                       float temperature, float scale, float* dlogits) {
  std::vector<float> p(static_cast<std::size_t>(classes));
  softmax(logits, classes, temperature, p.data());
  float mass = 0.0f;
  for (int j = 0; j < classes; ++j) mass += target[j];
  for (int j = 0; j < classes; ++j) {
    dlogits[j] += scale / temperature * (mass * p[static_cast<std::size_t>(j)] - target[j]);
  }
}

inline void add_auxiliary_gradients(std::span<const AuxiliaryRow> auxiliary,
                                    MatrixView<const float> logits, MatrixView<const float> targets,
                                    MatrixView<float> dlogits) {
  const int classes = static_cast<int>(logits.columns);
  std::vector<float> target(static_cast<std::size_t>(classes));
  for (const AuxiliaryRow& a : auxiliary) {
    const auto add = [&](std::int64_t row, float temperature, float scale) {
      add_cross_entropy_gradient(logits.row(row), target.data(), classes, temperature, scale,
                                 dlogits.row(row));
    };
    switch (a.target) {
      case AuxiliaryRow::Target::given:
        for (int j = 0; j < classes; ++j) {
          target[static_cast<std::size_t>(j)] =
              a.omega * targets(a.first, j) + (1.0f - a.omega) * targets(a.second, j);
        }
        add(a.row, 1.0f, a.scale);
        break;
      case AuxiliaryRow::Target::first_view:
        softmax(logits.row(a.first), classes, 1.0f, target.data());
        add(a.row, 1.0f, a.scale);
        break;
      case AuxiliaryRow::Target::each_other:
        softmax(logits.row(a.first), classes, 1.0f, target.data());
        add(a.row, a.temperature, 0.5f * a.scale);
        softmax(logits.row(a.row), classes, 1.0f, target.data());
        add(a.first, a.temperature, 0.5f * a.scale);
        break;
    }
  }
}

}  // namespace candist
