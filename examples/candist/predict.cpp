// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist predict: trained student + texts -> labels with confidences.

#include <cstdio>
#include <limits>

#include "candist/data/atomic_file.hpp"
#include "candist/metrics/accuracy.hpp"
#include "candist/training/evaluation.hpp"
#include "input_files.hpp"
#include "options.hpp"
#include "run_folder.hpp"
#include "students.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

/// The student of the folder; every way in which its file can be broken is one line.
template <class S>
S load_student(const fs::path& folder, const LabelSpace& labels) {
  try {
    S student = S::load(folder);
    if (student.classes() != labels.size()) {
      throw InputError(folder.string(), 0,
                       "a student of " + std::to_string(student.classes()) + " classes",
                       "one of the " + std::to_string(labels.size()) + " labels of " +
                           (folder / "labels.json").string());
    }
    return student;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {  // of a library: a header of other types, sizes beyond memory
    throw InputError(folder.string(), 0, "a broken header", "a student that candist saved");
  }
}

/// --labels, where given, must say what the model says.
void check_labels(const LabelSpace& model, const std::string& file) {
  const LabelSpace given = read_labels(file);
  for (int label = 0; label < std::max(model.size(), given.size()); ++label) {
    const std::string was = label < model.size() ? quoted(model.name(label)) : "no label";
    const std::string is = label < given.size() ? quoted(given.name(label)) : "no label";
    if (was != is) {
      throw InputError(file, 0, is + " in place " + std::to_string(label + 1),
                       was + ", as the model was trained with; leave --labels out");
    }
  }
}

void print_json(const Texts& texts, const LabelSpace& labels, const Predictions& predictions,
                const std::string& out) {
  const auto right = accuracy(predictions.labels, texts.labels);
  nlohmann::ordered_json result{{"texts", texts.rows()}, {"accuracy", nullptr}};
  if (right) result["accuracy"] = *right;
  if (out.empty()) {
    auto& lines = result["labels"] = nlohmann::ordered_json::array();
    for (std::int64_t row = 0; row < texts.rows(); ++row)
      lines.push_back(label_line(texts, row, labels, predictions));
  } else {
    result["out"] = shown(out, 4096);
  }
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace

int predict(const Arguments& arguments) {
  std::string model;
  DataFiles files;
  int threads = 1;
  std::uint64_t seed = 1;
  OutputOptions output;
  po::options_description options("options");
  add_text_option(options, "model", model, "a run folder, or its model/ folder", "DIR");
  add_text_option(options, "data", files.data, "texts: .jsonl, .tsv, .csv, or one a line", "FILE");
  add_text_option(options, "labels", files.labels, "must be those of the model", "FILE");
  add_number_option(options, "threads", threads, "0 = all cores; results do not depend on it");
  add_number_option(options, "seed", seed, "no effect: nothing is random here");
  add_output_options(options, output);
  if (!parse("predict", "label texts with a trained student", options, arguments)) return 0;
  if (model.empty() || files.data.empty())
    throw InputError("predict: give --model DIR and --data FILE");
  threads = thread_count(threads);

  fs::path folder = model;
  std::error_code error;
  if (fs::exists(folder / "model" / "student.json", error)) folder /= "model";
  std::vector<NamedFile> inputs = named_files(files);
  for (const std::string& file : model_files()) inputs.push_back({"--model", folder / file});
  if (!output.out.empty()) refuse_overwriting("predict", inputs, {output.out});
  const nlohmann::json kind = read_json_object(folder / "student.json");
  LabelSpace labels = read_labels(folder / "labels.json");
  if (!files.labels.empty()) check_labels(labels, files.labels);
  const Texts texts = read_texts(files.data, labels, UnknownLabels::reject);
  const auto name = kind.find("student");
  const std::string student =
      name != kind.end() && name->is_string() ? name->get<std::string>() : std::string();
  Predictions predictions;
  if (!with_named<Students>(student, [&]<class Listed>() {
        if constexpr (requires { Listed::Student::load(folder); }) {
          auto trained = load_student<typename Listed::Student>(folder, labels);
          const EncodedTexts encoded = encode_texts(trained, texts.texts, texts.rows(), threads);
          predictions = candist::predict(trained, encoded, threads);
        } else {  // saved as another one
          throw InputError((folder / "student.json").string(), 0, "student " + quoted(student),
                           "the name of the student that it was saved as, transformer");
        }
      })) {
    throw InputError((folder / "student.json").string(), 0, "student " + quoted(student),
                     "one of " + names_of<Students>());
  }
  if (!output.out.empty()) write_labels(output.out, texts, labels, predictions);
  if (output.json) {
    print_json(texts, labels, predictions, output.out);
  } else if (output.out.empty()) {
    // Tabs and newlines of an id would make other columns and lines of it.
    constexpr int whole = std::numeric_limits<int>::max();
    for (std::int64_t row = 0; row < texts.rows(); ++row) {
      const auto r = static_cast<std::size_t>(row);
      std::printf("%s\t%s\t%.4f\n", shown(texts.ids[row], whole).c_str(),
                  shown(labels.name(predictions.labels[r]), whole).c_str(),
                  predictions.confidences[r]);
    }
  } else {
    std::fprintf(words_beside(output.out), "%lld texts labelled, accuracy %s %%, in %s\n",
                 static_cast<long long>(texts.rows()),
                 percent(accuracy(predictions.labels, texts.labels)).c_str(), output.out.c_str());
  }
  return 0;
}

}  // namespace candist::program
