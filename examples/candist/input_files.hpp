// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What a command reads and what it writes: never the same file, and known by its content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "settings.hpp"

namespace candist::program {

/// 64 bits of any bytes, fed piece by piece; says whether a file is the one it was, not whether
/// somebody forged it.
class ContentHash {
 public:
  void add(std::string_view bytes);
  std::uint64_t value() const;

 private:
  std::uint64_t state_ = 0xCBF29CE484222325u;
  std::uint64_t size_ = 0;
  std::uint64_t word_ = 0;  ///< the last size_ % 8 bytes
};

/// A file and the option it was given by.
struct NamedFile {
  std::string option;
  std::filesystem::path path;
};

/// The files that are given.
std::vector<NamedFile> named_files(const DataFiles& files);

/// Absolute names, so that a config.json holds in every folder.
void make_absolute(DataFiles& files);

/// {"name", "bytes", "hash"} of a file; of a pipe only the name.
nlohmann::json content_of(const std::filesystem::path& path);
/// {"data": {"name", "bytes", "hash"}, ...} of the files given: equal only where every file has its
/// name, size and content again. Of a pipe only the name is known.
nlohmann::json contents_of(const DataFiles& files);

/// Throws InputError where an output is one of the inputs, or an existing folder: nothing that is
/// read is ever written to.
void refuse_overwriting(const char* command, const std::vector<NamedFile>& inputs,
                        const std::vector<std::filesystem::path>& outputs);

}  // namespace candist::program
