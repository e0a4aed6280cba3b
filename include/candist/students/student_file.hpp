// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The file of a trained host student.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/text/hashed_ngrams.hpp"

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

  static constexpr int most_classes = 1 << 20;
  static constexpr std::string_view magic = "candist student 1\n";

 private:
  static std::filesystem::path prepared(const std::filesystem::path& folder) {
    std::error_code ignored;  // AtomicFile says what is wrong with the place
    std::filesystem::create_directories(folder, ignored);
    return folder / "student.bin";
  }
  AtomicFile file_;
};

/// Reads what StudentFileWriter wrote; every shortcoming is an InputError naming the file. Sizes
/// are checked before anything of that size is allocated.
class StudentFileReader {
 public:
  explicit StudentFileReader(const std::filesystem::path& folder)
      : name_((folder / "student.bin").string()), file_(name_, std::ios::binary) {
    std::error_code error;
    size_ = static_cast<std::int64_t>(std::filesystem::file_size(name_, error));
    if (!file_ || error) fail("no such file", "a student that candist saved");
    std::string magic(StudentFileWriter::magic.size(), ' ');
    file_.read(magic.data(), static_cast<std::streamsize>(magic.size()));
    if (!file_ || magic != StudentFileWriter::magic)
      fail("another kind of file", "a student that candist saved");
    std::string line;
    std::getline(file_, line);
    header_ = nlohmann::json::parse(line, nullptr, false);
    if (!header_.is_object()) fail("a broken header", "JSON");
  }
  /// A number of the header, in [lowest, highest]; a whole one where T is.
  template <class T>
  T option(const char* key, T lowest = std::numeric_limits<T>::lowest(),
           T highest = std::numeric_limits<T>::max()) const {
    const auto entry = header_.find(key);
    if (entry == header_.end() || !entry->is_number())
      fail("no number \"" + std::string(key) + "\"", "the options of the student");
    bool fits = false;
    if constexpr (std::is_floating_point_v<T>) {
      const auto value = entry->template get<double>();
      fits = value >= static_cast<double>(lowest) && value <= static_cast<double>(highest);
    } else if (entry->is_number_unsigned()) {
      const auto value = entry->template get<std::uint64_t>();
      fits = std::cmp_greater_equal(value, lowest) && std::cmp_less_equal(value, highest);
    } else if (entry->is_number_integer()) {
      const auto value = entry->template get<std::int64_t>();
      fits = std::cmp_greater_equal(value, lowest) && std::cmp_less_equal(value, highest);
    }
    if (!fits) {
      fail("\"" + std::string(key) + "\" is " + entry->dump(),
           std::to_string(lowest) + " to " + std::to_string(highest));
    }
    return entry->template get<T>();
  }
  HashedNgramsOptions ngrams() const {
    constexpr int words = HashedNgrams::most_words;
    constexpr int characters = HashedNgrams::most_characters;
    HashedNgramsOptions n;
    n.buckets_log2 = option("buckets_log2", 1, 30);
    n.word_ngrams = option("word_ngrams", 0, words);
    n.char_min = option("char_min", 0, characters);
    n.char_max = option("char_max", n.char_min, characters);
    return n;
  }
  void expect_kind(std::string_view kind) const {
    const auto entry = header_.find("student");
    const std::string found =
        entry != header_.end() && entry->is_string() ? entry->get<std::string>() : "?";
    if (found != kind) fail("a student of kind " + quoted(found), std::string(kind));
  }
  /// Are there exactly that many bytes from here to the end?
  void expect_bytes(std::int64_t count) {
    const std::int64_t left = size_ - static_cast<std::int64_t>(file_.tellg());
    if (left < count) {
      fail("a file that ends too early, " + std::to_string(left) + " bytes behind the header",
           std::to_string(count));
    }
    if (left > count) fail(std::to_string(left - count) + " bytes behind the end", "nothing more");
  }
  template <class T>
  void values(T* data, std::size_t count) {
    file_.read(reinterpret_cast<char*>(data), static_cast<std::streamsize>(count * sizeof(T)));
    if (!file_) fail("a file that ends too early", "a whole one");
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::all_of(data, data + count, [](T v) { return std::isfinite(v); }))
        fail("a weight that is not finite", "finite weights");
    }
  }
  /// The rows that a table [rows, width] has in the file, which ends with them; read_sparse_rows
  /// comes next.
  std::int64_t begin_sparse_rows(std::int64_t rows, std::int64_t width) {
    std::int64_t count = 0;
    values(&count, 1);
    if (count < 0 || count > rows)
      fail(std::to_string(count) + " rows", "at most " + std::to_string(rows));
    constexpr auto id = static_cast<std::int64_t>(sizeof(std::int32_t));
    expect_bytes(count * (id + width * static_cast<std::int64_t>(sizeof(float))));
    return count;
  }
  void read_sparse_rows(std::int64_t count, std::vector<float>& table, std::size_t width) {
    std::fill(table.begin(), table.end(), 0.0f);
    const auto rows = static_cast<std::int64_t>(table.size() / width);
    std::vector<std::int32_t> used(static_cast<std::size_t>(count));
    values(used.data(), used.size());
    std::int32_t last = -1;
    for (const std::int32_t row : used) {
      if (row <= last || row >= rows) {
        fail("row " + std::to_string(row) + " after row " + std::to_string(last),
             "rows in order, below " + std::to_string(rows));
      }
      last = row;
      values(table.data() + static_cast<std::size_t>(row) * width, width);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& found, const std::string& expected) const {
    throw InputError(name_, 0, found, expected);
  }

  std::string name_;
  std::ifstream file_;
  std::int64_t size_ = 0;
  nlohmann::json header_;
};

}  // namespace candist
