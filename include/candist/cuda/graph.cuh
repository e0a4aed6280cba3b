// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Many launches as one: a step of training is recorded once and then replayed with one call.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "candist/cuda/error.cuh"
#include "candist/cuda/unique_handle.cuh"
#include "candist/error.hpp"

namespace candist {

namespace detail {
inline void destroy_graph(cudaGraph_t graph) { succeeded(cudaGraphDestroy(graph)); }
inline void destroy_graph_exec(cudaGraphExec_t exec) { succeeded(cudaGraphExecDestroy(exec)); }
class StreamCapture;
}  // namespace detail

/// Work of a stream, recorded. It keeps the pointers, sizes and numbers that the launches were
/// given: buffers have to outlive it, and what changes from one replay to the next has to be read
/// from them. Move-only; may not be used after it was moved from.
class Graph {
 public:
  /// Records what work() gives to `stream`, without running it. work() may neither allocate nor
  /// wait nor use the default stream; allocations of other threads do not disturb it. Run it once
  /// before, so that its kernels are loaded and its libraries ready. Throws CudaError, RunError
  /// where nothing was recorded, and what work() throws; the stream is as before then.
  template <class Work>
  static Graph captured(cudaStream_t stream, Work&& work);

  /// Gives the recorded work to `stream`, in one call. Replays of one graph never overlap. Throws
  /// CudaError.
  void replay(cudaStream_t stream) const { CANDIST_CUDA(cudaGraphLaunch(exec_.get(), stream)); }

  /// Launches, copies and fills in it.
  std::size_t nodes() const { return nodes_; }

 private:
  Graph(cudaGraph_t graph, cudaStream_t stream);

  UniqueHandle<cudaGraphExec_t, detail::destroy_graph_exec> exec_;
  std::size_t nodes_ = 0;
};

namespace detail {
/// The time in which a stream records; ends with end() or, where an exception leaves it, by itself.
class StreamCapture {
 public:
  explicit StreamCapture(cudaStream_t stream) : stream_(stream) {
    CANDIST_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~StreamCapture() {
    cudaGraph_t graph = nullptr;
    if (!recording_) return;
    succeeded(cudaStreamEndCapture(stream_, &graph));
    if (graph != nullptr) destroy_graph(graph);
  }
  StreamCapture(const StreamCapture&) = delete;
  StreamCapture& operator=(const StreamCapture&) = delete;

  cudaGraph_t end() {
    cudaGraph_t graph = nullptr;
    recording_ = false;
    CANDIST_CUDA(cudaStreamEndCapture(stream_, &graph));
    return graph;
  }

 private:
  cudaStream_t stream_;
  bool recording_ = true;
};
}  // namespace detail

template <class Work>
Graph Graph::captured(cudaStream_t stream, Work&& work) {
  detail::StreamCapture capture(stream);
  std::forward<Work>(work)();
  const UniqueHandle<cudaGraph_t, detail::destroy_graph> graph(capture.end());
  return Graph(graph.get(), stream);
}

inline Graph::Graph(cudaGraph_t graph, cudaStream_t stream) {
  CANDIST_CUDA(cudaGraphGetNodes(graph, nullptr, &nodes_));
  if (nodes_ == 0) {
    throw RunError("nothing was recorded: the work has to be given to the stream that is captured");
  }
  cudaGraphExec_t exec = nullptr;
  CANDIST_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  exec_ = UniqueHandle<cudaGraphExec_t, detail::destroy_graph_exec>(exec);
  CANDIST_CUDA(cudaGraphUpload(exec, stream));  // so that the first replay is as fast as the others
}

}  // namespace candist
