// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "candist/error.hpp"

namespace candist {

/// A file of lines that only grows, held by one process at a time. A line is in it as a whole or not
/// at all; a thread brings what was appended to the disk, so that appending never waits for one.
class DurableFile {
 public:
  /// Opens the file, or makes an empty one. Throws InputError where it cannot, where it is no
  /// regular file, and where another process holds it; RunError on file systems without locks.
  explicit DurableFile(const std::filesystem::path& path);
  /// What was appended is on the disk, if the disk works; sync() tells.
  ~DurableFile();
  DurableFile(const DurableFile&) = delete;
  DurableFile& operator=(const DurableFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Bytes.
  std::int64_t size() const { return size_; }

  /// Replaces whatever is there by this line; it and the file's name are on the disk when this
  /// returns. Throws RunError.
  void begin_with(std::string_view line);
  /// Cuts off a last line without a newline, and one with NUL bytes (blocks that a power failure
  /// kept from the disk); returns the bytes cut off. Throws RunError.
  std::int64_t cut_torn_tail();
  /// Appends a line, its newline included; when this returns it outlives the process. Throws
  /// RunError: the line is not in the file, or an earlier one did not reach the disk.
  void append(std::string_view line);
  /// When this returns everything appended is on the disk. Throws RunError.
  void sync();

 private:
  /// Between two syncs nobody waits for: enough not to keep a disk busy with itself.
  static constexpr std::chrono::milliseconds pause{50};

  [[noreturn]] void fail(const char* what, int error) const {
    throw RunError(std::string("cannot ") + what + " " + path_.string() + ": " +
                   std::strerror(error));
  }
  void cut_to(std::int64_t size);
  void sync_in_background();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;  ///< of whole lines
  bool has_rest_ = false;  ///< of a line that failed lies behind them
  std::thread thread_;
  std::mutex mutex_;  ///< of all below
  std::condition_variable changed_;
  std::int64_t appended_ = 0;  ///< lines
  std::int64_t synced_ = 0;
  int waiting_ = 0;  ///< in sync()
  int error_ = 0;    ///< stays: what a failed sync did not write is never written by the next one
  bool ending_ = false;
};

// ---- definitions

inline DurableFile::DurableFile(const std::filesystem::path& path) : path_(path) {
  const std::string name = path.string();
  descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor_ < 0)
    throw InputError(name, 0, std::strerror(errno), "a file that can be written");
  try {
    struct stat there = {};
    if (::fstat(descriptor_, &there) != 0) fail("open", errno);
    if (!S_ISREG(there.st_mode)) throw InputError(name, 0, "no regular file", "a regular file");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) fail("lock", errno);
      throw InputError(name, 0, "another candist is annotating into it", "one process at a time");
    }
    if (::fstat(descriptor_, &there) != 0) fail("open", errno);
    size_ = there.st_size;
    thread_ = std::thread([this] { sync_in_background(); });
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

inline DurableFile::~DurableFile() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(descriptor_);
}

inline void DurableFile::cut_to(std::int64_t size) {
  while (::ftruncate(descriptor_, size) != 0) {
    if (errno != EINTR) fail("shorten", errno);
  }
  size_ = size;
  has_rest_ = false;
}

inline void DurableFile::begin_with(std::string_view line) {
  cut_to(0);
  append(line);
  sync();
  if (::fsync(descriptor_) != 0) fail("sync", errno);
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  if (const int directory = ::open(folder.c_str(), O_RDONLY | O_CLOEXEC); directory >= 0) {
    ::fsync(directory);  // some file systems cannot; the file itself is safe
    ::close(directory);
  }
}

inline std::int64_t DurableFile::cut_torn_tail() {
  std::int64_t end = size_;    // of what stays
  std::int64_t last_line = 0;  // the last newline seen, going backwards
  bool has_nul = false;        // between there and the one before
  bool has_newline = false;
  std::string block;
  for (std::int64_t begin = size_; begin > 0;) {
    const std::int64_t count = std::min<std::int64_t>(begin, std::int64_t{1} << 16);
    begin -= count;
    block.resize(static_cast<std::size_t>(count));
    for (std::size_t done = 0; done < block.size();) {
      const ssize_t got = ::pread(descriptor_, block.data() + done, block.size() - done,
                                  begin + static_cast<std::int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) fail("read", got < 0 ? errno : EIO);
      done += static_cast<std::size_t>(got);
    }
    for (std::size_t i = block.size(); i-- > 0;) {
      if (block[i] == '\0') has_nul = true;
      if (block[i] != '\n') continue;
      const std::int64_t behind = begin + static_cast<std::int64_t>(i) + 1;
      if (!has_newline) {
        end = behind;
        has_nul = false;
      } else {
        last_line = behind;
        begin = 0;
        break;
      }
      has_newline = true;
    }
  }
  if (!has_newline) end = 0;
  if (has_newline && has_nul) end = last_line;
  const std::int64_t torn = size_ - end;
  if (torn > 0) cut_to(end);
  return torn;
}

inline void DurableFile::append(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (error_ != 0) fail("sync", error_);
  }
  if (has_rest_) cut_to(size_);
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t count = ::write(descriptor_, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count < 0 ? errno : ENOSPC;
      has_rest_ = true;
      // Where even this fails, the next append tries again, and the next opening cuts.
      if (::ftruncate(descriptor_, size_) == 0) has_rest_ = false;
      fail("write", error);
    }
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  size_ += static_cast<std::int64_t>(line.size());
  {
    const std::lock_guard lock(mutex_);
    ++appended_;
  }
  changed_.notify_all();
}

inline void DurableFile::sync() {
  std::unique_lock lock(mutex_);
  const std::int64_t target = appended_;
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return synced_ >= target || error_ != 0; });
  --waiting_;
  if (error_ != 0) fail("sync", error_);
}

inline void DurableFile::sync_in_background() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return appended_ > synced_ || ending_; });
    if (appended_ == synced_ || error_ != 0) return;  // at the end, or for good
    const std::int64_t target = appended_;
    lock.unlock();
    const int error = ::fdatasync(descriptor_) == 0 ? 0 : errno;
    lock.lock();
    synced_ = error == 0 ? target : synced_;
    error_ = error;
    changed_.notify_all();
    if (error != 0) return;
    changed_.wait_for(lock, pause, [&] { return waiting_ > 0 || ending_; });
  }
}

}  // namespace candist
