// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist ablate: a grid of compositions x seeds, one table with mean and spread; resumable.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <type_traits>

#include "candist/studies/grid.hpp"
#include "choose.hpp"
#include "input_files.hpp"
#include "interruption.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "study.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// What the command line says.
struct Call {
  RunSettings base;
  OutputOptions output;
  StudyCall study;
  std::string reference;
  std::optional<int> trials;
  std::vector<std::string> candidates;                                  ///< files
  std::vector<std::pair<std::string, std::vector<std::string>>> lists;  ///< of the options given
  std::string command;
};

/// Seeds pair the runs of different compositions; they are no part of them.
bool is_seed(const std::string& key) {
  return key == "seed" || key == "init_seed" || key == "order_seed";
}

bool read_call(const Arguments& arguments, Call& call) {
  po::options_description options(
      "options; those of a training and --candidates take lists: --method average,candist --seed "
      "1,2,3");
  int threads = 0;
  std::optional<int> parallel;
  std::optional<double> memory;
  std::string candidates;
  bool join = false, keep_models = false;
  add_data_options(options, call.base.files, {"candidates"});
  add_text_option(options, "candidates", candidates,
                  "annotations, joined to the texts by id; several are compared", "FILE,...");
  for_each_option(call.base, [&](const char* key, auto&, const char* help) {
    options.add_options()(option_of(key).substr(2).c_str(),
                          po::value<std::string>()->value_name("A,B,..."),
                          help_of(key, help).c_str());
  });
  add_text_option(options, "reference", call.reference,
                  "the composition that the others are compared with, as the table names it; "
                  "default: the best that learns from the teacher");
  add_number_option(options, "trials", call.trials,
                    "as many settings for every method, drawn from its grid: an equal budget");
  add_number_option(options, "threads", threads, "cores for all runs; 0 = all");
  add_number_option(
      options, "parallel", parallel,
      "runs at a time, each with its share of the threads; default: as many as threads; "
      "results do not depend on it");
  add_number_option(options, "memory", memory,
                    "GiB that the runs may take together, by estimate; 0: no limit; default: 80 % "
                    "of what is free");
  options.add_options()(
      "join", po::bool_switch(&join),
      "share the study folder with other processes or machines that run the same command")(
      "keep-models", po::bool_switch(&keep_models),
      "keep every trained student in its run's folder");
  add_output_options(options, call.output);
  po::variables_map values;
  if (!parse("ablate",
             "many compositions x seeds, one table; started again, it runs only what is missing",
             options, arguments, &values))
    return false;
  if (call.output.out.empty()) throw InputError("ablate: give the study folder with --out DIR");
  if (call.trials && *call.trials < 1)
    throw InputError("--trials: found " + std::to_string(*call.trials) +
                     ", expected a whole number >= 1");
  if (memory && !(*memory >= 0.0)) throw InputError("--memory: expected a number >= 0");
  call.study.out = call.output.out;
  call.study.progress_title = "ablate";
  if (parallel && (*parallel < 1 || *parallel > 1024))
    throw InputError("--parallel: found " + std::to_string(*parallel) +
                     ", expected a whole number from 1 to 1024");
  call.study.parallel = parallel.value_or(thread_count(threads));
  call.study.threads = std::max(1, thread_count(threads) / call.study.parallel);
  call.study.memory = memory ? *memory * 0x1p30 : 0.8 * available_memory();
  if (join) call.study.sharing = StudyFolder::Sharing::joined;
  if (keep_models) call.study.models = StudyCall::Models::kept;
  if (call.output.quiet) call.study.progress = ProgressBar::Output::silent;
  if (!candidates.empty()) call.candidates = split_list("--candidates", candidates);
  for (const std::string& argument : arguments) {
    if (shown(argument, 4096).find("\\x") == std::string::npos) continue;
    throw InputError("ablate: found " + quoted(argument) +
                     ", expected UTF-8, for the reports hold the command");
  }
  make_absolute(call.base.files);
  for_each_option(call.base, [&](const char* key, auto&, const char*) {
    const std::string name = option_of(key).substr(2);
    if (is_given(values, name))
      call.lists.emplace_back(key, split_list(option_of(key), values[name].as<std::string>()));
  });
  std::string varied;
  for (const auto& [key, listed] : call.lists) {
    if (!is_seed(key) || listed.size() < 2) continue;
    if (!varied.empty())
      throw InputError(
          option_of(key) + ": found several values beside several of " + option_of(varied) +
          ", expected one kind of seed to vary: combinations of two are no independent "
          "runs");
    varied = key;
  }
  // Seeds change slowest: one run of every composition first, so that the table so far compares all.
  std::stable_partition(call.lists.begin(), call.lists.end(),
                        [](const auto& list) { return is_seed(list.first); });
  call.command = "candist ablate";
  for (const std::string& argument : arguments) call.command += " " + shell_word(argument);
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

/// All combinations of the lists. Throws InputError for a value that is there twice (0.4 and 0.40 are
/// one): its runs would count as more evidence than they are.
std::vector<RunSettings> settings_of(const Call& call) {
  Grid grid;
  for (const auto& [key, values] : call.lists) {
    std::set<nlohmann::json> seen;
    for (const std::string& value : values) {
      RunSettings probe;
      set_option(probe, key, value);
      if (!seen.insert(to_json(probe)[key]).second) {
        throw InputError(option_of(key) + ": found " + quoted(value) +
                         " again, expected every value once");
      }
    }
    grid.axis(key, values);
  }
  std::vector<RunSettings> all;
  for (const GridPoint& point : grid.points()) {
    all.push_back(call.base);
    for (const auto& [key, value] : point) set_option(all.back(), key, value);
  }
  return all;
}

/// What a composition is called: its method, and the settings that differ within the study.
std::string title_of(const RunSettings& settings, const Call& call, const std::string& teacher) {
  std::string title = method_names(settings).method;
  const nlohmann::json json = to_json(settings);
  for (const auto& [key, values] : call.lists) {
    const nlohmann::json& value = json[key];
    const bool named = key == "method" || key == "loss" || key == "refinery" || is_seed(key);
    if (named || values.size() < 2 || value.is_null()) continue;
    title += " " + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return teacher.empty() ? title : title + ", " + teacher;
}

/// "3", or "3/7" where several kinds of seeds are varied.
std::string seed_of(const RunSettings& settings, const Call& call) {
  std::string text;
  const nlohmann::json json = to_json(settings);
  for (const auto& [key, values] : call.lists) {
    if (!is_seed(key) || (key != "seed" && values.size() < 2)) continue;
    if (!json[key].is_null()) text += (text.empty() ? "" : "/") + json[key].dump();
  }
  return text.empty() ? std::to_string(settings.seed) : text;
}

/// How two files of annotations are told apart: by name, or by path where the names are the same.
std::vector<std::string> teacher_names(const std::vector<std::string>& files) {
  std::vector<std::string> names;
  std::set<std::string> different;
  for (const std::string& file : files) {
    names.push_back(shown(fs::path(file).stem().string(), 60));
    different.insert(names.back());
  }
  if (files.size() < 2) return std::vector<std::string>(files.size());
  return different.size() == files.size() ? names : files;
}

/// At most `trials` settings of every method, of those that the runs have.
std::vector<ProgramRun> with_equal_budget(std::vector<ProgramRun> runs, std::optional<int> trials) {
  std::vector<std::string> methods;
  std::map<std::string, std::vector<std::string>> settings;  // compositions of a method
  for (const ProgramRun& run : runs) {
    const std::string method = method_of(run);
    std::vector<std::string>& known = settings[method];
    if (known.empty()) methods.push_back(method);
    if (std::find(known.begin(), known.end(), run.composition) == known.end())
      known.push_back(run.composition);
  }
  if (!trials) {
    std::string counts;
    bool differ = false;
    for (const std::string& method : methods) {
      counts +=
          (counts.empty() ? "" : ", ") + method + " " + std::to_string(settings[method].size());
      differ = differ || settings[method].size() != settings[methods.front()].size();
    }
    if (differ)
      std::fprintf(stderr,
                   "candist: the methods have different numbers of settings (%s), and the best of "
                   "many is flattered; --trials N gives each at most N\n",
                   shown(counts, 300).c_str());
    return runs;
  }
  std::set<std::string> kept;
  for (const std::string& method : methods) {
    const auto count = static_cast<std::int64_t>(settings[method].size());
    for (const std::int64_t i : drawn_trials(count, *trials, 1))
      kept.insert(settings[method][static_cast<std::size_t>(i)]);
  }
  std::erase_if(runs, [&](const ProgramRun& run) { return !kept.contains(run.composition); });
  return runs;
}

/// The runs of the grid, each once: points that differ only in options which their composition does
/// not have are one run. What there is to say of them goes to standard error, every line once.
std::vector<ProgramRun> runs_of(const Call& call, std::vector<SharedCorpus>& corpora) {
  std::vector<std::string> given;
  for (const auto& [key, values] : call.lists) given.push_back(key);
  std::vector<ProgramRun> runs;
  std::set<std::string> known;
  std::vector<std::string> notes;
  const auto note_once = [&](const std::string& note) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  };
  for (const RunSettings& point : settings_of(call)) {
    for (SharedCorpus& data : corpora) {
      RunSettings settings = point;
      settings.files = data.files;
      settings.threads = 1;
      std::vector<std::string> without_effect;
      settings = resolved(std::move(settings), &without_effect);
      check_run(settings, data.corpus);
      for (const std::string& key : without_effect) {
        note_once(option_of(key) + " has no effect on " + method_names(settings).method +
                  "; runs that differ in it alone are made and shown once");
      }
      for (const std::string& note : notes_on(settings, data.corpus, given, {})) note_once(note);
      // Gold labels do not care who the teacher is.
      const bool gold = learns_from(settings) == LabelSource::gold;
      if (gold && &data != &corpora.front()) continue;
      const std::string title = title_of(settings, call, gold ? "" : data.teacher_name);
      if (known.insert(fingerprint_of(settings, data.inputs).dump()).second)
        runs.push_back({settings, &data, title, seed_of(settings, call)});
    }
  }
  runs = with_equal_budget(std::move(runs), call.trials);
  for (const std::string& note : notes) std::fprintf(stderr, "candist: %s\n", note.c_str());
  return runs;
}

/// The table for a terminal.
std::string table_of(const StudyFindings& findings) {
  const bool tested = findings.test.has_value();
  const std::optional<Comparison>& main = tested ? findings.test : findings.train;
  TextTable table({"composition", "seeds", "training texts, %", "test texts, %",
                   "difference (95 % interval)", "p seeds", "p texts", ""});
  for (const StudiedComposition& composition : findings.study->compositions) {
    if (composition.runs.empty()) continue;
    const auto cell = [&](const std::optional<Comparison>& comparison) {
      const ComparedComposition* line = line_of(comparison, composition.name);
      return line == nullptr ? std::string("-") : mean_and_spread(line->accuracy);
    };
    std::vector<std::string> row{composition.name, std::to_string(composition.runs.size()),
                                 cell(findings.train), cell(findings.test)};
    const ComparedComposition* line = line_of(main, composition.name);
    if (line != nullptr) {
      row.insert(row.end(), {difference_text(*line), p_value(line->p_seeds), p_value(line->p_texts),
                             name_of(line->standing)});
    } else {
      row.insert(row.end(), {"-", "-", "-", "-"});
    }
    table.add(std::move(row));
  }
  std::string text = table.text() + "\n";
  for (const std::string& sentence : teacher_sentences(findings)) text += sentence + "\n";
  for (const auto* comparison : {&findings.test, &findings.train}) {
    if (*comparison) text += (*comparison)->verdict + "\n";
  }
  return text;
}

}  // namespace

int ablate(const Arguments& arguments) {
  Call call;
  if (!read_call(arguments, call)) return 0;
  survive_closed_pipes();
  const fs::path& out = call.study.out;
  std::vector<DataFiles> files;
  for (const std::string& file : call.candidates) {
    files.push_back(call.base.files);
    files.back().candidates = file;
    make_absolute(files.back());
  }
  if (files.empty()) files.push_back(call.base.files);
  for (const DataFiles& inputs : files)
    refuse_overwriting("ablate", named_files(inputs), files_of_study(out));
  for (const RunSettings& settings : settings_of(call))
    resolved(settings);  // before files are read

  const std::vector<std::string> teachers = teacher_names(call.candidates);
  std::vector<SharedCorpus> corpora(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    corpora[i].files = files[i];
    corpora[i].corpus = load_corpus(files[i]);
    corpora[i].inputs = contents_of(files[i]);
    corpora[i].cache = corpora.front().cache;
    if (!teachers.empty()) corpora[i].teacher_name = teachers[i];
    for (std::size_t before = 0; before < i; ++before) {
      if (corpora[before].inputs["candidates"]["hash"] != corpora[i].inputs["candidates"]["hash"])
        continue;
      throw InputError("--candidates: found the content of " +
                       shown(files[before].candidates, 200) + " again in " +
                       shown(files[i].candidates, 200) + ", expected every file once");
    }
  }
  const std::vector<ProgramRun> runs = runs_of(call, corpora);
  Study study;
  study.title = "Study of " + fs::path(call.base.files.data).filename().string();
  study.command = call.command;
  study.made_by = program_version();
  study.labels = &corpora.front().corpus.labels;
  study.train = &corpora.front().corpus.train;
  if (corpora.front().corpus.test) study.test = &*corpora.front().corpus.test;
  study.reference = call.reference;
  if (!call.reference.empty() && std::none_of(runs.begin(), runs.end(), [&](const ProgramRun& run) {
        return run.composition == call.reference;
      })) {
    std::string known;
    std::set<std::string> listed;
    for (const ProgramRun& run : runs) {
      if (listed.insert(run.composition).second)
        known += (known.empty() ? "" : "; ") + run.composition;
    }
    throw InputError("--reference: found " + quoted(call.reference) +
                     ", expected one of: " + shown(known, 400));
  }
  if (fs::exists(out / "results.jsonl") && !fs::exists(out / "runs")) {
    throw InputError((out / "results.jsonl").string(), 0, "results without the folder runs/",
                     "a folder that is new or was made by this version; name another --out");
  }
  make_folder(out);
  StudyOutcome outcome;
  try {
    outcome = run_and_report(std::move(study), runs, call.study);
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; what is done is kept, the same command runs the rest");
  }
  const StudyFindings findings(outcome.study);
  if (call.output.json) {
    std::printf("%s\n", json_report(findings).dump().c_str());
  } else {
    std::printf("%s\nmean ± standard deviation; %s/report.html shows more\n",
                table_of(findings).c_str(), call.output.out.c_str());
  }
  if (outcome.elsewhere > 0) {
    std::fprintf(stderr,
                 "candist: other processes are still at %zu runs; the last of them completes the "
                 "report\n",
                 outcome.elsewhere);
  }
  for (const std::string& failure : outcome.failures)
    std::fprintf(stderr, "candist: %s\n", failure.c_str());
  return outcome.failures.empty() ? 0 : 1;
}

}  // namespace candist::program
