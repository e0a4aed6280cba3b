// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Compositions that several data sets judged, ranked: in words, as Markdown, as one page of
// HTML and as the critical difference diagram of Demsar, Statistical comparisons of classifiers over
// multiple data sets, JMLR 7, 2006.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
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
  /// Throws what friedman() throws, and ShapeError where names and scores differ in number.
  RankReport(std::vector<std::string> of_compositions, std::vector<std::string> of_data_sets,
             std::vector<std::vector<double>> accuracies, Judged on, double at_level = 0.05);

  std::vector<std::string> compositions;
  std::vector<std::string> data_sets;
  std::vector<std::vector<double>> scores;  ///< [data sets][compositions], shares of right labels
  Judged judged;
  double level;
  RankComparison ranks;
  std::vector<std::size_t> order;  ///< of the compositions, the best mean rank first
  std::string made_by;             ///< program and version
  std::string command;             ///< that makes the report again
  std::vector<std::string> notes;  ///< what was left out, what is not finished

  /// "a b": the letters of the groups that the composition is in; who shares none differ (Nemenyi).
  std::string letters(std::size_t composition) const;
  /// Rank on one data set; equal scores share their ranks' mean.
  double rank(std::size_t data_set, std::size_t composition) const;
  double mean_rank(std::size_t composition) const { return ranks.mean_ranks[composition]; }
  /// Pairs of compositions further apart than the critical difference.
  std::size_t pairs_told_apart() const;
};

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

inline RankReport::RankReport(std::vector<std::string> of_compositions,
                              std::vector<std::string> of_data_sets,
                              std::vector<std::vector<double>> accuracies, Judged on,
                              double at_level)
    : compositions(std::move(of_compositions)),
      data_sets(std::move(of_data_sets)),
      scores(std::move(accuracies)),
      judged(on),
      level(at_level),
      ranks(friedman(scores, level)),
      order(compositions.size()) {
  CANDIST_EXPECT_EQ(data_sets.size(), scores.size(), "names of data sets, scores");
  CANDIST_EXPECT_EQ(compositions.size(), ranks.mean_ranks.size(), "names of compositions, scores");
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return mean_rank(a) < mean_rank(b); });
}

inline std::string RankReport::letters(std::size_t composition) const {
  std::string text;
  for (std::size_t g = 0; g < ranks.cliques.size(); ++g) {
    const auto& clique = ranks.cliques[g];
    if (std::find(clique.begin(), clique.end(), static_cast<int>(composition)) == clique.end())
      continue;
    text += (text.empty() ? "" : " ") + std::string(1, static_cast<char>('a' + g % 26)) +
            (g < 26 ? "" : std::to_string(g / 26));
  }
  return text;
}

inline double RankReport::rank(std::size_t data_set, std::size_t composition) const {
  double above = 0.0;
  double equal = 0.0;
  for (const double score : scores[data_set]) {
    above += score > scores[data_set][composition] ? 1.0 : 0.0;
    equal += score == scores[data_set][composition] ? 1.0 : 0.0;
  }
  return above + 0.5 * (equal + 1.0);
}

inline std::size_t RankReport::pairs_told_apart() const {
  std::size_t pairs = 0;
  for (const std::size_t a : order) {
    for (const std::size_t b : order)
      pairs += mean_rank(b) > mean_rank(a) + ranks.critical_difference ? 1 : 0;
  }
  return pairs;
}

inline std::vector<std::string> rank_sentences(const RankReport& report) {
  const std::size_t k = report.compositions.size();
  const auto n = static_cast<double>(report.data_sets.size());
  const bool rejected = report.ranks.p < report.level;
  const std::size_t apart = report.pairs_told_apart();
  const std::string sets = counted(static_cast<std::int64_t>(report.data_sets.size()), "data set");
  const std::string cd = plain_number(report.ranks.critical_difference, 2);
  std::string p = p_value(report.ranks.p);
  p = p[0] == '<' ? "p " + p : "p = " + p;
  std::vector<std::string> sentences;
  sentences.push_back("Friedman's test of " + std::to_string(k) + " compositions over " + sets +
                      ": chi-squared = " + detail::ascii_fixed(report.ranks.chi_squared, 2) +
                      " with " + counted(static_cast<std::int64_t>(k) - 1, "degree") +
                      " of freedom, " + p +
                      (rejected ? ": the compositions are not all equally good."
                                : ": that all compositions are equally good cannot be ruled out."));
  std::string nemenyi = "Nemenyi's test at the level " + plain_number(report.level, 3) + ": with " +
                        sets + " the critical difference is " + cd + " ranks; ";
  if (apart == 0) {
    nemenyi += "no two compositions are that far apart, so no two are told apart.";
  } else {
    nemenyi += std::to_string(apart) + " of " + std::to_string(k * (k - 1) / 2) +
               (apart == 1 ? " pairs is" : " pairs are") + " further apart than that, and differ: ";
    const std::size_t best = report.order.front();
    std::string worse;
    for (const std::size_t c : report.order) {
      if (report.mean_rank(c) > report.mean_rank(best) + report.ranks.critical_difference)
        worse += (worse.empty() ? "" : ", ") + report.compositions[c];
    }
    nemenyi += report.compositions[best] + " is better than " + worse + ".";
  }
  sentences.push_back(nemenyi);
  if (rejected && apart == 0)
    sentences.push_back("Some differ, but the data sets are too few to say which.");
  if (!rejected && apart > 0)
    sentences.push_back(
        "Friedman's test does not agree: take the pairs as a hint, not as a result.");
  // As good as it gets: one composition first everywhere, another one last everywhere.
  const double most = static_cast<double>(k) - 1.0;
  if (report.ranks.critical_difference >= most) {
    const double share = report.ranks.critical_difference / most;
    sentences.push_back(
        "With so few data sets no outcome could tell two of them apart: the best "
        "and the worst on all of them are " +
        plain_number(most) + (k == 2 ? " rank" : " ranks") + " apart; that takes at least " +
        plain_number(std::floor(n * share * share) + 1.0) + " data sets.");
  }
  if (report.data_sets.size() < 10 || k < 5)
    sentences.push_back(
        "Few data sets or compositions (below 10 or 5): the chi-squared "
        "approximation behind p is rough.");
  return sentences;
}

inline std::string rank_markdown(const RankReport& report) {
  std::string text = "# Ranks over several data sets\n\n";
  for (const std::string& sentence : rank_sentences(report)) text += shown(sentence, 4000) + "\n\n";
  text += "| composition | mean rank |";
  for (const std::string& name : report.data_sets) text += " " + detail::markdown_cell(name) + " |";
  text += " groups |\n|---|---|";
  for (std::size_t d = 0; d <= report.data_sets.size(); ++d) text += "---|";
  text += "\n";
  for (const std::size_t c : report.order) {
    text += "| " + detail::markdown_cell(report.compositions[c]) + " | " +
            detail::ascii_fixed(report.mean_rank(c), 2) + " |";
    for (std::size_t d = 0; d < report.data_sets.size(); ++d)
      text += " " + detail::ascii_fixed(100.0 * report.scores[d][c], 1) + " (" +
              plain_number(report.rank(d, c)) + ") |";
    text += " " + report.letters(c) + " |\n";
  }
  text += "\nAccuracy on the " + std::string(name_of(report.judged)) +
          " in per cent, the mean over seeds, and the rank in brackets. Compositions that share a "
          "letter are not told apart. Diagram: critical_difference.svg.\n";
  for (const std::string& note : report.notes) text += "\n" + shown(note, 600) + "\n";
  if (!report.command.empty())
    text += "\nMade by " + report.made_by + "; run it again with:\n\n    " + report.command + "\n";
  return text;
}

namespace detail {

/// Widths of text of 12 px, from the left of ASCII to the widest scripts.
inline double name_width(std::string_view name) {
  double width = 0.0;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) width += byte < 0xE0 ? 6.8 : 12.5;
  }
  return width;
}

/// The diagram for a page, whose style sheet paints it. Classes: axis, name, s0.
inline std::string rank_diagram(const RankReport& report) {
  const std::size_t k = report.compositions.size();
  const double cd = report.ranks.critical_difference;
  constexpr double ranks_wide = 400.0, leader = 44.0, row = 22.0, axis_y = 62.0;
  std::vector<std::string> names;
  double column = 60.0;
  for (const std::size_t c : report.order) {
    names.push_back(shortened(report.compositions[c], 48));
    column = std::max(column, name_width(names.back()) + 10.0);
  }
  // Rank 1 is on the right, as in the paper; the critical difference fits even if no ranks do.
  const double most = static_cast<double>(k);
  const double per_rank = ranks_wide / std::max(most - 1.0, cd);
  const double left = column + leader;
  const double right = left + per_rank * (most - 1.0);
  const auto x = [&](double rank) { return right - per_rank * (rank - 1.0); };
  const double width = left + ranks_wide + leader + column;

  std::string bars;
  std::vector<double> ends;  // of the bars so far, by their line
  for (const std::vector<int>& clique : report.ranks.cliques) {
    if (clique.size() < 2) continue;
    const double from = x(report.mean_rank(static_cast<std::size_t>(clique.back()))) - 4.0;
    const double to = x(report.mean_rank(static_cast<std::size_t>(clique.front()))) + 4.0;
    std::size_t line = 0;  // bars come from right to left
    while (line < ends.size() && to > ends[line] - 6.0) ++line;
    if (line == ends.size()) ends.push_back(0.0);
    ends[line] = from;
    std::string tip;
    for (const int member : clique)
      tip += (tip.empty() ? "" : ", ") + report.compositions[static_cast<std::size_t>(member)];
    bars += "<rect class=\"group\" fill=\"currentColor\" rx=\"2\"" + at("x", from) +
            at("y", axis_y + 11.0 + 9.0 * static_cast<double>(line)) + at("width", to - from) +
            at("height", 4.0) + "><title>" + html_text("Not told apart: " + tip) +
            "</title></rect>";
  }
  const double first_row = axis_y + 34.0 + 9.0 * static_cast<double>(ends.size());
  const std::size_t on_the_right = (k + 1) / 2;
  const double height = first_row + row * static_cast<double>(on_the_right - 1) + 14.0;

  std::string svg = svg_head("cd", "Critical difference diagram",
                             "Mean ranks of the compositions; bars join those that are not told "
                             "apart. The critical difference is " +
                                 plain_number(cd, 2) + " ranks.",
                             width, height);
  // The critical difference, above the axis from its left end on.
  svg += "<g class=\"cd\" stroke=\"currentColor\" stroke-width=\"1.5\"><path fill=\"none\" d=\"M" +
         plain_number(left) + " 18v8m0-4h" + plain_number(per_rank * cd) + "m0-4v8\"/></g>" +
         svg_text(left + 0.5 * per_rank * cd, 13.0, "middle", "CD = " + plain_number(cd, 2));
  svg += svg_line(left, axis_y, right, axis_y, "axis");
  const std::size_t step = 1 + (k - 1) / 20;
  for (std::size_t rank = 1; rank <= k; rank += step) {
    const double tick = x(static_cast<double>(rank));
    svg += svg_line(tick, axis_y - 6.0, tick, axis_y, "axis") +
           svg_text(tick, axis_y - 10.0, "middle", std::to_string(rank));
  }
  for (std::size_t i = 0; i < k; ++i) {
    const bool better = i < on_the_right;
    const std::size_t at_row = better ? i : k - 1 - i;
    const double y = first_row + row * static_cast<double>(at_row);
    const double point = x(report.mean_rank(report.order[i]));
    const double end = better ? left + ranks_wide + leader : column;
    svg += "<path class=\"axis\" fill=\"none\" d=\"M" + plain_number(point) + " " +
           plain_number(axis_y) + "V" + plain_number(y) + "H" + plain_number(end) + "\"/>";
    svg +=
        "<circle fill=\"currentColor\"" + at("cx", point) + at("cy", axis_y) + at("r", 2.5) + "/>";
    svg += svg_text(better ? end - 3.0 : end + 3.0, y - 4.0, better ? "end" : "start",
                    ascii_fixed(report.mean_rank(report.order[i]), 2));
    std::string text = svg_text(better ? end + 6.0 : end - 6.0, y + 4.0, better ? "start" : "end",
                                names[i], " class=\"name\"");
    if (names[i] != report.compositions[report.order[i]])
      text.insert(text.find('>') + 1,
                  "<title>" + html_text(report.compositions[report.order[i]]) + "</title>");
    svg += text;
  }
  return svg + "<g class=\"s0\">" + bars + "</g></svg>";
}

}  // namespace detail

inline std::string critical_difference_svg(const RankReport& report) {
  std::string svg = detail::rank_diagram(report);
  const std::size_t box = svg.find("viewBox=\"0 0 ") + 13;
  const std::size_t space = svg.find(' ', box);
  const std::size_t end = svg.find('"', space);
  const std::string width = svg.substr(box, space - box);
  const std::string height = svg.substr(space + 1, end - space - 1);
  // Plain colours: programs that turn SVG into PDF know no variables.
  const std::string style =
      "<style>svg{color:#1a1e23;font-family:Helvetica,Arial,sans-serif}"
      "text{fill:#59626d;font-size:11px}.name{fill:#1a1e23;font-size:12px}"
      ".axis{stroke:#7a838e;stroke-width:1}.paper{fill:#fff}.s0{color:#0b6fb3}"
      "@media (prefers-color-scheme:dark){svg{color:#e7eaee}text{fill:#a3acb8}"
      ".name{fill:#e7eaee}.paper{fill:#14171b}.s0{color:#5fb2f2}}</style>"
      "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>";
  svg.insert(svg.find("</desc>") + 7, style);
  svg.insert(
      4, " xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height + "\"");
  return svg + "\n";
}

inline std::string rank_page(const RankReport& report) {
  const std::vector<std::string> sentences = rank_sentences(report);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n<title>Ranks over several data "
      "sets</title>\n<style>";
  html += page_style;
  html += "</style>\n</head>\n<body>\n<header>\n<p class=\"kicker\">" +
          counted(static_cast<std::int64_t>(report.compositions.size()), "composition") + ", " +
          counted(static_cast<std::int64_t>(report.data_sets.size()), "data set") +
          "</p>\n<h1>Ranks over several data sets</h1>\n<div class=\"verdict\" role=\"note\" "
          "aria-label=\"Verdict\">\n";
  for (const std::string& sentence : sentences) html += "<p>" + html_text(sentence) + "</p>\n";
  html += "</div>\n";
  if (!report.notes.empty()) {
    html += "<div class=\"notes\" role=\"note\" aria-label=\"Notes\"><ul>";
    for (const std::string& note : report.notes) html += "<li>" + html_text(note) + "</li>";
    html += "</ul></div>\n";
  }
  html += "</header>\n<main>\n<section aria-label=\"Diagram\">\n" +
          section_head("Mean ranks",
                       "The best is on the right. A thick bar joins compositions that are not told "
                       "apart: their mean ranks differ by less than the critical difference, CD.") +
          "<figure>" + detail::rank_diagram(report) + "</figure>\n</section>\n";
  html += "<section aria-label=\"Table\">\n" +
          section_head("Every data set", "Accuracy on the " + std::string(name_of(report.judged)) +
                                             ", the mean over seeds, and the rank below it.");
  std::vector<std::string> heads{"Composition", "#Mean rank"};
  for (const std::string& name : report.data_sets) heads.push_back("#" + html_name(name));
  heads.emplace_back("Groups");
  std::string rows;
  for (const std::size_t c : report.order) {
    rows += "<tr><th scope=\"row\">" + html_name(report.compositions[c]) + "</th>" +
            number_cell(fixed_number(report.mean_rank(c), 2));
    for (std::size_t d = 0; d < report.data_sets.size(); ++d)
      rows += number_cell(per_cent(report.scores[d][c]) + "<span class=\"sub\">rank " +
                          plain_number(report.rank(d, c)) + "</span>");
    rows += "<td>" + report.letters(c) + "</td></tr>\n";
  }
  html += in_scroll("Accuracies and ranks",
                    "<table>" + table_head(heads) + "<tbody>\n" + rows + "</tbody></table>") +
          "<p class=\"legend\">Compositions that share a letter are not told apart.</p>\n"
          "</section>\n";
  if (!report.command.empty())
    html +=
        "<section aria-label=\"Run it again\">\n<h2>How to make it again</h2>\n<pre "
        "tabindex=\"0\"><code>" +
        html_text(report.command) + "</code></pre>\n</section>\n";
  return html + "</main>\n<footer><p>" +
         (report.made_by.empty() ? std::string("candist") : html_text(report.made_by)) +
         ". Friedman's and Nemenyi's tests after Dem\u0161ar, JMLR 7, 2006. This file loads "
         "nothing "
         "from the network.</p></footer>\n</body>\n</html>\n";
}

}  // namespace candist
