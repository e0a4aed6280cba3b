// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What happens during training: accuracy and loss by epoch, and how the targets sharpen.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "candist/studies/report_view.hpp"

namespace candist {

/// Test accuracy and loss by epoch, means over seeds.
inline ReportSection curves_section(const ReportView& view);

/// Target mass on the gold label by epoch, and the shares of texts that a refinery treats apart.
inline ReportSection targets_section(const ReportView& view);

// ---- definitions

namespace detail {

/// A figure by epoch: its mean over the runs that have it, and their lowest and highest.
struct Curve {
  std::vector<std::optional<double>> mean;
  std::vector<std::pair<double, double>> range;
  bool known() const {
    return std::any_of(mean.begin(), mean.end(),
                       [](const auto& value) { return value.has_value(); });
  }
};

template <class Figure>
Curve curve_of(const StudiedComposition& composition, Figure figure) {
  Curve curve;
  std::size_t epochs = 0;
  for (const FinishedRun& run : composition.runs) epochs = std::max(epochs, run.epochs.size());
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    double sum = 0.0, low = 0.0, high = 0.0;
    int count = 0;
    for (const FinishedRun& run : composition.runs) {
      if (epoch >= run.epochs.size()) continue;
      const std::optional<double> value = figure(run.epochs[epoch]);
      if (!value || !std::isfinite(*value)) continue;
      low = count == 0 ? *value : std::min(low, *value);
      high = count == 0 ? *value : std::max(high, *value);
      sum += *value;
      ++count;
    }
    curve.mean.push_back(count > 0 ? std::optional(sum / count) : std::nullopt);
    curve.range.emplace_back(low, high);
  }
  return curve;
}

/// Every so many epochs are drawn and listed, so that at most 100 are, and the last.
inline std::vector<std::size_t> shown_epochs(std::size_t epochs) {
  const std::size_t step = (epochs + 99) / 100;
  std::vector<std::size_t> shown;
  for (std::size_t epoch = 0; epoch < epochs; ++epoch)
    if ((epoch + 1) % step == 0 || epoch == 0 || epoch + 1 == epochs) shown.push_back(epoch);
  return shown;
}

template <class Values>
Values only(const Values& values, const std::vector<std::size_t>& at) {
  Values result;
  for (const std::size_t i : at) {
    if (i < values.size()) result.push_back(values[i]);
  }
  return result;
}

/// A chart of one figure by epoch.
struct EpochChart {
  std::string id;
  std::string heading;
  std::string figure;  ///< "the loss", in sentences
  ChartUnit unit = ChartUnit::share;
  std::optional<std::pair<double, double>> y_range = {};
};

inline std::string shown_value(const std::optional<double>& value, ChartUnit unit) {
  if (!value) return "\u2013";
  return unit == ChartUnit::share ? fixed_number(100.0 * *value, 1) : fixed_number(*value, 3);
}

/// Curves of one figure, by composition: heading, chart, legend, and the numbers folded away.
/// The chart of a figure by epoch, and whose lines it shows.
struct EpochLines {
  LineChart chart;
  std::vector<const RankedComposition*> shown;
  std::size_t left_out = 0;  ///< compositions that have the figure and no line
};

template <class Figure>
EpochLines epoch_lines(const ReportView& view, const EpochChart& what, Figure figure) {
  EpochLines result;
  std::vector<Curve> curves;
  std::size_t epochs = 0;
  for (const RankedComposition& one : view.ranked) {
    Curve curve = curve_of(*one.composition, figure);
    if (!curve.known()) continue;
    if (result.shown.size() == static_cast<std::size_t>(chart_looks)) {
      ++result.left_out;
      continue;
    }
    epochs = std::max(epochs, curve.mean.size());
    result.shown.push_back(&one);
    curves.push_back(std::move(curve));
  }
  const std::vector<std::size_t> at = shown_epochs(epochs);
  const std::vector<int> looks = looks_of(result.shown);
  LineChart& chart = result.chart;
  chart = {what.id, what.heading, {}, "epoch", {}, what.unit, {}, what.y_range};
  for (const std::size_t epoch : at) chart.x_names.push_back(std::to_string(epoch + 1));
  for (std::size_t i = 0; i < result.shown.size(); ++i) {
    const RankedComposition& one = *result.shown[i];
    ChartLine line{
        one.composition->name, std::to_string(one.rank), looks[i], only(curves[i].mean, at), {}};
    if (one.composition->runs.size() > 1 && result.shown.size() <= 4 &&
        std::all_of(line.y.begin(), line.y.end(), [](const auto& y) { return y.has_value(); }))
      line.band = only(curves[i].range, at);
    const auto last =
        std::find_if(line.y.rbegin(), line.y.rend(), [](const auto& y) { return y.has_value(); });
    chart.description += one.composition->name + " ends at " + shown_value(*last, what.unit) +
                         (what.unit == ChartUnit::share ? " %. " : ". ");
    chart.lines.push_back(std::move(line));
  }
  return result;
}

template <class Figure>
std::string epoch_figure(const ReportView& view, const EpochChart& what, Figure figure) {
  const EpochLines lines = epoch_lines(view, what, figure);
  if (lines.shown.empty()) return {};
  const LineChart& chart = lines.chart;
  std::string rows;
  for (std::size_t k = 0; k < chart.x_names.size(); ++k) {
    rows += "<tr><th scope=\"row\" class=\"n\">" + chart.x_names[k] + "</th>";
    for (const ChartLine& line : chart.lines)
      rows += number_cell(shown_value(k < line.y.size() ? line.y[k] : std::nullopt, what.unit));
    rows += "</tr>";
  }
  std::vector<std::string> heads{"#Epoch"};
  for (const RankedComposition* one : lines.shown) heads.push_back("#" + ranked_name(*one));
  std::string html =
      "<figure><h3>" + what.heading + "</h3>" + svg_of(chart) + chart_key(lines.shown);
  if (lines.left_out > 0)
    html += "<figcaption>The " + std::to_string(lines.shown.size()) +
            " most accurate compositions; " + std::to_string(lines.left_out) +
            " more are left out.</figcaption>";
  return html +
         in_details("The figures", in_scroll(what.heading + ", figures",
                                             "<table>" + table_head(heads) + "<tbody>" + rows +
                                                 "</tbody></table>")) +
         "</figure>\n";
}

/// One small chart of the refinery's shares.
inline std::string refinery_figure(const RankedComposition& one) {
  const Curve curves[] = {
      curve_of(*one.composition, [](const EpochFigures& e) { return std::optional(e.outside); }),
      curve_of(*one.composition, [](const EpochFigures& e) { return std::optional(e.sharpened); }),
      curve_of(*one.composition, [](const EpochFigures& e) { return std::optional(e.rescued); })};
  const char* const names[] = {"outside", "sharpened", "rescued"};
  double most = 0.0;
  for (const Curve& curve : curves) {
    for (const auto& value : curve.mean) most = std::max(most, value.value_or(0.0));
  }
  if (most <= 0.0) return {};
  const std::vector<std::size_t> at = shown_epochs(curves[0].mean.size());
  LineChart chart{"shares-" + std::to_string(one.rank),
                  "Shares of the training texts, " + one.composition->name,
                  {},
                  "epoch",
                  {},
                  ChartUnit::share,
                  {},
                  {},
                  250.0,
                  170.0};
  chart.y_range = {0.0, most};
  std::string rows;
  for (const std::size_t epoch : at) {
    chart.x_names.push_back(std::to_string(epoch + 1));
    rows += "<tr><th scope=\"row\" class=\"n\">" + chart.x_names.back() + "</th>";
    for (const Curve& curve : curves)
      rows += number_cell(shown_value(curve.mean[epoch], ChartUnit::share));
    rows += "</tr>";
  }
  for (int i = 0; i < 3; ++i) {
    ChartLine line{names[i], std::string(1, names[i][0]), i, only(curves[i].mean, at), {}};
    chart.description +=
        std::string(names[i]) + " ends at " + shown_value(line.y.back(), ChartUnit::share) + " %. ";
    chart.lines.push_back(std::move(line));
  }
  return "<figure><h3>" + ranked_name(one) + "</h3>" + svg_of(chart) +
         in_details(
             "The figures",
             in_scroll("Shares by epoch, " + one.composition->name,
                       "<table>" + table_head({"#Epoch", "#outside", "#sharpened", "#rescued"}) +
                           "<tbody>" + rows + "</tbody></table>")) +
         "</figure>\n";
}

}  // namespace detail

inline ReportSection curves_section(const ReportView& view) {
  const std::string accuracy = detail::epoch_figure(
      view, {"curve-accuracy", "Accuracy on the test texts, per cent", "the accuracy"},
      [](const EpochFigures& e) { return e.test_accuracy; });
  const std::string loss = detail::epoch_figure(
      view, {"curve-loss", "Loss on the training texts", "the loss", ChartUnit::number},
      [](const EpochFigures& e) { return std::optional(e.loss); });
  if (accuracy.empty() && loss.empty()) return {};
  std::string lead =
      "Means over seeds, after every epoch; a number at a line\u2019s end is the "
      "composition\u2019s place in the table. Shaded, where up to four lines share a "
      "chart: from the lowest run to the highest. Losses of different methods measure "
      "different things: only their course can be compared.";
  if (accuracy.empty()) lead += " The accuracy after every epoch was not recorded.";
  return {"curves", "Learning curves",
          section_head("Learning curves", lead) + "<div class=\"charts\">" + accuracy + loss +
              "</div>\n"};
}

inline ReportSection targets_section(const ReportView& view) {
  const std::string mass = detail::epoch_figure(
      view, {"curve-mass", "Target mass on the gold label, per cent", "the target mass"},
      [](const EpochFigures& e) { return e.target_mass_on_gold; });
  std::string shares;
  for (const RankedComposition& one : view.ranked) shares += detail::refinery_figure(one);
  if (mass.empty() && shares.empty()) return {};
  std::string html = section_head(
      "How the targets sharpen",
      "A student of candidate labels learns from targets: shares of one label that its candidates "
      "hold. Refining moves them to the candidates that the student finds likely.");
  if (!mass.empty())
    html +=
        "<div class=\"charts\">" + mass +
        "<p class=\"quiet\">How much of its target the gold label of a text holds on average: "
        "100\u2009% would be learning from gold labels. A level line is a method that keeps what "
        "the teacher said; a rising one finds the gold label among the candidates; a falling one "
        "talks itself into something else.</p></div>\n";
  if (!shares.empty()) {
    html +=
        "<h3>Texts that the refinery treats apart</h3><p class=\"quiet\">Shares of the training "
        "texts, means over seeds. <b>o</b>utside: the student\u2019s label is none of the "
        "candidates. <b>s</b>harpened: the student is sure enough for its target to be made more "
        "certain. <b>r</b>escued: outside, and so sure that its own label becomes the target.</p>"
        "<div class=\"charts small\">" +
        shares + "</div>\n<ul class=\"key\">";
    const char* const names[] = {"outside", "sharpened", "rescued"};
    for (int i = 0; i < 3; ++i) html += "<li>" + svg_key(i) + names[i] + "</li>";
    html += "</ul>\n";
  }
  return {"targets", "Targets", html};
}

}  // namespace candist
