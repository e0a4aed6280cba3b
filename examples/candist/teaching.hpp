// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The parts behind teacher.hpp: one annotator a combination of prompt, model and order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "candist/annotators/openai.hpp"
#include "candist/chat/curl_transport.hpp"
#include "candist/chat/demonstrations.hpp"
#include "candist/data/vote_tensor.hpp"
#include "candist/text/tokenizer.hpp"
#include "corpus.hpp"
#include "input_files.hpp"
#include "teacher.hpp"

namespace candist::program {

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

/// An OpenAiAnnotator of a prompt that is chosen at run time; the texts are the training texts.
class AnyTeacher {
 public:
  virtual ~AnyTeacher() = default;
  virtual const char* prompt_name() const = 0;
  virtual std::filesystem::path journal_path() const = 0;
  virtual std::string request(std::int64_t row) const = 0;
  virtual AnnotationPlan plan() = 0;
  virtual std::vector<std::filesystem::path> write_batch(const std::filesystem::path& path) = 0;
  virtual BatchReport read_batch(const std::filesystem::path& path) = 0;
  virtual void annotate() = 0;
  virtual std::vector<Annotations> samples() const = 0;
  virtual const ReplyLedger& ledger() const = 0;
  virtual bool structure_refused() const = 0;
};

/// Throws InputError for names that do not exist and settings that contradict each other. `teaching`
/// must live as long.
std::unique_ptr<AnyTeacher> make_teacher(const Teaching& teaching, const Variant& variant,
                                         std::function<void(const ReplyLedger&)> on_reply = {});

std::vector<Variant> variants_of(const TeacherSettings& settings);
/// `key_named`: was the key's variable named, so that it must be there?
Teaching teaching_of(const TeacherSettings& settings, const Corpus& corpus,
                     const std::string& candidates, const OutputOptions& output, std::uint64_t seed,
                     int threads, bool key_named);
Fold fold_of(const std::string& name);

// ---- what can be done with the variants; each returns the exit code

int show_prompt(const Teaching& teaching, const std::vector<Variant>& variants);
int plan(const Teaching& teaching, const std::vector<Variant>& variants);
int write_batch(const Teaching& teaching, const std::vector<Variant>& variants);
void read_batch(const Teaching& teaching, const std::vector<Variant>& variants);
/// The model writes examples of every label itself. Reference: CanDist section A.3 (a pool of 100).
int write_demonstration_pool(const Teaching& teaching, const Variant& variant);

}  // namespace candist::program
