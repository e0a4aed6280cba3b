// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "candist/chat/price.hpp"

#include <limits>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

using namespace candist;
using candist::testing::TemporaryFolder;
using Catch::Contains;

TEST_CASE("tokens cost what the file says", "[price]") {
  TemporaryFolder folder;
  const PriceList prices = read_prices(folder.file("p.json", R"({"currency": "EUR",
    "per_tokens": 1000, "models": {"m": {"input": 2, "cached_input": 0.5, "output": 8.0},
    "plain": {"input": 1, "output": 0}}})"));
  CHECK(prices.currency() == "EUR");
  CHECK(prices.cost("m", {}) == 0.0);
  CHECK(prices.cost("m", {1000, 0, 0}) == Approx(2));
  CHECK(prices.cost("m", {1000, 0, 1000}) == Approx(0.5));
  CHECK(prices.cost("m", {0, 1000, 0}) == Approx(8));
  CHECK(prices.cost("m", {1000, 500, 400}) == Approx(1.2 + 0.2 + 4));
  CHECK(prices.cost("plain", {1000, 7, 1000}) == Approx(1));
  CHECK(prices.cost("m", {10, 0, 999}) == prices.cost("m", {10, 0, 10}));  // no negative rest
  const PriceList defaults =
      read_prices(folder.file("d.json", R"({"models": {"m": {"input": 2, "output": 8}}})"));
  CHECK(defaults.currency() == "USD");
  CHECK(defaults.cost("m", {1000000, 1000000, 0}) == Approx(10));
}

TEST_CASE("a dated version is billed as its model, and nothing else is", "[price]") {
  TemporaryFolder folder;
  const PriceList prices = read_prices(folder.file("p.json", R"({"models": {
    "gpt-4o": {"input": 1, "output": 1}, "gpt-4o-mini": {"input": 2, "output": 2},
    "gpt-4o-mini-2024-07-18": {"input": 3, "output": 3}, "command-r": {"input": 4, "output": 4}}})"));
  const auto input = [&](const char* model) {
    return std::lround(prices.price(model).input * 1000000);
  };
  CHECK(input("gpt-4o") == 1);
  CHECK(input("gpt-4o-2024-08-06") == 1);
  CHECK(input("gpt-4o-0806") == 1);
  CHECK(input("gpt-4o-mini-2024-07-18") == 3);
  CHECK(input("gpt-4o-mini-2025-07-18") == 2);
  CHECK(input("gpt-4o-mini-20250718") == 2);
  CHECK(input("command-r-08-2024") == 4);
  for (const char* model : {"", "-", "gpt", "gpt-4o-", "gpt-4o-nano", "gpt-4o-audio-2024-12-17",
                            "-2024", "gpt-4o2024", "GPT-4o"}) {
    CHECK_THROWS_AS(prices.price(model), InputError);
    CHECK_THROWS_WITH(prices.cost(model, {}),
                      Contains("no price of") && Contains("command-r, gpt-4o"));
  }
}

TEST_CASE("a wrong price file is refused by name", "[price]") {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& content, const std::string& words) {
    INFO(content);
    const auto path = folder.file("p.json", content);
    CHECK_THROWS_AS(read_prices(path), InputError);
    CHECK_THROWS_WITH(read_prices(path), Contains("p.json") && Contains(words));
  };
  refused("", "empty");
  refused("{", "broken JSON");
  refused("[]", "an array");
  refused("{}", "models");
  refused(R"({"models": {}})", "models");
  refused(R"({"models": {"m": {"input": 1}}})", "models.m.output");
  refused(R"({"models": {"m": {"input": -1, "output": 1}}})", "models.m.input");
  refused(R"({"models": {"m": {"input": "1", "output": 1}}})", "models.m.input");
  refused(R"({"models": {"m": {"input": 1, "output": 1, "cache": 1}}})", "models.m.cache");
  refused(R"({"models": {"m": {"input": 1, "output": 1, "cached_input": "x"}}})", "cached_input");
  refused(R"({"models": {"m": 3}})", "models.m");
  refused(R"({"models": [], "per": 3})", "per");
  refused(R"({"models": {"m": {"input": 1, "output": 1}}, "per_tokens": 0})", "per_tokens");
  CHECK_THROWS_AS(read_prices(folder / "none.json"), InputError);
}

TEST_CASE("money is shown with the digits that matter", "[price]") {
  CHECK(show_money(0, "USD") == "0.00 USD");
  CHECK(show_money(12.3, "USD") == "12.30 USD");
  CHECK(show_money(1234567.891, "JPY") == "1234567.89 JPY");
  CHECK(show_money(0.15, "USD") == "0.15 USD");
  CHECK(show_money(0.0042, "USD") == "0.0042 USD");
  CHECK(show_money(0.000012, "USD") == "0.000012 USD");
  CHECK(show_money(1e-9, "USD") == "< 0.000001 USD");
  CHECK(show_money(-0.5, "USD") == "-0.50 USD");
  CHECK_FALSE(show_money(std::numeric_limits<double>::max(), "\n").empty());
  // Shown amounts are within 5 % from a millionth on, half a cent from 10 cents on.
  for (double amount = 2e-5; amount < 1e6; amount *= 1.37) {
    const double shown_amount = std::stod(show_money(amount, "USD"));
    INFO(amount);
    CHECK(std::abs(shown_amount - amount) <= std::min(0.05 * amount, 0.00501));
  }
}
