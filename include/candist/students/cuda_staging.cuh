// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The way between a student's matrices on the device and the host: pinned memory, filled while the device
// works on what went before.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "candist/kernels/mixtures.cuh"
#include "candist/matrix_view.hpp"
#include "candist/students/cuda_batch.cuh"

namespace candist {

/// Room for the largest batch, twice. Compute: as CudaTransformer has it.
template <class Compute>
class CudaStaging {
 public:
  using TouchedCounts = std::array<std::int64_t, embedding_tables>;

  CudaStaging() = default;
  /// `floats`: of the largest matrix that goes either way.
  CudaStaging(const BatchSize& largest, std::int64_t mixtures, std::int64_t floats);

  /// Puts a batch into the arrays' room on the device and lays them out for its size; how many rows of each table
  /// are touched. rows: of the tables.
  TouchedCounts put_batch(const PackedTexts& texts, const BatchSize& size, std::int64_t step,
                          int first_position, const TouchedCounts& rows, BatchArrays& on_device,
                          Compute& compute);
  /// Of the batch put last.
  void put_mixtures(std::span<const LinkedMixture> mixtures, LinkedMixture* to, Compute& compute);
  /// Rows of a matrix, and zeros behind them up to `rows`. Nothing else may be on its way.
  void put_rows(MatrixView<const float> from, std::int64_t rows, float* to, Compute& compute);
  /// Waits for them.
  void take_rows(const float* from, MatrixView<float> to, Compute& compute);

 private:
  struct Batch {
    typename Compute::Staging arrays;
    typename Compute::Staging mixtures;
    typename Compute::Mark sent;
  };
  float* rows() { return reinterpret_cast<float*>(rows_.data()); }

  std::array<Batch, 2> batches_;
  std::size_t filled_ = 0;  ///< the one put last
  typename Compute::Staging rows_;
};

// ---- definitions

template <class Compute>
CudaStaging<Compute>::CudaStaging(const BatchSize& largest, std::int64_t mixtures,
                                  std::int64_t floats)
    : rows_(static_cast<std::size_t>(floats) * sizeof(float)) {
  Arena counted;
  const BatchArrays arrays(counted, largest);
  for (Batch& batch : batches_) {
    batch.arrays = typename Compute::Staging(counted.used());
    batch.mixtures =
        typename Compute::Staging(static_cast<std::size_t>(mixtures) * sizeof(LinkedMixture));
  }
}

template <class Compute>
auto CudaStaging<Compute>::put_batch(const PackedTexts& texts, const BatchSize& size,
                                     std::int64_t step, int first_position,
                                     const TouchedCounts& rows, BatchArrays& on_device,
                                     Compute& compute) -> TouchedCounts {
  filled_ = 1 - filled_;
  Batch& batch = batches_[filled_];
  batch.sent.synchronize();  // it may still be on its way
  Arena staged(batch.arrays.data());
  const TouchedCounts touched =
      BatchArrays(staged, size).fill(texts, size, step, first_position, rows);
  // Ids are the first array of the batch's room: the same layout, on the device.
  Arena device(reinterpret_cast<std::byte*>(on_device.ids));
  on_device = BatchArrays(device, size);
  compute.to_device(on_device.ids, batch.arrays.data(), staged.used());
  compute.record(batch.sent);
  return touched;
}

template <class Compute>
void CudaStaging<Compute>::put_mixtures(std::span<const LinkedMixture> mixtures, LinkedMixture* to,
                                        Compute& compute) {
  Batch& batch = batches_[filled_];  // its last mixtures had gone before it was filled
  std::memcpy(batch.mixtures.data(), mixtures.data(), mixtures.size_bytes());
  compute.to_device(to, batch.mixtures.data(), mixtures.size_bytes());
  compute.record(batch.sent);
}

template <class Compute>
void CudaStaging<Compute>::put_rows(MatrixView<const float> from, std::int64_t rows, float* to,
                                    Compute& compute) {
  std::fill(std::copy_n(from.data, from.size(), this->rows()), this->rows() + rows * from.columns,
            0.0f);
  compute.to_device(to, this->rows(),
                    static_cast<std::size_t>(rows * from.columns) * sizeof(float));
}

template <class Compute>
void CudaStaging<Compute>::take_rows(const float* from, MatrixView<float> to, Compute& compute) {
  compute.to_host(rows(), from, to.values().size_bytes());
  compute.wait();
  std::copy_n(rows(), to.size(), to.data);
}

}  // namespace candist
