// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "teacher.hpp"

#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>
#include <vector>

#include "candist/candidates/statistics.hpp"
#include "candist/data/annotation_file.hpp"
#include "candist/training/progress_bar.hpp"
#include "interruption.hpp"
#include "students.hpp"
#include "teaching.hpp"
#include "text_table.hpp"

namespace candist::program {
namespace {

/// What one variant said, for the fold and for the lines of the annotations file.
struct Said {
  Variant variant;
  std::string prompt;  ///< as the file names it
  std::vector<Annotations> samples;
  std::vector<TeacherAnswer> answers;  ///< [N, K]
  std::filesystem::path journal;
};

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof text, "%FT%TZ", std::gmtime(&now));
  return text;
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
  const auto teacher = make_teacher(teaching, variant, on_reply);
  said.journal = teacher->journal_path();
  teacher->annotate();
  if (bar) bar->finish();
  said.prompt = teacher->prompt_name();
  said.samples = teacher->samples();
  const ReplyLedger& ledger = teacher->ledger();
  for (std::int64_t row = 0; row < teaching.corpus.train.rows(); ++row) {
    for (int sample = 0; sample < ledger.samples(); ++sample)
      said.answers.push_back(ledger.answer(row, sample));
  }
  if (teacher->structure_refused())
    std::fprintf(stderr, "candist annotate: the endpoint refuses response_format; asked without\n");
  if (ledger.outdated() > 0)
    std::fprintf(stderr,
                 "candist annotate: %lld replies in the journal are to texts that have changed; "
                 "those were asked anew\n",
                 static_cast<long long>(ledger.outdated()));
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
  check_values(s);
  const std::vector<Variant> variants = variants_of(s);
  Teaching teaching =
      teaching_of(s, corpus, candidates, output, seed, threads, is_given(given, "api-key-env"));

  if (s.show_prompt) return show_prompt(teaching, variants);
  if (s.plan) return plan(teaching, variants);
  const StopOnSignal stop;
  if (!s.write_demonstrations.empty()) return write_demonstration_pool(teaching, variants.front());
  if (!s.write_batch.empty()) return write_batch(teaching, variants);
  if (!s.read_batch.empty()) read_batch(teaching, variants);

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
