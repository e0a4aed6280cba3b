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

#include "candist/cuda/alternating_staging.hpp"
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
  /// Rows of a matrix, and zeros behind them up to `rows`.
  void put_rows(MatrixView<const float> from, std::int64_t rows, float* to, Compute& compute);
  /// Waits for them.
  void take_rows(const float* from, MatrixView<float> to, Compute& compute);

 private:
  float* rows() { return reinterpret_cast<float*>(rows_.data()); }

  std::size_t mixtures_at_ = 0;  ///< behind the arrays of the largest batch
  AlternatingStaging<Compute> batches_;
  typename Compute::Staging rows_;
  typename Compute::Mark rows_sent_;
};

// ---- definitions

template <class Compute>
CudaStaging<Compute>::CudaStaging(const BatchSize& largest, std::int64_t mixtures,
                                  std::int64_t floats)
    : rows_(static_cast<std::size_t>(floats) * sizeof(float)) {
  Arena counted;
  const BatchArrays arrays(counted, largest);
  mixtures_at_ = counted.used();
  counted.take<LinkedMixture>(mixtures);
  batches_ = AlternatingStaging<Compute>(counted.used());
}

template <class Compute>
auto CudaStaging<Compute>::put_batch(const PackedTexts& texts, const BatchSize& size,
                                     std::int64_t step, int first_position,
                                     const TouchedCounts& rows, BatchArrays& on_device,
                                     Compute& compute) -> TouchedCounts {
  Arena staged(batches_.next());
  const TouchedCounts touched =
      BatchArrays(staged, size).fill(texts, size, step, first_position, rows);
  // Ids are the first array of the batch's room: the same layout, on the device.
  Arena device(reinterpret_cast<std::byte*>(on_device.ids));
  on_device = BatchArrays(device, size);
  compute.to_device(on_device.ids, batches_.filled(), staged.used());
  batches_.sent(compute);
  return touched;
}

template <class Compute>
void CudaStaging<Compute>::put_mixtures(std::span<const LinkedMixture> mixtures, LinkedMixture* to,
                                        Compute& compute) {
  std::byte* place = batches_.filled() + mixtures_at_;
  std::memcpy(place, mixtures.data(), mixtures.size_bytes());
  compute.to_device(to, place, mixtures.size_bytes());
  batches_.sent(compute);
}

template <class Compute>
void CudaStaging<Compute>::put_rows(MatrixView<const float> from, std::int64_t rows, float* to,
                                    Compute& compute) {
  rows_sent_.synchronize();
  std::fill(std::copy_n(from.data, from.size(), this->rows()), this->rows() + rows * from.columns,
            0.0f);
  compute.to_device(to, this->rows(),
                    static_cast<std::size_t>(rows * from.columns) * sizeof(float));
  compute.record(rows_sent_);
}

template <class Compute>
void CudaStaging<Compute>::take_rows(const float* from, MatrixView<float> to, Compute& compute) {
  compute.to_host(rows(), from, to.values().size_bytes());
  compute.wait();
  std::copy_n(rows(), to.size(), to.data);
}

}  // namespace candist
