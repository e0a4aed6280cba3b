// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where an interrupted training goes on: everything that the next batch depends on, bit for bit, in
// one file. A line of magic; a line of JSON (of which run, where it stands, how long the parts are);
// the parts: student, best student, program and optimizer; a hash of all that.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>

#include "candist/training/distiller.hpp"

namespace candist::program {

/// The bytes of a checkpoint in its parts.
struct Checkpoint {
  nlohmann::json run;       ///< fingerprint: settings and inputs
  nlohmann::json progress;  ///< of the run, outside of the training
  TrainingPosition where;
  std::string student;
  std::string best_student;  ///< empty where none is kept
  std::string state;         ///< row program, then optimizer
};

/// The one file of a checkpoint folder.
std::filesystem::path checkpoint_file(const std::filesystem::path& folder);
/// Replaces the file in one go.
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);
/// Throws InputError where there is none, where it is damaged, or not of the run `run`: in one line
/// that says which setting or input is another.
Checkpoint read_checkpoint(const std::filesystem::path& folder, const nlohmann::json& run);
/// Throws InputError for a position that is not within `epochs` of `rows`.
void check_position(const std::filesystem::path& folder, const TrainingPosition& where, int epochs,
                    std::int64_t rows);
/// Removes what a checkpoint may have left, and the folder where nothing else is in it.
void remove_checkpoint(const std::filesystem::path& folder);

/// A student saves itself as files in a folder: one in `folder`, for a moment. The bytes are all of
/// them, with their names.
std::string files_of_student(const std::filesystem::path& folder,
                             const std::function<void(const std::filesystem::path&)>& save);
void with_student_files(const std::filesystem::path& folder, std::string_view bytes,
                        const std::function<void(const std::filesystem::path&)>& load);

template <class S>
std::string bytes_of(const S& student, const std::filesystem::path& folder) {
  return files_of_student(folder, [&](const auto& place) { save_student(place, student); });
}
template <class S>
void restore(S& student, std::string_view bytes, const std::filesystem::path& folder) {
  with_student_files(folder, bytes, [&](const auto& place) {
    if constexpr (requires { student.reload(place); }) {
      student.reload(place);
    } else if constexpr (requires { S::load(place, student.options().threads); }) {
      student = S::load(place, student.options().threads);
    } else {
      student = S::load(place);
    }
  });
}

}  // namespace candist::program
