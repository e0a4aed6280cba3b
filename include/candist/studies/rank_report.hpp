// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Compositions that several data sets judged, ranked: in words, as Markdown, as one page of HTML
// and as the critical difference diagram of Demsar, Statistical comparisons of classifiers over
// multiple data sets, JMLR 7, 2006.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/metrics/ranks.hpp"
#include "candist/studies/markup.hpp"
#include "candist/studies/page_style.hpp"
#include "candist/studies/report_text.hpp"
#include "candist/studies/report_view.hpp"
#include "candist/studies/svg_parts.hpp"

namespace candist {

/// What every composition reached on every data set, and what their ranks say.
struct RankReport {
  std::vector<std::string> compositions;
  std::vector<std::string> data_sets;
  std::vector<std::vector<double>> scores;  ///< [data sets][compositions], shares of right labels
  Judged judged = Judged::test_texts;
  std::vector<std::string> notes = {};  ///< what was left out, what is not finished
  std::string again = {};               ///< the command that makes the report again
  RankComparison ranks = {};            ///< filled in by ranked(), as what follows
  std::vector<std::size_t> order = {};  ///< of the compositions, the best mean rank first

  double mean_rank(std::size_t composition) const { return ranks.mean_ranks[composition]; }
  /// Rank on one data set; equal scores share their ranks' mean.
  double rank(std::size_t data_set, std::size_t composition) const;
  /// "a b": the letters of the composition's groups; who shares none differ (Nemenyi's test).
  std::string letters(std::size_t composition) const;
  /// The compositions that are worse than this one by more than the critical difference.
  std::vector<std::size_t> worse_than(std::size_t composition) const;
};

/// Fills in ranks and order, at the level 0.05. Throws what friedman() throws, and ShapeError where
/// names and scores differ in number.
inline RankReport ranked(RankReport report);
/// What the tests say, a sentence each: Friedman's, Nemenyi's, and how far to trust them.
inline std::vector<std::string> rank_sentences(const RankReport& report);
/// ranks.md: sentences, the table, notes, how to make it again.
inline std::string rank_markdown(const RankReport& report);
/// critical_difference.svg, a file of its own: the axis of mean ranks with the best on the right, a
/// leader to every name, a bar as long as the critical difference, and a thick bar below the axis
/// for every group whose members cannot be told apart.
inline std::string critical_difference_svg(const RankReport& report);
/// ranks.html: diagram, sentences and table in one file that loads nothing.
inline std::string rank_page(const RankReport& report);

// ---- definitions

inline RankReport ranked(RankReport report) {
  CANDIST_EXPECT_EQ(report.data_sets.size(), report.scores.size(), "data sets, their scores");
  report.ranks = friedman(report.scores, 0.05);
  report.order.resize(report.compositions.size());
  CANDIST_EXPECT_EQ(report.order.size(), report.ranks.mean_ranks.size(), "compositions, scores");
  std::iota(report.order.begin(), report.order.end(), std::size_t{0});
  std::stable_sort(report.order.begin(), report.order.end(), [&](std::size_t a, std::size_t b) {
    return report.mean_rank(a) < report.mean_rank(b);
  });
  return report;
}

inline double RankReport::rank(std::size_t data_set, std::size_t composition) const {
  const double score = scores[data_set][composition];
  double twice = 1.0;
  for (const double other : scores[data_set]) twice += other > score ? 2 : other == score ? 1 : 0;
  return 0.5 * twice;
}

inline std::string RankReport::letters(std::size_t composition) const {
  std::string text;
  for (std::size_t g = 0; g < ranks.cliques.size(); ++g) {
    const std::vector<int>& group = ranks.cliques[g];
    if (std::count(group.begin(), group.end(), static_cast<int>(composition)) == 0) continue;
    text += (text.empty() ? "" : " ") + std::string(1, static_cast<char>('a' + g % 26)) +
            (g < 26 ? "" : std::to_string(g / 26));
  }
  return text;
}

inline std::vector<std::size_t> RankReport::worse_than(std::size_t composition) const {
  std::vector<std::size_t> worse;
  for (const std::size_t c : order) {
    if (mean_rank(c) > mean_rank(composition) + ranks.critical_difference) worse.push_back(c);
  }
  return worse;
}

inline std::vector<std::string> rank_sentences(const RankReport& report) {
  const std::size_t k = report.compositions.size();
  const RankComparison& ranks = report.ranks;
  const std::string sets = counted(static_cast<std::int64_t>(report.data_sets.size()), "data set");
  const std::string p = p_value(ranks.p);
  const bool rejected = ranks.p < 0.05;
  std::vector<std::string> sentences{
      "Friedman's test of " + std::to_string(k) + " compositions over " + sets +
      ": chi-squared = " + detail::ascii_fixed(ranks.chi_squared, 2) + " with " +
      counted(static_cast<std::int64_t>(k) - 1, "degree") + " of freedom, p " +
      (p[0] == '<' ? p : "= " + p) + ": " +
      (rejected ? "the compositions are not all equally good."
                : "that all compositions are equally good cannot be ruled out.")};
  std::size_t pairs = 0;
  for (const std::size_t c : report.order) pairs += report.worse_than(c).size();
  const std::vector<std::size_t> worse = report.worse_than(report.order[0]);
  std::string apart = "no two compositions are further apart, so none are told apart.";
  if (!worse.empty())
    apart = "further apart, and so different: " + std::to_string(pairs) + " of " +
            std::to_string(k * (k - 1) / 2) + " pairs. Clearly worse than the best, " +
            report.compositions[report.order[0]];
  for (const std::size_t c : worse) apart += (c == worse[0] ? ": " : ", ") + report.compositions[c];
  sentences.push_back("Nemenyi's test at the level 0.05: with " + sets +
                      " the critical difference is " +
                      detail::ascii_fixed(ranks.critical_difference, 2) + " ranks; " + apart);
  // The clearest outcome there is: one composition is the best on all data sets, another the worst.
  const double share = ranks.critical_difference / (static_cast<double>(k) - 1.0);
  const double needed = std::floor(share * share * static_cast<double>(report.scores.size())) + 1;
  if (share >= 1.0)
    sentences.push_back("Whatever the outcome, so few data sets cannot tell two of " +
                        std::to_string(k) + " compositions apart: that takes at least " +
                        plain_number(needed) + ".");
  else if (rejected && pairs == 0)
    sentences.push_back("Some differ, but the data sets are too few to say which.");
  if (!rejected && pairs > 0)
    sentences.push_back("Friedman's test does not agree: take that as a hint, not as a result.");
  if (report.data_sets.size() < 10 || k < 5)
    sentences.push_back(
        "With fewer than 10 data sets or 5 compositions, as here, the chi-squared "
        "approximation behind p is rough.");
  return sentences;
}

inline std::string rank_markdown(const RankReport& report) {
  std::string text = "# Ranks over several data sets\n\n";
  for (const std::string& sentence : rank_sentences(report)) text += shown(sentence, 4000) + "\n\n";
  text += "| composition | mean rank | groups |";
  for (const std::string& name : report.data_sets) text += " " + detail::markdown_cell(name) + " |";
  text += "\n|---|---|---|";
  for (std::size_t d = 0; d < report.data_sets.size(); ++d) text += "---|";
  text += "\n";
  for (const std::size_t c : report.order) {
    text += "| " + detail::markdown_cell(report.compositions[c]) + " | " +
            detail::ascii_fixed(report.mean_rank(c), 2) + " | " + report.letters(c) + " |";
    for (std::size_t d = 0; d < report.data_sets.size(); ++d)
      text += " " + detail::ascii_fixed(100.0 * report.scores[d][c], 1) + " (" +
              plain_number(report.rank(d, c)) + ") |";
    text += "\n";
  }
  text += "\nAccuracy on the " + std::string(name_of(report.judged)) +
          " in per cent, the mean over seeds, and the rank in brackets. Compositions that share a "
          "letter are not told apart. Diagram: critical_difference.svg.\n";
  for (const std::string& note : report.notes) text += "\n" + shown(note, 600) + "\n";
  return text + "\nMade by:\n\n    " + report.again + "\n";
}

namespace detail {

/// An svg element in classes of the page's style sheet: axis, name, s0.
inline std::string rank_diagram(const RankReport& report) {
  const std::size_t k = report.compositions.size();
  const std::size_t on_the_right = (k + 1) / 2;
  const double cd = report.ranks.critical_difference;
  constexpr double ranks_wide = 400.0, leader = 44.0, row = 22.0, axis_y = 62.0;
  std::vector<std::string> names;
  double columns[2] = {30.0, 30.0};  // of names: left, right
  for (std::size_t i = 0; i < k; ++i) {
    names.push_back(shortened(report.compositions[report.order[i]], 48));
    double width = 14.0;  // by a guess: letters beyond Latin, Greek and Cyrillic are wide
    for (const char c : names.back())
      width += (c & 0xC0) == 0x80 ? 0.0 : static_cast<unsigned char>(c) < 0xE0 ? 7.0 : 12.5;
    columns[i < on_the_right] = std::max(columns[i < on_the_right], width);
  }
  // Rank 1 is on the right, as in the paper; the critical difference fits even if no ranks do.
  const double most = static_cast<double>(k) - 1.0;
  const double per_rank = ranks_wide / std::max(most, cd);
  const double left = columns[0] + leader;
  const double right = left + per_rank * most;
  const double right_end = left + ranks_wide + leader;
  const auto x = [&](double rank) { return right - per_rank * (rank - 1.0); };
  const auto mean = [&](int c) { return report.mean_rank(static_cast<std::size_t>(c)); };

  std::string marks =
      "<path fill=\"none\" stroke=\"currentColor\" d=\"M" + plain_number(left) + " 18v8m0-4h" +
      plain_number(per_rank * cd) + "m0-4v8\"/>" +
      svg_text(left + 0.5 * per_rank * cd, 13, "middle", "CD = " + ascii_fixed(cd, 2)) +
      svg_line(left, axis_y, right, axis_y, "axis");
  for (std::size_t rank = 1; rank <= k; rank += 1 + (k - 1) / 20) {
    const double tick = x(static_cast<double>(rank));
    marks += svg_line(tick, axis_y - 6, tick, axis_y, "axis") +
             svg_text(tick, axis_y - 10, "middle", std::to_string(rank));
  }
  std::vector<double> ends;  // of the thick bars so far, by their line; they come from the right
  std::string bars;
  for (const std::vector<int>& clique : report.ranks.cliques) {
    if (clique.size() < 2) continue;
    const double from = x(mean(clique.back())) - 4;
    const double to = x(mean(clique.front())) + 4;
    std::size_t line = 0;
    while (line < ends.size() && to > ends[line] - 6) ++line;
    ends.resize(std::max(ends.size(), line + 1));
    ends[line] = from;
    bars += "<rect class=\"group\" fill=\"currentColor\" rx=\"2\"" + at("x", from) +
            at("y", axis_y + 11 + 9 * static_cast<double>(line)) + at("width", to - from) +
            at("height", 4) + "/>";
  }
  const double first_row = axis_y + 34 + 9 * static_cast<double>(ends.size());
  for (std::size_t i = 0; i < k; ++i) {
    const bool better = i < on_the_right;
    const double y = first_row + row * static_cast<double>(better ? i : k - 1 - i);
    const double point = x(report.mean_rank(report.order[i]));
    const double end = better ? right_end : columns[0];
    const double out = better ? 1.0 : -1.0;
    const std::string& whole = report.compositions[report.order[i]];
    marks += svg_line(point, axis_y, point, y, "axis") + svg_line(point, y, end, y, "axis") +
             chart_marker(0, point, axis_y, 2.5, "") +
             svg_text(end - 3 * out, y - 4, better ? "end" : "start",
                      ascii_fixed(report.mean_rank(report.order[i]), 2)) +
             "<g>" + (names[i] == whole ? "" : "<title>" + html_text(whole) + "</title>") +
             svg_text(end + 6 * out, y + 4, better ? "start" : "end", names[i], " class=\"name\"") +
             "</g>";
  }
  return svg_head("cd", "Mean ranks of the compositions, joined by bars where not told apart",
                  "Critical difference: " + ascii_fixed(cd, 2) + " ranks.", right_end + columns[1],
                  first_row + row * static_cast<double>(on_the_right - 1) + 14) +
         marks + "<g class=\"s0\">" + bars + "</g></svg>";
}

}  // namespace detail

inline std::string critical_difference_svg(const RankReport& report) {
  return svg_file(detail::rank_diagram(report));
}

inline std::string rank_page(const RankReport& report) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
      "<title>Ranks over several data sets</title>\n<style>" +
      std::string(page_style) +
      ".notes:empty{display:none}figure{min-width:44rem;padding:0 1rem}</style>\n</head>\n<body>\n"
      "<header>\n<h1>Ranks over several data sets</h1>\n<div class=\"verdict\">";
  for (const std::string& text : rank_sentences(report)) html += "<p>" + html_text(text) + "</p>\n";
  html += "</div>\n<div class=\"notes\">";
  for (const std::string& text : report.notes) html += "<p>" + html_text(text) + "</p>\n";
  html +=
      "</div>\n</header>\n<main>\n<section>\n" +
      section_head("Mean ranks",
                   "The best is on the right. A thick bar joins compositions that are not told "
                   "apart: their mean ranks differ by no more than the critical difference.") +
      in_scroll("Critical difference diagram",
                "<figure>" + detail::rank_diagram(report) + "</figure>") +
      "</section>\n<section>\n" +
      section_head("Every data set", "Accuracy on the " + std::string(name_of(report.judged)) +
                                         ", the mean over seeds, and the rank below it. "
                                         "Compositions that share a letter are not told apart.");
  std::vector<std::string> heads{"Composition", "#Mean rank", "Groups"};
  for (const std::string& name : report.data_sets) heads.push_back("#" + html_name(name));
  std::string rows;
  for (const std::size_t c : report.order) {
    rows += "<tr><th scope=\"row\">" + html_name(report.compositions[c]) + "</th>" +
            number_cell(fixed_number(report.mean_rank(c), 2)) + "<td>" + report.letters(c) +
            "</td>";
    for (std::size_t d = 0; d < report.data_sets.size(); ++d)
      rows += number_cell(per_cent(report.scores[d][c]) + "<span class=\"sub\">" +
                          plain_number(report.rank(d, c)) + "</span>");
    rows += "</tr>\n";
  }
  return html +
         in_scroll("Accuracies and ranks",
                   "<table>" + table_head(heads) + "<tbody>\n" + rows + "</tbody></table>") +
         "</section>\n</main>\n<footer><p>Friedman's and Nemenyi's tests after Dem\u0161ar, JMLR "
         "7, 2006. Made by:</p>\n<pre tabindex=\"0\"><code>" +
         html_text(report.again) + "</code></pre></footer>\n</body>\n</html>\n";
}

}  // namespace candist
