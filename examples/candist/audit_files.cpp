// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "audit_files.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

namespace candist::program {
namespace {

constexpr const char* label_line_shape = "{\"id\", \"label\", \"confidence\", \"candidates\"?}";

std::int32_t label_of(FinalLabels& labels, const JsonLines& lines, std::string_view name,
                      UnknownLabels unknown) {
  if (const auto known = labels.names.find(name)) return *known;
  if (unknown == UnknownLabels::add) return labels.names.add(name);
  lines.fail("label " + quoted(name), "one of " + labels.names.summary());
}

/// What a person filled in: right, wrong, or nothing yet.
std::optional<bool> verdict_of(const FinalLabels& labels, JsonLines& lines,
                               JsonLines::Object object, std::int32_t label) {
  std::optional<bool> verdict;
  JsonLines::Element element;
  if (object["correct"].get(element) == simdjson::SUCCESS && !element.is_null()) {
    bool correct = false;
    if (element.get(correct) != simdjson::SUCCESS)
      lines.fail("\"correct\" that is " + JsonLines::kind(element), "true, false or null");
    verdict = correct;
  }
  const auto gold = lines.string(object, "gold");
  if (!gold) return verdict;
  const auto truth = labels.names.find(*gold);
  if (!truth) {
    lines.fail("\"gold\": " + quoted(*gold),
               "one of " + labels.names.summary() +
                   "; give --labels FILE where a label is nowhere in the labels");
  }
  const bool correct = *truth == label;
  if (verdict && *verdict != correct) {
    lines.fail(std::string("\"correct\": ") + (*verdict ? "true" : "false") +
                   " and \"gold\": " + quoted(*gold),
               "the two to agree: the label is " + quoted(labels.names.name(label)));
  }
  return correct;
}

}  // namespace

std::int64_t FinalLabels::count(CandidateSide side) const {
  return std::count(sides.begin(), sides.end(), side);
}

FinalLabels read_final_labels(const std::string& file, const std::string& label_file) {
  FinalLabels result;
  result.source = file;
  const UnknownLabels unknown = label_file.empty() ? UnknownLabels::add : UnknownLabels::reject;
  if (!label_file.empty()) result.names = read_labels(label_file);
  JsonLines lines(file);
  JsonLines::Object object;
  StringIndex index(result.ids);
  while (lines.next(object)) {
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", label_line_shape);
    result.ids.push_back(*id);
    if (const std::int64_t twin = index.insert(result.rows() - 1); twin >= 0) {
      lines.fail(
          "id " + quoted(*id) + " again (it is that of label " + std::to_string(twin + 1) + ")",
          "every id once");
    }
    const auto name = lines.string(object, "label");
    if (!name) lines.fail("no \"label\"", label_line_shape);
    const std::int32_t label = label_of(result, lines, *name, unknown);
    result.labels.push_back(label);
    JsonLines::Element element;
    double confidence = 0.0;
    if (object["confidence"].get(element) != simdjson::SUCCESS)
      lines.fail("no \"confidence\"", label_line_shape);
    constexpr double rounding = 1e-4;  // of a softmax over many classes
    if (element.get(confidence) != simdjson::SUCCESS || !(confidence >= -rounding) ||
        !(confidence <= 1.0 + rounding)) {
      lines.fail("\"confidence\" that is " + shown(simdjson::to_string(element)),
                 "a number from 0 to 1");
    }
    result.confidences.push_back(std::clamp(confidence, 0.0, 1.0));
    auto& candidates = result.candidates.emplace_back();
    simdjson::dom::array array;
    if (object["candidates"].get(element) == simdjson::SUCCESS && !element.is_null()) {
      if (element.get(array) != simdjson::SUCCESS)
        lines.fail("\"candidates\" that is " + JsonLines::kind(element), "an array of names");
      for (const JsonLines::Element entry : array) {
        std::string_view candidate;
        if (entry.get(candidate) != simdjson::SUCCESS)
          lines.fail("a candidate that is " + JsonLines::kind(entry), "the name of a label");
        candidates.push_back(label_of(result, lines, candidate, unknown));
      }
    }
    const bool inside = std::find(candidates.begin(), candidates.end(), label) != candidates.end();
    result.sides.push_back(candidates.empty() ? CandidateSide::unknown
                           : inside           ? CandidateSide::inside
                                              : CandidateSide::outside);
  }
  if (result.rows() == 0) throw InputError(file, 0, "no labels", "one a text");
  return result;
}

Verdicts read_verdicts(const std::string& file, const FinalLabels& labels) {
  Verdicts verdicts;
  IdLookup rows(labels.ids);
  std::vector<std::int64_t> line_of(static_cast<std::size_t>(labels.rows()));
  JsonLines lines(file);
  JsonLines::Object object;
  std::int64_t open = 0;
  while (lines.next(object)) {
    ++verdicts.lines;
    const auto id = lines.string(object, "id", JsonLines::Numbers::as_text);
    if (!id) lines.fail("no \"id\"", "a line of sample.jsonl");
    const std::int64_t row = rows.find(*id);
    if (row < 0) lines.fail("id " + quoted(*id), "an id of " + labels.source);
    std::int64_t& line = line_of[static_cast<std::size_t>(row)];
    if (line > 0) {
      lines.fail("id " + quoted(*id) + " again (first in line " + std::to_string(line) + ")",
                 "every id once");
    }
    line = lines.line();
    const auto drawn = lines.string(object, "drawn");
    if (!drawn || *drawn != "random") {
      const bool ranked = drawn && *drawn == "ranked";
      lines.fail(ranked  ? "a text out of to_check.jsonl (\"drawn\": \"ranked\")"
                 : drawn ? "\"drawn\": " + quoted(*drawn)
                         : "no \"drawn\"",
                 ranked ? "those of sample.jsonl: texts chosen because they are likely wrong would "
                          "make all labels look worse than they are"
                        : "\"drawn\": \"random\", as in sample.jsonl: only texts that chance chose "
                          "stand for all");
    }
    const std::int32_t label = labels.labels[static_cast<std::size_t>(row)];
    const auto name = lines.string(object, "label");
    if (!name || *name != labels.names.name(label)) {
      lines.fail(name ? "label " + quoted(*name) : "no \"label\"",
                 quoted(labels.names.name(label)) + ", as in " + labels.source +
                     ": the verdict must be on that label");
    }
    const std::optional<bool> verdict = verdict_of(labels, lines, object, label);
    if (!verdict) {
      ++open;
      continue;
    }
    verdicts.skipped = open;
    verdicts.checked.push_back({row, *verdict});
  }
  if (verdicts.checked.empty()) {
    throw InputError(file, 0,
                     verdicts.lines == 0
                         ? "no lines"
                         : "nothing filled in in " + std::to_string(verdicts.lines) + " lines",
                     "\"correct\": true or false, or \"gold\": \"NAME\", in each");
  }
  return verdicts;
}

void keep_verdicts(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return;
  constexpr const char* expected =
      "nothing that would be lost: move the file away, or choose another --out";
  std::int64_t filled_in = 0;
  try {
    JsonLines lines(path);
    JsonLines::Object object;
    while (filled_in == 0 && lines.next(object)) {
      for (const char* key : {"correct", "gold"}) {
        JsonLines::Element element;
        if (object[key].get(element) == simdjson::SUCCESS && !element.is_null())
          filled_in = lines.line();
      }
    }
  } catch (const InputError&) {
    throw InputError(path.string(), 0, "a file that candist audit did not write", expected);
  }
  if (filled_in > 0)
    throw InputError(path.string(), filled_in, "a line that somebody has filled in", expected);
}

ListToCheck::ListToCheck(const std::filesystem::path& path, const FinalLabels& labels,
                         const Texts* texts, Drawn drawn)
    : file_(path), labels_(labels), texts_(texts), drawn_(drawn) {
  if (texts != nullptr) rows_.emplace(texts->ids);
}

void ListToCheck::add(std::int64_t row, std::optional<double> error) {
  const auto r = static_cast<std::size_t>(row);
  nlohmann::ordered_json line{{"id", std::string(labels_.ids[row])}};
  if (texts_ != nullptr) {
    const std::int64_t text = rows_->find(labels_.ids[row]);
    if (text < 0) {
      throw InputError(texts_->source, 0, "no text of id " + quoted(labels_.ids[row]),
                       "the texts of " + labels_.source);
    }
    line["text"] = std::string(texts_->texts[text]);
  }
  line["label"] = labels_.names.name(labels_.labels[r]);
  line["confidence"] = labels_.confidences[r];
  if (!labels_.candidates[r].empty()) {
    auto& names = line["candidates"] = nlohmann::ordered_json::array();
    for (const std::int32_t label : labels_.candidates[r])
      names.push_back(labels_.names.name(label));
  }
  if (error) line["error"] = *error;
  line["drawn"] = drawn_ == Drawn::random ? "random" : "ranked";
  line["correct"] = nullptr;
  file_.write(line.dump() + "\n");
}

}  // namespace candist::program
