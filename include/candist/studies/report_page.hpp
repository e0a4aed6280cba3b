// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The report of a study as one HTML file for people who were not there: which composition won,
// whether that is more than chance, and how to run it again. It loads nothing from anywhere and
// says all it has to say without scripts.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/studies/comparison.hpp"
#include "candist/studies/page_style.hpp"
#include "candist/studies/report_curves.hpp"
#include "candist/studies/report_errors.hpp"
#include "candist/studies/report_table.hpp"
#include "candist/studies/report_teacher.hpp"
#include "candist/studies/report_view.hpp"
#include "candist/studies/study.hpp"

namespace candist {

/// The page, in UTF-8. `test` and `train` are what compare() says of the study; sections without
/// figures are left out. `extra` sections come before the last one, as they are: their HTML is the
/// caller's. The same study gives the same bytes.
inline std::string report_page(const Study& study, const std::optional<Comparison>& test,
                               const std::optional<Comparison>& train,
                               const std::vector<ReportSection>& extra = {});

// ---- definitions

namespace detail {

inline std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "\u2013";
  if (seconds < 120.0) return fixed_number(seconds, seconds < 10.0 ? 1 : 0) + "\u2009s";
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 7200) return grouped(whole / 60) + "\u2009min";
  return grouped(whole / 3600) + "\u2009h " + std::to_string(whole % 3600 / 60) + "\u2009min";
}

inline std::string title_of(const Study& study) {
  return study.title.empty() ? "Report of a study" : study.title;
}

/// "6 compositions, 30 runs, 2 000 training texts, 500 test texts, 25 classes".
inline std::string in_numbers(const ReportView& view) {
  const Study& study = view.study;
  std::string text = counted(static_cast<std::int64_t>(study.compositions.size()), "composition") +
                     ", " + counted(static_cast<std::int64_t>(view.runs), "run");
  if (study.train != nullptr) text += ", " + counted(study.train->rows(), "training text");
  if (study.test != nullptr) text += ", " + counted(study.test->rows(), "test text");
  if (view.classes() > 0)
    text += ", " + grouped(view.classes()) + (view.classes() == 1 ? " class" : " classes");
  return text;
}

inline std::string head_of(const ReportView& view, const std::vector<ReportSection>& sections) {
  const Study& study = view.study;
  std::string html = "<header>\n<p class=\"kicker\">Ablation study: " + in_numbers(view) +
                     "</p>\n<h1>" + html_name(title_of(study)) + "</h1>\n";
  std::string verdict;
  if (view.test != nullptr) verdict += "<p>" + html_text(view.test->verdict) + "</p>\n";
  if (view.train != nullptr) verdict += "<p>" + html_text(view.train->verdict) + "</p>\n";
  if (verdict.empty())
    verdict = view.runs == 0
                  ? "<p>No run is done yet.</p>\n"
                  : "<p>Without gold labels nobody can say which composition is right most "
                    "often.</p>\n";
  html += "<div class=\"verdict\" role=\"note\" aria-label=\"Verdict\">\n" + verdict + "</div>\n";
  if (study.planned_runs > view.runs || !study.notes.empty()) {
    html += "<div class=\"notes\" role=\"note\" aria-label=\"Notes\">\n";
    if (study.planned_runs > view.runs)
      html +=
          "<p><strong>" + grouped(static_cast<std::int64_t>(view.runs)) + " of " +
          counted(static_cast<std::int64_t>(study.planned_runs), "run") + " " +
          (view.runs == 1 ? "is" : "are") + " done.</strong>" +
          (study.planned_runs > view.runs + study.failed_runs ? " What follows may still change."
                                                              : " The others failed.") +
          "</p>\n";
    if (!study.notes.empty()) {
      html += "<ul>";
      for (const std::string& note : study.notes) html += "<li>" + html_text(note) + "</li>";
      html += "</ul>\n";
    }
    html += "</div>\n";
  }
  html += "<nav aria-label=\"Sections\"><ul>";
  for (const ReportSection& section : sections)
    html += "<li><a href=\"#" + section.id + "\">" + section.name + "</a></li>";
  return html + "</ul></nav>\n</header>\n";
}

inline ReportSection again_section(const ReportView& view) {
  const Study& study = view.study;
  std::string html = section_head(
      "How to run it again",
      "The same command with the same files makes the same study" +
          (study.made_by.empty() ? std::string(".")
                                 : "; it was made by " + html_text(study.made_by) + "."));
  html += study.command.empty()
              ? "<p>The command of the study was not recorded.</p>\n"
              : "<pre class=\"command\" tabindex=\"0\" aria-label=\"Command of the study\"><code>" +
                    html_text(study.command) + "</code></pre>\n";
  std::string rows;
  double seconds = 0.0;
  for (const RankedComposition& one : view.ranked) {
    for (const FinishedRun& run : one.composition->runs) {
      seconds += run.seconds;
      rows += "<tr><td>" + ranked_name(one) + "</td><td>" + html_name(run.id) + "</td>" +
              number_cell(html_name(run.seed)) + number_cell(duration(run.seconds)) + "<td>" +
              (run.again.empty() ? "\u2013" : "<code>" + html_text(run.again) + "</code>") +
              "</td></tr>\n";
    }
  }
  if (!rows.empty())
    html += in_details(
        "Every run: seed, time, command (" + counted(static_cast<std::int64_t>(view.runs), "run") +
            ", " + duration(seconds) + " in all)",
        in_scroll("Runs of the study",
                  "<table>" + table_head({"Composition", "Run", "#Seed", "#Time", "Command"}) +
                      "<tbody>\n" + rows + "</tbody></table>"));
  return {"again", "Run it again", html};
}

}  // namespace detail

inline std::string report_page(const Study& study, const std::optional<Comparison>& test,
                               const std::optional<Comparison>& train,
                               const std::vector<ReportSection>& extra) {
  const ReportView view(study, test ? &*test : nullptr, train ? &*train : nullptr);
  std::vector<ReportSection> sections;
  const auto add = [&](ReportSection section) {
    if (!section.html.empty()) sections.push_back(std::move(section));
  };
  add(result_section(view));
  add(curves_section(view));
  add(targets_section(view));
  add(sets_section(view));
  add(confusions_section(view));
  add(calibration_section(view));
  add(disagreements_section(view));
  for (const ReportSection& section : extra) add(section);
  add(detail::again_section(view));

  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n";
  html += "<meta name=\"generator\" content=\"" +
          html_text(study.made_by.empty() ? "candist" : study.made_by) + "\">\n<title>" +
          html_text(detail::title_of(study)) + "</title>\n<style>";
  html += page_style;
  html += "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#result\">To the result</a>\n";
  html += detail::head_of(view, sections) + "<main>\n";
  for (const ReportSection& section : sections)
    html += "<section id=\"" + section.id + "\" aria-label=\"" + section.name + "\">\n" +
            section.html + "</section>\n";
  html += "</main>\n<footer><p>" +
          (study.made_by.empty() ? std::string("candist") : html_text(study.made_by)) +
          ". This file loads nothing from the network.</p></footer>\n<script>";
  html += page_script;
  return html + "</script>\n</body>\n</html>\n";
}

}  // namespace candist
