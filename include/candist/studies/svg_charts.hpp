// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Charts as SVG text, for a page with page_style.hpp: colours come from its classes s0 to s7, so
// that a chart is right in light and dark. Nothing is told by colour alone: every line has its own
// dashes, marker and a label at its end.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "candist/studies/markup.hpp"
#include "candist/studies/svg_parts.hpp"

namespace candist {

/// A line: a value at some of x = 0, 1, 2, ...
struct ChartLine {
  std::string name;                             ///< for tooltips
  std::string label;                            ///< at its end: a letter or two, or none
  int look = 0;                                 ///< 0 to chart_looks - 1
  std::vector<std::optional<double>> y;         ///< by x
  std::vector<std::pair<double, double>> band;  ///< lowest and highest by x, or none
};

/// Lines over a running number.
struct LineChart {
  std::string id;           ///< unique on the page
  std::string title;        ///< what it shows, for those who cannot see it
  std::string description;  ///< what can be seen
  std::string x_label;
  std::vector<std::string> x_names;  ///< of x = 0, 1, 2, ...
  ChartUnit unit = ChartUnit::share;
  std::vector<ChartLine> lines;
  std::optional<std::pair<double, double>> y_range;  ///< else what the lines need
  double width = 420.0;
  double height = 260.0;
  double label_width = 26.0;  ///< room for the lines' labels, where they have some
};
inline std::string svg_of(const LineChart& chart);

/// Dots over two shares.
struct ScatterChart {
  struct Dot {
    std::string name;
    std::string label;
    int look = 0;
    double x = 0.0;
    double y = 0.0;
    double size = 1.0;  ///< area, beside the largest
  };
  enum class Guide { none, diagonal };
  std::string id, title, description, x_label, y_label;
  std::vector<Dot> dots;
  std::vector<double> bars;  ///< heights beside the highest, evenly over x, at the bottom; or none
  std::pair<double, double> x_range{0.0, 1.0};
  std::pair<double, double> y_range{0.0, 1.0};
  Guide guide = Guide::none;
  double width = 420.0;
  double height = 320.0;
};
inline std::string svg_of(const ScatterChart& chart);

/// One line of a table: an interval, its middle and a mark for something else, on an axis that all
/// lines share.
inline std::string svg_interval(const std::pair<double, double>& axis, double middle,
                                const std::optional<std::pair<double, double>>& interval,
                                const std::vector<double>& single_values,
                                const std::optional<double>& mark);

/// The piece of a line that a legend shows.
inline std::string svg_key(int look);

// ---- definitions

inline std::string svg_of(const LineChart& chart) {
  using namespace detail;
  double low = 1e300, high = -1e300;
  std::size_t count = chart.x_names.size();
  const auto seen = [&](double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const ChartLine& line : chart.lines) {
    for (const auto& value : line.y) {
      if (value) seen(*value);
    }
    for (const auto& [lowest, highest] : line.band) seen(lowest), seen(highest);
  }
  if (low > high) low = 0.0, high = 1.0;
  if (chart.y_range) std::tie(low, high) = *chart.y_range;
  const std::vector<double> ticks = round_ticks(low, high, 5);
  const double step = ticks[1] - ticks[0];
  const bool labelled = std::any_of(chart.lines.begin(), chart.lines.end(),
                                    [](const ChartLine& line) { return !line.label.empty(); });
  const Plot plot{
      chart.unit == ChartUnit::share ? 50.0 : 42.0,           10.0,
      chart.width - (labelled ? chart.label_width : 8.0),     chart.height - 36.0,
      {0.0, std::max(static_cast<double>(count) - 1.0, 1.0)}, {ticks.front(), ticks.back()}};
  const auto x_of = [&](std::size_t x) {
    return count == 1 ? (plot.left + plot.right) / 2 : plot.x(static_cast<double>(x));
  };
  std::string svg = svg_head(chart.id, chart.title, chart.description, chart.width, chart.height);
  for (const double tick : ticks) {
    svg += svg_line(plot.left, plot.y(tick), plot.right, plot.y(tick), "grid");
    svg += svg_text(plot.left - 7, plot.y(tick) + 4, "end", tick_name(tick, step, chart.unit));
  }
  svg += svg_line(plot.left, plot.bottom, plot.right, plot.bottom, "axis");
  const std::size_t every = std::max<std::size_t>(1, (count + 9) / 10);
  for (std::size_t x = 0; x < count; x += every)
    svg += svg_text(x_of(x), plot.bottom + 15, "middle", chart.x_names[x]);
  svg += svg_text((plot.left + plot.right) / 2, chart.height - 5, "middle", chart.x_label);

  std::vector<double> ends;
  std::string lines;
  const std::size_t marked = std::max<std::size_t>(1, (count + 7) / 8);
  for (const ChartLine& line : chart.lines) {
    lines += "<g class=\"s" + std::to_string(line.look) + "\">";
    if (!line.band.empty()) {
      lines += "<polygon fill=\"currentColor\" fill-opacity=\".13\" points=\"";
      for (std::size_t x = 0; x < line.band.size(); ++x)
        lines += plain_number(x_of(x)) + "," + plain_number(plot.y(line.band[x].second)) + " ";
      for (std::size_t x = line.band.size(); x-- > 0;)
        lines += plain_number(x_of(x)) + "," + plain_number(plot.y(line.band[x].first)) + " ";
      lines += "\"/>";
    }
    std::string path, markers;
    bool drawing = false;
    double end = plot.bottom;
    std::size_t last = 0;
    for (std::size_t x = 0; x < line.y.size(); ++x)
      if (line.y[x]) last = x;
    for (std::size_t x = 0; x < line.y.size(); ++x) {
      if (!line.y[x] || !std::isfinite(*line.y[x])) {
        drawing = false;
        continue;
      }
      end = plot.y(*line.y[x]);
      path += (drawing ? "L" : "M") + plain_number(x_of(x)) + " " + plain_number(end);
      drawing = true;
      if (x != last && (x % marked != 0 || 2 * (last - x) < marked)) continue;
      const std::string value =
          chart.unit == ChartUnit::share ? per_cent(*line.y[x]) : fixed_number(*line.y[x], 3);
      markers += chart_marker(line.look, x_of(x), end, 3.2,
                              html_text(line.name + ", " + chart.x_names[x] + ": ") + value);
    }
    ends.push_back(end);
    lines +=
        "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linejoin=\"round\"";
    const std::string_view dashes = chart_dashes[static_cast<std::size_t>(line.look)];
    if (!dashes.empty()) lines += " stroke-dasharray=\"" + std::string(dashes) + "\"";
    lines += " d=\"" + path + "\"/>" + markers + "</g>";
  }
  const std::vector<double> placed = spread_labels(ends, 12.0, plot.top, plot.bottom);
  for (std::size_t i = 0; i < chart.lines.size(); ++i) {
    if (chart.lines[i].label.empty()) continue;
    lines +=
        "<g class=\"s" + std::to_string(chart.lines[i].look) + "\">" +
        svg_text(plot.right + 8, placed[i] + 4, "start", chart.lines[i].label, " class=\"ends\"") +
        "</g>";
  }
  return svg + lines + "</svg>";
}

inline std::string svg_of(const ScatterChart& chart) {
  using namespace detail;
  const std::vector<double> xs = round_ticks(chart.x_range.first, chart.x_range.second, 5);
  const std::vector<double> ys = round_ticks(chart.y_range.first, chart.y_range.second, 5);
  const Plot plot{54.0,
                  8.0,
                  chart.width - 14.0,
                  chart.height - 40.0,
                  {xs.front(), xs.back()},
                  {ys.front(), ys.back()}};
  std::string svg = svg_head(chart.id, chart.title, chart.description, chart.width, chart.height);
  const double highest =
      chart.bars.empty() ? 1.0
                         : std::max(*std::max_element(chart.bars.begin(), chart.bars.end()), 1e-12);
  for (std::size_t b = 0; b < chart.bars.size(); ++b) {
    const double width = (plot.right - plot.left) / static_cast<double>(chart.bars.size());
    const double tall = 0.25 * (plot.bottom - plot.top) * chart.bars[b] / highest;
    svg += "<rect class=\"bar\"" + at("x", plot.left + width * static_cast<double>(b) + 1) +
           at("y", plot.bottom - tall) + at("width", width - 2) + at("height", tall) + "/>";
  }
  for (const double tick : ys) {
    svg += svg_line(plot.left, plot.y(tick), plot.right, plot.y(tick), "grid");
    svg += svg_text(plot.left - 7, plot.y(tick) + 4, "end",
                    tick_name(tick, ys[1] - ys[0], ChartUnit::share));
  }
  svg += svg_line(plot.left, plot.bottom, plot.right, plot.bottom, "axis");
  for (const double tick : xs)
    svg += svg_text(plot.x(tick), plot.bottom + 16, "middle",
                    tick_name(tick, xs[1] - xs[0], ChartUnit::share));
  svg += svg_text((plot.left + plot.right) / 2, chart.height - 5, "middle", chart.x_label);
  svg += "<text transform=\"translate(11 " + plain_number((plot.top + plot.bottom) / 2) +
         ") rotate(-90)\" text-anchor=\"middle\">" + html_text(chart.y_label) + "</text>";
  if (chart.guide == ScatterChart::Guide::diagonal) {
    const double low = std::max(xs.front(), ys.front()), high = std::min(xs.back(), ys.back());
    svg += "<line class=\"axis\" stroke-dasharray=\"4 4\"" + at("x1", plot.x(low)) +
           at("y1", plot.y(low)) + at("x2", plot.x(high)) + at("y2", plot.y(high)) + "/>";
  }
  std::vector<std::pair<double, double>> taken;
  for (const ScatterChart::Dot& dot : chart.dots) {
    const double r = 2.5 + 6.5 * std::sqrt(std::clamp(dot.size, 0.0, 1.0));
    svg += "<g class=\"s" + std::to_string(dot.look) + "\">" +
           chart_marker(dot.look, plot.x(dot.x), plot.y(dot.y), r, html_text(dot.name));
    if (!dot.label.empty()) {
      const double x = plot.x(dot.x) + r + 4;
      double y = plot.y(dot.y) + 4;
      const auto meets = [&](const auto& other) {
        return std::abs(other.first - x) < 20 && std::abs(other.second - y) < 11;
      };
      for (auto other = taken.begin();
           (other = std::find_if(taken.begin(), taken.end(), meets)) != taken.end();)
        y = other->second + 11;
      taken.emplace_back(x, y);
      svg += svg_text(x, y, "start", dot.label, " class=\"ends\"");
    }
    svg += "</g>";
  }
  return svg + "</svg>";
}

inline std::string svg_interval(const std::pair<double, double>& axis, double middle,
                                const std::optional<std::pair<double, double>>& interval,
                                const std::vector<double>& single_values,
                                const std::optional<double>& mark) {
  using namespace detail;
  const Plot plot{2.0, 2.0, 158.0, 22.0, axis, {0.0, 1.0}};
  const auto x = [&](double value) { return std::clamp(plot.x(value), 1.0, 159.0); };
  std::string svg = "<svg viewBox=\"0 0 160 24\" width=\"160\" height=\"24\" aria-hidden=\"true\">";
  svg += svg_line(plot.left, 12, plot.right, 12, "grid");
  if (mark)
    svg += "<line class=\"axis\" stroke-dasharray=\"3 2\"" + at("x1", x(*mark)) + at("y1", 0) +
           at("x2", x(*mark)) + at("y2", 24) + "/>";
  svg += "<g class=\"s0\">";
  if (interval) {
    svg += "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" d=\"M" +
           plain_number(x(interval->first)) + " 12H" + plain_number(x(interval->second)) + "\"/>";
    const auto cap = [&](double end, const char* arrow) {
      const bool outside = end < axis.first || end > axis.second;
      svg += "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" d=\"M" +
             plain_number(x(end)) + (outside ? arrow : " 8V16") + "\"/>";
    };
    cap(interval->first, " 12m4.5 -4.5l-4.5 4.5l4.5 4.5");
    cap(interval->second, " 12m-4.5 -4.5l4.5 4.5l-4.5 4.5");
  }
  for (const double value : single_values)
    svg += "<path stroke=\"currentColor\" stroke-opacity=\".7\" d=\"M" + plain_number(x(value)) +
           " 18V23\"/>";
  return svg + chart_marker(0, x(middle), 12, 4, {}) + "</g></svg>";
}

inline std::string svg_key(int look) {
  using namespace detail;
  const std::string_view dashes = chart_dashes[static_cast<std::size_t>(look)];
  std::string svg = "<svg class=\"s" + std::to_string(look) +
                    "\" viewBox=\"0 0 34 12\" width=\"34\" height=\"12\" aria-hidden=\"true\">"
                    "<path fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\"";
  if (!dashes.empty()) svg += " stroke-dasharray=\"" + std::string(dashes) + "\"";
  return svg + " d=\"M1 6H33\"/>" + chart_marker(look, 17, 6, 3.2, {}) + "</svg>";
}

}  // namespace candist
