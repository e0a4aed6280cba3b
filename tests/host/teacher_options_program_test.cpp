// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What candist annotate --annotator openai can be told: prompts, demonstrations, log-probabilities,
// structure, limits, texts that the model refuses, a disk that is full.

#include <chrono>
#include <set>

#include "support/teacher.hpp"

using namespace candist::testing;
using Server = ChatServerProcess;

namespace {

json first_request(const TemporaryFolder& folder, const Server& server, const std::string& more) {
  const Outcome outcome = candist_program(folder, ask(server, more + " --show-prompt"));
  INFO(more << "\n" << outcome.err);
  REQUIRE(outcome.code == 0);
  return json::parse(outcome.out);
}

const char* const demonstrations = R"({"text": "an apple", "label": "fruit"}
{"text": "a lorry", "candidates": ["vehicle", "colour"]}
{"text": "a red one", "label": "colour"}
)";

}  // namespace

TEST_CASE("select asks the model to choose among each text's candidates") {
  const TemporaryFolder folder;
  write_texts(folder, 30);
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server)).code == 0);
  std::filesystem::rename(folder / "ann.jsonl", folder / "candidates.jsonl");
  const std::vector<json> before = lines_of(folder / "candidates.jsonl");
  const auto several = std::count_if(
      before.begin(), before.end(), [](const json& line) { return line["candidates"].size() > 1; });
  REQUIRE(several > 0);
  REQUIRE(several < 30);
  REQUIRE(
      candist_program(folder, ask(server, "--prompt select --candidates candidates.jsonl")).code ==
      0);
  // Where there is one candidate there is nothing to choose.
  CHECK(server.requests() == 30 + several);
  const std::vector<json> after = lines_of(folder / "ann.jsonl");
  for (std::size_t i = 0; i < after.size(); ++i) {
    REQUIRE(after[i]["candidates"].size() == 1);
    const json& names = before[i]["candidates"];
    CHECK(std::find(names.begin(), names.end(), after[i]["candidates"][0]) != names.end());
  }
  const Outcome useless = candist_program(folder, ask(server, "--candidates candidates.jsonl"));
  CHECK(useless.code == 2);
  CHECK(useless.err.find("does not show them") != std::string::npos);
}

TEST_CASE("demonstrations stand before the question, in the order that was asked for") {
  const TemporaryFolder folder;
  write_texts(folder, 5);
  folder.file("shown.jsonl", demonstrations);
  const Server server(folder);
  const json all = first_request(folder, server, "--demonstrations shown.jsonl");
  const json none = first_request(folder, server, "");
  CHECK(all["messages"].size() == none["messages"].size() + 6);
  CHECK(all.dump().find("a lorry") != std::string::npos);
  CHECK(
      first_request(folder, server, "--demonstrations shown.jsonl --shots 2")["messages"].size() ==
      none["messages"].size() + 4);
  std::set<std::string> orders;
  for (const char* order : {"1", "2", "3", "4", "5"})
    orders.insert(
        first_request(folder, server,
                      "--demonstrations shown.jsonl --demonstration-order " + std::string(order))
            .dump());
  CHECK(orders.size() > 1);
  // Each order is another prompt, so each has a journal; together they vote.
  REQUIRE(candist_program(folder, ask(server,
                                      "--demonstrations shown.jsonl --demonstration-order 1,2,3 "
                                      "--fold at-least --k 2"))
              .code == 0);
  CHECK(journals(folder).size() == 3);
  CHECK(server.requests() == 15);
  CHECK(lines_of(folder / "ann.jsonl")[0]["raw"].size() == 3);
}

TEST_CASE("an encoder's embeddings choose the nearest demonstrations") {
  const TemporaryFolder folder;
  folder.file("texts.jsonl", R"({"id": "0", "text": "A  red one"}
{"id": "1", "text": "an apple"}
)");
  folder.file("labels.json", R"(["fruit", "vehicle", "colour"])");
  folder.file("shown.jsonl", demonstrations);
  const Server server(folder);
  const auto encoder =
      std::filesystem::path(__FILE__).parent_path().parent_path() / "fixtures/encoders/tiny_bert";
  const json request = first_request(
      folder, server, "--demonstrations shown.jsonl --shots 1 --embedder " + encoder.string());
  const std::string before_last =
      request["messages"][request["messages"].size() - 3].value("content", "");
  // The encoder sees no difference, so no other is nearer; the very same text would not be shown.
  CHECK(before_last.find("a red one") != std::string::npos);
  CHECK(request.dump().find("a lorry") == std::string::npos);
}

TEST_CASE("the model writes a pool of demonstrations, which a run then shows") {
  const TemporaryFolder folder;
  write_texts(folder, 5);
  const Server server(folder);
  const Outcome outcome = candist_program(
      folder, ask(server, "--write-demonstrations pool.jsonl --pool 12 --task 'sorting things'"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<json> pool = lines_of(folder / "pool.jsonl");
  REQUIRE(pool.size() == 12);
  std::map<std::string, std::set<std::string>> texts;
  for (const json& line : pool) texts[line["answer"]].insert(line["text"]);
  CHECK(texts.size() == 3);
  for (const auto& [label, examples] : texts) CHECK(examples.size() == 4);
  CHECK(!std::filesystem::exists(folder / "ann.jsonl"));
  REQUIRE(candist_program(folder, ask(server, "--demonstrations pool.jsonl --shots 3")).code == 0);
}

TEST_CASE("log-probabilities become weights, in the file and from the journal") {
  const TemporaryFolder folder;
  write_texts(folder, 20);
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server, "--logprobs")).code == 0);
  const std::vector<json> lines = lines_of(folder / "ann.jsonl");
  std::size_t several = 0;
  for (const json& line : lines) {
    if (line["candidates"].size() < 2) continue;
    ++several;
    REQUIRE(line["weights"].size() == 2);
    CHECK(line["weights"][0].get<double>() > line["weights"][1].get<double>());
    CHECK(line["weights"][0].get<double>() + line["weights"][1].get<double>() == Approx(1));
  }
  CHECK(several > 0);
  REQUIRE(candist_program(folder, ask(server, "--logprobs")).code == 0);
  CHECK(server.requests() == 20);
  for (std::size_t i = 0; i < lines.size(); ++i)
    CHECK(lines_of(folder / "ann.jsonl")[i]["candidates"] == lines[i]["candidates"]);
}

TEST_CASE("labels that were probable in place of the answer become candidates") {
  const TemporaryFolder folder;
  write_texts(folder, 10);
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server, "--prompt sa --alternatives 5")).code == 0);
  for (const json& line : lines_of(folder / "ann.jsonl")) {
    REQUIRE(line["candidates"].size() == 3);
    CHECK(line["candidates"][0] == line["raw"]);  // the answer, of probability 1/2
    CHECK(line["weights"][0].get<double>() == Approx(0.5 / 0.75));
    CHECK(line["weights"][1].get<double>() == Approx(0.125 / 0.75));
  }
  CHECK(candist_program(folder, ask(server, "--alternatives 5")).err.find("asks for several") !=
        std::string::npos);
}

TEST_CASE("structure is asked for, and done without where the endpoint refuses it") {
  const TemporaryFolder folder;
  write_texts(folder, 40);
  {
    const Server server(folder);
    const json request = first_request(folder, server, "--structured");
    CHECK(request["response_format"]["type"] == "json_schema");
    CHECK(request.dump().find("vehicle") != std::string::npos);
  }
  const Server server(folder, "--refuse-structure");
  const Outcome outcome = candist_program(folder, ask(server, "--structured --concurrency 4"));
  INFO(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.find("refuses response_format") != std::string::npos);
  CHECK(lines_of(folder / "ann.jsonl").size() == 40);
  const std::int64_t asked = server.requests();
  CHECK(asked <= 40 + 2 * 4);  // the first few were refused
  REQUIRE(candist_program(folder, ask(server, "--structured --concurrency 4")).code == 0);
  CHECK(server.requests() == asked);
  CHECK(candist_program(folder, ask(server, "--structured --step-by-step"))
            .err.find("no room for reasoning") != std::string::npos);
}

TEST_CASE("limits of requests a minute are kept") {
  const TemporaryFolder folder;
  write_texts(folder, 40);
  const Server server(folder);
  const auto begin = std::chrono::steady_clock::now();
  // Twenty a second: a second's worth at once, the other twenty in the second after.
  REQUIRE(
      candist_program(folder, ask(server, "--requests-per-minute 1200 --concurrency 64")).code ==
      0);
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(900));
  CHECK(server.requests() == 40);
}

TEST_CASE(
    "a text that the model refuses is named, the others are kept; allowed, its set is empty") {
  const TemporaryFolder folder;
  write_texts(folder, 20);
  const Server server(folder, "--refuse 'number 7'");
  const Outcome refused = candist_program(folder, ask(server));
  CHECK(refused.code == 1);
  CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  for (const char* words : {"\"t7\"", "maximum context length", "shorten the text", "are kept in"})
    CHECK(refused.err.find(words) != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "ann.jsonl"));
  CHECK(server.requests() == 20);
  REQUIRE(candist_program(folder, ask(server, "--allow-failed")).code == 0);
  CHECK(server.requests() == 21);  // a failure is no answer: it is asked about anew
  const json line = lines_of(folder / "ann.jsonl")[7];
  CHECK(line["candidates"].empty());
  CHECK(line["status"] == "failed");
  CHECK(line["reason"].get<std::string>().find("maximum context length") != std::string::npos);
  // Shortened, it is the only one that is asked about.
  std::string texts = read_file(folder / "texts.jsonl");
  texts.replace(texts.find("number 7\""), 9, "no. 7\"");
  folder.file("texts.jsonl", texts);
  REQUIRE(candist_program(folder, ask(server)).code == 0);
  CHECK(server.requests() == 22);
}

TEST_CASE("a full disk ends the run with a line; what was written serves the next one") {
  const TemporaryFolder folder;
  write_texts(folder, 400);
  const Server server(folder);
  // 16 KB a file, as a disk that has no more room.
  const Outcome full = candist_program(folder, ask(server), "ulimit -f 16; trap '' XFSZ;");
  INFO(full.err);
  CHECK(full.code == 1);
  CHECK(std::count(full.err.begin(), full.err.end(), '\n') == 1);
  CHECK(full.err.find(".journal-") != std::string::npos);
  CHECK(!std::filesystem::exists(folder / "ann.jsonl"));
  const std::int64_t asked = server.requests();
  CHECK(asked < 400);
  REQUIRE(candist_program(folder, ask(server)).code == 0);
  CHECK(server.requests() <= 400 + 17);  // those under way, and the one that did not fit
  CHECK(lines_of(folder / "ann.jsonl").size() == 400);
}

TEST_CASE("two runs on one journal: the second says so") {
  const TemporaryFolder folder;
  write_texts(folder, 2000);
  const Server server(folder, "--latency-ms 20");
  const pid_t child = start(folder, ask(server));
  wait_until([&] { return !journals(folder).empty() && server.requests() > 20; });
  const Outcome second = candist_program(folder, ask(server));
  CHECK(second.code != 0);
  CHECK(second.err.find("journal") != std::string::npos);
  kill(child, SIGINT);
  status_of(child);
}

TEST_CASE("a template of one's own is asked, and its mistakes are named with their line") {
  const TemporaryFolder folder;
  write_texts(folder, 3);
  folder.file(
      "mine.txt",
      "answers: one\n[system]\nNames:\n- fruit\n- vehicle\n- colour\n[user]\nWhat is: {text}?\n");
  const Server server(folder);
  REQUIRE(candist_program(folder, ask(server, "--prompt mine.txt")).code == 0);
  for (const json& line : lines_of(folder / "ann.jsonl")) {
    CHECK(line["candidates"].size() == 1);
    CHECK(line["prompt"] == "template");
  }
  folder.file("shown.jsonl", demonstrations);
  CHECK(candist_program(folder, ask(server, "--prompt mine.txt --demonstrations shown.jsonl"))
            .err.find("does not show them") != std::string::npos);
  folder.file("wrong.txt", "answers: one\n[user]\nWhat is: {txet}?\n");
  const Outcome wrong = candist_program(folder, ask(server, "--prompt wrong.txt"));
  CHECK(wrong.code == 2);
  CHECK(wrong.err.find("wrong.txt:3") != std::string::npos);
  CHECK(wrong.err.find("txet") != std::string::npos);
}
