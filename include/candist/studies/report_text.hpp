// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a study came to in words, as Markdown and as LaTeX.
#pragma once

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/studies/findings.hpp"

namespace candist {

/// "better", "worse", "unclear", "reference".
inline const char* name_of(ComparedComposition::Standing standing);
/// "0.012", "< 0.001", "-".
inline std::string p_value(const std::optional<double>& p);
/// "71.0 ± 0.2", a mean and a sample standard deviation in per cent; "71.0" of one value.
inline std::string mean_and_spread(const Summary& summary);

/// The line of that name; null where a comparison has none.
inline const ComparedComposition* line_of(const std::optional<Comparison>& comparison,
                                          const std::string& name);
/// "The teacher: its first label is right for 85.0 % of the training texts, ...", a sentence a teacher.
inline std::vector<std::string> teacher_sentences(const StudyFindings& findings);
/// "+1.3 (+0.9 to +1.7)": the difference to the reference in points, with its 95 % interval.
inline std::string difference_text(const ComparedComposition& line);

/// summary.md: verdicts, the table, hyper-parameters chosen, notes, how to run it again.
inline std::string markdown_report(const StudyFindings& findings);
/// A table for a paper (needs booktabs): means with standard deviations, the best in bold, those not
/// clearly different from it marked.
inline std::string latex_table(const StudyFindings& findings);
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

inline std::vector<std::string> teacher_sentences(const StudyFindings& findings) {
  std::vector<std::string> sentences;
  for (const TeacherFindings& teacher : findings.teachers) {
    const CandidateStatistics& s = teacher.statistics;
    std::string text = teacher.name.empty() ? "The teacher" : "The teacher " + teacher.name;
    char figures[160];
    if (s.single_accuracy && s.coverage) {
      std::snprintf(
          figures, sizeof figures,
          ": its first label is right for %.1f %% of the training texts, the gold label is "
          "among the candidates for %.1f %%; %.2f candidates a text.",
          100.0 * *s.single_accuracy, 100.0 * *s.coverage, s.mean_set_size);
    } else {
      std::snprintf(figures, sizeof figures, ": %.2f candidates a text.", s.mean_set_size);
    }
    sentences.push_back(text + figures);
  }
  return sentences;
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

/// What the compositions reach without gold labels; empty where nothing was held out.
inline std::string markdown_criteria(const StudyFindings& f) {
  std::string rows;
  for (const StudiedComposition& composition : f.study->compositions) {
    std::string cells;
    bool any = false;
    for (const Criterion criterion : criteria_without_gold) {
      const auto mean = criterion_mean(*f.study, composition, criterion);
      any = any || mean;
      cells += " " + (mean ? in_per_cent(*mean) : std::string("-")) + " |";
    }
    if (any) rows += "| " + markdown_cell(composition.name) + " |" + cells + "\n";
  }
  if (rows.empty()) return {};
  return "\nBy the candidates of held-out texts, without gold labels, %:\n\n"
         "| composition | covering rate | approximated accuracy |\n|---|---|---|\n" +
         rows;
}

/// Which setting of a method each criterion would choose; empty where none has several.
inline std::string markdown_selection(const StudyFindings& f) {
  if (f.selected.empty()) return {};
  std::string text = "\nWhich setting of a method would be chosen" +
                     std::string(f.test ? ", and what it reaches on the test texts, %" : "") +
                     ":\n\n| method | settings |";
  for (const Criterion criterion : all_criteria)
    text += std::string(" ") + name_of(criterion) + " |";
  text += "\n|---|---|---|---|---|---|\n";
  for (const SelectedSetting& method : f.selected) {
    text += "| " + markdown_cell(method.method) + " | " + std::to_string(method.settings) + " |";
    for (const auto& chosen : method.chosen) {
      if (!chosen) {
        text += " - |";
        continue;
      }
      const std::string& name = f.study->compositions[*chosen].name;
      const auto* line = line_of(f.test, name);
      text += " " + (line != nullptr ? mean_and_spread(line->accuracy) + ": " : std::string()) +
              markdown_cell(name) + " |";
    }
    text += "\n";
  }
  return text;
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
  for (const std::string& sentence : teacher_sentences(f)) text += sentence + "\n\n";
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
            std::to_string(main->comparisons) +
            (main->correction == Correction::all_pairs
                 ? " comparisons: all pairs, for the reference was chosen because it came out best "
                   "(name one beforehand, and there are fewer)"
                 : " comparisons with the reference") +
            "; better or worse is said where both are below 0.05 and 3 seeds are shared.\n";
  }
  text += detail::markdown_criteria(f) + detail::markdown_selection(f);
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

}  // namespace candist
