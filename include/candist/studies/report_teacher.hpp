// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Student beside teacher: accuracy by size of the candidate set, teachers by coverage, and the texts
// on which the two disagree.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "candist/candidates/statistics.hpp"
#include "candist/studies/report_view.hpp"

namespace candist {

/// How often teacher and students are right, by how many candidates a training text has.
inline ReportSection sets_section(const ReportView& view);

/// The training texts on which the best student is surest of a label that the teacher did not give
/// first.
inline ReportSection disagreements_section(const ReportView& view);

// ---- definitions

namespace detail {

inline constexpr std::size_t set_sizes = 5;  // 0, 1, 2, 3, 4 and more

struct BySetSize {
  std::int64_t texts = 0;
  std::int64_t known = 0;     ///< of them with gold
  std::int64_t first = 0;     ///< the teacher's first label is gold
  std::int64_t held = 0;      ///< the gold label is a candidate
  std::int64_t students = 0;  ///< labels of students that are gold, of `judged` runs
  std::int64_t judged = 0;    ///< known texts times runs

  static std::optional<double> share(std::int64_t part, std::int64_t whole) {
    return whole > 0 ? std::optional(static_cast<double>(part) / static_cast<double>(whole))
                     : std::nullopt;
  }
};

/// By size, and all of them at the end.
inline std::array<BySetSize, set_sizes + 1> by_set_size(const StudiedComposition& composition,
                                                        const Annotations& teacher,
                                                        const Texts& train) {
  std::array<BySetSize, set_sizes + 1> result;
  for (std::int64_t row = 0; row < train.rows(); ++row) {
    const auto i = static_cast<std::size_t>(row);
    const auto labels = teacher.labels(row);
    const std::int32_t gold = train.labels[i];
    for (BySetSize* size : {&result[std::min(labels.size(), set_sizes - 1)], &result[set_sizes]}) {
      ++size->texts;
      if (gold < 0) continue;
      ++size->known;
      size->first += teacher.single(row) == gold ? 1 : 0;
      size->held += std::find(labels.begin(), labels.end(), gold) != labels.end() ? 1 : 0;
      for (const FinishedRun& run : composition.runs) {
        if (!covers(run.train, &train)) continue;
        ++size->judged;
        size->students += run.train.labels[i] == gold ? 1 : 0;
      }
    }
  }
  return result;
}

inline std::string set_size_panel(const ReportView& view, const RankedComposition& one,
                                  const std::string& heading) {
  const Annotations& teacher = *teacher_of(*one.composition, view.study.train);
  const auto sizes = by_set_size(*one.composition, teacher, *view.study.train);
  const char* const names[] = {"none", "1", "2", "3", "4 or more", "all texts"};
  LineChart chart{"sets-" + std::to_string(one.rank),
                  "Shares that are right by size of the candidate set, " + one.composition->name,
                  {},
                  "candidates of a text",
                  {},
                  ChartUnit::share,
                  {},
                  {},
                  420.0,
                  230.0};
  ChartLine held{"gold label among the candidates", "g", 0, {}, {}};
  ChartLine first{"teacher\u2019s first label", "t", 1, {}, {}};
  ChartLine student{"student\u2019s label", "s", 2, {}, {}};
  std::string rows;
  for (std::size_t i = 0; i <= set_sizes; ++i) {
    const BySetSize& size = sizes[i];
    if (size.texts == 0) continue;
    const auto held_share = BySetSize::share(size.held, size.known);
    const auto first_share = BySetSize::share(size.first, size.known);
    const auto student_share = BySetSize::share(size.students, size.judged);
    rows += "<tr><th scope=\"row\">" + std::string(names[i]) + "</th>" +
            number_cell(grouped(size.texts)) + number_cell(per_cent(held_share)) +
            number_cell(per_cent(first_share)) + number_cell(per_cent(student_share)) + "</tr>";
    if (i == 0 || i == set_sizes) continue;  // nothing to draw of an empty set
    chart.x_names.push_back(names[i]);
    held.y.push_back(held_share);
    first.y.push_back(first_share);
    student.y.push_back(student_share);
    chart.description += std::string(names[i]) + ": " + grouped(size.texts) +
                         " texts, gold in the set " + per_cent(held_share) + ", teacher " +
                         per_cent(first_share) + ", student " + per_cent(student_share) + ". ";
  }
  chart.lines = {std::move(held), std::move(first), std::move(student)};
  std::string html = heading.empty() ? "" : "<h3>" + heading + "</h3>";
  html += "<div class=\"charts\">";
  if (chart.x_names.size() > 1) {
    html += "<figure>" + svg_of(chart) + "<ul class=\"key\">";
    for (const ChartLine& line : chart.lines)
      html += "<li>" + svg_key(line.look) + "<b>" + line.label + "</b> " + line.name + "</li>";
    html += "</ul></figure>";
  }
  return html +
         in_scroll("By size of the candidate set, " + one.composition->name,
                   "<table>" +
                       table_head({"Candidates", "#Texts", "#Gold among them",
                                   "#Teacher\u2019s first right", "#Student right"}) +
                       "<tbody>" + rows + "</tbody></table>") +
         "</div>\n";
}

/// One teacher of the study.
struct StudyTeacher {
  const StudiedComposition* composition = nullptr;  ///< the best that learns from it
  const RankedComposition* best = nullptr;
  CandidateStatistics statistics;
};

inline std::vector<StudyTeacher> teachers_of(const ReportView& view) {
  std::vector<StudyTeacher> teachers;
  for (const RankedComposition& one : view.ranked) {
    const Annotations* teacher = teacher_of(*one.composition, view.study.train);
    if (teacher == nullptr) continue;
    const bool known = std::any_of(teachers.begin(), teachers.end(), [&](const StudyTeacher& t) {
      return t.composition->teacher_name == one.composition->teacher_name &&
             (t.composition->teacher == one.composition->teacher ||
              !one.composition->teacher_name.empty());
    });
    if (!known)
      teachers.push_back(
          {one.composition, &one, candidate_statistics(*teacher, view.study.train->labels)});
  }
  return teachers;
}

/// Several teachers: coverage against the accuracy of their students.
inline std::string teachers_figure(const ReportView& view,
                                   const std::vector<StudyTeacher>& teachers) {
  ScatterChart chart{"teachers",
                     "Accuracy over coverage of the candidates",
                     {},
                     "coverage: gold label among the candidates",
                     "accuracy, " + std::string(name_of(view.judged)),
                     {},
                     {}};
  double largest = 1e-9;
  double x_low = 1.0, x_high = 0.0, y_low = 1.0, y_high = 0.0;
  for (const StudyTeacher& teacher : teachers)
    largest = std::max(largest, teacher.statistics.mean_set_size);
  for (const RankedComposition& one : view.ranked) {
    const ComparedComposition* line = view.line(one);
    const auto teacher = std::find_if(teachers.begin(), teachers.end(), [&](const StudyTeacher& t) {
      return t.composition->teacher_name == one.composition->teacher_name;
    });
    if (line == nullptr || one.composition->teacher == nullptr || teacher == teachers.end() ||
        !teacher->statistics.coverage)
      continue;
    const double coverage = *teacher->statistics.coverage;
    chart.dots.push_back({one.composition->name + ": " + per_cent(line->accuracy.mean),
                          std::to_string(one.rank), (one.rank - 1) % chart_looks, coverage,
                          line->accuracy.mean, teacher->statistics.mean_set_size / largest});
    x_low = std::min(x_low, coverage), x_high = std::max(x_high, coverage);
    y_low = std::min(y_low, line->accuracy.mean), y_high = std::max(y_high, line->accuracy.mean);
  }
  std::string rows;
  for (const StudyTeacher& teacher : teachers) {
    const CandidateStatistics& s = teacher.statistics;
    const ComparedComposition* line = view.line(*teacher.best);
    rows += "<tr><th scope=\"row\">" + html_name(teacher.composition->teacher_name) + "</th>" +
            number_cell(per_cent(s.coverage)) + number_cell(per_cent(s.single_accuracy)) +
            number_cell(fixed_number(s.mean_set_size, 2)) + number_cell(grouped(s.empty_sets)) +
            "<td>" + ranked_name(*teacher.best) +
            (line != nullptr ? ", " + per_cent(line->accuracy.mean) : "") + "</td></tr>";
    chart.description += teacher.composition->teacher_name + ": coverage " + per_cent(s.coverage) +
                         ", best student " + teacher.best->composition->name + ". ";
  }
  std::string html = "<h3>Teachers of this study</h3><div class=\"pair\">";
  if (chart.dots.size() > 1) {
    chart.x_range = {x_low, x_high};
    chart.y_range = {y_low, y_high};
    html += "<figure class=\"part\">" + svg_of(chart) +
            "<figcaption>One mark a composition, by its place in the table. Area: mean size of the "
            "candidate sets.</figcaption></figure>\n";
  }
  return html +
         in_scroll("Teachers",
                   "<table>" +
                       table_head({"Teacher", "#Coverage", "#First label right", "#Mean set size",
                                   "#Empty sets", "Best student"}) +
                       "<tbody>" + rows + "</tbody></table>",
                   "rest") +
         "</div>\n";
}

/// A text on which student and teacher differ.
struct Disagreement {
  std::int64_t row = 0;
  float confidence = 0.0f;
  bool outside = false;
};

}  // namespace detail

inline ReportSection sets_section(const ReportView& view) {
  const Texts* train = view.study.train;
  const bool gold = train != nullptr && std::any_of(train->labels.begin(), train->labels.end(),
                                                    [](std::int32_t label) { return label >= 0; });
  if (!gold) return {};
  std::vector<const RankedComposition*> taught;
  for (const RankedComposition& one : view.ranked) {
    if (teacher_of(*one.composition, train) != nullptr && !one.composition->runs.empty())
      taught.push_back(&one);
  }
  if (taught.empty()) return {};
  const RankedComposition* reference = view.reference();
  std::string open, folded;
  for (const RankedComposition* one : taught) {
    if (one == taught[0] || one == reference)
      open += detail::set_size_panel(view, *one, ranked_name(*one));
    else
      folded += in_details(ranked_name(*one), detail::set_size_panel(view, *one, {}));
  }
  std::string html = section_head(
      "Student and teacher by size of the candidate set",
      "The training texts by how many labels the teacher gave them. Where the gold label is among "
      "several candidates, a student can find out which it is; where the student is right more "
      "often than the teacher\u2019s first label, distilling has paid. Students: means over "
      "seeds.");
  html += open;
  const auto teachers = detail::teachers_of(view);
  if (teachers.size() > 1) html += detail::teachers_figure(view, teachers);
  if (!folded.empty()) html += "<h3>The other compositions, by size of the set</h3>\n" + folded;
  return {"sets", "Teacher and student", html};
}

inline ReportSection disagreements_section(const ReportView& view) {
  const Texts* train = view.study.train;
  const RankedComposition* best = nullptr;
  for (const RankedComposition& one : view.ranked) {
    if (teacher_of(*one.composition, train) == nullptr || one.composition->runs.empty()) continue;
    const Predictions& given = one.composition->runs[0].train;
    if (!covers(given, train) || given.confidences.size() != given.labels.size()) continue;
    best = &one;
    break;
  }
  if (best == nullptr) return {};
  const FinishedRun& run = best->composition->runs[0];
  const Annotations& teacher = *teacher_of(*best->composition, train);
  std::vector<detail::Disagreement> found;
  std::int64_t outside = 0, judged = 0, student_right = 0, teacher_right = 0;
  for (std::int64_t row = 0; row < train->rows(); ++row) {
    const auto i = static_cast<std::size_t>(row);
    const std::int32_t label = run.train.labels[i];
    if (label == teacher.single(row)) continue;
    const auto labels = teacher.labels(row);
    const bool none = std::find(labels.begin(), labels.end(), label) == labels.end();
    found.push_back({row, run.train.confidences[i], none});
    outside += none ? 1 : 0;
    if (train->labels[i] < 0) continue;
    ++judged;
    student_right += train->labels[i] == label ? 1 : 0;
    teacher_right += train->labels[i] == teacher.single(row) ? 1 : 0;
  }
  const std::size_t all = found.size();
  const std::size_t shown = std::min<std::size_t>(all, 20);
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.confidence > b.confidence; });
  found.resize(shown);
  const auto of = [](std::int64_t part, std::int64_t whole) {
    return per_cent(static_cast<double>(part) /
                    static_cast<double>(std::max<std::int64_t>(whole, 1)));
  };
  std::string lead = "Training texts that " + html_name(best->composition->name) + " (seed " +
                     html_name(run.seed) +
                     ") labels otherwise than its teacher\u2019s first label: " +
                     grouped(static_cast<std::int64_t>(all)) + " of " + grouped(train->rows()) +
                     " (" + of(static_cast<std::int64_t>(all), train->rows()) + "), " +
                     grouped(outside) + " of them outside all candidates.";
  if (judged > 0)
    lead += " Of the " + grouped(judged) + " with a gold label the student has " +
            of(student_right, judged) + " right, the teacher\u2019s first label " +
            of(teacher_right, judged) + ".";
  std::string html = section_head("Where teacher and student disagree", lead);
  if (shown > 0) {
    std::string rows;
    for (const detail::Disagreement& one : found) {
      const auto i = static_cast<std::size_t>(one.row);
      const auto labels = teacher.labels(one.row);
      std::string candidates;
      for (std::size_t k = 0; k < labels.size() && k < 8; ++k)
        candidates += (k > 0 ? ", " : "") + html_name(view.label(labels[k]));
      if (labels.size() > 8) candidates += ", and " + std::to_string(labels.size() - 8) + " more";
      if (labels.empty()) candidates = "none";
      const std::int32_t label = run.train.labels[i];
      const std::int32_t gold = train->labels[i];
      rows += "<tr><td class=\"text\"><bdi>" + html_text(shortened(train->texts[one.row], 300)) +
              "</bdi></td><td>" + candidates + "</td><td>" + html_name(view.label(label)) +
              "<span class=\"sub\">" +
              (labels.empty() ? "the teacher gave none"
               : one.outside  ? "outside the candidates"
                              : "another candidate") +
              "</span></td>" + number_cell(per_cent(static_cast<double>(one.confidence))) + "<td>" +
              (gold < 0 ? "not known"
                        : html_name(view.label(gold)) +
                              (gold == label ? "<span class=\"sub\">student right</span>"
                               : gold == teacher.single(one.row)
                                   ? "<span class=\"sub\">teacher right</span>"
                                   : "<span class=\"sub\">neither</span>")) +
              "</td></tr>\n";
    }
    html +=
        "<p class=\"quiet\">The " + std::to_string(shown) +
        " of which the student is surest: mistakes of the teacher, of the student, or of the gold "
        "labels.</p>" +
        in_scroll("Texts on which teacher and student disagree",
                  "<table>" +
                      table_head({"Text", "Teacher\u2019s candidates", "Student\u2019s label",
                                  "#Confidence", "Gold label"}) +
                      "<tbody>\n" + rows + "</tbody></table>");
  }
  return {"disagreements", "Disagreements", html};
}

}  // namespace candist
