// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the program can be told to use, besides losses, refineries and methods (those are the
// library's lists). A new candidate set, optimizer or annotator is one line here, a new student one entry:
// `distill`, `predict`, `annotate`, `list`, the messages and the tests iterate over these lists.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "candist/annotators/recorded.hpp"
#include "candist/annotators/simulated.hpp"
#include "candist/candidates/dense.hpp"
#include "candist/candidates/mask.hpp"
#include "candist/candidates/sparse.hpp"
#include "candist/optimizers/adagrad.hpp"
#include "candist/optimizers/adamw.hpp"
#include "candist/optimizers/row_adagrad.hpp"
#include "candist/optimizers/sgd.hpp"
#include "candist/students/device_transformer.hpp"
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"
#include "candist/students/transformer.hpp"
#include "corpus.hpp"
#include "settings.hpp"

// Compiled once, in transformer_student.cpp.
extern template class candist::TransformerNetwork<candist::Gelu>;

namespace candist::program {

// An entry of the list of students says what its training takes where nothing is said, and
//   join(join, settings)          the options that it has: join.number(setting, place) takes over what
//                                 was given, and notes in the setting what it came to
//   warm_up_epochs(epochs)        epochs before the distribution refinery selects; < 0: its default
//   make(settings, corpus)        the student of resolved settings
//   check(settings, corpus)       throws InputError where make would (optional)
//   optimizer(settings, student)  where it cannot be one of the list below (optional)
//   encoding_of(settings)         names how texts become ids: runs of the same name share them

HashedNgramsOptions ngrams_of(const RunSettings& settings);
std::string encoding_of_ngrams(const RunSettings& settings);
template <class Join>
void join_ngrams(Join& join, RunSettings& s) {
  HashedNgramsOptions ngrams;
  join.number(s.buckets_log2, ngrams.buckets_log2);
  join.number(s.word_ngrams, ngrams.word_ngrams);
  join.number(s.char_min, ngrams.char_min);
  join.number(s.char_max, ngrams.char_max);
}

struct LinearStudent {
  using Student = HashedLinear;
  using DefaultOptimizer = RowAdagrad;
  static constexpr const char* name = Student::name;
  static constexpr int epochs = 20;
  static constexpr int batch = 32;
  static constexpr float learning_rate = 0.5f;
  static constexpr float weight_decay = 0.0f;
  static constexpr float max_gradient_norm = 0.0f;
  static int warm_up_epochs(int) { return -1; }

  template <class Join>
  static void join(Join& join, RunSettings& s) {
    join_ngrams(join, s);
  }
  static Student make(const RunSettings& settings, const Corpus& corpus);
  static std::string encoding_of(const RunSettings& s) { return encoding_of_ngrams(s); }
};

struct MlpStudent {
  using Student = EmbeddingBagMlp;
  using DefaultOptimizer = Adagrad;
  static constexpr const char* name = Student::name;
  static constexpr int epochs = 20;
  static constexpr int batch = 32;
  static constexpr float learning_rate = 0.1f;
  static constexpr float weight_decay = 0.0f;
  static constexpr float max_gradient_norm = 0.0f;
  static int warm_up_epochs(int) { return -1; }

  template <class Join>
  static void join(Join& join, RunSettings& s) {
    join_ngrams(join, s);
    EmbeddingBagMlpOptions options;
    join.number(s.dropout, options.dropout);
    join.has(s.init_seed);
  }
  static Student make(const RunSettings& settings, const Corpus& corpus);
  static std::string encoding_of(const RunSettings& s) { return encoding_of_ngrams(s); }
};

/// Pretrained, or with fresh weights and a vocabulary of the training texts' words.
struct TransformerStudent {
  using Student = Transformer;
  using DefaultOptimizer = AdamW;
  static constexpr const char* name = Student::name;
  static constexpr int epochs = 20;  ///< of fresh weights, as the learning rate
  static constexpr int batch = 32;
  static constexpr float learning_rate = 1e-3f;
  static constexpr float weight_decay = 0.01f;
  static constexpr float max_gradient_norm = 1.0f;
  /// Fine-tuning is over after few epochs, and selecting among predictions of the first ones costs
  /// (docs/transformer.md).
  static int warm_up_epochs(int epochs) { return std::min((3 * epochs + 4) / 5, epochs - 1); }

  template <class Join>
  static void join(Join& join, RunSettings& s) {
    int max_length = 128;
    join.number(s.max_length, max_length);
    std::optional<Pooling> pooling;
    join.name("pooling", s.pooling, pooling,
              {{"head", Pooling::bert_pooler}, {"mean", Pooling::mean}});
    join.has(s.pretrained);
    join.has(s.dropout);
    join.has(s.init_seed);
    if (!s.pretrained.empty()) return join_pretrained(s);
    TransformerConfig fresh = fresh_config();
    join.number(s.dropout, fresh.hidden_dropout);
    join.number(s.layers, fresh.layers);
    join.number(s.width, fresh.width);
    join.number(s.heads, fresh.heads);
  }
  static Student make(const RunSettings& settings, const Corpus& corpus);
  static void check(const RunSettings& settings, const Corpus& corpus);
  static std::string encoding_of(const RunSettings& settings);
  /// What fine-tuning takes where nothing is said; reads the folder's config.json.
  static void join_pretrained(RunSettings& settings);
  /// The shape of a model that a few thousand texts can teach from nothing.
  static TransformerConfig fresh_config();
};

/// The same transformer on a GPU; what it saves is a TransformerStudent's.
struct CudaTransformerStudent : TransformerStudent {
  using Student = DeviceTransformer;
  static constexpr const char* name = Student::name;

  template <class Join>
  static void join(Join& join, RunSettings& s) {
    enum class Precision { bf16, fp32 } precision = Precision::bf16;
    TransformerStudent::join(join, s);
    join.name("precision", s.precision, precision,
              {{"bf16", Precision::bf16}, {"fp32", Precision::fp32}});
  }
  static Student make(const RunSettings& settings, const Corpus& corpus);
  static void check(const RunSettings& settings, const Corpus& corpus);
  static DeviceAdamW optimizer(const RunSettings& settings, const Student& student);
  /// Bytes on the GPU that a run with such a transformer takes, by estimate.
  static double device_memory(Transformer host, const RunSettings& settings, const Corpus& corpus);
};

using Students = TypeList<LinearStudent, MlpStudent, TransformerStudent, CudaTransformerStudent>;
using CandidateSets = TypeList<MaskCandidates, SparseCandidates, DenseCandidates>;
using Optimizers = TypeList<Sgd, Adagrad, AdamW, RowAdagrad>;

/// Behind an endpoint; teacher.hpp asks it.
struct LanguageModel {
  static constexpr const char* name = "openai";
};
#if CANDIST_CURL_FOUND
using Annotators = TypeList<RecordedAnnotator, SimulatedAnnotator, LanguageModel>;
#else
using Annotators = TypeList<RecordedAnnotator, SimulatedAnnotator>;
#endif

/// The names of a list, comma-separated, for messages.
template <class List>
std::string names_of() {
  std::string names;
  for_each_type(List{},
                [&]<class T>() { names += (names.empty() ? "" : ", ") + std::string(T::name); });
  return names;
}

/// Calls visit.template operator()<T>() for the T of that name; false where there is none.
template <class List, class Visitor>
bool with_named(std::string_view name, Visitor&& visit) {
  bool found = false;
  for_each_type(List{}, [&]<class T>() {
    if (found || name != T::name) return;
    found = true;
    visit.template operator()<T>();
  });
  return found;
}

}  // namespace candist::program
