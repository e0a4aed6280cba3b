// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The program through its real command line.
#if defined(CANDIST_PROGRAM)

#include "support/program.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>

#include "candist/counter_rng.hpp"
#include "candist/methods.hpp"

using namespace candist::testing;
using nlohmann::json;

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
  write_inputs(folder);
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
  const std::pair<const char*, const char*> lists[] = {{"students", "--student "},
                                                       {"candidate_sets", "--candidate-set "},
                                                       {"optimizers", "--optimizer "}};
  for (const auto& [kind, option] : lists) {
    CHECK(list[kind].size() >= 2);
    for (const json& name : list[kind]) {
      if (name == "cuda-transformer") continue;  // needs a GPU: transformer_program_test.cpp
      INFO(option << name);
      CHECK(candist_program(folder, "distill " + inputs + "--epochs 2 --buckets-log2 10 " + option +
                                        name.get<std::string>() + " --out run")
                .code == 0);
      CHECK(candist_program(folder, "predict --quiet --model run --data test.jsonl").code == 0);
    }
  }
  for (const json& annotator : list["annotators"]) {
    if (annotator == "openai") continue;  // needs a server: teacher_program_test.cpp
    CHECK(candist_program(folder,
                          "annotate --data train.jsonl --labels labels.txt --candidates ann.jsonl "
                          "--coverage 0.9 --mean-set-size 1.5 --out again.jsonl --annotator " +
                              annotator.get<std::string>())
              .code == 0);
  }
  CHECK(candist_program(folder,
                        "distill " + inputs +
                            "--epochs 2 --loss gce --refinery renormalised_prediction --out run")
            .code == 0);
}

TEST_CASE("wrong calls and wrong inputs end with 2 and one line", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const auto refused = [&](const std::string& arguments, const std::string& words) {
    check_refused(folder, arguments, words);
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
  for (const char* broken :
       {"\"epochs\": 1.7", "\"epochs\": true", "\"epochs\": 4294967297", "\"epochs\": \"3\"",
        "\"epochs\": \"\"", "\"seed\": -1", "\"seed\": null", "\"student\": \"\"",
        "\"lr\": \"0.1\"", "\"lr\": 1e300", "\"method\": 3", "\"threads\": 1.5"}) {
    folder.file("broken.json", std::string("{") + broken + "}");
    refused("distill --config broken.json --out bad", "broken.json: found \"");
  }
  for (const char* broken : {"[]", "null", "3", ""}) {
    folder.file("broken.json", broken);
    refused("distill --config broken.json --out bad", "broken.json");
  }
  refused("distill --config . --out bad", "found a folder");
  for (const char* number :
       {"--seed -1", "--seed=-1", "--seed 1.5", "--epochs 1.7", "--epochs ''",
        "--epochs=", "--lr nan", "--lr inf", "--lr -0.1", "--lr 1e999", "--epochs 4294967297",
        "--threads -1", "--delta 0,5", "--method ''", "--word-ngrams 0 --char-min 0",
        "--char-min 5 --char-max 4", "--checkpoint-seconds -1", "--checkpoint-seconds nan"})
    refused("distill " + inputs + "--out bad " + number,
            std::string(number).substr(2, std::string(number).find_first_of(" =") - 2));
  refused("annotate --data train.jsonl --labels labels.txt --out bad --seed=-1", "--seed");
  refused("ablate " + inputs + "--out bad --seed=-1", "--seed");
  refused("demo --out bad --seed=-1", "--seed");
  refused("predict --model none --data train.jsonl --out bad --seed=-1", "--seed");
  refused("distill " + inputs + "--out bad --method cc --loss gce --refinery keep_prior",
          "--method cc already names");
  refused("ablate " + inputs + "--out bad --method cc --loss gce --refinery keep_prior",
          "--method cc already names");
  refused("distill " + inputs + "--out bad --loss lws --refinery keep_prior",
          "--loss lws with --refinery keep_prior: ");
  refused("distill " + inputs + "--out bad --method lws --mixup 1", "leveraged_weights");
  // What a message quotes stays on its line, and short.
  const Outcome quoted = candist_program(
      folder, "distill " + inputs + "--out bad --student \"$(printf 'a\\nb\\033[31m%0200d' 1)\"");
  CHECK(quoted.code == 2);
  CHECK(line_count(quoted.err) == 1);
  CHECK(quoted.err.find("a\\nb\\u001B[31m000") != std::string::npos);
  CHECK(quoted.err.size() < 200);
}

TEST_CASE("help and version", "[program]") {
  const TemporaryFolder folder;
  CHECK(candist_program(folder, "--help").code == 0);
  CHECK(candist_program(folder, "").code == 2);
  const Outcome version = candist_program(folder, "--version");
  CHECK(version.code == 0);
  for (const char* word : {CANDIST_VERSION, "commit", "compiler", "CUDA", "BLAS"})
    CHECK(version.out.find(word) != std::string::npos);
#if defined(__clang__)
  CHECK(version.out.find("compiler  Clang ") != std::string::npos);
#elif defined(__GNUC__)
  CHECK(version.out.find("compiler  GNU " + std::to_string(__GNUC__) + ".") != std::string::npos);
#endif
  const Outcome common = candist_program(folder, "--help");
  for (const char* option : {"--data", "--test", "--labels", "--candidates", "--augmented", "--out",
                             "--seed", "--threads", "--quiet", "--json"})
    CHECK(common.out.find(option) != std::string::npos);
  CHECK(candist_program(folder, "distill --help").out.find("linear 0.5, mlp 0.1") !=
        std::string::npos);
  for (const char* command :
       {"demo", "annotate", "score", "distill", "predict", "audit", "ablate", "rank", "list"}) {
    const Outcome help = candist_program(folder, std::string(command) + " --help");
    INFO(command);
    CHECK(help.code == 0);
    CHECK(help.out.find("options") != std::string::npos);
  }
}

TEST_CASE("Ctrl-C saves the state, exits with 130, and --resume goes on to the same result",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string options = inputs + "--epochs 1500 --buckets-log2 12 ";
  interrupt_training(folder, options, "part");
  CHECK(read_file(folder / "err.txt").find("--resume") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "part/labels.jsonl"));

  REQUIRE(candist_program(folder, "distill --resume --quiet --out part").code == 0);
  REQUIRE(candist_program(folder, "distill " + options + "--quiet --out whole").code == 0);
  CHECK(read_file(folder / "part/labels.jsonl") == read_file(folder / "whole/labels.jsonl"));
  CHECK(read_file(folder / "part/model/student.bin") ==
        read_file(folder / "whole/model/student.bin"));
  CHECK(line_count(read_file(folder / "part/log.jsonl")) == 1500);
}

TEST_CASE("kill -9 at random moments, then --resume: the bytes of an uninterrupted run",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string options =
      inputs + "--valid test.jsonl --keep best --epochs 400 --buckets-log2 10 --quiet ";
  REQUIRE(candist_program(folder, "distill " + options + "--out whole").code == 0);
  const int resumed = finish_in_spite_of_kills(folder, options, "part", 8, 20);
  CHECK(resumed > 0);
  for (const char* file : {"labels.jsonl", "test_labels.jsonl", "model/student.bin"}) {
    INFO(file);
    CHECK(read_file(folder / "part" / file) == read_file(folder / "whole" / file));
  }
  CHECK(line_count(read_file(folder / "part/log.jsonl")) == 400);
  // Times go on, too: no epoch is counted twice, none is lost.
  double seconds = 0.0;
  std::istringstream log(read_file(folder / "part/log.jsonl"));
  for (std::string line; std::getline(log, line);)
    seconds += json::parse(line)["seconds"].get<double>();
  json part = json::parse(read_file(folder / "part/metrics.json"));
  CHECK(part["seconds"] == Approx(seconds));
  json whole = json::parse(read_file(folder / "whole/metrics.json"));
  for (json* metrics : {&part, &whole}) {
    for (const char* time : {"seconds", "samples_per_second", "tokens_per_second"}) {
      CHECK((*metrics)[time].get<double>() > 0.0);
      metrics->erase(time);
    }
  }
  CHECK(part == whole);
  CHECK_FALSE(std::filesystem::exists(folder / "part/checkpoint"));
}

TEST_CASE("--resume refuses a checkpoint of other settings or inputs, and a damaged one",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string options = inputs + "--epochs 1500 --buckets-log2 10";
  interrupt_training(folder, options, "run");
  interrupt_training(folder, options + " --delta 0.4", "other");
  const std::string file = "run/checkpoint/checkpoint.bin";
  const std::string config = read_file(folder / "run/config.json");
  const std::string whole = read_file(folder / file);
  const auto refused = [&](const std::string& words) {
    check_refused(folder, "distill --resume --quiet --out run", words);
    CHECK_FALSE(std::filesystem::exists(folder / "run/metrics.json"));
  };
  std::string bytes = whole;
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  folder.file(file, bytes);
  refused("a damaged checkpoint");
  folder.file(file, whole.substr(0, whole.size() - 1));
  refused("a damaged checkpoint");
  folder.file(file, whole + "x");
  refused("a damaged checkpoint");
  folder.file(file, "");
  refused("another kind of file");
  folder.file(file, read_file(folder / "other/checkpoint/checkpoint.bin"));
  refused("another run: --delta was 0.4, now is 0.5");
  folder.file(file, whole);

  json changed = json::parse(config);
  changed["seed"] = 7;
  folder.file("run/config.json", changed.dump());
  refused("another run: --seed was 1, now is 7");
  folder.file("run/config.json", config);
  const std::string train = read_file(folder / "train.jsonl");
  std::string edited = train;
  edited[edited.find("apple")] = 'A';
  folder.file("train.jsonl", edited);
  refused("(--data) has changed since");
  folder.file("train.jsonl", train);

  // Nothing of that has cost the checkpoint; a run that starts anew removes it.
  CHECK(read_file(folder / file) == whole);
  CHECK(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  check_refused(folder, "distill --resume --quiet --out run", "no checkpoint");
}

TEST_CASE("a new run in an old folder leaves nothing stale, and nothing foreign is touched",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  folder.file("run/model/mine.txt", "mine");
  folder.file("run/labels.jsonl.part-999999999", "of a killed process");
  REQUIRE(candist_program(folder,
                          "distill --data train.jsonl --candidates ann.jsonl --epochs 2 --quiet "
                          "--out run")
              .code == 0);
  CHECK_FALSE(std::filesystem::exists(folder / "run/test_labels.jsonl"));
  CHECK_FALSE(std::filesystem::exists(folder / "run/labels.jsonl.part-999999999"));
  CHECK(read_file(folder / "run/model/mine.txt") == "mine");

  // Results are gone as soon as the new run begins.
  interrupt_training(folder, inputs + "--epochs 1500 --buckets-log2 10", "run");
  for (const char* file : {"labels.jsonl", "metrics.json", "model/student.bin"})
    CHECK_FALSE(std::filesystem::exists(folder / "run" / file));
}

TEST_CASE("what is read is never written to", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  std::filesystem::create_symlink("train.jsonl", folder / "link.jsonl");
  std::filesystem::create_directories(folder / "study");
  std::filesystem::copy_file(folder / "train.jsonl", folder / "study/summary.md");
  std::filesystem::copy_file(folder / "train.jsonl", folder / "run/labels.jsonl",
                             std::filesystem::copy_options::overwrite_existing);
  const std::string train = read_file(folder / "train.jsonl");
  const auto refused = [&](const std::string& arguments) {
    check_refused(folder, arguments, "would overwrite what --");
    for (const char* file : {"train.jsonl", "run/labels.jsonl", "study/summary.md"})
      CHECK(read_file(folder / file) == train);
  };
  const std::string annotate = "annotate --data train.jsonl --labels labels.txt --out ";
  for (const char* out : {"train.jsonl", "./run/../train.jsonl", "link.jsonl", "labels.txt"})
    refused(annotate + out);
  refused("distill --data run/labels.jsonl --candidates ann.jsonl --out run");
  refused("distill --config run/config.json --out run");
  refused("ablate --data study/summary.md --candidates ann.jsonl --out study");
  refused("predict --model run --data train.jsonl --out train.jsonl");
  refused("predict --model run --data train.jsonl --out run/model/labels.json");
  refused("score --data train.jsonl --candidates ann.jsonl --out ann.jsonl");
  check_refused(folder, annotate + "run", "found a folder");
  check_refused(folder, "predict --model run --data test.jsonl --out run", "found a folder");
}

TEST_CASE("files behind links, pipes and devices are written to where they are", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string annotate =
      "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl --labels labels.txt --out ";
  std::filesystem::create_directories(folder / "there");
  std::filesystem::create_symlink("there/real.jsonl", folder / "link.jsonl");
  for (int time = 0; time < 2; ++time) {  // a link into nothing, then a link to a file
    REQUIRE(candist_program(folder, annotate + "link.jsonl").code == 0);
    CHECK(std::filesystem::is_symlink(folder / "link.jsonl"));
    CHECK(read_file(folder / "there/real.jsonl") == read_file(folder / "ann.jsonl"));
  }
  const Outcome redirected = candist_program(folder, annotate + "/dev/stdout");
  CHECK(redirected.code == 0);
  CHECK(redirected.out == read_file(folder / "ann.jsonl"));
  candist_program(folder, annotate + "/dev/stdout | cat >piped.jsonl; true");
  CHECK(read_file(folder / "piped.jsonl") == read_file(folder / "ann.jsonl"));
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const pid_t child = start(folder, annotate + "pipe");
  CHECK(read_file(folder / "pipe") == read_file(folder / "ann.jsonl"));
  const int status = status_of(child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  CHECK(std::filesystem::is_fifo(folder / "pipe"));
}

TEST_CASE("a training that comes to nothing is a failure", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  check_refused(folder, "distill " + inputs + "--lr 0.5 --weight-decay 2 --out bad",
                "--lr times --weight-decay");
  std::string none;
  for (int i = 0; i < 200; ++i)
    none += json{{"id", "t" + std::to_string(i)}, {"candidates", json::array()}}.dump() + "\n";
  folder.file("none.jsonl", none);
  const std::string empty = "--data train.jsonl --labels labels.txt --candidates none.jsonl --out ";
  check_refused(folder, "distill " + empty + "bad", "no text with a candidate label");
  check_refused(folder, "ablate " + empty + "bad", "no text with a candidate label");
  CHECK_FALSE(std::filesystem::exists(folder / "bad"));

  // The text is named by its id, its candidates by their names.
  const Outcome run =
      candist_program(folder, "distill " + inputs +
                                  "--quiet --method average --student mlp --buckets-log2 10 "
                                  "--optimizer sgd --lr 1e6 --out run");
  INFO(run.err);
  CHECK(run.code == 1);
  CHECK(line_count(run.err) == 1);
  CHECK(run.err.find("training stopped in step ") != std::string::npos);
  CHECK(run.err.find("the loss of text \"t") != std::string::npos);
  CHECK(run.err.find("the last checkpoint") == std::string::npos);  // there was none yet
  CHECK(run.err.find("train.jsonl) is ") != std::string::npos);
  CHECK((run.err.find("with candidates fruit") != std::string::npos ||
         run.err.find("with candidates vehicle") != std::string::npos ||
         run.err.find("with candidates colour") != std::string::npos));
  CHECK_FALSE(std::filesystem::exists(folder / "run/labels.jsonl"));

  const Outcome later = candist_program(
      folder, "distill " + inputs +
                  "--quiet --method average --student mlp --buckets-log2 10 --optimizer sgd "
                  "--lr 1000 --lr-warmup 0.9 --checkpoint-seconds 0 --out later");
  INFO(later.err);
  CHECK(later.code == 1);
  CHECK(later.err.find("; the last checkpoint is later/checkpoint/checkpoint.bin\n") !=
        std::string::npos);
  CHECK(std::filesystem::exists(folder / "later/checkpoint/checkpoint.bin"));

  // The very last step: no batch meets what it did.
  const Outcome last = candist_program(
      folder, "distill " + inputs +
                  "--quiet --student mlp --buckets-log2 10 --optimizer sgd --lr 1e5 --mixup 0 "
                  "--consistency 1e6 --word-dropout 0.5 --ramp-epochs 0 --batch 100 --epochs 1 "
                  "--warmup-epochs 0 --out run");
  INFO(last.err);
  CHECK(last.code == 1);
  CHECK(last.err.find("is not finite; a smaller --lr") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(folder / "run/labels.jsonl"));
}

TEST_CASE("demo: a result and a verdict, quiet where asked", "[program]") {
  const TemporaryFolder folder;
  check_refused(folder, "demo --seeds 0", "--seeds");
  check_refused(folder, "demo --epochs 0", "--epochs");
  check_refused(folder, "demo --threads -1", "--threads");
  CHECK_FALSE(std::filesystem::exists(folder / "candist-demo"));
  if (!std::filesystem::exists("/usr/share/wordnet/data.noun")) {
    check_refused(folder, "demo", "wordnet-base");
    return;
  }
  const Outcome run = candist_program(folder, "demo --seeds 2 --seed 5 --epochs 1 --quiet");
  REQUIRE(run.code == 0);
  CHECK(run.err.empty());
  CHECK(run.out.find("supervised") != std::string::npos);
  CHECK(run.out.find("than the teacher's first label (") != std::string::npos);
  CHECK(run.out.find("p over seeds") != std::string::npos);
  const json result = json::parse(read_file(folder / "candist-demo/results.json"));
  CHECK(result["lines"].size() == 11);
  const Outcome one = candist_program(folder, "demo --seeds 1 --epochs 1 --json");
  REQUIRE(one.code == 0);
  CHECK(json::parse(one.out)["verdict"].get<std::string>().find("No verdict") == 0);

  const pid_t child = start(folder, "demo --out long --epochs 2000");
  wait_until([&] {
    return read_file(folder / "err.txt").find("run 0/") != std::string::npos ||
           read_file(folder / "err.txt").find("texts/s") != std::string::npos ||
           read_file(folder / "err.txt").find(" runs") != std::string::npos;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  kill(child, SIGINT);
  const int status = status_of(child);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 130));
  CHECK_FALSE(std::filesystem::exists(folder / "long/results.json"));
}

TEST_CASE("a second Ctrl-C does not wait; outside of training the first ends at once",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  // A second Ctrl-C does not wait for the state to be saved: that of this student is large.
  const pid_t hasty = start(folder, "distill " + inputs +
                                        "--student mlp --buckets-log2 20 --epochs 100000 --quiet "
                                        "--out hasty");
  wait_until([&] { return line_count(read_file(folder / "hasty/log.jsonl")) >= 1; });
  kill(hasty, SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  kill(hasty, SIGTERM);
  const int killed = status_of(hasty);
  CHECK((WIFSIGNALED(killed) && WTERMSIG(killed) == SIGTERM));

  REQUIRE(mkfifo((folder / "pipe.jsonl").c_str(), 0600) == 0);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  for (const char* waits : {"predict --model run --data pipe.jsonl",
                            "distill --data pipe.jsonl --candidates ann.jsonl --out bad"}) {
    const pid_t reader = start(folder, waits);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(reader, SIGINT);
    const int ended = status_of(reader);
    CHECK((WIFSIGNALED(ended) && WTERMSIG(ended) == SIGINT));
  }
}

TEST_CASE("nothing is passed over in silence", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  std::string some = read_file(folder / "ann.jsonl");
  std::string edited;
  for (int i = 0; i < 200; ++i) {
    const std::size_t end = some.find('\n');
    edited += i % 25 == 3
                  ? json{{"id", "t" + std::to_string(i)}, {"candidates", json::array()}}.dump()
                  : some.substr(0, end);
    edited += '\n';
    some.erase(0, end + 1);
  }
  folder.file("some.jsonl", edited);
  folder.file("views.jsonl", "{\"id\": \"t1\", \"augmented\": \"a red plum\"}\n");
  folder.file("none.jsonl", "");
  const std::string options = "--data train.jsonl --candidates some.jsonl --quiet --epochs 5 ";
  const auto said = [&](const std::string& arguments, const std::string& words) {
    const Outcome run = candist_program(folder, arguments);
    INFO(arguments << "\n" << run.err);
    CHECK(run.code == 0);
    CHECK(run.err.find(words) != std::string::npos);
    return line_count(run.err);
  };
  const std::string empty =
      "8 of 200 texts (t3, t28, t53, t78, t103, ...) have no candidates: labelled, but not trained";
  CHECK(said("distill --out run " + options, empty) == 1);
  CHECK(said("ablate --out study --seed 1,2 " + options, empty) == 1);
  said("distill --out run --augmented views.jsonl " + options,
       "199 of 200 texts (t0, t2, t3, t4, t5, ...) have no second view");
  said("distill --out run --consistency 1 " + options, "--consistency has no effect without");
  said("distill --out run --method average --delta 0.4 " + options,
       "--delta has no effect on average");
  for (const char* method : {"candist --warmup-epochs 5", "freeal --warmup-epochs 7", "pop"})
    said("distill --out run " + options + "--method " + method, "its refinery never selects");
  check_refused(folder, "distill --out bad --augmented none.jsonl " + options,
                "no second view of any text");
}

TEST_CASE("config.json holds every effective value, and labels.jsonl always candidates",
          "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 5 --quiet --out run").code == 0);
  const json config = json::parse(read_file(folder / "run/config.json"));
  for (const char* key :
       {"batch",       "lr",          "weight_decay",  "buckets_log2",   "word_ngrams",
        "char_min",    "char_max",    "warmup_epochs", "delta",          "gamma",
        "tau",         "refresh",     "predictions",   "selection_loss", "rounding",
        "denominator", "consistency", "mixup",         "ramp_epochs",    "mixup_beta",
        "mixing",      "divergence",  "outside_rows",  "optimizer",      "method"}) {
    INFO(key);
    CHECK_FALSE(config[key].is_null());
  }
  REQUIRE(
      candist_program(folder, "distill --data train.jsonl --method supervised --quiet --out gold")
          .code == 0);
  CHECK(json::parse(read_file(folder / "gold/config.json"))["delta"].is_null());
  const std::string labels = read_file(folder / "gold/labels.jsonl");
  CHECK(json::parse(labels.substr(0, labels.find('\n')))["candidates"] == json::array());
}

TEST_CASE("the common options are taken by every command that they make sense for", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  const std::string common = " --seed 3 --threads 2 --quiet --json ";
  const auto result = [&](const std::string& arguments) {
    const Outcome run = candist_program(folder, arguments);
    INFO(arguments << "\n" << run.err);
    CHECK(run.code == 0);
    CHECK(run.err.empty());
    return json::parse(run.out);
  };
  const std::string data = "--data train.jsonl --test test.jsonl --labels labels.txt ";
  const json annotated =
      result("annotate " + data + common + "--coverage 0.95 --mean-set-size 1.3 --out new.jsonl");
  CHECK(annotated["texts"] == 200);
  const json scored = result("score " + data + common + "--candidates ann.jsonl --out score.json");
  CHECK(scored == json::parse(read_file(folder / "score.json")));
  const json predicted =
      result("predict --model run --data test.jsonl --labels labels.txt" + common);
  CHECK(predicted["texts"] == 100);
  CHECK(predicted["accuracy"].is_number());
  REQUIRE(predicted["labels"].size() == 100);
  for (const char* key : {"id", "label", "confidence"}) CHECK(predicted["labels"][0].contains(key));
  CHECK_FALSE(
      result("predict --model run --data test.jsonl --out p.jsonl" + common).contains("labels"));
  CHECK(result("list --json --quiet").contains("methods"));
  CHECK(result("ablate " + inputs +
               "--epochs 5 --seed 1,2 --threads 2 --quiet --json --out study")["compositions"]
            .size() == 1);
}

TEST_CASE("--valid judges every epoch, and --keep best keeps the best", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  // Half of the labels are wrong, so that no epoch is perfect and they differ.
  std::string noisy = read_file(folder / "test.jsonl");
  for (std::size_t at = 0; (at = noisy.find("\"fruit\"", at)) != std::string::npos; at += 16)
    noisy.replace(at, 7, "\"colour\"");
  folder.file("valid.jsonl", noisy);
  const std::string options = inputs + "--valid valid.jsonl --epochs 12 --lr 0.02 --quiet ";
  REQUIRE(candist_program(folder, "distill " + options + "--keep best --out best").code == 0);
  REQUIRE(candist_program(folder, "distill " + options + "--out last").code == 0);
  const json metrics = json::parse(read_file(folder / "best/metrics.json"));
  double best = -1.0;
  double last = -1.0;
  int best_epoch = 0;
  std::istringstream log(read_file(folder / "best/log.jsonl"));
  for (std::string line; std::getline(log, line);) {
    const json epoch = json::parse(line);
    last = epoch["valid_accuracy"].get<double>();
    if (last > best) best = last, best_epoch = epoch["epoch"].get<int>();
  }
  CHECK(metrics["valid_accuracy"] == last);
  CHECK(metrics["best_valid_accuracy"] == best);
  CHECK(metrics["best_epoch"] == best_epoch);
  CHECK(metrics["test_accuracy_at_best"] == metrics["test_accuracy"]);
  CHECK(metrics["train_accuracy_at_best"] == metrics["train_accuracy"]);
  const auto predicted = [&](const std::string& model) {
    return json::parse(
        candist_program(folder, "predict --json --data valid.jsonl --model " + model).out);
  };
  CHECK(predicted("best")["accuracy"] == best);
  CHECK(predicted("last")["accuracy"] == last);
  CHECK(predicted("last")["labels"].size() == 100);
  const json plain = json::parse(read_file(folder / "last/metrics.json"));
  CHECK(plain["best_epoch"] == best_epoch);
  CHECK(plain["test_accuracy_at_best"] == metrics["test_accuracy"]);

  check_refused(folder, "distill " + inputs + "--keep best --out bad", "--valid FILE");
  folder.file("unlabelled.txt", "apple pear\n");
  check_refused(folder, "distill " + inputs + "--valid unlabelled.txt --out bad", "no gold label");
}

TEST_CASE("predict refuses a model that does not fit together", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  const std::string predict = "predict --model run --data test.jsonl";
  const auto refused_with = [&](const char* file, const std::string& content,
                                const std::string& words) {
    const std::string before = read_file(folder / file);
    folder.file(file, content);
    check_refused(folder, predict, words);
    folder.file(file, before);
  };
  const char* labels = "run/model/labels.json";
  refused_with(labels, R"(["fruit", "vehicle", "colour", "tree"])", "student of 3 classes");
  refused_with(labels, R"(["fruit", "vehicle"])", "test.jsonl");
  folder.file("few.txt", "apple\n");
  {
    const std::string before = read_file(folder / labels);
    folder.file(labels, R"(["fruit", "vehicle"])");
    check_refused(folder, "predict --model run --data few.txt", "student of 3 classes");
    folder.file(labels, before);
  }
  const char* kind = "run/model/student.json";
  for (const char* json_text : {"[]", "null", "3", "\"linear\""})
    refused_with(kind, json_text, "student.json: found JSON of type");
  refused_with(kind, "{\"student\": 3}", "one of linear, mlp");
  refused_with(kind, "{\"student\": \"mlp\"}", "student.bin");
  const std::string student = read_file(folder / "run/model/student.bin");
  const std::size_t header = student.find('{');
  const std::size_t end = student.find('\n', header);
  for (
      const char* broken :
      {R"({"student": 3, "classes": 3})", R"({"student": "linear", "classes": 3})",
       R"({"student": "linear", "classes": 3, "buckets_log2": 60, "word_ngrams": 2, "char_min": 4, "char_max": 4})",
       R"({"student": "linear", "classes": 1e300})", "[]"}) {
    refused_with("run/model/student.bin", student.substr(0, header) + broken + student.substr(end),
                 "student.bin");
  }
  refused_with("run/model/student.bin", student.substr(0, student.size() / 2), "student.bin");
  check_refused(folder, predict + " --labels ann.jsonl", "ann.jsonl");
  folder.file("other.txt", "fruit\ncolour\nvehicle\n");
  check_refused(folder, predict + " --labels other.txt", "as the model was trained with");
  CHECK(
      candist_program(folder, predict + " --labels labels.txt --seed 3 --threads 2 --quiet").code ==
      0);

  folder.file("tabs.jsonl", R"({"id": "a\tb\nc", "text": "apple"})"
                            "\n");
  const Outcome run = candist_program(folder, "predict --model run --data tabs.jsonl");
  CHECK(run.code == 0);
  CHECK(line_count(run.out) == 1);
  CHECK(run.out.find("a\\tb\\nc\tfruit\t") == 0);
}

TEST_CASE("a full disk is one clear line and leaves nothing half-written", "[program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const Outcome list = candist_program(folder, "list --json >/dev/full; echo $? >code.txt; true");
  CHECK(read_file(folder / "code.txt") == "1\n");
  REQUIRE(candist_program(folder, "distill " + inputs + "--epochs 2 --quiet --out run").code == 0);
  // No file may grow beyond so many blocks of 512 bytes.
  const auto limited = [&](int blocks, const std::string& arguments, const std::string& file) {
    const std::string command = "cd '" + folder.path().string() + "' && (ulimit -f " +
                                std::to_string(blocks) + "; trap '' XFSZ; '" CANDIST_PROGRAM "' " +
                                arguments + " 2>err.txt >out.txt)";
    const int status = std::system(command.c_str());
    const std::string err = read_file(folder / "err.txt");
    INFO(arguments << "\n" << err);
    CHECK(WEXITSTATUS(status) == 1);
    CHECK(err.find("cannot write " + file) != std::string::npos);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path()))
      CHECK(entry.path().string().find(".part-") == std::string::npos);
  };
  limited(8,
          "annotate --coverage 0.95 --mean-set-size 1.3 --data train.jsonl --labels labels.txt "
          "--out new.jsonl",
          "new.jsonl");
  CHECK_FALSE(std::filesystem::exists(folder / "new.jsonl"));
  limited(2, "predict --model run --data train.jsonl --out new.jsonl", "new.jsonl");
  CHECK_FALSE(std::filesystem::exists(folder / "new.jsonl"));
  limited(8, "distill " + inputs + "--epochs 2 --quiet --buckets-log2 10 --out full", "full/");
  CHECK_FALSE(std::filesystem::exists(folder / "full/metrics.json"));
  limited(4, "ablate " + inputs + "--epochs 1 --quiet --seed 1,2,3,4 --out study", "study/runs/");
  // With room again the study goes on.
  CHECK(
      candist_program(folder, "ablate " + inputs + "--epochs 1 --quiet --seed 1,2,3,4 --out study")
          .code == 0);

  // Labels that find no room cost no training: the state is there, and more room is enough.
  std::string texts;
  for (int i = 0; i < 5000; ++i)
    texts += json{{"id", std::to_string(i)},
                  {"text", i % 2 == 0 ? "red pear" : "a blue tram"},
                  {"label", i % 2 == 0 ? "fruit" : "vehicle"}}
                 .dump() +
             "\n";
  folder.file("many.jsonl", texts);
  const std::string many =
      "distill --data many.jsonl --method supervised --buckets-log2 8 "
      "--epochs 2 --quiet --out ";
  REQUIRE(candist_program(folder, many + "whole").code == 0);
  const auto bytes = std::filesystem::file_size(folder / "whole/labels.jsonl");
  limited(static_cast<int>(bytes / 512 - 1), many + "late", "late/labels.jsonl");
  const std::string log = read_file(folder / "late/log.jsonl");
  CHECK(line_count(log) == 2);
  REQUIRE(candist_program(folder, "distill --resume --quiet --out late").code == 0);
  CHECK(read_file(folder / "late/log.jsonl") == log);
  CHECK(read_file(folder / "late/labels.jsonl") == read_file(folder / "whole/labels.jsonl"));

  // Standard output that is closed is a failure; nobody reading the messages is none.
  for (const char* command : {"list", "score --data train.jsonl --candidates ann.jsonl"}) {
    const Outcome closed =
        candist_program(folder, std::string(command) + " >&-; echo $? >code.txt; true");
    CHECK(read_file(folder / "code.txt") == "1\n");
  }
  const std::string unread = "cd '" + folder.path().string() +
                             "' && ('" CANDIST_PROGRAM "' distill " + inputs +
                             "--epochs 300 --out unread 2>&1 >/dev/null; "
                             "echo $? >code.txt) | true";
  CHECK(std::system(unread.c_str()) == 0);
  CHECK(read_file(folder / "code.txt") == "0\n");
}

#endif
