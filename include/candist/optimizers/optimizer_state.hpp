// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <istream>
#include <ostream>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/parameter_block.hpp"

namespace candist {

/// A row of a block as an array of Eigen's, for element-wise arithmetic in whole vectors.
template <class T>
using RowMap =
    std::conditional_t<std::is_const_v<T>,
                       Eigen::Map<const Eigen::Array<std::remove_const_t<T>, 1, Eigen::Dynamic>>,
                       Eigen::Map<Eigen::Array<T, 1, Eigen::Dynamic>>>;

/// State of one block: a few tables of the block's shape, and for row-sparse blocks what each row
/// still has to catch up with.
struct BlockState {
  std::vector<std::vector<float>> tables;
  std::vector<double>
      decayed;  ///< row-sparse with decay: the log of the decay that has reached the row
  std::vector<std::int64_t> steps;  ///< row-sparse: the step of the row's last update
};

/// The decay and state that all optimizers share. Weight decay is decoupled: w <- (1 - lr wd) w at
/// every step. Rows that a step does not touch get theirs at their next touch, all missed factors
/// at once, so the result is that of decaying every row at every step.
class OptimizerState {
 public:
  OptimizerState(int tables, float weight_decay) : tables_(tables), weight_decay_(weight_decay) {}

  /// Begins a step: notes its decay and makes room for blocks not seen before.
  void begin_step(std::span<const ParameterBlock> blocks, float learning_rate) {
    ++step;
    factor_ = 1.0f - learning_rate * weight_decay_;
    if (weight_decay_ > 0.0f) log_decay_ += std::log(static_cast<double>(factor_));
    while (blocks_.size() < blocks.size()) {
      const ParameterBlock& block = blocks[blocks_.size()];
      BlockState state;
      state.tables.assign(static_cast<std::size_t>(tables_),
                          std::vector<float>(block.values.size()));
      if (block.access == Rows::sparse) {
        state.steps.assign(static_cast<std::size_t>(block.rows), 0);
        if (decays(block)) state.decayed.assign(static_cast<std::size_t>(block.rows), 0.0);
      }
      blocks_.push_back(std::move(state));
    }
  }
  BlockState& operator[](std::size_t block) { return blocks_[block]; }
  bool decays(const ParameterBlock& block) const {
    return weight_decay_ > 0.0f && block.decay == Decay::weight;
  }
  /// The factor of this step's decay for a dense block.
  float factor(const ParameterBlock& block) const { return decays(block) ? factor_ : 1.0f; }
  /// The factor of all decay that has not reached a row yet; it counts as reached afterwards.
  float catch_up(BlockState& state, std::int64_t row) const {
    double& reached = state.decayed[static_cast<std::size_t>(row)];
    return static_cast<float>(std::exp(log_decay_ - std::exchange(reached, log_decay_)));
  }
  /// Brings all rows of all blocks up to date.
  void settle(std::span<ParameterBlock> blocks) {
    for (std::size_t b = 0; b < std::min(blocks.size(), blocks_.size()); ++b) {
      if (blocks_[b].decayed.empty()) continue;
      for (std::int64_t row = 0; row < blocks[b].rows; ++row) {
        if (blocks_[b].decayed[static_cast<std::size_t>(row)] == log_decay_) continue;
        const float factor = catch_up(blocks_[b], row);
        for (std::int64_t k = 0; k < blocks[b].width; ++k)
          blocks[b].values[static_cast<std::size_t>(row * blocks[b].width + k)] *= factor;
      }
    }
  }

  void save(std::ostream& out) const {
    const std::uint64_t count = blocks_.size();
    put(out, &step, 1);
    put(out, &log_decay_, 1);
    put(out, &count, 1);
    for (const BlockState& state : blocks_) {
      for (const auto& table : state.tables) put_vector(out, table);
      put_vector(out, state.decayed);
      put_vector(out, state.steps);
    }
  }
  /// The stream's state tells whether all was there.
  void load(std::istream& in) {
    std::uint64_t count = 0;
    get(in, &step, 1);
    get(in, &log_decay_, 1);
    get(in, &count, 1);
    blocks_.clear();
    for (std::uint64_t b = 0; in && b < count; ++b) {
      BlockState state;
      state.tables.resize(static_cast<std::size_t>(tables_));
      for (auto& table : state.tables) get_vector(in, table);
      get_vector(in, state.decayed);
      get_vector(in, state.steps);
      blocks_.push_back(std::move(state));
    }
  }

  std::int64_t step = 0;  ///< steps begun

 private:
  template <class T>
  static void put(std::ostream& out, const T* data, std::size_t count) {
    out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(count * sizeof(T)));
  }
  template <class T>
  static void put_vector(std::ostream& out, const std::vector<T>& values) {
    const std::uint64_t count = values.size();
    put(out, &count, 1);
    put(out, values.data(), values.size());
  }
  template <class T>
  static void get(std::istream& in, T* data, std::size_t count) {
    in.read(reinterpret_cast<char*>(data), static_cast<std::streamsize>(count * sizeof(T)));
  }
  template <class T>
  static void get_vector(std::istream& in, std::vector<T>& values) {
    std::uint64_t count = 0;
    get(in, &count, 1);
    constexpr std::uint64_t sane = std::uint64_t{1}
                                   << 36;  // a broken file must not ask for all memory
    if (!in || count > sane) {
      in.setstate(std::ios::failbit);
      return;
    }
    values.resize(count);
    get(in, values.data(), values.size());
  }

  int tables_;
  float weight_decay_;
  float factor_ = 1.0f;
  double log_decay_ = 0.0;
  std::vector<BlockState> blocks_;
};

namespace detail {

// Touched rows lie all over the memory: ask for them early.
inline constexpr std::int64_t rows_ahead = 8;
inline void prefetch_row(const ParameterBlock& block, const BlockState& state, std::int64_t i) {
  constexpr std::int64_t line = 64 / sizeof(float);
  const auto row = static_cast<std::size_t>(block.touched[static_cast<std::size_t>(i)]);
  __builtin_prefetch(state.steps.data() + row, 1);
  if (!state.decayed.empty()) __builtin_prefetch(state.decayed.data() + row, 1);
  const std::int64_t begin = block.touched[static_cast<std::size_t>(i)] * block.width;
  for (std::int64_t k = 0; k < block.width; k += line) {
    __builtin_prefetch(block.values.data() + begin + k, 1);
    for (const std::vector<float>& table : state.tables)
      __builtin_prefetch(table.data() + begin + k, 1);
  }
}

}  // namespace detail

/// Calls update(block, state, row, values, gradient, missed) for every row of every block that has
/// a gradient, after the row's decay: `row` begins at row * width in the state's tables, `missed`
/// is the number of steps since its last update (1 where it was the step before). The one loop
/// behind all optimizers.
template <class Update>
void for_each_touched_row(OptimizerState& states, std::span<ParameterBlock> blocks,
                          Update&& update) {
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    ParameterBlock& block = blocks[b];
    BlockState& state = states[b];
    const bool sparse = block.access == Rows::sparse;
    const std::int64_t rows = sparse ? static_cast<std::int64_t>(block.touched.size()) : block.rows;
    for (std::int64_t i = 0; i < rows; ++i) {
      if (sparse && i + detail::rows_ahead < rows)
        detail::prefetch_row(block, state, i + detail::rows_ahead);
      const std::int64_t row = sparse ? block.touched[static_cast<std::size_t>(i)] : i;
      float* values = block.values.data() + row * block.width;
      const float* gradient = block.gradient.data() + i * block.width;
      std::int64_t missed = 1;
      float factor = states.factor(block);
      if (sparse) {
        if (!state.decayed.empty()) factor = states.catch_up(state, row);
        missed =
            states.step - std::exchange(state.steps[static_cast<std::size_t>(row)], states.step);
      }
      if (factor != 1.0f) {
        for (std::int64_t k = 0; k < block.width; ++k) values[k] *= factor;
      }
      update(block, state, row, values, gradient, missed);
    }
  }
}

}  // namespace candist
