// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "candist/error.hpp"

namespace candist {

/// Reads a file line by line through a buffer of bounded size. Lines end in \n or \r\n; a
/// byte-order mark at the start is passed over. Throws InputError for a file that is missing or is
/// a folder, RunError when reading fails.
class LineReader {
 public:
  /// Readable bytes behind every line, as SIMD parsers want.
  static constexpr std::size_t padding = 64;

  explicit LineReader(const std::filesystem::path& path) : name_(path.string()) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error))
      throw InputError(name_, 0, "a folder", "a file");
    file_.reset(std::fopen(name_.c_str(), "rb"));
    if (!file_) throw InputError(name_, 0, std::strerror(errno), "a file that can be read");
    buffer_.resize(std::size_t{1} << 20);
    refill();
    if (std::string_view(buffer_.data() + begin_, end_ - begin_).starts_with("\xEF\xBB\xBF"))
      begin_ += 3;
  }

  /// The next line, without its end; false at the end of the file. Valid until the next call.
  bool next(std::string_view& line) {
    std::size_t searched = 0;
    const char* newline = nullptr;
    while (true) {
      const char* from = buffer_.data() + begin_;
      newline =
          static_cast<const char*>(std::memchr(from + searched, '\n', end_ - begin_ - searched));
      if (newline != nullptr || at_end_) break;
      searched = end_ - begin_;
      refill();
    }
    if (newline == nullptr && begin_ == end_) return false;
    ++number_;
    terminated_ = newline != nullptr;
    const char* first = buffer_.data() + begin_;
    const char* last = terminated_ ? newline : buffer_.data() + end_;
    begin_ = static_cast<std::size_t>(last - buffer_.data()) + (terminated_ ? 1 : 0);
    line = std::string_view(first, static_cast<std::size_t>(last - first));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return true;
  }
  /// Of the line last read, from 1.
  std::int64_t number() const { return number_; }
  /// Did the line last read end in a newline? Only a file's last line may not.
  bool terminated() const { return terminated_; }
  const std::string& name() const { return name_; }

  /// Throws InputError with file and line.
  [[noreturn]] void fail(std::string_view found, std::string_view expected) const {
    throw InputError(name_, number_, found, expected);
  }
  /// Throws InputError where the line last read is not UTF-8, or holds a NUL byte (as UTF-16 does).
  void expect_text(std::string_view line) const {
    if (std::memchr(line.data(), '\0', line.size()) != nullptr) fail("a NUL byte", "UTF-8 text");
    if (!simdjson::validate_utf8(line.data(), line.size()))
      fail("bytes that are not UTF-8", "UTF-8 text");
  }
  /// Nothing but white space? Readers pass over such lines and count them.
  static bool is_blank(std::string_view line) {
    return line.find_first_not_of(" \t\r\v\f") == std::string_view::npos;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void refill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (end_ + padding >= buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t count =
        std::fread(buffer_.data() + end_, 1, buffer_.size() - padding - end_, file_.get());
    if (count == 0) {
      if (std::ferror(file_.get()) != 0)
        throw RunError("cannot read " + name_ + ": " + std::strerror(errno));
      at_end_ = true;
    }
    end_ += count;
  }

  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::int64_t number_ = 0;
  bool at_end_ = false;
  bool terminated_ = true;
};

}  // namespace candist
