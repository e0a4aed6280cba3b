// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "candist/error.hpp"

namespace candist {

/// A file that appears under its name only when it is whole: written beside it under a temporary
/// name, then renamed. Without commit() nothing is left behind. Throws InputError where the file
/// cannot be made, RunError where writing fails (disk full).
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path)
      : path_(path), temporary_(path.string() + ".part-" + std::to_string(::getpid())) {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0)
      throw InputError(path_.string(), 0, std::strerror(errno), "a place that can be written");
  }
  ~AtomicFile() { abandon(); }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes) {
    buffer_ += bytes;
    if (buffer_.size() >= (std::size_t{1} << 20)) flush();
  }
  /// Everything written is on the disk under the final name when this returns.
  void commit() {
    flush();
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) fail();
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
    const std::string folder = path_.has_parent_path() ? path_.parent_path().string() : ".";
    if (const int directory = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC); directory >= 0) {
      ::fsync(directory);  // some file systems cannot; the file itself is safe
      ::close(directory);
    }
  }

 private:
  void flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
      const ssize_t count = ::write(descriptor_, left.data(), left.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail();
      left.remove_prefix(static_cast<std::size_t>(count));
    }
    buffer_.clear();
  }
  [[noreturn]] void fail() {
    const std::string reason = std::strerror(errno);
    abandon();
    throw RunError("cannot write " + path_.string() + ": " + reason);
  }
  void abandon() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

  std::filesystem::path path_;
  std::string temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace candist
