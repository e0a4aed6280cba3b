// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The file of a trained host student.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"

namespace candist {

/// Writes folder/student.bin: a line of magic, a line of JSON (kind, options), then the numbers,
/// little-endian.
class StudentFileWriter {
 public:
  StudentFileWriter(const std::filesystem::path& folder, const nlohmann::json& header)
      : file_(prepared(folder)) {
    file_.write(magic);
    file_.write(header.dump() + "\n");
  }
  template <class T>
  void values(const T* data, std::size_t count) {
    file_.write({reinterpret_cast<const char*>(data), count * sizeof(T)});
  }
  /// A table [rows, width] without its rows of zeros.
  void sparse_rows(const std::vector<float>& table, std::size_t width) {
    std::vector<std::int32_t> used;
    for (std::size_t row = 0; row * width < table.size(); ++row) {
      const float* begin = table.data() + row * width;
      if (std::any_of(begin, begin + width, [](float v) { return v != 0.0f; }))
        used.push_back(static_cast<std::int32_t>(row));
    }
    const auto count = static_cast<std::int64_t>(used.size());
    values(&count, 1);
    values(used.data(), used.size());
    for (const std::int32_t row : used)
      values(table.data() + static_cast<std::size_t>(row) * width, width);
  }
  void commit() { file_.commit(); }

  static constexpr std::string_view magic = "candist student 1\n";

 private:
  static std::filesystem::path prepared(const std::filesystem::path& folder) {
    std::error_code ignored;  // AtomicFile says what is wrong with the place
    std::filesystem::create_directories(folder, ignored);
    return folder / "student.bin";
  }
  AtomicFile file_;
};

/// Reads what StudentFileWriter wrote; every shortcoming is an InputError naming the file.
class StudentFileReader {
 public:
  explicit StudentFileReader(const std::filesystem::path& folder)
      : name_((folder / "student.bin").string()), file_(name_, std::ios::binary) {
    if (!file_) throw InputError(name_, 0, "no such file", "a student that candist saved");
    std::string magic(StudentFileWriter::magic.size(), ' ');
    file_.read(magic.data(), static_cast<std::streamsize>(magic.size()));
    if (!file_ || magic != StudentFileWriter::magic)
      fail("another kind of file", "a student that candist saved");
    std::string line;
    std::getline(file_, line);
    header_ = nlohmann::json::parse(line, nullptr, false);
    if (!header_.is_object()) fail("a broken header", "JSON");
  }
  const nlohmann::json& header() const { return header_; }
  /// A number of the header.
  template <class T>
  T option(const char* key) const {
    const auto entry = header_.find(key);
    if (entry == header_.end() || !entry->is_number())
      fail("no number \"" + std::string(key) + "\"", "the options of the student");
    return entry->template get<T>();
  }
  void expect_kind(std::string_view kind) const {
    if (header_.value("student", "") != kind)
      fail("a student of kind " + header_.value("student", "?"), std::string(kind));
  }
  template <class T>
  void values(T* data, std::size_t count) {
    file_.read(reinterpret_cast<char*>(data), static_cast<std::streamsize>(count * sizeof(T)));
    if (!file_) fail("a file that ends too early", "a whole one");
  }
  void sparse_rows(std::vector<float>& table, std::size_t width) {
    std::fill(table.begin(), table.end(), 0.0f);
    std::int64_t count = 0;
    values(&count, 1);
    const auto rows = static_cast<std::int64_t>(table.size() / width);
    if (count < 0 || count > rows)
      fail(std::to_string(count) + " rows", "at most " + std::to_string(rows));
    std::vector<std::int32_t> used(static_cast<std::size_t>(count));
    values(used.data(), used.size());
    for (const std::int32_t row : used) {
      if (row < 0 || row >= rows)
        fail("row " + std::to_string(row), "a row below " + std::to_string(rows));
      values(table.data() + static_cast<std::size_t>(row) * width, width);
    }
  }
  void finish() {
    if (file_.peek() != std::ifstream::traits_type::eof())
      fail("bytes behind the end", "nothing more");
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw InputError(name_, 0, found, expected);
  }

  std::string name_;
  std::ifstream file_;
  nlohmann::json header_;
};

}  // namespace candist
