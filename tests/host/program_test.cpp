// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The program through its real command line.
#if defined(CANDIST_PROGRAM)

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "candist/counter_rng.hpp"
#include "candist/methods.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using candist::testing::read_file;
using candist::testing::TemporaryFolder;
using nlohmann::json;

namespace {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

Outcome candist_program(const TemporaryFolder& folder, const std::string& arguments) {
  const std::string command = "cd '" + folder.path().string() + "' && '" CANDIST_PROGRAM "' " +
                              arguments + " >out.txt 2>err.txt </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          read_file(folder / "out.txt"), read_file(folder / "err.txt")};
}

/// Two hundred texts of three classes with gold labels, and a hundred to test on.
void write_corpus(const TemporaryFolder& folder) {
  const char* const words[3][3] = {
      {"apple", "pear", "plum"}, {"car", "bus", "tram"}, {"red", "blue", "pink"}};
  const char* const names[3] = {"fruit", "vehicle", "colour"};
  for (const char* file : {"train.jsonl", "test.jsonl"}) {
    std::string lines;
    const int n = file[1] == 'r' ? 200 : 100;
    for (int i = 0; i < n; ++i) {
      candist::CounterRng rng(static_cast<std::uint64_t>(n), candist::RandomPurpose::resampling, 0,
                              static_cast<std::uint64_t>(i));
      const std::uint32_t c = rng.below(3);
      lines += json{{"id", "t" + std::to_string(i)},
                    {"text", std::string(words[c][rng.below(3)]) + " " + words[c][rng.below(3)] +
                                 " x" + std::to_string(rng.below(30))},
                    {"label", names[c]}}
                   .dump() +
               "\n";
    }
    folder.file(file, lines);
  }
  folder.file("labels.txt", "fruit\nvehicle\ncolour\n");
}

const std::string inputs =
    "--data train.jsonl --candidates ann.jsonl --labels labels.txt --test test.jsonl ";

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("annotate, score, distill, predict: from texts to labels", "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  const Outcome annotated =
      candist_program(folder,
                      "annotate --annotator simulated --coverage 0.9 --mean-set-size 1.5 --data "
                      "train.jsonl --labels labels.txt --out ann.jsonl --json");
  REQUIRE(annotated.code == 0);
  CHECK(json::parse(annotated.out)["coverage"] == Approx(0.9));
  CHECK(line_count(read_file(folder / "ann.jsonl")) == 200);

  const Outcome scored = candist_program(
      folder, "score --data train.jsonl --labels labels.txt --candidates ann.jsonl --json");
  REQUIRE(scored.code == 0);
  const json score = json::parse(scored.out);
  CHECK(score["mean_set_size"] == Approx(1.5));
  CHECK(score["classes"].size() == 3);

  const Outcome distilled =
      candist_program(folder, "distill " + inputs + "--epochs 8 --out run --json");
  REQUIRE(distilled.code == 0);
  const json metrics = json::parse(distilled.out);
  CHECK(metrics["test_accuracy"].get<double>() > 0.9);
  CHECK(metrics == json::parse(read_file(folder / "run/metrics.json")));
  for (const char* key :
       {"train_accuracy", "test_accuracy", "macro_f1", "ece", "coverage", "mean_set_size",
        "beta_coverage", "candidate_f1", "teacher_accuracy", "seconds", "samples_per_second",
        "tokens_per_second", "seed", "method", "loss", "refinery", "student", "candidate_set"}) {
    INFO(key);
    CHECK(metrics.contains(key));
  }
  CHECK(line_count(read_file(folder / "run/labels.jsonl")) == 200);
  CHECK(line_count(read_file(folder / "run/test_labels.jsonl")) == 100);
  CHECK(line_count(read_file(folder / "run/log.jsonl")) == 8);
  const json first = json::parse(read_file(folder / "run/labels.jsonl")
                                     .substr(0, read_file(folder / "run/labels.jsonl").find('\n')));
  for (const char* key : {"id", "label", "confidence", "candidates", "gold"})
    CHECK(first.contains(key));

  // The saved student gives the labels that the run gave.
  const Outcome predicted =
      candist_program(folder, "predict --model run --data test.jsonl --out p.jsonl");
  REQUIRE(predicted.code == 0);
  CHECK(read_file(folder / "p.jsonl") == read_file(folder / "run/test_labels.jsonl"));

  // config.json is enough to run it again, to the same bits.
  REQUIRE(candist_program(folder, "distill --config run/config.json --out again").code == 0);
  CHECK(read_file(folder / "again/labels.jsonl") == read_file(folder / "run/labels.jsonl"));
  CHECK(read_file(folder / "again/model/student.bin") ==
        read_file(folder / "run/model/student.bin"));
  // Threads and the kind of candidate set change nothing.
  REQUIRE(candist_program(folder, "distill " + inputs +
                                      "--epochs 8 --threads 3 --candidate-set mask --out other")
              .code == 0);
  CHECK(read_file(folder / "other/labels.jsonl") == read_file(folder / "run/labels.jsonl"));
}

TEST_CASE("every method and student of the list can be named on the command line", "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out ann.jsonl")
              .code == 0);
  const json list = json::parse(candist_program(folder, "list --json").out);
  CHECK(list["methods"].size() == candist::AllMethods::size);
  CHECK(list["losses"].size() == candist::AllLosses::size);
  for (const json& method : list["methods"]) {
    const std::string name = method["name"];
    const Outcome run = candist_program(
        folder, "distill " + inputs + "--epochs 2 --quiet --method " + name + " --out run");
    INFO(name << ": " << run.err);
    CHECK(run.code == 0);
  }
  for (const json& student : list["students"]) {
    CHECK(candist_program(folder, "distill " + inputs + "--epochs 2 --student " +
                                      student.get<std::string>() + " --out run")
              .code == 0);
  }
  CHECK(candist_program(folder,
                        "distill " + inputs +
                            "--epochs 2 --loss gce --refinery renormalised_prediction --out run")
            .code == 0);
}

TEST_CASE("ablate fills a grid, resumes, and drops a last line that was cut off", "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out ann.jsonl")
              .code == 0);
  const std::string study =
      "ablate " + inputs +
      "--method average,candist --seed 1,2,3 --delta 0.4,0.6 --epochs 2 --json --out study";
  const Outcome first = candist_program(folder, study);
  REQUIRE(first.code == 0);
  CHECK(json::parse(first.out).size() == 4);
  const std::string results = read_file(folder / "study/results.jsonl");
  CHECK(line_count(results) == 12);
  for (const char* file : {"summary.md", "summary.json"})
    CHECK(std::filesystem::exists(folder / "study" / file));

  folder.file("study/results.jsonl",
              results.substr(0, results.size() - 40));  // as a power cut would leave it
  const Outcome second = candist_program(folder, study);
  REQUIRE(second.code == 0);
  CHECK(second.err.find("12 runs, 11 of them done before") != std::string::npos);
  const auto accuracies = [](const std::string& text) {
    json all = json::parse(text);
    return all;
  };
  CHECK(accuracies(first.out) == accuracies(second.out));
}

TEST_CASE("wrong calls and wrong inputs end with 2 and one line", "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out ann.jsonl")
              .code == 0);
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    const Outcome run = candist_program(folder, arguments);
    INFO(arguments << "\n" << run.err);
    CHECK(run.code == 2);
    CHECK(line_count(run.err) == 1);
    CHECK(run.err.find(words) != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "bad"));
  };
  refused("frobnicate", "no subcommand frobnicate");
  refused("distill --data train.jsonl", "--out");
  refused("distill " + inputs + "--out bad --method nothing",
          "--method nothing does not exist; there are:");
  refused("distill " + inputs + "--out bad --student huge", "linear, mlp");
  refused("distill " + inputs + "--out bad --loss gce", "--refinery");
  refused("distill " + inputs + "--out bad --delta 1.5", "--delta: found 1.5");
  refused("distill " + inputs + "--out bad --epochs zero", "epochs");
  refused("distill " + inputs + "--out bad --epoch 3", "epoch");
  refused("distill " + inputs + "--out bad extra", "positional");
  refused("distill --data none.jsonl --candidates ann.jsonl --out bad", "none.jsonl");
  refused("distill --data train.jsonl --out bad", "--candidates");
  refused("distill " + inputs + "--out train.jsonl/below", "cannot make this folder");
  refused("distill --resume --out bad", "config.json");
  refused("distill --config run.json --delta 0.5 --out bad",
          "--delta cannot be given together with --config");
  refused("score --data train.jsonl", "--candidates");
  refused("predict --model none --data train.jsonl", "student.json");
  refused("ablate " + inputs + "--method average,,candist --out bad", "separated by single commas");
  refused("ablate " + inputs + "--delta 0.4,x --out bad", "expected a number");
  refused("annotate --data train.jsonl --coverage 2 --out bad", "coverage");
  refused("annotate --annotator psychic --data train.jsonl --out bad", "recorded, simulated");
  folder.file("broken.json", "{\"method\": \"candist\",\n \"unknown_thing\": 1}");
  refused("distill --config broken.json --out bad", "unknown_thing");
  folder.file("broken.json", "{\"method\": \"candist\",\n oops");
  refused("distill --config broken.json --out bad", "broken.json:2");
}

TEST_CASE("help and version", "[program]") {
  const TemporaryFolder folder;
  CHECK(candist_program(folder, "--help").code == 0);
  CHECK(candist_program(folder, "").code == 2);
  const Outcome version = candist_program(folder, "--version");
  CHECK(version.code == 0);
  for (const char* word : {CANDIST_VERSION, "commit", "compiler", "CUDA", "BLAS"})
    CHECK(version.out.find(word) != std::string::npos);
  for (const char* command :
       {"demo", "annotate", "score", "distill", "predict", "ablate", "list"}) {
    const Outcome help = candist_program(folder, std::string(command) + " --help");
    INFO(command);
    CHECK(help.code == 0);
    CHECK(help.out.find("options") != std::string::npos);
  }
}

TEST_CASE("Ctrl-C saves the state, exits with 130, and --resume goes on to the same result",
          "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out ann.jsonl")
              .code == 0);
  const std::string options = inputs + "--epochs 1500 --quiet ";
  const std::string command = "cd '" + folder.path().string() +
                              "' && exec '" CANDIST_PROGRAM "' distill " + options +
                              "--out part >out.txt 2>err.txt";
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  // Wait until it trains, then interrupt it.
  for (int i = 0; i < 2000 && line_count(read_file(folder / "part/log.jsonl")) < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 130);
  CHECK(read_file(folder / "err.txt").find("--resume") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "part/labels.jsonl"));

  REQUIRE(candist_program(folder, "distill --resume --quiet --out part").code == 0);
  REQUIRE(candist_program(folder, "distill " + options + "--out whole").code == 0);
  CHECK(read_file(folder / "part/labels.jsonl") == read_file(folder / "whole/labels.jsonl"));
  CHECK(read_file(folder / "part/model/student.bin") ==
        read_file(folder / "whole/model/student.bin"));
  CHECK(line_count(read_file(folder / "part/log.jsonl")) == 1500);
}

TEST_CASE("a full disk is one clear line and leaves nothing half-written", "[program]") {
  const TemporaryFolder folder;
  write_corpus(folder);
  const Outcome run = candist_program(folder, "list --json >/dev/full; echo $? >code.txt; true");
  CHECK(read_file(folder / "code.txt") == "1\n");
  const std::string limited = "cd '" + folder.path().string() +
                              "' && (ulimit -f 8; trap '' XFSZ; '" CANDIST_PROGRAM
                              "' annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                              "--labels labels.txt --out ann.jsonl 2>err.txt)";
  const int status = std::system(limited.c_str());
  CHECK(WEXITSTATUS(status) == 1);
  CHECK(read_file(folder / "err.txt").find("cannot write ann.jsonl") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "ann.jsonl"));
}

#endif
