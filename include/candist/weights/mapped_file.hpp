// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "candist/error.hpp"

namespace candist {

/// The bytes of a file, mapped into memory for reading: pages come from the disk when they are
/// looked at. Replacing the file by a rename, as AtomicFile does, leaves the mapping as it is;
/// cutting it off in place meanwhile ends the program (SIGBUS). Throws InputError for what is no
/// regular file or cannot be opened, RunError where it cannot be mapped.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) : name_(path.string()) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO waits
    if (descriptor < 0) throw InputError(name_, 0, std::strerror(errno), "a file that can be read");
    struct stat there = {};
    const bool known = ::fstat(descriptor, &there) == 0;
    if (known && S_ISREG(there.st_mode) && there.st_size > 0) {
      size_ = static_cast<std::size_t>(there.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    const int error = errno;
    ::close(descriptor);
    if (!known || !S_ISREG(there.st_mode))
      throw InputError(name_, 0, S_ISDIR(there.st_mode) ? "a folder" : "no regular file", "a file");
    if (data_ == MAP_FAILED) throw RunError("cannot map " + name_ + ": " + std::strerror(error));
  }
  ~MappedFile() { unmap(); }
  MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }
  MappedFile& operator=(MappedFile&& other) noexcept {
    if (this == &other) return *this;
    unmap();
    name_ = std::move(other.name_);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }
  const std::string& name() const { return name_; }

 private:
  void unmap() {
    if (data_ != nullptr && data_ != MAP_FAILED) ::munmap(data_, size_);
  }

  std::string name_;
  void* data_ = nullptr;  ///< null: an empty file
  std::size_t size_ = 0;
};

}  // namespace candist
