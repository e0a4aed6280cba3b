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

/// Empty where no method has several settings.
inline ReportSection selection_section(const StudyFindings& findings) {
  if (findings.selected.empty()) return {"selection", "Choosing settings", ""};
  std::string html = section_head(
      "Choosing settings",
      "Where a method was run with several settings: which one each criterion would choose, and "
      "what "
      "that one reaches on the test texts. Covering rate and approximated accuracy need no gold "
      "labels (held-out texts, <code>--hold-out</code>); the oracle looks at the test texts "
      "themselves, so no honest choice can beat it.");
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
      table += "<td>" +
               (line != nullptr ? html_text(mean_and_spread(line->accuracy)) + "\u2009% " : "") +
               html_name(name) + "</td>";
    }
    table += "</tr>";
  }
  html += in_scroll("Settings that each criterion chooses", table + "</tbody></table>");
  return {"selection", "Choosing settings", html};
}

}  // namespace candist
