// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Command lines: Boost.Program_options with one line of error, help with defaults, and the options
// that commands share.
#pragma once

#include <boost/program_options.hpp>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "candist/error.hpp"
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

/// An option that takes a text; "" is refused.
void add_text_option(po::options_description& options, const std::string& name, std::string& target,
                     const std::string& help, const char* value_name = "NAME");
/// An option that takes a number: exactly that, finite, and not negative where the type is not.
template <class Number>
void add_number_option(po::options_description& options, const std::string& name, Number& target,
                       const std::string& help);
template <class Number>
void add_number_option(po::options_description& options, const std::string& name,
                       std::optional<Number>& target, const std::string& help);

/// --data, --test, ...; those in `left_out` are not options of the command.
void add_data_options(po::options_description& options, DataFiles& files,
                      const std::vector<std::string>& left_out = {});
void add_training_options(po::options_description& options, RunSettings& settings);
/// The help of an option, with the defaults that only resolved() knows.
std::string help_of(const std::string& key, const char* help);
/// The common options that a command takes although they change nothing for it.
struct Unused {
  std::uint64_t seed = 1;
  int threads = 0;
};
void add_unused_options(po::options_description& options, Unused& unused);
/// --threads as it is used: 0 becomes all cores. Throws InputError out of range.
int thread_count(int threads);
/// Where words about a result go: beside it, not into it, where it went to standard output.
std::FILE* words_beside(const std::string& out);

/// Parses; prints the help and returns false when --help is asked for. Throws InputError for
/// anything wrong.
bool parse(const char* command, const char* summary, po::options_description& options,
           const Arguments& arguments, po::variables_map* values = nullptr);

/// Splits "a,b,c"; empty parts are an InputError.
std::vector<std::string> split_list(const std::string& option, const std::string& text);

/// An argument as a shell reads it back.
std::string shell_word(const std::string& argument);

/// A whole or floating number out of an option's text; InputError names the option.
template <class Number>
Number parse_number(const std::string& option, const std::string& text);

/// The option is in the call, not just defaulted.
inline bool is_given(const po::variables_map& values, const std::string& name) {
  return values.count(name) > 0 && !values[name].defaulted();
}

// ---- definitions

/// The shortest text that reads as this number again.
std::string text_of(double number);
std::string text_of(float number);
inline std::string text_of(int number) { return std::to_string(number); }
inline std::string text_of(std::uint64_t number) { return std::to_string(number); }

template <class Number>
void add_number_option(po::options_description& options, const std::string& name, Number& target,
                       const std::string& help) {
  options.add_options()(name.c_str(),
                        po::value<std::string>()
                            ->value_name("NUMBER")
                            ->default_value(text_of(target))
                            ->notifier([&target, name](const std::string& text) {
                              target = parse_number<Number>("--" + name, text);
                            }),
                        help.c_str());
}

template <class Number>
void add_number_option(po::options_description& options, const std::string& name,
                       std::optional<Number>& target, const std::string& help) {
  options.add_options()(name.c_str(),
                        po::value<std::string>()->value_name("NUMBER")->notifier(
                            [&target, name](const std::string& text) {
                              target = parse_number<Number>("--" + name, text);
                            }),
                        help.c_str());
}

}  // namespace candist::program
