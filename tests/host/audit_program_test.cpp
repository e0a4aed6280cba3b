// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist audit: draw a sample, fill it in, judge all labels by it.
#if defined(CANDIST_PROGRAM)

#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "support/program.hpp"

using namespace candist::testing;
using json = nlohmann::json;

namespace {

std::vector<json> lines_in(const std::filesystem::path& path) {
  std::vector<json> lines;
  std::istringstream text(read_file(path));
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string text_of_lines(const std::vector<json>& lines) {
  std::string text;
  for (const json& line : lines) text += line.dump() + "\n";
  return text;
}

/// Labels of a thousand texts, right as often as sigmoid(t) says, with a confidence that is too
/// sure; a tenth are outside the candidates and mostly wrong. Returns which are right.
std::map<std::string, bool> write_labels(const TemporaryFolder& folder, double mean = 1.5) {
  std::map<std::string, bool> right;
  std::vector<json> labels;
  std::vector<json> texts;
  const char* const names[] = {"fruit", "vehicle", "colour"};
  for (std::uint64_t i = 0; i < 1000; ++i) {
    candist::CounterRng rng(5, candist::RandomPurpose::simulated_annotator, 0, i);
    const double t = mean + 2.0 * static_cast<double>(rng.normal());
    const bool outside = i % 10 == 0;
    const std::string id = "t" + std::to_string(i);
    right[id] = rng.uniform() < 1.0 / (1.0 + std::exp(-t)) * (outside ? 0.2 : 1.0);
    const char* name = names[rng.below(3)];
    labels.push_back({{"id", id},
                      {"label", name},
                      {"confidence", 1.0 / (1.0 + std::exp(-2.0 * t - 1.0))},
                      {"candidates", {outside ? "animal" : name, "plant"}}});
    texts.push_back({{"id", id}, {"text", "text number " + std::to_string(i)}});
  }
  folder.file("labels.jsonl", text_of_lines(labels));
  folder.file("texts.jsonl", text_of_lines(texts));
  return right;
}

/// sample.jsonl with the verdicts, the first `count` of them.
void fill_in(const TemporaryFolder& folder, const std::map<std::string, bool>& right,
             std::size_t count = 1000) {
  std::vector<json> lines = lines_in(folder / "audit/sample.jsonl");
  for (std::size_t i = 0; i < std::min(count, lines.size()); ++i)
    lines[i]["correct"] = right.at(lines[i]["id"].get<std::string>());
  folder.file("audit/sample.jsonl", text_of_lines(lines));
}

const std::string draw = "audit --labels-of labels.jsonl --data texts.jsonl --out audit ";
const std::string judge = "audit --labels-of labels.jsonl --checked audit/sample.jsonl ";

}  // namespace

TEST_CASE("a sample is drawn, filled in, and says how good all labels are") {
  const TemporaryFolder folder;
  const auto right = write_labels(folder);
  double accuracy = 0.0;
  for (const auto& [id, is_right] : right) accuracy += is_right ? 1e-3 : 0.0;

  const Outcome drawn = candist_program(folder, draw + "--json --sample 200 --list 50");
  INFO(drawn.err);
  REQUIRE(drawn.code == 0);
  const json summary = json::parse(drawn.out);
  CHECK(summary["texts"] == 1000);
  CHECK(summary["verified"] == false);
  CHECK(summary["outside_candidates"] == 100);
  CHECK(summary["sample"] == 200);
  CHECK(summary["to_check"] == 50);
  CHECK(summary["confidence_histogram"].size() == 10);
  const std::vector<json> sample = lines_in(folder / "audit/sample.jsonl");
  REQUIRE(sample.size() == 200);
  std::set<std::string> ids;
  for (const json& line : sample) {
    ids.insert(line["id"].get<std::string>());
    CHECK(line["drawn"] == "random");
    CHECK(line["correct"].is_null());
    CHECK(line["text"] == "text number " + line["id"].get<std::string>().substr(1));
    CHECK(!line.contains("error"));
  }
  CHECK(ids.size() == 200);
  const std::vector<json> list = lines_in(folder / "audit/to_check.jsonl");
  REQUIRE(list.size() == 50);
  for (std::size_t i = 1; i < list.size(); ++i) CHECK(list[i - 1]["error"] >= list[i]["error"]);
  CHECK(list[0]["drawn"] == "ranked");

  fill_in(folder, right);
  const Outcome judged = candist_program(folder, judge + "--json --out judged --list 1000");
  INFO(judged.err);
  REQUIRE(judged.code == 0);
  const json result = json::parse(judged.out);
  CHECK(result["checked"] == 200);
  CHECK(result["not_filled_in"] == 0);
  CHECK(result["warnings"].empty());
  for (const char* key : {"accuracy", "assisted_accuracy"}) {
    CAPTURE(key, result[key].dump());
    CHECK(result[key]["low"].get<double>() <= accuracy);
    CHECK(result[key]["high"].get<double>() >= accuracy);
  }
  const auto width = [&](const char* key) {
    return result[key]["high"].get<double>() - result[key]["low"].get<double>();
  };
  CHECK(width("assisted_accuracy") < width("accuracy"));
  CHECK(result["mean_confidence"].get<double>() > accuracy + 0.05);  // too sure
  CHECK(result["error_outside_candidates"].get<double>() > 0.6);
  CHECK(result["calibration"]["ece_after"] < result["calibration"]["ece_before"]);
  CHECK(result["calibration"]["brier_after"] < result["calibration"]["brier_before"]);

  const std::vector<json> calibrated = lines_in(folder / "judged/calibrated.jsonl");
  const std::vector<json> before = lines_in(folder / "labels.jsonl");
  REQUIRE(calibrated.size() == 1000);
  double mean = 0.0;
  for (std::size_t i = 0; i < calibrated.size(); ++i) {
    for (const char* key : {"id", "label", "confidence"})
      CHECK(calibrated[i][key] == before[i][key]);
    mean += calibrated[i]["calibrated_confidence"].get<double>() / 1000;
  }
  CHECK(mean == Approx(accuracy).margin(0.08));
  // What is checked is not asked about again; labels outside the candidates move up.
  const std::vector<json> rest = lines_in(folder / "judged/to_check.jsonl");
  CHECK(rest.size() == 800);
  std::size_t outside = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    CHECK(ids.count(rest[i]["id"].get<std::string>()) == 0);
    if (i > 0) CHECK(rest[i - 1]["error"] >= rest[i]["error"]);
    const json& candidates = rest[i]["candidates"];
    if (i < 200 &&
        std::find(candidates.begin(), candidates.end(), rest[i]["label"]) == candidates.end())
      ++outside;
  }
  CHECK(outside > 70);
  // Again: the same bytes.
  REQUIRE(candist_program(folder, judge + "--out again --list 1000 --quiet").code == 0);
  for (const char* file : {"calibrated.jsonl", "to_check.jsonl"})
    CHECK(read_file(folder / "again" / file) == read_file(folder / "judged" / file));
}

TEST_CASE(
    "without verdicts, the mean confidence is said to be unverified, and nothing is written") {
  const TemporaryFolder folder;
  write_labels(folder);
  const Outcome outcome = candist_program(folder, "audit --labels-of labels.jsonl");
  REQUIRE(outcome.code == 0);
  for (const char* words : {"mean confidence", "Nobody has verified", "outside the candidates",
                            "100", "0.9 to 1.0", "--out FOLDER"})
    CHECK(outcome.out.find(words) != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "audit"));
  // Of predict's labels, nobody knows the candidates.
  folder.file("plain.jsonl", "{\"id\": 7, \"label\": \"a\", \"confidence\": 1}\n");
  const Outcome plain = candist_program(folder, "audit --labels-of plain.jsonl --json");
  REQUIRE(plain.code == 0);
  CHECK(json::parse(plain.out)["outside_candidates"].is_null());
}

TEST_CASE("samples differ by seed only, and a small file is taken whole") {
  const TemporaryFolder folder;
  const auto right = write_labels(folder);
  const std::string call = "audit --labels-of labels.jsonl --sample 20 --out ";
  REQUIRE(candist_program(folder, call + "a --seed 1").code == 0);
  REQUIRE(candist_program(folder, call + "b --seed 1").code == 0);
  REQUIRE(candist_program(folder, call + "c --seed 2").code == 0);
  CHECK(read_file(folder / "a/sample.jsonl") == read_file(folder / "b/sample.jsonl"));
  CHECK(read_file(folder / "a/sample.jsonl") != read_file(folder / "c/sample.jsonl"));
  REQUIRE(candist_program(folder, draw + "--sample 5000").code == 0);
  CHECK(lines_in(folder / "audit/sample.jsonl").size() == 1000);
  fill_in(folder, right);
  const Outcome outcome = candist_program(folder, judge + "--json");
  REQUIRE(outcome.code == 0);
  const json accuracy = json::parse(outcome.out)["accuracy"];  // all are checked: it is known
  CHECK(accuracy["low"] == accuracy["high"]);
}

TEST_CASE("gold names are verdicts too") {
  const TemporaryFolder folder;
  write_labels(folder);
  REQUIRE(candist_program(folder, draw + "--sample 40").code == 0);
  std::vector<json> lines = lines_in(folder / "audit/sample.jsonl");
  for (std::size_t i = 0; i < lines.size(); ++i)
    lines[i]["gold"] = i % 4 == 0 ? "animal" : lines[i]["label"].get<std::string>();
  folder.file("audit/sample.jsonl", text_of_lines(lines));
  const Outcome outcome = candist_program(folder, judge + "--json");
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(json::parse(outcome.out)["right"] == 30);
  lines[3]["gold"] = "mineral";
  folder.file("audit/sample.jsonl", text_of_lines(lines));
  check_refused(folder, judge, "sample.jsonl:4: found \"gold\": \"mineral\", expected one of");
  folder.file("names.txt", "fruit\nvehicle\ncolour\nanimal\nplant\nmineral\n");
  CHECK(candist_program(folder, judge + "--labels names.txt").code == 0);
  lines[3]["correct"] = true;
  folder.file("audit/sample.jsonl", text_of_lines(lines));
  check_refused(folder, judge + "--labels names.txt", "the two to agree");
}

TEST_CASE("what a sample cannot say is said") {
  const TemporaryFolder folder;
  const auto right = write_labels(folder);
  REQUIRE(candist_program(folder, draw).code == 0);
  const std::vector<json> empty = lines_in(folder / "audit/sample.jsonl");
  fill_in(folder, right, 20);
  Outcome outcome = candist_program(folder, judge);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.find("80 of 100 lines are not filled in: they do not count") !=
        std::string::npos);
  CHECK(outcome.err.find("only 20 labels are checked") != std::string::npos);
  CHECK(outcome.err.find("hard ones") == std::string::npos);  // a beginning is a random sample
  std::vector<json> skipping = lines_in(folder / "audit/sample.jsonl");
  skipping[5]["correct"] = nullptr;
  folder.file("audit/sample.jsonl", text_of_lines(skipping));
  outcome = candist_program(folder, judge);
  CHECK(outcome.err.find("1 of them come before lines that are") != std::string::npos);

  std::vector<json> all_right = empty;
  for (json& line : all_right) line["correct"] = true;
  folder.file("audit/sample.jsonl", text_of_lines(all_right));
  std::filesystem::create_directory(folder / "judged");
  folder.file("judged/calibrated.jsonl", "{\"id\": \"of an older sample\"}\n");
  outcome = candist_program(folder, judge + "--json --out judged");
  REQUIRE(outcome.code == 0);
  const json result = json::parse(outcome.out);
  CHECK(result["calibration"].is_null());
  CHECK(result["assisted_accuracy"].is_null());
  CHECK(result["accuracy"]["low"].get<double>() > 0.95);
  CHECK(outcome.err.find("all checked labels are right: nothing to calibrate") !=
        std::string::npos);
  CHECK(!std::filesystem::exists(folder / "judged/calibrated.jsonl"));
  CHECK(std::filesystem::exists(folder / "judged/to_check.jsonl"));
}

TEST_CASE("what somebody filled in is never overwritten, and inputs are not either") {
  const TemporaryFolder folder;
  const auto right = write_labels(folder);
  REQUIRE(candist_program(folder, draw).code == 0);
  REQUIRE(candist_program(folder, draw).code == 0);  // nothing filled in: nothing lost
  fill_in(folder, right, 3);
  const std::string filled = read_file(folder / "audit/sample.jsonl");
  check_refused(folder, draw, "sample.jsonl:1: found a line that somebody has filled in");
  CHECK(read_file(folder / "audit/sample.jsonl") == filled);
  CHECK(candist_program(folder, judge + "--out audit").code ==
        0);  // to_check.jsonl is untouched yet
  std::vector<json> list = lines_in(folder / "audit/to_check.jsonl");
  list[1]["gold"] = "plant";
  folder.file("audit/to_check.jsonl", text_of_lines(list));
  check_refused(folder, judge + "--out audit", "to_check.jsonl:2: found a line that somebody");
  folder.file("audit/to_check.jsonl", "my notes\n");
  check_refused(folder, judge + "--out audit", "a file that candist audit did not write");
  std::filesystem::create_directory(folder / "run");
  std::filesystem::copy(folder / "labels.jsonl", folder / "run/sample.jsonl");
  check_refused(folder, "audit --labels-of run/sample.jsonl --out run",
                "would overwrite what --labels-of reads");
  check_refused(folder, "audit --labels-of labels.jsonl --out labels.jsonl", "labels.jsonl");
}

TEST_CASE("wrong labels files, samples and calls are refused with one line") {
  const TemporaryFolder folder;
  const auto right = write_labels(folder);
  const auto refused_labels = [&](const std::string& lines, const std::string& words) {
    folder.file("wrong.jsonl", lines);
    check_refused(folder, "audit --labels-of wrong.jsonl", words);
  };
  const std::string good = R"({"id": "a", "label": "x", "confidence": 0.5})"
                           "\n";
  refused_labels("", "no labels");
  refused_labels("[1]\n", "wrong.jsonl:1: found an array");
  refused_labels(R"({"label": "x", "confidence": 0.5})", "no \"id\"");
  refused_labels(R"({"id": "a", "confidence": 0.5})", "no \"label\"");
  refused_labels(R"({"id": "a", "label": 3, "confidence": 0.5})", "\"label\" is a number");
  refused_labels(R"({"id": "a", "label": "x"})", "no \"confidence\"");
  refused_labels(good + R"({"id": "b", "label": "x", "confidence": null})",
                 "wrong.jsonl:2: found \"confidence\" that is null");
  refused_labels(R"({"id": "a", "label": "x", "confidence": 1.5})",
                 "1.5, expected a number from 0 to 1");
  refused_labels(R"({"id": "a", "label": "x", "confidence": "0.5"})", "a number from 0 to 1");
  refused_labels(R"({"id": "a", "label": "x", "confidence": 1, "candidates": "x"})",
                 "\"candidates\" that is a string");
  refused_labels(R"({"id": "a", "label": "x", "confidence": 1, "candidates": [1]})",
                 "a candidate that is a number");
  refused_labels(good + good, "wrong.jsonl:2: found id \"a\" again");

  REQUIRE(candist_program(folder, draw).code == 0);
  check_refused(folder, judge, "nothing filled in in 100 lines");
  const std::vector<json> unfilled = lines_in(folder / "audit/sample.jsonl");
  fill_in(folder, right);
  const std::vector<json> filled = lines_in(folder / "audit/sample.jsonl");
  const auto refused_sample = [&](const std::function<void(std::vector<json>&)>& change,
                                  const std::string& words) {
    std::vector<json> lines = filled;
    change(lines);
    folder.file("audit/sample.jsonl", text_of_lines(lines));
    check_refused(folder, judge, words);
  };
  using Lines = std::vector<json>;
  refused_sample([](Lines& l) { l.clear(); }, "no lines");
  refused_sample([](Lines& l) { l[1]["id"] = "nobody"; },
                 "sample.jsonl:2: found id \"nobody\", expected an id of labels.jsonl");
  refused_sample([](Lines& l) { l[2] = l[0]; }, "sample.jsonl:3: found id");
  refused_sample([](Lines& l) { l[2].erase("id"); }, "no \"id\"");
  refused_sample([](Lines& l) { l[4]["label"] = "plant"; },
                 "sample.jsonl:5: found label \"plant\"");
  refused_sample([](Lines& l) { l[4].erase("label"); }, "no \"label\"");
  refused_sample([](Lines& l) { l[0]["correct"] = "yes"; },
                 "\"correct\" that is a string, expected true, false or null");
  refused_sample([](Lines& l) { l[0]["correct"] = 1; }, "\"correct\" that is a number");
  refused_sample([](Lines& l) { l[0]["gold"] = 1; }, "\"gold\" is a number");
  refused_sample([](Lines& l) { l[0].erase("drawn"); }, "no \"drawn\"");
  refused_sample([](Lines& l) { l[0]["drawn"] = "by hand"; }, "only texts that chance chose");
  // Those likeliest wrong would make all look worse.
  std::vector<json> ranked = lines_in(folder / "audit/to_check.jsonl");
  for (json& line : ranked) line["correct"] = right.at(line["id"].get<std::string>());
  folder.file("ranked.jsonl", text_of_lines(ranked));
  check_refused(folder, "audit --labels-of labels.jsonl --checked ranked.jsonl",
                "worse than they are");

  check_refused(folder, "audit", "--labels-of FILE");
  check_refused(folder, "audit --labels-of none.jsonl", "none.jsonl");
  check_refused(folder, "audit --labels-of labels.jsonl --sample 0", "--sample: found 0");
  check_refused(folder, "audit --labels-of labels.jsonl --list -1", "--list: found -1");
  check_refused(folder, judge + "--seed 2", "--seed draws a sample");
  folder.file("other.jsonl", "{\"id\": \"t1\", \"text\": \"one\"}\n");
  check_refused(folder, "audit --labels-of labels.jsonl --data other.jsonl --out fresh",
                "other.jsonl: found no text of id");
  CHECK(!std::filesystem::exists(folder / "fresh/sample.jsonl"));
  CHECK(!std::filesystem::exists(folder / "fresh/to_check.jsonl"));
}

TEST_CASE("the labels of a real run are audited") {
  const TemporaryFolder folder;
  write_inputs(folder);
  REQUIRE(candist_program(folder, "distill " + inputs + "--out run --quiet").code == 0);
  REQUIRE(
      candist_program(
          folder, "audit --labels-of run/labels.jsonl --data train.jsonl --out audit --sample 60")
          .code == 0);
  std::map<std::string, json> gold;
  for (const json& line : lines_in(folder / "run/labels.jsonl")) gold[line["id"]] = line["gold"];
  std::vector<json> sample = lines_in(folder / "audit/sample.jsonl");
  REQUIRE(sample.size() == 60);
  for (json& line : sample) {
    CHECK(!line.contains("gold"));  // the answer is not given away
    line["gold"] = gold.at(line["id"]);
  }
  folder.file("checked.jsonl", text_of_lines(sample));
  const Outcome outcome = candist_program(
      folder, "audit --labels-of run/labels.jsonl --checked checked.jsonl --json --out audit");
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const json accuracy = json::parse(outcome.out)["accuracy"];
  const double truth = json::parse(read_file(folder / "run/metrics.json"))["train_accuracy"];
  CHECK(accuracy["low"].get<double>() <= truth);
  CHECK(accuracy["high"].get<double>() >= truth);
}

#endif  // CANDIST_PROGRAM
