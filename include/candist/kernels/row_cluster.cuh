// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// row_cluster: the group of a row (row_group.cuh) that does not fit one block: the blocks of a thread-block
// cluster, each with a stretch of the row in its own registers. Only what reductions leave crosses over,
// through the blocks' shared memory: 16 parts, which every block writes into those of all others.
//   launch  1 to 16 blocks a cluster, from compute capability 9.0 on; more than 8 where the device has room
//           for them. Older devices, and programs built for them, know one block a row only
//   never   adds in an order that depends on which block comes first
#pragma once

#include <algorithm>
#include <cstring>

#include "candist/cuda/launch.cuh"
#include "candist/kernels/row_group.cuh"

namespace candist {

/// As many blocks of `Threads` threads a row as the launch says.
template <int Threads>
struct RowCluster {
  using Block = RowGroup<Threads>;
  static_assert(Block::is_block);
  static constexpr int most_blocks = 16;

  /// Of the thread, in its block.
  static __device__ int rank() { return Block::rank(); }
  static __device__ bool leads();
  static __device__ long long row();
  /// The labels that the thread's block works on: the same number in each, a whole number of vectors.
  static __device__ RowStretch stretch(int classes, int multiple_of);

  /// Before the first reduction and after the last one, by all threads: nobody writes into a block that
  /// has not begun, none ends before all have read.
  static __device__ void enter();
  static __device__ void leave();

  /// As RowGroup::all and sum, over all blocks of the row: one more round, of the blocks' parts, and one
  /// barrier of the cluster to wait for. (Another one passed while the cells were worked on.)
  template <class T, class Merge>
  static __device__ T all(T mine, Merge merge);
  static __device__ float sum(float mine) {
    return all(mine, [](float a, float b) { return a + b; });
  }
};

// ---- definitions

namespace detail {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
// A block is alone, so none of the rest is reached.
__device__ inline int cluster_size() { return 1; }
__device__ inline int block_in_cluster() { return 0; }
__device__ inline void arrive_at_cluster() {}
__device__ inline void wait_for_cluster() {}
template <class T>
__device__ T* in_block(T* shared, int) {
  return shared;
}
#else
__device__ inline int cluster_size() { return static_cast<int>(__clusterSizeInBlocks()); }
__device__ inline int block_in_cluster() { return static_cast<int>(__clusterRelativeBlockRank()); }
/// What was read and written before is done before any thread of the cluster has waited.
__device__ inline void arrive_at_cluster() { __cluster_barrier_arrive(); }
__device__ inline void wait_for_cluster() { __cluster_barrier_wait(); }
/// The same place of a shared array, in another block of the cluster.
template <class T>
__device__ T* in_block(T* shared, int block) {
  return static_cast<T*>(__cluster_map_shared_rank(shared, static_cast<unsigned>(block)));
}
#endif

#if defined(__CUDACC__)
/// A launch in clusters; `attribute` has to outlive it.
inline cudaLaunchConfig_t cluster_config(LaunchShape shape, int blocks, cudaStream_t stream,
                                         cudaLaunchAttribute& attribute) {
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {static_cast<unsigned>(blocks), 1, 1};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(shape.blocks);
  config.blockDim = dim3(shape.threads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return config;
}

/// More blocks a cluster than every device has to have room for.
template <class... Parameters>
void allow_cluster(void (*kernel)(Parameters...), int blocks) {
  if (blocks > 8)
    CANDIST_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
}

/// Blocks that a cluster can have on the current device: `wanted`, a power of two up to 16, or the next
/// smaller one that it has room for; 1 where the device, or the code that it runs, knows no clusters.
template <class... Parameters>
int blocks_of_cluster(void (*kernel)(Parameters...), unsigned threads, int wanted) {
  cudaFuncAttributes code = {};
  CANDIST_CUDA(cudaFuncGetAttributes(&code, kernel));
  if (std::min(code.ptxVersion, code.binaryVersion) < 90) return 1;
  allow_cluster(kernel, wanted);
  for (; wanted > 1; wanted /= 2) {
    cudaLaunchAttribute attribute = {};
    const cudaLaunchConfig_t config =
        cluster_config({static_cast<unsigned>(wanted), threads}, wanted, nullptr, attribute);
    int clusters = 0;
    if (succeeded(cudaOccupancyMaxActiveClusters(&clusters, kernel, &config)) && clusters > 0)
      break;
  }
  return wanted;
}

/// As launch(), in clusters of so many blocks.
template <class... Parameters, class... Arguments>
void launch_clusters(void (*kernel)(Parameters...), LaunchShape shape, int blocks,
                     cudaStream_t stream, const Arguments&... arguments) {
  if (shape.blocks == 0) return;
  allow_cluster(kernel, blocks);
  cudaLaunchAttribute attribute = {};
  const cudaLaunchConfig_t config = cluster_config(shape, blocks, stream, attribute);
  CANDIST_CUDA(cudaLaunchKernelEx(&config, kernel, arguments...));
}
#endif

}  // namespace detail

template <int Threads>
__device__ bool RowCluster<Threads>::leads() {
  return rank() == 0 && detail::block_in_cluster() == 0;
}

template <int Threads>
__device__ long long RowCluster<Threads>::row() {
  return blockIdx.x / static_cast<unsigned>(detail::cluster_size());
}

template <int Threads>
__device__ RowStretch RowCluster<Threads>::stretch(int classes, int multiple_of) {
  const int blocks = detail::cluster_size();
  if (blocks == 1) return {0, classes};
  const int share = (classes + blocks * multiple_of - 1) / (blocks * multiple_of) * multiple_of;
  const int first = detail::block_in_cluster() * share;
  return {first, first + share < classes ? first + share : classes};
}

template <int Threads>
__device__ void RowCluster<Threads>::enter() {
  if (detail::cluster_size() > 1) detail::arrive_at_cluster();
}
template <int Threads>
__device__ void RowCluster<Threads>::leave() {
  if (detail::cluster_size() > 1) detail::wait_for_cluster();
}

template <int Threads>
template <class T, class Merge>
__device__ T RowCluster<Threads>::all(T mine, Merge merge) {
  mine = Block::all(mine, merge);
  const int blocks = detail::cluster_size();
  if (blocks == 1) return mine;
  constexpr int words = sizeof(T) / 4;
  CANDIST_SHARED(unsigned, parts, most_blocks* words);  // written by the other blocks
  detail::wait_for_cluster();  // all have begun, and have read the parts of the last reduction
  if (rank() < blocks) {
    unsigned own[words];
    std::memcpy(own, &mine, sizeof mine);
    const int place = detail::block_in_cluster() * words;
    for (int w = 0; w < words; ++w) *detail::in_block(&parts[place + w], rank()) = own[w];
  }
  detail::arrive_at_cluster();
  detail::wait_for_cluster();  // all parts are there
  const int lane = rank() % warp_size;
  mine = detail::taken_words<T>(parts, lane % blocks * words);
  for (int step = blocks / 2; step > 0; step /= 2)
    mine = merge(mine, detail::shuffle_xor(all_lanes, mine, step));
  detail::arrive_at_cluster();  // the parts have been read
  return mine;
}

}  // namespace candist
