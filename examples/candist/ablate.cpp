// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist ablate: a grid of compositions x seeds, one table with mean and spread; resumable.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <type_traits>

#include "candist/data/atomic_file.hpp"
#include "input_files.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "study.hpp"
#include "study_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// What the command line says.
struct Call {
  RunSettings base;
  OutputOptions output;
  int threads = 0;
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;  ///< of the options given
};

bool read_call(const Arguments& arguments, Call& call) {
  po::options_description options(
      "options; those of a training take lists: --method average,candist --seed 1,2,3");
  add_data_options(options, call.base.files);
  for_each_option(call.base, [&](const char* key, auto&, const char* help) {
    options.add_options()(option_of(key).substr(2).c_str(),
                          po::value<std::string>()->value_name("A,B,..."),
                          help_of(key, help).c_str());
  });
  add_number_option(options, "threads", call.threads, "runs at a time; 0 = all cores");
  add_output_options(options, call.output);
  po::variables_map values;
  if (!parse("ablate",
             "many compositions x seeds, one table; started again, it runs only what is missing",
             options, arguments, &values))
    return false;
  if (call.output.out.empty()) throw InputError("ablate: give the study folder with --out DIR");
  call.threads = thread_count(call.threads);
  make_absolute(call.base.files);
  for_each_option(call.base, [&](const char* key, auto&, const char*) {
    const std::string name = option_of(key).substr(2);
    if (is_given(values, name))
      call.lists.emplace_back(key, split_list(option_of(key), values[name].as<std::string>()));
  });
  return true;
}

/// Sets the option `key` of the settings from its text.
void set_option(RunSettings& settings, const std::string& key, const std::string& text) {
  for_each_option(settings, [&](const char* name, auto& value, const char*) {
    if (key != name) return;
    using Field = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Field, std::string>) {
      value = text;
    } else if constexpr (std::is_arithmetic_v<Field>) {
      value = parse_number<Field>(option_of(key), text);
    } else {
      value = parse_number<typename Field::value_type>(option_of(key), text);
    }
  });
}

/// All combinations of the lists, seeds innermost. Throws InputError for a value that is there twice
/// (0.4 and 0.40 are one): its runs would count as more evidence than they are.
std::vector<RunSettings> grid_of(const Call& call) {
  std::vector<RunSettings> grid{call.base};
  for (const auto& [key, values] : call.lists) {
    std::set<nlohmann::json> seen;
    std::vector<RunSettings> wider;
    for (const std::string& value : values) {
      RunSettings probe;
      set_option(probe, key, value);
      if (!seen.insert(to_json(probe)[key]).second) {
        throw InputError(option_of(key) + ": found " + quoted(value) +
                         " again, expected every value once");
      }
    }
    for (const RunSettings& settings : grid) {
      for (const std::string& value : values) {
        wider.push_back(settings);
        set_option(wider.back(), key, value);
      }
    }
    grid = std::move(wider);
  }
  return grid;
}

/// A run of the study.
struct Point {
  RunSettings settings;  ///< resolved
  nlohmann::json fingerprint;
  std::string title;  ///< of its composition: "candist delta=0.4"
};

/// The settings that differ within the study; the method comes first.
std::string title_of(const RunSettings& settings, const Call& call) {
  std::string title = method_names(settings).method;
  const nlohmann::json json = to_json(settings);
  for (const auto& [key, values] : call.lists) {
    const nlohmann::json& value = json[key];
    const bool named = key == "method" || key == "loss" || key == "refinery" || key == "seed";
    if (named || values.size() < 2 || value.is_null()) continue;
    title += " " + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return title;
}

/// The runs of the grid, each once: points that differ only in options which their composition does
/// not have are one run. What there is to say of them goes to standard error, every line once.
std::vector<Point> points_of(const Call& call, const Corpus& corpus) {
  std::vector<std::string> given;
  for (const auto& [key, values] : call.lists) given.push_back(key);
  const nlohmann::json inputs = contents_of(call.base.files);
  std::vector<Point> points;
  std::set<std::string> runs;
  std::vector<std::string> notes;
  const auto note_once = [&](const std::string& note) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  };
  for (RunSettings settings : grid_of(call)) {
    settings.threads = 1;
    std::vector<std::string> without_effect;
    settings = resolved(std::move(settings), &without_effect);
    check_run(settings, corpus);
    for (const std::string& key : without_effect) {
      note_once(option_of(key) + " has no effect on " + method_names(settings).method +
                "; runs that differ in it alone are made and shown once");
    }
    for (const std::string& note : notes_on(settings, corpus, given, {})) note_once(note);
    nlohmann::json fingerprint = fingerprint_of(settings, inputs);
    if (runs.insert(fingerprint.dump()).second)
      points.push_back({settings, std::move(fingerprint), title_of(settings, call)});
  }
  for (const std::string& note : notes) std::fprintf(stderr, "candist: %s\n", note.c_str());
  return points;
}

/// The table, as text, Markdown and JSON: one line a composition, in the order of the grid.
struct Report {
  std::string text;
  std::string markdown;
  nlohmann::json summary = nlohmann::json::array();
};

Report report_on(const std::vector<Point>& points, const StudyResults& results) {
  std::vector<std::string> titles;
  std::map<std::string, std::vector<const nlohmann::json*>> by_title;
  for (const Point& point : points) {
    const nlohmann::json* metrics = results.find(point.fingerprint);
    if (metrics == nullptr) continue;  // failed
    if (!by_title.contains(point.title)) titles.push_back(point.title);
    by_title[point.title].push_back(metrics);
  }
  const auto values = [](const std::vector<const nlohmann::json*>& metrics, const char* key) {
    std::vector<double> list;
    for (const nlohmann::json* m : metrics) {
      if ((*m)[key].is_number()) list.push_back((*m)[key].get<double>());
    }
    return list;
  };
  Report report;
  TextTable table({"composition", "seeds", "training texts, %", "test texts, %"});
  report.markdown =
      "| composition | seeds | training texts, % | test texts, % | 95 % interval of the test mean "
      "|\n|---|---|---|---|---|\n";
  for (const std::string& title : titles) {
    const std::vector<double> train = values(by_title[title], "train_accuracy");
    const std::vector<double> test = values(by_title[title], "test_accuracy");
    const Summary s = summarize(test);
    const std::string seeds = std::to_string(by_title[title].size());
    table.add({title, seeds, mean_and_spread(train), mean_and_spread(test)});
    char interval[64] = "-";
    if (s.n > 1)
      std::snprintf(interval, sizeof interval, "%.2f to %.2f", 100.0 * (s.mean - s.interval),
                    100.0 * (s.mean + s.interval));
    report.markdown += "| " + title + " | " + seeds + " | " + mean_and_spread(train) + " | " +
                       mean_and_spread(test) + " | " + interval + " |\n";
    nlohmann::json line{{"composition", title}, {"train_accuracy", train}, {"test_accuracy", test}};
    if (s.n > 0) line["test_mean"] = s.mean;
    if (s.n > 1) line["test_deviation"] = s.deviation, line["test_interval_95"] = s.interval;
    report.summary.push_back(line);
  }
  report.text = table.text();
  return report;
}

}  // namespace

int ablate(const Arguments& arguments) {
  Call call;
  if (!read_call(arguments, call)) return 0;
  survive_closed_pipes();
  const fs::path out = call.output.out;
  const std::vector<fs::path> outputs{out / "results.jsonl", out / "summary.json",
                                      out / "summary.md"};
  refuse_overwriting("ablate", named_files(call.base.files), outputs);
  for (const RunSettings& settings : grid_of(call)) resolved(settings);  // before files are read
  SharedCorpus shared;
  shared.corpus = load_corpus(call.base.files);
  const std::vector<Point> points = points_of(call, shared.corpus);
  make_folder(out);
  StudyResults results(outputs[0]);
  std::error_code ignored;
  for (const fs::path& summary : {outputs[1], outputs[2]}) fs::remove(summary, ignored);
  results.open();

  std::vector<StudyRun> runs;
  std::vector<const Point*> point_of;
  for (const Point& point : points) {
    if (results.find(point.fingerprint) != nullptr) continue;
    runs.push_back({point.settings, &shared});
    point_of.push_back(&point);
  }
  const std::size_t before = points.size() - runs.size();
  if (!call.output.quiet) {
    std::fprintf(stderr, "candist ablate: %zu runs, %zu of them done before\n", points.size(),
                 before);
  }
  if (results.size() > before) {
    std::fprintf(stderr,
                 "candist: %zu results of %s are of other settings or other contents of the "
                 "inputs; they stay there and do not count here\n",
                 results.size() - before, outputs[0].c_str());
  }
  std::vector<FailedRun> failed;
  try {
    failed = run_study(runs, call.threads, "ablate", call.output.quiet,
                       [&](std::size_t i, const nlohmann::json& metrics) {
                         results.add(point_of[i]->fingerprint, metrics);
                       });
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; what is done is kept, the same command runs the rest");
  }

  const Report report = report_on(points, results);
  write_json(outputs[1], report.summary);
  AtomicFile file(outputs[2]);
  file.write(report.markdown);
  file.commit();
  if (call.output.json) {
    std::printf("%s\n", report.summary.dump().c_str());
  } else {
    std::printf("%s\nmean ± standard deviation; files are in %s\n", report.text.c_str(),
                call.output.out.c_str());
  }
  for (const FailedRun& run : failed) {
    std::fprintf(stderr, "candist: %s, seed %llu failed: %s\n", point_of[run.index]->title.c_str(),
                 static_cast<unsigned long long>(point_of[run.index]->settings.seed),
                 shown(run.reason, 400).c_str());
  }
  return failed.empty() ? 0 : 1;
}

}  // namespace candist::program
