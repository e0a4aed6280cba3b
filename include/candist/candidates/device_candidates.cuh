// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Candidate sets in the memory of the device: the same views, over arrays that lie there.
#pragma once

#include <cstddef>
#include <cstdint>

#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/cuda/arena.hpp"

namespace candist {

// The view over what put(values, count) makes of each of its arrays. Overload it for a view of your own.

template <class Put>
MaskView over_copies(const MaskView& host, Put&& put) {
  const std::int64_t words = host.row_count * ((host.class_count + 63) / 64);
  return {put(host.bits, words), put(host.row_weight, host.row_count), host.row_count,
          host.class_count};
}
template <class Put>
SparseView over_copies(const SparseView& host, Put&& put) {
  const std::int64_t entries = host.offsets[host.row_count];
  return {put(host.offsets, host.row_count + 1), put(host.labels, entries),
          put(host.weights, entries), host.row_count, host.class_count};
}
template <class Put>
DenseView over_copies(const DenseView& host, Put&& put) {
  return {{put(host.weights.data, host.weights.size()), host.weights.rows, host.weights.columns}};
}

/// Owns the device's copy of a view's arrays; view() is for kernels. The copy is done when the stream gets
/// there, and the host's arrays have to last until then. Compute: DeviceStream, or a stand-in. Throws CudaError.
template <class View, class Compute>
class DeviceCandidates {
 public:
  DeviceCandidates(const View& host, Compute& compute) {
    Arena counted;
    over_copies(host, [&]<class T>(const T*, std::int64_t count) -> const T* {
      return counted.take<T>(count);
    });
    memory_ = typename Compute::Memory(counted.used());
    Arena arena(memory_.data());
    view_ = over_copies(host, [&]<class T>(const T* values, std::int64_t count) -> const T* {
      T* place = arena.take<T>(count);
      compute.to_device(place, values, static_cast<std::size_t>(count) * sizeof(T));
      return place;
    });
  }
  const View& view() const { return view_; }

 private:
  typename Compute::Memory memory_;
  View view_;
};

}  // namespace candist
