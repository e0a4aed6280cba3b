// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "candist/error.hpp"

namespace candist {

/// A lock that a file stands for: between threads, processes, and machines that mount the same file
/// system (where its server passes locks on, as NFS does). The kernel lets go of it when its holder
/// dies, however that happens. Throws InputError where the file cannot be made, RunError where the
/// file system knows no locks.
class FileLock {
 public:
  enum class Kind { exclusive, shared };

  /// nullopt where somebody else holds it.
  static std::optional<FileLock> try_to_take(const std::filesystem::path& path, Kind kind) {
    FileLock lock(path);
    if (!lock.apply(kind, LOCK_NB)) return std::nullopt;
    return lock;
  }
  /// Waits for it.
  static FileLock take(const std::filesystem::path& path, Kind kind) {
    FileLock lock(path);
    lock.apply(kind, 0);
    return lock;
  }
  /// Exclusive becomes shared; others may come in between.
  void share() { apply(Kind::shared, 0); }

  FileLock(FileLock&& other) noexcept
      : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

 private:
  explicit FileLock(const std::filesystem::path& path)
      : path_(path), descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0)
      throw InputError(path.string(), 0, std::strerror(errno), "a place that can be written");
  }
  /// False where somebody else holds it and `mode` says not to wait.
  bool apply(Kind kind, int mode) {
    const int operation = (kind == Kind::exclusive ? LOCK_EX : LOCK_SH) | mode;
    while (::flock(descriptor_, operation) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return false;
      throw RunError("cannot lock " + path_.string() + ": " + std::strerror(errno));
    }
    return true;
  }

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace candist
