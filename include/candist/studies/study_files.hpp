// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <system_error>

#include "candist/data/atomic_file.hpp"
#include "candist/studies/report_data.hpp"
#include "candist/studies/report_page.hpp"
#include "candist/studies/report_selection.hpp"
#include "candist/studies/report_text.hpp"
#include "candist/studies/study_pictures.hpp"

namespace candist {

/// What write_reports writes.
inline constexpr std::array report_files{"summary.md",  "summary.json", "table.tex",
                                         "report.html", "accuracy.svg", "learning_curves.svg"};

/// Writes them of a study (pictures where its texts have gold labels), whole or under way, into a
/// folder; equal studies give equal bytes. Throws what AtomicFile throws.
inline void write_reports(const std::filesystem::path& folder, const StudyFindings& findings) {
  const auto put = [&](const char* name, const std::string& text) {
    AtomicFile file(folder / name);
    file.write(text);
    file.commit();
  };
  put(report_files[0], markdown_report(findings));
  put(report_files[1], json_report(findings).dump(2) + "\n");
  put(report_files[2], latex_table(findings));
  put(report_files[3],
      report_page(*findings.study, findings.test, findings.train, {selection_section(findings)}));
  const auto put_picture = [&](const char* name, const std::string& picture) {
    std::error_code ignored;
    if (picture.empty()) {
      std::filesystem::remove(folder / name, ignored);  // of a study that could be judged
    } else {
      put(name, picture);
    }
  };
  put_picture(report_files[4], accuracy_picture(findings));
  put_picture(report_files[5], curves_picture(findings));
}

}  // namespace candist
