// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The mathematics of Theorem 1 (CanDist, arXiv 2506.03857, section 4 and appendix C, after Jeong
// and Chung, ICLR 2025): a teacher and its students are softmax regressions on fixed features,
//
//   F(W) = 1/N sum_i CE(q_i, softmax(W^T g_i)) + lambda/2 |W|^2.
//
// Three ways to their predictions:
//   closed_form     the linearised model, softmax(v)_c ~ (1 + v_c) / C, as Eq. 24 writes it
//   DirectSolution  the same model, solved as the linear system it is
//   fit_softmax     no linearisation: F itself, minimised to rounding error
// and the theorem's two conditions on the noise, which speak about the linearised model.
//
// Shape letters: N rows (the paper's m), C classes, D width. R [C, C] is the noise: R(c, k) is the
// share of class c that is labelled k; its rows sum to 1.
#pragma once

#include <Eigen/Dense>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "candist/error.hpp"

namespace theorem_one {

using Matrix = Eigen::MatrixXd;
using SparseMatrix = Eigen::SparseMatrix<double, Eigen::RowMajor>;

// ---- The setting

/// C classes with as many rows each, stored one class after the other. Two rows' features have the
/// inner product 1 (the same row), a (the same class) or b (another class); 1 > a > b > 0.
///
/// The regularisation is given as kappa = N lambda: with lambda itself fixed, theta -> 0 as N
/// grows, nothing is learnt by heart, and the theorem's two conditions become the same.
struct Setting {
  int classes = 4;           ///< C
  int rows_per_class = 240;  ///< N / C
  double same_class = 0.4;   ///< a
  double other_class = 0.1;  ///< b
  double kappa = 0.3;        ///< N lambda

  int rows() const { return classes * rows_per_class; }
  int class_of(int row) const { return row / rows_per_class; }
};

/// Throws InputError for a setting outside the theorem.
inline void check(const Setting& s) {
  if (!(1.0 > s.same_class && s.same_class > s.other_class && s.other_class > 0.0))
    throw candist::InputError("inner products: expected 1 > a > b > 0");
  if (!(s.kappa > 0.0)) throw candist::InputError("kappa: expected more than 0");
  if (s.classes < 2 || s.rows_per_class < 1)
    throw candist::InputError("expected 2 classes or more, and a row of each");
}

/// The features [N, D], D = N + C + 1: every row has a direction of its own, one of its class, and
/// one of all rows. Their squared lengths 1 - a, a - b and b are what the inner products ask for.
inline SparseMatrix features(const Setting& s) {
  std::vector<Eigen::Triplet<double>> entries;
  for (int i = 0; i < s.rows(); ++i) {
    entries.emplace_back(i, i, std::sqrt(1.0 - s.same_class));
    entries.emplace_back(i, s.rows() + s.class_of(i), std::sqrt(s.same_class - s.other_class));
    entries.emplace_back(i, s.rows() + s.classes, std::sqrt(s.other_class));
  }
  SparseMatrix g(s.rows(), s.rows() + s.classes + 1);
  g.setFromTriplets(entries.begin(), entries.end());
  return g;
}

/// S [N, N], the inner products of the features.
inline Matrix gram(const Setting& s) {
  Matrix S = Matrix::Constant(s.rows(), s.rows(), s.other_class);
  for (int c = 0; c < s.classes; ++c) {
    const int first = c * s.rows_per_class;
    S.block(first, first, s.rows_per_class, s.rows_per_class).setConstant(s.same_class);
  }
  S.diagonal().setOnes();
  return S;
}

// ---- The noise

/// R [C, C] that flips a share `noise` of every class: `favourite_share` of the flips go to the
/// next class, the others get equal parts of the rest. 1 / (C - 1) is uniform noise.
inline Matrix flips(int classes, double noise, double favourite_share) {
  Matrix R(classes, classes);
  for (int c = 0; c < classes; ++c) {
    for (int offset = 0; offset < classes; ++offset) {
      const double other = (1.0 - favourite_share) / std::max(1, classes - 2);
      R(c, (c + offset) % classes) =
          offset == 0 ? 1.0 - noise : noise * (offset == 1 ? favourite_share : other);
    }
  }
  return R;
}

/// Given labels [N] in the proportions of R, drawn without chance: every count is the nearest
/// whole number (largest remainders first; ties go to the label that follows the class first,
/// so that a noise that treats all classes alike still does).
inline std::vector<int> noisy_labels(const Setting& s, const Matrix& R) {
  std::vector<int> labels;
  for (int c = 0; c < s.classes; ++c) {
    std::vector<int> counts;
    std::vector<double> remainders;
    for (int offset = 0; offset < s.classes; ++offset) {
      const double exact = s.rows_per_class * R(c, (c + offset) % s.classes);
      counts.push_back(static_cast<int>(exact + 1e-9));  // 0.3 * 10 is 3, whatever rounding says
      remainders.push_back(exact - counts.back());
    }
    int missing = s.rows_per_class - std::accumulate(counts.begin(), counts.end(), 0);
    for (; missing > 0; --missing) {
      const auto largest = std::max_element(remainders.begin(), remainders.end());
      *largest -= 1.0;
      ++counts[static_cast<std::size_t>(largest - remainders.begin())];
    }
    for (int offset = 0; offset < s.classes; ++offset)
      labels.insert(labels.end(),
                    static_cast<std::size_t>(counts[static_cast<std::size_t>(offset)]),
                    (c + offset) % s.classes);
  }
  return labels;
}

/// Labels [N] -> targets [N, C].
inline Matrix one_hot(const std::vector<int>& labels, int classes) {
  Matrix Q = Matrix::Zero(static_cast<Eigen::Index>(labels.size()), classes);
  for (std::size_t i = 0; i < labels.size(); ++i) Q(static_cast<Eigen::Index>(i), labels[i]) = 1.0;
  return Q;
}

/// The mean target of every class, [C, C]; for given labels this is R as it was drawn.
inline Matrix class_means(const Setting& s, const Matrix& Q) {
  Matrix means(s.classes, s.classes);
  for (int c = 0; c < s.classes; ++c)
    means.row(c) = Q.middleRows(c * s.rows_per_class, s.rows_per_class).colwise().mean();
  return means;
}

// ---- The linearised model

/// What is kept of a target in the three kinds of eigenvectors of S: differences within a class
/// (theta), differences between classes (phi), and what all rows share (psi).
struct Coefficients {
  double theta, phi, psi;
  /// By how much the true label must lead in R for it to beat a noisy label learnt by heart.
  double threshold() const { return theta / (phi - theta); }
};

inline Coefficients coefficients(const Setting& s) {
  const double K = s.classes * s.kappa;
  const double within = 1.0 - s.same_class;
  const double between = within + s.rows_per_class * (s.same_class - s.other_class);
  const double shared = between + s.rows() * s.other_class;
  const auto kept = [K](double eigenvalue) { return eigenvalue / (K + eigenvalue); };
  return {kept(within), kept(between), kept(shared)};
}

/// Eq. 24: predictions P [N, C] of the model trained on targets Q [N, C], as four averages.
inline Matrix closed_form(const Setting& s, const Matrix& Q) {
  const auto [theta, phi, psi] = coefficients(s);
  const Matrix of_class = class_means(s, Q);
  const Eigen::RowVectorXd of_all = Q.colwise().mean();
  Matrix P = theta * Q;
  for (int i = 0; i < s.rows(); ++i)
    P.row(i) += (phi - theta) * of_class.row(s.class_of(i)) + (psi - phi) * of_all;
  return P.array() + (1.0 - psi) / s.classes;
}

/// The same predictions from the linear system behind Eq. 19: A = Q - P solves
/// (I + S / (C kappa)) A = Q - 1/C. (In eigenvectors of S this reads V (C kappa Lambda^-1 + I)^-1
/// V^-1: Eq. 19 needs an inverse that our transcription of it lacks.) The factors serve every Q.
class DirectSolution {
 public:
  explicit DirectSolution(const Setting& s)
      : factors_(Matrix::Identity(s.rows(), s.rows()) + gram(s) / (s.classes * s.kappa)) {}

  Matrix predictions(const Matrix& Q) const {
    return Q - factors_.solve((Q.array() - 1.0 / static_cast<double>(Q.cols())).matrix());
  }

 private:
  Eigen::LLT<Matrix> factors_;
};

// ---- The softmax model itself

/// Softmax of every row, [N, C].
inline Matrix softmax(const Matrix& logits) {
  const Matrix e = (logits.colwise() - logits.rowwise().maxCoeff()).array().exp();
  return e.array().colwise() / e.rowwise().sum().array();
}

/// N F(W) = sum_i CE(q_i, softmax(W^T g_i)) + kappa/2 |W|^2;  g [N, D], Q [N, C], W [D, C].
inline double objective(const SparseMatrix& g, const Matrix& Q, double kappa, const Matrix& W) {
  const Matrix logits = g * W;
  const Eigen::ArrayXd largest = logits.rowwise().maxCoeff();
  const Eigen::ArrayXd lse =
      largest + (logits.array().colwise() - largest).exp().rowwise().sum().log();
  return lse.sum() - Q.cwiseProduct(logits).sum() + 0.5 * kappa * W.squaredNorm();
}

/// Its gradient, [D, C].
inline Matrix gradient(const SparseMatrix& g, const Matrix& Q, double kappa, const Matrix& W) {
  return g.transpose() * (softmax(g * W) - Q) + kappa * W;
}

/// The minimum of F. N F is kappa-strongly convex and features have length 1, so no logit is
/// further from the true minimum's than gradient_norm / kappa.
struct SoftmaxFit {
  Matrix weights;        ///< [D, C]
  Matrix logits;         ///< [N, C]
  double gradient_norm;  ///< of N F, Frobenius
};

/// Newton's method; its linear systems are solved by conjugate gradients, which S's three
/// eigenvalues make short. Ends with logits right to 1e-9, or throws RunError.
inline SoftmaxFit fit_softmax(const Setting& s, const SparseMatrix& g, const Matrix& Q) {
  const double converged = 1e-9 * s.kappa;
  constexpr int most_steps = 200;
  Matrix W = Matrix::Zero(g.cols(), s.classes);
  for (int step = 0; step < most_steps; ++step) {
    const Matrix slope = gradient(g, Q, s.kappa, W);
    if (slope.norm() <= converged) return {W, g * W, slope.norm()};

    const Matrix P = softmax(g * W);
    const auto hessian_times = [&](const Matrix& direction) -> Matrix {
      const Matrix weighted = P.cwiseProduct(g * direction);
      const Eigen::ArrayXd sums = weighted.rowwise().sum();
      const Matrix dP = weighted.array() - P.array().colwise() * sums;
      return g.transpose() * dP + s.kappa * direction;
    };
    Matrix move = Matrix::Zero(W.rows(), W.cols());
    Matrix residual = -slope;
    Matrix direction = residual;
    double length = residual.squaredNorm();
    const double enough = 1e-8 * length;  // a residual 10^4 times smaller
    for (int k = 0; k < 1000 && length > enough; ++k) {
      const Matrix image = hessian_times(direction);
      const double along = length / direction.cwiseProduct(image).sum();
      move += along * direction;
      residual -= along * image;
      const double next = residual.squaredNorm();
      direction = residual + (next / length) * direction;
      length = next;
    }

    // Armijo's rule, or half the gradient: near the minimum the decrease of the objective drowns
    // in its rounding, the gradient's does not.
    const double now = objective(g, Q, s.kappa, W);
    const double decrease = -slope.cwiseProduct(move).sum();
    double part = 1.0;
    while (part > 1e-10 &&
           objective(g, Q, s.kappa, W + part * move) > now - 1e-4 * part * decrease &&
           gradient(g, Q, s.kappa, W + part * move).norm() > 0.5 * slope.norm())
      part *= 0.5;
    W += part * move;
  }
  throw candist::RunError("softmax regression: no convergence; a larger kappa is easier");
}

// ---- What a teacher's scores are turned into

/// Scores nearer than this are a tie: far above the error of the three solutions, far below every
/// real difference (the example checks that no difference is in between).
constexpr double tie_tolerance = 1e-8;

/// The labels of the largest score of a row, `left_out` not among them; in the order in which
/// they follow the row's class.
inline std::vector<int> best_labels(const Setting& s, const Matrix& scores, int row,
                                    int left_out = -1) {
  double best = -std::numeric_limits<double>::infinity();
  for (int c = 0; c < s.classes; ++c)
    if (c != left_out) best = std::max(best, scores(row, c));
  std::vector<int> labels;
  for (int offset = 0; offset < s.classes; ++offset) {
    const int c = (s.class_of(row) + offset) % s.classes;
    if (c != left_out && scores(row, c) >= best - tie_tolerance) labels.push_back(c);
  }
  return labels;
}

/// One of them: ties are dealt out in turn, so that each label gets its share of the rows.
inline int best_label(const Setting& s, const Matrix& scores, int row, int left_out = -1) {
  const std::vector<int> labels = best_labels(s, scores, row, left_out);
  return labels[static_cast<std::size_t>(row % s.rows_per_class) % labels.size()];
}

/// Top-1: targets [N, C] of a student that is told the teacher's best label.
inline Matrix one_candidate(const Setting& s, const Matrix& scores) {
  Matrix Q = Matrix::Zero(s.rows(), s.classes);
  for (int i = 0; i < s.rows(); ++i) Q(i, best_label(s, scores, i)) = 1.0;
  return Q;
}

/// Top-2: targets [N, C] of a student that is told the teacher's best two labels, 1/2 each.
inline Matrix two_candidates(const Setting& s, const Matrix& scores) {
  Matrix Q = Matrix::Zero(s.rows(), s.classes);
  for (int i = 0; i < s.rows(); ++i) {
    const int best = best_label(s, scores, i);
    Q(i, best) = 0.5;
    Q(i, best_label(s, scores, i, best)) = 0.5;
  }
  return Q;
}

/// Per row, by how much the true class leads the best other one, [N]; negative where it loses.
inline Eigen::VectorXd leads(const Setting& s, const Matrix& scores) {
  Eigen::VectorXd lead(s.rows());
  for (int i = 0; i < s.rows(); ++i) {
    const int truth = s.class_of(i);
    lead(i) = scores(i, truth) - scores(i, best_labels(s, scores, i, truth).front());
  }
  return lead;
}

/// Share of rows whose best label is the true one; of k tied labels each counts 1/k.
inline double accuracy(const Setting& s, const Matrix& scores) {
  double right = 0.0;
  for (int i = 0; i < s.rows(); ++i) {
    const std::vector<int> best = best_labels(s, scores, i);
    if (std::find(best.begin(), best.end(), s.class_of(i)) != best.end())
      right += 1.0 / static_cast<double>(best.size());
  }
  return right / s.rows();
}

/// 100%, ties not counted as right.
inline bool perfect(const Setting& s, const Matrix& scores) {
  return leads(s, scores).minCoeff() > tie_tolerance;
}

// ---- The conditions

/// Theorem 1 as printed: R(c,k) + sum_{i != c} R(c,i) < 1 - threshold for all k != c, with
/// threshold theta / (phi - theta) for the teacher and the top-1 student, 0 for the top-2 student.
/// Returned is right side minus left side where that is smallest: positive = the condition holds.
inline double slack_as_printed(const Matrix& R, double threshold) {
  double smallest = std::numeric_limits<double>::infinity();
  for (int c = 0; c < R.rows(); ++c) {
    double flipped = 0.0;
    for (int i = 0; i < R.cols(); ++i) flipped += i == c ? 0.0 : R(c, i);
    for (int k = 0; k < R.cols(); ++k)
      if (k != c) smallest = std::min(smallest, 1.0 - threshold - (R(c, k) + flipped));
  }
  return smallest;
}

/// The same, since rows of R sum to 1: R(c,c) > R(c,k) + threshold.
inline double slack(const Matrix& R, double threshold) {
  double smallest = std::numeric_limits<double>::infinity();
  for (int c = 0; c < R.rows(); ++c)
    for (int k = 0; k < R.cols(); ++k)
      if (k != c) smallest = std::min(smallest, R(c, c) - R(c, k) - threshold);
  return smallest;
}

/// What the top-2 condition leaves unsaid (derived here, not in the paper): where the true label is
/// in every set, it leads a label k by (phi - theta)/2 times the share of the class's sets without
/// k, so a class whose sets all hold the same two labels ends in a tie. With the true labels in
/// front (slack(R, 0) > 0) the sets of class c differ when two labels share the second place of
/// R's row, or when some other label k is learnt by heart well enough to get into the set of the
/// rows that carry it: R(c,k) + threshold > the second place.
inline bool companions_vary(const Matrix& R, double threshold) {
  for (int c = 0; c < R.rows(); ++c) {
    double second = 0.0;
    for (int k = 0; k < R.cols(); ++k)
      if (k != c) second = std::max(second, R(c, k));
    int companions = 0;
    for (int k = 0; k < R.cols(); ++k) {
      const bool in_second_place = R(c, k) >= second - tie_tolerance;
      const bool by_heart = R(c, k) > 0.0 && R(c, k) + threshold > second;
      companions += k != c && (in_second_place || by_heart) ? 1 : 0;
    }
    if (companions < 2) return false;
  }
  return true;
}

}  // namespace theorem_one
