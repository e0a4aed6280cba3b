// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "input_files.hpp"

#include <cstdio>
#include <fstream>
#include <system_error>

#include "candist/error.hpp"

namespace candist::program {
namespace {

namespace fs = std::filesystem;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::exists(a, error) && fs::exists(b, error)) return fs::equivalent(a, b, error);
  const fs::path one = fs::weakly_canonical(fs::absolute(a, error), error);
  return !error && one == fs::weakly_canonical(fs::absolute(b, error), error) && !error;
}

}  // namespace

void ContentHash::add(std::string_view bytes) {
  for (const char c : bytes) {
    word_ |= std::uint64_t{static_cast<unsigned char>(c)} << (size_ % 8 * 8);
    if (++size_ % 8 != 0) continue;
    state_ = mixed(state_, word_);
    word_ = 0;
  }
}

std::uint64_t ContentHash::value() const { return mixed(mixed(state_, word_), size_); }

std::vector<NamedFile> named_files(const DataFiles& files) {
  std::vector<NamedFile> named;
  for_each_file(files, [&](const char* key, const std::string& file, const char*) {
    if (!file.empty()) named.push_back({std::string("--") + key, file});
  });
  return named;
}

void make_absolute(DataFiles& files) {
  for_each_file(files, [&](const char* key, std::string& file, const char*) {
    if (file.empty()) return;
    file = fs::absolute(file).lexically_normal().string();
    try {
      nlohmann::json(file).dump();
    } catch (const nlohmann::json::exception&) {
      throw InputError(option_of(key) + ": found the file name " + quoted(file) +
                       ", expected UTF-8, for config.json and results.jsonl hold it");
    }
  });
}

nlohmann::json content_of(const fs::path& path) {
  nlohmann::json entry{{"name", path.string()}};
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return entry;  // reading a pipe would empty it
  std::ifstream file(path, std::ios::binary);
  ContentHash hash;
  std::string part(std::size_t{1} << 20, '\0');
  std::uint64_t bytes = 0;
  while (file) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    hash.add({part.data(), static_cast<std::size_t>(file.gcount())});
    bytes += static_cast<std::uint64_t>(file.gcount());
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash.value()));
  entry["bytes"] = bytes;
  entry["hash"] = text;
  return entry;
}

nlohmann::json contents_of(const DataFiles& files) {
  nlohmann::json contents = nlohmann::json::object();
  for_each_file(files, [&](const char* key, const std::string& name, const char*) {
    if (!name.empty()) contents[key] = content_of(name);
  });
  return contents;
}

void refuse_overwriting(const char* command, const std::vector<NamedFile>& inputs,
                        const std::vector<fs::path>& outputs) {
  std::error_code error;
  for (const fs::path& output : outputs) {
    if (fs::is_directory(output, error))
      throw InputError(output.string(), 0, "a folder", "the place of a file to write");
    // Devices and pipes hold nothing that could be lost.
    if (fs::exists(output, error) && !fs::is_regular_file(output, error)) continue;
    for (const NamedFile& input : inputs) {
      if (!same_file(output, input.path)) continue;
      throw InputError(std::string(command) + ": writing " + shown(output.string(), 200) +
                       " would overwrite what " + input.option +
                       " reads; choose another place with --out");
    }
  }
}

}  // namespace candist::program
