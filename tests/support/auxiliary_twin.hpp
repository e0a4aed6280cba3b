// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The kernels of the terms beside the loss, and those of mixed rows, beside their host twins and
// their formulas in double. A Runner (row_twin.hpp) says where arrays lie; complaints come back as
// text.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/error.hpp"
#include "candist/kernels/auxiliary_rows.cuh"
#include "candist/kernels/mixtures.cuh"
#include "candist/training/auxiliary_terms.hpp"
#include "candist/training/batch_workspace.hpp"

namespace candist::testing {

/// A kernel's numbers beside those of the host and the truth, row by row.
class RowErrors {
 public:
  /// In a row the largest error may be twice that of the host, and as much more as `places` of the
  /// largest number, at least 1. Rows that are not `changed` have to be as they were `before`.
  static std::string judge(const std::string& about, std::int64_t width,
                           const std::vector<bool>& changed, const std::vector<float>& before,
                           const std::vector<float>& ours, const std::vector<float>& host,
                           const std::vector<double>& truth, double places) {
    for (std::size_t row = 0; row < changed.size(); ++row) {
      const std::size_t begin = row * static_cast<std::size_t>(width);
      const std::size_t end = begin + static_cast<std::size_t>(width);
      const std::string where = about + ", row " + std::to_string(row);
      if (!changed[row]) {
        if (same_bits(ours, before, begin, end)) continue;
        return where + ": not of the launch, and written to";
      }
      double error = 0.0, of_host = 0.0, largest = 1.0;
      for (std::size_t i = begin; i < end; ++i) {
        const double e = std::abs(ours[i] - truth[i]);
        if (!(e <= error)) error = e;  // also where it is NaN: then it stays
        of_host = std::max(of_host, std::abs(host[i] - truth[i]));
        largest = std::max(largest, std::abs(truth[i]));
      }
      if (error <= 2.0 * of_host + places * largest) continue;
      return where + ": error " + std::to_string(1e9 * error) + "e-9, of the host " +
             std::to_string(1e9 * of_host) + "e-9";
    }
    return "";
  }
  static bool same_bits(const std::vector<float>& a, const std::vector<float>& b, std::size_t begin,
                        std::size_t end) {
    return a.size() == b.size() && end <= a.size() &&
           std::memcmp(a.data() + begin, b.data() + begin, (end - begin) * sizeof(float)) == 0;
  }
  static bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return same_bits(a, b, 0, a.size());
  }
};

// ---- auxiliary_rows

/// A batch with auxiliary rows of every kind: the targets sum to 1, to less and to nothing, and
/// every row names a temperature, which one kind alone looks at.
struct AuxiliaryCase {
  enum class Logits { ordinary, large };
  static constexpr std::int64_t first_views = 8;
  static constexpr std::int64_t all = 19;  ///< the last one is nobody's

  int classes;
  std::vector<float> logits, targets, before;
  std::vector<AuxiliaryRow> rows;

  AuxiliaryCase(int c, Logits kind) : classes(c) {
    CounterRng rng(31, RandomPurpose::resampling, static_cast<std::uint64_t>(c));
    for (std::int64_t row = 0; row < all; ++row) {
      for (int j = 0; j < c; ++j) {
        logits.push_back(kind == Logits::large ? large_logit(row, j, rng) : 2.0f * rng.normal());
        before.push_back(0.3f * rng.normal());
      }
    }
    const float masses[first_views] = {1.0f, 1.0f, 0.0f, 1.0f, 1.0f, 1.0f, 0.4f, 1.0f};
    for (const float mass : masses) {
      std::vector<float> row;
      float sum = 0.0f;
      for (int j = 0; j < c; ++j) {
        row.push_back(rng.uniform() < 0.5f ? 0.0f : rng.uniform());
        sum += row.back();
      }
      if (sum == 0.0f) row[0] = sum = 1.0f;
      for (const float target : row) targets.push_back(target * mass / sum);
    }
    using Target = AuxiliaryRow::Target;
    constexpr float cool = 0.75f;
    rows = {{8, 0, 0, 1.0f, 1.0f, cool, Target::given},
            {9, 1, 1, 1.0f, 0.7f, cool, Target::first_view},
            {14, 1, 2, 0.65f, 0.5f, cool, Target::given},
            {10, 3, 3, 1.0f, 0.9f, cool, Target::each_other},
            {15, 2, 5, 0.0f, 1.0f, cool, Target::given},
            {16, 5, 1, 1.0f, 0.3f, cool, Target::given},
            {11, 4, 4, 1.0f, 1.0f, 2.0f, Target::each_other},
            {12, 6, 6, 1.0f, 0.8f, cool, Target::given},
            {17, 6, 7, 0.3f, 1.0f, cool, Target::given},
            {13, 7, 7, 1.0f, 0.25f, cool, Target::first_view}};
  }

  MatrixView<const float> logits_view() const { return {logits.data(), all, classes}; }
  MatrixView<const float> targets_view() const { return {targets.data(), first_views, classes}; }
  std::vector<bool> changed() const {
    std::vector<bool> named(static_cast<std::size_t>(all));
    for (const AuxiliaryRow& a : rows) {
      named[static_cast<std::size_t>(a.row)] = true;
      if (a.target == AuxiliaryRow::Target::each_other)
        named[static_cast<std::size_t>(a.first)] = true;
    }
    return named;
  }
  std::vector<float> by_host() const {
    std::vector<float> gradients = before;
    add_auxiliary_gradients(rows, logits_view(), targets_view(), {gradients.data(), all, classes});
    return gradients;
  }
  /// The formula: the gradient of -sum_j t_j log p_j, p = softmax(z / T), is (p sum_j t_j - t) / T.
  std::vector<double> exact() const {
    std::vector<double> gradients(before.begin(), before.end());
    const auto softmax = [&](std::int64_t row, double temperature) {
      const float* z = logits_view().row(row);
      const double top = *std::max_element(z, z + classes);
      std::vector<double> p;
      double sum = 0.0;
      for (int j = 0; j < classes; ++j) {
        p.push_back(std::exp((static_cast<double>(z[j]) - top) / temperature));
        sum += p.back();
      }
      for (double& one : p) one /= sum;
      return p;
    };
    const auto add = [&](std::int64_t row, const std::vector<double>& t, double temperature,
                         double scale) {
      const std::vector<double> p = softmax(row, temperature);
      double mass = 0.0;
      for (const double one : t) mass += one;
      for (std::size_t j = 0; j < t.size(); ++j) {
        gradients[static_cast<std::size_t>(row * classes) + j] +=
            scale * (p[j] * mass - t[j]) / temperature;
      }
    };
    for (const AuxiliaryRow& a : rows) {
      if (a.target == AuxiliaryRow::Target::given) {
        std::vector<double> mixed;
        for (int j = 0; j < classes; ++j) {
          mixed.push_back(static_cast<double>(a.omega) * targets_view()(a.first, j) +
                          (1.0 - static_cast<double>(a.omega)) * targets_view()(a.second, j));
        }
        add(a.row, mixed, 1.0, a.scale);
      } else if (a.target == AuxiliaryRow::Target::first_view) {
        add(a.row, softmax(a.first, 1.0), 1.0, a.scale);
      } else {
        add(a.row, softmax(a.first, 1.0), a.temperature, 0.5 * a.scale);
        add(a.first, softmax(a.row, 1.0), a.temperature, 0.5 * a.scale);
      }
    }
    return gradients;
  }

 private:
  /// +-80 in patterns of which none is a row's alone.
  static float large_logit(std::int64_t row, int label, CounterRng& rng) {
    const bool coin = rng.uniform() < 0.5f;
    switch (row % 4) {
      case 0:
        return coin ? 80.0f : -80.0f;
      case 1:
        return label == 0 ? -80.0f : 80.0f;
      case 2:
        return label == static_cast<int>(row) % 5 ? 80.0f : -80.0f + rng.normal();
      default:
        return 80.0f;
    }
  }
};

template <class Runner>
std::string compare_auxiliary(Runner& runner, int classes, AuxiliaryCase::Logits kind) {
  const AuxiliaryCase c(classes, kind);
  AuxiliaryBatch batch;
  batch.rows = runner.upload(c.rows);
  batch.count = static_cast<std::int64_t>(c.rows.size());
  batch.classes = classes;
  batch.logits = runner.upload(c.logits);
  batch.targets = runner.upload(c.targets);
  const auto by_kernel = [&] {
    batch.dlogits = runner.upload(c.before);
    add_auxiliary_rows(batch, nullptr);
    return runner.download(batch.dlogits, c.before.size());
  };
  const std::vector<float> ours = by_kernel();
  const std::string about = "auxiliary rows, C = " + std::to_string(classes) +
                            (kind == AuxiliaryCase::Logits::large ? ", large logits" : "");
  if (!RowErrors::same_bits(ours, by_kernel())) return about + ": other bits the second time";
  if (!RowErrors::same_bits(c.logits, runner.download(batch.logits, c.logits.size())) ||
      !RowErrors::same_bits(c.targets, runner.download(batch.targets, c.targets.size())))
    return about + ": what is read is written to";
  return RowErrors::judge(about, classes, c.changed(), c.before, ours, c.by_host(), c.exact(),
                          2e-7);
}

/// What `work` says when it refuses.
template <class Work>
std::string refusal_of(Work&& work) {
  try {
    work();
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "";
}

/// A launch of auxiliary rows that lacks something says so; one of no rows needs nothing.
template <class Runner>
std::string refused_auxiliary(Runner& runner) {
  const AuxiliaryCase c(6, AuxiliaryCase::Logits::ordinary);
  const auto says = [&](std::int64_t count, int classes, int missing) {
    AuxiliaryBatch batch{
        runner.upload(c.rows),  count, classes, runner.upload(c.logits), runner.upload(c.targets),
        runner.upload(c.before)};
    if (missing == 0) batch.rows = nullptr;
    if (missing == 1) batch.logits = nullptr;
    if (missing == 2) batch.targets = nullptr;
    if (missing == 3) batch.dlogits = nullptr;
    return refusal_of([&] { add_auxiliary_rows(batch, nullptr); });
  };
  const auto found = [](const std::string& said, const char* words) {
    return said.find(words) != std::string::npos;
  };
  if (!says(10, 6, -1).empty()) return "a whole batch is refused";
  if (!found(says(-1, 6, -1), "found -1 rows of 6 classes")) return "-1 rows are not refused";
  if (!found(says(10, 0, -1), "found 10 rows of 0 classes")) return "0 classes are not refused";
  for (int missing = 0; missing < 4; ++missing) {
    if (!found(says(10, 6, missing), "or no room, expected"))
      return "missing array " + std::to_string(missing) + " is not refused";
    if (!says(0, 6, missing).empty()) return "no rows are refused";
  }
  return "";
}

// ---- mixtures

/// Texts of a batch of which `mixed` are mixed among themselves, in some order.
struct MixtureCase {
  std::int64_t texts;
  std::vector<Mixture> mixtures;

  /// A random permutation of random texts; of 2 and more, one keeps its place. Each mixture has an
  /// omega of its own, 0 and 1 among them; or all have `omega`.
  MixtureCase(std::int64_t n, std::int64_t mixed, std::uint64_t seed, float omega = -1.0f)
      : texts(n) {
    CounterRng rng(seed, RandomPurpose::resampling, static_cast<std::uint64_t>(n));
    std::vector<std::int64_t> first = shuffled(n, rng);
    first.resize(static_cast<std::size_t>(mixed));
    const std::vector<std::int64_t> partner = shuffled(mixed - 1, rng);
    for (std::int64_t m = 0; m < mixed; ++m) {
      const std::int64_t other = m + 1 < mixed ? partner[static_cast<std::size_t>(m)] : m;
      const float own = m % 4 == 1 ? 0.0f : m % 4 == 2 ? 1.0f : rng.uniform();
      mixtures.push_back({first[static_cast<std::size_t>(m)],
                          first[static_cast<std::size_t>(other)], omega < 0.0f ? own : omega});
    }
    for (std::size_t m = mixtures.size(); m > 1; --m)
      std::swap(mixtures[m - 1], mixtures[rng.below(static_cast<std::uint32_t>(m))]);
  }
  std::int64_t all() const { return texts + static_cast<std::int64_t>(mixtures.size()); }

  /// The host's twins, on a workspace with these texts and mixtures.
  BatchWorkspace workspace(int width) const {
    EncodedTexts encoded;
    std::vector<std::int64_t> rows;
    for (std::int64_t row = 0; row < texts; ++row) {
      encoded.push_back({});
      rows.push_back(row);
    }
    BatchWorkspace made;
    made.start(encoded, rows);
    made.mixtures = mixtures;
    made.allocate_embeddings(width);
    return made;
  }

 private:
  static std::vector<std::int64_t> shuffled(std::int64_t n, CounterRng& rng) {
    std::vector<std::int64_t> order;
    for (std::int64_t i = 0; i < n; ++i) order.push_back(i);
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[rng.below(static_cast<std::uint32_t>(i))]);
    return order;
  }
};

/// Mixing and its way back on random rows [N + M, D].
template <class Runner>
std::string compare_mixtures(Runner& runner, const MixtureCase& c, int width) {
  const std::vector<LinkedMixture> links = linked(c.mixtures, c.texts);
  MixtureBatch batch;
  batch.mixtures = runner.upload(links);
  batch.count = static_cast<std::int64_t>(c.mixtures.size());
  batch.texts = c.texts;
  batch.width = width;
  CounterRng rng(5, RandomPurpose::resampling, static_cast<std::uint64_t>(width));
  std::vector<float> before(static_cast<std::size_t>(c.all() * width));
  for (float& value : before) value = rng.normal();
  BatchWorkspace host = c.workspace(width);
  const auto w = static_cast<std::size_t>(width);
  const auto n = static_cast<std::size_t>(c.texts);
  const auto check = [&](const char* name, auto&& kernel, MatrixView<float> of_host, auto&& by_host,
                         const std::vector<bool>& changed, const std::vector<double>& truth) {
    const std::string about = std::string(name) + ", N = " + std::to_string(c.texts) +
                              ", M = " + std::to_string(batch.count) +
                              ", D = " + std::to_string(width);
    const auto by_kernel = [&] {
      float* rows = runner.upload(before);
      kernel(batch, rows, nullptr);
      return runner.download(rows, before.size());
    };
    const std::vector<float> ours = by_kernel();
    if (!RowErrors::same_bits(ours, by_kernel())) return about + ": other bits the second time";
    std::copy(before.begin(), before.end(), of_host.data);
    by_host();
    const std::vector<float> theirs(of_host.data, of_host.data + of_host.size());
    return RowErrors::judge(about, width, changed, before, ours, theirs, truth, 2e-7);
  };

  std::vector<bool> mixed(static_cast<std::size_t>(c.all())), unmixed = mixed;
  std::vector<double> rows(before.begin(), before.end()), gradients = rows;
  for (std::size_t m = 0; m < c.mixtures.size(); ++m) {
    const auto first = static_cast<std::size_t>(c.mixtures[m].first);
    const auto second = static_cast<std::size_t>(c.mixtures[m].second);
    const double omega = c.mixtures[m].omega;
    mixed[n + m] = unmixed[first] = unmixed[second] = true;
    for (std::size_t d = 0; d < w; ++d) {
      rows[(n + m) * w + d] =
          omega * before[first * w + d] + (1.0 - omega) * before[second * w + d];
      gradients[first * w + d] += omega * before[(n + m) * w + d];
      gradients[second * w + d] += (1.0 - omega) * before[(n + m) * w + d];
    }
  }
  const std::string complaint = check(
      "mix_rows", mix_rows, host.embeddings(), [&] { host.mix_embeddings(); }, mixed, rows);
  if (!complaint.empty()) return complaint;
  return check(
      "unmix_rows", unmix_rows, host.dembeddings(), [&] { host.unmix_gradients(); }, unmixed,
      gradients);
}

/// A text's gradient adds up in the order of the mixtures, as on the host: of halves of powers of
/// two that are far apart the sum says in which order it was made.
template <class Runner>
std::string compare_mixture_order(Runner& runner) {
  constexpr int width = 64;
  const MixtureCase c(9, 7, 3, 0.5f);
  CounterRng rng(6, RandomPurpose::resampling);
  std::vector<float> before(static_cast<std::size_t>(c.all() * width));
  for (float& value : before) {
    const float sizes[] = {0x1p26f, -0x1p26f, 2.0f, -2.0f, 0x1p24f};
    value = sizes[rng.below(5)];
  }
  const std::vector<LinkedMixture> links = linked(c.mixtures, c.texts);
  float* drows = runner.upload(before);
  unmix_rows({runner.upload(links), static_cast<std::int64_t>(links.size()), c.texts, width}, drows,
             nullptr);
  BatchWorkspace host = c.workspace(width);
  const MatrixView<float> theirs = host.dembeddings();
  std::copy(before.begin(), before.end(), theirs.data);
  host.unmix_gradients();
  const std::vector<float> expected(theirs.data, theirs.data + theirs.size());
  return RowErrors::same_bits(runner.download(drows, before.size()), expected)
             ? ""
             : "unmix_rows adds in another order than the host";
}

/// linked(): what comes back to a mixture's first text, and what it refuses.
inline std::string check_links() {
  for (const std::int64_t mixed : {0, 1, 2, 7, 12}) {
    const MixtureCase c(12, mixed, 9);
    const std::vector<LinkedMixture> links = linked(c.mixtures, c.texts);
    if (links.size() != c.mixtures.size()) return "linked() leaves mixtures out";
    for (std::size_t m = 0; m < links.size(); ++m) {
      const Mixture& given = c.mixtures[m];
      const LinkedMixture& link = links[m];
      if (link.first != given.first || link.second != given.second || link.omega != given.omega)
        return "linked() changes a mixture";
      if (c.mixtures[static_cast<std::size_t>(link.returned)].second != given.first)
        return "linked() returns the wrong mixture";
    }
  }
  const auto says = [](const std::vector<Mixture>& mixtures, const char* words) {
    const std::string said = refusal_of([&] { linked(mixtures, 3); });
    return said.find(words) != std::string::npos ? "" : "'" + said + "' instead of '" + words + "'";
  };
  const std::string complaints[] = {
      says({{0, 0, 0.5f}, {-1, 1, 0.5f}}, "found mixture 1 of texts -1 and 1 (from 0)"),
      says({{0, -1, 0.5f}}, "found mixture 0 of texts 0 and -1"),
      says({{3, 0, 0.5f}}, "found mixture 0 of texts 3 and 0"),
      says({{0, 3, 0.5f}}, "expected each of 3 texts first in one mixture and second in one"),
      says({{0, 1, 0.5f}, {0, 0, 0.5f}}, "found mixture 1 of texts 0 and 0"),  // first twice
      says({{0, 1, 0.5f}, {1, 1, 0.5f}}, "found mixture 1 of texts 1 and 1"),  // second twice
      says({{0, 1, 0.5f}, {1, 2, 0.5f}}, "found mixture 0 of texts 0 and 1"),  // never second
  };
  for (const std::string& complaint : complaints) {
    if (!complaint.empty()) return complaint;
  }
  return "";
}

}  // namespace candist::testing
