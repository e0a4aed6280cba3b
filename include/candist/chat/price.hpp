// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "candist/chat/chat_completion.hpp"
#include "candist/error.hpp"
#include "candist/text/json_file.hpp"

namespace candist {

/// What tokens cost, from the user's own file. There are no prices in the library: they change, and
/// a wrong one is worse than none.
class PriceList {
 public:
  /// Of one token.
  struct Price {
    double input = 0;
    double cached_input = 0;
    double output = 0;
  };

  PriceList(std::string file, std::string currency)
      : file_(std::move(file)), currency_(std::move(currency)) {}

  void add(const std::string& model, Price price) { prices_[model] = price; }
  /// The price of a model, or else of the model whose dated version it is: "gpt-4o-2024-08-06" is
  /// billed as "gpt-4o". Throws InputError naming the models there are.
  const Price& price(std::string_view model) const;
  /// Of these tokens, in currency().
  double cost(std::string_view model, const Usage& usage) const;
  const std::string& currency() const { return currency_; }

 private:
  std::string file_;  ///< for messages
  std::string currency_;
  std::map<std::string, Price, std::less<>> prices_;
};

/// Reads {"currency": "USD", "per_tokens": 1000000, "models": {NAME: {"input", "cached_input",
/// "output"}}}. Those are the defaults of "currency" and "per_tokens"; "cached_input" is "input"
/// where it is left out. Throws InputError, also for a key that is none of these.
inline PriceList read_prices(const std::filesystem::path& path);

/// "12.30 USD"; at least two digits that are not zeros: "0.0042 USD".
inline std::string show_money(double amount, std::string_view currency);

// ---- definitions

namespace detail {

/// Digits, or dashes between groups of them, as dates look at the end of a model's name:
/// 2024-08-06, 20240806, 0613, 08-2024.
inline bool looks_like_date(std::string_view text) {
  std::string shape(text);
  for (char& c : shape) c = c >= '0' && c <= '9' ? 'd' : c;
  return shape == "dddd-dd-dd" || shape == "dddddddd" || shape == "dddd" || shape == "dd-dddd" ||
         shape == "dddddd";
}

inline double amount_at(const JsonNode& model, const char* key) {
  double amount = 0;
  if (model.object()[key].get(amount) != simdjson::SUCCESS || !(amount >= 0))
    model[key].fail("a number >= 0");
  return amount;
}

}  // namespace detail

inline const PriceList::Price& PriceList::price(std::string_view model) const {
  auto found = prices_.find(model);
  for (std::size_t dash = model.rfind('-');
       found == prices_.end() && dash != std::string_view::npos && dash > 0;
       dash = model.rfind('-', dash - 1)) {
    if (detail::looks_like_date(model.substr(dash + 1)))
      found = prices_.find(model.substr(0, dash));
  }
  if (found != prices_.end()) return found->second;
  std::string known;
  int count = 0;
  for (const auto& [name, price] : prices_) {
    if (++count <= 6) known += (known.empty() ? "" : ", ") + shown(name);
  }
  if (count > 6) known += ", ... (" + std::to_string(count) + " models)";
  throw InputError(file_, 0, "no price of " + quoted(model), "one of " + known);
}

inline double PriceList::cost(std::string_view model, const Usage& usage) const {
  const Price& of = price(model);
  const auto cached = std::min(usage.cached_tokens, usage.prompt_tokens);
  return static_cast<double>(usage.prompt_tokens - cached) * of.input +
         static_cast<double>(cached) * of.cached_input +
         static_cast<double>(usage.completion_tokens) * of.output;
}

inline PriceList read_prices(const std::filesystem::path& path) {
  const JsonFile file(path);
  const JsonNode root = file.root();
  root.expect_only({"currency", "per_tokens", "models"});
  const JsonNode currency = root["currency"];
  PriceList prices(path.string(), currency.is_null() ? "USD" : std::string(currency.text()));
  const JsonNode per_tokens = root["per_tokens"];
  const auto per =
      static_cast<double>(per_tokens.is_null() ? 1000000 : per_tokens.number(1, 1000000000));
  const JsonNode models = root["models"];
  for (const auto& [name, unread] : models.object()) {
    const JsonNode model = models[name];
    model.expect_only({"input", "cached_input", "output"});
    PriceList::Price price;
    price.input = detail::amount_at(model, "input") / per;
    price.output = detail::amount_at(model, "output") / per;
    price.cached_input = model["cached_input"].is_null()
                             ? price.input
                             : detail::amount_at(model, "cached_input") / per;
    prices.add(std::string(name), price);
  }
  if (models.object().size() == 0) models.fail("the prices of at least one model");
  return prices;
}

inline std::string show_money(double amount, std::string_view currency) {
  const double size = std::abs(amount);
  int decimals = 2;
  // The second digit that is no zero, but not beyond a millionth.
  if (size > 0 && size < 0.1)
    decimals = std::min(6, 1 - static_cast<int>(std::floor(std::log10(size))));
  char digits[400];  // a double has up to 309 before its point
  if (size > 0 && size < 5e-7) {
    std::snprintf(digits, sizeof digits, "%s0.000001", amount < 0 ? "> -" : "< ");
  } else {
    std::snprintf(digits, sizeof digits, "%.*f", decimals, amount);
  }
  return digits + (" " + shown(currency));
}

}  // namespace candist
