// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "candist/concepts.hpp"

namespace candist {

/// The annotator's weights stay the targets: plain distillation from soft or single labels.
struct KeepPrior {
  static constexpr const char* name = "keep_prior";
  static constexpr const char* reference = "the annotation itself";
  CANDIST_HD Refresh refresh() const { return Refresh::never; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float refreshed(RowStats, Cell cell) const { return cell.target; }
};
static_assert(Refinery<KeepPrior>);

}  // namespace candist
