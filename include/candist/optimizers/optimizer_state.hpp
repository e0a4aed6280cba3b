// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <istream>
#include <memory>
#include <numeric>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/lanes.hpp"
#include "candist/parameter_block.hpp"
#include "candist/worker_team.hpp"

namespace candist {

/// State of one block: a few tables of the block's shape, and for row-sparse blocks what each row
/// still has to catch up with.
struct BlockState {
  std::vector<std::vector<float>> tables;      ///< each [rows * width]
  std::vector<std::vector<float>> row_tables;  ///< each [rows]
  std::vector<double>
      decayed;  ///< row-sparse with decay: the log of the decay that has reached the row
  std::vector<std::int64_t> steps;  ///< row-sparse: the step of the row's last update
};

/// What all optimizers can be told.
struct StepOptions {
  float weight_decay = 0.0f;  ///< decoupled
  float max_gradient_norm =
      0.0f;         ///< gradients of a larger norm, over all blocks, are scaled to it
                    ///< (clipping); 0: never
  int threads = 1;  ///< over the rows of dense blocks; results do not depend on it
};

/// Those among an optimizer's own options.
template <class Options>
StepOptions step_options(const Options& o) {
  return {o.weight_decay, o.max_gradient_norm, o.threads};
}

/// How many tables an optimizer keeps for a block.
struct StateShape {
  int tables = 0;      ///< of the block's shape
  int row_tables = 0;  ///< of one number a row
};

/// The decay and state that all optimizers share. Weight decay is decoupled: w <- (1 - lr wd) w at
/// every step, of all rows. Rows that a step does not touch get theirs late, all missed factors at
/// once, at their next touch or in settle(): the value is then what decaying at every step gives
/// for the row's own updates. Until then it is too large. A forward pass comes before the step that
/// brings the row up to date, so its reads can be late by the decay of the missed steps, (1 - lr
/// wd)^missed: with lr wd = 1e-5 and 1000 missed steps, 1 % of the value. Reads after settle() are
/// exact.
class OptimizerState {
 public:
  OptimizerState(StateShape shape, StepOptions options)
      : shape_(shape),
        weight_decay_(options.weight_decay),
        max_gradient_norm_(options.max_gradient_norm),
        team_(options.threads > 1 ? std::make_shared<WorkerTeam>(options.threads) : nullptr) {}

  /// Begins a step: notes its decay, finds what gradients are to be scaled by, and makes room for
  /// blocks not seen before. Throws InputError
  /// where the decay would take the whole weight or more (lr wd >= 1, or not a number).
  void begin_step(std::span<const ParameterBlock> blocks, float learning_rate) {
    if (weight_decay_ > 0.0f && !(learning_rate * weight_decay_ < 1.0f)) {
      throw InputError("found learning rate " + std::to_string(learning_rate) +
                       " with weight decay " + std::to_string(weight_decay_) +
                       ", expected a product below 1: a step takes that share off every weight");
    }
    ++step;
    gradient_scale_ = 1.0f;
    if (max_gradient_norm_ > 0.0f) {
      gradient_norm_ = norm_of(blocks);
      // As torch.nn.utils.clip_grad_norm_ has it.
      const double scale = static_cast<double>(max_gradient_norm_) / (gradient_norm_ + 1e-6);
      if (scale < 1.0) gradient_scale_ = static_cast<float>(scale);
    }
    factor_ = 1.0f - learning_rate * weight_decay_;
    if (weight_decay_ > 0.0f) log_decay_ += std::log(static_cast<double>(factor_));
    while (blocks_.size() < blocks.size()) {
      const ParameterBlock& block = blocks[blocks_.size()];
      BlockState state;
      state.tables.assign(static_cast<std::size_t>(shape_.tables),
                          std::vector<float>(block.values.size()));
      state.row_tables.assign(static_cast<std::size_t>(shape_.row_tables),
                              std::vector<float>(static_cast<std::size_t>(block.rows)));
      if (block.access == Rows::sparse) {
        state.steps.assign(static_cast<std::size_t>(block.rows), 0);
        if (decays(block)) state.decayed.assign(static_cast<std::size_t>(block.rows), 0.0);
      }
      blocks_.push_back(std::move(state));
    }
  }
  BlockState& operator[](std::size_t block) { return blocks_[block]; }
  /// What the gradients of this step are multiplied by.
  float gradient_scale() const { return gradient_scale_; }
  /// Of the last step, before it was clipped; 0 where nothing is ever clipped.
  double gradient_norm() const { return gradient_norm_; }
  /// Calls work(block, first, last) for consecutive rows of the gradients of all blocks, large blocks
  /// cut up for the threads.
  template <class Work>
  void for_each_part(std::span<const ParameterBlock> blocks, Work&& work) {
    parts_of(blocks);
    if (team_ == nullptr) {
      for (const Part& part : parts_) work(part.block, part.first, part.last);
      return;
    }
    team_->run(static_cast<std::int64_t>(parts_.size()), [&](std::int64_t i) {
      const Part& part = parts_[static_cast<std::size_t>(i)];
      work(part.block, part.first, part.last);
    });
  }
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
      for (const auto& table : state.row_tables) put_vector(out, table);
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
      state.tables.resize(static_cast<std::size_t>(shape_.tables));
      state.row_tables.resize(static_cast<std::size_t>(shape_.row_tables));
      for (auto& table : state.tables) get_vector(in, table);
      for (auto& table : state.row_tables) get_vector(in, table);
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

  struct Part {
    std::size_t block;
    std::int64_t first, last;
  };
  static std::int64_t gradient_rows(const ParameterBlock& block) {
    return block.access == Rows::sparse ? static_cast<std::int64_t>(block.touched.size())
                                        : block.rows;
  }
  /// The same parts whatever the number of threads: sums over them have one order.
  void parts_of(std::span<const ParameterBlock> blocks) {
    constexpr std::int64_t floats = 1 << 16;
    parts_.clear();
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const std::int64_t rows = gradient_rows(blocks[b]);
      const std::int64_t at_once =
          std::max<std::int64_t>(1, floats / std::max<std::int64_t>(1, blocks[b].width));
      for (std::int64_t row = 0; row < rows; row += at_once)
        parts_.push_back({b, row, std::min(row + at_once, rows)});
    }
  }
  double norm_of(std::span<const ParameterBlock> blocks) {
    parts_of(blocks);
    std::vector<double> squares(parts_.size());
    const auto sum = [&](std::int64_t i) {
      const Part& part = parts_[static_cast<std::size_t>(i)];
      const ParameterBlock& block = blocks[part.block];
      double total = 0.0;
      for (std::int64_t row = part.first; row < part.last; ++row)
        total += static_cast<double>(
            sum_of_squares(block.gradient.data() + row * block.width, block.width));
      squares[static_cast<std::size_t>(i)] = total;
    };
    const auto count = static_cast<std::int64_t>(parts_.size());
    if (team_ != nullptr) {
      team_->run(count, sum);
    } else {
      for (std::int64_t i = 0; i < count; ++i) sum(i);
    }
    return std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
  }

  StateShape shape_;
  float weight_decay_;
  float max_gradient_norm_;
  float gradient_scale_ = 1.0f;
  double gradient_norm_ = 0.0;
  std::shared_ptr<WorkerTeam> team_;
  std::vector<Part> parts_;
  float factor_ = 1.0f;
  double log_decay_ = 0.0;
  std::vector<BlockState> blocks_;
};

namespace detail {

// Touched rows lie all over the memory: ask for them early. Always inline: g++ takes a function that
// only prefetches for one without effects, and leaves the call out.
inline constexpr std::int64_t rows_ahead = 8;
[[gnu::always_inline]] inline void prefetch_row(const ParameterBlock& block,
                                                const BlockState& state, std::int64_t i) {
  constexpr std::int64_t line = 64 / sizeof(float);
  const auto row = static_cast<std::size_t>(block.touched[static_cast<std::size_t>(i)]);
  __builtin_prefetch(state.steps.data() + row, 1);
  if (!state.decayed.empty()) __builtin_prefetch(state.decayed.data() + row, 1);
  for (const std::vector<float>& table : state.row_tables)
    __builtin_prefetch(table.data() + row, 1);
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
/// is the number of steps since its last update (1 where it was the step before). The gradient is
/// still to be multiplied by states.gradient_scale(). The one loop behind all optimizers; threads
/// share its rows.
template <class Update>
void for_each_touched_row(OptimizerState& states, std::span<ParameterBlock> blocks,
                          Update&& update) {
  states.for_each_part(blocks, [&](std::size_t b, std::int64_t first, std::int64_t last) {
    ParameterBlock& block = blocks[b];
    BlockState& state = states[b];
    const bool sparse = block.access == Rows::sparse;
    for (std::int64_t i = first; i < last; ++i) {
      if (sparse && i + detail::rows_ahead < last)
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
  });
}

}  // namespace candist
