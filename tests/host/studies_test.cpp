// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "candist/studies/grid.hpp"
#include "candist/studies/report_data.hpp"
#include "candist/studies/run_study.hpp"
#include "candist/studies/study_pictures.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using namespace candist::testing;
namespace fs = std::filesystem;

namespace {

/// N texts of two classes, gold known; a student of accuracy `right`/N is right on the first ones.
struct World {
  explicit World(int n) {
    labels.add("no");
    labels.add("yes");
    for (int i = 0; i < n; ++i) {
      texts.ids.push_back("t" + std::to_string(i));
      texts.texts.push_back("text " + std::to_string(i));
      texts.labels.push_back(i % 2);
    }
    study.labels = &labels;
    study.train = &texts;
    study.test = &texts;
  }
  World(const World&) = delete;

  /// Right on all texts but those in [first, last).
  Predictions wrong_in(int first, int last) const {
    Predictions p;
    for (int i = 0; i < static_cast<int>(texts.rows()); ++i) {
      p.labels.push_back(i >= first && i < last ? 1 - i % 2 : i % 2);
      p.confidences.push_back(0.75f);
    }
    return p;
  }
  FinishedRun run(const std::string& seed, int first, int last) const {
    FinishedRun finished;
    finished.seed = seed;
    finished.test = finished.train = wrong_in(first, last);
    return finished;
  }
  void add(const std::string& name, std::vector<FinishedRun> runs) {
    StudiedComposition composition;
    composition.name = composition.method = name;
    composition.runs = std::move(runs);
    study.compositions.push_back(std::move(composition));
  }

  LabelSpace labels;
  Texts texts;
  Study study;
};

const ComparedComposition& line(const Comparison& comparison, const std::string& name) {
  const ComparedComposition* found = line_of(comparison, name);
  REQUIRE(found != nullptr);
  return *found;
}

}  // namespace

TEST_CASE("a grid has every combination once, the last axis fastest", "[studies]") {
  Grid grid;
  CHECK(grid.points() == std::vector<GridPoint>{{}});
  grid.axis("method", {"a", "b"}).axis("delta", {"1", "2", "3"});
  const std::vector<GridPoint> points = grid.points();
  REQUIRE(points.size() == 6);
  CHECK(points[0] == GridPoint{{"method", "a"}, {"delta", "1"}});
  CHECK(points[1] == GridPoint{{"method", "a"}, {"delta", "2"}});
  CHECK(points[5] == GridPoint{{"method", "b"}, {"delta", "3"}});
  CHECK(std::set<GridPoint>(points.begin(), points.end()).size() == 6);
  CHECK_THROWS_AS(grid.axis("method", {"c"}), InputError);
  CHECK_THROWS_AS(grid.axis("none", {}), InputError);
}

TEST_CASE("trials are drawn without repetition, in order, and alike for a seed", "[studies]") {
  for (const std::int64_t trials : {1, 3, 9, 10, 11}) {
    const auto drawn = drawn_trials(10, trials, 5);
    CHECK(drawn.size() == static_cast<std::size_t>(std::min<std::int64_t>(trials, 10)));
    CHECK(std::is_sorted(drawn.begin(), drawn.end()));
    CHECK(std::set<std::int64_t>(drawn.begin(), drawn.end()).size() == drawn.size());
    CHECK(drawn == drawn_trials(10, trials, 5));
  }
  CHECK(drawn_trials(1000, 3, 1) != drawn_trials(1000, 3, 2));
}

TEST_CASE("better is who wins over seeds and over texts; anything less is unclear", "[studies]") {
  World world(400);
  // Everybody errs on the first texts, by how much depends on the seed a little.
  world.add("best", {world.run("1", 0, 40), world.run("2", 0, 41), world.run("3", 0, 42),
                     world.run("4", 0, 40)});
  world.add("worse", {world.run("1", 0, 80), world.run("2", 0, 82), world.run("3", 0, 81),
                      world.run("4", 0, 79)});
  // As bad in the mean, but now good, now bad: no seed tells.
  world.add("moody", {world.run("1", 0, 10), world.run("2", 0, 150), world.run("3", 0, 20),
                      world.run("4", 0, 140)});
  // Two texts worse with every seed: the same for all seeds, but two texts are no evidence.
  world.add("close", {world.run("1", 0, 42), world.run("2", 0, 43), world.run("3", 0, 44),
                      world.run("4", 0, 42)});
  using Standing = ComparedComposition::Standing;
  const auto comparison = compare(world.study, Judged::test_texts);
  REQUIRE(comparison);
  CHECK(comparison->reference == "best");
  CHECK(line(*comparison, "best").standing == Standing::reference);
  CHECK(line(*comparison, "worse").standing == Standing::worse);
  CHECK(line(*comparison, "moody").standing == Standing::unclear);
  CHECK(line(*comparison, "close").standing == Standing::unclear);
  CHECK(*line(*comparison, "close").p_seeds < 0.05);
  CHECK(*line(*comparison, "close").p_texts > 0.05);
  CHECK(*line(*comparison, "moody").p_seeds > 0.05);
  CHECK(*line(*comparison, "worse").difference == Approx(-0.099375).margin(0.001));
  CHECK(line(*comparison, "worse").paired_seeds == 4);
  CHECK(comparison->verdict.find("best is right most often: 89.8 % (4 seeds)") !=
        std::string::npos);
  CHECK(comparison->verdict.find("best is ahead of worse by more than chance") !=
        std::string::npos);
  CHECK(comparison->verdict.find("No clear difference from moody and close") != std::string::npos);

  // From the other side.
  world.study.reference = "worse";
  const auto other = compare(world.study, Judged::test_texts);
  CHECK(other->reference == "worse");
  CHECK(line(*other, "best").standing == Standing::better);
  CHECK(*line(*other, "best").difference == Approx(-*line(*comparison, "worse").difference));
  CHECK(other->verdict.find("Compared with worse (79.9 %), clearly better: best") !=
        std::string::npos);
}

TEST_CASE("only seeds that both have are paired; gold is no rival", "[studies]") {
  World world(100);
  world.add("a", {world.run("1", 0, 10), world.run("2", 0, 12)});
  world.add("b", {world.run("2", 0, 20), world.run("3", 0, 90)});
  world.add("c", {world.run("7", 0, 30)});
  world.add("gold", {world.run("1", 0, 1), world.run("2", 0, 1)});
  world.study.compositions.back().learns_from = StudiedComposition::LearnsFrom::gold;
  const auto comparison = compare(world.study, Judged::training_texts);
  REQUIRE(comparison);
  CHECK(comparison->reference == "a");
  CHECK(line(*comparison, "b").paired_seeds == 1);
  CHECK(*line(*comparison, "b").difference == Approx(-0.08));
  CHECK_FALSE(line(*comparison, "b").p_seeds);
  CHECK(line(*comparison, "b").p_texts);
  CHECK(line(*comparison, "b").standing == ComparedComposition::Standing::unclear);
  CHECK(line(*comparison, "c").paired_seeds == 0);
  CHECK_FALSE(line(*comparison, "c").p_texts);
  CHECK(comparison->verdict.find("With gold labels instead of the teacher's: gold (99.0 %)") !=
        std::string::npos);

  world.texts.labels.assign(100, -1);
  CHECK_FALSE(compare(world.study, Judged::training_texts));
  world.study.test = nullptr;
  CHECK_FALSE(compare(world.study, Judged::test_texts));
}

TEST_CASE("a setting is chosen by what its runs reach, without gold where asked", "[studies]") {
  World world(100);
  for (int i = 0; i < 3; ++i) {
    world.add("m" + std::to_string(i), {world.run("1", 0, 30 - 10 * i)});
    world.study.compositions.back().method = "m";
    FinishedRun& run = world.study.compositions.back().runs[0];
    run.covering_rate = std::vector{0.5, 0.9, 0.7}[static_cast<std::size_t>(i)];
    run.approximated_accuracy = 0.6;
    if (i < 2) run.valid_accuracy = 0.5;
  }
  world.add("alone", {world.run("1", 0, 3)});
  const auto selected = select_settings(world.study);
  REQUIRE(selected.size() == 1);
  CHECK(selected[0].method == "m");
  CHECK(selected[0].settings == 3);
  CHECK(*selected[0].chosen[static_cast<int>(Criterion::covering_rate)] == 1);
  CHECK(*selected[0].chosen[static_cast<int>(Criterion::approximated_accuracy)] == 0);  // a tie
  CHECK_FALSE(selected[0].chosen[static_cast<int>(Criterion::valid_accuracy)]);  // one lacks it
  CHECK(*selected[0].chosen[static_cast<int>(Criterion::oracle)] == 2);
}

TEST_CASE("reports quote what is foreign and show every run", "[studies]") {
  World world(40);
  world.add("a|b_c & 50%", {world.run("1", 0, 4), world.run("2", 0, 6)});
  world.add("other", {world.run("1", 0, 9)});
  world.study.notes = {"other, seed 2 failed: words"};
  world.study.planned_runs = 4;
  world.study.command = "candist ablate --x";
  const StudyFindings findings(world.study);
  CHECK(findings.runs() == 3);
  const std::string markdown = markdown_report(findings);
  for (const char* words : {"3 of 4 runs are done", "| a\\|b_c & 50% | 2 | 87.5 ± 3.5 |",
                            "other, seed 2 failed", "    candist ablate --x"})
    CHECK(markdown.find(words) != std::string::npos);
  const std::string latex = latex_table(findings);
  CHECK(latex.find("a|b\\_c \\& 50\\% & 2 & \\textbf{87.5}") != std::string::npos);
  CHECK(latex.find("other $\\approx$ & 1 & 77.5 & 77.5") != std::string::npos);
  const nlohmann::ordered_json json = json_report(findings);
  CHECK(json["compositions"][0]["test_mean"].get<double>() == Approx(0.875));
  CHECK(json["compositions"][1]["test_comparison"]["paired_seeds"] == 1);
  CHECK(json["compositions"][1]["test_comparison"]["p_seeds_holm"].is_null());
  CHECK(csv_of({{{"a", 1}, {"b", "x\"y"}}, {{"a", nullptr}, {"c", 2.5}, {"d", {1, 2}}}}) ==
        "a,b,c\n1,\"x\"\"y\",\n,,2.5\n");
  const std::string accuracy = accuracy_picture(findings);
  for (const char* words : {"<svg xmlns=\"http://www.w3.org/2000/svg\"", "a|b_c &amp; 50%", "other",
                            "Accuracy on the test texts, per cent"})
    CHECK(accuracy.find(words) != std::string::npos);
  CHECK(curves_picture(findings).empty());  // nobody judged the epochs
  for (StudiedComposition& composition : world.study.compositions) {
    for (FinishedRun& run : composition.runs)
      run.epochs = {{.loss = 1.0, .test_accuracy = 0.5}, {.loss = 0.5, .test_accuracy = 0.75}};
  }
  CHECK(curves_picture(StudyFindings(world.study)).find("ends at 75") != std::string::npos);
  CHECK(p_value(0.0004) == "< 0.001");
  CHECK(p_value(std::nullopt) == "-");
}

TEST_CASE("a study's folder: runs once, shared, kept through failures", "[studies]") {
  const TemporaryFolder folder;
  World world(20);
  const auto plan = [](int i) { return PlannedRun{"c" + std::to_string(i), "1", {{"i", i}}}; };
  CHECK(plan(1).id() != plan(2).id());
  CHECK(plan(1).id() == plan(1).id());
  {
    const StudyFolder study(folder / "s", StudyFolder::Sharing::alone, "grid");
    CHECK_THROWS_AS(StudyFolder(folder / "s", StudyFolder::Sharing::alone, "grid"), InputError);
    const auto claim = study.claim(plan(1));
    REQUIRE(claim);
    CHECK_FALSE(study.claim(plan(1)));  // somebody is at it
    study.fail(*claim, "words");
    CHECK(*study.failure(plan(1).id()) == "words");
    CHECK_FALSE(study.is_done(plan(1).id()));
  }
  const StudyFolder study(folder / "s", StudyFolder::Sharing::joined, "grid");
  const StudyFolder beside(folder / "s", StudyFolder::Sharing::joined, "grid");
  CHECK_THROWS_AS(StudyFolder(folder / "s", StudyFolder::Sharing::joined, "another"), InputError);
  FinishedRun run = world.run("1", 3, 7);
  run.train.confidences[4] = 0.1f;
  run.epochs = {{0.5, 0.1, 0.0, 0.0, 0.8, std::nullopt}, {0.25, 0.1, 0.2, 0.3, 0.9, 0.75}};
  {
    const auto claim = study.claim(plan(1));
    REQUIRE(claim);
    CHECK_FALSE(beside.claim(plan(1)));
    study.finish(*claim, run, {{"seconds", 2.5}, {"covering_rate", 0.5}}, world.study, nullptr);
  }
  CHECK_FALSE(beside.claim(plan(1)));  // it is whole
  CHECK(beside.done_in_all() == 1);
  CHECK_FALSE(study.failure(plan(1).id()));
  const auto [read, metrics] = beside.read(plan(1), world.study);
  CHECK(read.train.labels == run.train.labels);
  CHECK(read.train.confidences == run.train.confidences);
  CHECK(read.test.labels == run.test.labels);
  CHECK(read.seconds == 2.5);
  CHECK(*read.covering_rate == 0.5);
  CHECK_FALSE(read.valid_accuracy);
  REQUIRE(read.epochs.size() == 2);
  CHECK(read.epochs[1].rescued == 0.3);
  CHECK(*read.epochs[1].test_accuracy == 0.75);
  CHECK_FALSE(read.epochs[0].test_accuracy);

  // In a joined study a failure is not repeated by the next process.
  study.fail(*study.claim(plan(2)), "no luck");
  CHECK_FALSE(beside.claim(plan(2)));
  fs::create_directories(folder / ("s/runs/" + plan(3).id()));
  folder.file("s/runs/" + plan(3).id() + "/run.json", "{\"fingerprint\": {\"i\": 4}}");
  CHECK_THROWS_AS(study.claim(plan(3)), RunError);
}

TEST_CASE("run_study runs what is missing, within cores and memory, past failures", "[studies]") {
  const TemporaryFolder folder;
  World world(10);
  const StudyFolder study(folder / "s", StudyFolder::Sharing::alone, "grid");
  std::atomic<int> running{0}, on_device{0}, most{0}, most_on_device{0}, trained{0};
  std::vector<StudyJob> jobs;
  for (int i = 0; i < 12; ++i) {
    StudyJob job;
    job.planned = {"c", std::to_string(i), {{"i", i}}};
    // Three on the host at a time, one on the device; one larger than the budget runs alone.
    job.memory = {i == 11 ? 100.0 : 1.0, i % 2 == 0 ? 1.0 : 0.0};
    job.train = [&, i](const fs::path&) -> TrainedRun {
      most = std::max(most.load(), ++running);
      if (i % 2 == 0) most_on_device = std::max(most_on_device.load(), ++on_device);
      if (i == 11) CHECK(running == 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      --running;
      if (i % 2 == 0) --on_device;
      if (i == 5) throw RunError("diverged");
      ++trained;
      return {world.run("", 0, i % 5), {{"i", i}}};
    };
    jobs.push_back(std::move(job));
  }
  std::vector<int> done(12), failed(12);
  StudyEvents events;
  events.done = [&](std::size_t i, TrainedRun run, bool) {
    ++done[i];
    CHECK(run.run.seed == std::to_string(i));
    CHECK(run.metrics["i"] == i);
  };
  events.failed = [&](std::size_t i, const std::string& reason) {
    ++failed[i];
    CHECK(reason == "diverged");
  };
  CHECK(run_study(study, jobs, world.study, {8, {3.0, 1.0}}, events) == 0);
  CHECK(most <= 3);
  CHECK(most_on_device <= 1);
  CHECK(trained == 11);
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(done[i] == (i == 5 ? 0 : 1));
    CHECK(failed[i] == (i == 5 ? 1 : 0));
  }
  // Again: all are reported, only the failed one is tried.
  CHECK(run_study(study, jobs, world.study, {2, {}}, events) == 0);
  CHECK(trained == 11);
  CHECK(failed[5] == 2);
  CHECK(done[3] == 2);
  const std::atomic<bool> stop{true};
  CHECK_THROWS_AS(run_study(study, jobs, world.study, {2, {}}, events, &stop), Interrupted);

  // A device that failed is the failure of one run; one that is lost is nobody's.
  const TemporaryFolder other;
  const StudyFolder on_gpu(other / "s", StudyFolder::Sharing::alone, "grid");
  std::vector<StudyJob> two(jobs.begin(), jobs.begin() + 2);
  bool lost = false;
  int begun = 0;
  for (StudyJob& job : two) {
    job.train = [&](const fs::path&) -> TrainedRun {
      ++begun;
      throw DeviceError("no memory", lost);
    };
  }
  std::vector<std::string> reasons;
  StudyEvents told;
  told.failed = [&](std::size_t, const std::string& reason) { reasons.push_back(reason); };
  CHECK(run_study(on_gpu, two, world.study, {1, {}}, told) == 0);
  CHECK(reasons == std::vector<std::string>{"no memory", "no memory"});
  lost = true;
  begun = 0;
  reasons.clear();
  CHECK_THROWS_AS(run_study(on_gpu, two, world.study, {1, {}}, told), DeviceError);
  CHECK(reasons.empty());
  CHECK(begun == 1);
}

TEST_CASE("runs that memory allows run beside each other", "[studies]") {
  World world(10);
  for (const StudyMemory limit : {StudyMemory{4.0, 2.0}, StudyMemory{}}) {
    const TemporaryFolder folder;
    const StudyFolder study(folder / "s", StudyFolder::Sharing::alone, "grid");
    std::mutex mutex;
    std::condition_variable came;
    std::vector<int> there(2);
    int met = 0;
    std::vector<StudyJob> jobs;
    // 0 and 2 wait for each other, then 3 and 4; 1 is larger than the limit.
    for (const int pair : {0, -1, 0, 1, 1}) {
      StudyJob job;
      job.planned = {"c", std::to_string(jobs.size()), {{"i", jobs.size()}}};
      job.memory = pair < 0 ? StudyMemory{100.0, 0.0} : StudyMemory{2.0, 1.0};
      job.train = [&, pair](const fs::path&) -> TrainedRun {
        if (pair >= 0) {
          std::unique_lock lock(mutex);
          int& both = there[static_cast<std::size_t>(pair)];
          ++both;
          came.notify_all();
          if (came.wait_for(lock, std::chrono::seconds(10), [&] { return both == 2; })) ++met;
        }
        return {world.run("", 0, 1), {}};
      };
      jobs.push_back(std::move(job));
    }
    CHECK(run_study(study, jobs, world.study, {2, limit}, {}) == 0);
    CHECK(met == 4);
  }
}
