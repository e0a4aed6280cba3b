// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// A trained student over many texts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/metrics/accuracy.hpp"
#include "candist/parallel_ranges.hpp"
#include "candist/text/encoded_texts.hpp"
#include "candist/training/auxiliary_terms.hpp"

namespace candist {

/// A student that several threads can evaluate at once.
template <class S>
concept SharedInEvaluation = requires(const S& fixed, TextBatch batch, MatrixView<float> logits) {
  fixed.forward(batch, logits);
};

/// Hands the logits of all texts, a few hundred rows at a time, to work(first_row, logits [n, C]);
/// on `threads` threads, each with rows of its own. A row's logits do not depend on the rows beside
/// it.
template <class S, class Work>
requires Student<std::remove_const_t<S>>
void evaluate_student(S& student, const EncodedTexts& texts, int threads, Work&& work) {
  constexpr std::int64_t chunk = 256;
  const std::int64_t chunks = (texts.rows() + chunk - 1) / chunk;
  constexpr bool shareable = SharedInEvaluation<S>;
  const int parts =
      shareable ? static_cast<int>(std::clamp<std::int64_t>(chunks, 1, std::max(threads, 1))) : 1;
  parallel_ranges(chunks, parts, [&](int, std::int64_t begin, std::int64_t end) {
    std::vector<TokenSpan> batch;
    std::vector<float> logits(static_cast<std::size_t>(chunk * student.classes()));
    for (std::int64_t c = begin; c < end; ++c) {
      const std::int64_t first = c * chunk;
      const std::int64_t count = std::min(chunk, texts.rows() - first);
      batch.clear();
      for (std::int64_t row = first; row < first + count; ++row) batch.push_back(texts[row]);
      const MatrixView<float> view{logits.data(), count, student.classes()};
      if constexpr (shareable) {
        std::as_const(student).forward(TextBatch(batch), view);
      } else {
        student.forward(batch, Mode::evaluation, view);
      }
      work(first, MatrixView<const float>(view));
    }
  });
}

/// Argmax (the first, if several) and its probability for every text.
template <class S>
requires Student<std::remove_const_t<S>> Predictions predict(S& student, const EncodedTexts& texts,
                                                             int threads = 1) {
  Predictions predictions;
  predictions.labels.resize(static_cast<std::size_t>(texts.rows()));
  predictions.confidences.resize(static_cast<std::size_t>(texts.rows()));
  evaluate_student(
      student, texts, threads, [&](std::int64_t first, MatrixView<const float> logits) {
        std::vector<float> p(static_cast<std::size_t>(logits.columns));
        for (std::int64_t r = 0; r < logits.rows; ++r) {
          const float* row = logits.row(r);
          const auto best =
              static_cast<std::int32_t>(std::max_element(row, row + logits.columns) - row);
          softmax(row, static_cast<int>(logits.columns), 1.0f, p.data());
          predictions.labels[static_cast<std::size_t>(first + r)] = best;
          predictions.confidences[static_cast<std::size_t>(first + r)] =
              p[static_cast<std::size_t>(best)];
        }
      });
  return predictions;
}

}  // namespace candist
