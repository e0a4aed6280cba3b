// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What charts are put together from: markers, lines, labels, ticks, and where a value lies.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/studies/markup.hpp"

namespace candist {

/// Looks that a chart can tell apart.
inline constexpr int chart_looks = 8;

/// What an axis counts.
enum class ChartUnit { number, share };

/// Round numbers that cover [low, high] with about `count` steps, the first and last outside or on
/// the ends.
inline std::vector<double> round_ticks(double low, double high, int count);

/// A chart as a file of its own: with its colours, on paper, light or dark as the viewer is.
inline std::string svg_file(std::string svg);

// ---- definitions

inline std::string svg_file(std::string svg) {
  // Plain colours: programs that turn SVG into PDF know no variables.
  const std::size_t inside = svg.find('>') + 1;
  svg.insert(inside,
             "<style>svg{color:#1a1e23;font-family:Helvetica,Arial,sans-serif}"
             "text{fill:#59626d;font-size:11px}.name{fill:#1a1e23;font-size:12px}"
             ".ends{fill:currentColor;font-weight:600}.grid{stroke:#dde1e6}.axis{stroke:#7a838e}"
             ".paper,.ground{fill:#fff}.s0{color:#0b6fb3}.s1{color:#c4500a}.s2{color:#007a58}"
             ".s3{color:#a2408a}.s4{color:#6f6400}.s5{color:#3c424b}.s6{color:#137593}"
             ".s7{color:#b3202e}@media (prefers-color-scheme:dark){svg{color:#e7eaee}"
             "text{fill:#a3acb8}.name{fill:#e7eaee}.ends{fill:currentColor}.grid{stroke:#30363d}"
             ".paper,.ground{fill:#14171b}.s0{color:#5fb2f2}.s1{color:#f2924f}.s2{color:#43c89c}"
             ".s3{color:#e08fc8}.s4{color:#d2be45}.s5{color:#c6ccd4}.s6{color:#7bd3ee}"
             ".s7{color:#ff8c8c}}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>");
  return svg.insert(4, " xmlns=\"http://www.w3.org/2000/svg\"") + "\n";
}

namespace detail {

inline constexpr std::array<std::string_view, chart_looks> chart_dashes = {
    "", "6 3", "2 3", "8 3 2 3", "", "6 3", "2 3", "8 3 2 3"};

inline std::string at(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + plain_number(value) + "\"";
}

/// A marker of the look, about 2 r wide; the second four are hollow.
inline std::string chart_marker(int look, double x, double y, double r, const std::string& tip) {
  const std::string paint = look < 4
                                ? " fill=\"currentColor\""
                                : " class=\"ground\" stroke=\"currentColor\" stroke-width=\"1.5\"";
  const auto point = [&](double dx, double dy) {
    return plain_number(x + dx * r) + "," + plain_number(y + dy * r) + " ";
  };
  std::string shape;
  switch (look % 4) {
    case 0:
      shape = "<circle" + at("cx", x) + at("cy", y) + at("r", r);
      break;
    case 1:
      shape = "<rect" + at("x", x - 0.9 * r) + at("y", y - 0.9 * r) + at("width", 1.8 * r) +
              at("height", 1.8 * r);
      break;
    case 2:
      shape = "<polygon points=\"" + point(0, -1.2) + point(1.1, 0.8) + point(-1.1, 0.8) + "\"";
      break;
    default:
      shape = "<polygon points=\"" + point(0, -1.3) + point(1.3, 0) + point(0, 1.3) +
              point(-1.3, 0) + "\"";
  }
  const std::size_t name = shape.find(' ');
  const std::string element = shape.substr(1, name - 1);
  shape += paint;
  if (tip.empty()) return shape + "/>";
  return shape + "><title>" + tip + "</title></" + element + ">";
}

inline std::string svg_text(double x, double y, std::string_view anchor, const std::string& text,
                            std::string_view more = {}) {
  return "<text" + at("x", x) + at("y", y) + " text-anchor=\"" + std::string(anchor) + "\"" +
         std::string(more) + ">" + html_text(text) + "</text>";
}

inline std::string svg_line(double x1, double y1, double x2, double y2, std::string_view cls) {
  return "<line class=\"" + std::string(cls) + "\"" + at("x1", x1) + at("y1", y1) + at("x2", x2) +
         at("y2", y2) + "/>";
}

inline std::string svg_head(const std::string& id, const std::string& title,
                            const std::string& description, double width, double height) {
  return "<svg viewBox=\"0 0 " + plain_number(width) + " " + plain_number(height) +
         "\" role=\"img\" aria-labelledby=\"" + id + "-t " + id + "-d\"><title id=\"" + id +
         "-t\">" + html_text(title) + "</title><desc id=\"" + id + "-d\">" +
         html_text(description) + "</desc>";
}

/// The rectangle in which values are drawn, and where a value lies in it.
struct Plot {
  double left, top, right, bottom;
  std::pair<double, double> xs, ys;
  double x(double value) const {
    return left + (right - left) * (value - xs.first) / std::max(xs.second - xs.first, 1e-12);
  }
  double y(double value) const {
    return bottom - (bottom - top) * (value - ys.first) / std::max(ys.second - ys.first, 1e-12);
  }
};

/// Decimals that tell ticks of this step apart.
inline int tick_decimals(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
}
inline std::string tick_name(double value, double step, ChartUnit unit) {
  const double scale = unit == ChartUnit::share ? 100.0 : 1.0;
  return fixed_number(scale * value, tick_decimals(scale * step)) +
         (unit == ChartUnit::share ? "\u2009%" : "");
}

/// Places labels of wanted heights at least `gap` apart, inside [top, bottom] where they fit.
inline std::vector<double> spread_labels(const std::vector<double>& wanted, double gap, double top,
                                         double bottom) {
  std::vector<std::size_t> order(wanted.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });
  std::vector<double> placed = wanted;
  double next = top;
  for (const std::size_t i : order) {
    placed[i] = std::max(placed[i], next);
    next = placed[i] + gap;
  }
  double most = bottom;
  for (std::size_t k = order.size(); k-- > 0; most -= gap)
    most = placed[order[k]] = std::min(placed[order[k]], most);
  return placed;
}

}  // namespace detail

inline std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low)) high = low + std::max(std::abs(low) * 0.1, 1e-3);
  const double rough = (high - low) / std::max(count, 1);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9);
  for (double k = first; ticks.size() < 50; k += 1.0) {
    ticks.push_back(k * step);
    if (k * step >= high - step * 1e-9) break;
  }
  return ticks;
}

}  // namespace candist
