// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace candist {

/// One token of a reply with its log-probability (natural logarithm), and the tokens that were most
/// probable in its place, as the endpoint gave them.
struct TokenLogprob {
  std::string token;
  double logprob;
  std::vector<std::pair<std::string, double>> top;
};

}  // namespace candist
