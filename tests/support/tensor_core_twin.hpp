// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The instructions of tensor_core.cuh beside plain loops over whole numbers, which have to be hit to the bit:
// by the emulation and by a GPU alike. A Runner (row_twin.hpp) says where arrays lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "candist/cuda/launch.cuh"
#include "candist/kernels/attention_fragments.cuh"

namespace candist::testing {

/// c [16, 8] = a [16, 16] times b, whose columns lie one after another [8, 16]; registers are filled as the
/// PTX ISA has it: group and place of a lane are its number over and modulo 4.
template <class Storage>
__global__ void fragment_product_kernel(const Storage* a, const Storage* b, float* c) {
  const int lane = static_cast<int>(threadIdx.x);
  const int group = lane >> 2;
  const int place = lane % 4;
  const auto pair = [](const Storage* from) {
    unsigned word;
    std::memcpy(&word, from, sizeof word);
    return word;
  };
  unsigned left[4], right[2];
  for (int i = 0; i < 4; ++i) left[i] = pair(a + (group + i % 2 * 8) * 16 + place * 2 + i / 2 * 8);
  for (int i = 0; i < 2; ++i) right[i] = pair(b + group * 16 + place * 2 + i * 8);
  float sums[4] = {1.0f, 2.0f, 3.0f, 4.0f};  // to which the product is added
  ptx::mma_m16n8k16(sums, left, right[0], right[1]);
  for (int i = 0; i < 4; ++i) c[(group + i / 2 * 8) * 8 + place * 2 + i % 2] = sums[i];
}

/// Of matrices [16, 32] in shared memory: a b^T [16, 16], and that, rounded, times b [16, 32]; a copied to
/// memory as sums are stored.
template <class Storage>
__global__ void shared_product_kernel(const Storage* a, const Storage* b, Storage* cells,
                                      Storage* weighted) {
  using Tiles = detail::TensorCoreTiles<32, 1>;
  using Vector = typename Tiles::Vector;
  CANDIST_SHARED(Vector, left, Tiles::size);
  CANDIST_SHARED(Vector, right, Tiles::size);
  Tiles::load(left, a, 32, 16);
  Tiles::load(right, b, 32, 16);
  ptx::cp_async_wait_all();
  __syncthreads();  // both are there
  typename Tiles::Own own;
  Tiles::take(left, own);
  const detail::FragmentC product = Tiles::multiply(own, right, 0);
  for (int r = 0; r < detail::FragmentC::rows; ++r) {
    for (int c = 0; c < detail::FragmentC::columns; ++c)
      cells[Tiles::row(r) * 16 + Tiles::column(0, c)] = from_float<Storage>(product.at(r, c));
  }
  typename Tiles::Sums sums = {};
  Tiles::add_weighted(product.rounded(), right, 0, sums);
  Tiles::store(sums, weighted, 32, 16);
}

/// "" or which cell differs.
template <class Storage, class Runner>
std::string compare_products(Runner& runner) {
  const auto differ = [](const std::string& what, const std::vector<float>& ours,
                         const std::vector<float>& expected) {
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (ours[i] != expected[i])
        return what + ", cell " + std::to_string(i) + ": " + std::to_string(ours[i]) + ", not " +
               std::to_string(expected[i]) + "\n";
    }
    return std::string();
  };
  // Numbers that bf16 holds; no two rows or columns are alike, and no sum leaves float's whole numbers.
  std::vector<float> a(256), b(128), expected(128);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i);
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i) - 61.0f;
  for (std::size_t row = 0; row < 16; ++row) {
    for (std::size_t column = 0; column < 8; ++column) {
      float& cell = expected[row * 8 + column];
      cell = static_cast<float>(1 + column % 2 + row / 8 * 2);
      for (std::size_t k = 0; k < 16; ++k) cell += a[row * 16 + k] * b[column * 16 + k];
    }
  }
  float* const c = runner.upload(std::vector<float>(128));
  launch(fragment_product_kernel<Storage>, LaunchShape{1, 32}, cudaStream_t{},
         static_cast<const Storage*>(runner.template logits<Storage>(a).pointer),
         static_cast<const Storage*>(runner.template logits<Storage>(b).pointer), c);
  std::string complaint = differ("mma", runner.floats(c, 128), expected);

  // Rows of a have ones at two places: cells are sums of two of b's.
  std::vector<float> rows(16 * 32), others(16 * 32), cells(16 * 16), weighted(16 * 32);
  for (std::size_t i = 0; i < 16; ++i) {
    rows[i * 32 + i] = 1.0f;
    rows[i * 32 + 31 - i * i % 13] += 1.0f;
    for (std::size_t k = 0; k < 32; ++k)
      others[i * 32 + k] = static_cast<float>((i * 5 + k * k * 3) % 23);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    for (std::size_t j = 0; j < 16; ++j) {
      float& cell = cells[i * 16 + j];
      for (std::size_t k = 0; k < 32; ++k) cell += rows[i * 32 + k] * others[j * 32 + k];
      for (std::size_t k = 0; k < 32; ++k) weighted[i * 32 + k] += cell * others[j * 32 + k];
    }
  }
  for (float& sum : weighted) sum = runner.template logits<Storage>({sum}).values[0];
  Storage* const our_cells = runner.template room<Storage>(cells.size());
  Storage* const our_sums = runner.template room<Storage>(weighted.size());
  launch(shared_product_kernel<Storage>, LaunchShape{1, 32}, cudaStream_t{},
         static_cast<const Storage*>(runner.template logits<Storage>(rows).pointer),
         static_cast<const Storage*>(runner.template logits<Storage>(others).pointer), our_cells,
         our_sums);
  complaint += differ("a b^T", runner.floats(our_cells, cells.size()), cells);
  return complaint + differ("(a b^T) b", runner.floats(our_sums, weighted.size()), weighted);
}

}  // namespace candist::testing
