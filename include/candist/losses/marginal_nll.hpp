// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// Classifier-consistent loss (CC): the negative log-likelihood of "the label is in S", L = -log
/// P_S, dL/dz = p - r with r the renormalised prediction. Its gradient is that of SoftTargetCe on q
/// = r of the same forward pass (the EM identity). Reference: Feng et al., NeurIPS 2020,
/// arXiv:2007.08929.
struct MarginalNll {
  static constexpr const char* name = "marginal_nll";
  static constexpr const char* reference = "Feng et al., NeurIPS 2020";
  CANDIST_HD float value(RowStats row) const { return -row.log_candidate_mass(); }
  CANDIST_HD float dlogit(RowStats row, Cell cell) const {
    return row.prob(cell) - row.share(cell);
  }
};
static_assert(Loss<MarginalNll>);

}  // namespace candist
