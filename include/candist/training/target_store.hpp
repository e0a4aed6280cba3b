// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <istream>
#include <ostream>
#include <span>
#include <vector>

#include "candist/epoch_view.hpp"

namespace candist {

/// The state of a refinery over N rows: stored targets [N, C], memory [N, C] where the refinery has
/// one, the plans of the epoch and the latest summaries.
class TargetStore {
 public:
  TargetStore(std::int64_t rows, int classes, bool with_memory)
      : classes_(classes),
        targets_(static_cast<std::size_t>(rows * classes)),
        memory_(with_memory ? targets_.size() : 0),
        plans(static_cast<std::size_t>(rows)),
        summaries(static_cast<std::size_t>(rows)) {}

  std::int64_t rows() const { return static_cast<std::int64_t>(plans.size()); }
  int classes() const { return classes_; }
  MatrixView<float> targets() { return {targets_.data(), rows(), classes_}; }
  MatrixView<float> memory() { return {memory_.data(), memory_.empty() ? 0 : rows(), classes_}; }

  /// Puts the stored target and memory of a row into its cells [C].
  void read(std::int64_t row, std::span<Cell> cells) const {
    const auto begin = static_cast<std::size_t>(row * classes_);
    for (std::size_t j = 0; j < cells.size(); ++j) cells[j].target = targets_[begin + j];
    if (memory_.empty()) return;
    for (std::size_t j = 0; j < cells.size(); ++j) cells[j].memory = memory_[begin + j];
  }
  /// The reverse.
  void write(std::int64_t row, std::span<const Cell> cells) {
    const auto begin = static_cast<std::size_t>(row * classes_);
    for (std::size_t j = 0; j < cells.size(); ++j) targets_[begin + j] = cells[j].target;
    if (memory_.empty()) return;
    for (std::size_t j = 0; j < cells.size(); ++j) memory_[begin + j] = cells[j].memory;
  }

 private:
  std::int64_t classes_;
  std::vector<float> targets_;
  std::vector<float> memory_;

 public:
  std::vector<RowPlan> plans;         ///< [N]
  std::vector<RowSummary> summaries;  ///< [N]

  void save(std::ostream& out) const;
  /// Shapes must be those of the saved store; the caller checks the stream.
  void load(std::istream& in);
};

namespace detail {
template <class T>
void save_values(std::ostream& out, const std::vector<T>& values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
}
template <class T>
void load_values(std::istream& in, std::vector<T>& values) {
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(T)));
}
}  // namespace detail

inline void TargetStore::save(std::ostream& out) const {
  detail::save_values(out, targets_);
  detail::save_values(out, memory_);
  detail::save_values(out, plans);
  detail::save_values(out, summaries);
}
inline void TargetStore::load(std::istream& in) {
  detail::load_values(in, targets_);
  detail::load_values(in, memory_);
  detail::load_values(in, plans);
  detail::load_values(in, summaries);
}

}  // namespace candist
