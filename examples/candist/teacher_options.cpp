// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the teacher can be told, and what of it cannot be.
#include <string>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "teacher.hpp"

namespace candist::program {

void add_teacher_options(po::options_description& options, TeacherSettings& s) {
  po::options_description asking("openai: what is asked");
  add_text_option(
      asking, "prompt", s.prompt,
      "sa, ca-add, ca-all, select (among --candidates) or a template's FILE; a list makes "
      "an ensemble");
  add_text_option(asking, "task", s.task, "what the labels are for, in words of the prompt",
                  "TEXT");
  add_text_option(asking, "text-noun", s.text_noun, "what the prompt calls a text", "WORD");
  add_text_option(asking, "label-noun", s.label_noun, "what it calls a label", "WORD");
  asking.add_options()("step-by-step", po::bool_switch(&s.step_by_step),
                       "zero-shot chain of thought before the answer");
  add_text_option(asking, "demonstrations", s.demonstrations,
                  "examples with answers, JSON Lines of text and label, candidates or answer",
                  "FILE");
  add_number_option(asking, "shots", s.shots, "demonstrations shown before a text");
  add_text_option(asking, "embedder", s.embedder,
                  "show the nearest demonstrations by the embeddings of this Hugging Face encoder; "
                  "default: the first",
                  "DIR");
  add_text_option(asking, "demonstration-order", s.demonstration_order,
                  "seeds of shuffled orders; a list makes an ensemble; default: nearest last",
                  "LIST");
  add_number_option(asking, "max-tokens", s.max_tokens, "of a reply, 0 = the endpoint's");
  add_number_option(asking, "temperature", s.temperature, "of the model's sampling");
  add_number_option(asking, "model-seed", s.model_seed, "sent along; default: none");
  add_number_option(asking, "samples", s.samples, "replies a text (self-consistency)");
  add_text_option(
      asking, "fold", s.fold,
      "of several samples or an ensemble: any, all, top (k most frequent) or at-least (k "
      "votes)");
  add_number_option(asking, "k", s.k, "of the fold");
  asking.add_options()("logprobs", po::bool_switch(&s.logprobs),
                       "weigh candidates by the log-probabilities of their tokens");
  add_number_option(
      asking, "alternatives", s.alternatives,
      "sa, select: labels among the so many likeliest first tokens become candidates, "
      "0 to 20");
  asking.add_options()("structured", po::bool_switch(&s.structured),
                       "ask for JSON by schema (response_format); without where it is refused");
  add_text_option(asking, "extra", s.extra, "JSON object of further fields of the request", "JSON");
  po::options_description whom("openai: whom");
  add_text_option(whom, "endpoint", s.endpoint, "base, ending in /v1", "URL");
  add_text_option(whom, "model", s.model, "any; a list makes an ensemble");
  add_text_option(whom, "api-key-env", s.api_key_env, "variable that holds the key");
  add_text_option(whom, "api-key-file", s.api_key_file, "file that holds the key", "FILE");
  add_text_option(whom, "proxy", s.proxy, "default: http_proxy and its like", "URL");
  add_text_option(whom, "ca-file", s.ca_file, "certificates to trust, PEM", "FILE");
  po::options_description limits("openai: limits and costs");
  add_number_option(limits, "concurrency", s.concurrency, "questions under way at once");
  add_number_option(limits, "requests-per-minute", s.requests_per_minute, "0 = no limit");
  add_number_option(limits, "tokens-per-minute", s.tokens_per_minute, "0 = no limit");
  add_number_option(limits, "retries", s.retries,
                    "of a question that failed in a way that can heal");
  add_number_option(limits, "timeout", s.timeout, "seconds for one answer");
  add_text_option(limits, "price", s.price, "prices by model, JSON", "FILE");
  add_number_option(limits, "budget", s.budget,
                    "stop before this is spent, in the prices' currency");
  add_text_option(limits, "tokenizer", s.tokenizer,
                  "folder whose tokenizer counts for the plan; default: by bytes", "DIR");
  limits.add_options()("plan", po::bool_switch(&s.plan), "say what it would cost, ask nothing");
  limits.add_options()("show-prompt", po::bool_switch(&s.show_prompt),
                       "print the request of the first text, ask nothing");
  limits.add_options()("allow-failed", po::bool_switch(&s.allow_failed),
                       "empty candidate sets for texts that the endpoint refuses");
  add_text_option(limits, "journal", s.journal,
                  "where replies are kept, before a fingerprint; default: --out", "FILE");
  add_text_option(limits, "write-batch", s.write_batch,
                  "write the missing questions as OpenAI Batch requests, ask nothing", "FILE");
  add_text_option(limits, "read-batch", s.read_batch,
                  "take the results of a batch into the journal", "FILE");
  add_text_option(limits, "write-demonstrations", s.write_demonstrations,
                  "let the model write a pool of demonstrations, then stop", "FILE");
  add_number_option(limits, "pool", s.pool, "demonstrations of that pool");
  options.add(asking).add(whom).add(limits);
}

void refuse_teacher_options(const po::variables_map& given, const std::string& annotator) {
  TeacherSettings unused;
  po::options_description options;
  add_teacher_options(options, unused);
  for (const auto& option : options.options()) {
    if (!is_given(given, option->long_name())) continue;
    throw InputError("--" + option->long_name() + " is an option of --annotator openai, not of " +
                     shown(annotator));
  }
}

void check_files(const TeacherSettings& s, const OutputOptions& output,
                 std::vector<NamedFile>& inputs, std::vector<std::filesystem::path>& outputs) {
  for (const auto& [option, file] : {std::pair{"--demonstrations", s.demonstrations},
                                     {"--price", s.price},
                                     {"--api-key-file", s.api_key_file},
                                     {"--ca-file", s.ca_file},
                                     {"--read-batch", s.read_batch}}) {
    if (!file.empty()) inputs.push_back({option, file});
  }
  int modes = 0;
  for (const bool mode : {s.plan, s.show_prompt, !s.write_batch.empty(), !s.read_batch.empty(),
                          !s.write_demonstrations.empty()}) {
    modes += mode ? 1 : 0;
  }
  if (modes > 1) {
    throw InputError(
        "annotate: found several of --plan, --show-prompt, --write-batch, --read-batch and "
        "--write-demonstrations, expected one");
  }
  for (const std::string& file : {s.write_batch, s.write_demonstrations}) {
    if (!file.empty()) outputs.push_back(file);
  }
  const bool asks_nothing = s.plan || s.show_prompt || !s.write_demonstrations.empty();
  if (output.out.empty() && !(asks_nothing || (!s.write_batch.empty() && !s.journal.empty())))
    throw InputError("annotate: give the annotations file with --out FILE");
  const bool device = !output.out.empty() && std::filesystem::exists(output.out) &&
                      !std::filesystem::is_regular_file(output.out);
  if (device && s.journal.empty() && !asks_nothing)
    throw InputError("annotate: --out is no file: say where replies are kept with --journal FILE");
}

/// Throws InputError for settings that no teacher can have.
void check_values(const TeacherSettings& s) {
  const auto expect = [](bool holds, const char* option, const std::string& found,
                         const char* expected) {
    if (!holds)
      throw InputError(std::string(option) + ": found " + found + ", expected " + expected);
  };
  if (s.model.empty()) throw InputError("annotate: name the model with --model NAME");
  expect(s.concurrency >= 1 && s.concurrency <= 4096, "--concurrency", text_of(s.concurrency),
         "1 to 4096");
  expect(s.requests_per_minute >= 0, "--requests-per-minute", text_of(s.requests_per_minute),
         "a number >= 0");
  expect(s.tokens_per_minute >= 0, "--tokens-per-minute", text_of(s.tokens_per_minute),
         "a number >= 0");
  expect(s.retries >= 0 && s.retries <= 1000, "--retries", text_of(s.retries), "0 to 1000");
  expect(s.timeout > 0 && s.timeout <= 86400, "--timeout", text_of(s.timeout), "seconds, above 0");
  expect(s.temperature >= 0 && s.temperature <= 5, "--temperature", text_of(s.temperature),
         "0 to 5");
  expect(s.max_tokens >= 0, "--max-tokens", text_of(s.max_tokens), "a whole number >= 0");
  expect(s.samples >= 1 && s.samples <= 1000, "--samples", text_of(s.samples), "1 to 1000");
  expect(s.alternatives >= 0 && s.alternatives <= 20, "--alternatives", text_of(s.alternatives),
         "0 to 20");
  expect(s.k >= 1, "--k", text_of(s.k), "a whole number >= 1");
  expect(s.shots >= 0, "--shots", text_of(s.shots), "a whole number >= 0");
  expect(s.pool >= 1 && s.pool <= 100000, "--pool", text_of(s.pool), "1 to 100000");
  expect(!s.budget || *s.budget > 0, "--budget", text_of(s.budget.value_or(0)),
         "an amount above 0");
  if (s.budget && s.price.empty())
    throw InputError("--budget counts in prices: give them with --price FILE");
  if (s.demonstrations.empty() && !(s.embedder.empty() && s.demonstration_order.empty()))
    throw InputError("--embedder and --demonstration-order choose among --demonstrations FILE");
}

}  // namespace candist::program
