// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Where an interrupted training goes on: everything that the next batch depends on, bit for bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/training/distiller.hpp"

namespace candist::program {

inline constexpr std::string_view checkpoint_magic = "candist checkpoint 1\n";

/// Writes folder/state.bin (position, refinery, optimizer) and the student beside it.
template <class Trainer, class Program>
void save_checkpoint(const std::filesystem::path& folder, const Trainer& trainer,
                     const Program& program, const TrainingPosition& where) {
  std::filesystem::create_directories(folder);
  save_student(folder / "student", trainer.student());
  std::ostringstream state;
  state << checkpoint_magic;
  const std::int64_t shape[2] = {program.rows(), program.classes()};
  state.write(reinterpret_cast<const char*>(shape), sizeof shape);
  state.write(reinterpret_cast<const char*>(&where), sizeof where);
  program.save(state);
  trainer.optimizer().save(state);
  AtomicFile file(folder / "state.bin");
  file.write(std::move(state).str());
  file.commit();
}

/// Reads what save_checkpoint wrote into a training of the same composition.
template <class Trainer, class Program>
TrainingPosition load_checkpoint(const std::filesystem::path& folder, Trainer& trainer,
                                 Program& program) {
  const std::filesystem::path path = folder / "state.bin";
  std::ifstream state(path, std::ios::binary);
  if (!state)
    throw InputError(path.string(), 0, "no checkpoint",
                     "the state of an interrupted run of this folder");
  std::string magic(checkpoint_magic.size(), ' ');
  state.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  std::int64_t shape[2] = {};
  TrainingPosition where;
  state.read(reinterpret_cast<char*>(shape), sizeof shape);
  state.read(reinterpret_cast<char*>(&where), sizeof where);
  if (!state || magic != checkpoint_magic || shape[0] != program.rows() ||
      shape[1] != program.classes()) {
    throw InputError(path.string(), 0, "another run's checkpoint, or a broken one",
                     std::to_string(program.rows()) + " rows of " +
                         std::to_string(program.classes()) + " classes");
  }
  trainer.student() = std::decay_t<decltype(trainer.student())>::load(folder / "student");
  program.load(state);
  trainer.optimizer().load(state);
  if (!state) throw InputError(path.string(), 0, "a checkpoint that ends too early", "a whole one");
  return where;
}

}  // namespace candist::program
