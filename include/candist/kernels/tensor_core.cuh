// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// tensor_core: products of bf16 matrices in float by the tensor cores, a warp at a time, and the few
// instructions that bring the factors there; compute capability 8.0 and newer. It is no kernel.
//   ptx::           an instruction each, named as in the PTX ISA. Under the host executor they come from
//                   tests/support/host_tensor_core.hpp
//   Fragment...     what a lane of a warp holds of a small matrix. Lane l belongs to row l / 4 (columns of B)
//                   and to the pair of neighbours number l % 4
// All lanes of a warp execute each of them together, cp_async apart.
#pragma once

#include "candist/cuda/builtins.cuh"

#if defined(__CUDACC__)

namespace candist::ptx {

/// c += a b: 16 x 16 by 16 x 8.
__device__ inline void mma_m16n8k16(float (&c)[4], const unsigned (&a)[4], unsigned b0,
                                    unsigned b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Four 8 x 8 matrices from shared memory: lane l says where row l % 8 of matrix l / 8 begins, 16 bytes, and
/// gets of each the pair l % 4 of row l / 4.
__device__ inline void ldmatrix_x4(unsigned (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row))));
}
/// The same of the matrices turned over.
__device__ inline void ldmatrix_x4_trans(unsigned (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(static_cast<unsigned>(__cvta_generic_to_shared(row))));
}

/// Two numbers rounded to bf16, to nearest even; the first one lies in the lower half.
__device__ inline unsigned cvt_bf16x2(float first, float second) {
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(second), "f"(first));
  return pair;
}

/// Begins to copy 16 bytes to shared memory: the first `bytes` of them, zeros behind.
__device__ inline void cp_async_16(void* to, const void* from, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from), "r"(bytes)
               : "memory");
}
/// What the thread has begun to copy is there; a barrier tells the others.
__device__ inline void cp_async_wait_all() { asm volatile("cp.async.wait_all;" ::: "memory"); }

}  // namespace candist::ptx

#elif !defined(CANDIST_HOST_TENSOR_CORE)
#error "candist: the host executor needs support/host_tensor_core.hpp here, included behind it"
#endif

namespace candist {

namespace detail {

/// A first factor, 16 x 16: pairs of rows l / 4 and l / 4 + 8 of the left half, then of the right one.
struct FragmentA {
  unsigned pairs[4];
};
/// A product, 16 x 16: columns 2 (l % 4) and one more of rows l / 4 and l / 4 + 8, of each half.
struct FragmentC {
  float halves[2][4];

  static constexpr int rows = 2;     ///< a lane
  static constexpr int columns = 4;  ///< a lane
  static __device__ int lane() { return static_cast<int>(threadIdx.x) % warp_size; }
  static __device__ int row(int r) { return lane() / 4 + 8 * r; }
  static __device__ int column(int c) { return 8 * (c / 2) + 2 * (lane() % 4) + c % 2; }
  __device__ float& at(int r, int c) { return halves[c / 2][2 * r + c % 2]; }
  __device__ float at(int r, int c) const { return halves[c / 2][2 * r + c % 2]; }

  /// As a first factor, rounded to bf16: its lanes hold the very cells.
  __device__ FragmentA rounded() const {
    FragmentA a;
    CANDIST_UNROLL
    for (int half = 0; half < 2; ++half) {
      a.pairs[2 * half] = ptx::cvt_bf16x2(halves[half][0], halves[half][1]);
      a.pairs[2 * half + 1] = ptx::cvt_bf16x2(halves[half][2], halves[half][3]);
    }
    return a;
  }
};

/// Matrices of bf16 in shared memory, rows of `Pitch` vectors of eight, as factors of products. Pitch is
/// odd: eight rows begin in different banks.
template <int Pitch>
struct SharedFactor {
  static_assert(Pitch % 2 == 1);

  /// The first factor of rows [row, row + 16) and vectors [vector, vector + 2).
  template <class Tile>
  static __device__ FragmentA first(Tile& tile, int row, int vector) {
    FragmentA a;
    ptx::ldmatrix_x4(a.pairs, &tile[square_by_columns(row, vector)]);
    return a;
  }
  /// c += a b^T, b those rows and vectors.
  template <class Tile>
  static __device__ void add_product_transposed(FragmentC& c, const FragmentA& a, Tile& tile,
                                                int row, int vector) {
    unsigned b[4];
    ptx::ldmatrix_x4(b, &tile[square_by_rows(row, vector)]);
    ptx::mma_m16n8k16(c.halves[0], a.pairs, b[0], b[1]);
    ptx::mma_m16n8k16(c.halves[1], a.pairs, b[2], b[3]);
  }
  /// c += a b.
  template <class Tile>
  static __device__ void add_product(FragmentC& c, const FragmentA& a, Tile& tile, int row,
                                     int vector) {
    unsigned b[4];
    ptx::ldmatrix_x4_trans(b, &tile[square_by_columns(row, vector)]);
    ptx::mma_m16n8k16(c.halves[0], a.pairs, b[0], b[1]);
    ptx::mma_m16n8k16(c.halves[1], a.pairs, b[2], b[3]);
  }

 private:
  /// Where the lane's row of the four quarters of a square lies, the lower left one second or third.
  static __device__ int square_by_columns(int row, int vector) {
    const int lane = FragmentC::lane();
    return (row + lane % 16) * Pitch + vector + lane / 16;
  }
  static __device__ int square_by_rows(int row, int vector) {
    const int lane = FragmentC::lane();
    return (row + lane % 8 + lane / 16 * 8) * Pitch + vector + lane / 8 % 2;
  }
};

}  // namespace detail

}  // namespace candist
