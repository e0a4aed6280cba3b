// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_cells: the cells of a row as one thread of its group sees them, in registers or, where a row has
// more classes than the group has registers, in memory. Both read and write the same way:
//   each(visit)            visit(cell) for the thread's cells, labels ascending
//   replace_targets(next)  the targets become next(cell)
//   put_targets(row)       writes them into a row [C]
#pragma once

#include <cstdint>

#include "candist/cuda/builtins.cuh"
#include "candist/row_stats.hpp"

namespace candist {

/// Where the cells of a row come from. Rows are [C].
template <class Logit>
struct RowSource {
  const Logit* logits = nullptr;  ///< none: all 0
  float* targets = nullptr;       ///< stored; none: all 0
  float* memory = nullptr;        ///< second stored table; none: all 0
  float* scratch = nullptr;  ///< for targets of this visit, where they do not fit into registers
  int classes = 0;           ///< C
};

namespace detail {

/// Neighbours in memory that are read or written at once, 16 bytes at a time.
template <class T, int Count>
struct alignas(sizeof(T) * Count < 16 ? sizeof(T) * Count : 16) Packed {
  T items[Count];
};

template <int Vector, int Count, class From, class Label>
__device__ void read_row(const From* row, int classes, float (&to)[Count], Label label) {
  CANDIST_UNROLL
  for (int i = 0; i < Count; i += Vector) {
    if (row == nullptr || label(i) >= classes) {
      CANDIST_UNROLL
      for (int v = 0; v < Vector; ++v) to[i + v] = 0.0f;
      continue;
    }
    const auto packed = *reinterpret_cast<const Packed<From, Vector>*>(row + label(i));
    CANDIST_UNROLL
    for (int v = 0; v < Vector; ++v) to[i + v] = to_float(packed.items[v]);
  }
}

}  // namespace detail

/// `Count` cells a thread in registers, of a group of `Threads`: rows of up to Threads * Count classes.
/// `Vector` neighbouring cells are read and written at once; where it is not 1, rows have to begin at
/// multiples of 16 bytes, and C has to be a multiple of it.
template <int Threads, int Count, int Vector>
class RegisterCells {
  static_assert(Count % Vector == 0 && Count <= 32);

 public:
  static constexpr bool in_registers = true;

  /// is_candidate(label): a class of the set?
  template <class Logit, class IsCandidate>
  __device__ RegisterCells(const RowSource<Logit>& row, int rank, IsCandidate is_candidate);

  template <class Visit>
  __device__ void each(Visit visit) const {
    CANDIST_UNROLL
    for (int i = 0; i < Count; ++i) {
      if (label(i) < classes_) visit(cell(i));
    }
  }
  template <class Next>
  __device__ void replace_targets(Next next) {
    CANDIST_UNROLL
    for (int i = 0; i < Count; ++i) {
      if (label(i) < classes_) target_[i] = next(cell(i));
    }
  }
  __device__ void put_targets(float* row) const {
    put(row, [&](int i) { return target_[i]; });
  }
  /// Subtracts the row's largest logit; a row without softmax gets zeros.
  __device__ void shift(float largest, bool defined) {
    CANDIST_UNROLL
    for (int i = 0; i < Count; ++i) logit_[i] = defined ? logit_[i] - largest : 0.0f;
  }
  /// Writes value(cell) of every cell into a row [C].
  template <class To, class Value>
  __device__ void write(To* row, Value value) const {
    put(row, [&](int i) { return value(cell(i)); });
  }
  /// Writes both stored tables; the cells stay as they are.
  template <class Logit, class Target, class Memory>
  __device__ void write_refreshed(const RowSource<Logit>& source, Target target,
                                  Memory memory) const {
    write(source.targets, target);
    write(source.memory, memory);
  }
  /// Keeps the targets of this visit apart from the stored ones, which are about to change.
  __device__ void hold_targets() {}
  /// Takes over the stored tables as they are now.
  template <class Logit>
  __device__ void reload(const RowSource<Logit>& row) {
    const auto place = [&](int i) { return label(i); };
    detail::read_row<Vector>(row.targets, classes_, target_, place);
    detail::read_row<Vector>(row.memory, classes_, memory_, place);
  }

 private:
  __device__ int label(int i) const { return (i / Vector * Threads + rank_) * Vector + i % Vector; }
  __device__ Cell cell(int i) const {
    return {label(i), logit_[i], ((candidates_ >> i) & 1u) != 0, target_[i], memory_[i]};
  }
  template <class To, class Value>
  __device__ void put(To* row, Value value) const;

  float logit_[Count];
  float target_[Count];
  float memory_[Count];
  unsigned candidates_ = 0;
  int classes_;
  int rank_;
};

/// The cells in memory, read anew at every each(). A thread reads and writes its own cells only, so
/// nothing has to be waited for.
template <int Threads, class Logit, class IsCandidate>
class MemoryCells {
 public:
  static constexpr bool in_registers = false;

  __device__ MemoryCells(const RowSource<Logit>& row, int rank, IsCandidate is_candidate)
      : row_(row), targets_(row.targets), rank_(rank), is_candidate_(is_candidate) {}

  template <class Visit>
  __device__ void each(Visit visit) const {
    for (int label = rank_; label < row_.classes; label += Threads) visit(cell(label));
  }
  template <class Next>
  __device__ void replace_targets(Next next) {
    for (int label = rank_; label < row_.classes; label += Threads)
      row_.scratch[label] = next(cell(label));
    targets_ = row_.scratch;
  }
  __device__ void put_targets(float* row) const {
    if (row == targets_) return;
    write(row, [](Cell cell) { return cell.target; });
  }
  __device__ void shift(float largest, bool defined) {
    shift_ = largest;
    defined_ = defined;
  }
  template <class To, class Value>
  __device__ void write(To* row, Value value) const {
    for (int label = rank_; label < row_.classes; label += Threads)
      row[label] = from_float<To>(value(cell(label)));
  }
  template <class Target, class Memory>
  __device__ void write_refreshed(const RowSource<Logit>& source, Target target,
                                  Memory memory) const {
    for (int label = rank_; label < row_.classes; label += Threads) {
      const Cell old = cell(label);
      source.targets[label] = target(old);
      source.memory[label] = memory(old);
    }
  }
  __device__ void hold_targets() {
    replace_targets([](const Cell& cell) { return cell.target; });
  }
  __device__ void reload(const RowSource<Logit>& row) { targets_ = row.targets; }

 private:
  __device__ Cell cell(int label) const {
    float logit = row_.logits == nullptr ? 0.0f : to_float(row_.logits[label]);
    logit = defined_ ? logit - shift_ : 0.0f;
    return {label, logit, is_candidate_(label), targets_ == nullptr ? 0.0f : targets_[label],
            row_.memory == nullptr ? 0.0f : row_.memory[label]};
  }

  RowSource<Logit> row_;
  const float* targets_;
  float shift_ = 0.0f;
  bool defined_ = true;
  int rank_;
  IsCandidate is_candidate_;
};

// ---- definitions

template <int Threads, int Count, int Vector>
template <class Logit, class IsCandidate>
__device__ RegisterCells<Threads, Count, Vector>::RegisterCells(const RowSource<Logit>& row,
                                                                int rank, IsCandidate is_candidate)
    : classes_(row.classes), rank_(rank) {
  const auto place = [&](int i) { return label(i); };
  detail::read_row<Vector>(row.logits, classes_, logit_, place);
  detail::read_row<Vector>(row.targets, classes_, target_, place);
  detail::read_row<Vector>(row.memory, classes_, memory_, place);
  CANDIST_UNROLL
  for (int i = 0; i < Count; ++i) {
    if (label(i) < classes_ && is_candidate(label(i))) candidates_ |= 1u << i;
  }
}

template <int Threads, int Count, int Vector>
template <class To, class Value>
__device__ void RegisterCells<Threads, Count, Vector>::put(To* row, Value value) const {
  CANDIST_UNROLL
  for (int i = 0; i < Count; i += Vector) {
    if (label(i) >= classes_) continue;
    detail::Packed<To, Vector> packed;
    CANDIST_UNROLL
    for (int v = 0; v < Vector; ++v) packed.items[v] = from_float<To>(value(i + v));
    *reinterpret_cast<detail::Packed<To, Vector>*>(row + label(i)) = packed;
  }
}

}  // namespace candist
