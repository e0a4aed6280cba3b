// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The program's real command line, for tests of it: a small corpus, calls, signals.
#pragma once

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

namespace candist::testing {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

/// The program that the calls below start.
inline std::string& program_under_test() {
  static std::string path = CANDIST_PROGRAM;
  return path;
}
/// Another one, as long as this lives.
class OtherProgram {
 public:
  explicit OtherProgram(const std::filesystem::path& program) {
    program_under_test() = program.string();
  }
  ~OtherProgram() { program_under_test() = CANDIST_PROGRAM; }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;
};

/// `before`: what the shell does first.
inline Outcome candist_program(const TemporaryFolder& folder, const std::string& arguments,
                               const std::string& before = "") {
  const std::string command = "cd '" + folder.path().string() + "' && " + before + " '" +
                              program_under_test() + "' " + arguments +
                              " >out.txt 2>err.txt </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          read_file(folder / "out.txt"), read_file(folder / "err.txt")};
}

/// Two hundred texts of three classes with gold labels, and a hundred to test on.
inline void write_corpus(const TemporaryFolder& folder) {
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
      lines += nlohmann::json{{"id", "t" + std::to_string(i)},
                              {"text", std::string(words[c][rng.below(3)]) + " " +
                                           words[c][rng.below(3)] + " x" +
                                           std::to_string(rng.below(30))},
                              {"label", names[c]}}
                   .dump() +
               "\n";
    }
    folder.file(file, lines);
  }
  folder.file("labels.txt", "fruit\nvehicle\ncolour\n");
}

inline const std::string inputs =
    "--data train.jsonl --candidates ann.jsonl --labels labels.txt --test test.jsonl ";

/// The corpus and annotations of it, good ones.
inline void write_inputs(const TemporaryFolder& folder) {
  write_corpus(folder);
  REQUIRE(candist_program(folder,
                          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl "
                          "--labels labels.txt --out ann.jsonl")
              .code == 0);
}

/// Starts the program with its output in out.txt and err.txt.
inline pid_t start(const TemporaryFolder& folder, const std::string& arguments) {
  const std::string command = "cd '" + folder.path().string() + "' && exec '" +
                              program_under_test() + "' " + arguments + " >out.txt 2>err.txt";
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  return child;
}
inline int status_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}
inline void wait_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 4000 && !holds(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  REQUIRE(holds());
}

inline std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// A training that is interrupted by Ctrl-C after a few epochs.
inline void interrupt_training(const TemporaryFolder& folder, const std::string& arguments,
                               const std::string& out) {
  const pid_t child = start(folder, "distill " + arguments + " --quiet --out " + out);
  wait_until([&] { return line_count(read_file(folder / out / "log.jsonl")) >= 3; });
  kill(child, SIGINT);
  const int status = status_of(child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 130);
}

/// Runs distill to its end, but kills it up to `rounds` times, each after a few epochs (1 to `most`, by
/// chance) and a moment, and resumes it. How often it was resumed.
inline int finish_in_spite_of_kills(const TemporaryFolder& folder, const std::string& options,
                                    const std::string& out, int rounds, std::uint32_t most) {
  CounterRng rng(std::random_device{}(), RandomPurpose::resampling, 0, 0);
  const auto checkpoint = folder / out / "checkpoint/checkpoint.bin";
  const auto epochs_done = [&] { return line_count(read_file(folder / out / "log.jsonl")); };
  int resumed = 0;
  for (int round = 0; round < rounds; ++round) {
    const bool resume = std::filesystem::exists(checkpoint);
    resumed += resume ? 1 : 0;
    const std::size_t enough = epochs_done() + 1 + rng.below(most);
    const pid_t child = start(folder, "distill --checkpoint-seconds 0 --out " + out + " " +
                                          (resume ? std::string("--resume --quiet") : options));
    int status = 0;
    bool ended = false;
    while (!(ended = waitpid(child, &status, WNOHANG) == child) && epochs_done() < enough)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (ended) return resumed;
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(20000)));
    kill(child, SIGKILL);
    status_of(child);
  }
  if (std::filesystem::exists(checkpoint)) {
    ++resumed;
    REQUIRE(candist_program(folder, "distill --resume --quiet --out " + out).code == 0);
  }
  return resumed;
}

/// The call is refused: 2, one line that holds the words.
inline void check_refused(const TemporaryFolder& folder, const std::string& arguments,
                          const std::string& words) {
  const Outcome run = candist_program(folder, arguments);
  INFO(arguments << "\n" << run.err);
  CHECK(run.code == 2);
  CHECK(line_count(run.err) == 1);
  CHECK(run.err.find(words) != std::string::npos);
}

}  // namespace candist::testing
