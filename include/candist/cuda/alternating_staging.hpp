// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

namespace candist {

/// Two rooms of pinned memory: the host fills one while what it filled before is on its way to the device.
/// Compute: DeviceStream, or a stand-in. Throws CudaError.
template <class Compute>
class AlternatingStaging {
 public:
  AlternatingStaging() = default;
  explicit AlternatingStaging(std::size_t bytes) {
    for (Room& room : rooms_) room.memory = typename Compute::Staging(bytes);
  }

  /// The other room; waits where its copies are still on their way.
  std::byte* next() {
    filled_ = 1 - filled_;
    rooms_[filled_].sent.synchronize();
    return rooms_[filled_].memory.data();
  }
  /// The room of the last next().
  std::byte* filled() { return rooms_[filled_].memory.data(); }
  /// Behind the room's copies.
  void sent(Compute& compute) { compute.record(rooms_[filled_].sent); }

 private:
  struct Room {
    typename Compute::Staging memory;
    typename Compute::Mark sent;
  };
  std::array<Room, 2> rooms_;
  std::size_t filled_ = 0;
};

}  // namespace candist
