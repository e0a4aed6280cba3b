// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong, and whether the students know: confusions of classes, and calibration.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/metrics/calibration.hpp"
#include "candist/studies/report_view.hpp"

namespace candist {

/// Gold labels against given ones, of the best composition and, folded away, of every other.
inline ReportSection confusions_section(const ReportView& view);

/// How often labels of a given confidence are right: the best composition beside the reference.
inline ReportSection calibration_section(const ReportView& view);

// ---- definitions

namespace detail {

inline constexpr int most_matrix_classes = 30;

/// Counts [gold][given] over all runs.
struct Confusions {
  int classes = 0;
  std::vector<std::int64_t> counts;
  std::int64_t total = 0;
  int runs = 0;

  std::int64_t at(int gold, int given) const {
    return counts[static_cast<std::size_t>(gold) * static_cast<std::size_t>(classes) +
                  static_cast<std::size_t>(given)];
  }
  std::int64_t of_gold(int gold) const {
    std::int64_t sum = 0;
    for (int given = 0; given < classes; ++given) sum += at(gold, given);
    return sum;
  }
};

inline Confusions confusions_of(const ReportView& view, const StudiedComposition& composition) {
  Confusions result;
  const Texts* texts = texts_of(view.study, view.judged);
  result.classes = view.classes();
  const auto inside = [&](std::int32_t label) { return label >= 0 && label < result.classes; };
  result.counts.resize(static_cast<std::size_t>(result.classes) *
                       static_cast<std::size_t>(result.classes));
  for (const FinishedRun& run : composition.runs) {
    const Predictions& given = predictions_of(run, view.judged);
    if (!covers(given, texts)) continue;
    ++result.runs;
    for (std::size_t i = 0; i < given.labels.size(); ++i) {
      if (!inside(texts->labels[i]) || !inside(given.labels[i])) continue;
      ++result.counts[static_cast<std::size_t>(texts->labels[i]) *
                          static_cast<std::size_t>(result.classes) +
                      static_cast<std::size_t>(given.labels[i])];
      ++result.total;
    }
  }
  return result;
}

inline std::string confusion_matrix(const ReportView& view, const Confusions& confusions,
                                    const std::string& name) {
  std::string html = "<table><thead><tr><th scope=\"col\">gold \\ given</th>";
  for (int c = 0; c < confusions.classes; ++c)
    html += "<th scope=\"col\"><span>" + html_text(shortened(view.label(c), 24)) + "</span></th>";
  html += "</tr></thead><tbody>\n";
  for (int gold = 0; gold < confusions.classes; ++gold) {
    const std::int64_t all = confusions.of_gold(gold);
    html += "<tr><th scope=\"row\">" + html_name(shortened(view.label(gold), 24)) + "</th>";
    for (int given = 0; given < confusions.classes; ++given) {
      const std::int64_t count = confusions.at(gold, given);
      const int level =
          count == 0 ? 0
                     : std::clamp(static_cast<int>(std::ceil(9.0 * static_cast<double>(count) /
                                                             static_cast<double>(all))),
                                  1, 9);
      std::string cls = gold == given ? "d" : "";
      if (level > 0) cls += (cls.empty() ? "h" : " h") + std::to_string(level);
      html += (cls.empty() ? "<td>" : "<td class=\"" + cls + "\">") +
              (count > 0 ? std::to_string(count) : "") + "</td>";
    }
    html += "</tr>\n";
  }
  return in_scroll("Confusion matrix of " + name, html + "</tbody></table>", "matrix");
}

inline std::string top_confusions(const ReportView& view, const Confusions& confusions,
                                  std::size_t most, const std::string& name) {
  std::vector<std::pair<int, int>> wrong;
  for (int gold = 0; gold < confusions.classes; ++gold) {
    for (int given = 0; given < confusions.classes; ++given) {
      if (gold != given && confusions.at(gold, given) > 0) wrong.emplace_back(gold, given);
    }
  }
  if (wrong.empty()) return "<p>No text is labelled wrongly.</p>\n";
  std::stable_sort(wrong.begin(), wrong.end(), [&](const auto& a, const auto& b) {
    return confusions.at(a.first, a.second) > confusions.at(b.first, b.second);
  });
  if (wrong.size() > most) wrong.resize(most);
  std::string rows;
  for (const auto& [gold, given] : wrong) {
    const std::int64_t count = confusions.at(gold, given);
    rows += "<tr><td>" + html_name(shortened(view.label(gold), 60)) + "</td><td>" +
            html_name(shortened(view.label(given), 60)) + "</td>" + number_cell(grouped(count)) +
            number_cell(per_cent(static_cast<double>(count) /
                                 static_cast<double>(confusions.of_gold(gold)))) +
            "</tr>";
  }
  return in_scroll("Most frequent confusions of " + name,
                   "<table>" + table_head({"Gold label", "Taken for", "#Times", "#Of its class"}) +
                       "<tbody>" + rows + "</tbody></table>");
}

inline std::string confusion_panel(const ReportView& view, const RankedComposition& one,
                                   const Confusions& confusions) {
  const std::string& name = one.composition->name;
  if (confusions.classes > most_matrix_classes) return top_confusions(view, confusions, 20, name);
  return "<div class=\"pair\">" + confusion_matrix(view, confusions, name) +
         "<div class=\"rest\"><h3>Most frequent confusions</h3>" +
         top_confusions(view, confusions, 10, name) + "</div></div>\n";
}

/// Confidence and accuracy by bin, over all runs.
struct Reliability {
  static constexpr std::size_t bins = 15;
  struct Bin {
    double confidence = 0.0;
    double right = 0.0;
    double count = 0.0;
  };
  std::array<Bin, bins> histogram;
  double error = 0.0;  ///< expected calibration error, mean over runs
  int runs = 0;
  double count = 0.0;
};

inline std::optional<Reliability> reliability_of(const ReportView& view,
                                                 const StudiedComposition& composition) {
  const Texts* texts = texts_of(view.study, view.judged);
  Reliability result;
  for (const FinishedRun& run : composition.runs) {
    const Predictions& given = predictions_of(run, view.judged);
    if (!covers(given, texts) || given.confidences.size() != given.labels.size() ||
        !std::all_of(given.confidences.begin(), given.confidences.end(),
                     [](float c) { return c >= 0.0f && c <= 1.0001f; }))
      continue;
    const auto error = expected_calibration_error(given, texts->labels, Reliability::bins);
    if (!error) continue;
    ++result.runs;
    result.error += *error;
    for (std::size_t i = 0; i < given.labels.size(); ++i) {
      if (texts->labels[i] < 0) continue;
      const int bin = std::clamp(static_cast<int>(given.confidences[i] * Reliability::bins), 0,
                                 static_cast<int>(Reliability::bins) - 1);
      auto& into = result.histogram[static_cast<std::size_t>(bin)];
      into.confidence += given.confidences[i];
      into.right += given.labels[i] == texts->labels[i] ? 1.0 : 0.0;
      into.count += 1.0;
      result.count += 1.0;
    }
  }
  if (result.runs == 0) return std::nullopt;
  result.error /= result.runs;
  return result;
}

inline std::string reliability_figure(const RankedComposition& one, const Reliability& of) {
  ScatterChart chart{"reliability-" + std::to_string(one.rank),
                     "Reliability of " + one.composition->name,
                     "Expected calibration error " + fixed_number(of.error, 3) + ".",
                     "confidence of the label",
                     "right",
                     {},
                     {},
                     {0.0, 1.0},
                     {0.0, 1.0},
                     ScatterChart::Guide::diagonal};
  double largest = 1.0;
  for (const auto& bin : of.histogram) largest = std::max(largest, bin.count);
  std::string rows;
  for (std::size_t b = 0; b < Reliability::bins; ++b) {
    const auto& bin = of.histogram[b];
    chart.bars.push_back(bin.count);
    if (bin.count == 0.0) continue;
    const double confidence = bin.confidence / bin.count;
    const double right = bin.right / bin.count;
    chart.dots.push_back({"confidence " + per_cent(confidence) + ": right " + per_cent(right),
                          {},
                          (one.rank - 1) % chart_looks,
                          confidence,
                          right,
                          bin.count / largest});
    rows += "<tr><th scope=\"row\" class=\"n\">" +
            fixed_number(100.0 * static_cast<double>(b) / Reliability::bins, 0) + "\u2013" +
            fixed_number(100.0 * static_cast<double>(b + 1) / Reliability::bins, 0) +
            "\u2009%</th>" + number_cell(per_cent(bin.count / of.count)) +
            number_cell(per_cent(confidence)) + number_cell(per_cent(right)) + "</tr>";
  }
  return "<figure><h3>" + ranked_name(one) + "</h3>" + svg_of(chart) +
         "<figcaption>Expected calibration error <b>" + fixed_number(of.error, 3) + "</b>, " +
         (of.runs > 1 ? "mean over " + std::to_string(of.runs) + " seeds" : "one seed") +
         ".</figcaption>" +
         in_details(
             "The figures",
             in_scroll("Reliability of " + one.composition->name,
                       "<table>" +
                           table_head({"#Bin", "#Share of labels", "#Mean confidence", "#Right"}) +
                           "<tbody>" + rows + "</tbody></table>")) +
         "</figure>\n";
}

}  // namespace detail

inline ReportSection confusions_section(const ReportView& view) {
  if (view.comparison() == nullptr || view.classes() < 2) return {};
  std::string open, folded, lead;
  std::vector<const RankedComposition*> order{view.best()};
  for (const RankedComposition& one : view.ranked) {
    if (&one != view.best()) order.push_back(&one);
  }
  for (const RankedComposition* shown : order) {
    const RankedComposition& one = *shown;
    const detail::Confusions confusions = detail::confusions_of(view, *one.composition);
    if (confusions.total == 0) continue;
    const std::string panel = detail::confusion_panel(view, one, confusions);
    if (!open.empty()) {
      folded += in_details(ranked_name(one), panel);
      continue;
    }
    open = panel;
    lead = "Labels of the " + std::string(name_of(view.judged)) + " by " +
           html_name(one.composition->name) + ", " +
           (confusions.runs > 1 ? "summed over " + std::to_string(confusions.runs) + " seeds."
                                : "one seed.");
  }
  if (open.empty()) return {};
  lead += view.classes() > detail::most_matrix_classes
              ? " With " + std::to_string(view.classes()) +
                    " classes a matrix would not be readable: these are the 20 most frequent "
                    "confusions."
              : " A row is a gold label, a column the label given; the darker (in a dark page: the "
                "brighter), the larger the share of the row. Framed: right.";
  return {"confusions", "Confusions",
          section_head("Which classes are confused", lead) + open +
              (folded.empty() ? "" : "<h3>The other compositions</h3>\n" + folded)};
}

inline ReportSection calibration_section(const ReportView& view) {
  if (view.comparison() == nullptr) return {};
  std::vector<const RankedComposition*> wanted{view.best()};
  if (view.reference() != nullptr && view.reference() != view.best())
    wanted.push_back(view.reference());
  for (const RankedComposition& one : view.ranked) {
    if (wanted.size() == 1 && &one != view.best() && view.line(one) != nullptr)
      wanted.push_back(&one);
  }
  std::string figures;
  for (const RankedComposition* one : wanted) {
    const auto reliability = detail::reliability_of(view, *one->composition);
    if (reliability) figures += detail::reliability_figure(*one, *reliability);
  }
  if (figures.empty()) return {};
  return {"calibration", "Calibration",
          section_head(
              "Does the student know when it is right?",
              "A mark a bin of confidence (15 of them), over all seeds; its area grows with "
              "the share of labels in it, and so do the bars at the bottom. On the dashed line "
              "confidences mean what they say; below it the student is too sure of itself.") +
              "<div class=\"charts\">" + figures + "</div>\n"};
}

}  // namespace candist
