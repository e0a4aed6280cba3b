// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The report's section on hyper-parameters: what would be chosen without gold labels, and with them.
#pragma once

#include <string>
#include <vector>

#include "candist/studies/findings.hpp"
#include "candist/studies/report_text.hpp"
#include "candist/studies/report_view.hpp"

namespace candist {

namespace detail {

/// A row a composition: what its runs reach by the candidates of held-out texts; empty without any.
inline std::string criteria_table(const StudyFindings& findings) {
  std::string rows;
  for (const StudiedComposition& composition : findings.study->compositions) {
    std::string cells;
    bool any = false;
    for (const Criterion criterion : criteria_without_gold) {
      const auto mean = criterion_mean(*findings.study, composition, criterion);
      any = any || mean;
      cells += number_cell(per_cent(mean));
    }
    if (any)
      rows += "<tr><th scope=\"row\">" + html_name(composition.name) + "</th>" + cells + "</tr>";
  }
  if (rows.empty()) return {};
  return in_scroll("What held-out candidates say of every composition",
                   "<table>" +
                       table_head({"Composition", "#Covering rate", "#Approximated accuracy"}) +
                       "<tbody>" + rows + "</tbody></table>");
}

/// A row a method with several settings: which one each criterion chooses; empty without any.
inline std::string selection_table(const StudyFindings& findings) {
  if (findings.selected.empty()) return {};
  std::vector<std::string> heads{"Method", "#Settings"};
  for (const Criterion criterion : all_criteria) heads.push_back(html_text(name_of(criterion)));
  std::string table = "<table>" + table_head(heads) + "<tbody>";
  for (const SelectedSetting& method : findings.selected) {
    table += "<tr><th scope=\"row\">" + html_name(method.method) + "</th>" +
             number_cell(std::to_string(method.settings));
    for (const auto& chosen : method.chosen) {
      if (!chosen) {
        table += "<td>\u2013</td>";
        continue;
      }
      const std::string& name = findings.study->compositions[*chosen].name;
      const ComparedComposition* line = line_of(findings.test, name);
      table +=
          "<td>" + html_name(name) +
          (line != nullptr ? "<span class=\"sub\">" + html_text(mean_and_spread(line->accuracy)) +
                                 "\u2009% of the test texts</span>"
                           : "") +
          "</td>";
    }
    table += "</tr>";
  }
  return in_scroll("Settings that each criterion chooses", table + "</tbody></table>");
}

}  // namespace detail

/// Empty where nothing was held out and no method has several settings.
inline ReportSection selection_section(const StudyFindings& findings) {
  const std::string criteria = detail::criteria_table(findings);
  const std::string selection = detail::selection_table(findings);
  ReportSection section{"selection", "Choosing", ""};
  if (criteria.empty() && selection.empty()) return section;
  section.html = section_head(
      "Choosing without gold labels",
      "Covering rate: the share of the held-out texts (<code>--hold-out</code>) whose label is one "
      "of "
      "their candidates. Approximated accuracy: that label's share of the student's probability on "
      "the candidates. Neither needs gold labels. The oracle looks at the test texts themselves, "
      "so "
      "no honest choice can beat it.");
  section.html += criteria;
  if (!selection.empty())
    section.html += "<h3>Which setting of a method each criterion would choose</h3>\n" + selection;
  return section;
}

}  // namespace candist
