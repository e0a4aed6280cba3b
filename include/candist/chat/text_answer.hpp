// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What is asked of a text, and what it answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "candist/chat/label_matcher.hpp"
#include "candist/chat/prompt.hpp"

namespace candist {

/// Whether numbers and letters count as labels.
enum class LabelNumbers { read, ignored };

/// What was asked. Only refers to the labels: they must outlive it.
struct AskedLabels {
  const LabelMatcher& matcher;
  std::span<const std::int32_t> listed;  ///< in the order in which they were offered
  LabelNumbers numbers = LabelNumbers::read;
  AnswerForm form = AnswerForm::one;
};

/// One label that a text answers with, and the bytes that named it.
struct NamedLabel {
  std::int32_t label = -1;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What a text answers: labels, or a problem.
struct TextAnswer {
  std::vector<NamedLabel> labels;
  std::string problem;
};

}  // namespace candist
