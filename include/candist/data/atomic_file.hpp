// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "candist/error.hpp"

namespace candist {

/// A file that appears under its name only when it is whole: written beside it under a temporary
/// name, then renamed. Without commit() nothing is left behind; what a killed process left is
/// removed by the next file of the same name. A symbolic link stays and its target is replaced; what
/// is no regular file (/dev/stdout, a FIFO) is written to directly. Throws InputError where the file
/// cannot be made, RunError where writing fails (disk full).
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path) : path_(path) {
    struct stat there = {};
    const bool exists = ::stat(path.c_str(), &there) == 0;
    if (exists && S_ISDIR(there.st_mode))
      throw InputError(path_.string(), 0, "a folder", "a place for a file");
    if (exists && (!S_ISREG(there.st_mode) || is_standard_output(path))) {
      open_directly();
      return;
    }
    target_ = behind_links(path);
    remove_leftovers();
    temporary_ = target_.string() + infix + std::to_string(::getpid());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) refuse();
    ::flock(descriptor_, LOCK_EX | LOCK_NB);  // tells others that this one is being written
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
    if (temporary_.empty()) {  // a device or a pipe: there is nothing to sync and nothing to rename
      if (::close(std::exchange(descriptor_, -1)) != 0) fail();
      return;
    }
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) fail();
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail();
    temporary_.clear();
    if (const int directory = ::open(folder().c_str(), O_RDONLY | O_CLOEXEC); directory >= 0) {
      ::fsync(directory);  // some file systems cannot; the file itself is safe
      ::close(directory);
    }
  }

  /// Does the path lead to where standard output goes? Even if that is a regular file, others write
  /// to it as well: replacing it would lose what they write.
  static bool is_standard_output(const std::filesystem::path& path) {
    struct stat there = {};
    struct stat out = {};
    return ::stat(path.c_str(), &there) == 0 && ::fstat(STDOUT_FILENO, &out) == 0 &&
           out.st_dev == there.st_dev && out.st_ino == there.st_ino;
  }

 private:
  static constexpr const char* infix = ".part-";

  void open_directly() {
    // A copy of the descriptor shares its position; a second open would write from the start.
    descriptor_ = is_standard_output(path_) ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                                            : ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) refuse();
  }
  /// Where a chain of symbolic links ends, whether there is something or not.
  static std::filesystem::path behind_links(std::filesystem::path path) {
    std::error_code error;
    for (int links = 0; links < 40 && std::filesystem::is_symlink(path, error); ++links) {
      const std::filesystem::path next = std::filesystem::read_symlink(path, error);
      if (error) break;
      path = next.is_absolute() ? next : path.parent_path() / next;
    }
    return path;
  }
  std::filesystem::path folder() const {
    return target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  }
  /// Temporary files of the same target whose process is gone.
  void remove_leftovers() const {
    const std::string prefix = target_.filename().string() + infix;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder(), error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (!name.starts_with(prefix)) continue;
      pid_t writer = 0;
      const char* last = name.data() + name.size();
      const auto [stop, status] = std::from_chars(name.data() + prefix.size(), last, writer);
      const bool gone = status == std::errc() && stop == last && writer > 0 &&
                        ::kill(writer, 0) != 0 && errno == ESRCH;
      if (!gone) continue;
      // A process of another machine or container has no number here, but holds its lock.
      const int file = ::open(entry->path().c_str(), O_WRONLY | O_CLOEXEC);
      if (file < 0) continue;
      if (::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
      ::close(file);
    }
  }

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
  [[noreturn]] void refuse() const {
    throw InputError(path_.string(), 0, std::strerror(errno), "a place that can be written");
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

  std::filesystem::path path_;    ///< as it was given, for messages
  std::filesystem::path target_;  ///< behind its links
  std::string temporary_;         ///< empty: written to directly
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace candist
