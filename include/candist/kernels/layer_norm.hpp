// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// layer_norm: out = norm(residual + dropout(branch)) gamma + beta for rows [N, D], and its gradients.
//   forward   reads 2 N D floats, writes 2 N D (sum and out) and 2 N (mean, 1 / deviation)
//   backward  reads 2 N D, writes 2 N D; the gradients of gamma and beta are a second pass over 2 N D,
//             column by column, so that their sums do not depend on how rows were cut for threads
//   bound     memory, in the second-level cache; a row is read three times from the first level
// Reference: Ba, Kiros and Hinton 2016, arXiv:1607.06450.
#pragma once

#include <cmath>
#include <cstdint>

#include "candist/kernels/dropout.hpp"
#include "candist/kernels/wide_vectors.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace candist {

namespace detail {
struct AddAndNormKernel;
struct AddAndNormBackwardKernel;
struct NormParametersKernel;
}  // namespace detail

/// The normalisation of rows [N, D]; pointers are to row 0.
struct LayerNorm {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  const float* gamma = nullptr;  ///< [D]
  const float* beta = nullptr;   ///< [D]
  float epsilon = 1e-12f;
  Dropout dropout;                        ///< of the branch
  const std::int64_t* row_ids = nullptr;  ///< [N], name the rows' dropout
  float* sum = nullptr;                   ///< [N, D], what is normalised
  float* mean = nullptr;                  ///< [N]
  float* scale = nullptr;                 ///< [N], 1 / sqrt(variance + epsilon)
};

/// sum = residual + dropout(branch), then the norm of it. residual [N, D] may be null (0), out [N, D].
template <class Kernel = detail::AddAndNormKernel>
void add_and_norm(const LayerNorm& norm, const float* residual, const float* branch, float* out) {
  run_wide<Kernel>(norm, residual, branch, out);
}
/// From dout [N, D]: dsum [N, D], also the gradient of the residual, and dbranch [N, D]. Both may be
/// the same place where nothing is dropped.
template <class Kernel = detail::AddAndNormBackwardKernel>
void add_and_norm_backward(const LayerNorm& norm, const float* dout, float* dsum, float* dbranch) {
  run_wide<Kernel>(norm, dout, dsum, dbranch);
}
/// Adds to columns [first, first + columns) of dgamma [D] and dbeta [D], from dout [N, D].
template <class Kernel = detail::NormParametersKernel>
void norm_parameter_gradients(const LayerNorm& norm, const float* dout, std::int64_t first,
                              std::int64_t columns, float* dgamma, float* dbeta) {
  run_wide<Kernel>(norm, dout, first, columns, dgamma, dbeta);
}

// ---- definitions

namespace detail {

struct AddAndNormKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const LayerNorm& n, const float* residual,
                                         const float* branch, float* out) {
    const bool drops = !n.dropout.off();
    const std::int64_t width = n.width;
    alignas(64) float factors[dropout_group];
    for (std::int64_t r = 0; r < n.rows; ++r) {
      const float* from = branch + r * width;
      float* s = n.sum + r * width;
      Sixteen<W> total = Sixteen<W>::all(0.0f);
      for (std::int64_t at = 0; at < width; at += 16) {
        Sixteen<W> x = Sixteen<W>::load(from + at, width - at);
        if (drops) {
          if (at % dropout_group == 0)
            DropoutGroup<W>::draw(n.dropout, n.row_ids[r], at / dropout_group, factors);
          x = x * Sixteen<W>::load(factors + at % dropout_group);
        }
        if (residual != nullptr) x += Sixteen<W>::load(residual + r * width + at, width - at);
        x.store(s + at, width - at);
        total += x;
      }
      const float mean = candist::sum(total) / static_cast<float>(width);
      Sixteen<W> squares = Sixteen<W>::all(0.0f);
      for (std::int64_t at = 0; at < width; at += 16) {
        const Sixteen<W> d = Sixteen<W>::load(s + at, width - at, mean) - mean;
        squares += d * d;
      }
      const float variance = candist::sum(squares) / static_cast<float>(width);
      const float scale = 1.0f / std::sqrt(variance + n.epsilon);
      n.mean[r] = mean;
      n.scale[r] = scale;
      for (std::int64_t at = 0; at < width; at += 16) {
        const std::int64_t some = width - at;
        const Sixteen<W> normal = (Sixteen<W>::load(s + at, some) - mean) * scale;
        (normal * Sixteen<W>::load(n.gamma + at, some) + Sixteen<W>::load(n.beta + at, some))
            .store(out + r * width + at, some);
      }
    }
  }
};

struct AddAndNormBackwardKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const LayerNorm& n, const float* dout, float* dsum,
                                         float* dbranch) {
    const bool drops = !n.dropout.off();
    const std::int64_t width = n.width;
    alignas(64) float factors[dropout_group];
    for (std::int64_t r = 0; r < n.rows; ++r) {
      const float mean = n.mean[r];
      const float scale = n.scale[r];
      const float* s = n.sum + r * width;
      const float* d = dout + r * width;
      Sixteen<W> plain = Sixteen<W>::all(0.0f);
      Sixteen<W> along = Sixteen<W>::all(0.0f);
      for (std::int64_t at = 0; at < width; at += 16) {
        const std::int64_t some = width - at;
        const Sixteen<W> normal = (Sixteen<W>::load(s + at, some, mean) - mean) * scale;
        const Sixteen<W> weighted =
            Sixteen<W>::load(d + at, some) * Sixteen<W>::load(n.gamma + at, some);
        plain += weighted;
        along += weighted * normal;
      }
      const float plain_mean = candist::sum(plain) / static_cast<float>(width);
      const float along_mean = candist::sum(along) / static_cast<float>(width);
      for (std::int64_t at = 0; at < width; at += 16) {
        const std::int64_t some = width - at;
        const Sixteen<W> normal = (Sixteen<W>::load(s + at, some, mean) - mean) * scale;
        const Sixteen<W> weighted =
            Sixteen<W>::load(d + at, some) * Sixteen<W>::load(n.gamma + at, some);
        Sixteen<W> x = (weighted - plain_mean - normal * along_mean) * scale;
        x.store(dsum + r * width + at, some);
        if (drops) {
          if (at % dropout_group == 0)
            DropoutGroup<W>::draw(n.dropout, n.row_ids[r], at / dropout_group, factors);
          x = x * Sixteen<W>::load(factors + at % dropout_group);
        }
        x.store(dbranch + r * width + at, some);
      }
    }
  }
};

struct NormParametersKernel {
  template <int W>
  [[gnu::always_inline]] static void run(const LayerNorm& n, const float* dout, std::int64_t first,
                                         std::int64_t columns, float* dgamma, float* dbeta) {
    for (std::int64_t at = first; at < first + columns; at += 16) {
      const std::int64_t some = first + columns - at;
      Sixteen<W> gamma = Sixteen<W>::load(dgamma + at, some);
      Sixteen<W> beta = Sixteen<W>::load(dbeta + at, some);
      for (std::int64_t r = 0; r < n.rows; ++r) {
        const Sixteen<W> d = Sixteen<W>::load(dout + r * n.width + at, some);
        const Sixteen<W> s = Sixteen<W>::load(n.sum + r * n.width + at, some);
        gamma += d * ((s - n.mean[r]) * n.scale[r]);
        beta += d;
      }
      gamma.store(dgamma + at, some);
      beta.store(dbeta + at, some);
    }
  }
};

}  // namespace detail

}  // namespace candist

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
