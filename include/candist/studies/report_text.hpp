// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a study came to as Markdown, LaTeX, CSV and JSON.
#pragma once

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/studies/comparison.hpp"
#include "candist/studies/selection.hpp"
#include "candist/studies/study_folder.hpp"

namespace candist {

/// A study and everything that is computed from it.
struct StudyFindings {
  explicit StudyFindings(const Study& s)
      : study(&s),
        test(compare(s, Judged::test_texts)),
        train(compare(s, Judged::training_texts)),
        selected(select_settings(s)) {}

  const Study* study;
  std::optional<Comparison> test;   ///< nullopt where there are no test texts with gold
  std::optional<Comparison> train;  ///< nullopt where the training texts have no gold
  std::vector<SelectedSetting> selected;

  std::size_t runs() const {
    std::size_t count = 0;
    for (const StudiedComposition& composition : study->compositions)
      count += composition.runs.size();
    return count;
  }
};

/// "better", "worse", "unclear", "reference".
inline const char* name_of(ComparedComposition::Standing standing);
/// "0.012", "< 0.001", "-".
inline std::string p_value(const std::optional<double>& p);
/// "71.0 ± 0.2", a mean and a sample standard deviation in per cent; "71.0" of one value.
inline std::string mean_and_spread(const Summary& summary);

/// The line of that name; null where a comparison has none.
inline const ComparedComposition* line_of(const std::optional<Comparison>& comparison,
                                          const std::string& name);
/// "+1.3 (+0.9 to +1.7)": the difference to the reference in points, with its 95 % interval.
inline std::string difference_text(const ComparedComposition& line);

/// summary.md: verdicts, the table, hyper-parameters chosen, notes, how to run it again.
inline std::string markdown_report(const StudyFindings& findings);
/// A table for a paper (needs booktabs): means with standard deviations, the best in bold, those not
/// clearly different from it marked.
inline std::string latex_table(const StudyFindings& findings);
/// summary.json.
inline nlohmann::ordered_json json_report(const StudyFindings& findings);
/// One line a run for pandas: the scalars of every object of `runs`, and a header. A field that a run
/// lacks is empty.
inline std::string csv_of(const std::vector<nlohmann::ordered_json>& runs);

// ---- definitions

inline const char* name_of(ComparedComposition::Standing standing) {
  using Standing = ComparedComposition::Standing;
  switch (standing) {
    case Standing::reference:
      return "reference";
    case Standing::better:
      return "better";
    case Standing::worse:
      return "worse";
    case Standing::unclear:
      break;
  }
  return "unclear";
}

inline std::string p_value(const std::optional<double>& p) {
  if (!p) return "-";
  if (*p < 0.001) return "< 0.001";
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", *p);
  return text;
}

inline std::string mean_and_spread(const Summary& s) {
  if (s.n == 0) return "-";
  char text[48];
  std::snprintf(text, sizeof text, s.n > 1 ? "%.1f ± %.1f" : "%.1f", 100.0 * s.mean,
                100.0 * s.deviation);
  return text;
}

inline const ComparedComposition* line_of(const std::optional<Comparison>& comparison,
                                          const std::string& name) {
  if (!comparison) return nullptr;
  for (const ComparedComposition& line : comparison->lines) {
    if (line.name == name) return &line;
  }
  return nullptr;
}

inline std::string difference_text(const ComparedComposition& line) {
  if (!line.difference) return "-";
  std::string text = detail::in_per_cent(*line.difference, "%+.1f");
  if (line.over_seeds)
    text += " (" + detail::in_per_cent(line.over_seeds->interval.low, "%+.1f") + " to " +
            detail::in_per_cent(line.over_seeds->interval.high, "%+.1f") + ")";
  return text;
}

namespace detail {

inline std::string interval_text(double mean, double half_width) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f to %.2f", 100.0 * (mean - half_width),
                100.0 * (mean + half_width));
  return text;
}

/// A cell of a Markdown table holds no bar and no line break.
inline std::string markdown_cell(std::string_view text) {
  std::string cell;
  for (const char c : shown(text, 200)) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return cell;
}

inline std::string latex_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : shown(text, 200)) {
    if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) {
      escaped += '\\';
      escaped += c;
    } else if (c == '\\') {
      escaped += "\\textbackslash{}";
    } else if (c == '~' || c == '^') {
      escaped += c == '~' ? "\\textasciitilde{}" : "\\textasciicircum{}";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

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

inline std::string markdown_report(const StudyFindings& f) {
  const Study& study = *f.study;
  std::string text;
  if (f.runs() < study.planned_runs)
    text += std::to_string(f.runs()) + " of " + std::to_string(study.planned_runs) +
            " runs are done.\n\n";
  for (const auto* comparison : {&f.test, &f.train}) {
    if (*comparison) text += (*comparison)->verdict + "\n\n";
  }
  const std::optional<Comparison>& main = f.test ? f.test : f.train;
  text +=
      "| composition | seeds | training texts, % | test texts, % | 95 % interval of the mean | "
      "difference to the reference, points | p (seeds) | p (texts) | |\n"
      "|---|---|---|---|---|---|---|---|---|\n";
  for (const StudiedComposition& composition : study.compositions) {
    if (composition.runs.empty()) continue;
    const auto* train = line_of(f.train, composition.name);
    const auto* test = line_of(f.test, composition.name);
    const auto* line = line_of(main, composition.name);
    text += "| " + detail::markdown_cell(composition.name) + " | " +
            std::to_string(composition.runs.size()) + " | " +
            (train != nullptr ? mean_and_spread(train->accuracy) : "-") + " | " +
            (test != nullptr ? mean_and_spread(test->accuracy) : "-") + " | ";
    if (line == nullptr) {
      text += "- | - | - | - | - |\n";
      continue;
    }
    text +=
        (line->accuracy.n > 1 ? detail::interval_text(line->accuracy.mean, line->accuracy.interval)
                              : std::string("-")) +
        " | " + difference_text(*line) + " | " + p_value(line->p_seeds) + " | " +
        p_value(line->p_texts) + " | " + name_of(line->standing) + " |\n";
  }
  if (main && main->lines.size() > 1) {
    text += "\nIntervals and p-values are of the " + std::string(name_of(main->judged)) +
            ". p (seeds): paired t test over the seeds that both have: would other seeds say the "
            "same? p (texts): sign-flip test over texts: would other texts? Both after Holm's "
            "correction for " +
            std::to_string(main->lines.size() - 1) +
            " comparisons with the reference; better or worse is said where both are below 0.05." +
            (study.reference.empty() ? " The reference is the composition that came out best, and "
                                       "whoever comes out best was also lucky."
                                     : "") +
            "\n";
  }
  if (!f.selected.empty()) {
    text +=
        "\nWhich setting of a method would be chosen, and what it reaches on the test texts, %:\n\n"
        "| method | settings |";
    for (const Criterion criterion : all_criteria)
      text += std::string(" ") + name_of(criterion) + " |";
    text += "\n|---|---|---|---|---|---|\n";
    for (const SelectedSetting& method : f.selected) {
      text += "| " + detail::markdown_cell(method.method) + " | " +
              std::to_string(method.settings) + " |";
      for (const auto& chosen : method.chosen) {
        if (!chosen) {
          text += " - |";
          continue;
        }
        const std::string& name = study.compositions[*chosen].name;
        const auto* line = line_of(f.test, name);
        text += " " + (line != nullptr ? mean_and_spread(line->accuracy) : std::string("?")) +
                ": " + detail::markdown_cell(name) + " |";
      }
      text += "\n";
    }
  }
  for (const std::string& note : study.notes) text += "\n" + shown(note, 600) + "\n";
  if (!study.command.empty())
    text += "\nMade by " + study.made_by + "; run it again with:\n\n    " + study.command + "\n";
  return text;
}

inline std::string latex_table(const StudyFindings& f) {
  const std::optional<Comparison>& main = f.test ? f.test : f.train;
  std::string text =
      "% booktabs; bold: the best; $\\approx$: not clearly different from the reference\n"
      "\\begin{tabular}{lrrr}\n\\toprule\ncomposition & seeds & training texts & test texts "
      "\\\\\n\\midrule\n";
  const auto best_of = [](const std::optional<Comparison>& comparison) {
    double best = 0.0;
    if (comparison) {
      for (const auto& line : comparison->lines) best = std::max(best, line.accuracy.mean);
    }
    return best;
  };
  const auto cell = [](const ComparedComposition* line, double best) -> std::string {
    if (line == nullptr) return "--";
    char figure[64];
    std::snprintf(figure, sizeof figure, line->accuracy.mean >= best ? "\\textbf{%.1f}" : "%.1f",
                  100.0 * line->accuracy.mean);
    std::string cell_text = figure;
    if (line->accuracy.n > 1) {
      std::snprintf(figure, sizeof figure, " {\\small$\\pm$%.1f}",
                    100.0 * line->accuracy.deviation);
      cell_text += figure;
    }
    return cell_text;
  };
  const double best_train = best_of(f.train);
  const double best_test = best_of(f.test);
  for (const StudiedComposition& composition : f.study->compositions) {
    if (composition.runs.empty()) continue;
    const auto* line = line_of(main, composition.name);
    const bool unclear =
        line != nullptr && line->standing == ComparedComposition::Standing::unclear;
    text += detail::latex_escaped(composition.name) + (unclear ? " $\\approx$" : "") + " & " +
            std::to_string(composition.runs.size()) + " & " +
            cell(line_of(f.train, composition.name), best_train) + " & " +
            cell(line_of(f.test, composition.name), best_test) + " \\\\\n";
  }
  return text + "\\bottomrule\n\\end{tabular}\n";
}

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
  }
  auto& lines = json["compositions"] = nlohmann::ordered_json::array();
  for (const StudiedComposition& composition : study.compositions) {
    if (composition.runs.empty()) continue;
    nlohmann::ordered_json line;
    line["composition"] = composition.name;
    line["method"] = composition.method;
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
