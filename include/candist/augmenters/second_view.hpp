// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "candist/text/encoded_texts.hpp"

namespace candist {

/// No second view: the consistency terms are off.
struct NoSecondView {
  static constexpr const char* name = "none";
  void view(std::uint64_t, std::int64_t, TokenSpan, std::vector<std::int32_t>&) const {}
};
static_assert(Augmenter<NoSecondView>);

/// A second view that was prepared for every text: a back-translation (the paper) or a paraphrase,
/// from a data file. Texts whose second view is empty have none.
class SecondView {
 public:
  static constexpr const char* name = "second_view";
  explicit SecondView(EncodedTexts views) : views_(std::move(views)) {}
  void view(std::uint64_t, std::int64_t sample, TokenSpan, std::vector<std::int32_t>& out) const {
    const TokenSpan ids = views_[sample];
    out.assign(ids.begin(), ids.end());
  }

 private:
  EncodedTexts views_;
};
static_assert(Augmenter<SecondView>);

}  // namespace candist
