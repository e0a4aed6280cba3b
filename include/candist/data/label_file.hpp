// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The labels that a student gave, as JSON Lines: {"id", "label", "confidence", "candidates"?, "gold"?}.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "candist/data/annotations.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/data/dataset.hpp"
#include "candist/data/label_space.hpp"
#include "candist/data/line_reader.hpp"
#include "candist/metrics/accuracy.hpp"

namespace candist {

/// {"id", "label", "confidence"} of one text, in this order.
inline nlohmann::ordered_json label_line(const Texts& texts, std::int64_t row,
                                         const LabelSpace& labels, const Predictions& predictions) {
  const auto r = static_cast<std::size_t>(row);
  nlohmann::ordered_json line;
  line["id"] = std::string(texts.ids[row]);
  line["label"] = labels.name(predictions.labels[r]);
  line["confidence"] = predictions.confidences[r];
  return line;
}

/// Whether a file of labels says what the teacher's candidates were.
enum class Candidates { left_out, written };

/// label_line, "candidates" where asked for ([] where there are none) and "gold" where it is known,
/// for every text. Throws what AtomicFile throws.
inline void write_labels(const std::filesystem::path& path, const Texts& texts,
                         const LabelSpace& labels, const Predictions& predictions,
                         Candidates candidates = Candidates::left_out,
                         const Annotations* annotations = nullptr) {
  AtomicFile file(path);
  for (std::int64_t row = 0; row < texts.rows(); ++row) {
    nlohmann::ordered_json line = label_line(texts, row, labels, predictions);
    if (candidates == Candidates::written) {
      auto& names = line["candidates"] = nlohmann::ordered_json::array();
      if (annotations != nullptr) {
        for (const std::int32_t label : annotations->labels(row))
          names.push_back(labels.name(label));
      }
    }
    const std::int32_t gold = texts.labels[static_cast<std::size_t>(row)];
    if (gold >= 0) line["gold"] = labels.name(gold);
    file.write(line.dump() + "\n");
  }
  file.commit();
}

/// Reads what write_labels wrote for these texts. Throws InputError with file and line for anything
/// that is not it: a text too many or too few, another id, an unknown label.
inline Predictions read_label_file(const std::filesystem::path& path, const Texts& texts,
                                   const LabelSpace& labels) {
  Predictions predictions;
  LineReader lines(path);
  std::string_view line;
  std::int64_t row = 0;
  for (; lines.next(line); ++row) {
    const auto refuse = [&](const std::string& expected) {
      throw InputError(path.string(), lines.number(), quoted(line), expected);
    };
    if (row == texts.rows()) refuse("no more than " + std::to_string(row) + " texts");
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("id") || !json.contains("label") ||
        !json.contains("confidence") || !json["label"].is_string() ||
        !json["confidence"].is_number())
      refuse("{\"id\", \"label\", \"confidence\"}");
    if (json["id"] != texts.ids[row]) refuse("text " + quoted(texts.ids[row]));
    const auto label = labels.find(json["label"].get_ref<const std::string&>());
    if (!label) refuse("a label of the label space");
    predictions.labels.push_back(*label);
    predictions.confidences.push_back(json["confidence"].get<float>());
  }
  if (row != texts.rows()) {
    throw InputError(path.string(), 0, std::to_string(row) + " texts",
                     std::to_string(texts.rows()));
  }
  return predictions;
}

}  // namespace candist
