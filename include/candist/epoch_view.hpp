// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The epoch part of a refinery: from what the student thinks of every row, decide how its target is
// treated.
#pragma once

#include <cstdint>
#include <span>

#include "candist/concepts.hpp"

namespace candist {

/// How a row's stored target is used for the rest of the epoch (CanDist Eq. 5).
enum class Treatment : std::uint8_t {
  as_stored,  ///< the stored target
  sharpened,  ///< the stored target to the power of the refinery's sharpening(), normalised (D_sl)
  one_hot,    ///< the plan's label alone (D_hc)
  without_target,  ///< no loss on this row
};

/// What an epoch part decides for one row.
struct RowPlan {
  Treatment treatment = Treatment::as_stored;
  /// In D_out (Eq. 2): the consistency term of Eq. 9 applies instead of Eq. 8. Never a row without
  /// candidates: it left no set.
  bool outside = false;
  std::int32_t label = -1;  ///< of Treatment::one_hot
};

/// What the student thinks of one row.
struct RowSummary {
  std::int32_t argmax = 0;
  float confidence = 0.0f;         ///< largest p
  bool labelled = false;           ///< S is not empty; without it the row takes part in no choice
  bool inside = true;              ///< argmax in S
  float renormalised_loss = 0.0f;  ///< -sum_j r_j log p_j, r the renormalised p of the same pass
  float stored_loss = 0.0f;        ///< -sum_j q_j log p_j, q the stored target
};

/// Where the predictions come from that an epoch part decides on.
enum class PredictionSource {
  none,             ///< not needed
  evaluation_pass,  ///< a pass over all rows in evaluation mode at the start of the epoch
  last_visit,       ///< the training forward of each row's last visit (free, but stale and noisy)
};

/// All that an epoch part sees and may write, at the start of an epoch.
struct EpochView {
  int epoch = 0;                          ///< from 0
  std::span<const RowSummary> summaries;  ///< [N]; empty where the refinery asked for none
  MatrixView<float> targets;              ///< [N, C], the stored targets
  MatrixView<float> memory;               ///< [N, C], the second table; no rows where there is none
  std::span<RowPlan> plans;               ///< [N], to be written; as_stored at every call
};

}  // namespace candist
