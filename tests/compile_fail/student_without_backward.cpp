// expect: student.backward(dlogits)
// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/concepts.hpp"
struct ForwardOnly {
  static constexpr const char* name = "forward_only";
  int classes() const { return 2; }
  void encode(std::string_view, std::vector<std::int32_t>&) const {}
  void forward(candist::TextBatch, candist::Mode, candist::MatrixView<float>) {}
  void zero_gradients() {}
  void blocks() {}
};
static_assert(candist::Student<ForwardOnly>);
