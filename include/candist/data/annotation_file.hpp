// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "candist/data/annotations.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/dataset.hpp"

namespace candist {

/// What was noteworthy about an annotations file that is not wrong.
struct AnnotationFileReport {
  std::int64_t empty_sets = 0;  ///< texts whose candidates are []
};

/// Reads annotations of `texts`, joined by id and in their order. Throws InputError with file and
/// line for broken lines, unknown labels, a label twice, weights that do not fit, an id twice or of
/// no text, and for texts without a line.
inline Annotations read_annotations(const std::filesystem::path& path, const Texts& texts,
                                    const LabelSpace& labels,
                                    AnnotationFileReport* report = nullptr);

/// Writes one line a text; `annotator` is named in each. Weights are written where they differ
/// within a set, "single" where it is not the first candidate.
inline void write_annotations(const std::filesystem::path& path, const Texts& texts,
                              const LabelSpace& labels, const Annotations& annotations,
                              const std::string& annotator);

// ---- definitions

namespace detail {

/// One line of an annotations file.
struct AnnotationLine {
  std::int64_t line = 0;
  std::vector<std::int32_t> candidates;
  std::vector<float> weights;
  std::int32_t single = -1;
};

inline std::int32_t find_label(const JsonLines& lines, const LabelSpace& labels,
                               std::string_view name) {
  if (const auto label = labels.find(name)) return *label;
  lines.fail("label \"" + std::string(name) + "\"", "one of " + labels.summary());
}

inline AnnotationLine parse_annotation(JsonLines& lines, JsonLines::Object object,
                                       const LabelSpace& labels) {
  AnnotationLine result;
  result.line = lines.line();
  simdjson::dom::array candidates;
  if (object["candidates"].get(candidates) != simdjson::SUCCESS) {
    lines.fail("no array \"candidates\"", "{\"id\": ..., \"candidates\": [\"NAME\", ...]}");
  }
  for (const JsonLines::Element entry : candidates) {
    std::string_view name;
    if (entry.get(name) != simdjson::SUCCESS)
      lines.fail("a candidate that is " + JsonLines::kind(entry), "the name of a label");
    const std::int32_t label = find_label(lines, labels, name);
    if (std::find(result.candidates.begin(), result.candidates.end(), label) !=
        result.candidates.end()) {
      lines.fail("candidate \"" + std::string(name) + "\" twice", "every candidate once");
    }
    result.candidates.push_back(label);
  }
  for (const char* key : {"weights", "votes"}) {
    JsonLines::Element element;
    if (object[key].get(element) != simdjson::SUCCESS || element.is_null()) continue;
    simdjson::dom::array weights;
    if (element.get(weights) != simdjson::SUCCESS)
      lines.fail("\"" + std::string(key) + "\" is " + JsonLines::kind(element),
                 "one number a candidate");
    double sum = 0.0;
    for (const JsonLines::Element entry : weights) {
      double weight = 0.0;
      if (entry.get(weight) != simdjson::SUCCESS || !(weight >= 0.0))
        lines.fail("an entry of \"" + std::string(key) + "\" that is no number >= 0",
                   "one number >= 0 a candidate");
      result.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    if (result.weights.size() != result.candidates.size() ||
        (!result.weights.empty() && !(sum > 0.0))) {
      lines.fail(std::to_string(result.weights.size()) + " " + key + " of sum " +
                     std::to_string(sum) + " for " + std::to_string(result.candidates.size()) +
                     " candidates",
                 "one a candidate, not all 0");
    }
    break;  // weights count where both are given
  }
  if (const auto single = lines.string(object, "single"))
    result.single = find_label(lines, labels, *single);
  return result;
}

}  // namespace detail

inline Annotations read_annotations(const std::filesystem::path& path, const Texts& texts,
                                    const LabelSpace& labels, AnnotationFileReport* report) {
  StringIndex index(texts.ids);
  for (std::int64_t row = 0; row < texts.rows(); ++row) index.insert(row);
  std::vector<detail::AnnotationLine> of_row(static_cast<std::size_t>(texts.rows()));
  JsonLines lines(path);
  JsonLines::Object object;
  std::int64_t read = 0;
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "{\"id\": ..., \"candidates\": [\"NAME\", ...]}");
    const std::int64_t row = index.find(*id);
    if (row < 0)
      lines.fail("id \"" + std::string(*id) + "\"", "the id of a text of " + texts.source);
    detail::AnnotationLine& entry = of_row[static_cast<std::size_t>(row)];
    if (entry.line != 0)
      lines.fail("id \"" + std::string(*id) + "\" again (first in line " +
                     std::to_string(entry.line) + ")",
                 "every id once");
    entry = detail::parse_annotation(lines, object, labels);
    ++read;
  }
  if (read == 0) throw InputError(path.string(), 0, "no annotations", "one a text");
  Annotations annotations(labels.size());
  AnnotationFileReport noteworthy;
  for (std::size_t row = 0; row < of_row.size(); ++row) {
    const detail::AnnotationLine& entry = of_row[row];
    if (entry.line == 0) {
      throw InputError(path.string(), 0,
                       "no annotation of text \"" +
                           std::string(texts.ids[static_cast<std::int64_t>(row)]) + "\" (" +
                           std::to_string(texts.rows() - read) + " of " +
                           std::to_string(texts.rows()) + " texts have none)",
                       "one a text");
    }
    noteworthy.empty_sets += entry.candidates.empty() ? 1 : 0;
    annotations.add(entry.candidates, entry.weights, entry.single);
  }
  if (report != nullptr) *report = noteworthy;
  return annotations;
}

inline void write_annotations(const std::filesystem::path& path, const Texts& texts,
                              const LabelSpace& labels, const Annotations& annotations,
                              const std::string& annotator) {
  CANDIST_EXPECT_EQ(texts.rows(), annotations.rows(), "texts, annotations");
  AtomicFile file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    const auto candidates = annotations.labels(row);
    const auto weights = annotations.weights(row);
    nlohmann::ordered_json line;
    line["id"] = std::string(texts.ids[row]);
    auto& names = line["candidates"] = nlohmann::ordered_json::array();
    for (const std::int32_t label : candidates) names.push_back(labels.name(label));
    const std::int32_t single = annotations.single(row);
    if (single >= 0 && (candidates.empty() || single != candidates.front()))
      line["single"] = labels.name(single);
    if (std::any_of(weights.begin(), weights.end(), [&](float w) { return w != weights.front(); }))
      line["weights"] = weights;
    line["annotator"] = annotator;
    file.write(line.dump() + "\n");
  }
  file.commit();
}

}  // namespace candist
