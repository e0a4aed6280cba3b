// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>
#include <type_traits>

#include "candist/error.hpp"

namespace candist::program {

void add_output_options(po::options_description& options, OutputOptions& output,
                        const char* out_default) {
  auto* out = po::value(&output.out)->value_name("PATH");
  if (*out_default != '\0') out->default_value(out_default);
  options.add_options()("out", out, "where the result goes")(
      "json", po::bool_switch(&output.json), "machine-readable result on standard output")(
      "quiet", po::bool_switch(&output.quiet), "no progress");
}

std::string option_name(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

void add_data_options(po::options_description& options, DataFiles& files) {
  for_each_file(files, [&](const char* key, std::string& file, const char* help) {
    options.add_options()(key, po::value(&file)->value_name("FILE"), help);
  });
}

void add_training_options(po::options_description& options, RunSettings& settings) {
  for_each_option(settings, [&](const char* key, auto& value, const char* help) {
    const std::string name = option_name(key);
    using Field = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<Field, std::string>) {
      auto* option = po::value(&value)->value_name("NAME");
      if (!value.empty()) option->default_value(value);
      options.add_options()(name.c_str(), option, help);
    } else if constexpr (std::is_arithmetic_v<Field>) {
      options.add_options()(name.c_str(), po::value(&value)->default_value(value), help);
    } else {
      options.add_options()(name.c_str(), optional_value(value)->value_name("NUMBER"), help);
    }
  });
  options.add_options()("threads", po::value(&settings.threads)->default_value(0),
                        "0 = all cores; results do not depend on it");
}

bool parse(const char* command, const char* summary, po::options_description& options,
           const Arguments& arguments, po::variables_map* values) {
  bool help = false;
  options.add_options()("help,h", po::bool_switch(&help), "this text");
  po::variables_map parsed;
  try {
    namespace style = po::command_line_style;
    const int strict = style::unix_style & ~style::allow_guessing;
    po::positional_options_description none;
    po::store(
        po::command_line_parser(arguments).options(options).positional(none).style(strict).run(),
        parsed);
    po::notify(parsed);
  } catch (const po::error& error) {
    throw InputError(std::string(command) + ": " + error.what() + "; see candist " + command +
                     " --help");
  }
  if (help) {
    std::ostringstream text;
    text << "candist " << command << ": " << summary << "\n\n" << options;
    std::fputs(text.str().c_str(), stdout);
    return false;
  }
  if (values != nullptr) *values = parsed;
  return true;
}

std::vector<std::string> split_list(const std::string& option, const std::string& text) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find(',', begin);
    parts.push_back(text.substr(begin, end - begin));
    if (parts.back().empty()) {
      throw InputError("--" + option + ": found \"" + text +
                       "\", expected values separated by single commas");
    }
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

template <class Number>
Number parse_number(const std::string& option, const std::string& text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc() || end != text.data() + text.size()) {
    throw InputError("--" + option + ": found \"" + text + "\", expected a number");
  }
  return number;
}
template int parse_number<int>(const std::string&, const std::string&);
template float parse_number<float>(const std::string&, const std::string&);
template double parse_number<double>(const std::string&, const std::string&);
template std::uint64_t parse_number<std::uint64_t>(const std::string&, const std::string&);

}  // namespace candist::program
