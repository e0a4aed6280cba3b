// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a loss or a refinery sees of one row of logits: `RowStats` (sums over the row) and one
// `Cell`.
//
// Neither ever loops or touches memory: the driver does (kernels/row_loss.hpp on the host, a
// fused kernel on the device), and hands out these two. All logits are given minus the largest of
// their row, so every loss is exactly invariant to a constant added to the row; `RowStats::shift`
// is that largest logit.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/config.hpp"

namespace candist {

/// One class of one row.
struct Cell {
  int label = 0;           ///< the class, 0 ... C - 1
  float logit = 0.0f;      ///< z_j minus the row's largest logit, hence <= 0
  bool candidate = false;  ///< j in S
  float target = 0.0f;     ///< q_j, a constant: no gradient goes through it
  float memory = 0.0f;  ///< second stored table of the refinery (ELR's running prediction); 0 where
                        ///< there is none
};

/// Sums over one row of C logits z with candidate set S, k = |S|. p = softmax(z), P_S = sum of p
/// over S.
struct RowStats {
  static constexpr int max_sums = 4;

  int classes = 0;             ///< C
  int candidates = 0;          ///< k
  int argmax = 0;              ///< label of the largest logit (the first, if several)
  int candidate_argmax = -1;   ///< the same over S; -1 when S is empty
  int chosen = -1;             ///< candidate of the refinery's largest score; -1 without scores
  float shift = 0.0f;          ///< the largest logit, as given
  float lse = 0.0f;            ///< log sum exp of the shifted logits over all classes
  float rest_lse = 0.0f;       ///< the same without the argmax; -inf when C = 1
  float candidate_lse = 0.0f;  ///< the same over S; -inf when S is empty
  float outside_lse = 0.0f;    ///< the same outside S; -inf when S is full
  float candidate_sum = 0.0f;  ///< sum of the shifted logits over S
  float outside_sum = 0.0f;    ///< sum of the shifted logits outside S
  float target_mass = 0.0f;    ///< sum of the targets
  float target_dot = 0.0f;    ///< sum of target times shifted logit (cells of zero target left out)
  float sums[max_sums] = {};  ///< what the loss's own `sum` adds up to

  /// log p_j.
  CANDIST_HD float log_prob(Cell cell) const { return cell.logit - lse; }
  /// p_j.
  CANDIST_HD float prob(Cell cell) const { return expf(cell.logit - lse); }
  /// log(1 - p_j), without cancellation where p_j is close to 1.
  CANDIST_HD float log_other(Cell cell) const {
    return cell.label == argmax ? rest_lse - lse : log1pf(-expf(cell.logit - lse));
  }
  /// p_j / (1 - p_j), without cancellation where p_j is close to 1.
  CANDIST_HD float odds(Cell cell) const {
    const float p = expf(cell.logit - lse);
    return cell.label == argmax ? expf(cell.logit - rest_lse) : p / (1.0f - p);
  }
  /// r_j = p_j / P_S inside S, 0 outside: the renormalised prediction. Finite however small P_S is.
  CANDIST_HD float share(Cell cell) const {
    return cell.candidate ? expf(cell.logit - candidate_lse) : 0.0f;
  }
  /// p_j / (1 - P_S) outside S, 0 inside.
  CANDIST_HD float outside_share(Cell cell) const {
    return cell.candidate ? 0.0f : expf(cell.logit - outside_lse);
  }
  /// log P_S.
  CANDIST_HD float log_candidate_mass() const { return candidate_lse - lse; }
  /// P_S.
  CANDIST_HD float candidate_mass() const { return expf(candidate_lse - lse); }
  /// 1 - P_S.
  CANDIST_HD float outside_mass() const { return expf(outside_lse - lse); }
  /// Is S all classes? Then it says nothing, and losses that divide by C - k are zero.
  CANDIST_HD bool full() const { return candidates == classes; }
};

}  // namespace candist
