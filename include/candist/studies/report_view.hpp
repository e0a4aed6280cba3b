// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the sections of a report share: the compositions in the order of their accuracy, and the
// pieces of HTML that all of them use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "candist/studies/comparison.hpp"
#include "candist/studies/markup.hpp"
#include "candist/studies/study.hpp"
#include "candist/studies/svg_charts.hpp"

namespace candist {

/// A composition with its lines in the comparisons; null where there is none.
struct RankedComposition {
  const StudiedComposition* composition = nullptr;
  const ComparedComposition* test = nullptr;
  const ComparedComposition* train = nullptr;
  int rank = 0;  ///< from 1, by accuracy; the page's short name of it
};

/// The study as the report shows it. Pointers are into the study and the comparisons.
class ReportView {
 public:
  ReportView(const Study& study, const Comparison* test, const Comparison* train);

  const Study& study;
  const Comparison* test;
  const Comparison* train;
  /// On which texts compositions are judged first: test texts where they have gold labels.
  Judged judged = Judged::test_texts;
  std::vector<RankedComposition> ranked;  ///< the best first; without accuracy last
  std::size_t runs = 0;

  const Comparison* comparison() const { return judged == Judged::test_texts ? test : train; }
  const ComparedComposition* line(const RankedComposition& of) const {
    return judged == Judged::test_texts ? of.test : of.train;
  }
  /// The most accurate of those that learn from the teacher; where all learn from gold, of all.
  /// Null where nothing is compared.
  const RankedComposition* best() const;
  /// The reference, or null where nothing is compared.
  const RankedComposition* reference() const;
  /// Name of a class, or its number where there is none.
  std::string label(std::int32_t label) const;
  int classes() const { return study.labels != nullptr ? study.labels->size() : 0; }

 private:
  static const ComparedComposition* find(const Comparison* comparison, const std::string& name);
};

/// A section of the page: what the navigation calls it, and its HTML; empty where there is nothing
/// to show.
struct ReportSection {
  std::string id;
  std::string name;
  std::string html;
};

/// Predictions for every one of these texts, in labels; else the run cannot be judged by text.
inline bool covers(const Predictions& predictions, const Texts* texts) {
  return texts != nullptr && texts->rows() > 0 &&
         static_cast<std::int64_t>(predictions.labels.size()) == texts->rows() &&
         static_cast<std::int64_t>(texts->labels.size()) == texts->rows();
}

/// The teacher that it learns from, where that annotated these texts, else null.
inline const Annotations* teacher_of(const StudiedComposition& composition, const Texts* texts) {
  if (composition.learns_from == StudiedComposition::LearnsFrom::gold) return nullptr;
  const Annotations* teacher = composition.teacher.get();
  return teacher != nullptr && texts != nullptr && teacher->rows() == texts->rows() ? teacher
                                                                                    : nullptr;
}

/// "1 name", as every section names a composition.
inline std::string ranked_name(const RankedComposition& of) {
  return "<b class=\"rank\">" + std::to_string(of.rank) + "</b>" + html_name(of.composition->name);
}

inline std::string section_head(std::string_view title, const std::string& lead) {
  return "<h2>" + std::string(title) + "</h2>\n<p class=\"lead\">" + lead + "</p>\n";
}

/// A table in a box of its own that scrolls: the page never does so sideways.
inline std::string in_scroll(const std::string& label, const std::string& html,
                             std::string_view cls = {}) {
  return "<div class=\"scroll" + (cls.empty() ? "" : " " + std::string(cls)) +
         "\" tabindex=\"0\" role=\"region\" aria-label=\"" + html_text(label) + "\">" + html +
         "</div>\n";
}

inline std::string in_details(const std::string& summary, const std::string& html) {
  return "<details><summary>" + summary + "</summary>\n" + html + "</details>\n";
}

inline std::string number_cell(const std::string& html) {
  return "<td class=\"n\">" + html + "</td>";
}

/// The heads of a table, "#" before those of numbers.
inline std::string table_head(const std::vector<std::string>& heads) {
  std::string html = "<thead><tr>";
  for (const std::string& head : heads) {
    html += head[0] == '#' ? "<th scope=\"col\" class=\"n\">" + head.substr(1) + "</th>"
                           : "<th scope=\"col\">" + head + "</th>";
  }
  return html + "</tr></thead>";
}

/// Looks for compositions that share a chart: those of their ranks where they differ.
inline std::vector<int> looks_of(const std::vector<const RankedComposition*>& shown) {
  std::vector<int> looks;
  for (const RankedComposition* one : shown) {
    const int look = (one->rank - 1) % chart_looks;
    if (std::find(looks.begin(), looks.end(), look) != looks.end()) {
      for (std::size_t i = 0; i < shown.size(); ++i) {
        if (i == looks.size()) looks.push_back(0);
        looks[i] = static_cast<int>(i) % chart_looks;
      }
      return looks;
    }
    looks.push_back(look);
  }
  return looks;
}

/// The legend of a chart of compositions.
inline std::string chart_key(const std::vector<const RankedComposition*>& shown) {
  const std::vector<int> looks = looks_of(shown);
  std::string html = "<ul class=\"key\">";
  for (std::size_t i = 0; i < shown.size(); ++i) {
    html += "<li>" + svg_key(looks[i]) + "<b>" + std::to_string(shown[i]->rank) + "</b> " +
            html_name(shown[i]->composition->name) + "</li>";
  }
  return html + "</ul>\n";
}

// ---- definitions

inline ReportView::ReportView(const Study& of, const Comparison* on_test,
                              const Comparison* on_train)
    : study(of), test(on_test), train(on_train) {
  if (test == nullptr) judged = Judged::training_texts;
  for (const StudiedComposition& composition : study.compositions) {
    ranked.push_back(
        {&composition, find(test, composition.name), find(train, composition.name), 0});
    runs += composition.runs.size();
  }
  std::stable_sort(ranked.begin(), ranked.end(), [&](const auto& a, const auto& b) {
    const ComparedComposition* left = line(a);
    const ComparedComposition* right = line(b);
    if (left == nullptr || right == nullptr) return left != nullptr && right == nullptr;
    return left->accuracy.mean > right->accuracy.mean;
  });
  for (std::size_t i = 0; i < ranked.size(); ++i) ranked[i].rank = static_cast<int>(i) + 1;
}

inline const RankedComposition* ReportView::best() const {
  const RankedComposition* any = nullptr;
  for (const RankedComposition& one : ranked) {
    if (line(one) == nullptr) continue;
    if (one.composition->learns_from == StudiedComposition::LearnsFrom::teacher) return &one;
    if (any == nullptr) any = &one;
  }
  return any;
}

inline const RankedComposition* ReportView::reference() const {
  if (comparison() == nullptr) return nullptr;
  for (const RankedComposition& one : ranked) {
    if (one.composition->name == comparison()->reference) return &one;
  }
  return nullptr;
}

inline std::string ReportView::label(std::int32_t number) const {
  return number >= 0 && number < classes() ? study.labels->name(number)
         : number < 0                      ? std::string("none")
                                           : std::to_string(number);
}

inline const ComparedComposition* ReportView::find(const Comparison* comparison,
                                                   const std::string& name) {
  if (comparison == nullptr) return nullptr;
  for (const ComparedComposition& line : comparison->lines) {
    if (line.name == name) return &line;
  }
  return nullptr;
}

}  // namespace candist
