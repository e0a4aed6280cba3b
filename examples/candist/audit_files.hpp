// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The files of `candist audit`: the labels of a run, the lists that a person fills in, and what was
// filled in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/data/dataset.hpp"
#include "candist/metrics/label_quality.hpp"

namespace candist::program {

/// The labels of a run, one a text.
struct FinalLabels {
  std::string source;
  LabelSpace names;
  StringColumn ids;
  std::vector<std::int32_t> labels;
  std::vector<double> confidences;
  std::vector<std::vector<std::int32_t>> candidates;
  std::vector<CandidateSide> sides;

  std::int64_t rows() const { return ids.size(); }
  std::int64_t count(CandidateSide side) const;
};

/// Reads {"id", "label", "confidence", "candidates"?} lines. Their names must be in `label_file`,
/// if there is one. Throws InputError with file and line.
FinalLabels read_final_labels(const std::string& file, const std::string& label_file);

/// The verdicts of a person on a random sample.
struct Verdicts {
  std::vector<CheckedLabel> checked;
  std::int64_t lines = 0;
  std::int64_t skipped = 0;  ///< lines that are not filled in, with filled ones after them

  std::int64_t open() const { return lines - static_cast<std::int64_t>(checked.size()); }
};

/// Reads a sample.jsonl that is filled in. Throws InputError with file and line for texts that
/// chance did not choose, for an id that is unknown or there twice, for a verdict on another label,
/// for one that is no verdict, and where there is none at all.
Verdicts read_verdicts(const std::string& file, const FinalLabels& labels);

/// Throws InputError where somebody has filled in something in a file that would be overwritten.
void keep_verdicts(const std::filesystem::path& path);

/// How the texts of a list were chosen; only random ones stand for all.
enum class Drawn { random, ranked };

/// A list that a person fills in.
class ListToCheck {
 public:
  /// Shows the texts where there are any; both must outlive the list.
  ListToCheck(const std::filesystem::path& path, const FinalLabels& labels, const Texts* texts,
              Drawn drawn);
  /// Throws InputError where the texts lack this one.
  void add(std::int64_t row, std::optional<double> error = std::nullopt);
  void commit() { file_.commit(); }

 private:
  AtomicFile file_;
  const FinalLabels& labels_;
  const Texts* texts_;
  Drawn drawn_;
  std::optional<IdLookup> rows_;
};

}  // namespace candist::program
