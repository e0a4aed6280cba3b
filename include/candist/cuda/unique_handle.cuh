// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace candist {

/// Owns what a C interface hands out, and gives it back once: `Release` is called for every value
/// but Handle{}. Move-only; what was moved from holds Handle{}.
template <class Handle, void (*Release)(Handle)>
class UniqueHandle {
 public:
  UniqueHandle() = default;
  explicit UniqueHandle(Handle handle) : handle_(handle) {}
  ~UniqueHandle() { release(); }
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this == &other) return *this;
    release();
    handle_ = std::exchange(other.handle_, Handle{});
    return *this;
  }

  Handle get() const { return handle_; }

 private:
  void release() {
    if (!(handle_ == Handle{})) Release(handle_);
  }

  Handle handle_{};
};

}  // namespace candist
