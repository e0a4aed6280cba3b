// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <sstream>

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

void add_data_options(po::options_description& options, DataFiles& files) {
  options.add_options()("data", po::value(&files.data)->value_name("FILE"),
                        "texts: .jsonl, .tsv, .csv, or one a line")(
      "test", po::value(&files.test)->value_name("FILE"), "texts to test on, with labels")(
      "labels", po::value(&files.labels)->value_name("FILE"),
      "label names: one a line, or JSON; default: those of the texts")(
      "candidates", po::value(&files.candidates)->value_name("FILE"),
      "annotations, joined to the texts by id")("augmented",
                                                po::value(&files.augmented)->value_name("FILE"),
                                                "second views, joined to the texts by id");
}

void add_training_options(po::options_description& options, RunSettings& s) {
  options.add_options()("method", po::value(&s.method)->default_value(s.method),
                        "a published method, see candist list")(
      "loss", po::value(&s.loss), "with --refinery, instead of --method")(
      "refinery", po::value(&s.refinery), "with --loss, instead of --method")(
      "candidate-set", po::value(&s.candidate_set)->default_value(s.candidate_set),
      "mask, sparse or dense")("student", po::value(&s.student)->default_value(s.student),
                               "linear or mlp")("optimizer", po::value(&s.optimizer),
                                                "sgd, adagrad or adamw; default: the student's")(
      "epochs", optional_value(s.epochs), "default: the student's")(
      "batch", optional_value(s.batch), "texts a step; default 32")(
      "lr", optional_value(s.learning_rate), "learning rate; default: the student's")(
      "weight-decay", optional_value(s.weight_decay), "decoupled; default 0")(
      "warmup-epochs", optional_value(s.warmup_epochs),
      "epochs before the refinery selects; default: the method's")(
      "delta", optional_value(s.delta), "share of small-loss texts that is sharpened; default 0.5")(
      "gamma", optional_value(s.gamma), "sharpening temperature; default 0.85")(
      "tau", optional_value(s.tau), "confidence of the rescue; default 0.99; 1 = off")(
      "word-dropout", optional_value(s.word_dropout),
      "second views by dropping n-grams with this probability")(
      "consistency", optional_value(s.consistency),
      "weight of the consistency terms; default: the method's")(
      "mixup", optional_value(s.mixup), "weight of mixup; default: the method's")(
      "buckets-log2", optional_value(s.buckets_log2),
      "hash buckets of the n-grams, as a power of 2; default 18")(
      "threads", po::value(&s.threads)->default_value(0),
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
