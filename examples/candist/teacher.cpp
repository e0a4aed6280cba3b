// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0

#include "teacher.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/annotators/openai.hpp"
#include "candist/candidates/statistics.hpp"
#include "candist/chat/curl_transport.hpp"
#include "candist/chat/demonstration_pool.hpp"
#include "candist/chat/demonstrations.hpp"
#include "candist/chat/prompt_template.hpp"
#include "candist/chat/prompts.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/text/tokenizer_folder.hpp"
#include "candist/training/progress_bar.hpp"
#include "input_files.hpp"
#include "interruption.hpp"
#include "students.hpp"
#include "text_table.hpp"

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

namespace {

/// Never printed, never an argument of the program.
std::string api_key(const TeacherSettings& s, bool named) {
  if (!s.api_key_file.empty()) {
    std::ifstream file(s.api_key_file);
    std::string key;
    if (!std::getline(file, key))
      throw InputError(s.api_key_file, 0, "no key", "a file whose first line is the API key");
    while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
    return key;
  }
  const char* key = std::getenv(s.api_key_env.c_str());
  if (key != nullptr && *key != '\0') return key;
  if (named) {
    throw InputError("--api-key-env: the variable " + shown(s.api_key_env) +
                     " is not set; set it, or give --api-key-file");
  }
  return {};  // endpoints of one's own need none
}

nlohmann::ordered_json extra_fields(const std::string& text) {
  if (text.empty()) return {};
  const auto fields = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!fields.is_object())
    throw InputError("--extra: found " + quoted(text) + ", expected a JSON object");
  return fields;
}

Fold fold_of(const std::string& name) {
  constexpr std::pair<const char*, Fold> folds[] = {
      {"any", Fold::any}, {"all", Fold::all}, {"top", Fold::top}, {"at-least", Fold::at_least}};
  for (const auto& [known, fold] : folds) {
    if (name == known) return fold;
  }
  throw InputError("--fold: found " + quoted(name) + ", expected any, all, top or at-least");
}

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%FT%TZ", std::gmtime(&now));
  return text;
}

/// One combination of an ensemble.
struct Variant {
  std::string prompt;
  std::string model;
  std::optional<std::uint64_t> order;
};

/// What all variants share.
struct Teaching {
  const TeacherSettings& settings;
  const Corpus& corpus;
  const OutputOptions& output;
  PromptTask task{};
  ChatOptions chat{};
  ChatClientOptions client{};
  CurlOptions curl{};
  std::optional<Annotations> candidates{};
  std::optional<DemonstrationPicker> picker{};
  std::optional<PriceList> prices{};
  std::shared_ptr<const Tokenizer> tokenizer{};
  double spent = 0;  ///< by variants asked before
};

/// What one variant said, for the fold and for the lines of the annotations file.
struct Said {
  Variant variant;
  std::string prompt;  ///< as the file names it
  std::vector<Annotations> samples;
  std::vector<TeacherAnswer> answers;  ///< [N, K]
  std::filesystem::path journal;
};

OpenAiOptions options_of(const Teaching& teaching, const Variant& variant) {
  const TeacherSettings& s = teaching.settings;
  OpenAiOptions options;
  options.task = teaching.task;
  options.chat = teaching.chat;
  options.chat.model = variant.model;
  options.client = teaching.client;
  options.samples = s.samples;
  options.fold = fold_of(s.fold);
  options.k = s.k;
  options.journal = s.journal.empty() ? teaching.output.out : s.journal;
  if (teaching.picker) {
    options.demonstrations = [&teaching, order = variant.order](std::int64_t row) {
      return teaching.picker->pick(row, teaching.corpus.train.texts[row], order);
    };
    options.demonstrations_name = teaching.picker->name(variant.order);
  }
  if (teaching.candidates) options.candidates = &*teaching.candidates;
  options.tokenizer = teaching.tokenizer;
  options.prices = teaching.prices;
  if (s.budget) options.budget = *s.budget - teaching.spent;
  options.failed_texts = s.allow_failed ? FailedTexts::empty_sets : FailedTexts::refuse;
  return options;
}

/// Calls visit(prompt) with the named prompt, or with the template of that file.
template <class Visit>
void with_prompt(const std::string& name, Visit&& visit) {
  std::string snake = name;
  std::replace(snake.begin(), snake.end(), '-', '_');
  if (with_named<Prompts>(snake, [&]<class P>() { visit(P{}); })) return;
  if (!std::filesystem::exists(name)) {
    throw InputError("--prompt: found " + quoted(name) +
                     ", expected a template's file or one of: " + names_of<Prompts>());
  }
  visit(read_prompt_template(name));
}

/// The embeddings [n, D] of texts by a pretrained encoder, end to end.
std::vector<float> embeddings_of(Transformer& encoder, const StringColumn& texts, std::int64_t n,
                                 int threads) {
  constexpr std::int64_t batch = 64;
  const EncodedTexts ids = encode_texts(encoder, texts, n, threads);
  std::vector<float> embeddings(static_cast<std::size_t>(n * encoder.width()));
  std::vector<TokenSpan> spans;
  for (std::int64_t begin = 0; begin < n; begin += batch) {
    const std::int64_t rows = std::min(batch, n - begin);
    spans.clear();
    for (std::int64_t row = begin; row < begin + rows; ++row) spans.push_back(ids[row]);
    encoder.embed(spans, Mode::evaluation,
                  {embeddings.data() + begin * encoder.width(), rows, encoder.width()});
  }
  return embeddings;
}

DemonstrationPicker picker_of(const TeacherSettings& s, const Corpus& corpus, int threads) {
  std::vector<Demonstration> demonstrations = read_demonstrations(s.demonstrations, corpus.labels);
  if (s.embedder.empty()) return {std::move(demonstrations), s.shots};
  TransformerOptions options;
  for (int label = 0; label < corpus.labels.size(); ++label)
    options.labels.push_back(corpus.labels.name(label));
  options.threads = threads;
  options.pooling = Pooling::mean;  // what sentence encoders are trained for
  Transformer encoder = Transformer::from_pretrained(s.embedder, options);
  StringColumn texts;
  for (const Demonstration& demonstration : demonstrations) texts.push_back(demonstration.text);
  const std::vector<float> theirs = embeddings_of(encoder, texts, texts.size(), threads);
  return {std::move(demonstrations), s.shots, theirs,
          embeddings_of(encoder, corpus.train.texts, corpus.train.rows(), threads),
          encoder.width()};
}

CurlOptions curl_options(const TeacherSettings& s, bool key_named) {
  std::string endpoint = s.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  CurlOptions curl;
  curl.url = endpoint + "/chat/completions";
  curl.api_key = api_key(s, key_named);
  curl.timeout = s.timeout;
  curl.proxy = s.proxy;
  curl.ca_file = s.ca_file;
  curl.connections = s.concurrency;
  return curl;
}

/// Throws InputError for settings that no teacher can have.
void check(const TeacherSettings& s) {
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

std::vector<Variant> variants_of(const TeacherSettings& s) {
  std::vector<std::optional<std::uint64_t>> orders{std::nullopt};
  if (!s.demonstration_order.empty()) {
    orders.clear();
    for (const std::string& order : split_list("--demonstration-order", s.demonstration_order))
      orders.push_back(parse_number<std::uint64_t>("--demonstration-order", order));
  }
  std::vector<Variant> variants;
  for (const std::string& prompt : split_list("--prompt", s.prompt)) {
    for (const std::string& model : split_list("--model", s.model)) {
      for (const auto& order : orders) variants.push_back({prompt, model, order});
    }
  }
  return variants;
}

/// Calls visit(annotator) with the variant's annotator.
template <class Visit>
void with_annotator(const Teaching& teaching, const Variant& variant, Visit&& visit,
                    std::function<void(const ReplyLedger&)> on_reply = {}) {
  with_prompt(variant.prompt, [&]<class P>(P prompt) {
    if (std::is_same_v<P, LlmSelect> && !teaching.candidates)
      throw InputError("--prompt select chooses among --candidates FILE");
    OpenAiOptions options = options_of(teaching, variant);
    options.on_reply = std::move(on_reply);
    OpenAiAnnotator annotator(std::move(prompt), CurlTransport(teaching.curl), std::move(options));
    visit(annotator);
  });
}

// ---- what can be done with the variants

int show_prompt(const Teaching& teaching, const std::vector<Variant>& variants) {
  for (const Variant& variant : variants) {
    with_annotator(teaching, variant, [&](auto& annotator) {
      const auto body = nlohmann::ordered_json::parse(annotator.request(teaching.corpus.train, 0));
      std::printf("%s\n", body.dump(2).c_str());
    });
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
    with_annotator(teaching, variant, [&](auto& annotator) {
      const AnnotationPlan part = annotator.plan(teaching.corpus.train);
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
    });
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

int write_batches(const Teaching& teaching, const std::vector<Variant>& variants) {
  if (variants.size() != 1)
    throw InputError(
        "--write-batch: found an ensemble, expected one prompt, model and order a batch");
  with_annotator(teaching, variants.front(), [&](auto& annotator) {
    const auto files = annotator.write_batch(teaching.corpus.train, teaching.settings.write_batch);
    if (files.empty()) std::puts("nothing is missing: no batch was written");
    for (const auto& file : files) std::printf("%s\n", file.c_str());
  });
  return 0;
}

void read_batches(const Teaching& teaching, const std::vector<Variant>& variants) {
  if (variants.size() != 1)
    throw InputError(
        "--read-batch: found an ensemble, expected one prompt, model and order a batch");
  with_annotator(teaching, variants.front(), [&](auto& annotator) {
    const BatchReport report =
        annotator.read_batch(teaching.corpus.train, teaching.settings.read_batch);
    std::fprintf(
        stderr,
        "candist annotate: of the batch %lld replies were new, %lld known, %lld requests failed\n",
        static_cast<long long>(report.answered), static_cast<long long>(report.duplicates),
        static_cast<long long>(report.failed));
  });
}

/// The model writes examples of every label itself. Reference: CanDist section A.3 (a pool of 100).
int write_demonstration_pool(const Teaching& teaching, const Variant& variant) {
  constexpr int a_question = 10;
  const LabelSpace& labels = teaching.corpus.labels;
  const int a_label = (teaching.settings.pool + labels.size() - 1) / labels.size();
  const int rounds = (a_label + a_question - 1) / a_question;
  std::vector<std::vector<std::string>> texts(static_cast<std::size_t>(labels.size()));
  ChatOptions chat = teaching.chat;
  chat.model = variant.model;
  chat.structure = ChatOptions::Structure::free_text;
  chat.max_tokens = 4096;
  ChatClient client(CurlTransport(teaching.curl), teaching.client);
  std::uint64_t asked = 0;
  std::string failure;
  const auto next = [&]() -> std::optional<ChatQuestion> {
    if (asked >= static_cast<std::uint64_t>(labels.size()) * static_cast<std::uint64_t>(rounds))
      return std::nullopt;
    const int label = static_cast<int>(asked) % labels.size();
    const int round = static_cast<int>(asked) / labels.size();
    const Conversation conversation =
        pool_conversation(teaching.task, label, std::min(a_label, a_question), round);
    return ChatQuestion{asked++, chat_request_body(conversation, chat, nullptr), 1000};
  };
  client.run(
      next,
      [&](std::uint64_t key, const ChatReply& reply) {
        auto& pool = texts[static_cast<std::size_t>(key) % texts.size()];
        for (std::string& text : parse_pool_reply(reply.content)) {
          if (std::find(pool.begin(), pool.end(), text) == pool.end())
            pool.push_back(std::move(text));
        }
      },
      [&](std::uint64_t, const std::string& reason) { failure = reason; });
  if (!failure.empty()) throw RunError("the pool of demonstrations is not whole: " + failure);
  if (StopOnSignal::requested()) throw Interrupted("interrupted; no pool was written");
  std::vector<Demonstration> pool;
  for (int label = 0; label < labels.size(); ++label) {
    auto& examples = texts[static_cast<std::size_t>(label)];
    if (examples.size() > static_cast<std::size_t>(a_label))
      examples.resize(static_cast<std::size_t>(a_label));
    if (examples.empty())
      throw RunError("the model wrote no example of label " + quoted(labels.name(label)));
    for (std::string& text : examples) pool.push_back({std::move(text), labels.name(label)});
  }
  write_demonstrations(teaching.settings.write_demonstrations, pool);
  std::printf("%zu demonstrations of %d labels in %s\n", pool.size(), labels.size(),
              teaching.settings.write_demonstrations.c_str());
  return 0;
}

/// One variant, asked to the end.
Said ask(const Teaching& teaching, const Variant& variant, const std::string& title) {
  Said said;
  said.variant = variant;
  std::unique_ptr<ProgressBar> bar;
  const auto on_reply = [&](const ReplyLedger& ledger) {
    const std::int64_t done = ledger.total() - ledger.count(AnswerStatus::missing);
    if (!bar) {
      bar = std::make_unique<ProgressBar>(
          title, ledger.total(), "texts",
          teaching.output.quiet ? ProgressBar::Output::silent : ProgressBar::Output::shown);
    }
    bar->set(done);
  };
  with_annotator(
      teaching, variant,
      [&]<class A>(A& annotator) {
        said.journal = annotator.journal_path();
        annotator.annotate(teaching.corpus.train);
        if (bar) bar->finish();
        said.prompt = annotator.prompt_name();
        said.samples = annotator.samples();
        const ReplyLedger& ledger = annotator.ledger();
        for (std::int64_t row = 0; row < teaching.corpus.train.rows(); ++row) {
          for (int sample = 0; sample < ledger.samples(); ++sample)
            said.answers.push_back(ledger.answer(row, sample));
        }
        if (annotator.structure_refused())
          std::fprintf(stderr,
                       "candist annotate: the endpoint refuses response_format; asked without\n");
        if (ledger.outdated() > 0)
          std::fprintf(stderr,
                       "candist annotate: %lld replies in the journal are to texts that have "
                       "changed; those were asked anew\n",
                       static_cast<long long>(ledger.outdated()));
      },
      on_reply);
  return said;
}

/// What came of it, in a line or as JSON.
int report(const Teaching& teaching, const std::vector<Said>& all, const Annotations& annotations) {
  const CandidateStatistics statistics =
      candidate_statistics(annotations, teaching.corpus.train.labels);
  std::int64_t unreadable = 0, failed = 0, again = 0;
  Usage usage;
  double cost = 0;
  for (const Said& said : all) {
    for (const TeacherAnswer& answer : said.answers) {
      unreadable += answer.status == AnswerStatus::unreadable ? 1 : 0;
      failed += answer.status == AnswerStatus::failed ? 1 : 0;
      again += answer.replies > 1 ? 1 : 0;
      usage += answer.usage;
      if (teaching.prices) cost += teaching.prices->cost(said.variant.model, answer.usage);
    }
  }
  std::size_t answers = 0;
  for (const Said& said : all) answers += said.answers.size();
  const double unreadable_share =
      answers > 0 ? static_cast<double>(unreadable) / static_cast<double>(answers) : 0.0;
  std::FILE* words = words_beside(teaching.output.out);
  if (teaching.output.json) {
    nlohmann::ordered_json result{{"texts", statistics.rows},
                                  {"mean_set_size", statistics.mean_set_size},
                                  {"coverage", nullptr},
                                  {"answers", answers},
                                  {"asked_again", again},
                                  {"unreadable", unreadable},
                                  {"unreadable_share", unreadable_share},
                                  {"failed", failed},
                                  {"prompt_tokens", usage.prompt_tokens},
                                  {"completion_tokens", usage.completion_tokens},
                                  {"cost", nullptr},
                                  {"out", shown(teaching.output.out, 4096)},
                                  {"journals", nlohmann::ordered_json::array()}};
    if (statistics.coverage) result["coverage"] = *statistics.coverage;
    if (teaching.prices) result["cost"] = cost;
    for (const Said& said : all) result["journals"].push_back(said.journal.string());
    std::fprintf(words, "%s\n", result.dump().c_str());
    return 0;
  }
  std::fprintf(words, "%lld texts annotated: coverage %s %%, mean set size %.3f; in %s\n",
               static_cast<long long>(statistics.rows), percent(statistics.coverage).c_str(),
               statistics.mean_set_size, teaching.output.out.c_str());
  std::fprintf(
      words,
      "%zu answers, %lld asked again, %lld unreadable (%.2f %%), %lld failed; %lld prompt and %lld "
      "reply tokens%s; replies kept in %s\n",
      answers, static_cast<long long>(again), static_cast<long long>(unreadable),
      100 * unreadable_share, static_cast<long long>(failed),
      static_cast<long long>(usage.prompt_tokens), static_cast<long long>(usage.completion_tokens),
      teaching.prices ? (", " + show_money(cost, teaching.prices->currency())).c_str() : "",
      all.front().journal.c_str());
  return 0;
}

/// The keys of a line that say where the candidates come from.
void describe(nlohmann::ordered_json& line, std::int64_t row, const Teaching& teaching,
              const std::vector<Said>& all, const Annotations& annotations,
              const std::string& date) {
  const auto samples = static_cast<std::size_t>(teaching.settings.samples);
  const auto joined = [&](auto&& part) {
    std::string text;
    for (const Said& said : all) {
      const std::string next = part(said);
      if (("," + text + ",").find("," + next + ",") == std::string::npos)
        text += (text.empty() ? "" : ",") + next;
    }
    return text;
  };
  line["model"] = joined([](const Said& said) { return said.variant.model; });
  line["prompt"] = joined([](const Said& said) { return said.prompt; });
  nlohmann::ordered_json raw = nlohmann::ordered_json::array();
  Usage usage;
  double cost = 0;
  AnswerStatus status = AnswerStatus::answered;
  std::string reason;
  std::vector<std::int64_t> votes(static_cast<std::size_t>(annotations.classes()));
  for (const Said& said : all) {
    for (std::size_t sample = 0; sample < samples; ++sample) {
      const TeacherAnswer& answer = said.answers[static_cast<std::size_t>(row) * samples + sample];
      raw.push_back(answer.reply);
      usage += answer.usage;
      if (teaching.prices) cost += teaching.prices->cost(said.variant.model, answer.usage);
      for (const std::int32_t label : answer.labels) ++votes[static_cast<std::size_t>(label)];
      if (answer.status != AnswerStatus::answered) {
        status = answer.status;
        reason = answer.reason;
      }
    }
  }
  if (raw.size() > 1) {
    auto& counts = line["votes"] = nlohmann::ordered_json::array();
    for (const std::int32_t label : annotations.labels(row))
      counts.push_back(votes[static_cast<std::size_t>(label)]);
  }
  line["status"] = name_of(status);
  if (!reason.empty()) line["reason"] = reason;
  line["raw"] = raw.size() == 1 ? raw.front() : raw;
  line["usage"] = {{"prompt_tokens", usage.prompt_tokens},
                   {"completion_tokens", usage.completion_tokens}};
  if (usage.cached_tokens > 0) line["usage"]["cached_tokens"] = usage.cached_tokens;
  if (teaching.prices) line["cost"] = cost;
  line["date"] = date;
  line["parameters"] = {{"temperature", teaching.settings.temperature},
                        {"samples", teaching.settings.samples}};
  if (all.size() * samples > 1) line["parameters"]["fold"] = teaching.settings.fold;
}

}  // namespace

int ask_teacher(const TeacherSettings& s, const po::variables_map& given, const Corpus& corpus,
                const std::string& candidates, const OutputOptions& output, std::uint64_t seed,
                int threads) {
  check(s);
  const std::vector<Variant> variants = variants_of(s);
  Teaching teaching{.settings = s, .corpus = corpus, .output = output};
  teaching.task = {.labels = &corpus.labels,
                   .description = s.task,
                   .text_noun = s.text_noun,
                   .label_noun = s.label_noun,
                   .reasoning = s.step_by_step ? PromptTask::Reasoning::step_by_step
                                               : PromptTask::Reasoning::none,
                   .form = s.structured ? PromptTask::Form::json : PromptTask::Form::names};
  teaching.chat.temperature = s.temperature;
  teaching.chat.max_tokens = s.max_tokens;
  if (s.model_seed) teaching.chat.seed = static_cast<std::int64_t>(*s.model_seed);
  teaching.chat.logprobs = s.logprobs ? ChatOptions::Logprobs::on : ChatOptions::Logprobs::off;
  teaching.chat.structure =
      s.structured ? ChatOptions::Structure::json_schema : ChatOptions::Structure::free_text;
  teaching.chat.extra = extra_fields(s.extra);
  teaching.client = {.concurrency = s.concurrency,
                     .requests_per_minute = s.requests_per_minute,
                     .tokens_per_minute = s.tokens_per_minute,
                     .retry = {.retries = s.retries},
                     .seed = seed,
                     .stop = &StopOnSignal::requested()};
  teaching.curl = curl_options(s, is_given(given, "api-key-env"));
  if (!candidates.empty())
    teaching.candidates = read_annotations(candidates, corpus.train, corpus.labels);
  if (!s.demonstrations.empty()) teaching.picker = picker_of(s, corpus, threads);
  if (!s.price.empty()) teaching.prices = read_prices(s.price);
  if (!s.tokenizer.empty())
    teaching.tokenizer = std::make_shared<const Tokenizer>(load_tokenizer(s.tokenizer, {}));

  if (s.show_prompt) return show_prompt(teaching, variants);
  if (s.plan) return plan(teaching, variants);
  const StopOnSignal stop;
  if (!s.write_demonstrations.empty()) return write_demonstration_pool(teaching, variants.front());
  if (!s.write_batch.empty()) return write_batches(teaching, variants);
  if (!s.read_batch.empty()) read_batches(teaching, variants);

  std::vector<Said> all;
  for (const Variant& variant : variants) {
    std::string title = "annotate";
    if (variants.size() > 1)
      title += " " + std::to_string(all.size() + 1) + "/" + std::to_string(variants.size());
    all.push_back(ask(teaching, variant, title));
    for (const TeacherAnswer& answer : all.back().answers)
      teaching.spent += teaching.prices ? teaching.prices->cost(variant.model, answer.usage) : 0.0;
  }
  std::vector<Annotations> votes;
  for (const Said& said : all) votes.insert(votes.end(), said.samples.begin(), said.samples.end());
  const Annotations annotations =
      votes.size() == 1 ? votes.front() : VoteTensor(votes).folded(fold_of(s.fold), s.k);
  const std::string date = now_utc();
  write_annotations(output.out, corpus.train, corpus.labels, annotations, "openai",
                    [&](std::int64_t row, nlohmann::ordered_json& line) {
                      describe(line, row, teaching, all, annotations, date);
                    });
  return report(teaching, all, annotations);
}

}  // namespace candist::program
