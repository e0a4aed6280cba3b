// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The two pictures of a study that one puts into a paper or a slide, as SVG files.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/studies/findings.hpp"
#include "candist/studies/report_curves.hpp"
#include "candist/studies/report_view.hpp"
#include "candist/studies/svg_charts.hpp"

namespace candist {

/// Every composition's mean accuracy with its 95 % interval over seeds and its single runs, of the
/// test texts (else of the training texts); empty where nobody can say.
inline std::string accuracy_picture(const StudyFindings& findings);

/// Accuracy on the test texts by epoch, a line a composition; empty where it was not recorded.
inline std::string curves_picture(const StudyFindings& findings);

// ---- definitions

namespace detail {
/// A name that leaves room for a picture.
inline constexpr std::size_t picture_name = 40;
}  // namespace detail

inline std::string accuracy_picture(const StudyFindings& findings) {
  using namespace detail;
  const std::optional<Comparison>& comparison = findings.test ? findings.test : findings.train;
  if (!comparison) return {};
  double low = 1.0, high = 0.0;
  std::size_t longest = 0;
  for (const ComparedComposition& line : comparison->lines) {
    const Summary& s = line.accuracy;
    low = std::min({low, s.mean - s.interval,
                    *std::min_element(line.accuracies.begin(), line.accuracies.end())});
    high = std::max({high, s.mean + s.interval,
                     *std::max_element(line.accuracies.begin(), line.accuracies.end())});
    longest = std::max(longest, std::min(picture_name, line.name.size()));
  }
  const std::vector<double> ticks = round_ticks(std::max(low, 0.0), std::min(high, 1.0), 6);
  const double row = 22.0;
  const double left = 24.0 + 6.6 * static_cast<double>(longest);
  const double bottom = 14.0 + row * static_cast<double>(comparison->lines.size());
  const Plot plot{left, 10.0, left + 380.0, bottom, {ticks.front(), ticks.back()}, {0.0, 1.0}};
  const std::string title =
      "Accuracy on the " + std::string(name_of(comparison->judged)) + ", per cent";
  std::string description, svg;
  for (const double tick : ticks) {
    svg += svg_line(plot.x(tick), plot.top, plot.x(tick), plot.bottom, "grid");
    svg += svg_text(plot.x(tick), plot.bottom + 15, "middle",
                    tick_name(tick, ticks[1] - ticks[0], ChartUnit::share));
  }
  double y = plot.top + 0.5 * row;
  for (const ComparedComposition& line : comparison->lines) {
    const Summary& s = line.accuracy;
    svg += svg_text(left - 12, y + 4, "end", shortened(line.name, picture_name), " class=\"name\"");
    svg += "<g class=\"s0\">";
    if (s.n > 1)
      svg += "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" d=\"M" +
             plain_number(plot.x(std::max(s.mean - s.interval, ticks.front()))) + " " +
             plain_number(y) + "H" +
             plain_number(plot.x(std::min(s.mean + s.interval, ticks.back()))) + "\"/>";
    for (const double value : line.accuracies)
      svg += "<path stroke=\"currentColor\" stroke-opacity=\".7\" d=\"M" +
             plain_number(plot.x(value)) + " " + plain_number(y + 5) + "v4\"/>";
    svg += chart_marker(0, plot.x(s.mean), y, 4, html_text(line.name + ": ") + per_cent(s.mean)) +
           "</g>";
    description += line.name + ": " + in_per_cent(s.mean) + " %. ";
    y += row;
  }
  svg += svg_text((plot.left + plot.right) / 2, plot.bottom + 32, "middle", title);
  return svg_file(svg_head("accuracy", title, description, plot.right + 24, plot.bottom + 40) +
                  svg + "</svg>");
}

inline std::string curves_picture(const StudyFindings& findings) {
  const ReportView view(*findings.study, findings.test ? &*findings.test : nullptr,
                        findings.train ? &*findings.train : nullptr);
  detail::EpochLines lines = detail::epoch_lines(
      view, {"curves", "Accuracy on the test texts by epoch, per cent", "the accuracy"},
      [](const EpochFigures& e) { return e.test_accuracy; });
  if (lines.shown.empty()) return {};
  std::size_t longest = 0;
  for (ChartLine& line : lines.chart.lines) {
    line.label = shortened(line.name, detail::picture_name);
    longest = std::max(longest, std::min(detail::picture_name, line.name.size()));
  }
  lines.chart.x_label = "epoch; accuracy on the test texts";
  lines.chart.label_width = 20.0 + 6.6 * static_cast<double>(longest);
  lines.chart.width = 420.0 + lines.chart.label_width;
  lines.chart.height = 300.0;
  return svg_file(svg_of(lines.chart));
}

}  // namespace candist
