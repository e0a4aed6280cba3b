// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/journal.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <random>
#include <thread>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::read_file;
using candist::testing::TemporaryFolder;
using Catch::Contains;
using Json = nlohmann::ordered_json;

namespace {

const Json settings = {{"model", "m"}, {"temperature", 0.3}, {"labels", {"a", "b"}}};

JournalEntry entry_of(int number, const std::string& content = "x") {
  JournalEntry entry;
  entry.id = "t" + std::to_string(number);
  entry.text_hash = fingerprint(entry.id).high;
  entry.reply.content = content;
  return entry;
}

std::vector<JournalEntry> reopened(const std::filesystem::path& path) {
  return Journal(path, settings).take_recorded();
}

/// A journal of some entries; its bytes.
std::string write_entries(const std::filesystem::path& path, int count) {
  Journal journal(path, settings);
  for (int i = 0; i < count; ++i) journal.append(entry_of(i, "reply " + std::to_string(i)));
  journal.sync();
  return read_file(path);
}

void expect_refused(const std::filesystem::path& path, const std::string& words,
                    const Json& with = settings) {
  const auto open = [&] { Journal(path, with); };
  CHECK_THROWS_AS(open(), InputError);
  CHECK_THROWS_WITH(open(), Contains(words));
}

/// A new file, for file systems sync one that is written over.
void replace(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Runs `work` in a process of its own; its status.
template <class Work>
pid_t fork_to(Work&& work) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      work();
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(99);
    }
  }
  return child;
}

}  // namespace

TEST_CASE("what is appended is there again", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  JournalEntry full = entry_of(1, "line\nbreak \"quoted\" \xE4\xB8\xAD");
  full.text_hash = 0xFFFFFFFFFFFFFFFFu;
  full.sample = 4;
  full.ask = 1;
  full.reply.finish_reason = "stop";
  full.reply.model = "m-1";
  full.reply.usage = {1000, 20, 512};
  full.reply.logprobs = {{"a", -0.1, {{"a", -0.1}, {"b", -1e-7}}}, {"", -9999.0, {}}};
  {
    Journal journal(path, settings);
    CHECK(journal.recorded().empty());
    journal.append(full);
    journal.append(entry_of(2));
    journal.sync();
    journal.sync();
  }
  Journal journal(path, settings);
  CHECK(journal.torn_bytes() == 0);
  CHECK(journal.duplicates() == 0);
  REQUIRE(journal.recorded().size() == 2);
  const JournalEntry& read = journal.recorded()[0];
  CHECK(read.id == full.id);
  CHECK(read.text_hash == full.text_hash);
  CHECK(read.sample == 4);
  CHECK(read.ask == 1);
  CHECK(read.reply.content == full.reply.content);
  CHECK(read.reply.finish_reason == "stop");
  CHECK(read.reply.model == "m-1");
  CHECK(read.reply.usage == full.reply.usage);
  REQUIRE(read.reply.logprobs.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(read.reply.logprobs[i].token == full.reply.logprobs[i].token);
    CHECK(read.reply.logprobs[i].logprob == full.reply.logprobs[i].logprob);
    CHECK(read.reply.logprobs[i].top == full.reply.logprobs[i].top);
  }
  CHECK(journal.recorded()[1].reply.logprobs.empty());
  CHECK(journal.take_recorded().size() == 2);
  CHECK(journal.recorded().empty());
  CHECK_THAT(read_file(path), !Contains("logprobs\":[]"));
}

TEST_CASE("whatever bytes a reply holds, its journal opens", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  std::mt19937 random(2);
  std::vector<std::string> contents;
  {
    Journal journal(path, settings);
    for (int i = 0; i < 500; ++i) {
      std::string content(random() % 30, ' ');
      for (char& c : content) c = static_cast<char>(random());
      JournalEntry entry = entry_of(i, content);
      entry.reply.logprobs = {{content, std::nan(""), {{content, -HUGE_VAL}}}};
      journal.append(entry);
      contents.push_back(content);
    }
  }
  const auto read = reopened(path);
  REQUIRE(read.size() == contents.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (simdjson::validate_utf8(contents[i])) CHECK(read[i].reply.content == contents[i]);
    CHECK(read[i].reply.logprobs.at(0).logprob == -9999.0);
    CHECK(read[i].reply.logprobs.at(0).top.at(0).second == -9999.0);
  }
}

TEST_CASE("of two replies to one question the first counts", "[journal]") {
  TemporaryFolder folder;
  {
    Journal journal(folder / "j", settings);
    journal.append(entry_of(1, "first"));
    journal.append(entry_of(1, "second"));
    JournalEntry other = entry_of(1, "asked again");
    other.ask = 1;
    journal.append(other);
    other.ask = 0;
    other.sample = 1;
    journal.append(other);
    other.sample = 0;
    other.text_hash ^= 1;  // the text was changed since
    journal.append(other);
  }
  Journal journal(folder / "j", settings);
  CHECK(journal.duplicates() == 1);
  REQUIRE(journal.recorded().size() == 4);
  CHECK(journal.recorded()[0].reply.content == "first");
}

TEST_CASE("a journal of other settings is refused, and left as it is", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  const std::string bytes = write_entries(path, 2);
  Json other = settings;
  other["model"] = "n\n";
  expect_refused(path, "j.jsonl:1: found a journal of other settings (\"model\" is \"m\", now",
                 other);
  other = settings;
  other.erase("model");
  expect_refused(path, "other settings", other);
  other = settings;
  other["prompt"] = "p";
  expect_refused(path, "\"prompt\" is not there", other);
  CHECK(Journal::settings_fingerprint(settings) != Journal::settings_fingerprint(other));
  CHECK_THAT(bytes, Contains(Journal::settings_fingerprint(settings)));
  CHECK(read_file(path) == bytes);

  for (const char* content :
       {"{}\n", "id,text\n1,2", "\n", "{\"candist_journal\":2}\n", "x", "[]"}) {
    const auto foreign = folder.file("f", content);
    expect_refused(foreign, "f:1: found");
    CHECK(read_file(foreign) == content);
  }
  expect_refused(folder.path(), "directory");
  expect_refused(folder / "no" / "j", "No such file");
  expect_refused("/dev/null", "regular file");
}

TEST_CASE("one process at a time", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  std::optional<Journal> journal;
  journal.emplace(path, settings);
  expect_refused(path, "j.jsonl: found another candist is annotating into it");
  journal->append(entry_of(1));
  journal.reset();
  CHECK(reopened(path).size() == 1);
}

TEST_CASE("cut off anywhere in its last two lines, a journal keeps the whole ones", "[journal]") {
  TemporaryFolder folder;
  for (const int count : {3, 1}) {  // with one entry, the line before is the header
    const auto path = folder / ("j" + std::to_string(count));
    const std::string bytes = write_entries(path, count);
    const std::size_t last = bytes.rfind('\n', bytes.size() - 2);  // of the line before
    const std::size_t from =
        last == std::string::npos || count == 1 ? 0 : bytes.rfind('\n', last - 1) + 1;
    for (std::size_t size = from; size <= bytes.size(); ++size) {
      // What a power failure leaves: the bytes end, or blocks of zeros follow.
      for (const std::string& rest :
           {std::string(), std::string(5000, '\0'), std::string(9, '\0') + "x\n"}) {
        if (size == bytes.size() && rest.empty()) continue;
        if (count == 1 && size < last && size % 8 != 0) continue;  // a new beginning: three syncs
        if (count == 1 && size <= last && !rest.empty() && size > 0) continue;
        replace(path, bytes.substr(0, size) + rest);
        const auto lines =
            std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size), '\n');
        const auto whole = static_cast<std::size_t>(std::max<std::ptrdiff_t>(lines - 1, 0));
        if (count == 1 && size == 0 && rest.size() == 11) continue;  // no journal begins like this
        INFO(count << " entries, " << size << " of " << bytes.size() << " bytes, " << rest.size());
        {
          Journal journal(path, settings);
          REQUIRE(journal.recorded().size() == whole);
          for (std::size_t i = 0; i < whole; ++i)
            REQUIRE(journal.recorded()[i].reply.content == "reply " + std::to_string(i));
          const std::size_t kept = bytes.rfind('\n', size == 0 ? 0 : size - 1);
          const std::size_t sound = size == 0 || kept == std::string::npos ? 0 : kept + 1;
          REQUIRE(journal.torn_bytes() == static_cast<std::int64_t>(size + rest.size() - sound));
          if (size % 16 != 0) continue;  // every append costs a sync
          journal.append(entry_of(70));
        }
        const auto again = reopened(path);
        REQUIRE(again.size() == whole + 1);
        REQUIRE(again.back().id == "t70");
      }
    }
  }
}

TEST_CASE("a tail longer than a block is cut off as well", "[journal]") {
  TemporaryFolder folder;
  const std::string bytes = write_entries(folder / "j", 2);
  for (const std::size_t size : {65535u, 65536u, 65537u, 200000u}) {
    for (const char filling : {'x', '\0'}) {
      for (const char* end : {"", "\n"}) {
        if (filling == 'x' && *end != 0) continue;
        const std::string tail = std::string(size, filling) + end;
        folder.file("j", bytes + tail);
        Journal journal(folder / "j", settings);
        CHECK(journal.recorded().size() == 2);
        CHECK(journal.torn_bytes() == static_cast<std::int64_t>(tail.size()));
      }
    }
  }
  CHECK(read_file(folder / "j") == bytes);
}

TEST_CASE("a damaged byte anywhere is found, with its line", "[journal]") {
  TemporaryFolder folder;
  const std::string bytes = write_entries(folder / "j", 4);
  const std::size_t last_line = bytes.rfind('\n', bytes.size() - 2) + 1;
  std::mt19937 random(3);
  for (std::size_t at = 0; at < last_line; ++at) {
    std::string damaged = bytes;
    while (damaged[at] == bytes[at]) damaged[at] = static_cast<char>(random());
    replace(folder / "j", damaged);
    // A newline lost or made moves what follows, so count in what is there.
    const auto line =
        1 + std::count(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    INFO("byte " << at << " was " << int{bytes[at]} << ", is " << int{damaged[at]});
    if (bytes[at] == '\n' && damaged[at] == '\r') continue;
    std::string message;
    try {
      reopened(folder / "j");
    } catch (const InputError& error) {
      message = error.what();
    }
    REQUIRE_THAT(message, Contains("j:" + std::to_string(line) + ": "));
    REQUIRE(read_file(folder / "j") == damaged);
  }
}

TEST_CASE("no kill loses what was appended", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  std::mt19937 random(std::random_device{}());
  int written = 0;  // acknowledged over all processes
  int killed = 0;
  int wrote = 0;
  for (int round = 0; round < 150; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t child = fork_to([&] {
      ::close(ends[0]);
      Journal journal(path, settings);
      for (int i = static_cast<int>(journal.recorded().size());; ++i) {
        journal.append(entry_of(i, std::string(static_cast<std::size_t>(i % 50), 'x')));
        if (::write(ends[1], &i, sizeof i) != sizeof i) ::_exit(98);
        if (i % 40 == 0) journal.sync();
      }
    });
    ::close(ends[1]);
    // Every other time the kill waits for the first reply, so that it hits a writer and no opening.
    int acknowledged = -1;
    int last = -1;
    if (round % 2 == 1 && ::read(ends[0], &last, sizeof last) == sizeof last) acknowledged = last;
    std::thread killer([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 12000));
      ::kill(child, SIGKILL);
    });
    while (::read(ends[0], &last, sizeof last) == sizeof last) acknowledged = last;
    ::close(ends[0]);
    killer.join();
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    ++killed;
    wrote += acknowledged >= written ? 1 : 0;
    written = std::max(written, acknowledged + 1);
    Journal journal(path, settings);
    const auto& there = journal.recorded();
    REQUIRE(static_cast<int>(there.size()) >= written);
    for (int i = 0; i < static_cast<int>(there.size()); ++i)
      REQUIRE(there[static_cast<std::size_t>(i)].id == "t" + std::to_string(i));
    REQUIRE(journal.duplicates() == 0);
    if (written > 20000) {  // reading them all again each time takes longer than it teaches
      std::filesystem::remove(path);
      written = 0;
    }
  }
  CHECK(killed == 150);
  CHECK(wrote >= 75);
}

TEST_CASE("a full disk is an error, and the journal ends with a whole line", "[journal]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  const std::string before = write_entries(path, 3);
  for (const std::size_t room : {0u, 1u, 40u, 5000u}) {
    folder.file("j.jsonl", before);
    int status = 0;
    const pid_t child = fork_to([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      Journal journal(path, settings);
      struct rlimit limit = {};
      ::getrlimit(RLIMIT_FSIZE, &limit);
      limit.rlim_cur = before.size() + room;
      ::setrlimit(RLIMIT_FSIZE, &limit);
      int added = 0;
      bool failed = false;
      while (!failed && added < 1000) {
        try {
          journal.append(entry_of(100 + added));
          ++added;
        } catch (const RunError&) {
          failed = true;
        }
      }
      if (!failed) ::_exit(50);
      limit.rlim_cur = limit.rlim_max;  // somebody made room
      ::setrlimit(RLIMIT_FSIZE, &limit);
      journal.append(entry_of(7777));
      journal.sync();
      ::_exit(added > 40 ? 51 : added);
    });
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) < 50);
    Journal journal(path, settings);
    CHECK(journal.torn_bytes() == 0);
    CHECK(journal.recorded().size() == static_cast<std::size_t>(3 + WEXITSTATUS(status) + 1));
    CHECK(journal.recorded().back().id == "t7777");
    CHECK((room > 1000) == (WEXITSTATUS(status) > 5));
  }
}

TEST_CASE("a long journal opens in seconds", "[.][journal_speed]") {
  TemporaryFolder folder;
  const auto path = folder / "j.jsonl";
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  auto start = Clock::now();
  {
    Journal journal(path, settings);
    JournalEntry entry = entry_of(0, "sports, business");
    entry.reply.finish_reason = "stop";
    entry.reply.model = "gpt-4o-mini-2024-07-18";
    entry.reply.usage = {412, 6, 0};
    for (int i = 0; i < 1000000; ++i) {
      entry.id = std::to_string(i);
      journal.append(entry);
    }
  }
  WARN("written in " << seconds_since(start) << " s, " << std::filesystem::file_size(path)
                     << " bytes");
  start = Clock::now();
  CHECK(reopened(path).size() == 1000000);
  WARN("read in " << seconds_since(start) << " s");
}
