// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace candist {

/// The shape of a launch; all of one dimension.
struct LaunchShape {
  unsigned blocks = 1;
  unsigned threads = 1;  ///< of a block
};

}  // namespace candist
