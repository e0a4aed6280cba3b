// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The transformer through the program's real command line.
#if defined(CANDIST_PROGRAM)

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/program.hpp"

using namespace candist::testing;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path fixtures = fs::path(__FILE__).parent_path().parent_path() / "fixtures" / "encoders";

/// Everything at once: consistency through word dropout, mixup, selection after one epoch.
const std::string full_method =
    inputs + "--student transformer --word-dropout 0.2 --ramp-epochs 2 --quiet ";
const std::string small = "--layers 1 --width 32 --heads 2 --lr 3e-3 ";

/// A copy of a fixture to spoil.
fs::path copy_of(const TemporaryFolder& folder, const std::string& model, const std::string& name) {
  fs::create_directories(folder / name);
  for (const fs::directory_entry& entry : fs::directory_iterator(fixtures / model))
    fs::copy_file(entry.path(), folder / name / entry.path().filename());
  return folder / name;
}

void check_same_run(const TemporaryFolder& folder, const std::string& a, const std::string& b) {
  for (const char* file : {"labels.jsonl", "test_labels.jsonl", "model/model.safetensors"}) {
    INFO(file);
    const std::string content = read_file(folder / a / file);
    CHECK_FALSE(content.empty());
    CHECK(content == read_file(folder / b / file));
  }
}

/// The program beside a module of the GPU whose kernels the host executor runs.
fs::path program_with_module(const TemporaryFolder& folder) {
  const fs::path place = folder / "with_module";
  fs::create_directories(place);
  fs::copy_file(CANDIST_PROGRAM, place / "candist");
  fs::copy_file(CANDIST_HOST_MODULE, place / "candist_cuda.so");
  return place / "candist";
}
/// The first lines of the inputs: the host executor takes its time.
void write_few_inputs(const TemporaryFolder& folder) {
  write_inputs(folder);
  for (const char* name : {"train.jsonl", "test.jsonl", "ann.jsonl"}) {
    std::istringstream lines(read_file(folder / name));
    std::string few, line;
    for (int i = 0; i < 40 && std::getline(lines, line); ++i) few += line + "\n";
    folder.file(name, few);
  }
}
const std::string on_device =
    inputs +
    "--word-dropout 0.2 --ramp-epochs 2 --quiet --threads 1 --layers 1 --width 32 --heads 1 "
    "--lr 3e-3 --epochs 4 --warmup-epochs 2 --max-length 16 --batch 16 ";

}  // namespace

TEST_CASE("the full method on a transformer with fresh weights", "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const Outcome run =
      candist_program(folder, "distill " + full_method + small +
                                  "--epochs 60 --warmup-epochs 40 --threads 1 --out one --json");
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(json::parse(run.out)["test_accuracy"] > 0.9);
  for (const char* file : {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json",
                           "labels.json", "student.json", "candist.json"})
    CHECK(fs::exists(folder / "one/model" / file));

  // Threads change no bit.
  REQUIRE(candist_program(folder, "distill " + full_method + small +
                                      "--epochs 60 --warmup-epochs 40 --threads 3 --out three")
              .code == 0);
  check_same_run(folder, "one", "three");

  // The saved model gives the same labels, and can be what another student starts from.
  REQUIRE(candist_program(folder, "predict --quiet --model one --data test.jsonl --out again.jsonl")
              .code == 0);
  CHECK(read_file(folder / "again.jsonl") == read_file(folder / "one/test_labels.jsonl"));
  const Outcome further =
      candist_program(folder, "distill " + full_method +
                                  "--pretrained one/model --max-length 16 --epochs 2 "
                                  "--warmup-epochs 1 --out further --json");
  INFO(further.err);
  REQUIRE(further.code == 0);
  CHECK(json::parse(further.out)["test_accuracy"] > 0.9);
}

TEST_CASE("kill -9 at random moments: a resumed transformer has the bytes of an uninterrupted one",
          "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string options =
      full_method + "--pretrained '" + (fixtures / "tiny_bert").string() +
      "' --max-length 20 --epochs 12 --warmup-epochs 1 --valid test.jsonl --keep best ";
  REQUIRE(candist_program(folder, "distill " + options + "--out whole").code == 0);
  const int resumed = finish_in_spite_of_kills(folder, options, "part", 5, 3);
  CHECK(resumed > 0);
  CHECK(line_count(read_file(folder / "part/log.jsonl")) == 12);
  check_same_run(folder, "part", "whole");
  CHECK_FALSE(fs::exists(folder / "part/checkpoint"));
}

TEST_CASE("ablate on a pretrained student", "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const Outcome run = candist_program(
      folder, "ablate " + inputs + "--student transformer --pretrained '" +
                  (fixtures / "tiny_roberta").string() +
                  "' --max-length 20 --method distillation,candist --pooling head,mean "
                  "--epochs 1 --quiet --out study");
  INFO(run.err);
  REQUIRE(run.code == 0);
  CHECK(line_count(read_file(folder / "study/results.jsonl")) == 4);
}

TEST_CASE("a model folder that will not do is refused in one line, before anything is written",
          "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const std::string call = "distill " + inputs + "--student transformer --epochs 5 --out never ";
  const auto refused = [&](const std::string& options, const std::string& words) {
    check_refused(folder, call + options, words);
    CHECK_FALSE(fs::exists(folder / "never"));
  };
  refused("--pretrained nowhere", "nowhere");
  refused("--pretrained '" + (fixtures / "tiny_bert").string() + "' --max-length 41", "40 tokens");
  refused("--max-length 2", "--max-length");
  refused("--pooling last", "head, mean");
  refused("--width 20", "multiple of 8");
  refused("--dropout 1", "--dropout");
  refused("--lr-warmup 2", "--lr-warmup");

  const fs::path other = copy_of(folder, "tiny_bert", "gpt");
  std::string config = read_file(other / "config.json");
  const std::string type = "\"model_type\": \"bert\"";
  config.replace(config.find(type), type.size(), "\"model_type\": \"gpt2\"");
  std::ofstream(other / "config.json") << config;
  refused("--pretrained gpt --max-length 20", "gpt2");

  const fs::path cut = copy_of(folder, "tiny_bert", "cut");
  fs::resize_file(cut / "model.safetensors", 50000);
  refused("--pretrained cut --max-length 20", "model.safetensors");

  const fs::path more = copy_of(folder, "tiny_bert", "more");
  std::ofstream(more / "vocab.txt", std::ios::app) << "onemoreword\n";
  refused("--pretrained more --max-length 20", "does not fit the weights");
}

TEST_CASE("what has no effect, and texts that are cut, are said", "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  const auto said = [&](const std::string& options, const std::string& words) {
    const Outcome run =
        candist_program(folder, "distill " + inputs + "--epochs 1 --quiet --out run " + options);
    INFO(options << "\n" << run.err);
    CHECK(run.code == 0);
    CHECK(run.err.find(words) != std::string::npos);
  };
  said("--student transformer --word-ngrams 2 " + small, "--word-ngrams has no effect");
  said("--student linear --layers 2", "--layers has no effect");
  said("--student transformer --layers 2 --max-length 20 --pretrained '" +
           (fixtures / "tiny_bert").string() + "'",
       "--layers has no effect");
  said("--student transformer --max-length 3 " + small, "200 of 200 texts");
}

TEST_CASE("the student on the GPU is the student on the host", "[transformer_program]") {
  const TemporaryFolder folder;
  write_few_inputs(folder);
  const OtherProgram program(program_with_module(folder));
  const auto train = [&](const std::string& options) {
    const Outcome run = candist_program(folder, "distill " + on_device + options);
    INFO(run.err);
    REQUIRE(run.code == 0);
  };
  const auto confidences = [&](const std::string& run) {
    std::vector<double> all;
    std::istringstream lines(read_file(folder / run / "labels.jsonl"));
    for (std::string line; std::getline(lines, line);)
      all.push_back(json::parse(line)["confidence"]);
    return all;
  };
  train("--student transformer --out host");
  train("--student cuda-transformer --precision fp32 --out device");
  const std::vector<double> expected = confidences("host");
  const std::vector<double> found = confidences("device");
  REQUIRE(found.size() == 40);
  REQUIRE(expected.size() == 40);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(found[i] - expected[i]) < 2e-3);

  // What it saved is a transformer's folder, for every machine.
  REQUIRE(
      candist_program(folder, "predict --quiet --model device --data test.jsonl --out again.jsonl")
          .code == 0);
  CHECK(line_count(read_file(folder / "again.jsonl")) == 40);

  // The best epoch's weights are kept while the device has those of the training.
  train("--student cuda-transformer --valid test.jsonl --keep best --out best");
}

TEST_CASE("a training on the GPU goes on to the same bits", "[transformer_program]") {
  const TemporaryFolder folder;
  write_few_inputs(folder);
  const OtherProgram program(program_with_module(folder));
  const std::string options = on_device + "--student cuda-transformer ";
  REQUIRE(candist_program(folder, "distill " + options + "--out whole").code == 0);
  CHECK(finish_in_spite_of_kills(folder, options, "part", 2, 2) > 0);
  check_same_run(folder, "whole", "part");
}

TEST_CASE("many runs at once on one GPU are the runs one by one", "[transformer_program]") {
  const TemporaryFolder folder;
  write_few_inputs(folder);
  const OtherProgram program(program_with_module(folder));
  const std::map<std::string, std::string> studies{
      {"one", "--threads 1"}, {"three", "--threads 3"}, {"two", "--parallel 2 --threads 5"}};
  for (const auto& [study, at_once] : studies) {
    const Outcome run = candist_program(
        folder, "ablate " + inputs +
                    "--student cuda-transformer --word-dropout 0.2 --quiet --layers 1 --width 32 "
                    "--heads 1 --epochs 1 --max-length 16 --method average,candist --seed 1,2 " +
                    at_once + " --out " + study);
    INFO(run.err);
    REQUIRE(run.code == 0);
    CHECK_THAT(run.err, Catch::Contains("GiB of device memory: parameters 0.00, gradients"));
    // The module of this test has no kernel for average.
    CHECK_THAT(run.err, Catch::Contains("no method has this loss with this refinery"));
  }
  const auto labels = [&](const char* study) {
    std::map<std::string, std::string> all;
    for (const fs::directory_entry& run : fs::directory_iterator(folder / study / "runs"))
      all[run.path().filename().string()] = read_file(run.path() / "labels.jsonl");
    return all;
  };
  CHECK(labels("one").size() == 4);
  CHECK(labels("one") == labels("three"));
  CHECK(labels("one") == labels("two"));
}

TEST_CASE("without a GPU or its module the student is refused in one line",
          "[transformer_program]") {
  const TemporaryFolder folder;
  write_inputs(folder);
  {  // as it was built here
    const Outcome built = candist_program(
        folder, "distill " + inputs + "--student cuda-transformer --epochs 1 --quiet --out built");
    INFO(built.err);
    if (built.code != 0) {  // no GPU, or no CUDA
      CHECK((built.code == 1 || built.code == 2));
      CHECK(line_count(built.err) == 1);
      CHECK_THAT(built.err, Catch::Contains("CUDA"));
      CHECK_FALSE(fs::exists(folder / "built"));
    }
  }
  const fs::path alone = folder / "alone";
  fs::create_directories(alone);
  fs::copy_file(CANDIST_PROGRAM, alone / "candist");
  const std::string call = "distill " + inputs + "--student cuda-transformer --quiet --out run ";
  const OtherProgram program(alone / "candist");
  Outcome run = candist_program(folder, call);
  CHECK(run.code == 2);
  CHECK(run.err ==
        "candist: this candist was built without CUDA: build it where nvcc is found, or take "
        "--student transformer\n");
  folder.file("alone/candist_cuda.so", "no library");
  run = candist_program(folder, call);
  CHECK(run.code == 2);
  CHECK_THAT(run.err, Catch::StartsWith("candist: the CUDA part of candist cannot be loaded: "));
  run = candist_program(folder, call + "--width 80 --heads 5");
  CHECK(run.code == 2);
  CHECK_THAT(run.err, Catch::Contains("expected on the GPU one layer or more, heads of 32 or 64"));
  run = candist_program(folder, call + "--optimizer sgd");
  CHECK(run.code == 2);
  CHECK_THAT(run.err, Catch::Contains("expected adamw"));
  CHECK_FALSE(fs::exists(folder / "run"));
}

#endif
