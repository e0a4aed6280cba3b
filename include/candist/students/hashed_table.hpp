// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/lanes.hpp"
#include "candist/parameter_block.hpp"

namespace candist {

/// A table of parameters [buckets, width] of which a batch touches a few rows: sums of rows
/// forward, gradients of the touched rows backward. Rows are padded to a multiple of 8 floats so
/// that the loops over them are whole vectors.
class HashedTable {
 public:
  HashedTable(std::int64_t buckets, int width)
      : width_(width),
        stride_(stride_of(width)),
        values_(static_cast<std::size_t>(buckets * stride_)),
        slots_(static_cast<std::size_t>(buckets), no_slot) {}

  /// Floats of a row with its padding.
  static constexpr std::int64_t stride_of(int width) { return (width + 7) / 8 * 8; }
  int width() const { return width_; }
  std::int64_t stride() const { return stride_; }
  std::vector<float>& values() { return values_; }
  const std::vector<float>& values() const { return values_; }

  /// sum [stride] = scale times the sum of the rows of ids.
  void sum_rows(TokenSpan ids, float scale, float* sum) const {
    std::int64_t k = 0;
    for (; k + 32 <= stride_; k += 32) sum_columns<32>(ids, k, scale, sum);
    for (; k < stride_; k += 8) sum_columns<8>(ids, k, scale, sum);
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
  /// The part of sum_rows in columns [first, first + count): few enough that the sums stay in
  /// registers.
  template <int count>
  void sum_columns(TokenSpan ids, std::int64_t first, float scale, float* sum) const {
    constexpr int parts = count / 4;
    Float4 sums[parts] = {};
    const float* columns = values_.data() + first;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i + ahead < ids.size()) {
        for (int k = 0; k < count; k += 16)
          __builtin_prefetch(columns + ids[i + ahead] * stride_ + k);
      }
      const float* row = columns + ids[i] * stride_;
      for (int part = 0; part < parts; ++part) sums[part] += Lanes<Float4>{4 * part}.load(row);
    }
    for (int part = 0; part < parts; ++part)
      Lanes<Float4>{first + 4 * part}.store(sum, scale * sums[part]);
  }

  int width_;
  std::int64_t stride_;
  std::vector<float> values_;
  std::vector<std::int32_t> slots_;
  std::vector<std::int32_t> touched_;
  std::vector<float> gradient_;
};

}  // namespace candist
