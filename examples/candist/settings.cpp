// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <type_traits>

#include "candist/error.hpp"

namespace candist::program {
namespace {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

}  // namespace

nlohmann::json to_json(const RunSettings& settings) {
  nlohmann::json json = nlohmann::json::object();
  for_each_field(settings, [&](const char* key, const auto& value) {
    if constexpr (IsOptional<std::decay_t<decltype(value)>>::value) {
      json[key] = value ? nlohmann::json(*value) : nlohmann::json(nullptr);
    } else {
      json[key] = value;
    }
  });
  return json;
}

RunSettings settings_from_json(const nlohmann::json& json, const std::string& source) {
  if (!json.is_object())
    throw InputError(source, 0, json.type_name(), "the object of a run's config.json");
  RunSettings settings;
  std::size_t known = 0;
  for_each_field(settings, [&](const char* key, auto& value) {
    const auto entry = json.find(key);
    if (entry == json.end()) return;
    ++known;
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
  if (known != json.size()) {
    RunSettings all;
    for (const auto& [key, value] : json.items()) {
      bool found = false;
      for_each_field(all, [&](const char* name, auto&) { found |= key == name; });
      if (!found)
        throw InputError(source, 0, "the unknown key \"" + key + "\"",
                         "the keys of a run's config.json");
    }
  }
  return settings;
}

}  // namespace candist::program
