// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// packed_attention: multi-head attention inside each of N texts that lie end to end, without padding.
//   forward   scores, softmax, dropout and context of one text and head at a time; keeps nothing
//   backward  computes the probabilities again, by the same steps: nothing of size T x T outlives a head.
//             Not from a kept log sum exp, whose rounding would count where the softmax is sharp
//   bound     arithmetic, 4 t^2 D operations a text of t tokens (8 t^2 D backward, 2 t^2 D again)
// Reference: Vaswani et al., NeurIPS 2017, arXiv:1706.03762; recomputation as in Dao et al., NeurIPS
// 2022, arXiv:2205.14135.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "candist/kernels/dropout.hpp"
#include "candist/kernels/matrix_product.hpp"
#include "candist/kernels/wide_vectors.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace candist {

/// Where a text lies in a batch.
struct PackedText {
  std::int64_t first = 0;        ///< row of its first token
  std::int64_t tokens = 0;       ///< t
  std::int64_t first_query = 0;  ///< row of its first query
  std::int64_t queries = 0;      ///< t, or 1 where only the first token is asked for
  std::int64_t number = 0;       ///< in the batch; names its dropout
};

/// Queries [U, D], keys and values side by side [T, 2 D] of a batch, H heads.
struct PackedAttention {
  std::int64_t width = 0;  ///< D
  std::int64_t heads = 1;  ///< H
  Dropout dropout;         ///< of the probabilities
  const float* queries = nullptr;
  const float* keys_values = nullptr;
};

namespace detail {
struct SoftmaxRowsKernel;
struct SoftmaxBackwardKernel;
}  // namespace detail

/// context [U, D] of one text.
template <class Softmax = detail::SoftmaxRowsKernel>
void attend(const PackedAttention& attention, const PackedText& text, float* context);
/// From dcontext [U, D] of one text: dqueries [U, D] and dkeys_values [T, 2 D].
template <class Softmax = detail::SoftmaxBackwardKernel>
void attend_backward(const PackedAttention& attention, const PackedText& text,
                     const float* dcontext, float* dqueries, float* dkeys_values);

// ---- definitions

namespace detail {

/// Scores [q, t] -> probabilities, softmax of scale times the scores.
struct SoftmaxRowsKernel {
  template <int W>
  [[gnu::always_inline]] static void run(float* scores, std::int64_t q, std::int64_t t,
                                         float scale) {
    for (std::int64_t i = 0; i < q; ++i) {
      float* row = scores + i * t;
      Sixteen<W> tops = Sixteen<W>::all(row[0]);
      for (std::int64_t j = 0; j < t; j += 16)
        tops = larger(tops, Sixteen<W>::load(row + j, t - j, row[0]));
      const float top = largest(tops) * scale;
      Sixteen<W> sums = Sixteen<W>::all(0.0f);
      for (std::int64_t j = 0; j < t; j += 16) {
        // Behind the row's end stands e^-87, which vanishes beside the top's 1.
        const Sixteen<W> e = exponential(Sixteen<W>::load(row + j, t - j, -1e30f) * scale - top);
        e.store(row + j, t - j);
        sums += e;
      }
      const float total = candist::sum(sums);
      const float share = 1.0f / total;
      for (std::int64_t j = 0; j < t; ++j) row[j] *= share;
    }
  }
};

/// dprobabilities [q, t] -> dscores, in place: scale p (dp - sum_k p_k dp_k).
struct SoftmaxBackwardKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* probabilities, float* gradient,
                                         std::int64_t q, std::int64_t t, float scale) {
    for (std::int64_t i = 0; i < q; ++i) {
      const float* p = probabilities + i * t;
      float* d = gradient + i * t;
      Sixteen<W> sums = Sixteen<W>::all(0.0f);
      for (std::int64_t j = 0; j < t; j += 16)
        sums += Sixteen<W>::load(p + j, t - j) * Sixteen<W>::load(d + j, t - j);
      const float along = candist::sum(sums);
      for (std::int64_t j = 0; j < t; j += 16)
        (Sixteen<W>::load(p + j, t - j) * (Sixteen<W>::load(d + j, t - j) - along) * scale)
            .store(d + j, t - j);
    }
  }
};

struct ScaleByKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const float* factors, std::int64_t n, float* values) {
    for (std::int64_t i = 0; i < n; i += 16)
      (Sixteen<W>::load(values + i, n - i) * Sixteen<W>::load(factors + i, n - i))
          .store(values + i, n - i);
  }
};

/// Room for one head of a text, one a thread.
struct AttentionPlace {
  std::vector<float> scores;
  std::vector<float> gradient;
  std::vector<float> factors;
  std::vector<float> dropped;

  static AttentionPlace& here(std::int64_t cells) {
    thread_local AttentionPlace place;
    const auto size = static_cast<std::size_t>(cells);
    for (std::vector<float>* buffer :
         {&place.scores, &place.gradient, &place.factors, &place.dropped}) {
      if (buffer->size() < size) buffer->resize(size);
    }
    return place;
  }
};

/// The parts of one head of a text.
struct HeadOfText {
  HeadOfText(const PackedAttention& a, const PackedText& text, std::int64_t head)
      : head_width(a.width / a.heads),
        q(text.queries),
        t(text.tokens),
        query_at(text.first_query * a.width + head * head_width),
        key_at(text.first * 2 * a.width + head * head_width),
        value_at(key_at + a.width),
        queries(a.queries + query_at, q, head_width, a.width),
        keys(a.keys_values + key_at, t, head_width, 2 * a.width),
        values(a.keys_values + value_at, t, head_width, 2 * a.width),
        scale(1.0f / std::sqrt(static_cast<float>(head_width))),
        dropout_row(text.number * a.heads + head) {}

  std::int64_t head_width, q, t, query_at, key_at, value_at;
  Factor queries, keys, values;
  float scale;
  std::int64_t dropout_row;
};

}  // namespace detail

template <class Softmax>
void attend(const PackedAttention& a, const PackedText& text, float* context) {
  const std::int64_t cells = text.queries * text.tokens;
  detail::AttentionPlace& place = detail::AttentionPlace::here(cells);
  for (std::int64_t head = 0; head < a.heads; ++head) {
    const detail::HeadOfText h(a, text, head);
    float* p = place.scores.data();
    multiply(h.queries, h.keys.transposed(), {p, h.q, h.t, h.t}, Product::replaces);
    run_wide<Softmax>(p, h.q, h.t, h.scale);
    if (!a.dropout.off()) {
      dropout_factors(a.dropout, h.dropout_row, cells, place.factors.data());
      run_wide<detail::ScaleByKernel>(place.factors.data(), cells, p);
    }
    multiply({p, h.q, h.t, h.t}, h.values, {context + h.query_at, h.q, h.head_width, a.width},
             Product::replaces);
  }
}

template <class Softmax>
void attend_backward(const PackedAttention& a, const PackedText& text, const float* dcontext,
                     float* dqueries, float* dkeys_values) {
  const std::int64_t cells = text.queries * text.tokens;
  detail::AttentionPlace& place = detail::AttentionPlace::here(cells);
  const bool drops = !a.dropout.off();
  for (std::int64_t head = 0; head < a.heads; ++head) {
    const detail::HeadOfText h(a, text, head);
    float* p = place.scores.data();
    float* dp = place.gradient.data();
    const Factor dc(dcontext + h.query_at, h.q, h.head_width, a.width);
    multiply(h.queries, h.keys.transposed(), {p, h.q, h.t, h.t}, Product::replaces);
    run_wide<detail::SoftmaxRowsKernel>(p, h.q, h.t, h.scale);
    const float* dropped = p;
    multiply(dc, h.values.transposed(), {dp, h.q, h.t, h.t}, Product::replaces);
    if (drops) {
      dropout_factors(a.dropout, h.dropout_row, cells, place.factors.data());
      run_wide<detail::ScaleByKernel>(place.factors.data(), cells, dp);
      std::copy_n(p, cells, place.dropped.data());
      run_wide<detail::ScaleByKernel>(place.factors.data(), cells, place.dropped.data());
      dropped = place.dropped.data();
    }
    multiply(Factor(dropped, h.q, h.t, h.t).transposed(), dc,
             {dkeys_values + h.value_at, h.t, h.head_width, 2 * a.width}, Product::replaces);
    run_wide<Softmax>(p, dp, h.q, h.t, h.scale);
    const Factor ds(dp, h.q, h.t, h.t);
    multiply(ds, h.keys, {dqueries + h.query_at, h.q, h.head_width, a.width}, Product::replaces);
    multiply(ds.transposed(), h.queries, {dkeys_values + h.key_at, h.t, h.head_width, 2 * a.width},
             Product::replaces);
  }
}

}  // namespace candist

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
