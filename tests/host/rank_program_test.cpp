// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist rank through its real command line: studies of several data sets, what goes wrong.
#if defined(CANDIST_PROGRAM)

#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "support/program.hpp"

using namespace candist::testing;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A summary.json as ablate writes it, as far as it is read.
json summary(const std::map<std::string, double>& means, int done = 4, int planned = 4) {
  json study{{"runs_planned", planned}, {"runs_done", done}, {"compositions", json::array()}};
  for (const auto& [name, mean] : means) {
    study["compositions"].push_back({{"composition", name},
                                     {"test_accuracy", {mean}},
                                     {"test_mean", mean},
                                     {"train_mean", 1.0 - mean}});
  }
  return study;
}
void write_study(const TemporaryFolder& folder, const std::string& name, const json& study) {
  fs::create_directories(folder / name);
  folder.file(name + "/summary.json", study.dump());
}

}  // namespace

TEST_CASE("rank compares the compositions that all studies have", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  // Three data sets by three teachers; the second study lacks proden, the third has a method more.
  const std::string files = "--data train.jsonl --labels labels.txt --test test.jsonl ";
  const char* const teachers[] = {"--coverage 0.9 --mean-set-size 1.4",
                                  "--coverage 0.7 --mean-set-size 1.6",
                                  "--coverage 0.6 --mean-set-size 1.2"};
  const char* const methods[] = {"average,candist,rc,proden", "average,candist,rc",
                                 "average,candist,rc,proden,cc"};
  for (int i = 0; i < 3; ++i) {
    const std::string n = std::to_string(i);
    REQUIRE(candist_program(folder, "annotate --data train.jsonl --labels labels.txt --out ann" +
                                        n + ".jsonl " + teachers[i])
                .code == 0);
    REQUIRE(candist_program(folder, "ablate " + files + "--candidates ann" + n +
                                        ".jsonl --method " + methods[i] +
                                        " --seed 1,2 --epochs 2 --quiet --out set" + n)
                .code == 0);
  }
  const std::string before = read_file(folder / "set0/summary.json");
  const std::string call = "rank --study set0,set1/,./set2 --out ranks";
  const Outcome words = candist_program(folder, call);
  INFO(words.err);
  REQUIRE(words.code == 0);
  CHECK(line_count(words.err) == 2);
  CHECK(words.err.find("candist: proden is left out: not in set1\n") != std::string::npos);
  CHECK(words.err.find("candist: cc is left out: not in set0, set1\n") != std::string::npos);
  for (const char* part :
       {"mean rank", "set0 %", "set1 %", "set2 %", "groups", "rc",
        "chi-squared = ", "with 3 data sets the critical difference is 1.91 ranks", "is rough"}) {
    INFO(part << "\n" << words.out);
    CHECK(words.out.find(part) != std::string::npos);
  }
  const Outcome told = candist_program(folder, call + " --json --quiet");
  REQUIRE(told.code == 0);
  const json ranks = json::parse(told.out);
  CHECK(ranks["data_sets"] == json({"set0", "set1", "set2"}));
  CHECK(ranks["judged"] == "test texts");
  CHECK(ranks["degrees_of_freedom"] == 2);
  CHECK(ranks["notes"].size() == 2);
  std::set<std::string> names;
  double sum = 0.0;
  for (const json& line : ranks["compositions"]) {
    names.insert(line["composition"].get<std::string>());
    sum += line["mean_rank"].get<double>();
    for (int i = 0; i < 3; ++i) {
      const json study =
          json::parse(read_file(folder / ("set" + std::to_string(i)) / "summary.json"));
      for (const json& of : study["compositions"]) {
        if (of["composition"] == line["composition"])
          CHECK(line["accuracies"][static_cast<std::size_t>(i)] == of["test_mean"]);
      }
    }
  }
  CHECK(names == std::set<std::string>{"average", "candist", "rc"});
  CHECK(sum == Approx(6.0));
  CHECK(json::parse(read_file(folder / "ranks/ranks.json")) == ranks);
  for (const char* file : {"ranks/ranks.md", "ranks/ranks.html", "ranks/critical_difference.svg"}) {
    const std::string text = read_file(folder / file);
    for (const std::string& name : names) CHECK(text.find(name) != std::string::npos);
  }
  CHECK(read_file(folder / "set0/summary.json") == before);
  const Outcome train = candist_program(folder, call + " --json --judged train");
  REQUIRE(train.code == 0);
  CHECK(json::parse(train.out)["judged"] == "training texts");
}

TEST_CASE("rank warns of studies that are not finished, or that say the same", "[program]") {
  const TemporaryFolder folder;
  write_study(folder, "a", summary({{"x", 0.9}, {"y", 0.8}}));
  write_study(folder, "b", summary({{"x", 0.7}, {"y", 0.6}}, 3, 4));
  write_study(folder, "deep/a", summary({{"x", 0.9}, {"y", 0.8}}));
  const Outcome open = candist_program(folder, "rank --study a,b --out out");
  CHECK(open.code == 0);
  CHECK(open.err == "candist: b is not finished: 3 of 4 runs are done\n");
  CHECK(read_file(folder / "out/ranks.md").find("b is not finished") != std::string::npos);
  const Outcome copied = candist_program(folder, "rank --study a,deep/a --json --out out");
  CHECK(copied.code == 0);
  CHECK(copied.err == "candist: a and deep/a say the same: is one study counted twice?\n");
  CHECK(json::parse(copied.out)["data_sets"] == json({"a", "deep/a"}));
  // The result may lie in a study's folder: nothing that is read has such a name.
  CHECK(candist_program(folder, "rank --study a,b --out a").code == 0);
  CHECK(json::parse(read_file(folder / "a/summary.json")) == summary({{"x", 0.9}, {"y", 0.8}}));
}

TEST_CASE("rank: wrong calls and studies are refused in a line, and nothing is written",
          "[program]") {
  const TemporaryFolder folder;
  write_study(folder, "a", summary({{"x", 0.9}, {"y", 0.8}}));
  write_study(folder, "b", summary({{"x", 0.7}, {"y", 0.6}}));
  write_study(folder, "one", summary({{"x", 0.7}, {"z", 0.6}}));
  write_study(folder, "other", summary({{"p", 0.7}, {"q", 0.6}}));
  fs::create_directories(folder / "empty");
  fs::create_directory_symlink(folder / "a", folder / "link");
  folder.file("file", "");
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_refused(folder, "rank --out out " + arguments, words);
  };
  refused("", "give the study folders with --study");
  check_refused(folder, "rank --study a,b", "give the folder of the result with --out");
  refused("--study a", "found one study, \"a\", expected at least two");
  refused("--study a,,b", "expected values separated by single commas");
  refused("--study a,b --judged both", "--judged: found \"both\", expected test or train");
  refused("--study a,b --nothing", "unrecognised option");
  refused("--study a,b,a/", "--study: found \"a/\" again");
  refused("--study a,b,./link", "--study: found \"./link\" again");
  refused("--study a,nowhere", "nowhere: found no such folder");
  refused("--study a,file", "file: found a file, expected a study folder");
  refused("--study a,empty", "empty/summary.json: found no such file");
  refused("--study a,one", "found only \"x\"; a has x / y, one has x / z");
  refused("--study a,b,other", "found none; a has x / y, b has x / y, other has p / q");

  const auto broken = [&](const std::string& text, const std::string& words) {
    fs::create_directories(folder / "c");
    folder.file("c/summary.json", text);
    refused("--study a,b,c", "c/summary.json" + words);
  };
  broken("", ":1: found broken JSON");
  broken(summary({{"x", 0.7}}).dump().substr(0, 40), ":1: found broken JSON");
  broken("[]", ": found JSON of type array");
  broken("{}", ": found no list \"compositions\"");
  broken(R"({"compositions": {"x": 1}})", ": found no list \"compositions\"");
  broken(R"({"compositions": [3]})", ": found a composition without a name");
  broken(R"({"compositions": [{"composition": 3}]})", ": found a composition without a name");
  const auto changed = [&](const char* pointer, const json& value) {
    json study = summary({{"x", 0.7}, {"y", 0.6}});
    study[json::json_pointer(pointer)] = value;
    return study.dump();
  };
  broken(changed("/compositions/1/composition", "x"), ": found the composition \"x\" twice");
  broken(changed("/compositions/1/test_mean", "high"), ": found a \"test_mean\" of \"y\"");
  broken(changed("/compositions/1/test_mean", 61.0), ": found a \"test_mean\" of \"y\"");
  broken(changed("/compositions/1/test_mean", nullptr), ": found a \"test_mean\" of \"y\"");
  broken(changed("/runs_done", "all"), ": found no number of runs in \"runs_done\"");
  broken(changed("/runs_planned", -1), ": found no number of runs in \"runs_planned\"");
  broken(changed("/compositions", json::array()), ": found no accuracy on test texts");
  CHECK_FALSE(fs::exists(folder / "out"));

  // Through a link, the result would be written into what is read.
  fs::create_directories(folder / "out");
  fs::create_symlink(folder / "b/summary.json", folder / "out/ranks.json");
  refused("--study a,b", "would overwrite what --study reads");
  CHECK(json::parse(read_file(folder / "b/summary.json")) == summary({{"x", 0.7}, {"y", 0.6}}));
  check_refused(folder, "rank --study a,b --out file", "file");
}

#endif
