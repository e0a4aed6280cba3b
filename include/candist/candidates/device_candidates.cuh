// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Candidate sets in the memory of the device: the same views, over arrays that lie there.
#pragma once

#include <cstddef>
#include <span>

#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/cuda/device_buffer.cuh"

namespace candist {

/// Owns the device's copy of a view's arrays; view() is for kernels. Made from a view of the host; the
/// copy is done when the stream gets there. Throws CudaError. Specialise it for a view of your own.
template <class View>
class DeviceCandidates;

namespace detail {
template <class T>
DeviceBuffer<T> copied_to_device(const T* values, std::size_t count, cudaStream_t stream) {
  DeviceBuffer<T> buffer(count);
  buffer.copy_from_host(std::span<const T>(values, count), stream);
  return buffer;
}
}  // namespace detail

template <>
class DeviceCandidates<MaskView> {
 public:
  DeviceCandidates(const MaskView& host, cudaStream_t stream)
      : bits_(detail::copied_to_device(host.bits, words(host), stream)),
        row_weight_(detail::copied_to_device(host.row_weight,
                                             static_cast<std::size_t>(host.row_count), stream)),
        rows_(host.row_count),
        classes_(host.class_count) {}
  MaskView view() const { return {bits_.data(), row_weight_.data(), rows_, classes_}; }

 private:
  static std::size_t words(const MaskView& host) {
    return static_cast<std::size_t>(host.row_count * ((host.class_count + 63) / 64));
  }
  DeviceBuffer<std::uint64_t> bits_;
  DeviceBuffer<float> row_weight_;
  std::int64_t rows_;
  int classes_;
};

template <>
class DeviceCandidates<SparseView> {
 public:
  DeviceCandidates(const SparseView& host, cudaStream_t stream)
      : offsets_(detail::copied_to_device(host.offsets,
                                          static_cast<std::size_t>(host.row_count) + 1, stream)),
        labels_(detail::copied_to_device(host.labels, entries(host), stream)),
        weights_(detail::copied_to_device(host.weights, entries(host), stream)),
        rows_(host.row_count),
        classes_(host.class_count) {}
  SparseView view() const {
    return {offsets_.data(), labels_.data(), weights_.data(), rows_, classes_};
  }

 private:
  static std::size_t entries(const SparseView& host) {
    return static_cast<std::size_t>(host.offsets[host.row_count]);
  }
  DeviceBuffer<std::int64_t> offsets_;
  DeviceBuffer<std::int32_t> labels_;
  DeviceBuffer<float> weights_;
  std::int64_t rows_;
  int classes_;
};

template <>
class DeviceCandidates<DenseView> {
 public:
  DeviceCandidates(const DenseView& host, cudaStream_t stream)
      : weights_(detail::copied_to_device(host.weights.data,
                                          static_cast<std::size_t>(host.weights.size()), stream)),
        rows_(host.rows()),
        classes_(host.classes()) {}
  DenseView view() const { return {{weights_.data(), rows_, classes_}}; }

 private:
  DeviceBuffer<float> weights_;
  std::int64_t rows_;
  std::int64_t classes_;
};

}  // namespace candist
