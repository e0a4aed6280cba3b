// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Every loss a second time, written out from its paper in plain loops over p = softmax(z): in
// double it is the truth, in float it shows what error the plain formula has anyway. Independent of
// RowStats and of the library's stable forms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
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

/// log p_j.
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

/// 1 - p_j from the other classes, so that it keeps its digits where p_j is close to 1.
template <class T>
std::vector<T> others_of(const std::vector<T>& p) {
  std::vector<T> others(p.size());
  T before = 0;
  for (std::size_t j = 0; j < p.size(); ++j) others[j] += before, before += p[j];
  T after = 0;
  for (std::size_t j = p.size(); j-- > 0;) others[j] += after, after += p[j];
  return others;
}

/// The parameters of a loss in the order of its header; those left out are as published.
using Parameters = std::vector<double>;

/// The value of a loss by name; nothing for a name that is not here (then add it: this is the test
/// of your loss).
template <class T>
std::optional<T> reference_value(std::string_view name, const ReferenceRow<T>& row,
                                 const Parameters& parameters = {}) {
  const auto parameter = [&](std::size_t i, double published) {
    return static_cast<T>(i < parameters.size() ? parameters[i] : published);
  };
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
  const std::vector<T> others = others_of(p);
  const auto log_other = [&](std::size_t j) { return std::log(others[j]); };
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
  // The label losses, given the value of their parameter.
  const auto linear = [&](T scale) {
    return [&others, scale](std::size_t j) { return scale * others[j]; };
  };
  const auto power = [&](T q) {
    return [&p, q](std::size_t j) { return (1 - std::pow(p[j], q)) / q; };
  };
  const auto focal = [&](T gamma) {
    return [&, gamma](std::size_t j) { return -std::pow(others[j], gamma) * lp[j]; };
  };
  const auto huber = [&](T tau) {
    return [&, tau](std::size_t j) {
      return p[j] > 1 / tau ? -lp[j] : -tau * p[j] + std::log(tau) + 1;
    };
  };
  const T squares = sum([&](std::size_t j) { return p[j] * p[j]; });
  const auto brier_of = [&](std::size_t j) {  // sum_l (p_l - [l = j])^2
    return squares - p[j] * p[j] + (p[j] - 1) * (p[j] - 1);
  };
  const auto normalized = [&](auto&& label_loss) {
    const T whole = sum(label_loss);
    return whole > 0 ? targeted(label_loss) / whole : T(0);
  };
  const auto reverse = [&](T log_of_zero) { return linear(-log_of_zero); };
  const double A = std::log(1e-4);
  std::size_t top = 0;
  for (std::size_t j = 1; j < C; ++j) top = row.z[j] > row.z[top] ? j : top;

  if (name == "soft_target_ce") return targeted(ce);
  if (name == "average_ce") return averaged(ce);
  if (name == "marginal_nll") return -std::log(P);
  if (name == "mcl_exp") return W * std::exp(-P);
  if (name == "mcl_log") return -W * std::log(P);
  if (name == "mcl_ure_mae") return unbiased(linear(parameter(0, 1.0)));
  if (name == "mcl_ure_gce") return unbiased(power(parameter(0, 0.7)));
  if (name == "mcl_ure_phuber_ce") return unbiased(huber(parameter(0, 10.0)));
  if (name == "mcl_ure_mse") return unbiased(brier_of);
  if (name == "abs_mae") return averaged(linear(parameter(0, 2.0)));
  if (name == "abs_gce") return averaged(power(parameter(0, 0.7)));
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
    const auto merit = [&](std::size_t j) {
      return row.s[j] ? std::pow(p0[j] / P0, parameter(0, 0.5)) : T(0);
    };
    const T whole = sum(merit);
    return sum([&](std::size_t j) { return row.s[j] ? -merit(j) / whole * lp[j] : T(0); });
  }
  if (name == "lws") {
    const auto sigmoid = [](T x) { return 1 / (1 + std::exp(-x)); };
    return sum([&](std::size_t j) {
      return row.q[j] * (row.s[j] ? sigmoid(-row.z[j]) : parameter(0, 2.0) * sigmoid(row.z[j]));
    });
  }
  if (name == "lwc") {
    return targeted(
        [&](std::size_t j) { return row.s[j] ? -lp[j] : -parameter(0, 2.0) * log_other(j); });
  }
  if (name == "label_smoothing") {
    const T e = parameter(0, 0.1);
    return sum([&](std::size_t j) { return -((1 - e) * row.q[j] + e * mass / c) * lp[j]; });
  }
  if (name == "bootstrap_soft") {
    const T b = parameter(0, 0.95);
    return sum([&](std::size_t j) { return -(b * row.q[j] + (1 - b) * mass * p0[j]) * lp[j]; });
  }
  if (name == "bootstrap_hard") {
    const T b = parameter(0, 0.8);
    return sum([&](std::size_t j) {
      return -(b * row.q[j] + (j == top ? (1 - b) * mass : T(0))) * lp[j];
    });
  }
  if (name == "gce") return targeted(power(parameter(0, 0.7)));
  if (name == "mae") return targeted(linear(parameter(0, 1.0)));
  if (name == "rce") return targeted(reverse(parameter(0, A)));
  if (name == "sce")
    return parameter(0, 0.1) * targeted(ce) +
           parameter(1, 1.0) * targeted(reverse(parameter(2, A)));
  if (name == "nce") return normalized(ce);
  if (name == "ngce") return normalized(power(parameter(0, 0.7)));
  if (name == "nfl") return normalized(focal(parameter(0, 2.0)));
  if (name == "nce_rce")
    return parameter(0, 1.0) * normalized(ce) +
           parameter(1, 1.0) * targeted(reverse(parameter(2, A)));
  if (name == "nce_mae")
    return parameter(0, 1.0) * normalized(ce) +
           parameter(1, 1.0) * targeted(linear(parameter(2, 1.0)));
  if (name == "focal") return targeted(focal(parameter(0, 2.0)));
  if (name == "elr") {
    const T agreement =
        std::min(sum([&](std::size_t j) { return row.memory[j] * p[j]; }), T(0.9999f));
    return targeted(ce) + parameter(0, 3.0) * std::log(1 - agreement);
  }
  return std::nullopt;
}

/// One entry of the gradient by central differences of the double value; the stop-gradient parts
/// stay at row.z.
inline double reference_slope(std::string_view name, ReferenceRow<double> row, std::size_t j,
                              const Parameters& parameters = {}) {
  row.frozen = row.z;
  const double z = row.z[j];
  const auto difference = [&](double h) {
    row.z[j] = z + h;
    const double up = *reference_value(name, row, parameters);
    row.z[j] = z - h;
    return (up - *reference_value(name, row, parameters)) / (2 * h);
  };
  // Fourth order: the error of the differences is far below that of float.
  const double wide = difference(2e-3);
  const double narrow = difference(1e-3);
  return (4 * narrow - wide) / 3;
}

inline std::vector<double> reference_gradient(std::string_view name,
                                              const ReferenceRow<double>& row,
                                              const Parameters& parameters = {}) {
  std::vector<double> gradient;
  for (std::size_t j = 0; j < row.z.size(); ++j)
    gradient.push_back(reference_slope(name, row, j, parameters));
  return gradient;
}

}  // namespace candist::testing
