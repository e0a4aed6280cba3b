// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A row of line charts with common axes, as an SVG picture. Shares (0 to 1) on the y axis.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace figure {

/// A number in words of printf.
inline std::string number(double value, const char* format = "%.1f") {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// How a curve is drawn: a wide pale band (to lie under others), a line with markers, or a thin
/// line.
enum class Style { band, circles, squares, thin, dashed };

/// One curve; in a legend only its colour and style count.
struct Curve {
  std::string name;
  std::string colour;
  Style style = Style::thin;
  std::vector<std::pair<double, double>> points;
};

/// A vertical dashed line, with its x written above the chart.
struct Switch {
  double x = 0.0;
  std::string colour;
};

/// Words inside a chart, centred on a point of it.
struct Note {
  double x = 0.0;
  double y = 0.0;
  std::string text;
};

struct Panel {
  std::string title;
  std::vector<Curve> curves;  ///< the first lies lowest
  std::vector<Switch> switches;
  std::vector<Note> notes;
};

struct Figure {
  std::string title;
  std::string subtitle;
  std::string x_label;
  std::string y_label;
  double x_end = 1.0;  ///< the x axis is [0, x_end]
  std::vector<Panel> panels;
  std::vector<Curve> legend;  ///< column by column, two entries each
};

namespace detail {

constexpr double width = 290.0;  // of a chart
constexpr double height = 230.0;
constexpr double left = 70.0;  // of the first chart
constexpr double top = 128.0;
constexpr double gap = 30.0;

inline std::string text(double x, double y, const std::string& words, const std::string& more) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + more + ">" + words +
         "</text>\n";
}

inline std::string line(double x1, double y1, double x2, double y2, const std::string& more) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" " + more + "/>\n";
}

/// A polyline through points of the picture, with its markers.
inline std::string polyline(const std::vector<std::pair<double, double>>& points,
                            const std::string& colour, Style style) {
  const char* stroke = style == Style::band     ? "stroke-width=\"8\" stroke-opacity=\"0.25\""
                       : style == Style::thin   ? "stroke-width=\"1.2\""
                       : style == Style::dashed ? "stroke-width=\"1.2\" stroke-dasharray=\"5 3\""
                                                : "stroke-width=\"1.5\"";
  std::string svg = "<polyline fill=\"none\" stroke-linejoin=\"round\" stroke=\"" + colour + "\" " +
                    stroke + " points=\"";
  for (const auto& [x, y] : points) svg += number(x) + "," + number(y) + " ";
  svg += "\"/>\n";
  for (const auto& [x, y] : points) {
    if (style == Style::circles) {
      svg += "<circle cx=\"" + number(x) + "\" cy=\"" + number(y) +
             "\" r=\"3.6\" fill=\"white\" stroke-width=\"1.2\" stroke=\"" + colour + "\"/>\n";
    } else if (style == Style::squares) {
      svg += "<rect x=\"" + number(x - 2.0) + "\" y=\"" + number(y - 2.0) +
             "\" width=\"4.0\" height=\"4.0\" fill=\"" + colour + "\"/>\n";
    }
  }
  return svg;
}

inline std::string chart(const Panel& panel, const Figure& figure, double x0, bool first) {
  const auto at_x = [&](double x) { return x0 + x / figure.x_end * width; };
  const auto at_y = [](double y) { return top + (1.0 - y) * height; };
  std::string svg = text(x0, top - 30, panel.title, "font-size=\"14\" font-weight=\"bold\"");

  for (int percent = 0; percent <= 100; percent += 20) {
    const double y = at_y(percent / 100.0);
    svg += line(x0, y, x0 + width, y, "stroke=\"#e6e6e6\"");
    if (first)
      svg += text(x0 - 8, y + 4, std::to_string(percent), "font-size=\"12\" text-anchor=\"end\"");
  }
  for (double x = 0.0; x <= figure.x_end + 1e-9; x += 0.2) {
    svg += line(at_x(x), top + height, at_x(x), top + height + 5, "stroke=\"#333\"");
    svg += text(at_x(x), top + height + 19, number(x), "font-size=\"12\" text-anchor=\"middle\"");
  }
  svg += text(x0 + width / 2, top + height + 40, figure.x_label,
              "font-size=\"13\" text-anchor=\"middle\"");

  for (std::size_t i = 0; i < panel.switches.size(); ++i) {
    const auto& [x, colour] = panel.switches[i];
    // Labels of neighbours lean away from each other.
    const char* anchor = "middle";
    for (std::size_t j = 0; j < panel.switches.size(); ++j)
      if (j != i && std::abs(at_x(panel.switches[j].x) - at_x(x)) < 30.0)
        anchor = panel.switches[j].x > x || (panel.switches[j].x == x && j > i) ? "end" : "start";
    svg += polyline({{at_x(x), top - 6}, {at_x(x), top + height}}, colour, Style::dashed);
    svg += text(
        at_x(x), top - 11, number(x, "%.2f"),
        "font-size=\"12\" text-anchor=\"" + std::string(anchor) + "\" fill=\"" + colour + "\"");
  }
  for (const Curve& curve : panel.curves) {
    std::vector<std::pair<double, double>> points;
    for (const auto& [x, y] : curve.points) points.emplace_back(at_x(x), at_y(y));
    svg += polyline(points, curve.colour, curve.style);
  }
  for (const Note& note : panel.notes)
    svg += text(at_x(note.x), at_y(note.y), note.text,
                "font-size=\"12\" font-style=\"italic\" text-anchor=\"middle\" fill=\"#333\"");
  svg += line(x0, top, x0, top + height, "stroke=\"#333\"");
  svg += line(x0, top + height, x0 + width, top + height, "stroke=\"#333\"");
  return svg;
}

}  // namespace detail

/// The whole picture.
inline std::string draw(const Figure& figure) {
  using namespace detail;
  const double count = static_cast<double>(figure.panels.size());
  const double whole_width = left + count * width + (count - 1.0) * gap + 24.0;
  const double whole_height = top + height + 120.0;
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                    number(whole_width, "%.0f") + " " + number(whole_height, "%.0f") +
                    "\" width=\"" + number(whole_width, "%.0f") + "\" height=\"" +
                    number(whole_height, "%.0f") +
                    "\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" "
                    "fill=\"#1a1a1a\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += text(left, 34, figure.title, "font-size=\"18\" font-weight=\"bold\"");
  svg += text(left, 57, figure.subtitle, "font-size=\"13\" fill=\"#555\"");
  svg += text(0, 0, figure.y_label,
              "font-size=\"13\" text-anchor=\"middle\" transform=\"translate(24 " +
                  number(top + height / 2) + ") rotate(-90)\"");
  double x0 = left;
  for (const Panel& panel : figure.panels) {
    svg += chart(panel, figure, x0, x0 == left);
    x0 += width + gap;
  }
  for (std::size_t i = 0; i < figure.legend.size(); ++i) {
    const Curve& entry = figure.legend[i];
    const double x = left + static_cast<double>(i / 2) * (width + gap);
    const double y = top + height + 72.0 + static_cast<double>(i % 2) * 22.0;
    svg += polyline({{x, y - 4}, {x + 17, y - 4}, {x + 34, y - 4}}, entry.colour, entry.style);
    svg += text(x + 44, y, entry.name, "font-size=\"13\"");
  }
  return svg + "</svg>\n";
}

}  // namespace figure
