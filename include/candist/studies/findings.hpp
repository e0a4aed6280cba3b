// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "candist/candidates/statistics.hpp"
#include "candist/studies/comparison.hpp"
#include "candist/studies/selection.hpp"

namespace candist {

/// What a teacher of the study is worth, on the training texts.
struct TeacherFindings {
  std::string name;  ///< empty where the study has only one
  CandidateStatistics statistics;
};

/// A study and everything that is computed from it.
struct StudyFindings {
  explicit StudyFindings(const Study& s)
      : study(&s),
        test(compare(s, Judged::test_texts)),
        train(compare(s, Judged::training_texts)),
        selected(select_settings(s)) {
    for (const StudiedComposition& composition : s.compositions) {
      const bool known = std::any_of(teachers.begin(), teachers.end(), [&](const auto& teacher) {
        return teacher.name == composition.teacher_name;
      });
      if (!known && composition.teacher && s.train != nullptr)
        teachers.push_back({composition.teacher_name,
                            candidate_statistics(*composition.teacher, s.train->labels)});
    }
  }

  const Study* study;
  std::optional<Comparison> test;   ///< nullopt where there are no test texts with gold
  std::optional<Comparison> train;  ///< nullopt where the training texts have no gold
  std::vector<SelectedSetting> selected;
  std::vector<TeacherFindings> teachers;

  std::size_t runs() const {
    std::size_t count = 0;
    for (const StudiedComposition& composition : study->compositions)
      count += composition.runs.size();
    return count;
  }
};

}  // namespace candist
