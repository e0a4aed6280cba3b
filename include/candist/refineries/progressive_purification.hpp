// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "candist/epoch_view.hpp"
#include "candist/error.hpp"

namespace candist {

struct ProgressivePurificationOptions {
  int warm_up_epochs = 20;  ///< the first epoch after which sets are pruned, counted from 0
  int window = 5;           ///< epochs averaged, and epochs between two prunings; at least 1
  float threshold = 1e-3f;  ///< theta: candidates below theta times the best one are dropped
  float increment = 1e-3f;  ///< relative growth of theta when little changed
  float ceiling = 0.4f;     ///< theta grows no further
};

/// The row part of POP, which kernels take by value.
struct ProgressivePurificationRow {
  static constexpr bool normalizes = true;  // refreshed() is divided by its sum over the row

  CANDIST_HD Refresh refresh() const { return Refresh::same_forward; }
  CANDIST_HD float initial(RowStats, Cell cell) const { return cell.target; }
  CANDIST_HD float initial_memory(RowStats, Cell cell) const {
    return cell.candidate ? 1.0f : 0.0f;
  }
  CANDIST_HD float remembered(RowStats, Cell cell) const { return cell.memory; }
  CANDIST_HD float refreshed(RowStats row, Cell cell) const {
    return row.share(cell) * cell.memory;
  }
};

/// POP: PRODEN whose candidate sets are pruned by the mean target of the last epochs: as in the
/// published code, after every epoch e (from 0) that is a multiple of the window and not below
/// warm_up_epochs. The memory table holds which candidates are still in. Reference: Xu et al., ICML 2023, arXiv:2206.00830.
class ProgressivePurification : public ProgressivePurificationRow {
 public:
  static constexpr const char* name = "progressive_purification";
  static constexpr const char* reference = "Xu et al., ICML 2023";
  static constexpr bool plans_from_tables = true;

  explicit ProgressivePurification(ProgressivePurificationOptions options = {})
      : options_(options), threshold_(options.threshold) {
    if (options.window < 1) {
      throw ShapeError("a window of " + std::to_string(options.window) +
                       " epochs: POP averages targets over at least 1");
    }
  }

  const ProgressivePurificationRow& row_part() const { return *this; }
  PredictionSource predictions(int) const { return PredictionSource::none; }
  void begin_epoch(EpochView& view);

  void save(std::ostream& out) const;
  void load(std::istream& in);

 private:
  ProgressivePurificationOptions options_;
  float threshold_;
  std::vector<std::vector<float>> recent_;  // the targets of the last epochs, oldest first
};
static_assert(Refinery<ProgressivePurification>);

inline void ProgressivePurification::begin_epoch(EpochView& view) {
  const int done = view.epoch - 1;  // the epoch that the stored targets come from
  if (done < 0) return;             // nothing learnt yet: the targets are the annotator's
  recent_.emplace_back(view.targets.data, view.targets.data + view.targets.size());
  if (static_cast<int>(recent_.size()) > options_.window) recent_.erase(recent_.begin());
  if (done < options_.warm_up_epochs || done % options_.window != 0) return;

  std::int64_t changed = 0;
  const std::int64_t classes = view.targets.columns;
  std::vector<float> mean(static_cast<std::size_t>(classes));
  for (std::int64_t row = 0; row < view.targets.rows; ++row) {
    float best = 0.0f;
    for (std::int64_t j = 0; j < classes; ++j) {
      float sum = 0.0f;
      for (const auto& table : recent_) sum += table[static_cast<std::size_t>(row * classes + j)];
      mean[static_cast<std::size_t>(j)] = sum * view.memory(row, j);
      best = std::max(best, mean[static_cast<std::size_t>(j)]);
    }
    if (!(best > 0.0f)) continue;  // an empty set has nothing to prune
    float kept = 0.0f;
    for (std::int64_t j = 0; j < classes; ++j) {
      float& value = mean[static_cast<std::size_t>(j)];
      if (view.memory(row, j) > 0.0f && value < threshold_ * best) {
        view.memory(row, j) = 0.0f;
        value = 0.0f;
        ++changed;
      }
      kept += value;
    }
    for (std::int64_t j = 0; j < classes; ++j) {
      view.targets(row, j) = mean[static_cast<std::size_t>(j)] / kept;
    }
  }
  const bool settled =
      static_cast<double>(changed) < 1e-4 * static_cast<double>(view.targets.size());
  if (settled && threshold_ < options_.ceiling) threshold_ *= 1.0f + options_.increment;
}

inline void ProgressivePurification::save(std::ostream& out) const {
  const std::uint64_t tables = recent_.size();
  const std::uint64_t size = tables == 0 ? 0 : recent_.front().size();
  out.write(reinterpret_cast<const char*>(&threshold_), sizeof threshold_);
  out.write(reinterpret_cast<const char*>(&tables), sizeof tables);
  out.write(reinterpret_cast<const char*>(&size), sizeof size);
  for (const auto& table : recent_) {
    out.write(reinterpret_cast<const char*>(table.data()),
              static_cast<std::streamsize>(table.size() * sizeof(float)));
  }
}

inline void ProgressivePurification::load(std::istream& in) {
  std::uint64_t tables = 0;
  std::uint64_t size = 0;
  in.read(reinterpret_cast<char*>(&threshold_), sizeof threshold_);
  in.read(reinterpret_cast<char*>(&tables), sizeof tables);
  in.read(reinterpret_cast<char*>(&size), sizeof size);
  if (!in) return;  // the caller checks the stream
  recent_.assign(tables, std::vector<float>(size));
  for (auto& table : recent_) {
    in.read(reinterpret_cast<char*>(table.data()),
            static_cast<std::streamsize>(size * sizeof(float)));
  }
}

}  // namespace candist
