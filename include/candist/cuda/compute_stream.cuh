// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a student computes on: a stream with its memory, products in it, and work that is recorded once and
// replayed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "candist/cuda/device_stream.cuh"
#include "candist/cuda/graph.cuh"
#include "candist/cuda/linear_products.cuh"

namespace candist {

/// On the current device. Move-only. Throws CudaError.
class ComputeStream : public DeviceStream {
 public:
  /// Names work: what it does, and its sizes.
  using WorkKey = std::array<std::int64_t, 4>;

  explicit ComputeStream(FloatProducts products = FloatProducts::full)
      : products_(get(), products) {}

  LinearProducts& products() { return products_; }

  /// Puts work() into the stream: as it is the first time that its key comes, so that kernels are loaded
  /// and products known; recorded the second time, and replayed from then on. What changes between
  /// two runs of a key has to be read from memory. Recordings take memory of the device, so there is an end
  /// to them: keys that come later run as they are.
  template <class Work>
  void run(const WorkKey& key, Work&& work) {
    const auto known = recorded_.find(key);
    if (known == recorded_.end()) {
      if (recorded_.size() < most_recorded) recorded_.try_emplace(key);
      return std::forward<Work>(work)();
    }
    if (!known->second) known->second.emplace(Graph::captured(get(), std::forward<Work>(work)));
    known->second->replay(get());
  }

 private:
  static constexpr std::size_t most_recorded = 512;

  LinearProducts products_;
  std::map<WorkKey, std::optional<Graph>> recorded_;
};

}  // namespace candist
