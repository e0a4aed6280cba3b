// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A transformer's parameters on the device with their optimizer: to the device and back, and the steps of AdamW.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <ostream>
#include <span>
#include <utility>
#include <vector>

#include "candist/cuda/alternating_staging.hpp"
#include "candist/error.hpp"
#include "candist/optimizers/adamw_options.hpp"
#include "candist/students/cuda_parameter_rooms.cuh"

namespace candist {

/// Rows that the last batch touched, of every table; the lists are on the device.
struct TouchedRows {
  std::array<std::int64_t, embedding_tables> counts = {};
  std::array<const std::int32_t*, embedding_tables> rows = {};
};

/// The work of `compute` on parameters whose places `rooms` has; both have to outlive it. T, Compute: as
/// CudaTransformer has them.
template <class T, class Compute>
class CudaParameters {
 public:
  /// `head`: the first block of the classifier, which has no copies.
  CudaParameters(const ParameterRooms<T>& rooms, int head, Compute& compute);

  void put(std::span<const ParameterBlock> blocks);
  void get(std::span<ParameterBlock> blocks);
  /// The gradients of vectors become 0: passes add to them.
  void clear_vector_gradients() {
    compute_.zero(rooms_.gradients + (rooms_.vectors_begin - rooms_.tables_end),
                  static_cast<std::size_t>(rooms_.size - rooms_.vectors_begin) * sizeof(float));
  }
  /// A step of AdamW, recorded under `work`.
  void step(const AdamWOptions& options, float learning_rate, const TouchedRows& touched,
            std::int64_t work);
  void settle();
  float gradient_norm();
  void save(std::ostream& out);
  void load(std::istream& in);

 private:
  void expect_blocks(std::size_t count) const {
    CANDIST_EXPECT_EQ(count, rooms_.list.size(), "blocks given, blocks of the transformer");
  }
  DeviceBlock<float> described(std::size_t number, const TouchedRows& touched) const;
  void put_step(const TouchedRows& touched);
  DeviceBlocks<float> on_device() const {
    return {rooms_.blocks, static_cast<int>(blocks_.size()), rooms_.most_parts};
  }
  /// visit(place, bytes) for every array of the optimizer's state.
  template <class Visit>
  void visit_state(Visit&& visit);
  /// Bytes to the host and from it, all done.
  void take_bytes(const void* from, std::span<std::byte> to) {
    compute_.to_host(to.data(), from, to.size());
    compute_.wait();
  }
  void put_bytes(void* to, std::span<const std::byte> from) {
    compute_.to_device(to, from.data(), from.size());
    compute_.wait();
  }

  const ParameterRooms<T>& rooms_;
  int head_;
  Compute& compute_;
  std::vector<DeviceBlock<float>> blocks_;  ///< dense ones first, then the tables
  AlternatingStaging<Compute> staged_;  ///< a step's numbers, then the descriptions of the blocks
  AdamWStep now_;
};

// ---- definitions

template <class T, class Compute>
CudaParameters<T, Compute>::CudaParameters(const ParameterRooms<T>& rooms, int head,
                                           Compute& compute)
    : rooms_(rooms), head_(head), compute_(compute) {
  for (std::size_t i = embedding_tables; i < rooms.list.size(); ++i)
    blocks_.push_back(described(i, {}));
  for (std::size_t i = 0; i < embedding_tables; ++i) blocks_.push_back(described(i, {}));
  Arena counted;
  counted.take<AdamWStep>(1);
  counted.take<DeviceBlock<float>>(static_cast<std::int64_t>(blocks_.size()));
  staged_ = AlternatingStaging<Compute>(counted.used());
  put_step({});
}

template <class T, class Compute>
DeviceBlock<float> CudaParameters<T, Compute>::described(std::size_t number,
                                                         const TouchedRows& touched) const {
  const DeviceParameter& parameter = rooms_.list[number];
  DeviceBlock<float> block;
  block.rows = parameter.rows;
  block.width = parameter.width;
  block.decay = parameter.decay;
  block.values = rooms_.values + parameter.first;
  block.first = rooms_.first_moments + parameter.first;
  block.second = rooms_.second_moments + parameter.first;
  if (number < embedding_tables) {
    block.rows = touched.counts[number];
    block.table_rows = parameter.rows;
    block.gradient = rooms_.row_gradients[number];
    block.touched = touched.rows[number];
    block.steps = rooms_.steps[number];
    block.decayed = parameter.decay == Decay::weight ? rooms_.decayed[number] : nullptr;
    return block;
  }
  block.gradient = rooms_.gradient(static_cast<int>(number));
  if constexpr (ParameterRooms<T>::has_copies) {
    const bool of_layer = static_cast<int>(number) > ParameterNumbers::embedding_beta &&
                          static_cast<int>(number) < head_;
    if (of_layer) block.copy = rooms_.copies + (parameter.first - rooms_.tables_end);
  }
  return block;
}

/// The numbers of the step, and the tables as the last batch touched them. The copies run behind the
/// backward pass, while the host may be at the next step.
template <class T, class Compute>
void CudaParameters<T, Compute>::put_step(const TouchedRows& touched) {
  const std::size_t dense = blocks_.size() - embedding_tables;
  for (std::size_t i = 0; i < embedding_tables; ++i) blocks_[dense + i] = described(i, touched);
  number_parts(std::span(blocks_));
  Arena staged(staged_.next());
  auto* now = staged.take<AdamWStep>(1);
  auto* blocks = staged.take<DeviceBlock<float>>(static_cast<std::int64_t>(blocks_.size()));
  *now = now_;
  std::copy(blocks_.begin(), blocks_.end(), blocks);
  compute_.to_device(rooms_.now, now, sizeof *now);
  compute_.to_device(rooms_.blocks, blocks, blocks_.size() * sizeof *blocks);
  staged_.sent(compute_);
}

template <class T, class Compute>
void CudaParameters<T, Compute>::step(const AdamWOptions& options, float learning_rate,
                                      const TouchedRows& touched, std::int64_t work) {
  now_ = now_.next(options, learning_rate);
  put_step(touched);
  const float most = options.max_gradient_norm;
  compute_.run({work, std::bit_cast<std::int32_t>(most), 0, 0}, [&] {
    global_norm(on_device(), most, rooms_.norm_partials, rooms_.norm, compute_.get());
    adamw(on_device(), rooms_.now, &rooms_.norm->scale, compute_.get());
  });
}

template <class T, class Compute>
void CudaParameters<T, Compute>::settle() {
  if (now_.step > 0) adamw_settle(on_device(), rooms_.now, compute_.get());
}

template <class T, class Compute>
void CudaParameters<T, Compute>::put(std::span<const ParameterBlock> blocks) {
  expect_blocks(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const DeviceParameter& parameter = rooms_.list[i];
    CANDIST_EXPECT_EQ(blocks[i].values.size(), parameter.size(), "values given, values of a block");
    put_bytes(rooms_.values + parameter.first, std::as_bytes(blocks[i].values));
    if constexpr (ParameterRooms<T>::has_copies) {
      if (i < embedding_tables) continue;
      std::vector<T> rounded;
      rounded.reserve(blocks[i].values.size());
      for (const float value : blocks[i].values) rounded.push_back(__float2bfloat16(value));
      put_bytes(rooms_.copies + (parameter.first - rooms_.tables_end),
                std::as_bytes(std::span<const T>(rounded)));
    }
  }
}

template <class T, class Compute>
void CudaParameters<T, Compute>::get(std::span<ParameterBlock> blocks) {
  expect_blocks(blocks.size());
  for (std::size_t i = 0; i < blocks.size(); ++i)
    take_bytes(rooms_.values + rooms_.list[i].first, std::as_writable_bytes(blocks[i].values));
}

template <class T, class Compute>
float CudaParameters<T, Compute>::gradient_norm() {
  GradientNorm norm;
  take_bytes(rooms_.norm, std::as_writable_bytes(std::span(&norm, 1)));
  return norm.norm;
}

template <class T, class Compute>
template <class Visit>
void CudaParameters<T, Compute>::visit_state(Visit&& visit) {
  const auto count = static_cast<std::size_t>(rooms_.size);
  visit(rooms_.first_moments, count * sizeof(float));
  visit(rooms_.second_moments, count * sizeof(float));
  for (std::size_t i = 0; i < embedding_tables; ++i) {
    const auto rows = static_cast<std::size_t>(rooms_.list[i].rows);
    visit(rooms_.steps[i], rows * sizeof(std::int64_t));
    visit(rooms_.decayed[i], rows * sizeof(double));
  }
}

template <class T, class Compute>
void CudaParameters<T, Compute>::save(std::ostream& out) {
  out.write(reinterpret_cast<const char*>(&now_), sizeof now_);
  visit_state([&](const void* place, std::size_t bytes) {
    std::vector<std::byte> values(bytes);
    take_bytes(place, values);
    out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(bytes));
  });
}

template <class T, class Compute>
void CudaParameters<T, Compute>::load(std::istream& in) {
  const auto read = [&](void* to, std::size_t bytes) {
    in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    if (!in) throw InputError("the state of the transformer's optimizer is cut off");
  };
  read(&now_, sizeof now_);
  put_bytes(rooms_.now, std::as_bytes(std::span(&now_, 1)));
  visit_state([&](void* place, std::size_t bytes) {
    std::vector<std::byte> values(bytes);
    read(values.data(), bytes);
    put_bytes(place, values);
  });
}

}  // namespace candist
