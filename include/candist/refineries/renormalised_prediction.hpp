// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Targets follow the student inside the set: q_j = p_j / P_S (CanDist Eq. 1, "Ren."). Where the
/// prediction comes from: same_forward = PRODEN (Lv et al., ICML 2020); after_step = RC (Feng et
/// al., NeurIPS 2020); before_loss = the gradient of MarginalNll. The first target is the
/// annotator's prior: uniform on the set as published where the candidates carry no weights, else
/// those weights.
struct RenormalisedPrediction {
  static constexpr const char* name = "renormalised_prediction";
  static constexpr const char* reference = "Lv et al., ICML 2020; CanDist Eq. 1";
  Refresh when = Refresh::same_forward;
  CANDIST_HD Refresh refresh() const { return when; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const { return row.share(cell); }
};
static_assert(Refinery<RenormalisedPrediction>);

}  // namespace candist
