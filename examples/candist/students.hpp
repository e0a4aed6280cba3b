// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What the program can be told to use, besides losses, refineries and methods (those are the
// library's lists). A new student, candidate set, optimizer or annotator is one line here: `distill`,
// `predict`, `annotate`, `list`, the messages and the tests iterate over these lists.
#pragma once

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
#include "candist/students/embedding_bag_mlp.hpp"
#include "candist/students/hashed_linear.hpp"

namespace candist::program {

/// A student on hashed n-grams, the options it is made from, and what its training takes where nothing
/// is said.
struct LinearStudent {
  using Student = HashedLinear;
  using Options = HashedLinearOptions;
  using DefaultOptimizer = RowAdagrad;
  static constexpr const char* name = Student::name;
  static constexpr int epochs = 20;
  static constexpr int batch = 32;
  static constexpr float learning_rate = 0.5f;
};
struct MlpStudent {
  using Student = EmbeddingBagMlp;
  using Options = EmbeddingBagMlpOptions;
  using DefaultOptimizer = Adagrad;
  static constexpr const char* name = Student::name;
  static constexpr int epochs = 20;
  static constexpr int batch = 32;
  static constexpr float learning_rate = 0.1f;
};

using Students = TypeList<LinearStudent, MlpStudent>;
using CandidateSets = TypeList<MaskCandidates, SparseCandidates, DenseCandidates>;
using Optimizers = TypeList<Sgd, Adagrad, AdamW, RowAdagrad>;
using Annotators = TypeList<RecordedAnnotator, SimulatedAnnotator>;

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
