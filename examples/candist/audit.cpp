// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist audit: how good labels are whose truth nobody knows, and which to check by hand.

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "audit_files.hpp"
#include "candist/data/atomic_file.hpp"
#include "candist/metrics/label_quality.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;
using Line = nlohmann::ordered_json;

/// Everything that is said about a checked sample.
struct Findings {
  ExpectedAccuracy accuracy;
  std::optional<double> error_outside;
  std::optional<PlattScaling> scaling;
  CalibrationError before;
  CalibrationError after;  ///< of labels that the scaling was not fitted to
  std::vector<std::string> warnings;
};

struct Call {
  std::string labels_of;
  std::string checked;
  DataFiles files;
  int sample = 100;
  int list = 200;
  std::uint64_t seed = 1;
  OutputOptions output;
};

/// The likeliest wrong `count`, without those that are checked; how many there were.
std::int64_t write_ranking(const fs::path& path, const FinalLabels& labels, const Texts* texts,
                           std::span<const double> scores, std::span<const CheckedLabel> checked,
                           int count) {
  std::vector<char> done(labels.sides.size());
  for (const CheckedLabel& label : checked) done[static_cast<std::size_t>(label.row)] = 1;
  ListToCheck list(path, labels, texts, Drawn::ranked);
  std::int64_t written = 0;
  for (const std::int64_t row : rank_by_error(scores, labels.sides)) {
    if (written == count) break;
    const auto r = static_cast<std::size_t>(row);
    if (done[r] != 0) continue;
    list.add(row, scores[r]);
    ++written;
  }
  list.commit();
  return written;
}

Findings findings_of(const FinalLabels& labels, const Verdicts& verdicts) {
  Findings found;
  found.accuracy = expected_accuracy(labels.confidences, verdicts.checked);
  found.error_outside = error_outside_candidates(labels.sides, verdicts.checked);
  const std::int64_t n = found.accuracy.checked;
  const std::int64_t right = found.accuracy.right;
  const auto warn = [&](const std::string& words) { found.warnings.push_back(words); };
  if (verdicts.open() > 0) {
    warn(std::to_string(verdicts.open()) + " of " + std::to_string(verdicts.lines) +
         " lines are not filled in: they do not count");
  }
  if (verdicts.skipped > 0) {
    warn(std::to_string(verdicts.skipped) +
         " of them come before lines that are: if those are the hard ones, the labels look better "
         "than they are");
  }
  if (n < 30) warn("only " + std::to_string(n) + " labels are checked: take the figures as rough");
  if (right == n || right == 0) {
    warn(std::string("all checked labels are ") + (right == n ? "right" : "wrong") +
         ": nothing to calibrate the confidences by");
    return found;
  }
  std::vector<double> confidences;
  std::vector<std::uint8_t> verdict;
  for (const CheckedLabel& label : verdicts.checked) {
    confidences.push_back(labels.confidences[static_cast<std::size_t>(label.row)]);
    verdict.push_back(label.right ? 1 : 0);
  }
  found.scaling = fit_platt(confidences, verdict);
  found.before = calibration_error(confidences, verdict);
  const CrossFitPlatt fitted = cross_fit_platt(confidences, verdict);
  for (std::size_t i = 0; i < confidences.size(); ++i)
    confidences[i] = fitted.of(i)(confidences[i]);
  found.after = calibration_error(confidences, verdict);
  if (found.scaling->slope <= 0.0)
    warn("in the sample, labels of higher confidence are no better: rank by something else");
  else if (found.after.brier > found.before.brier)
    warn("calibrated confidences are no better than the student's own (Brier score)");
  return found;
}

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
std::string percent_of(double share) { return number("%.1f", 100.0 * share); }
std::string spoken(const ShareEstimate& estimate) {
  return percent_of(estimate.share) + "  (95 % interval " + percent_of(estimate.interval.low) +
         " to " + percent_of(estimate.interval.high) + ")";
}
Line json_of(const ShareEstimate& estimate) {
  return {{"estimate", estimate.share},
          {"low", estimate.interval.low},
          {"high", estimate.interval.high}};
}

std::vector<std::int64_t> confidence_histogram(const FinalLabels& labels) {
  std::vector<std::int64_t> histogram(10);
  for (const double confidence : labels.confidences)
    ++histogram[std::min<std::size_t>(static_cast<std::size_t>(confidence * 10.0), 9)];
  return histogram;
}

/// The folder of --out, in which these files can be written without a loss.
fs::path prepared_folder(const Call& call, const std::vector<const char*>& names,
                         const std::vector<NamedFile>& inputs) {
  const fs::path folder = call.output.out;
  std::vector<fs::path> outputs;
  for (const char* name : names) outputs.push_back(folder / name);
  refuse_overwriting("audit", inputs, outputs);
  for (const fs::path& output : outputs) keep_verdicts(output);
  make_folder(folder);
  return folder;
}

/// Without verdicts: what is known, and what to check.
void draw(const Call& call, const FinalLabels& labels, const Texts* texts,
          const std::vector<NamedFile>& inputs) {
  const std::vector<std::int64_t> histogram = confidence_histogram(labels);
  const double mean = std::accumulate(labels.confidences.begin(), labels.confidences.end(), 0.0) /
                      static_cast<double>(labels.rows());
  const bool known = labels.count(CandidateSide::unknown) < labels.rows();
  const std::int64_t outside = labels.count(CandidateSide::outside);
  std::int64_t drawn = 0;
  std::int64_t listed = 0;
  if (!call.output.out.empty()) {
    const fs::path folder = prepared_folder(call, {"sample.jsonl", "to_check.jsonl"}, inputs);
    ListToCheck sample(folder / "sample.jsonl", labels, texts, Drawn::random);
    for (const std::int64_t row : sample_rows(labels.rows(), call.sample, call.seed)) {
      sample.add(row);
      ++drawn;
    }
    listed = write_ranking(folder / "to_check.jsonl", labels, texts,
                           error_scores(labels.confidences, labels.sides), {}, call.list);
    sample.commit();
  }
  if (call.output.json) {
    Line result{{"texts", labels.rows()}, {"mean_confidence", mean}, {"verified", false}};
    result["outside_candidates"] = known ? Line(outside) : Line(nullptr);
    result["confidence_histogram"] = histogram;
    if (!call.output.out.empty()) {
      result["sample"] = drawn;
      result["to_check"] = listed;
      result["out"] = shown(call.output.out, 4096);
    }
    std::printf("%s\n", result.dump().c_str());
    return;
  }
  TextTable table({"", "value"});
  table.add({"labels", std::to_string(labels.rows())});
  table.add({"mean confidence, %", percent_of(mean)});
  table.add({"outside the candidates", known ? std::to_string(outside) : "-"});
  std::printf("%s\n", table.text().c_str());
  TextTable confidences({"confidence", "labels", "%"});
  for (std::size_t bin = 0; bin < histogram.size(); ++bin) {
    const auto share = static_cast<double>(histogram[bin]) / static_cast<double>(labels.rows());
    confidences.add({number("%.1f", 0.1 * static_cast<double>(bin)) + " to " +
                         number("%.1f", 0.1 * static_cast<double>(bin + 1)),
                     std::to_string(histogram[bin]), percent_of(share)});
  }
  std::fputs(confidences.text().c_str(), stdout);
  std::printf(
      "\nThe mean confidence is the accuracy that the student believes in. Nobody has verified "
      "it.\n");
  if (call.output.out.empty()) {
    std::printf("To verify it: candist audit --labels-of FILE --out FOLDER\n");
    return;
  }
  std::printf(
      "%s/sample.jsonl: %lld texts that chance chose; set \"correct\" to true or false (or add "
      "\"gold\": \"NAME\"), then give it with --checked.\n"
      "%s/to_check.jsonl: the %lld labels that are likeliest wrong, worst first.\n",
      shown(call.output.out, 200).c_str(), static_cast<long long>(drawn),
      shown(call.output.out, 200).c_str(), static_cast<long long>(listed));
}

void print_findings(const FinalLabels& labels, const Findings& found, const Call& call,
                    std::int64_t open) {
  const ExpectedAccuracy& accuracy = found.accuracy;
  if (call.output.json) {
    Line result{{"texts", labels.rows()},
                {"checked", accuracy.checked},
                {"right", accuracy.right},
                {"not_filled_in", open},
                {"mean_confidence", accuracy.mean_confidence},
                {"accuracy", json_of(accuracy.sample)}};
    result["assisted_accuracy"] = accuracy.assisted ? json_of(*accuracy.assisted) : Line(nullptr);
    result["error_outside_candidates"] =
        found.error_outside ? Line(*found.error_outside) : Line(nullptr);
    auto& calibration = result["calibration"] = nullptr;
    if (found.scaling) {
      calibration = {{"slope", found.scaling->slope},       {"intercept", found.scaling->intercept},
                     {"ece_before", found.before.expected}, {"ece_after", found.after.expected},
                     {"brier_before", found.before.brier},  {"brier_after", found.after.brier}};
    }
    result["warnings"] = found.warnings;
    if (!call.output.out.empty()) result["out"] = shown(call.output.out, 4096);
    std::printf("%s\n", result.dump().c_str());
    return;
  }
  std::printf("%lld of %lld checked labels are right, of %lld labels in all\n\n",
              static_cast<long long>(accuracy.right), static_cast<long long>(accuracy.checked),
              static_cast<long long>(labels.rows()));
  std::printf("accuracy of all labels, %%\n  by the sample alone        %s\n",
              spoken(accuracy.sample).c_str());
  if (accuracy.assisted)
    std::printf("  with the confidences' help %s\n", spoken(*accuracy.assisted).c_str());
  std::printf("  mean confidence            %s  (verified by nobody)\n",
              percent_of(accuracy.mean_confidence).c_str());
  if (found.error_outside) {
    std::printf("  of labels outside the candidates, about %s are wrong\n",
                percent_of(*found.error_outside).c_str());
  }
  if (found.scaling) {
    std::printf("\n");
    TextTable table({"confidences, on labels not fitted to", "ECE %", "Brier score"});
    table.add(
        {"the student's", percent_of(found.before.expected), number("%.3f", found.before.brier)});
    table.add({"calibrated", percent_of(found.after.expected), number("%.3f", found.after.brier)});
    std::fputs(table.text().c_str(), stdout);
  }
}

/// With verdicts: how good all labels are, what the confidences are worth, what to check next.
void judge(const Call& call, const FinalLabels& labels, const Texts* texts,
           const std::vector<NamedFile>& inputs) {
  const Verdicts verdicts = read_verdicts(call.checked, labels);
  const Findings found = findings_of(labels, verdicts);
  if (!call.output.out.empty()) {
    const fs::path folder = prepared_folder(call, {"calibrated.jsonl", "to_check.jsonl"}, inputs);
    std::vector<double> confidences = labels.confidences;
    if (found.scaling) {
      AtomicFile file(folder / "calibrated.jsonl");
      for (std::int64_t row = 0; row < labels.rows(); ++row) {
        const auto r = static_cast<std::size_t>(row);
        const double calibrated = (*found.scaling)(confidences[r]);
        const Line line{{"id", std::string(labels.ids[row])},
                        {"label", labels.names.name(labels.labels[r])},
                        {"confidence", labels.confidences[r]},
                        {"calibrated_confidence", calibrated}};
        file.write(line.dump() + "\n");
        if (found.scaling->slope > 0.0) confidences[r] = calibrated;
      }
      file.commit();
    } else {
      std::error_code error;
      fs::remove(folder / "calibrated.jsonl", error);  // of another sample
    }
    write_ranking(folder / "to_check.jsonl", labels, texts,
                  error_scores(confidences, labels.sides, found.error_outside), verdicts.checked,
                  call.list);
  }
  for (const std::string& warning : found.warnings)
    std::fprintf(stderr, "candist audit: %s\n", warning.c_str());
  print_findings(labels, found, call, verdicts.open());
}

}  // namespace

int audit(const Arguments& arguments) {
  Call call;
  int threads = 1;
  po::options_description options("options");
  add_text_option(options, "labels-of", call.labels_of, "labels.jsonl of a run, or of predict",
                  "FILE");
  add_text_option(options, "checked", call.checked, "sample.jsonl, filled in", "FILE");
  add_text_option(options, "data", call.files.data, "the texts, to show them in the lists", "FILE");
  add_text_option(options, "labels", call.files.labels,
                  "all label names; where left out, those that occur", "FILE");
  add_number_option(options, "sample", call.sample, "texts to draw by chance");
  add_number_option(options, "list", call.list, "labels in the list of those likeliest wrong");
  add_number_option(options, "seed", call.seed, "of the sample");
  add_number_option(options, "threads", threads, "no effect: one is enough");
  add_output_options(options, call.output);
  po::variables_map values;
  if (!parse("audit", "how good labels are without gold, and which to check by hand", options,
             arguments, &values))
    return 0;
  thread_count(threads);
  if (call.labels_of.empty())
    throw InputError("audit: give the labels of a run with --labels-of FILE");
  for (const auto& [name, count] : {std::pair("sample", call.sample), {"list", call.list}}) {
    if (count >= 1) continue;
    throw InputError(std::string("--") + name + ": found " + std::to_string(count) +
                     ", expected a whole number from 1 on");
  }
  for (const char* name : {"sample", "seed"}) {
    if (!call.checked.empty() && is_given(values, name)) {
      throw InputError(std::string("audit: --") + name +
                       " draws a sample and --checked judges one; leave one of them out");
    }
  }
  std::vector<NamedFile> inputs = named_files(call.files);
  inputs.push_back({"--labels-of", call.labels_of});
  if (!call.checked.empty()) inputs.push_back({"--checked", call.checked});
  const FinalLabels labels = read_final_labels(call.labels_of, call.files.labels);
  Texts texts;
  if (!call.files.data.empty()) {
    LabelSpace any;
    texts = read_texts(call.files.data, any, UnknownLabels::add);
  }
  const Texts* shown_texts = call.files.data.empty() ? nullptr : &texts;
  if (call.checked.empty()) {
    draw(call, labels, shown_texts, inputs);
  } else {
    judge(call, labels, shown_texts, inputs);
  }
  return 0;
}

}  // namespace candist::program
