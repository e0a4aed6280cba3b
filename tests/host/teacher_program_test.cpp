// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist annotate --annotator openai against a server in another process: what it writes, what it
// pays for, and what is left when it is killed.

#include <map>

#include "candist/fingerprint.hpp"
#include "support/teacher.hpp"

using namespace candist::testing;
using candist::CounterRng;
using Server = ChatServerProcess;

namespace {

/// What a finished file says, without what differs from run to run.
std::string without_dates(const std::vector<json>& lines) {
  std::string text;
  for (json line : lines) {
    line.erase("date");
    text += line.dump() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("a model's answers become an annotations file that says where it comes from") {
  const TemporaryFolder folder;
  write_texts(folder, 50);
  folder.file("prices.json",
              R"({"currency": "EUR", "models": {"mock": {"input": 1.0, "output": 10.0}}})");
  const Server server(folder);
  const Outcome outcome = candist_program(folder, ask(server, "--price prices.json --json"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<json> lines = lines_of(folder / "ann.jsonl");
  REQUIRE(lines.size() == 50);
  double cost = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i]["id"] == "t" + std::to_string(i));
    CHECK(lines[i]["status"] == "answered");
    CHECK(lines[i]["model"] == "mock");
    CHECK(lines[i]["prompt"] == "ca_all");
    CHECK(!lines[i]["candidates"].empty());
    CHECK(lines[i]["raw"].get<std::string>().find(lines[i]["candidates"][0].get<std::string>()) !=
          std::string::npos);
    CHECK(lines[i]["date"].get<std::string>().size() == 20);
    CHECK(lines[i]["parameters"]["temperature"] == 0.3);
    const json& usage = lines[i]["usage"];
    const double expected =
        (usage["prompt_tokens"].get<double>() + 10 * usage["completion_tokens"].get<double>()) /
        1e6;
    CHECK(lines[i]["cost"].get<double>() == Approx(expected));
    cost += expected;
  }
  const json result = json::parse(outcome.out);
  CHECK(result["cost"].get<double>() == Approx(cost));
  CHECK(result["answers"] == 50);
  CHECK(server.requests() == 50);
  // What it wrote, every other command reads.
  CHECK(candist_program(folder,
                        "distill --data texts.jsonl --labels labels.json --candidates ann.jsonl "
                        "--quiet --epochs 1 --out run")
            .code == 0);
}

TEST_CASE("an answered text is never asked about again, whatever happens between") {
  const TemporaryFolder folder;
  write_texts(folder, 40);
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server)).code == 0);
  const std::string first = without_dates(lines_of(folder / "ann.jsonl"));
  REQUIRE(server.requests() == 40);

  SECTION("started again, also without its output") {
    std::filesystem::remove(folder / "ann.jsonl");
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    CHECK(server.requests() == 40);
    CHECK(without_dates(lines_of(folder / "ann.jsonl")) == first);
  }
  SECTION("with more texts it asks about those") {
    write_texts(folder, 55);
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    CHECK(server.requests() == 55);
  }
  SECTION("a text that has changed is asked about, the others are not") {
    std::string texts = read_file(folder / "texts.jsonl");
    texts.replace(texts.find("number 7\""), 9, "number 7777\"");
    folder.file("texts.jsonl", texts);
    const Outcome outcome = candist_program(folder, ask(server));
    REQUIRE(outcome.code == 0);
    CHECK(server.requests() == 41);
    CHECK(outcome.err.find("1 replies in the journal are to texts that have changed") !=
          std::string::npos);
  }
  SECTION(
      "another prompt, model or label file begins a journal of its own; going back asks nothing") {
    REQUIRE(candist_program(folder, ask(server, "--prompt sa")).code == 0);
    CHECK(server.requests() == 80);
    CHECK(journals(folder).size() == 2);
    folder.file(
        "labels.json",
        R"([{"name": "fruit", "description": "what is sweet"}, {"name": "vehicle"}, {"name": "colour"}])");
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    CHECK(server.requests() == 120);
    CHECK(journals(folder).size() == 3);
    REQUIRE(candist_program(folder, ask(server, "--prompt sa --temperature 0.7")).code == 0);
    CHECK(server.requests() == 160);
    write_texts(folder, 40);
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    CHECK(server.requests() == 160);
    CHECK(without_dates(lines_of(folder / "ann.jsonl")) == first);
  }
}

TEST_CASE(
    "killed a hundred times, every text is answered once and none paid for twice but those under "
    "way") {
  const TemporaryFolder folder;
  constexpr int texts = 10000;
  constexpr int concurrency = 16;
  write_texts(folder, texts);
  std::string undisturbed;
  {
    const Server server(folder, "--latency-ms 1");
    REQUIRE(candist_program(folder, ask(server, "--concurrency 64")).code == 0);
    undisturbed = without_dates(lines_of(folder / "ann.jsonl"));
    for (const auto& journal : journals(folder)) std::filesystem::remove(journal);
    std::filesystem::remove(folder / "ann.jsonl");
    std::filesystem::remove(folder / "asked.txt");
  }
  const Server server(folder, "--latency-ms 10");
  const std::string command = ask(server, "--concurrency " + std::to_string(concurrency));
  int kills = 0;
  for (int round = 0; round < 100; ++round) {
    const pid_t child = start(folder, command);
    CounterRng rng(1, candist::RandomPurpose::resampling, 0, static_cast<std::uint64_t>(round));
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + rng.below(100)));
    kill(child, SIGKILL);
    const int status = status_of(child);
    kills += WIFSIGNALED(status) ? 1 : 0;
    CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
  }
  const Outcome outcome = candist_program(folder, command);
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(without_dates(lines_of(folder / "ann.jsonl")) == undisturbed);
  const auto asked = server.asked();
  CHECK(asked.size() == texts);
  std::int64_t twice = 0;
  for (const auto& [question, count] : asked) twice += count - 1;
  std::printf("%d kills, %lld questions asked more than once\n", kills,
              static_cast<long long>(twice));
  CHECK(kills > 50);
  CHECK(twice <= static_cast<std::int64_t>(kills) * concurrency);
}

TEST_CASE("through a storm of failures everything is answered as without it") {
  const TemporaryFolder folder;
  write_texts(folder, 400);
  std::string calm;
  {
    const Server server(folder);
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    calm = without_dates(lines_of(folder / "ann.jsonl"));
  }
  for (const auto& journal : journals(folder)) std::filesystem::remove(journal);
  const Server server(folder, "--storm");
  const Outcome outcome = candist_program(folder, ask(server, "--retries 20"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(without_dates(lines_of(folder / "ann.jsonl")) == calm);
}

TEST_CASE("planning and showing ask nothing and leave nothing behind") {
  const TemporaryFolder folder;
  write_texts(folder, 30);
  folder.file("prices.json", R"({"models": {"mock": {"input": 1.0, "output": 10.0}}})");
  const Server server(folder);
  const Outcome plan = candist_program(folder, ask(server, "--plan --price prices.json --json"));
  INFO(plan.err);
  REQUIRE(plan.code == 0);
  const json before = json::parse(plan.out);
  CHECK(before["questions"] == 30);
  CHECK(before["cost"].get<double>() > 0);
  CHECK(before["cost_low"].get<double>() < before["cost"].get<double>());
  CHECK(candist_program(folder, ask(server, "--show-prompt")).out.find("about thing number 0") !=
        std::string::npos);
  CHECK(server.requests() == 0);
  CHECK(journals(folder).empty());
  CHECK(!std::filesystem::exists(folder / "ann.jsonl"));

  REQUIRE(candist_program(folder, ask(server)).code == 0);
  write_texts(folder, 60);
  const json after =
      json::parse(candist_program(folder, ask(server, "--plan --price prices.json --json")).out);
  CHECK(after["questions"] == 30);
  CHECK(after["replies"] == 30);
  double real = 0;
  for (const json& line : lines_of(folder / "ann.jsonl"))
    real += line["usage"]["prompt_tokens"].get<double>();
  CHECK(after["prompt_tokens"].get<double>() == Approx(real).epsilon(0.05));  // calibrated by them
}

TEST_CASE("a budget stops the asking before it is spent, and a larger one goes on") {
  const TemporaryFolder folder;
  write_texts(folder, 200);
  folder.file("prices.json", R"({"models": {"mock": {"input": 1000.0, "output": 1000.0}}})");
  const Server server(folder);
  const Outcome stopped =
      candist_program(folder, ask(server, "--price prices.json --budget 5 --max-tokens 20"));
  CHECK(stopped.code == 1);
  CHECK(stopped.err.find("the budget of 5.00 USD is spent") != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "ann.jsonl"));
  const std::int64_t asked = server.requests();
  CHECK(asked > 0);
  CHECK(asked < 200);
  const Outcome again =
      candist_program(folder, ask(server, "--price prices.json --budget 5 --max-tokens 20"));
  CHECK(again.code == 1);
  CHECK(server.requests() - asked <= 1);  // what was reserved may have become free
  REQUIRE(candist_program(folder, ask(server, "--price prices.json --budget 5000 --max-tokens 20"))
              .code == 0);
  CHECK(server.requests() == 200);
  double spent = 0;
  std::int64_t before = 0;
  for (const json& line : lines_of(folder / "ann.jsonl")) {
    if (before++ < asked) spent += line["cost"].get<double>();
  }
  CHECK(spent <= 5.0);
}

TEST_CASE("replies that name no label are asked about once more and then recorded as they are") {
  const TemporaryFolder folder;
  write_texts(folder, 60);
  const Server server(folder, "--unreadable 50");
  const Outcome outcome = candist_program(folder, ask(server, "--json"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const json result = json::parse(outcome.out);
  CHECK(result["asked_again"].get<int>() > 10);
  CHECK(result["unreadable"] == 0);
  CHECK(server.requests() == 60 + result["asked_again"].get<int>());
}

TEST_CASE("several samples vote, and more samples keep those that are there") {
  const TemporaryFolder folder;
  write_texts(folder, 30);
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server, "--samples 3")).code == 0);
  CHECK(server.requests() == 90);
  REQUIRE(candist_program(folder, ask(server, "--samples 5 --fold top --k 1")).code == 0);
  CHECK(server.requests() == 150);
  for (const json& line : lines_of(folder / "ann.jsonl")) {
    CHECK(line["candidates"].size() == 1);
    CHECK(line["votes"].size() == 1);
    CHECK(line["votes"][0].get<int>() >= 1);
    CHECK(line["votes"][0].get<int>() <= 5);
    CHECK(line["raw"].size() == 5);
  }
  REQUIRE(candist_program(folder, ask(server, "--samples 2 --prompt sa,ca-all --fold any")).code ==
          0);
  CHECK(server.requests() == 210);
  CHECK(lines_of(folder / "ann.jsonl")[0]["prompt"] == "sa,ca_all");
  CHECK(lines_of(folder / "ann.jsonl")[0]["raw"].size() == 4);
}

TEST_CASE("a batch written and its results read are as good as asking") {
  const TemporaryFolder folder;
  write_texts(folder, 25);
  std::string online;
  {
    const Server server(folder);
    REQUIRE(candist_program(folder, ask(server)).code == 0);
    online = without_dates(lines_of(folder / "ann.jsonl"));
  }
  std::map<std::string, json> replies;  // of the journal, by text
  for (const json& line : lines_of(folder / "ann.jsonl")) replies[line["id"]] = line;
  for (const auto& journal : journals(folder)) std::filesystem::remove(journal);
  std::filesystem::remove(folder / "ann.jsonl");
  std::filesystem::remove(folder / "asked.txt");

  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server, "--write-batch batch.jsonl")).code == 0);
  CHECK(server.requests() == 0);
  const std::vector<json> requests = lines_of(folder / "batch.jsonl");
  REQUIRE(requests.size() == 25);
  std::string results;
  for (std::size_t i = 0; i + 5 < requests.size(); ++i) {  // the last five come back failed
    const json& reply = replies["t" + std::to_string(i)];
    results += json{{"id", "b" + std::to_string(i)},
                    {"custom_id", requests[i]["custom_id"]},
                    {"error", nullptr},
                    {"response",
                     {{"status_code", 200},
                      {"body",
                       {{"model", "mock"},
                        {"choices",
                         {{{"index", 0},
                           {"finish_reason", "stop"},
                           {"message", {{"role", "assistant"}, {"content", reply["raw"]}}}}}},
                        {"usage", reply["usage"]}}}}}}
                   .dump() +
               "\n";
  }
  folder.file("results.jsonl", results);
  const Outcome outcome = candist_program(folder, ask(server, "--read-batch results.jsonl"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(server.requests() == 5);
  CHECK(without_dates(lines_of(folder / "ann.jsonl")) == online);
}

TEST_CASE("what is wrong is one line, and the key is nowhere") {
  const TemporaryFolder folder;
  write_texts(folder, 20);
  const Server server(folder, "--require-key sesame-secret");
  folder.file("key.txt", "sesame-secret\n");
  folder.file("wrong.txt", "wrong-secret\n");
  const auto expect = [&](const std::string& more, int code, const std::string& words) {
    const Outcome outcome = candist_program(folder, ask(server, more));
    INFO(more << "\n" << outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.err.find(words) != std::string::npos);
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK(outcome.err.find("secret") == std::string::npos);
    CHECK(!std::filesystem::exists(folder / "ann.jsonl"));
  };
  expect("--api-key-file wrong.txt", 2, "401");
  expect("--api-key-env NOT_SET_ANYWHERE", 2, "NOT_SET_ANYWHERE is not set");
  expect("--prompt ca-most", 2, "ca_all");
  expect("--fold most", 2, "at-least");
  expect("--prompt select", 2, "--candidates");
  expect("--budget 5", 2, "--price");
  expect("--extra nonsense", 2, "a JSON object");
  expect("--samples 4 --temperature 0", 2, "temperature");
  expect("--price prices.json", 2, "prices.json");
  expect("--concurrency 0", 2, "1 to 4096");
  expect("--plan --show-prompt", 2, "expected one");
  CHECK(candist_program(
            folder, "annotate --data texts.jsonl --labels labels.json --model mock --out ann.jsonl")
            .err.find("--annotator openai") != std::string::npos);
  const Outcome down =
      candist_program(folder,
                      "annotate --annotator openai --data texts.jsonl --labels labels.json --model "
                      "m --quiet --retries 1 --endpoint http://127.0.0.1:1/v1 --out ann.jsonl");
  CHECK(down.code == 1);
  CHECK(down.err.find("127.0.0.1:1") != std::string::npos);

  REQUIRE(candist_program(folder, ask(server, "--api-key-file key.txt")).code == 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    if (name != "key.txt" && name != "wrong.txt" && entry.is_regular_file()) {
      INFO(name);
      CHECK(read_file(entry.path()).find("sesame-secret") == std::string::npos);
    }
  }
}

TEST_CASE("Ctrl-C takes what is under way, keeps it and says how to go on") {
  const TemporaryFolder folder;
  write_texts(folder, 5000);
  const Server server(folder, "--latency-ms 20");
  const pid_t child = start(folder, ask(server));
  wait_until(
      [&] { return std::filesystem::exists(folder / "asked.txt") && server.requests() > 50; });
  kill(child, SIGINT);
  const int status = status_of(child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(read_file(folder / "err.txt").find("start again to go on") != std::string::npos);
  const std::int64_t before = server.requests();
  REQUIRE(candist_program(folder, ask(server, "--concurrency 256")).code == 0);
  CHECK(server.requests() == 5000);
  CHECK(before < 5000);
}
