// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist ablate through its real command line: grids, resuming, sharing, what goes wrong.
#if defined(CANDIST_PROGRAM)

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/program.hpp"

using namespace candist::testing;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::size_t whole_runs(const fs::path& study) {
  std::size_t count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(study / "runs", error))
    count += fs::exists(entry.path() / "metrics.json") ? 1 : 0;
  return count;
}

/// When each run's metrics were written: a run made again has another time.
std::map<std::string, fs::file_time_type> times_of_runs(const fs::path& study) {
  std::map<std::string, fs::file_time_type> times;
  for (const auto& entry : fs::directory_iterator(study / "runs")) {
    const fs::path metrics = entry.path() / "metrics.json";
    if (fs::exists(metrics)) times[entry.path().filename()] = fs::last_write_time(metrics);
  }
  return times;
}

/// What two ways to the same study must agree in: everything but times and places.
json told(const fs::path& study) {
  json summary = json::parse(read_file(study / "summary.json"));
  summary.erase("command");
  json results = json::array();
  std::ifstream lines(study / "results.jsonl");
  for (std::string line; std::getline(lines, line);) {
    json result = json::parse(line);
    for (const char* key : {"seconds", "samples_per_second", "tokens_per_second"})
      result["metrics"].erase(key);
    results.push_back(result);
  }
  return {{"summary", summary}, {"results", results}};
}

}  // namespace

TEST_CASE("ablate fills a grid and tells what came out, in every form", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string study =
      "ablate " + inputs +
      "--method average,candist --seed 1,2,3 --delta 0.4,0.6 --epochs 2 --json --out study";
  const Outcome first = candist_program(folder, study);
  REQUIRE(first.code == 0);
  const json summary = json::parse(first.out);
  // average has no delta: its runs are made and shown once.
  CHECK(summary["compositions"].size() == 3);
  CHECK(summary["runs_done"] == 9);
  CHECK(summary["runs_planned"] == 9);
  CHECK(first.err.find("--delta has no effect on average") != std::string::npos);
  CHECK(first.err.find("different numbers of settings (average 1, candist 2)") !=
        std::string::npos);
  CHECK(line_count(read_file(folder / "study/results.jsonl")) == 9);
  CHECK(line_count(read_file(folder / "study/results.csv")) == 10);
  CHECK(json::parse(read_file(folder / "study/summary.json")) == summary);
  const std::string markdown = read_file(folder / "study/summary.md");
  for (const char* words : {"candist delta=0.4", "| average | 3 |", "run it again with",
                            "candist ablate --data train.jsonl", "Which setting of a method"})
    CHECK(markdown.find(words) != std::string::npos);
  CHECK(read_file(folder / "study/table.tex").find("\\toprule") != std::string::npos);
  const std::string page = read_file(folder / "study/report.html");
  CHECK(page.find("candist delta=0.6") != std::string::npos);
  CHECK(whole_runs(folder / "study") == 9);

  // A run's folder says how to make it again, to the same labels.
  const std::string run = fs::directory_iterator(folder / "study/runs")->path().string();
  REQUIRE(candist_program(folder, "distill --quiet --config " + run + "/config.json --out again")
              .code == 0);
  CHECK(read_file(folder / "again/labels.jsonl") == read_file(run + "/labels.jsonl"));
  CHECK(read_file(folder / "again/test_labels.jsonl") == read_file(run + "/test_labels.jsonl"));

  const auto before = times_of_runs(folder / "study");
  const Outcome second = candist_program(folder, study);
  REQUIRE(second.code == 0);
  CHECK(second.err.find("9 runs, 9 of them done before") != std::string::npos);
  CHECK(first.out == second.out);
  CHECK(times_of_runs(folder / "study") == before);
}

TEST_CASE("ablate: the same study by another number of threads, or grown bit by bit", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string common = "ablate " + inputs + "--epochs 3 --quiet ";
  const std::string whole = common + "--method average,candist,cc --seed 1,2 ";
  REQUIRE(candist_program(folder, whole + "--threads 1 --out one").code == 0);
  REQUIRE(candist_program(folder, whole + "--threads 4 --out four").code == 0);
  REQUIRE(candist_program(folder, whole + "--threads 4 --memory 0.000001 --out tight").code == 0);
  REQUIRE(candist_program(folder, common + "--method candist --seed 2 --out grown").code == 0);
  REQUIRE(candist_program(folder, whole + "--out grown").code == 0);
  const json expected = told(folder / "one");
  for (const char* study : {"four", "tight", "grown"}) CHECK(told(folder / study) == expected);
}

TEST_CASE("ablate: killed at any moment and started again, it comes to the same", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string study = "ablate " + inputs +
                            "--method average,candist,cc,proden --seed 1,2,3 --epochs 500 "
                            "--buckets-log2 10 --quiet --threads 2 --out ";
  REQUIRE(candist_program(folder, study + "whole").code == 0);
  std::map<std::string, fs::file_time_type> done;
  std::minstd_rand random(7);
  int kills = 0;
  for (; kills < 60 && whole_runs(folder / "torn") < 12; ++kills) {
    const pid_t child = start(folder, study + "torn");
    const std::size_t before = whole_runs(folder / "torn");
    wait_until([&] { return whole_runs(folder / "torn") > before; });
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
    kill(child, SIGKILL);
    status_of(child);
    const auto now = times_of_runs(folder / "torn");
    for (const auto& [run, time] : done) CHECK(now.at(run) == time);  // never made again
    done = now;
  }
  INFO(kills << " kills");
  CHECK(kills > 1);
  REQUIRE(candist_program(folder, study + "torn").code == 0);
  CHECK(told(folder / "torn") == told(folder / "whole"));
  for (const auto& entry : fs::recursive_directory_iterator(folder / "torn"))
    CHECK(entry.path().string().find(".part-") == std::string::npos);
}

TEST_CASE("ablate: Ctrl-C keeps what is done, and the state of what is not", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string study = "ablate " + inputs +
                            "--method average,candist,cc,proden --seed 1,2 --epochs 800 "
                            "--buckets-log2 10 --quiet --threads 1 --out ";
  const pid_t child = start(folder, study + "study");
  const auto in_the_middle = [&] {  // one run is whole, another one under way
    bool under_way = false;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder / "study/runs", error)) {
      const std::size_t epochs = line_count(read_file(entry.path() / "log.jsonl"));
      under_way = under_way || (epochs > 0 && epochs < 400);
    }
    return under_way && whole_runs(folder / "study") >= 1;
  };
  wait_until(in_the_middle);
  kill(child, SIGINT);
  const int status = status_of(child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 130);
  CHECK(read_file(folder / "err.txt").find("the same command runs the rest") != std::string::npos);
  const json so_far = json::parse(read_file(folder / "study/summary.json"));
  CHECK(so_far["runs_planned"] == 8);
  CHECK(so_far["runs_done"].get<int>() < 8);
  CHECK(read_file(folder / "study/summary.md").find("of 8 runs are done") != std::string::npos);
  bool saved = false;
  for (const auto& entry : fs::directory_iterator(folder / "study/runs"))
    saved = saved || fs::exists(entry.path() / "checkpoint");
  CHECK(saved);
  CHECK(candist_program(folder, study + "study").code == 0);
  CHECK(candist_program(folder, study + "at_once").code == 0);
  CHECK(told(folder / "study") == told(folder / "at_once"));
}

TEST_CASE("ablate: several processes share a study, and one that dies harms nobody", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string study = "ablate " + inputs +
                            "--method average,candist,cc,proden --seed 1,2,3 --epochs 150 "
                            "--buckets-log2 10 --quiet --threads 1 ";
  REQUIRE(candist_program(folder, study + "--out alone").code == 0);
  std::vector<pid_t> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(start(folder, study + "--join --out shared"));
  wait_until([&] { return whole_runs(folder / "shared") >= 2; });
  // Another study, or one that wants the folder for itself, is refused meanwhile.
  const Outcome alone = candist_program(folder, study + "--out shared");
  const Outcome other = candist_program(folder, study + "--join --lr 0.3 --out shared");
  kill(workers[0], SIGKILL);
  for (const pid_t worker : workers) status_of(worker);
  if (alone.code != 0)
    CHECK(alone.err.find("another study at work in this folder") != std::string::npos);
  if (other.code != 0)
    CHECK(other.err.find("processes at work on other runs") != std::string::npos);
  CHECK(alone.code == 2);
  CHECK(other.code == 2);
  const auto before = times_of_runs(folder / "shared");
  REQUIRE(candist_program(folder, study + "--join --out shared").code == 0);
  for (const auto& [run, time] : before) CHECK(times_of_runs(folder / "shared").at(run) == time);
  CHECK(told(folder / "shared") == told(folder / "alone"));
}

TEST_CASE("ablate: wrong grids, changed inputs, broken folders, runs that fail", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string study = "ablate " + inputs + "--epochs 2 --quiet --out study ";
  check_refused(folder, study + "--seed 1,1", "--seed: found \"1\" again");
  check_refused(folder, study + "--delta 0.4,0.40", "--delta: found \"0.40\" again");
  check_refused(folder, study + "--method ''", "--method");
  check_refused(folder, study + "--method average,nobody", "nobody does not exist");
  check_refused(folder, study + "--method average --loss gce --refinery keep_prior", "--method");
  check_refused(folder, study + "--seed=", "--seed");
  check_refused(folder, study + "--parallel 0",
                "--parallel: found 0, expected a whole number from 1 to 1024");
  check_refused(folder, study + "--seed 1,-2", "found \"-2\", expected a whole number >= 0");
  check_refused(folder, study + "--method average --reference nobody",
                "--reference: found \"nobody\", expected");
  check_refused(folder, study + "--trials 0", "--trials: found 0");
  check_refused(folder, study + "--memory -1", "--memory");
  check_refused(folder, study + "--hold-out 1", "--hold-out: found 1");
  check_refused(folder, study + "--candidates ann.jsonl,nothing.jsonl", "cannot be specified");
  check_refused(folder, study + "--seed 1,2 --init-seed 3,4", "expected one kind of seed to vary");
  const std::string other = "ablate " + inputs + "--epochs 5 --quiet --out study ";
  check_refused(folder, other + "--method candist_ren,candist --reference x",
                "expected one of: candist_ren; candist");
  folder.file("same.jsonl", read_file(folder / "ann.jsonl"));
  const std::string rest = "--data train.jsonl --labels labels.txt --quiet --out study ";
  check_refused(folder, "ablate --candidates ann.jsonl,same.jsonl " + rest, "same.jsonl");
  check_refused(folder, "ablate " + inputs + "--quiet --out 'so\xff'", "expected UTF-8");
  CHECK_FALSE(fs::exists(folder / "study"));
  fs::create_directories(folder / "old");
  folder.file("old/results.jsonl", "{}\n");
  check_refused(folder, "ablate " + inputs + "--out old --method average",
                "old/results.jsonl: found results without the folder runs/");
  CHECK(read_file(folder / "old/results.jsonl") == "{}\n");

  REQUIRE(candist_program(folder, study + "--method average --seed 1,2").code == 0);
  folder.file("train.jsonl", read_file(folder / "train.jsonl") + "\n");
  const Outcome changed = candist_program(
      folder, "ablate " + inputs + "--epochs 2 --out study --method average --seed 1,2");
  CHECK(changed.code == 0);
  CHECK(changed.err.find("2 runs, 0 of them done before") != std::string::npos);
  CHECK(changed.err.find("2 runs in study/runs are of other settings") != std::string::npos);
  CHECK(line_count(read_file(folder / "study/results.jsonl")) == 2);
  CHECK(whole_runs(folder / "study") == 4);

  // A run's folder that is damaged: one line that names the file.
  const std::string page = read_file(folder / "study/summary.md");
  const json line =
      json::parse(read_file(folder / "study/results.jsonl")
                      .substr(0, read_file(folder / "study/results.jsonl").find('\n')));
  const std::string run = "study/runs/" + line["run"].get<std::string>();
  const std::string labels = read_file(folder / (run + "/labels.jsonl"));
  // A damaged run is named; the others go on.
  const auto stops_at = [&](const std::string& file) {
    const Outcome damaged = candist_program(folder, study + "--method average --seed 1,2");
    CHECK(damaged.code == 1);
    CHECK(damaged.err.find(" failed: " + run + file) != std::string::npos);
    CHECK(json::parse(read_file(folder / "study/summary.json"))["runs_done"] == 1);
  };
  folder.file(run + "/labels.jsonl", labels.substr(0, labels.size() / 2));
  stops_at("/labels.jsonl:");
  folder.file(run + "/labels.jsonl", labels);
  folder.file(run + "/metrics.json", "{");
  stops_at("/metrics.json:1: found broken JSON");
  fs::remove_all(folder / run);
  CHECK(candist_program(folder, study + "--method average --seed 1,2").code == 0);

  const Outcome failing =
      candist_program(folder, study +
                                  "--method average --student mlp --buckets-log2 10 --optimizer "
                                  "sgd --lr 1e6,0.1 --seed 1,2 --json");
  INFO(failing.err);
  CHECK(failing.code == 1);
  CHECK(failing.err.find("average lr=1000000.0, seed 1 failed: training stopped") !=
        std::string::npos);
  CHECK(failing.err.find("seed 2 failed") != std::string::npos);
  const json summary = json::parse(failing.out);
  REQUIRE(summary["compositions"].size() == 1);
  CHECK(summary["compositions"][0]["test_accuracy"].size() == 2);
  CHECK(summary["notes"].size() == 2);
}

TEST_CASE("ablate: several teachers, seeds of their own, settings chosen without gold",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.7 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out poor.jsonl")
              .code == 0);
  const std::string files = "--data train.jsonl --labels labels.txt --test test.jsonl ";
  const Outcome teachers = candist_program(
      folder, "ablate " + files +
                  "--candidates ann.jsonl,poor.jsonl --method average,supervised --seed 1,2 "
                  "--epochs 2 --quiet --json --out teachers");
  REQUIRE(teachers.code == 0);
  std::set<std::string> names;
  const json compared = json::parse(teachers.out);
  for (const json& line : compared["compositions"])
    names.insert(line["composition"].get<std::string>());
  CHECK(names == std::set<std::string>{"average, ann", "average, poor", "supervised"});

  const Outcome seeds = candist_program(
      folder, "ablate " + inputs +
                  "--student mlp --buckets-log2 10 --method average --seed 5 --init-seed 1,2 "
                  "--epochs 2 --quiet --json --out seeds");
  REQUIRE(seeds.code == 0);
  CHECK(json::parse(seeds.out)["compositions"][0]["seeds"] == json({"5/1", "5/2"}));
  // The linear student starts from nothing: another first seed changes nothing.
  const Outcome linear = candist_program(
      folder,
      "ablate " + inputs + "--method average --init-seed 1,2 --epochs 2 --json --out linear");
  CHECK(linear.err.find("--init-seed has no effect on average") != std::string::npos);
  CHECK(json::parse(linear.out)["runs_planned"] == 1);

  const Outcome chosen = candist_program(
      folder, "ablate " + inputs +
                  "--hold-out 0.25 --method average,candist --lr 0.001,0.1,0.5 --delta 0.4,0.6 "
                  "--trials 3 --seed 1,2 --epochs 3 --quiet --json --out chosen");
  REQUIRE(chosen.code == 0);
  const json summary = json::parse(chosen.out);
  CHECK(summary["runs_planned"] == 12);  // three settings of each method, two seeds
  REQUIRE(summary["selected"].size() == 2);
  for (const json& method : summary["selected"]) {
    CHECK(method["settings"] == 3);
    CHECK(method["covering rate"].is_string());
    CHECK(method["approximated accuracy"].is_string());
    CHECK(method["validation labels"].is_null());
    CHECK(method["oracle"].is_string());
  }
}

#endif
