// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "teaching.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <type_traits>
#include <utility>

#include "candist/chat/prompt_template.hpp"
#include "candist/chat/prompts.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/text/tokenizer_folder.hpp"
#include "interruption.hpp"
#include "students.hpp"

namespace candist::program {
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
  const int longest = read_transformer_config(s.embedder).longest_text();
  options.max_length = std::min<std::int64_t>(options.max_length, longest);
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

template <Prompt P>
class TeacherOf final : public AnyTeacher {
 public:
  TeacherOf(P prompt, const Teaching& teaching, OpenAiOptions options)
      : texts_(teaching.corpus.train),
        annotator_(std::move(prompt), CurlTransport(teaching.curl), std::move(options)) {}

  const char* prompt_name() const override { return annotator_.prompt_name(); }
  std::filesystem::path journal_path() const override { return annotator_.journal_path(); }
  std::string request(std::int64_t row) const override { return annotator_.request(texts_, row); }
  AnnotationPlan plan() override { return annotator_.plan(texts_); }
  std::vector<std::filesystem::path> write_batch(const std::filesystem::path& path) override {
    return annotator_.write_batch(texts_, path);
  }
  BatchReport read_batch(const std::filesystem::path& path) override {
    return annotator_.read_batch(texts_, path);
  }
  void annotate() override { annotator_.annotate(texts_); }
  std::vector<Annotations> samples() const override { return annotator_.samples(); }
  const ReplyLedger& ledger() const override { return annotator_.ledger(); }
  bool structure_refused() const override { return annotator_.structure_refused(); }

 private:
  const Texts& texts_;
  OpenAiAnnotator<P, CurlTransport> annotator_;
};

}  // namespace

Fold fold_of(const std::string& name) {
  constexpr std::pair<const char*, Fold> folds[] = {
      {"any", Fold::any}, {"all", Fold::all}, {"top", Fold::top}, {"at-least", Fold::at_least}};
  for (const auto& [known, fold] : folds) {
    if (name == known) return fold;
  }
  throw InputError("--fold: found " + quoted(name) + ", expected any, all, top or at-least");
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

Teaching teaching_of(const TeacherSettings& s, const Corpus& corpus, const std::string& candidates,
                     const OutputOptions& output, std::uint64_t seed, int threads, bool key_named) {
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
  teaching.chat.top_logprobs = s.alternatives;
  teaching.chat.logprobs =
      s.logprobs || s.alternatives > 0 ? ChatOptions::Logprobs::on : ChatOptions::Logprobs::off;
  teaching.chat.structure =
      s.structured ? ChatOptions::Structure::json_schema : ChatOptions::Structure::free_text;
  teaching.chat.extra = extra_fields(s.extra);
  teaching.client = {.concurrency = s.concurrency,
                     .requests_per_minute = s.requests_per_minute,
                     .tokens_per_minute = s.tokens_per_minute,
                     .retry = {.retries = s.retries},
                     .seed = seed,
                     .stop = &StopOnSignal::requested()};
  teaching.curl = curl_options(s, key_named);
  if (!candidates.empty())
    teaching.candidates = read_annotations(candidates, corpus.train, corpus.labels);
  if (!s.demonstrations.empty()) teaching.picker = picker_of(s, corpus, threads);
  if (!s.price.empty()) teaching.prices = read_prices(s.price);
  if (!s.tokenizer.empty())
    teaching.tokenizer = std::make_shared<const Tokenizer>(load_tokenizer(s.tokenizer, {}));
  return teaching;
}

std::unique_ptr<AnyTeacher> make_teacher(const Teaching& teaching, const Variant& variant,
                                         std::function<void(const ReplyLedger&)> on_reply) {
  OpenAiOptions options = options_of(teaching, variant);
  options.on_reply = std::move(on_reply);
  std::unique_ptr<AnyTeacher> teacher;
  with_prompt(variant.prompt, [&]<class P>(P prompt) {
    if (std::is_same_v<P, LlmSelect> && !teaching.candidates)
      throw InputError("--prompt select chooses among --candidates FILE");
    teacher = std::make_unique<TeacherOf<P>>(std::move(prompt), teaching, std::move(options));
  });
  return teacher;
}

}  // namespace candist::program
