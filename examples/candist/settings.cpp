// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <charconv>
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
  } else {
    return value;
  }
}

/// Everything that config.json holds.
template <class Settings, class Visitor>
void for_each_field(Settings& settings, Visitor&& visit) {
  for_each_file(settings.files, visit);
  for_each_option(settings, visit);
  visit("threads", settings.threads, "");
}

}  // namespace

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
    try {
      if constexpr (IsOptional<Field>::value) {
        if (!entry->is_null()) value = entry->template get<typename Field::value_type>();
      } else {
        value = entry->template get<Field>();
      }
    } catch (const nlohmann::json::exception&) {
      throw InputError(source, 0, std::string(key) + " = " + entry->dump(),
                       "a value of the option's type");
    }
  });
  for (const auto& [key, value] : json.items()) {
    if (!known.contains(key)) {
      throw InputError(source, 0, "the unknown key \"" + key + "\"",
                       "the keys of a run's config.json");
    }
  }
  return settings;
}

}  // namespace candist::program
