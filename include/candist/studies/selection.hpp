// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Choosing hyper-parameters as one has to without clean labels, beside what gold labels would have
// chosen. Reference: Wang et al., "Realistic evaluation of deep partial-label learning algorithms"
// (PLENCH), ICLR 2025.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "candist/metrics/accuracy.hpp"
#include "candist/studies/study.hpp"

namespace candist {

/// By what the setting of a method is chosen: the largest mean over its runs.
enum class Criterion {
  covering_rate,          ///< held-out texts whose label is one of their candidates
  approximated_accuracy,  ///< their label's share of the student's mass on the candidates
  valid_accuracy,         ///< gold labels of --valid
  oracle,                 ///< the test accuracy itself: what no choice can beat
};
inline constexpr std::array all_criteria{Criterion::covering_rate, Criterion::approximated_accuracy,
                                         Criterion::valid_accuracy, Criterion::oracle};
/// Those that held-out candidates suffice for.
inline constexpr std::array criteria_without_gold{Criterion::covering_rate,
                                                  Criterion::approximated_accuracy};
inline const char* name_of(Criterion criterion) {
  constexpr std::array names{"covering rate", "approximated accuracy", "validation labels",
                             "oracle"};
  return names[static_cast<std::size_t>(criterion)];
}

/// A method, and the composition that a criterion chooses for it.
struct SelectedSetting {
  std::string method;
  int settings = 0;  ///< compositions that it was chosen from: the method's budget
  /// Per criterion: index into study.compositions; nullopt where a run lacks the figure.
  std::array<std::optional<std::size_t>, 4> chosen;
};

/// The mean of a criterion over the runs; nullopt where one lacks the figure or there is none.
inline std::optional<double> criterion_mean(const Study& study,
                                            const StudiedComposition& composition,
                                            Criterion criterion);
/// One entry a method that has several compositions, in the study's order. Ties go to the first.
inline std::vector<SelectedSetting> select_settings(const Study& study);

// ---- definitions

inline std::optional<double> criterion_mean(const Study& study,
                                            const StudiedComposition& composition,
                                            Criterion criterion) {
  double sum = 0.0;
  for (const FinishedRun& run : composition.runs) {
    std::optional<double> figure;
    switch (criterion) {
      case Criterion::covering_rate:
        figure = run.covering_rate;
        break;
      case Criterion::approximated_accuracy:
        figure = run.approximated_accuracy;
        break;
      case Criterion::valid_accuracy:
        figure = run.valid_accuracy;
        break;
      case Criterion::oracle:
        if (study.test != nullptr) figure = accuracy(run.test.labels, study.test->labels);
        break;
    }
    if (!figure) return std::nullopt;
    sum += *figure;
  }
  if (composition.runs.empty()) return std::nullopt;
  return sum / static_cast<double>(composition.runs.size());
}

inline std::vector<SelectedSetting> select_settings(const Study& study) {
  std::vector<SelectedSetting> methods;
  for (const StudiedComposition& composition : study.compositions) {
    auto entry = std::find_if(methods.begin(), methods.end(), [&](const SelectedSetting& m) {
      return m.method == composition.method;
    });
    if (entry == methods.end()) entry = methods.insert(methods.end(), {composition.method, 0, {}});
    ++entry->settings;
  }
  std::erase_if(methods, [](const SelectedSetting& m) { return m.settings < 2; });
  for (SelectedSetting& method : methods) {
    for (const Criterion criterion : all_criteria) {
      auto& chosen = method.chosen[static_cast<std::size_t>(criterion)];
      double best = 0.0;
      bool complete = true;
      for (std::size_t i = 0; i < study.compositions.size(); ++i) {
        if (study.compositions[i].method != method.method) continue;
        const auto mean = criterion_mean(study, study.compositions[i], criterion);
        complete = complete && mean.has_value();
        if (!mean || (chosen && *mean <= best)) continue;
        best = *mean;
        chosen = i;
      }
      if (!complete) chosen.reset();
    }
  }
  return methods;
}

}  // namespace candist
