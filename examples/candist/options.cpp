// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <thread>
#include <type_traits>

#include "candist/data/atomic_file.hpp"
#include "resolve.hpp"
#include "students.hpp"

namespace candist::program {
namespace {

template <class Number>
std::string shortest_text(Number number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

}  // namespace

std::string text_of(double number) { return shortest_text(number); }
std::string text_of(float number) { return shortest_text(number); }

void add_text_option(po::options_description& options, const std::string& name, std::string& target,
                     const std::string& help, const char* value_name) {
  auto* option = po::value<std::string>()->value_name(value_name);
  if (!target.empty()) option->default_value(target);
  option->notifier([&target, name](const std::string& text) {
    if (text.empty()) throw InputError("--" + name + ": found \"\", expected a text");
    target = text;
  });
  options.add_options()(name.c_str(), option, help.c_str());
}

void add_output_options(po::options_description& options, OutputOptions& output,
                        const char* out_default) {
  output.out = out_default;
  add_text_option(options, "out", output.out, "where the result goes", "PATH");
  options.add_options()("json", po::bool_switch(&output.json),
                        "machine-readable result on standard output")(
      "quiet", po::bool_switch(&output.quiet), "no progress");
}

void add_data_options(po::options_description& options, DataFiles& files,
                      const std::vector<std::string>& left_out) {
  for_each_file(files, [&](const char* key, std::string& file, const char* help) {
    if (std::find(left_out.begin(), left_out.end(), key) == left_out.end())
      add_text_option(options, key, file, help, "FILE");
  });
}

std::string help_of(const std::string& key, const char* help) {
  std::string text = help;
  if (!text.ends_with(':')) return text;
  // "20" where all students agree, else "linear 0.2, mlp 0.1".
  std::string by_student;
  std::string first;
  bool agree = true;
  for_each_type(Students{}, [&]<class Listed>() {
    RunSettings settings;
    settings.student = Listed::name;
    const nlohmann::json set = to_json(resolved(settings))[key];
    if (set.is_null()) return;  // not an option of this student
    const std::string value = set.is_string() ? set.get<std::string>() : set.dump();
    if (first.empty()) first = value;
    agree = agree && value == first;
    by_student += (by_student.empty() ? "" : ", ") + std::string(Listed::name) + " " + value;
  });
  return text + " " + (agree ? first : by_student);
}

void add_training_options(po::options_description& options, RunSettings& settings) {
  for_each_option(settings, [&](const char* key, auto& value, const char* help) {
    const std::string name = option_of(key).substr(2);
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      add_text_option(options, name, value, help_of(key, help));
    } else {
      add_number_option(options, name, value, help_of(key, help));
    }
  });
  add_number_option(options, "threads", settings.threads,
                    "0 = all cores; results do not depend on it");
}

void add_unused_options(po::options_description& options, Unused& unused) {
  add_number_option(options, "seed", unused.seed, "no effect: nothing is random here");
  add_number_option(options, "threads", unused.threads, "no effect: one is enough");
}

int thread_count(int threads) {
  if (threads < 0 || threads > 1024) {
    throw InputError("--threads: found " + std::to_string(threads) +
                     ", expected a whole number from 0 to 1024");
  }
  return threads > 0 ? threads
                     : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::FILE* words_beside(const std::string& out) {
  return AtomicFile::is_standard_output(out) ? stderr : stdout;
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
    if (parsed["help"].as<bool>()) {
      std::ostringstream text;
      text << "candist " << command << ": " << summary << "\n\n" << options;
      std::fputs(text.str().c_str(), stdout);
      return false;
    }
    po::notify(parsed);
  } catch (const po::error& error) {
    throw InputError(std::string(command) + ": " + shown(error.what(), 160) + "; see candist " +
                     command + " --help");
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
      throw InputError(option + ": found " + quoted(text) +
                       ", expected values separated by single commas");
    }
    if (end == std::string::npos) return parts;
    begin = end + 1;
  }
}

std::string shell_word(const std::string& argument) {
  const bool plain = !argument.empty() && std::all_of(argument.begin(), argument.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-_=+.,:/@%").find(c) != std::string_view::npos;
  });
  if (plain) return argument;
  std::string word = "'";
  for (const char c : argument) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

template <class Number>
Number parse_number(const std::string& option, const std::string& text) {
  Number number{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool whole = status == std::errc() && end == text.data() + text.size();
  const char* expected = "a number";
  if constexpr (std::is_floating_point_v<Number>) {
    whole = whole && std::isfinite(number);
  } else {
    expected = std::is_unsigned_v<Number> ? "a whole number >= 0" : "a whole number";
  }
  if (!whole) throw InputError(option + ": found " + quoted(text) + ", expected " + expected);
  return number;
}
template int parse_number<int>(const std::string&, const std::string&);
template float parse_number<float>(const std::string&, const std::string&);
template double parse_number<double>(const std::string&, const std::string&);
template std::uint64_t parse_number<std::uint64_t>(const std::string&, const std::string&);

}  // namespace candist::program
