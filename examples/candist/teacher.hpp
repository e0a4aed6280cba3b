// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// candist annotate --annotator openai: a language model as the teacher.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "corpus.hpp"
#include "input_files.hpp"
#include "options.hpp"

namespace candist::program {

/// What the teacher can be told on the command line.
struct TeacherSettings {
  std::string prompt = "ca-all";
  std::string task;
  std::string text_noun = "text";
  std::string label_noun = "label";
  bool step_by_step = false;
  std::string endpoint = "https://api.openai.com/v1";
  std::string model;
  std::string api_key_env = "OPENAI_API_KEY";
  std::string api_key_file;
  std::string proxy;
  std::string ca_file;
  int concurrency = 16;
  double requests_per_minute = 0;
  double tokens_per_minute = 0;
  int retries = 8;
  double timeout = 120;
  double temperature = 0.3;
  int max_tokens = 256;
  std::optional<std::uint64_t> model_seed;
  bool logprobs = false;
  int alternatives = 0;
  bool structured = false;
  std::string extra;
  int samples = 1;
  std::string fold = "any";
  int k = 1;
  std::string demonstrations;
  int shots = 10;
  std::string embedder;
  std::string demonstration_order;
  std::string write_demonstrations;
  int pool = 100;
  std::string journal;
  std::string price;
  std::optional<double> budget;
  std::string tokenizer;
  bool plan = false;
  bool show_prompt = false;
  bool allow_failed = false;
  std::string write_batch;
  std::string read_batch;
};

void add_teacher_options(po::options_description& options, TeacherSettings& settings);

/// Throws InputError where --annotator is another one, but options of the teacher are given.
void refuse_teacher_options(const po::variables_map& given, const std::string& annotator);
/// Throws InputError for values that no teacher can have.
void check_values(const TeacherSettings& settings);
/// Adds what the settings read and write; throws InputError where something is missing or twice.
void check_files(const TeacherSettings& settings, const OutputOptions& output,
                 std::vector<NamedFile>& inputs, std::vector<std::filesystem::path>& outputs);

/// Asks, or plans, shows, writes and reads what is asked. `candidates`: the file that --prompt select
/// chooses among. Returns the exit code.
int ask_teacher(const TeacherSettings& settings, const po::variables_map& given,
                const Corpus& corpus, const std::string& candidates, const OutputOptions& output,
                std::uint64_t seed, int threads);

}  // namespace candist::program
