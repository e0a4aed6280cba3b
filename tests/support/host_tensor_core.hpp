// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The instructions of tensor_core.cuh, and a vote, under the host executor, which is to be included before:
// each takes the warp's registers together and does what the PTX ISA says. Products are added up in float,
// term after term.
//
// A failure is a lane that executes another one than the rest of its warp. A copy overwrites its place with
// NaN when it begins and with what it copies when its thread waits: who reads too early, or has not read what
// was there before, reads NaN.
#pragma once

#if !defined(CANDIST_HOST_EXECUTOR)
#error "include support/host_executor.hpp before"
#endif
#define CANDIST_HOST_TENSOR_CORE 1

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace candist::host_executor {

/// The place of the current thread among all of its cluster.
inline std::size_t place() {
  const Thread& thread = Cluster::thread();
  return std::size_t{thread.block} * Cluster::running()->size().x + thread.index.x;
}

/// What the lanes of a warp show each other: `look` gets everybody's `mine`, by lane.
template <class Shown, class Look>
void among_lanes(const Shown& mine, Look look) {
  static std::vector<const Shown*> shown;
  const std::size_t first = place() - lane();
  if (shown.size() < first + 32) shown.resize(first + 32);
  struct Showing {
    std::size_t at;
    ~Showing() { shown[at] = nullptr; }
  } showing{place()};
  shown[showing.at] = &mine;
  __syncwarp();
  for (std::size_t l = 0; l < 32; ++l) {
    if (shown[first + l] == nullptr)
      throw ExecutorError("lanes of a warp execute different instructions");
  }
  look(&shown[first]);
  __syncwarp();  // nobody looks any more
}

/// The lower or the upper half of a word, which is of bf16.
inline float half_of(unsigned word, unsigned which) {
  return __bfloat162float({static_cast<std::uint16_t>(word >> (16 * which))});
}

}  // namespace candist::host_executor

inline unsigned __ballot_sync(unsigned mask, bool mine) {
  struct Vote {
    bool yes;
  };
  unsigned votes = 0;
  if (mask != 0xFFFFFFFFu)
    throw candist::host_executor::ExecutorError("a vote of less than a warp is not here");
  candist::host_executor::among_lanes(Vote{mine}, [&](const Vote* const* all) {
    for (unsigned l = 0; l < 32; ++l) votes |= (all[l]->yes ? 1u : 0u) << l;
  });
  return votes;
}

namespace candist::ptx {

inline void mma_m16n8k16(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  struct Factors {
    const unsigned* a;
    unsigned b[2];
  };
  const Factors mine{a, {b0, b1}};
  host_executor::among_lanes(mine, [&](const Factors* const* all) {
    const unsigned lane = host_executor::lane();
    for (unsigned cell = 0; cell < 4; ++cell) {
      const unsigned row = lane / 4 + cell / 2 * 8;
      const unsigned column = lane % 4 * 2 + cell % 2;
      for (unsigned k = 0; k < 16; ++k) {
        const unsigned pair = k % 8 / 2;  // whose number is that of a lane in its four
        const unsigned left = all[row % 8 * 4 + pair]->a[row / 8 + k / 8 * 2];
        const unsigned right = all[column * 4 + pair]->b[k / 8];
        c[cell] += host_executor::half_of(left, k % 2) * host_executor::half_of(right, k % 2);
      }
    }
  });
}

namespace detail {

inline void ldmatrix(unsigned (&to)[4], const void* row, bool turned) {
  struct Row {
    const void* begin;
  };
  host_executor::among_lanes(Row{row}, [&](const Row* const* all) {
    const unsigned lane = host_executor::lane();
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
      std::uint16_t pair[2];
      for (unsigned i = 0; i < 2; ++i) {
        unsigned r = lane / 4, column = lane % 4 * 2 + i;
        if (turned) std::swap(r, column);
        const auto* begin = static_cast<const unsigned char*>(all[8 * matrix + r]->begin);
        std::memcpy(&pair[i], begin + 2 * column, 2);
      }
      to[matrix] = pair[0] | static_cast<unsigned>(pair[1]) << 16;
    }
  });
}

struct Copy {
  std::uint64_t cluster;
  void* to;
  const void* from;
  std::size_t bytes;
};
/// Those that a thread has begun.
inline std::vector<Copy>& copies() {
  static std::vector<std::vector<Copy>> of_threads;
  const std::size_t place = host_executor::place();
  if (of_threads.size() <= place) of_threads.resize(place + 1);
  return of_threads[place];
}

}  // namespace detail

inline void ldmatrix_x4(unsigned (&to)[4], const void* row) { detail::ldmatrix(to, row, false); }
inline void ldmatrix_x4_trans(unsigned (&to)[4], const void* row) {
  detail::ldmatrix(to, row, true);
}

inline unsigned cvt_bf16x2(float first, float second) {
  return __float2bfloat16(first).bits | static_cast<unsigned>(__float2bfloat16(second).bits) << 16;
}

inline void cp_async_16(void* to, const void* from, int bytes) {
  std::memset(to, 0xFF, 16);
  detail::copies().push_back(
      {host_executor::Cluster::running()->serial(), to, from, static_cast<std::size_t>(bytes)});
}
inline void cp_async_wait_all() {
  for (const detail::Copy& copy : detail::copies()) {
    if (copy.cluster != host_executor::Cluster::running()->serial()) continue;  // it never waited
    std::memset(copy.to, 0, 16);
    if (copy.bytes > 0) std::memcpy(copy.to, copy.from, copy.bytes);
  }
  detail::copies().clear();
}

}  // namespace candist::ptx
