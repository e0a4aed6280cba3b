// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/parameter_block.hpp"

namespace candist {

/// A table of parameters [buckets, width] of which a batch touches a few rows: sums of rows
/// forward, gradients of the touched rows backward. Rows are padded to a multiple of 8 floats so
/// that the loops over them are whole vectors.
class HashedTable {
 public:
  HashedTable(std::int64_t buckets, int width)
      : width_(width),
        stride_((width + 7) / 8 * 8),
        values_(static_cast<std::size_t>(buckets * stride_)),
        slots_(static_cast<std::size_t>(buckets), no_slot) {}

  int width() const { return width_; }
  std::int64_t stride() const { return stride_; }
  std::vector<float>& values() { return values_; }
  const std::vector<float>& values() const { return values_; }

  /// sum [stride] = scale times the sum of the rows of ids.
  void sum_rows(TokenSpan ids, float scale, float* sum) const {
    std::fill_n(sum, stride_, 0.0f);
    const std::size_t n = ids.size();
    for (std::size_t i = 0; i < n; ++i) {
      if (i + ahead < n) prefetch(ids[i + ahead]);
      const float* row = values_.data() + ids[i] * stride_;
      for (std::int64_t k = 0; k < stride_; k += 8) {
        for (int j = 0; j < 8; ++j) sum[k + j] += row[k + j];
      }
    }
    for (std::int64_t k = 0; k < stride_; ++k) sum[k] *= scale;
  }
  /// Adds g [stride] to the gradient of every row of ids.
  void add_gradient(TokenSpan ids, const float* g) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + ahead < ids.size()) __builtin_prefetch(slots_.data() + ids[i + ahead], 1);
      const std::int32_t id = ids[i];
      std::int32_t& slot = slots_[static_cast<std::size_t>(id)];
      if (slot == no_slot) {
        slot = static_cast<std::int32_t>(touched_.size());
        touched_.push_back(id);
        gradient_.insert(gradient_.end(), g, g + stride_);
        continue;
      }
      float* row = gradient_.data() + slot * stride_;
      for (std::int64_t k = 0; k < stride_; k += 8) {
        for (int j = 0; j < 8; ++j) row[k + j] += g[k + j];
      }
    }
  }
  void zero_gradients() {
    for (const std::int32_t id : touched_) slots_[static_cast<std::size_t>(id)] = no_slot;
    touched_.clear();
    gradient_.clear();
  }
  ParameterBlock block(std::string_view name) {
    return {name,      values_,      static_cast<std::int64_t>(slots_.size()),
            stride_,   Rows::sparse, Decay::weight,
            gradient_, touched_};
  }

 private:
  static constexpr std::int32_t no_slot = -1;
  static constexpr std::size_t ahead = 8;  // rows come from all over the memory: ask for them early
  void prefetch(std::int32_t id) const {
    for (std::int64_t k = 0; k < stride_; k += 16)
      __builtin_prefetch(values_.data() + id * stride_ + k);
  }

  int width_;
  std::int64_t stride_;
  std::vector<float> values_;
  std::vector<std::int32_t> slots_;
  std::vector<std::int32_t> touched_;
  std::vector<float> gradient_;
};

}  // namespace candist
