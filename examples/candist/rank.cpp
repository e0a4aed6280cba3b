// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist rank: compositions of several studies, one a data set, compared by their ranks.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "candist/studies/rank_report.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A study's summary.json, as far as ranks need it.
struct StudyScores {
  std::string folder;  ///< as it was given
  std::string name;    ///< of the data set, in tables
  nlohmann::json summary;
  std::vector<std::pair<std::string, double>> means;  ///< of compositions, over seeds
  std::set<std::string> from_gold;                    ///< those that learn from gold labels

  fs::path file() const { return fs::path(folder) / "summary.json"; }
  const double* mean_of(const std::string& composition) const {
    for (const auto& [known, mean] : means) {
      if (known == composition) return &mean;
    }
    return nullptr;
  }
};

struct Call {
  std::vector<std::string> folders;
  Judged judged = Judged::test_texts;
  OutputOptions output;
  std::string command;
};

bool read_call(const Arguments& arguments, Call& call) {
  po::options_description options("options");
  std::string studies;
  std::string judged = "test";
  add_text_option(options, "study", studies,
                  "folders that candist ablate --out made, one a data set", "DIR,DIR,...");
  add_text_option(options, "judged", judged, "accuracy on which texts: test or train");
  add_output_options(options, call.output);
  if (!parse("rank", "compositions of several studies, compared by their ranks", options,
             arguments))
    return false;
  if (studies.empty()) throw InputError("rank: give the study folders with --study DIR,DIR,...");
  if (call.output.out.empty())
    throw InputError("rank: give the folder of the result with --out DIR");
  if (judged != "test" && judged != "train")
    throw InputError("--judged: found " + quoted(judged) + ", expected test or train");
  call.judged = judged == "test" ? Judged::test_texts : Judged::training_texts;
  call.folders = split_list("--study", studies);
  if (call.folders.size() < 2) {
    throw InputError("--study: found one study, " + quoted(studies) +
                     ", expected at least two, separated by commas");
  }
  call.command = "candist rank";
  for (const std::string& argument : arguments)
    call.command += " " + shown(shell_word(argument), 100000);
  return true;
}

[[noreturn]] void refuse(const StudyScores& study, const std::string& found) {
  throw InputError(shown(study.file().string(), 300), 0, found,
                   "the summary.json that candist ablate --out DIR writes");
}

/// How many runs the summary says there are.
std::int64_t count_in(const StudyScores& study, const char* key) {
  const auto count = study.summary.find(key);
  if (count == study.summary.end() || !count->is_number_unsigned())
    refuse(study, std::string("no number of runs in \"") + key + "\"");
  return count->get<std::int64_t>();
}

StudyScores read_study(const std::string& folder, Judged judged) {
  StudyScores study;
  study.folder = folder;
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw InputError(shown(folder, 300), 0, fs::exists(folder, error) ? "a file" : "no such folder",
                     "a study folder that candist ablate --out DIR made");
  }
  if (!fs::exists(study.file(), error)) refuse(study, "no such file");
  study.summary = read_json_object(study.file());
  const auto lines = study.summary.find("compositions");
  if (lines == study.summary.end() || !lines->is_array()) refuse(study, "no list \"compositions\"");
  const std::string key = judged == Judged::test_texts ? "test_mean" : "train_mean";
  for (const nlohmann::json& line : *lines) {
    if (!line.is_object() || !line.contains("composition") || !line["composition"].is_string())
      refuse(study, "a composition without a name");
    const std::string name = line["composition"].get<std::string>();
    if (study.mean_of(name) != nullptr) refuse(study, "the composition " + quoted(name) + " twice");
    const auto mean = line.find(key);
    if (mean == line.end()) continue;
    if (!mean->is_number() || !(mean->get<double>() >= 0.0 && mean->get<double>() <= 1.0))
      refuse(study, "a \"" + key + "\" of " + quoted(name) + " that is no share");
    study.means.emplace_back(name, mean->get<double>());
    if (line.contains("learns_from") && line["learns_from"] == "gold") study.from_gold.insert(name);
  }
  count_in(study, "runs_done");
  count_in(study, "runs_planned");
  if (study.means.empty()) {
    throw InputError(shown(study.file().string(), 300), 0,
                     "no accuracy on " + std::string(name_of(judged)),
                     judged == Judged::test_texts ? "compositions judged on them; see --judged"
                                                  : "compositions judged on them");
  }
  return study;
}

/// Names of the folders without what leads to them; as they were given where that says too little.
void name_studies(std::vector<StudyScores>& studies) {
  std::map<std::string, int> uses;
  for (StudyScores& study : studies) {
    const fs::path whole = fs::absolute(study.folder).lexically_normal();
    study.name =
        shown((whole.has_filename() ? whole : whole.parent_path()).filename().string(), 200);
    ++uses[study.name];
  }
  for (StudyScores& study : studies) {
    if (uses[study.name] > 1 || study.name.empty()) study.name = shown(study.folder, 200);
  }
}

std::vector<StudyScores> read_studies(const Call& call) {
  std::vector<StudyScores> studies;
  for (const std::string& folder : call.folders) {
    studies.push_back(read_study(folder, call.judged));
    for (std::size_t i = 0; i + 1 < studies.size(); ++i) {
      std::error_code error;
      if (fs::equivalent(studies[i].file(), studies.back().file(), error))
        throw InputError("--study: found " + quoted(folder) + " again, expected every study once");
    }
  }
  name_studies(studies);
  return studies;
}

/// What somebody who trusts the ranks should know about the studies.
std::vector<std::string> notes_on(const std::vector<StudyScores>& studies) {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const std::int64_t done = count_in(studies[i], "runs_done");
    const std::int64_t planned = count_in(studies[i], "runs_planned");
    if (done < planned) {
      notes.push_back(studies[i].name + " is not finished: " + std::to_string(done) + " of " +
                      std::to_string(planned) + " runs are done");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (studies[i].summary == studies[j].summary)
        notes.push_back(studies[j].name + " and " + studies[i].name +
                        " say the same: is one study counted twice?");
    }
  }
  return notes;
}

/// The compositions that every study has; a note on each of the others.
std::vector<std::string> common_compositions(const std::vector<StudyScores>& studies,
                                             std::vector<std::string>& notes) {
  std::vector<std::string> all;
  for (const StudyScores& study : studies) {
    for (const auto& [name, mean] : study.means) {
      if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
    }
  }
  std::vector<std::string> common;
  for (const std::string& name : all) {
    const bool gold = std::any_of(studies.begin(), studies.end(), [&](const StudyScores& study) {
      return study.from_gold.contains(name);
    });
    if (gold) {
      notes.push_back(name + " is left out: it learns from gold labels, a ceiling and no rival");
      continue;
    }
    std::string lacking;
    for (const StudyScores& study : studies) {
      if (study.mean_of(name) == nullptr) lacking += (lacking.empty() ? "" : ", ") + study.name;
    }
    if (lacking.empty())
      common.push_back(name);
    else
      notes.push_back(name + " is left out: not in " + lacking);
  }
  if (common.size() >= 2) return common;
  std::string found = common.empty() ? "none" : "only " + quoted(common[0]);
  for (const StudyScores& study : studies) {
    found += study.folder == studies[0].folder ? "; " : ", ";
    found += study.name + " has ";
    for (const auto& [name, mean] : study.means)
      found += (&name == &study.means[0].first ? "" : " / ") + name;
  }
  throw InputError("rank: found " + shown(found, 600) +
                   "; expected at least two compositions that all studies have");
}

Json json_of(const RankReport& report) {
  Json json;
  json["command"] = report.again;
  json["judged"] = name_of(report.judged);
  json["data_sets"] = report.data_sets;
  json["chi_squared"] = report.ranks.chi_squared;
  json["degrees_of_freedom"] = report.compositions.size() - 1;
  json["p"] = report.ranks.p;
  json["level"] = 0.05;
  json["critical_difference"] = report.ranks.critical_difference;
  auto& lines = json["compositions"] = Json::array();
  for (const std::size_t c : report.order) {
    Json line{{"composition", report.compositions[c]}, {"mean_rank", report.mean_rank(c)}};
    for (std::size_t d = 0; d < report.data_sets.size(); ++d) {
      line["accuracies"].push_back(report.scores[d][c]);
      line["ranks"].push_back(report.rank(d, c));
    }
    line["groups"] = report.letters(c);
    lines.push_back(std::move(line));
  }
  auto& groups = json["groups"] = Json::array();
  for (const std::vector<int>& clique : report.ranks.cliques) {
    groups.push_back(Json::array());
    for (const int c : clique)
      groups.back().push_back(report.compositions[static_cast<std::size_t>(c)]);
  }
  json["verdict"] = rank_sentences(report);
  json["notes"] = report.notes;
  return json;
}

std::string table_of(const RankReport& report) {
  std::vector<std::string> header{"composition", "mean rank"};
  for (const std::string& name : report.data_sets) header.push_back(name + " %");
  header.emplace_back("groups");
  TextTable table(std::move(header));
  for (const std::size_t c : report.order) {
    std::vector<std::string> row{shown(report.compositions[c], 200),
                                 detail::ascii_fixed(report.mean_rank(c), 2)};
    for (const std::vector<double>& scores : report.scores)
      row.push_back(percent(std::optional<double>(scores[c])));
    row.push_back(report.letters(c));
    table.add(std::move(row));
  }
  std::string text = table.text() + "\nCompositions that share a letter are not told apart.\n";
  for (const std::string& sentence : rank_sentences(report)) text += shown(sentence, 4000) + "\n";
  return text;
}

}  // namespace

int rank(const Arguments& arguments) {
  Call call;
  if (!read_call(arguments, call)) return 0;
  const fs::path out = call.output.out;
  std::vector<NamedFile> inputs;
  for (const std::string& folder : call.folders)
    inputs.push_back({"--study", fs::path(folder) / "summary.json"});
  const std::vector<fs::path> outputs{out / "ranks.json", out / "ranks.md", out / "ranks.html",
                                      out / "critical_difference.svg"};
  refuse_overwriting("rank", inputs, outputs);

  const std::vector<StudyScores> studies = read_studies(call);
  std::vector<std::string> notes = notes_on(studies);
  const std::vector<std::string> compositions = common_compositions(studies, notes);
  std::vector<std::string> names;
  std::vector<std::vector<double>> scores;
  for (const StudyScores& study : studies) {
    names.push_back(study.name);
    scores.emplace_back();
    for (const std::string& name : compositions) scores.back().push_back(*study.mean_of(name));
  }
  const RankReport report = ranked(
      {compositions, names, scores, call.judged, notes, call.command + "  # " + program_version()});
  for (const std::string& note : notes)
    std::fprintf(stderr, "candist: %s\n", shown(note, 600).c_str());

  make_folder(out);
  const Json json = json_of(report);
  const std::string texts[] = {json.dump(2) + "\n", rank_markdown(report), rank_page(report),
                               critical_difference_svg(report)};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    AtomicFile file(outputs[i]);
    file.write(texts[i]);
    file.commit();
  }
  if (call.output.json)
    std::printf("%s\n", json.dump().c_str());
  else
    std::printf("%s\n%s/ranks.html and critical_difference.svg show it\n", table_of(report).c_str(),
                shown(call.output.out, 200).c_str());
  return 0;
}

}  // namespace candist::program
