// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "input_files.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "candist checkpoint 3\n";

std::string hash_of(std::string_view bytes) {
  ContentHash hash;
  hash.add(bytes);
  const std::uint64_t value = hash.value();
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// One list for both directions: JSON keeps every double and every whole number.
template <class Position, class Visitor>
void for_each_position_field(Position& where, Visitor&& visit) {
  visit("epoch", where.epoch);
  visit("next_row", where.next_row);
  auto& r = where.report;
  visit("report_epoch", r.epoch);
  visit("report_epochs", r.epochs);
  visit("loss", r.loss);
  visit("rows", r.rows);
  visit("with_target", r.with_target);
  visit("sharpened", r.sharpened);
  visit("rescued", r.rescued);
  visit("outside", r.outside);
  visit("tokens", r.tokens);
  visit("learning_rate", r.learning_rate);
  visit("seconds", r.seconds);
}

nlohmann::json to_json(const TrainingPosition& where) {
  nlohmann::json json;
  for_each_position_field(where, [&](const char* key, const auto& value) { json[key] = value; });
  return json;
}

[[noreturn]] void refuse(const fs::path& file, const std::string& found,
                         const std::string& expected) {
  throw InputError(file.string(), 0, found, expected + "; start anew without --resume");
}

/// The first difference between two fingerprints, in words; empty where there is none.
std::string difference(const nlohmann::json& saved, const nlohmann::json& now) {
  const auto value = [](const nlohmann::json& object, const std::string& key) {
    return object.is_object() && object.contains(key) ? object[key] : nlohmann::json(nullptr);
  };
  for (const auto& [key, setting] : now["settings"].items()) {
    const nlohmann::json was = value(value(saved, "settings"), key);
    if (was != setting)
      return option_of(key) + " was " + shown(was.dump()) + ", now is " + shown(setting.dump());
  }
  DataFiles all;
  std::string words;
  for_each_file(all, [&](const char* key, const std::string&, const char*) {
    const nlohmann::json was = value(value(saved, "inputs"), key);
    const nlohmann::json is = value(now["inputs"], key);
    if (was == is || !words.empty()) return;
    if (was.is_null() || is.is_null() || was["name"] != is["name"]) {
      words = option_of(key) + " was " + shown(value(was, "name").dump()) + ", now is " +
              shown(value(is, "name").dump());
    } else {
      words = "the content of " + shown(is["name"].get<std::string>()) + " (" + option_of(key) +
              ") has changed since";
    }
  });
  if (words.empty() && saved != now) words = "it was written by another version of candist";
  return words;
}

/// A folder that is gone with this object.
struct RemovedAtEnd {
  explicit RemovedAtEnd(fs::path folder) : path(std::move(folder)) {}
  ~RemovedAtEnd() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  RemovedAtEnd(const RemovedAtEnd&) = delete;
  RemovedAtEnd& operator=(const RemovedAtEnd&) = delete;

  fs::path path;
};

fs::path student_folder(const fs::path& folder) {
  return folder / ("student.part-" + std::to_string(::getpid()));
}

}  // namespace

fs::path checkpoint_file(const fs::path& folder) { return folder / "checkpoint.bin"; }

void write_checkpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  std::error_code ignored;  // AtomicFile says what is wrong with the place
  fs::create_directories(folder, ignored);
  const nlohmann::json header{
      {"run", checkpoint.run},
      {"progress", checkpoint.progress},
      {"where", to_json(checkpoint.where)},
      {"bytes",
       {checkpoint.student.size(), checkpoint.best_student.size(), checkpoint.state.size()}}};
  std::string bytes(magic);
  bytes += header.dump() + "\n" + checkpoint.student + checkpoint.best_student + checkpoint.state;
  AtomicFile file(checkpoint_file(folder));
  file.write(bytes);
  file.write(hash_of(bytes));
  file.commit();
}

Checkpoint read_checkpoint(const fs::path& folder, const nlohmann::json& run) {
  const fs::path path = checkpoint_file(folder);
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw InputError(path.string(), 0, "no checkpoint",
                     "the state of an interrupted run; without one, start anew without --resume");
  }
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  constexpr std::size_t hash_size = sizeof(std::uint64_t);
  if (!bytes.starts_with(magic)) refuse(path, "another kind of file", "a checkpoint of candist");
  const std::string_view whole(bytes);
  if (bytes.size() < magic.size() + hash_size ||
      hash_of(whole.substr(0, whole.size() - hash_size)) != whole.substr(whole.size() - hash_size))
    refuse(path, "a damaged checkpoint (its checksum is wrong)", "it as candist wrote it");
  const std::size_t end = bytes.find('\n', magic.size());
  const nlohmann::json header =
      nlohmann::json::parse(whole.substr(magic.size(), end - magic.size()), nullptr, false);
  try {
    Checkpoint checkpoint{header.at("run"), header.at("progress"), {}, {}, {}, {}};
    const std::string words = difference(checkpoint.run, run);
    if (!words.empty()) refuse(path, "the checkpoint of another run: " + words, "this run's own");
    for_each_position_field(checkpoint.where, [&](const char* key, auto& value) {
      header.at("where").at(key).get_to(value);
    });
    std::size_t at = end + 1;
    std::size_t part = 0;
    for (std::string* target : {&checkpoint.student, &checkpoint.best_student, &checkpoint.state}) {
      const auto size = header.at("bytes").at(part++).get<std::size_t>();
      if (size > bytes.size() - hash_size - at)
        refuse(path, "a checkpoint that ends too early", "a whole one");
      *target = bytes.substr(at, size);
      at += size;
    }
    if (at + hash_size != bytes.size())
      refuse(path, "a checkpoint with bytes behind its end", "nothing more");
    return checkpoint;
  } catch (const nlohmann::json::exception&) {
    refuse(path, "a checkpoint with a broken header", "it as candist wrote it");
  }
}

void check_position(const fs::path& folder, const TrainingPosition& where, int epochs,
                    std::int64_t rows) {
  if (where.epoch >= 0 && where.epoch <= epochs && where.next_row >= 0 && where.next_row <= rows &&
      (where.epoch < epochs || where.next_row == 0))
    return;
  refuse(checkpoint_file(folder),
         "a position at epoch " + std::to_string(where.epoch) + ", row " +
             std::to_string(where.next_row),
         "one within " + std::to_string(epochs) + " epochs of " + std::to_string(rows) + " rows");
}

void remove_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return;
  fs::remove(checkpoint_file(folder), ignored);
  std::vector<fs::path> leftovers;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("student.part-") || name.starts_with("checkpoint.bin.part-"))
      leftovers.push_back(entry.path());
  }
  for (const fs::path& leftover : leftovers) fs::remove_all(leftover, ignored);
  fs::remove(folder, ignored);  // stays where something of somebody else's is in it
}

std::string files_of_student(const fs::path& folder,
                             const std::function<void(const fs::path&)>& save) {
  const RemovedAtEnd place(student_folder(folder));
  save(place.path);
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(place.path))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::string bytes;
  for (const fs::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    bytes += path.filename().string() + "\n" + std::to_string(content.size()) + "\n" + content;
  }
  return bytes;
}

void with_student_files(const fs::path& folder, std::string_view bytes,
                        const std::function<void(const fs::path&)>& load) {
  const RemovedAtEnd place(student_folder(folder));
  std::error_code ignored;
  fs::create_directories(place.path, ignored);
  const auto line = [&] {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string text(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    return text;
  };
  while (
      !bytes.empty()) {  // the checksum over all was right, so the bytes are as they were written
    const std::string name = line();
    const auto size = static_cast<std::size_t>(std::strtoull(line().c_str(), nullptr, 10));
    AtomicFile file(place.path / name);
    file.write(bytes.substr(0, size));
    file.commit();
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  load(place.path);
}

}  // namespace candist::program
