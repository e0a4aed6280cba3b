// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/worker_team.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"

using namespace candist;

namespace {
// The caller alone; one more; more than this machine may have.
const auto team_sizes = {1, 2, 3, 8};
}  // namespace

TEST_CASE("a team does every task once", "[worker_team]") {
  for (const int threads : team_sizes) {
    WorkerTeam team(threads);
    CHECK(team.threads() == threads);
    // None, one, fewer than threads, about as many, many more.
    for (const std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(n));
      team.run(n, [&](std::int64_t task) { ++done[static_cast<std::size_t>(task)]; });
      INFO(threads << " threads, " << n << " tasks");
      for (const std::atomic<int>& times : done) REQUIRE(times == 1);
    }
  }
}

TEST_CASE("a team of no or fewer threads is its caller", "[worker_team]") {
  for (const int threads : {0, -3}) {
    WorkerTeam team(threads);
    CHECK(team.threads() == 1);
    int done = 0;
    team.run(5, [&](std::int64_t) { ++done; });
    CHECK(done == 5);
  }
}

TEST_CASE("no task of none, or of fewer than none, is done", "[worker_team]") {
  for (const int threads : team_sizes) {
    WorkerTeam team(threads);
    std::atomic<int> done{0};
    team.run(0, [&](std::int64_t) { ++done; });
    team.run(-1, [&](std::int64_t) { ++done; });
    CHECK(done == 0);
  }
}

TEST_CASE("tasks may run at the same time, one of them on the caller's thread", "[worker_team]") {
  WorkerTeam team(3);
  // Each of three tasks waits until the two others have begun: a team that did them one after the
  // other would stand still.
  std::atomic<int> begun{0};
  std::vector<std::thread::id> by(3);
  team.run(3, [&](std::int64_t task) {
    ++begun;
    while (begun < 3) std::this_thread::yield();
    by[static_cast<std::size_t>(task)] = std::this_thread::get_id();
  });
  const std::set<std::thread::id> different(by.begin(), by.end());
  CHECK(different.size() == 3);
  CHECK(different.count(std::this_thread::get_id()) == 1);
}

TEST_CASE("run waits for the slowest of its threads", "[worker_team]") {
  WorkerTeam team(2);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<bool> begun{false};
  std::vector<std::atomic<int>> done(2);
  team.run(2, [&](std::int64_t task) {
    // The caller's task ends as soon as the other thread is at work, long before that is done.
    if (std::this_thread::get_id() == caller) {
      while (!begun) std::this_thread::yield();
    } else {
      begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    done[static_cast<std::size_t>(task)] = 1;
  });
  CHECK(done[0] == 1);
  CHECK(done[1] == 1);
}

TEST_CASE("what tasks write is there when run returns, round after round", "[worker_team]") {
  // Thousands of short rounds: a worker that comes late must not take a task of the next round with
  // the work of the one before, nor be waited for in vain. Plain values, no atomics: a thread
  // sanitizer sees whether run() orders them.
  for (const int threads : {2, 3}) {
    WorkerTeam team(threads);
    std::vector<std::int64_t> values(5, 0);
    std::int64_t wrong = 0;
    for (std::int64_t round = 1; round <= 5000; ++round) {
      const std::int64_t n = 1 + round % 5;
      team.run(n, [&values, round](std::int64_t task) {
        values[static_cast<std::size_t>(task)] = round * 10 + task;
      });
      for (std::int64_t task = 0; task < n; ++task)
        wrong += values[static_cast<std::size_t>(task)] != round * 10 + task ? 1 : 0;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("results do not depend on the number of threads", "[worker_team]") {
  const auto sums = [](int threads) {
    WorkerTeam team(threads);
    std::vector<double> places(64);
    team.run(64, [&](std::int64_t task) {
      double sum = 0.0;
      for (int i = 1; i <= 1000; ++i) sum += 1.0 / static_cast<double>(i + task);
      places[static_cast<std::size_t>(task)] = sum;
    });
    return places;
  };
  const std::vector<double> alone = sums(1);
  for (const int threads : team_sizes) CHECK(sums(threads) == alone);
}

TEST_CASE("an exception of a task comes out of run, and the team goes on", "[worker_team]") {
  for (const int threads : team_sizes) {
    WorkerTeam team(threads);
    for (int round = 0; round < 50; ++round) {
      // The last task, so that in a team of one the others are done before it too.
      std::vector<std::atomic<int>> done(20);
      const auto work = [&](std::int64_t task) {
        if (task == 19) throw std::runtime_error("task " + std::to_string(task));
        ++done[static_cast<std::size_t>(task)];
      };
      CHECK_THROWS_WITH(team.run(20, work), "task 19");
      for (std::size_t task = 0; task < 19; ++task) REQUIRE(done[task] == 1);
      // Nothing of it is left for the next round.
      std::atomic<int> after{0};
      team.run(20, [&](std::int64_t) { ++after; });
      REQUIRE(after == 20);
    }
  }
}

TEST_CASE("of many exceptions one comes out", "[worker_team]") {
  for (const int threads : team_sizes) {
    WorkerTeam team(threads);
    CHECK_THROWS_AS(team.run(100, [](std::int64_t) { throw std::logic_error("all"); }),
                    std::logic_error);
    CHECK_THROWS_WITH(team.run(1, [](std::int64_t) { throw std::logic_error("the only one"); }),
                      "the only one");
  }
}

TEST_CASE("callers of one team take turns", "[worker_team]") {
  WorkerTeam team(2);
  std::vector<std::int64_t> sums(3, 0);
  {
    std::vector<std::jthread> callers;
    for (std::size_t caller = 0; caller < sums.size(); ++caller) {
      callers.emplace_back([&team, &sums, caller] {
        for (int round = 0; round < 200; ++round) {
          std::vector<std::int64_t> parts(10);
          team.run(10, [&](std::int64_t task) { parts[static_cast<std::size_t>(task)] = task; });
          sums[caller] += std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
        }
      });
    }
  }
  CHECK(sums == std::vector<std::int64_t>(3, 200 * 45));
}

TEST_CASE("a team goes away at rest, at once or after work", "[worker_team]") {
  for (int i = 0; i < 100; ++i) {
    WorkerTeam never_used(3);
  }
  for (int i = 0; i < 100; ++i) {
    WorkerTeam team(3);
    std::atomic<int> done{0};
    team.run(4, [&](std::int64_t) { ++done; });
    REQUIRE(done == 4);
  }
  WorkerTeam asleep(3);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // its threads wait by now
}

TEST_CASE("work may be a constant, or moved from", "[worker_team]") {
  struct Counting {
    std::atomic<int>& count;
    void operator()(std::int64_t) const { ++count; }
  };
  std::atomic<int> count{0};
  WorkerTeam team(2);
  const Counting constant{count};
  team.run(10, constant);
  team.run(10, Counting{count});
  CHECK(count == 20);
}
