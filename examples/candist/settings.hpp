// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything a run can be told, in one struct: read from the command line or from a run folder's
// config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace candist::program {

/// Files of a run; empty = not given.
struct DataFiles {
  std::string data;
  std::string test;
  std::string labels;
  std::string candidates;
  std::string augmented;
};

/// One training run. Unset numbers take the student's default.
struct RunSettings {
  DataFiles files;
  std::string method = "candist";
  std::string loss;  ///< with `refinery`, instead of a method
  std::string refinery;
  std::string candidate_set = "sparse";
  std::string student = "linear";
  std::string optimizer;
  std::optional<int> epochs;
  std::optional<int> batch;
  std::optional<float> learning_rate;
  std::optional<float> weight_decay;
  std::optional<int> warmup_epochs;
  std::optional<float> delta;
  std::optional<float> gamma;
  std::optional<float> tau;
  std::optional<float> word_dropout;
  std::optional<int> buckets_log2;
  std::optional<float> consistency;
  std::optional<float> mixup;
  std::uint64_t seed = 1;
  int threads = 0;  ///< 0: all cores
};

/// Calls visit(key, member) for every field; the one list behind config.json.
template <class Settings, class Visitor>
void for_each_field(Settings& s, Visitor&& visit) {
  visit("data", s.files.data);
  visit("test", s.files.test);
  visit("labels", s.files.labels);
  visit("candidates", s.files.candidates);
  visit("augmented", s.files.augmented);
  visit("method", s.method);
  visit("loss", s.loss);
  visit("refinery", s.refinery);
  visit("candidate_set", s.candidate_set);
  visit("student", s.student);
  visit("optimizer", s.optimizer);
  visit("epochs", s.epochs);
  visit("batch", s.batch);
  visit("lr", s.learning_rate);
  visit("weight_decay", s.weight_decay);
  visit("warmup_epochs", s.warmup_epochs);
  visit("delta", s.delta);
  visit("gamma", s.gamma);
  visit("tau", s.tau);
  visit("word_dropout", s.word_dropout);
  visit("buckets_log2", s.buckets_log2);
  visit("consistency", s.consistency);
  visit("mixup", s.mixup);
  visit("seed", s.seed);
  visit("threads", s.threads);
}

nlohmann::json to_json(const RunSettings& settings);
/// Throws InputError naming `source` for a key that is unknown or of the wrong type.
RunSettings settings_from_json(const nlohmann::json& json, const std::string& source);

}  // namespace candist::program
