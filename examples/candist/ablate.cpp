// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist ablate: a grid of compositions x seeds, one table with mean and spread; resumable.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <type_traits>

#include "candist/data/atomic_file.hpp"
#include "candist/data/jsonl.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "study.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// Sets the option `key` of the settings from its text.
void set_option(RunSettings& settings, const std::string& key, const std::string& text) {
  for_each_option(settings, [&](const char* name, auto& value, const char*) {
    if (key != name) return;
    using Field = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Field, std::string>) {
      value = text;
    } else if constexpr (std::is_arithmetic_v<Field>) {
      value = parse_number<Field>(option_name(key), text);
    } else {
      value = parse_number<typename Field::value_type>(option_name(key), text);
    }
  });
}

/// What tells a run from others: its settings without what cannot change the result.
std::string key_of(const RunSettings& settings) {
  nlohmann::json json = to_json(settings);
  json.erase("threads");
  return json.dump();
}

/// The settings that differ within the study, as "delta=0.4 lr=0.1"; the method comes first.
std::string title_of(const RunSettings& settings, const std::set<std::string>& swept) {
  std::string title = method_names(settings).method;
  const nlohmann::json json = to_json(settings);
  for (const std::string& key : swept) {
    if (key == "method" || key == "loss" || key == "refinery" || key == "seed") continue;
    title +=
        " " + key + "=" + (json[key].is_string() ? json[key].get<std::string>() : json[key].dump());
  }
  return title;
}

/// Runs finished earlier, by key. A last line that was cut off is dropped (it is run again).
std::map<std::string, nlohmann::json> read_results(const fs::path& path) {
  std::map<std::string, nlohmann::json> results;
  if (!fs::exists(path)) return results;
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line)) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() && !lines.terminated()) break;
    if (!json.is_object() || !json.contains("settings") || !json.contains("metrics")) {
      throw InputError(path.string(), lines.number(), "a broken line",
                       "a result of candist ablate");
    }
    results[json["settings"].dump()] = json["metrics"];
  }
  return results;
}

}  // namespace

int ablate(const Arguments& arguments) {
  DataFiles files;
  OutputOptions output;
  int threads = 0;
  po::options_description options(
      "options; those of a training take lists: --method average,candist --seed 1,2,3");
  add_data_options(options, files);
  RunSettings base;
  std::vector<std::string> keys;
  std::map<std::string, std::string> lists;
  for_each_option(base, [&](const char* key, auto&, const char* help) {
    keys.push_back(key);
    options.add_options()(option_name(key).c_str(), po::value(&lists[key])->value_name("A,B,..."),
                          help);
  });
  options.add_options()("threads", po::value(&threads)->default_value(0),
                        "runs at a time; 0 = all cores");
  add_output_options(options, output);
  if (!parse("ablate",
             "many compositions x seeds, one table; started again, it runs only what is missing",
             options, arguments))
    return 0;
  if (output.out.empty()) throw InputError("ablate: give the study folder with --out DIR");

  // The grid, seeds innermost.
  base.files = files;
  std::vector<RunSettings> grid{base};
  std::set<std::string> swept;
  for (const std::string& key : keys) {
    if (lists[key].empty()) continue;
    const std::vector<std::string> values = split_list(option_name(key), lists[key]);
    if (values.size() > 1) swept.insert(key);
    std::vector<RunSettings> wider;
    for (const RunSettings& settings : grid) {
      for (const std::string& value : values) {
        wider.push_back(settings);
        set_option(wider.back(), key, value);
      }
    }
    grid = std::move(wider);
  }
  for (RunSettings& settings : grid) {
    settings.threads = 1;
    settings = resolved(settings);
  }

  SharedCorpus shared;
  shared.corpus = load_corpus(files);
  for (const RunSettings& settings : grid) check_run(settings, shared.corpus);
  const fs::path out = output.out;
  make_folder(out);
  const fs::path results_path = out / "results.jsonl";
  std::map<std::string, nlohmann::json> results = read_results(results_path);
  {
    // Written anew so that a cut-off last line is gone before more is appended.
    AtomicFile file(results_path);
    for (const auto& [key, metrics] : results) {
      file.write(
          nlohmann::json{{"settings", nlohmann::json::parse(key)}, {"metrics", metrics}}.dump() +
          "\n");
    }
    file.commit();
  }
  std::vector<StudyRun> runs;
  for (const RunSettings& settings : grid) {
    if (!results.contains(key_of(settings))) runs.push_back({settings, &shared});
  }
  if (!output.quiet) {
    std::fprintf(stderr, "candist ablate: %zu runs, %zu of them done before\n", grid.size(),
                 grid.size() - runs.size());
  }
  const int cores =
      threads > 0 ? threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::ofstream append(results_path, std::ios::app);
  try {
    run_study(runs, cores, "ablate", output.quiet, stop_requested,
              [&](std::size_t i, const nlohmann::json& metrics) {
                const std::string key = key_of(runs[i].settings);
                append << nlohmann::json{{"settings", nlohmann::json::parse(key)},
                                         {"metrics", metrics}}
                              .dump()
                       << std::endl;
                if (!append)
                  throw RunError("cannot write " + results_path.string() + ": is the disk full?");
                results[key] = metrics;
              });
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; what is done is kept, the same command runs the rest");
  }

  // One line a composition, in the order of the grid.
  std::vector<std::string> titles;
  std::map<std::string, std::vector<const nlohmann::json*>> by_title;
  for (const RunSettings& settings : grid) {
    const std::string title = title_of(settings, swept);
    if (!by_title.contains(title)) titles.push_back(title);
    by_title[title].push_back(&results.at(key_of(settings)));
  }
  const auto values = [](const std::vector<const nlohmann::json*>& metrics, const char* key) {
    std::vector<double> list;
    for (const nlohmann::json* m : metrics) {
      if ((*m)[key].is_number()) list.push_back((*m)[key].get<double>());
    }
    return list;
  };
  nlohmann::json summary = nlohmann::json::array();
  TextTable table({"composition", "seeds", "training texts, %", "test texts, %"});
  std::string markdown =
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
    markdown += "| " + title + " | " + seeds + " | " + mean_and_spread(train) + " | " +
                mean_and_spread(test) + " | " + interval + " |\n";
    nlohmann::json line{{"composition", title}, {"train_accuracy", train}, {"test_accuracy", test}};
    if (s.n > 0) line["test_mean"] = s.mean;
    if (s.n > 1) line["test_deviation"] = s.deviation, line["test_interval_95"] = s.interval;
    summary.push_back(line);
  }
  write_json(out / "summary.json", summary);
  AtomicFile file(out / "summary.md");
  file.write(markdown);
  file.commit();
  if (output.json) {
    std::printf("%s\n", summary.dump().c_str());
  } else {
    std::printf("%s\nmean ± standard deviation; files are in %s\n", table.text().c_str(),
                output.out.c_str());
  }
  return 0;
}

}  // namespace candist::program
