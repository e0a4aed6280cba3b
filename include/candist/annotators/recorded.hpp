// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "candist/concepts.hpp"
#include "candist/data/annotation_file.hpp"

namespace candist {

/// Plays back an annotations file, joined to the texts by id.
class RecordedAnnotator {
 public:
  static constexpr const char* name = "recorded";
  RecordedAnnotator(std::filesystem::path file, LabelSpace labels)
      : file_(std::move(file)), labels_(std::move(labels)) {}
  /// Throws InputError where the file does not fit the texts.
  Annotations annotate(const Texts& texts) const { return read_annotations(file_, texts, labels_); }

 private:
  std::filesystem::path file_;
  LabelSpace labels_;
};
static_assert(Annotator<RecordedAnnotator>);

}  // namespace candist
