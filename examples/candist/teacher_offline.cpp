// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What asks the endpoint nothing: the plan, the request of a text, batch files.
#include <cmath>
#include <cstdio>
#include <utility>

#include "students.hpp"
#include "teaching.hpp"
#include "text_table.hpp"

namespace candist::program {

int show_prompt(const Teaching& teaching, const std::vector<Variant>& variants) {
  for (const Variant& variant : variants) {
    const auto teacher = make_teacher(teaching, variant);
    const auto body = nlohmann::ordered_json::parse(teacher->request(0));
    std::printf("%s\n", body.dump(2).c_str());
  }
  return 0;
}

int plan(const Teaching& teaching, const std::vector<Variant>& variants) {
  AnnotationPlan all;
  all.ratio = 0;
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  double cost[3] = {};
  TextTable table(
      {"model", "prompt", "questions", "in the journal", "prompt tokens", "reply tokens", "cost"});
  const auto add = [](TokenEstimate& sum, const TokenEstimate& part) {
    sum = {sum.expected + part.expected, sum.low + part.low, sum.high + part.high};
  };
  const auto whole = [](double number) { return std::to_string(std::llround(number)); };
  for (const Variant& variant : variants) {
    const auto teacher = make_teacher(teaching, variant);
    const AnnotationPlan part = teacher->plan();
    add(all.tokens.prompt_tokens, part.tokens.prompt_tokens);
    add(all.tokens.completion_tokens, part.tokens.completion_tokens);
    all.questions += part.questions;
    all.replies += part.replies;
    nlohmann::ordered_json line{{"model", variant.model},
                                {"prompt", variant.prompt},
                                {"questions", part.questions},
                                {"replies", part.replies},
                                {"prompt_tokens", part.tokens.prompt_tokens.expected},
                                {"completion_tokens", part.tokens.completion_tokens.expected},
                                {"longest_prompt", part.longest_prompt},
                                {"ratio", part.ratio},
                                {"cost", nullptr}};
    std::string money = "no --price";
    if (part.cost) {
      cost[0] += *part.low_cost;
      cost[1] += *part.cost;
      cost[2] += *part.high_cost;
      line["cost"] = *part.cost;
      money = show_money(*part.cost, teaching.prices->currency());
    }
    parts.push_back(std::move(line));
    table.add({shown(variant.model), shown(variant.prompt), std::to_string(part.questions),
               std::to_string(part.replies), whole(part.tokens.prompt_tokens.expected),
               whole(part.tokens.completion_tokens.expected), money});
  }
  if (teaching.output.json) {
    nlohmann::ordered_json result{{"questions", all.questions},
                                  {"replies", all.replies},
                                  {"prompt_tokens", all.tokens.prompt_tokens.expected},
                                  {"completion_tokens", all.tokens.completion_tokens.expected},
                                  {"cost", nullptr},
                                  {"cost_low", nullptr},
                                  {"cost_high", nullptr},
                                  {"currency", nullptr},
                                  {"parts", parts}};
    if (teaching.prices) {
      result["cost"] = cost[1];
      result["cost_low"] = cost[0];
      result["cost_high"] = cost[2];
      result["currency"] = teaching.prices->currency();
    }
    std::printf("%s\n", result.dump().c_str());
    return 0;
  }
  std::fputs(table.text().c_str(), stdout);
  std::printf("%lld questions, %s to %s prompt tokens and %s to %s reply tokens",
              static_cast<long long>(all.questions), whole(all.tokens.prompt_tokens.low).c_str(),
              whole(all.tokens.prompt_tokens.high).c_str(),
              whole(all.tokens.completion_tokens.low).c_str(),
              whole(all.tokens.completion_tokens.high).c_str());
  if (teaching.prices) {
    std::printf(", %s to %s", show_money(cost[0], "").c_str(),
                show_money(cost[2], teaching.prices->currency()).c_str());
  }
  std::printf("; second questions and retries come on top; counted %s, %s; nothing was asked\n",
              teaching.tokenizer ? "by the tokenizer" : "by bytes",
              all.replies > 1 ? "calibrated by the replies in the journal"
                              : "not calibrated by replies yet");
  return 0;
}

int write_batch(const Teaching& teaching, const std::vector<Variant>& variants) {
  if (variants.size() != 1)
    throw InputError(
        "--write-batch: found an ensemble, expected one prompt, model and order a batch");
  const auto teacher = make_teacher(teaching, variants.front());
  const auto files = teacher->write_batch(teaching.settings.write_batch);
  if (files.empty()) std::puts("nothing is missing: no batch was written");
  for (const auto& file : files) std::printf("%s\n", file.c_str());
  return 0;
}

void read_batch(const Teaching& teaching, const std::vector<Variant>& variants) {
  if (variants.size() != 1)
    throw InputError(
        "--read-batch: found an ensemble, expected one prompt, model and order a batch");
  const auto teacher = make_teacher(teaching, variants.front());
  const BatchReport report = teacher->read_batch(teaching.settings.read_batch);
  std::fprintf(
      stderr,
      "candist annotate: of the batch %lld replies were new, %lld known, %lld requests failed\n",
      static_cast<long long>(report.answered), static_cast<long long>(report.duplicates),
      static_cast<long long>(report.failed));
}

}  // namespace candist::program
