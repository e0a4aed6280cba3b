// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every loss a second time, written out from its paper in plain loops over p = softmax(z): in
// double it is the truth, in float it shows what error the plain formula has anyway. Independent of
// RowStats and of the library's stable forms.
#pragma once

#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

namespace candist::testing {

/// One row: logits, candidates, targets, memory; `frozen` are the logits that stop-gradient parts
/// are taken at.
template <class T>
struct ReferenceRow {
  std::vector<T> z;
  std::vector<bool> s;
  std::vector<T> q;
  std::vector<T> memory;
  std::vector<T> frozen;
};

template <class T>
std::vector<T> softmax_of(const std::vector<T>& z) {
  T top = z[0];
  for (const T v : z) top = std::max(top, v);
  T sum = 0;
  std::vector<T> p;
  for (const T v : z) p.push_back(std::exp(v - top)), sum += p.back();
  for (T& v : p) v /= sum;
  return p;
}

/// log p_j and log(1 - p_j), the latter from the other classes so that it keeps its digits.
template <class T>
std::vector<T> log_softmax_of(const std::vector<T>& z) {
  T top = z[0];
  for (const T v : z) top = std::max(top, v);
  T sum = 0;
  for (const T v : z) sum += std::exp(v - top);
  std::vector<T> result;
  for (const T v : z) result.push_back(v - top - std::log(sum));
  return result;
}

/// The value of a loss by name; nothing for a name that is not here (then add it: this is the test
/// of your loss).
template <class T>
std::optional<T> reference_value(std::string_view name, const ReferenceRow<T>& row) {
  const std::size_t C = row.z.size();
  const std::vector<T> p = softmax_of(row.z);
  const std::vector<T> lp = log_softmax_of(row.z);
  const std::vector<T> p0 = softmax_of(row.frozen);
  T k = 0, P = 0, P0 = 0, inside = 0, outside = 0, mass = 0;
  for (std::size_t j = 0; j < C; ++j) {
    k += row.s[j] ? 1 : 0;
    if (row.s[j]) P += p[j], P0 += p0[j];
    (row.s[j] ? inside : outside) += row.z[j];
    mass += row.q[j];
  }
  if (k == 0) return T(0);
  const T c = static_cast<T>(C);
  const bool full = k == c;
  const T W = full ? T(0) : (c - 1) / (c - k);
  // log(1 - p_j) without the cancellation of 1 - p_j
  const auto log_other = [&](std::size_t j) {
    T other = 0;
    for (std::size_t l = 0; l < C; ++l) other += l == j ? T(0) : p[l];
    return std::log(other);
  };
  const auto sum = [&](auto&& term) {
    T total = 0;
    for (std::size_t j = 0; j < C; ++j) total += term(j);
    return total;
  };
  const auto targeted = [&](auto&& label_loss) {
    return sum([&](std::size_t j) { return row.q[j] == 0 ? T(0) : row.q[j] * label_loss(j); });
  };
  const auto averaged = [&](auto&& label_loss) {
    return sum([&](std::size_t j) { return row.s[j] ? label_loss(j) / k : T(0); });
  };
  const auto unbiased = [&](auto&& label_loss) {
    if (full) return T(0);
    return sum([&](std::size_t j) {
      return row.s[j] ? label_loss(j) : -(k - 1) / (c - k) * label_loss(j);
    });
  };
  const auto ce = [&](std::size_t j) { return -lp[j]; };
  const auto linear = [&](std::size_t j) { return 1 - p[j]; };
  const auto power = [&](std::size_t j) { return (1 - std::pow(p[j], T(0.7))) / T(0.7); };
  const auto focal = [&](std::size_t j) { return -(1 - p[j]) * (1 - p[j]) * lp[j]; };
  const auto huber = [&](std::size_t j) {
    return p[j] > T(0.1) ? -lp[j] : -10 * p[j] + std::log(T(10)) + 1;
  };
  const auto brier_of = [&](std::size_t j) {
    return sum(
        [&](std::size_t l) { return (p[l] - (l == j ? 1 : 0)) * (p[l] - (l == j ? 1 : 0)); });
  };
  const auto normalized = [&](auto&& label_loss) {
    const T whole = sum(label_loss);
    return whole > 0 ? targeted(label_loss) / whole : T(0);
  };
  const T A = std::log(T(1e-4));
  const auto reverse = [&](std::size_t j) { return -A * (1 - p[j]); };
  std::size_t top = 0;
  for (std::size_t j = 1; j < C; ++j) top = row.z[j] > row.z[top] ? j : top;

  if (name == "soft_target_ce") return targeted(ce);
  if (name == "average_ce") return averaged(ce);
  if (name == "marginal_nll") return -std::log(P);
  if (name == "mcl_exp") return W * std::exp(-P);
  if (name == "mcl_log") return -W * std::log(P);
  if (name == "mcl_ure_mae") return unbiased(linear);
  if (name == "mcl_ure_gce") return unbiased(power);
  if (name == "mcl_ure_phuber_ce") return unbiased(huber);
  if (name == "mcl_ure_mse") return unbiased(brier_of);
  if (name == "abs_mae") return 2 * averaged(linear);
  if (name == "abs_gce") return averaged(power);
  if (name == "brier")
    return sum([&](std::size_t j) { return (p[j] - row.q[j]) * (p[j] - row.q[j]); });
  if (name == "negative_learning")
    return sum([&](std::size_t j) { return row.s[j] ? T(0) : -log_other(j); });
  if (name == "libra") {
    const T rest = sum([&](std::size_t j) { return row.s[j] ? T(0) : p[j]; });
    return full ? T(0)
                : std::log(rest) - sum([&](std::size_t j) { return row.s[j] ? lp[j] / k : T(0); });
  }
  if (name == "bi_prp") return full ? T(0) : (1 - P0) * (-inside + k / (c - k) * outside);
  if (name == "beta_meritocratic") {
    const auto merit = [&](std::size_t j) { return row.s[j] ? std::sqrt(p0[j] / P0) : T(0); };
    const T whole = sum(merit);
    return sum([&](std::size_t j) { return row.s[j] ? -merit(j) / whole * lp[j] : T(0); });
  }
  if (name == "lws") {
    const auto sigmoid = [](T x) { return 1 / (1 + std::exp(-x)); };
    return sum([&](std::size_t j) {
      return row.q[j] * (row.s[j] ? sigmoid(-row.z[j]) : 2 * sigmoid(row.z[j]));
    });
  }
  if (name == "lwc") {
    return targeted([&](std::size_t j) { return row.s[j] ? -lp[j] : -2 * log_other(j); });
  }
  if (name == "label_smoothing")
    return sum([&](std::size_t j) { return -(T(0.9) * row.q[j] + T(0.1) * mass / c) * lp[j]; });
  if (name == "bootstrap_soft")
    return sum(
        [&](std::size_t j) { return -(T(0.95) * row.q[j] + T(0.05) * mass * p0[j]) * lp[j]; });
  if (name == "bootstrap_hard")
    return sum([&](std::size_t j) {
      return -(T(0.8) * row.q[j] + (j == top ? T(0.2) * mass : T(0))) * lp[j];
    });
  if (name == "gce") return targeted(power);
  if (name == "mae") return targeted(linear);
  if (name == "rce") return targeted(reverse);
  if (name == "sce") return T(0.1) * targeted(ce) + targeted(reverse);
  if (name == "nce") return normalized(ce);
  if (name == "ngce") return normalized(power);
  if (name == "nfl") return normalized(focal);
  if (name == "nce_rce") return normalized(ce) + targeted(reverse);
  if (name == "nce_mae") return normalized(ce) + targeted(linear);
  if (name == "focal") return targeted(focal);
  if (name == "elr") {
    const T agreement =
        std::min(sum([&](std::size_t j) { return row.memory[j] * p[j]; }), T(0.9999));
    return targeted(ce) + 3 * std::log(1 - agreement);
  }
  return std::nullopt;
}

/// The gradient by central differences of the double value; the stop-gradient parts stay at row.z.
inline std::vector<double> reference_gradient(std::string_view name, ReferenceRow<double> row) {
  row.frozen = row.z;
  std::vector<double> gradient(row.z.size());
  constexpr double h = 1e-6;
  for (std::size_t j = 0; j < row.z.size(); ++j) {
    // Fourth order: the error of the differences is far below that of float.
    const auto at = [&](double step) {
      ReferenceRow<double> moved = row;
      moved.z[j] += step;
      return *reference_value(name, moved);
    };
    const double wide = (at(2000 * h) - at(-2000 * h)) / (4000 * h);
    const double narrow = (at(1000 * h) - at(-1000 * h)) / (2000 * h);
    gradient[j] = (4 * narrow - wide) / 3;
  }
  return gradient;
}

}  // namespace candist::testing
