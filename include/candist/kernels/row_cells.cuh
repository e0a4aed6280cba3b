// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_cells: the cells of a row as one thread of its group sees them, in registers or, where a row has
// more classes than the group has registers, in memory. Both read and write the same way:
//   each(visit)         visit(cell) for the thread's cells, labels ascending
//   write(row, value)   value(cell) into a row [C]; write_refreshed: into both stored tables
//   shift(largest, ..)  subtracts the row's largest logit
//   make_one_hot, sharpen, divide_targets
//                       the targets become those of this visit. Registers are overwritten; in memory they are
//                       made anew from the stored ones whenever they are read, so that they need no room
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
  int first = 0;                  ///< the labels [first, end) are the block's: all, or a stretch
  int end = 0;
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

/// A target relative to the row's largest one, to the power of `sharpening`.
__device__ inline float sharpened(float target, float largest, float sharpening) {
  return target > 0.0f ? powf(target / largest, sharpening) : 0.0f;
}

}  // namespace detail

/// `Count` cells a thread in registers, of `Threads`: stretches of up to Threads * Count classes.
/// `Vector` neighbouring cells are read and written at once; where it is not 1, stretches have to
/// begin at multiples of 16 bytes, and C has to be a multiple of it.
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
      if (label(i) < end_) visit(cell(i));
    }
  }
  template <class Next>
  __device__ void replace_targets(Next next) {
    CANDIST_UNROLL
    for (int i = 0; i < Count; ++i) {
      if (label(i) < end_) target_[i] = next(cell(i));
    }
  }
  __device__ void make_one_hot(int label) {
    replace_targets([&](const Cell& cell) { return cell.label == label ? 1.0f : 0.0f; });
  }
  __device__ void sharpen(float largest, float sharpening) {
    replace_targets(
        [&](const Cell& cell) { return detail::sharpened(cell.target, largest, sharpening); });
  }
  __device__ void divide_targets(float divisor) {
    replace_targets([&](const Cell& cell) { return cell.target / divisor; });
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
  /// Takes over the stored tables as they are now.
  template <class Logit>
  __device__ void reload(const RowSource<Logit>& row) {
    const auto place = [&](int i) { return label(i); };
    detail::read_row<Vector>(row.targets, end_, target_, place);
    detail::read_row<Vector>(row.memory, end_, memory_, place);
  }

 private:
  __device__ int label(int i) const { return start_ + i / Vector * Vector * Threads + i % Vector; }
  __device__ Cell cell(int i) const {
    return {label(i), logit_[i], ((candidates_ >> i) & 1u) != 0, target_[i], memory_[i]};
  }
  template <class To, class Value>
  __device__ void put(To* row, Value value) const;

  float logit_[Count];
  float target_[Count];
  float memory_[Count];
  unsigned candidates_ = 0;
  int start_;
  int end_;
};

/// The cells in memory, read anew at every each(). A thread reads and writes its own cells only, so
/// nothing has to be waited for.
template <int Threads, class Logit, class IsCandidate>
class MemoryCells {
 public:
  static constexpr bool in_registers = false;

  __device__ MemoryCells(const RowSource<Logit>& row, int rank, IsCandidate is_candidate)
      : row_(row), start_(row.first + rank), is_candidate_(is_candidate) {}

  template <class Visit>
  __device__ void each(Visit visit) const {
    for (int label = start_; label < row_.end; label += Threads) visit(cell(label));
  }
  __device__ void make_one_hot(int label) { one_hot_ = label; }
  __device__ void sharpen(float largest, float sharpening) {
    largest_ = largest;
    sharpening_ = sharpening;
  }
  __device__ void divide_targets(float divisor) { divisor_ = divisor; }
  /// The targets are the stored ones again.
  __device__ void forget_treatment() {
    one_hot_ = -1;
    largest_ = 0.0f;
  }
  __device__ void shift(float largest, bool defined) {
    shift_ = largest;
    defined_ = defined;
  }
  template <class To, class Value>
  __device__ void write(To* row, Value value) const {
    each([&](const Cell& cell) { row[cell.label] = from_float<To>(value(cell)); });
  }
  template <class Target, class Memory>
  __device__ void write_refreshed(const RowSource<Logit>& source, Target target,
                                  Memory memory) const {
    each([&](const Cell& old) {
      source.targets[old.label] = target(old);
      source.memory[old.label] = memory(old);
    });
  }
  __device__ void reload(const RowSource<Logit>&) {}  // they always are as they are now

 private:
  __device__ Cell cell(int label) const {
    const float logit = row_.logits == nullptr ? 0.0f : to_float(row_.logits[label]);
    return {label, defined_ ? logit - shift_ : 0.0f, is_candidate_(label), target(label),
            row_.memory == nullptr ? 0.0f : row_.memory[label]};
  }
  __device__ float target(int label) const {
    if (one_hot_ >= 0) return label == one_hot_ ? 1.0f : 0.0f;
    const float stored = row_.targets == nullptr ? 0.0f : row_.targets[label];
    return largest_ > 0.0f ? detail::sharpened(stored, largest_, sharpening_) / divisor_ : stored;
  }

  RowSource<Logit> row_;
  int start_;
  int one_hot_ = -1;      // the label that has all the mass, if any
  float largest_ = 0.0f;  // of the stored targets, where they are sharpened
  float sharpening_ = 1.0f;
  float divisor_ = 1.0f;
  float shift_ = 0.0f;
  bool defined_ = true;
  IsCandidate is_candidate_;
};

// ---- definitions

template <int Threads, int Count, int Vector>
template <class Logit, class IsCandidate>
__device__ RegisterCells<Threads, Count, Vector>::RegisterCells(const RowSource<Logit>& row,
                                                                int rank, IsCandidate is_candidate)
    : start_(row.first + rank * Vector), end_(row.end) {
  const auto place = [&](int i) { return label(i); };
  detail::read_row<Vector>(row.logits, end_, logit_, place);
  detail::read_row<Vector>(row.targets, end_, target_, place);
  detail::read_row<Vector>(row.memory, end_, memory_, place);
  CANDIST_UNROLL
  for (int i = 0; i < Count; ++i) {
    if (label(i) < end_ && is_candidate(label(i))) candidates_ |= 1u << i;
  }
}

template <int Threads, int Count, int Vector>
template <class To, class Value>
__device__ void RegisterCells<Threads, Count, Vector>::put(To* row, Value value) const {
  CANDIST_UNROLL
  for (int i = 0; i < Count; i += Vector) {
    if (label(i) >= end_) continue;
    detail::Packed<To, Vector> packed;
    CANDIST_UNROLL
    for (int v = 0; v < Vector; ++v) packed.items[v] = from_float<To>(value(i + v));
    *reinterpret_cast<detail::Packed<To, Vector>*>(row + label(i)) = packed;
  }
}

}  // namespace candist
