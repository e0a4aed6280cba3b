// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "../../examples/04_theorem_one/theorem_one.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "candist/counter_rng.hpp"
#include "support/catch.hpp"

using namespace theorem_one;
using candist::CounterRng;
using candist::RandomPurpose;

namespace {

/// Two classes and many, few rows and more, features nearly alike and hardly, weak and strong
/// regularisation. No threshold theta / (phi - theta) is a difference of whole rows: on the switch
/// itself everything is a tie, and rounding would decide.
const std::vector<Setting> settings = {{2, 30, 0.4, 0.1, 1.0},  {3, 20, 0.9, 0.05, 0.01},
                                       {4, 30, 0.4, 0.1, 0.25}, {4, 1, 0.5, 0.2, 1.0},
                                       {5, 24, 0.2, 0.19, 9.0}, {6, 20, 0.4, 0.1, 0.1}};

CounterRng random(std::uint64_t seed) { return {seed, RandomPurpose::resampling}; }

/// Rows of positive numbers that sum to 1; nothing is balanced.
Matrix random_rows(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  CounterRng rng = random(seed);
  Matrix M(rows, columns);
  for (Eigen::Index i = 0; i < rows; ++i) {
    for (Eigen::Index j = 0; j < columns; ++j) M(i, j) = -std::log(1.0 - rng.uniform());
    M.row(i) /= M.row(i).sum();
  }
  return M;
}

/// A noise whose rows and columns sum to 1, in whole rows: the mean of rows_per_class permutations.
/// About `kept` of them leave the labels alone, one moves every class.
Matrix random_balanced_noise(const Setting& s, double kept, std::uint64_t seed) {
  CounterRng rng = random(seed);
  Matrix counts = Matrix::Zero(s.classes, s.classes);
  for (int i = 0; i < s.rows_per_class; ++i) {
    const bool first = i == 0;
    const bool stay = !first && rng.uniform() < static_cast<float>(kept);
    const auto order = candist::random_order(s.classes, seed, RandomPurpose::resampling,
                                             static_cast<std::uint64_t>(i + 1));
    for (int c = 0; c < s.classes; ++c) {
      const int to = stay    ? c
                     : first ? (c + 1) % s.classes
                             : static_cast<int>(order[static_cast<std::size_t>(c)]);
      counts(c, to) += 1.0;
    }
  }
  return counts / s.rows_per_class;
}

/// A noise that treats all classes alike (R(c, c + o) depends on o only), in whole rows.
Matrix random_circulant_noise(const Setting& s, double kept, std::uint64_t seed) {
  CounterRng rng = random(seed);
  // Few values, so that equal counts occur as well.
  std::vector<int> counts(static_cast<std::size_t>(s.classes));
  for (int i = 0; i < s.rows_per_class; ++i) {
    const bool stay = rng.uniform() < static_cast<float>(kept);
    const float skewed = rng.uniform() * rng.uniform();
    ++counts[stay ? 0 : 1 + static_cast<std::size_t>(skewed * static_cast<float>(s.classes - 1))];
  }
  Matrix R(s.classes, s.classes);
  for (int c = 0; c < s.classes; ++c)
    for (int o = 0; o < s.classes; ++o)
      R(c, (c + o) % s.classes) =
          static_cast<double>(counts[static_cast<std::size_t>(o)]) / s.rows_per_class;
  return R;
}

bool flips_anything(const Matrix& R) { return R.diagonal().minCoeff() < 1.0; }

Matrix given_targets(const Setting& s, const Matrix& R) {
  return one_hot(noisy_labels(s, R), s.classes);
}

/// How far a solution of (I + S / (C kappa)) A = B can be off in double precision: rounding times
/// rows times the matrix's condition number, the usual bound of a Cholesky solution.
double rounding_of(const Setting& s) {
  const double largest = 1.0 - s.same_class + s.rows_per_class * (s.same_class - s.other_class) +
                         s.rows() * s.other_class;
  return std::numeric_limits<double>::epsilon() * s.rows() *
         (1.0 + largest / (s.classes * s.kappa));
}

}  // namespace

TEST_CASE("the features have the inner products of the setting", "[theorem_one]") {
  for (const Setting& s : settings) {
    const SparseMatrix g = features(s);
    const Matrix S = Matrix(g) * Matrix(g).transpose();
    CHECK((S - gram(s)).cwiseAbs().maxCoeff() < 1e-15 * s.rows());
    for (int i = 0; i < s.rows(); ++i) {
      for (int j = 0; j < s.rows(); ++j) {
        const double expected = i == j                           ? 1.0
                                : s.class_of(i) == s.class_of(j) ? s.same_class
                                                                 : s.other_class;
        if (gram(s)(i, j) != expected) FAIL("rows " << i << ", " << j);
      }
      if (s.rows() > 100) break;  // the larger ones cost time and show nothing new
    }
  }
}

TEST_CASE("a setting outside the theorem is an input error", "[theorem_one]") {
  for (const Setting& s : settings) CHECK_NOTHROW(check(s));
  CHECK_THROWS_AS(check({4, 10, 0.1, 0.4, 0.3}), candist::InputError);
  CHECK_THROWS_AS(check({4, 10, 1.0, 0.1, 0.3}), candist::InputError);
  CHECK_THROWS_AS(check({4, 10, 0.4, 0.0, 0.3}), candist::InputError);
  CHECK_THROWS_AS(check({4, 10, 0.4, 0.1, 0.0}), candist::InputError);
  CHECK_THROWS_AS(check({1, 10, 0.4, 0.1, 0.3}), candist::InputError);
}

TEST_CASE("given labels come in the proportions of the noise", "[theorem_one]") {
  for (const Setting& s : settings) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      // What whole rows can show is drawn exactly, anything else to less than a row.
      const Matrix whole = random_balanced_noise(s, 0.5, seed);
      CHECK((class_means(s, given_targets(s, whole)) - whole).cwiseAbs().maxCoeff() < 1e-12);
      const Matrix any = random_rows(s.classes, s.classes, seed);
      const Matrix missing = s.rows_per_class * (any - class_means(s, given_targets(s, any)));
      // No row would be better placed at another label.
      for (int c = 0; c < s.classes; ++c)
        CHECK(missing.row(c).maxCoeff() - missing.row(c).minCoeff() < 1.0 + 1e-9);
      CHECK((class_means(s, given_targets(s, any)) - any).cwiseAbs().maxCoeff() * s.rows_per_class <
            1.0);
    }
  }
  for (const int classes : {3, 4, 6}) {
    for (const double noise : {0.0, 0.25, 1.0}) {
      const Matrix R = flips(classes, noise, 0.7);
      CHECK((R.rowwise().sum().array() - 1.0).abs().maxCoeff() < 1e-15 * classes);
      CHECK((R.colwise().sum().array() - 1.0).abs().maxCoeff() < 1e-15 * classes);
    }
  }
}

TEST_CASE("closed form (Eq. 24) = direct solution, for any targets", "[theorem_one]") {
  for (const Setting& s : settings) {
    const DirectSolution direct(s);
    const Matrix one_favourite = flips(s.classes, 0.3, 1.0);
    const std::vector<Matrix> targets = {
        given_targets(s, one_favourite),
        given_targets(s, random_rows(s.classes, s.classes, 3)),  // unbalanced: psi counts
        random_rows(s.rows(), s.classes, 4),                     // soft
        Matrix::Constant(s.rows(), s.classes, 1.0 / s.classes),
        two_candidates(s, random_rows(s.rows(), s.classes, 5))};
    for (const Matrix& Q : targets) {
      const Matrix P = closed_form(s, Q);
      CHECK((P - direct.predictions(Q)).cwiseAbs().maxCoeff() < rounding_of(s));
      CHECK((P.rowwise().sum().array() - 1.0).abs().maxCoeff() < 1e-14 * s.rows());
      // Both solve the system itself: P = 1/C + S (Q - P) / (C kappa).
      const Matrix right = (gram(s) * (Q - P) / (s.classes * s.kappa)).array() + 1.0 / s.classes;
      CHECK((P - right).cwiseAbs().maxCoeff() < rounding_of(s));
    }
  }
}

TEST_CASE("both forms of the conditions agree", "[theorem_one]") {
  for (const int classes : {2, 3, 4, 6, 20}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Matrix R = random_rows(classes, classes, seed);
      for (const double threshold : {0.0, 0.1, 0.5, 2.0})
        CHECK(std::abs(slack(R, threshold) - slack_as_printed(R, threshold)) <
              1e-15 * (classes + 4));
    }
  }
}

// For a balanced noise the smallest lead of a teacher's true label is (phi - theta) times the
// condition's slack: no margin is needed around the switch, the two change sign together.
TEST_CASE("a teacher is perfect exactly where the top-1 condition holds", "[theorem_one]") {
  int holds = 0;
  int fails = 0;
  for (Setting s : settings) {
    if (s.rows_per_class == 1) continue;  // all rows noise, or none
    for (const double kappa : {s.kappa, 7.0 * s.kappa}) {
      s.kappa = kappa;
      const auto [theta, phi, psi] = coefficients(s);
      const double threshold = coefficients(s).threshold();
      for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const Matrix R = random_balanced_noise(s, static_cast<double>(seed) / 31.0, seed);
        const Matrix teacher = closed_form(s, given_targets(s, R));
        const double lead = leads(s, teacher).minCoeff();
        const bool condition = slack(R, threshold) > 0.0;
        CHECK(std::abs(lead - (phi - theta) * slack(R, threshold)) < 1e-13);
        CHECK(perfect(s, teacher) == condition);
        // The condition is enough for the top-1 student: it is taught the truth, and leads by phi.
        if (condition) {
          const Matrix student = closed_form(s, one_candidate(s, teacher));
          CHECK((leads(s, student).array() - phi).abs().maxCoeff() < 1e-13);
        }
        ++(condition ? holds : fails);
      }
    }
  }
  CHECK(holds > 20);
  CHECK(fails > 20);
}

TEST_CASE("with flips all alike each student switches with its condition", "[theorem_one]") {
  for (const Setting& s : std::vector<Setting>{
           {3, 20, 0.9, 0.05, 0.5}, {4, 30, 0.4, 0.1, 0.25}, {5, 24, 0.4, 0.19, 0.5}}) {
    const double threshold = coefficients(s).threshold();
    bool one_seen[2] = {};
    bool two_seen[2] = {};
    for (int flipped = 1; flipped * (s.classes - 1) <= s.rows_per_class; ++flipped) {
      const double noise = static_cast<double>(flipped * (s.classes - 1)) / s.rows_per_class;
      const Matrix given = given_targets(s, flips(s.classes, noise, 1.0 / (s.classes - 1)));
      const Matrix teacher = closed_form(s, given);
      const Matrix top_one = closed_form(s, one_candidate(s, teacher));
      const Matrix top_two = closed_form(s, two_candidates(s, teacher));
      const bool one = slack(class_means(s, given), threshold) > 0.0;
      const bool two = slack(class_means(s, given), 0.0) > 0.0;
      CHECK(perfect(s, top_one) == one);
      CHECK(perfect(s, top_two) == two);
      CHECK((two || !one));  // the top-2 condition is the weaker one
      // Past its condition the teacher repeats its labels, and so does the top-1 student.
      if (!one && two) CHECK(accuracy(s, top_one) == Approx(1.0 - noise));
      one_seen[one] = two_seen[two] = true;
    }
    CHECK((one_seen[0] && one_seen[1] && two_seen[0] && two_seen[1]));
  }
}

TEST_CASE("a top-1 student obeys the condition on the labels it is given", "[theorem_one]") {
  int beyond = 0;  // perfect although the theorem's condition, on the first labels, fails
  for (const Setting& s : settings) {
    if (s.rows_per_class == 1) continue;
    const double threshold = coefficients(s).threshold();
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      const Matrix R = random_circulant_noise(s, static_cast<double>(seed) / 61.0, seed);
      const Matrix answers = one_candidate(s, closed_form(s, given_targets(s, R)));
      const Matrix relabelled = class_means(s, answers);
      const bool student = perfect(s, closed_form(s, answers));
      CHECK(student == (!flips_anything(relabelled) || slack(relabelled, threshold) > 0.0));
      beyond += student && slack(R, threshold) < 0.0 ? 1 : 0;
    }
  }
  CHECK(beyond > 0);
}

// With the true labels in front, the smallest lead of a top-2 student is (phi - theta) times what
// the true label is ahead in its targets, 1/2 - the largest companion's share / 2: again an
// equation, so that the two sides of the switch need no margin.
TEST_CASE("a top-2 student is perfect exactly where its condition holds and its sets differ",
          "[theorem_one]") {
  int holds = 0;
  int only_condition = 0;
  int fails = 0;
  for (Setting s : settings) {
    if (s.rows_per_class == 1) continue;
    for (const double kappa : {s.kappa, 3.0 * s.kappa}) {
      s.kappa = kappa;
      const auto [theta, phi, psi] = coefficients(s);
      const double threshold = coefficients(s).threshold();
      for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const Matrix R = random_circulant_noise(s, static_cast<double>(seed) / 61.0, seed);
        const Matrix answers = two_candidates(s, closed_form(s, given_targets(s, R)));
        const Matrix student = closed_form(s, answers);
        const bool condition = slack(R, 0.0) > 0.0;
        const bool differ = companions_vary(R, threshold);
        CHECK(perfect(s, student) == (condition && differ));
        if (condition) {
          const double expected = (phi - theta) * slack(class_means(s, answers), 0.0);
          CHECK(std::abs(leads(s, student).minCoeff() - expected) < 1e-13);
        }
        ++(!condition ? fails : differ ? holds : only_condition);
      }
    }
  }
  CHECK(holds > 20);
  CHECK(only_condition > 20);  // where the printed theorem claims too much
  CHECK(fails > 20);
}

TEST_CASE("two candidates of two classes say nothing", "[theorem_one]") {
  const Setting s{2, 20, 0.4, 0.1, 0.3};
  const SparseMatrix g = features(s);
  for (const double noise : {0.1, 0.25, 0.4, 0.6}) {
    const Matrix given = given_targets(s, flips(2, noise, 1.0));
    CHECK(accuracy(s, closed_form(s, two_candidates(s, closed_form(s, given)))) == Approx(0.5));
    const Matrix answers = two_candidates(s, fit_softmax(s, g, given).logits);
    CHECK(accuracy(s, fit_softmax(s, g, answers).logits) == Approx(0.5));
  }
}

TEST_CASE("the softmax model is at the minimum of the objective", "[theorem_one]") {
  for (const Setting& s : settings) {
    const SparseMatrix g = features(s);
    for (const Matrix& Q : {given_targets(s, random_rows(s.classes, s.classes, 6)),
                            random_rows(s.rows(), s.classes, 7)}) {
      const SoftmaxFit fit = fit_softmax(s, g, Q);
      const Matrix& W = fit.weights;
      CHECK(fit.gradient_norm <= 1e-9 * s.kappa);
      CHECK(gradient(g, Q, s.kappa, W).norm() == Approx(fit.gradient_norm));
      CHECK((fit.logits - Matrix(g) * W).cwiseAbs().maxCoeff() < 1e-12);

      // Stationarity as the proof uses it: W^T = 1/(m lambda) sum_i (q_i - p_i) g_i^T.
      const Matrix span = Matrix(g).transpose() * (Q - softmax(fit.logits)) / s.kappa;
      CHECK((W - span).norm() <= 1e-9);

      // The gradient is the objective's, away from the minimum where it is not zero.
      CounterRng rng = random(8);
      const Matrix somewhere = Matrix::NullaryExpr(
          W.rows(), W.cols(), [&] { return static_cast<double>(rng.normal()); });
      const Matrix slope = gradient(g, Q, s.kappa, somewhere);
      const Matrix direction = Matrix::NullaryExpr(
          W.rows(), W.cols(), [&] { return static_cast<double>(rng.normal()); });
      const double h = 1e-5;
      const double difference = (objective(g, Q, s.kappa, somewhere + h * direction) -
                                 objective(g, Q, s.kappa, somewhere - h * direction)) /
                                (2.0 * h);
      CHECK(slope.cwiseProduct(direction).sum() == Approx(difference).epsilon(1e-5));

      // Strong convexity: nothing at a distance d is below minimum + kappa/2 d^2.
      const double minimum = objective(g, Q, s.kappa, W);
      for (const double distance : {0.01, 1.0, 100.0}) {
        const Matrix move = distance * direction / direction.norm();
        CHECK(objective(g, Q, s.kappa, W + move) >=
              minimum + 0.5 * s.kappa * distance * distance * (1.0 - 1e-6) - 1e-9);
      }
    }
  }
}

// Logits shrink like 1/kappa; the linearisation drops their squares, so that doubling a large kappa
// must quarter its error. The next order is smaller by a logit: 1% here, and 5% is allowed.
TEST_CASE("the linearised model is the softmax model's limit of strong regularisation",
          "[theorem_one]") {
  for (Setting s : settings) {
    const Matrix Q = given_targets(s, random_rows(s.classes, s.classes, 9));
    const SparseMatrix g = features(s);
    double errors[2];
    // The logits are about (largest eigenvalue of S) / kappa.
    const double kappa = 100.0 * (1.0 + s.rows_per_class * s.same_class + s.rows() * s.other_class);
    for (const int i : {0, 1}) {
      s.kappa = kappa * (i + 1);
      const Matrix P = softmax(fit_softmax(s, g, Q).logits);
      errors[i] = (P - closed_form(s, Q)).norm();
    }
    if (s.classes == 2) {
      // The square term of a softmax over two classes is zero; the cube is what is left.
      CHECK(errors[0] / errors[1] == Approx(8.0).epsilon(0.05));
    } else {
      CHECK(errors[0] / errors[1] == Approx(4.0).epsilon(0.05));
    }
  }
}

// No formula here: the prediction of the softmax model is a property only by symmetry. Where all
// wrong classes are alike, a class's targets put 1/2 on the true label and less on any other
// exactly where R_cc > R_ck, and the model orders them the same way.
TEST_CASE("without the linearisation the top-2 condition still is exact, flips all alike",
          "[theorem_one]") {
  for (const Setting& s : std::vector<Setting>{{3, 20, 0.6, 0.1, 0.2}, {4, 30, 0.4, 0.1, 0.3}}) {
    const SparseMatrix g = features(s);
    for (int flipped = 1; flipped * (s.classes - 1) < s.rows_per_class; ++flipped) {
      const double noise = static_cast<double>(flipped * (s.classes - 1)) / s.rows_per_class;
      const Matrix given = given_targets(s, flips(s.classes, noise, 1.0 / (s.classes - 1)));
      const Matrix answers = two_candidates(s, fit_softmax(s, g, given).logits);
      CHECK(perfect(s, fit_softmax(s, g, answers).logits) ==
            (slack(class_means(s, given), 0.0) > 0.0));
    }
  }
}
