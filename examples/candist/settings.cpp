// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

#include "candist/error.hpp"

namespace candist::program {
namespace {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// The double of the shortest decimal that reads as this float: 0.3, not 0.30000001192092896.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = 0.0;
  std::from_chars(text, end, result);
  return result;
}

template <class T>
nlohmann::json json_of(const T& value) {
  if constexpr (IsOptional<T>::value) {
    return value ? json_of(*value) : nlohmann::json(nullptr);
  } else if constexpr (std::is_same_v<T, float>) {
    return shortest(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.empty() ? nlohmann::json(nullptr) : nlohmann::json(value);
  } else {
    return value;
  }
}

/// Takes over what is exactly of the field's type: 1.7, true and 4294967297 are no int.
template <class T>
bool read_exactly(const nlohmann::json& json, T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string() || json.get_ref<const std::string&>().empty()) return false;
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_number_integer()) return false;
    const bool large = json.is_number_unsigned() &&
                       json.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<T>::max()};
    const bool small =
        !json.is_number_unsigned() &&
        json.get<std::int64_t>() < static_cast<std::int64_t>(std::numeric_limits<T>::min());
    if (large || small) return false;
  } else {
    if (!json.is_number() || !std::isfinite(json.get<T>())) return false;
  }
  value = json.get<T>();
  return true;
}

/// Everything that config.json holds.
template <class Settings, class Visitor>
void for_each_field(Settings& settings, Visitor&& visit) {
  for_each_file(settings.files, visit);
  for_each_option(settings, visit);
  visit("threads", settings.threads, "");
}

}  // namespace

std::string option_of(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return "--" + key;
}

nlohmann::json to_json(const RunSettings& settings) {
  nlohmann::json json = nlohmann::json::object();
  for_each_field(settings, [&](const char* key, const auto& value, const char*) {
    json[key] = json_of(value);
  });
  return json;
}

RunSettings settings_from_json(const nlohmann::json& json, const std::string& source) {
  if (!json.is_object())
    throw InputError(source, 0, json.type_name(), "the object of a run's config.json");
  RunSettings settings;
  std::set<std::string> known;
  for_each_field(settings, [&](const char* key, auto& value, const char*) {
    known.insert(key);
    const auto entry = json.find(key);
    if (entry == json.end()) return;
    using Field = std::decay_t<decltype(value)>;
    bool fits = true;
    if constexpr (IsOptional<Field>::value) {
      typename Field::value_type number{};
      if (!entry->is_null() && (fits = read_exactly(*entry, number))) value = number;
    } else if constexpr (std::is_same_v<Field, std::string>) {
      fits = entry->is_null() || read_exactly(*entry, value);
    } else {
      fits = read_exactly(*entry, value);
    }
    if (!fits) {
      throw InputError(source, 0, quoted(key) + ": " + shown(entry->dump()),
                       std::string("a value as ") + option_of(key) + " takes it");
    }
  });
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) {
      throw InputError(source, 0, "the unknown key " + quoted(key),
                       "the keys of a run's config.json");
    }
  }
  return settings;
}

}  // namespace candist::program
