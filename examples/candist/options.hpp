// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Command lines: Boost.Program_options with one line of error, help with defaults, and the options
// that runs share.
#pragma once

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"
#include "settings.hpp"

namespace candist::program {

namespace po = boost::program_options;

/// Where the result goes and how much is said.
struct OutputOptions {
  std::string out;
  bool json = false;
  bool quiet = false;
};

void add_output_options(po::options_description& options, OutputOptions& output,
                        const char* out_default = "");
/// "candidate_set" -> "candidate-set".
std::string option_name(std::string key);

void add_data_options(po::options_description& options, DataFiles& files);

void add_training_options(po::options_description& options, RunSettings& settings);

/// Parses; prints the help and returns false when --help is asked for. Throws InputError for
/// anything wrong.
bool parse(const char* command, const char* summary, po::options_description& options,
           const Arguments& arguments, po::variables_map* values = nullptr);

/// Splits "a,b,c"; empty parts are an InputError.
std::vector<std::string> split_list(const std::string& option, const std::string& text);

/// A whole or floating number out of an option's text; InputError names the option.
template <class Number>
Number parse_number(const std::string& option, const std::string& text);

/// po value for std::optional<T> members.
template <class T>
po::typed_value<T>* optional_value(std::optional<T>& target) {
  return po::value<T>()->notifier([&target](const T& value) { target = value; });
}

}  // namespace candist::program
