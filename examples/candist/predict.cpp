// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
// candist predict: trained student + texts -> labels with confidences.

#include <cstdio>

#include "candist/metrics/accuracy.hpp"
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"
#include "candist/training/evaluation.hpp"
#include "options.hpp"
#include "run.hpp"
#include "run_folder.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

template <class S>
Predictions label(const std::filesystem::path& model, const Texts& texts, int threads) {
  S student = S::load(model);
  return candist::predict(student, encode_texts(student, texts.texts, texts.rows(), threads),
                          threads);
}

}  // namespace

int predict(const Arguments& arguments) {
  std::string model;
  std::string data;
  int threads = 1;
  OutputOptions output;
  po::options_description options("options");
  options.add_options()("model", po::value(&model)->value_name("DIR"),
                        "a run folder, or its model/ folder")(
      "data", po::value(&data)->value_name("FILE"), "texts: .jsonl, .tsv, .csv, or one a line")(
      "threads", po::value(&threads)->default_value(1), "results do not depend on it");
  add_output_options(options, output);
  if (!parse("predict", "label texts with a trained student", options, arguments)) return 0;
  if (model.empty() || data.empty()) throw InputError("predict: give --model DIR and --data FILE");

  std::filesystem::path folder = model;
  if (std::filesystem::exists(folder / "model" / "student.json")) folder /= "model";
  const nlohmann::json kind = read_json(folder / "student.json");
  LabelSpace labels = read_labels(folder / "labels.json");
  const Texts texts = read_texts(data, labels, UnknownLabels::reject);
  const std::string student = kind.value("student", "");
  Predictions predictions;
  if (student == HashedLinear::name) {
    predictions = label<HashedLinear>(folder, texts, threads);
  } else if (student == EmbeddingBagMlp::name) {
    predictions = label<EmbeddingBagMlp>(folder, texts, threads);
  } else {
    throw InputError((folder / "student.json").string(), 0, "student \"" + student + "\"",
                     "linear or mlp");
  }
  if (!output.out.empty()) {
    write_labels(output.out, texts, labels, predictions, nullptr);
  }
  const auto right = accuracy(predictions.labels, texts.labels);
  if (output.json) {
    nlohmann::json result{{"texts", texts.rows()}, {"accuracy", nullptr}};
    if (right) result["accuracy"] = *right;
    std::printf("%s\n", result.dump().c_str());
  } else if (output.out.empty()) {
    for (std::int64_t row = 0; row < texts.rows(); ++row) {
      const auto r = static_cast<std::size_t>(row);
      std::printf("%s\t%s\t%.4f\n", std::string(texts.ids[row]).c_str(),
                  std::string(labels.name(predictions.labels[r])).c_str(),
                  predictions.confidences[r]);
    }
  } else {
    std::printf("%lld texts labelled, accuracy %s %%, in %s\n",
                static_cast<long long>(texts.rows()), percent(right).c_str(), output.out.c_str());
  }
  return 0;
}

}  // namespace candist::program
