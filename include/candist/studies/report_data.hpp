// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a study came to for other programs: JSON and CSV.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/studies/findings.hpp"
#include "candist/studies/report_text.hpp"
#include "candist/studies/study_folder.hpp"

namespace candist {

/// summary.json.
inline nlohmann::ordered_json json_report(const StudyFindings& findings);
/// One line a run for pandas: the scalars of every object of `runs`, and a header. A field that a run
/// lacks is empty.
inline std::string csv_of(const std::vector<nlohmann::ordered_json>& runs);

// ---- definitions

namespace detail {
inline nlohmann::ordered_json comparison_json(const ComparedComposition& line) {
  nlohmann::ordered_json json;
  json["standing"] = name_of(line.standing);
  json["paired_seeds"] = line.paired_seeds;
  json["difference"] = json_or_null(line.difference);
  json["difference_interval_95"] = nullptr;
  if (line.over_seeds)
    json["difference_interval_95"] = {line.over_seeds->interval.low,
                                      line.over_seeds->interval.high};
  json["p_seeds_holm"] = json_or_null(line.p_seeds);
  json["p_texts_holm"] = json_or_null(line.p_texts);
  json["seeds_for_this_much"] = nullptr;
  if (line.seeds_for_this_much) json["seeds_for_this_much"] = *line.seeds_for_this_much;
  return json;
}

}  // namespace detail

inline nlohmann::ordered_json json_report(const StudyFindings& f) {
  const Study& study = *f.study;
  nlohmann::ordered_json json;
  json["title"] = study.title;
  json["command"] = study.command;
  json["made_by"] = study.made_by;
  json["runs_planned"] = study.planned_runs;
  json["runs_done"] = f.runs();
  for (const auto& [key, comparison] :
       {std::pair("test_texts", &f.test), std::pair("training_texts", &f.train)}) {
    if (!*comparison) continue;
    json["verdict"][key] = (*comparison)->verdict;
    json["reference"][key] = (*comparison)->reference;
    json["comparisons"][key] = (*comparison)->comparisons;
  }
  auto& lines = json["compositions"] = nlohmann::ordered_json::array();
  for (const StudiedComposition& composition : study.compositions) {
    if (composition.runs.empty()) continue;
    nlohmann::ordered_json line;
    line["composition"] = composition.name;
    line["method"] = composition.method;
    line["learns_from"] =
        composition.learns_from == StudiedComposition::LearnsFrom::gold ? "gold" : "teacher";
    auto& seeds = line["seeds"] = nlohmann::ordered_json::array();
    for (const FinishedRun& run : composition.runs) seeds.push_back(run.seed);
    for (const auto& [name, comparison] :
         {std::pair("train", &f.train), std::pair("test", &f.test)}) {
      const std::string key = name;
      const ComparedComposition* compared = line_of(*comparison, composition.name);
      line[key + "_accuracy"] = compared != nullptr ? nlohmann::ordered_json(compared->accuracies)
                                                    : nlohmann::ordered_json::array();
      if (compared == nullptr) continue;
      line[key + "_mean"] = compared->accuracy.mean;
      if (compared->accuracy.n > 1) {
        line[key + "_deviation"] = compared->accuracy.deviation;
        line[key + "_interval_95"] = compared->accuracy.interval;
      }
      line[key + "_comparison"] = detail::comparison_json(*compared);
    }
    lines.push_back(std::move(line));
  }
  auto& selected = json["selected"] = nlohmann::ordered_json::array();
  for (const SelectedSetting& method : f.selected) {
    nlohmann::ordered_json line{{"method", method.method}, {"settings", method.settings}};
    for (const Criterion criterion : all_criteria) {
      const auto& chosen = method.chosen[static_cast<std::size_t>(criterion)];
      line[name_of(criterion)] = nullptr;
      if (chosen) line[name_of(criterion)] = study.compositions[*chosen].name;
    }
    selected.push_back(std::move(line));
  }
  auto& teachers = json["teachers"] = nlohmann::ordered_json::array();
  for (const TeacherFindings& teacher : f.teachers) {
    teachers.push_back(
        {{"teacher", teacher.name},
         {"coverage", detail::json_or_null(teacher.statistics.coverage)},
         {"mean_set_size", teacher.statistics.mean_set_size},
         {"beta_coverage", teacher.statistics.beta_coverage},
         {"candidate_f1", detail::json_or_null(teacher.statistics.f1)},
         {"teacher_accuracy", detail::json_or_null(teacher.statistics.single_accuracy)}});
  }
  json["notes"] = study.notes;
  return json;
}

inline std::string csv_of(const std::vector<nlohmann::ordered_json>& runs) {
  std::vector<std::string> columns;
  for (const auto& run : runs) {
    for (const auto& [key, value] : run.items()) {
      if (value.is_structured()) continue;
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  const auto field = [](const nlohmann::ordered_json& value) -> std::string {
    if (value.is_null()) return "";
    if (!value.is_string()) return value.dump();
    std::string quoted_text = "\"";
    for (const char c : value.get_ref<const std::string&>()) {
      quoted_text += c;
      if (c == '"') quoted_text += c;
    }
    return quoted_text + '"';
  };
  std::string text;
  for (std::size_t c = 0; c < columns.size(); ++c) text += (c > 0 ? "," : "") + columns[c];
  text += "\n";
  for (const auto& run : runs) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const auto value = run.find(columns[c]);
      text += (c > 0 ? "," : "") + (value == run.end() ? std::string() : field(*value));
    }
    text += "\n";
  }
  return text;
}

}  // namespace candist
