// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/data/annotations.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/dataset.hpp"

namespace candist {

/// What was noteworthy about an annotations file that is not wrong.
struct AnnotationFileReport {
  std::int64_t empty_sets = 0;     ///< texts whose candidates are []
  std::int64_t skipped_lines = 0;  ///< lines of white space
};

/// Reads annotations of `texts`, joined by id and in their order. "weights" (or else "votes") are
/// normalised to sum 1. "single" counts for plain distillation, whether it is a candidate or not,
/// also where "candidates" is []. Throws InputError with file and line for broken lines, unknown
/// labels, a label twice, weights that do not fit, an id twice or of no text, and for texts without
/// a line.
inline Annotations read_annotations(const std::filesystem::path& path, const Texts& texts,
                                    const LabelSpace& labels,
                                    AnnotationFileReport* report = nullptr);

/// More about a text: adds its keys to the line of a row.
using AnnotationDetails = std::function<void(std::int64_t row, nlohmann::ordered_json& line)>;

/// Writes one line a text; `annotator` is named in each. Weights are written where they differ
/// within a set, "single" where it is not the first candidate.
inline void write_annotations(const std::filesystem::path& path, const Texts& texts,
                              const LabelSpace& labels, const Annotations& annotations,
                              const std::string& annotator, const AnnotationDetails& details = {});

// ---- definitions

namespace detail {

/// The candidates of one line; one object reads all lines.
struct AnnotationLine {
  std::vector<std::int32_t> candidates;
  std::vector<double> weights;  ///< none, or one a candidate
  std::int32_t single = -1;

  void parse(JsonLines& lines, JsonLines::Object object, const LabelSpace& labels);

 private:
  void parse_weights(JsonLines& lines, JsonLines::Object object, const char* key);
  static std::int32_t find_label(const JsonLines& lines, const LabelSpace& labels,
                                 std::string_view name) {
    if (const auto label = labels.find(name)) return *label;
    lines.fail("label " + quoted(name), "one of " + labels.summary());
  }
};

inline void AnnotationLine::parse(JsonLines& lines, JsonLines::Object object,
                                  const LabelSpace& labels) {
  candidates.clear();
  weights.clear();
  simdjson::dom::array array;
  if (object["candidates"].get(array) != simdjson::SUCCESS) {
    lines.fail("no array \"candidates\"", "{\"id\": ..., \"candidates\": [\"NAME\", ...]}");
  }
  for (const JsonLines::Element entry : array) {
    std::string_view name;
    if (entry.get(name) != simdjson::SUCCESS)
      lines.fail("a candidate that is " + JsonLines::kind(entry), "the name of a label");
    const std::int32_t label = find_label(lines, labels, name);
    if (std::find(candidates.begin(), candidates.end(), label) != candidates.end())
      lines.fail("candidate " + quoted(name) + " twice", "every candidate once");
    candidates.push_back(label);
  }
  JsonLines::Element element;
  for (const char* key : {"weights", "votes"}) {
    if (object[key].get(element) != simdjson::SUCCESS || element.is_null()) continue;
    parse_weights(lines, object, key);
    break;  // weights count where both are given
  }
  const auto name = lines.string(object, "single");
  single = name ? find_label(lines, labels, *name) : -1;
}

inline void AnnotationLine::parse_weights(JsonLines& lines, JsonLines::Object object,
                                          const char* key) {
  const JsonLines::Element element = object[key];
  simdjson::dom::array array;
  if (element.get(array) != simdjson::SUCCESS) {
    lines.fail("\"" + std::string(key) + "\" is " + JsonLines::kind(element),
               "one number a candidate");
  }
  double largest = 0.0;
  for (const JsonLines::Element entry : array) {
    double weight = 0.0;
    if (entry.get(weight) != simdjson::SUCCESS || !(weight >= 0.0)) {
      lines.fail("an entry of \"" + std::string(key) + "\" that is no number >= 0",
                 "one number >= 0 a candidate");
    }
    weights.push_back(weight);
    largest = std::max(largest, weight);
  }
  if (weights.size() != candidates.size()) {
    lines.fail(std::to_string(weights.size()) + " " + key + " for " +
                   std::to_string(candidates.size()) + " candidates",
               "one a candidate");
  }
  if (!weights.empty() && largest == 0.0)
    lines.fail("only zeros in \"" + std::string(key) + "\"", "at least one number > 0");
}

}  // namespace detail

inline Annotations read_annotations(const std::filesystem::path& path, const Texts& texts,
                                    const LabelSpace& labels, AnnotationFileReport* report) {
  constexpr std::int64_t none = -1;
  IdLookup rows(texts.ids);
  Annotations as_read(labels.size());
  std::vector<std::int64_t> line_of;  // of every annotation as read
  std::vector<std::int64_t> place(static_cast<std::size_t>(texts.rows()), none);  // of every text
  AnnotationFileReport noteworthy;
  JsonLines lines(path);
  JsonLines::Object object;
  detail::AnnotationLine entry;
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "{\"id\": ..., \"candidates\": [\"NAME\", ...]}");
    const std::int64_t row = rows.find(*id);
    if (row < 0) lines.fail("id " + quoted(*id), "the id of a text of " + texts.source);
    std::int64_t& at = place[static_cast<std::size_t>(row)];
    if (at != none) {
      lines.fail("id " + quoted(*id) + " again (first in line " +
                     std::to_string(line_of[static_cast<std::size_t>(at)]) + ")",
                 "every id once");
    }
    at = as_read.rows();
    line_of.push_back(lines.line());
    entry.parse(lines, object, labels);
    noteworthy.empty_sets += entry.candidates.empty() ? 1 : 0;
    as_read.add(entry.candidates, entry.weights, entry.single);
  }
  noteworthy.skipped_lines = lines.skipped();
  if (as_read.rows() == 0) throw InputError(path.string(), 0, "no annotations", "one a text");
  if (const auto gap = std::find(place.begin(), place.end(), none); gap != place.end()) {
    throw InputError(path.string(), 0,
                     "no annotation of text " + quoted(texts.ids[gap - place.begin()]) + " (" +
                         std::to_string(texts.rows() - as_read.rows()) + " of " +
                         std::to_string(texts.rows()) + " texts have none)",
                     "one a text");
  }
  if (report != nullptr) *report = noteworthy;
  return std::is_sorted(place.begin(), place.end()) ? std::move(as_read) : as_read.select(place);
}

inline void write_annotations(const std::filesystem::path& path, const Texts& texts,
                              const LabelSpace& labels, const Annotations& annotations,
                              const std::string& annotator, const AnnotationDetails& details) {
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
    if (details) details(row, line);
    file.write(line.dump() + "\n");
  }
  file.commit();
}

}  // namespace candist
