// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The table of a report: every composition, how often it is right, and whether it differs from the
// reference by more than chance.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "candist/studies/report_view.hpp"

namespace candist {

/// The section with the table of the texts judged first, its legend, and the same table for the
/// other texts folded away.
inline ReportSection result_section(const ReportView& view);

// ---- definitions

namespace detail {

/// The common axis of the intervals. Two seeds can have intervals of half the scale: what reaches
/// far beyond all figures is cut off.
inline std::pair<double, double> interval_axis(const Comparison& comparison) {
  double low = 1.0, high = 0.0, wide_low = 1.0, wide_high = 0.0;
  for (const ComparedComposition& line : comparison.lines) {
    for (const double accuracy : line.accuracies) {
      low = std::min(low, accuracy);
      high = std::max(high, accuracy);
    }
    wide_low = std::min(wide_low, line.accuracy.mean - line.accuracy.interval);
    wide_high = std::max(wide_high, line.accuracy.mean + line.accuracy.interval);
  }
  if (low > high) return {0.0, 1.0};
  const double room = std::max(high - low, 0.01);
  return {std::max({0.0, wide_low, low - 0.4 * room}) - 0.03 * room,
          std::min({1.0, wide_high, high + 0.4 * room}) + 0.03 * room};
}

inline std::string standing_mark(ComparedComposition::Standing standing) {
  using Standing = ComparedComposition::Standing;
  const auto mark = [](const char* cls, const char* sign) {
    return "<span class=\"mark " + std::string(cls) + "\"><span aria-hidden=\"true\">" + sign +
           " </span>" + cls + "</span>";
  };
  switch (standing) {
    case Standing::reference:
      return mark("reference", "\u25C6");
    case Standing::better:
      return mark("better", "\u25B2");
    case Standing::worse:
      return mark("worse", "\u25BC");
    default:
      return mark("unclear", "?");
  }
}

inline std::string sortable_cell(const std::optional<double>& value, const std::string& html,
                                 const std::string& cls = "n") {
  return "<td class=\"" + cls + "\" data-v=\"" + (value ? plain_number(*value, 8) : "") + "\">" +
         html + "</td>";
}

inline std::string seeds_needed(int seeds) {
  return seeds >= 1'000'000 ? "over a million" : grouped(seeds);
}

inline std::string spread(const Summary& s) {
  return fixed_number(100.0 * s.mean, 1) +
         (s.n > 1 ? "\u2009\u00B1\u2009" + fixed_number(100.0 * s.deviation, 1) : "");
}

inline std::string result_row(const ReportView& view, const RankedComposition& one, Judged judged,
                              const std::pair<double, double>& axis,
                              const std::optional<double>& reference) {
  const bool on_test = judged == Judged::test_texts;
  const ComparedComposition* line = on_test ? one.test : one.train;
  std::string html = std::string("<tr") + (&one == view.best() ? " class=\"first\"" : "") +
                     "><th scope=\"row\" class=\"name\" data-v=\"" + std::to_string(one.rank) +
                     "\">" + ranked_name(one) +
                     (one.composition->learns_from == StudiedComposition::LearnsFrom::gold
                          ? "<span class=\"sub\">learns from gold labels</span>"
                          : "") +
                     "</th>";
  const std::string none = sortable_cell({}, "\u2013");
  if (line == nullptr) {
    html += none + "<td class=\"strip\"></td><td data-v=\"\">" +
            std::string(one.composition->runs.empty() ? "no finished run" : "not compared") +
            "</td>" + none + none + none;
  } else {
    const Summary& s = line->accuracy;
    const auto interval =
        s.n > 1 ? std::optional(std::pair(s.mean - s.interval, s.mean + s.interval)) : std::nullopt;
    std::string accuracy = spread(s);
    if (interval)
      accuracy += "<span class=\"sub\">" + fixed_number(100 * interval->first, 1) + " to " +
                  fixed_number(100 * interval->second, 1) + "</span>";
    std::string difference = line->difference ? signed_points(*line->difference) : "\u2013";
    if (line->over_seeds)
      difference += "<span class=\"sub\">" + signed_points(line->over_seeds->interval.low) +
                    " to " + signed_points(line->over_seeds->interval.high) + "</span>";
    const auto p = [](const std::optional<double>& value) {
      return sortable_cell(value, value ? html_p_value(*value) : "\u2013");
    };
    html += sortable_cell(s.mean, accuracy) + "<td class=\"strip\">" +
            svg_interval(axis, s.mean, interval, line->accuracies, reference) + "</td>";
    html += "<td data-v=\"" + std::to_string(static_cast<int>(line->standing)) + "\">" +
            standing_mark(line->standing) + "</td>";
    html += sortable_cell(line->difference, difference) + p(line->p_seeds) + p(line->p_texts);
  }
  if (on_test && view.train != nullptr)
    html += one.train != nullptr
                ? sortable_cell(one.train->accuracy.mean, spread(one.train->accuracy))
                : none;
  html += sortable_cell(static_cast<double>(one.composition->runs.size()),
                        std::to_string(one.composition->runs.size()));
  const bool needed = line != nullptr && line->seeds_for_this_much;
  html += needed
              ? sortable_cell(*line->seeds_for_this_much, seeds_needed(*line->seeds_for_this_much))
              : none;
  return html + "</tr>\n";
}

inline std::string result_table(const ReportView& view, Judged judged) {
  const bool on_test = judged == Judged::test_texts;
  const Comparison* comparison = on_test ? view.test : view.train;
  const std::pair<double, double> axis = interval_axis(*comparison);
  std::optional<double> reference;
  for (const ComparedComposition& line : comparison->lines) {
    if (line.name == comparison->reference) reference = line.accuracy.mean;
  }
  const auto head = [](const std::string& cls, const std::string& html,
                       const std::string& more = {}) {
    return "<th scope=\"col\" class=\"" + cls + "\"" + more + ">" + html + "</th>";
  };
  const std::string down = " data-first=\"descending\"";
  std::string html = "<table class=\"sortable\"><caption>Accuracy in per cent on the " +
                     std::string(name_of(judged)) +
                     ", mean \u00B1 standard deviation over seeds, and below it the "
                     "95\u2009% confidence interval of the mean.</caption><thead><tr>";
  html += head("name", "Composition");
  html += head("n", on_test ? "Accuracy, test texts" : "Accuracy, training texts",
               down + (judged == view.judged ? " aria-sort=\"descending\"" : ""));
  html += head("strip",
               "95\u2009% interval<span class=\"sub\">" + fixed_number(100 * axis.first, 1) +
                   " to " + fixed_number(100 * axis.second, 1) + "</span>",
               " data-fixed=\"\"");
  html +=
      head("", "In words") + head("n", "Difference to " + html_name(comparison->reference), down);
  html += head("n", "p over seeds") + head("n", "p over texts");
  if (on_test && view.train != nullptr) html += head("n", "Accuracy, training texts", down);
  html += head("n", "Seeds", down) + head("n", "Seeds needed") + "</tr></thead><tbody>\n";
  for (const RankedComposition& one : view.ranked)
    html += result_row(view, one, judged, axis, reference);
  return in_scroll("Results on the " + std::string(name_of(judged)), html + "</tbody></table>",
                   "main");
}

inline std::string result_legend(const ReportView& view) {
  const Comparison& comparison = *view.comparison();
  const auto entry = [](const std::string& term, const std::string& text) {
    return "<div><dt>" + term + "</dt><dd>" + text + "</dd></div>\n";
  };
  std::string html = "<dl class=\"legend\">";
  html +=
      entry("The picture in a row",
            "Dot: the mean. Bar: its 95\u2009% confidence interval over seeds (an arrow where it "
            "goes on). Small strokes: single runs. Dashed line: the reference\u2019s mean. All "
            "rows have the same axis.");
  html +=
      entry("p over seeds",
            "If training with other seeds made no difference on average, how often would seeds "
            "alone give a difference at least this large? Paired t test over the seeds that both "
            "have; it needs two of them.");
  html += entry("p over texts",
                "If both were equally good, how often would the choice of texts alone give a "
                "difference at least this large? Sign-flip test, text by text (McNemar\u2019s test "
                "where there is one seed).");
  html +=
      entry("Holm",
            "Who compares often finds a small p by luck sooner or later. Both columns are "
            "adjusted by Holm\u2019s method for " +
                std::to_string(comparison.comparisons) + " comparisons" +
                (comparison.correction == Correction::all_pairs
                     ? ", all pairs of compositions, because any of them might have come out best"
                     : ", those with the reference") +
                ": one level, " + plain_number(significance_level, 3) +
                ", holds for the whole table. The interval of a difference is not adjusted.");
  html += entry("better, worse, unclear",
                "Better or worse than the reference only where both p are below " +
                    plain_number(significance_level, 3) + " and at least " +
                    std::to_string(seeds_for_a_standing) +
                    " seeds are shared. Unclear is not equal: this study cannot tell.");
  html += entry(
      "Seeds needed",
      "Where seeds leave a difference open: pairs of runs that would find one of this size in "
      "four studies of five, if it and the spread are as seen here. More seeds do not help "
      "where texts leave it open.");
  html +=
      entry("The reference",
            comparison.reference == view.study.reference
                ? html_name(comparison.reference) + ", as the study asked for."
                : html_name(comparison.reference) +
                      ", because it came out best of those that learn from the teacher. The best "
                      "of many owes part of its place to "
                      "luck (the winner\u2019s curse): its accuracy and its lead are flattered. "
                      "Name a reference beforehand, or confirm with new seeds and texts, before "
                      "relying on them.");
  return html + "</dl>\n";
}

}  // namespace detail

inline ReportSection result_section(const ReportView& view) {
  ReportSection section{"result", "Result", {}};
  if (view.comparison() == nullptr) {
    section.html = section_head(
        "Result", view.runs == 0
                      ? "No run is done yet: there is nothing to compare."
                      : "Neither the test texts nor the training texts have gold labels, "
                        "so nobody can say how often a composition is right.");
    std::string rows;
    for (const RankedComposition& one : view.ranked)
      rows += "<tr><th scope=\"row\">" + html_name(one.composition->name) + "</th>" +
              number_cell(std::to_string(one.composition->runs.size())) + "</tr>\n";
    if (!rows.empty())
      section.html += in_scroll("Compositions of the study",
                                "<table>" + table_head({"Composition", "#Runs done"}) + "<tbody>" +
                                    rows + "</tbody></table>");
    return section;
  }
  std::string lead = "Every composition on the " + std::string(name_of(view.judged)) +
                     ", the one that is right most often first.";
  if (view.judged == Judged::training_texts)
    lead +=
        " There are no test texts with gold labels: how the students do on unseen texts is not "
        "known.";
  section.html = section_head("Result", lead) + detail::result_table(view, view.judged);
  section.html += "<details open=\"\"><summary>How to read the table</summary>\n" +
                  detail::result_legend(view) + "</details>\n";
  if (view.judged == Judged::test_texts && view.train != nullptr)
    section.html += in_details("The same comparison on the training texts",
                               detail::result_table(view, Judged::training_texts));
  return section;
}

}  // namespace candist
