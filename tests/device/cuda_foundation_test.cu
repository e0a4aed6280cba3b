// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// What everything on the device stands on: memory, streams, graphs, cuBLAS, and the errors of each.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/cuda/cublas_handle.cuh"
#include "candist/cuda/cublas_lt_handle.cuh"
#include "candist/cuda/device.cuh"
#include "candist/cuda/device_buffer.cuh"
#include "candist/cuda/error.cuh"
#include "candist/cuda/graph.cuh"
#include "candist/cuda/stream.cuh"
#include "support/device_main.cuh"

namespace {

using candist::CublasHandle;
using candist::CublasLtHandle;
using candist::DeviceBuffer;
using candist::Event;
using candist::EventUse;
using candist::FloatProducts;
using candist::Graph;
using candist::PinnedBuffer;
using candist::Stream;

static_assert(!std::is_copy_constructible_v<DeviceBuffer<float>>);
static_assert(!std::is_copy_constructible_v<PinnedBuffer<float>>);
static_assert(!std::is_copy_constructible_v<Stream> && !std::is_copy_constructible_v<Event>);
static_assert(!std::is_copy_constructible_v<Graph>);
static_assert(std::is_nothrow_move_constructible_v<DeviceBuffer<float>>);
static_assert(std::is_nothrow_move_assignable_v<CublasHandle>);

constexpr int threads = 128;
constexpr std::size_t elements = 1025;  // more than one block, and a last one that is not full

/// Not commutative with itself at another factor: the order of two launches shows.
__global__ void scale_and_add_kernel(float* values, std::size_t n, float factor) {
  const std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) values[i] = factor * values[i] + 1.0f;
}

void scale_and_add(DeviceBuffer<float>& values, float factor, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned int>((values.size() + threads - 1) / threads);
  scale_and_add_kernel<<<blocks, threads, 0, stream>>>(values.data(), values.size(), factor);
  CANDIST_CUDA(cudaGetLastError());
}

/// About a millisecond on any device.
__global__ void wait_kernel() {
  for (int i = 0; i < 1000; ++i) __nanosleep(1000);
}

/// Small whole numbers: their products and sums are exact in float, and in TF32 too.
std::vector<float> whole_numbers(std::size_t n, std::uint32_t seed) {
  std::vector<float> values(n);
  for (float& value : values) {
    seed = seed * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int>(seed >> 28) - 8);
  }
  return values;
}

std::vector<float> on_host(const DeviceBuffer<float>& buffer, const Stream& stream) {
  std::vector<float> values(buffer.size());
  buffer.copy_to_host(values, stream);
  stream.synchronize();
  return values;
}

/// The text of what `work` throws; empty where it throws nothing. Another kind ends the test.
template <class Error, class Work>
std::string thrown(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// A failed call leaves nothing that a later check would report.
bool no_error_is_left() { return cudaPeekAtLastError() == cudaSuccess; }

/// C = A B, all row-major: A [rows, inner], B [inner, columns].
std::vector<float> host_product(const std::vector<float>& a, const std::vector<float>& b, int rows,
                                int inner, int columns) {
  std::vector<float> c(static_cast<std::size_t>(rows * columns));
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      double sum = 0;
      for (int k = 0; k < inner; ++k) {
        sum += static_cast<double>(a[static_cast<std::size_t>(i * inner + k)]) *
               b[static_cast<std::size_t>(k * columns + j)];
      }
      c[static_cast<std::size_t>(i * columns + j)] = static_cast<float>(sum);
    }
  }
  return c;
}

}  // namespace

DEVICE_TEST(check_device_accepts_this_device_and_knows_it) {
  const candist::DeviceFacts facts = candist::check_device();
  DEVICE_CHECK(!facts.name.empty());
  DEVICE_CHECK(facts.compute_major >= 7);  // the oldest that a toolkit of version 13 compiles for
  DEVICE_CHECK(facts.multiprocessors > 0);
  DEVICE_CHECK(facts.memory_bytes > (std::size_t{1} << 30));
  DEVICE_CHECK(facts.l2_bytes > 0);
  DEVICE_CHECK(facts.shared_bytes_per_block >= 48 * 1024);
}

DEVICE_TEST(device_buffer_returns_what_was_copied) {
  const Stream stream;
  const std::vector<float> host = whole_numbers(elements, 1);
  DeviceBuffer<float> buffer(elements);
  DEVICE_CHECK(buffer.size() == elements);
  DEVICE_CHECK(buffer.bytes() == elements * sizeof(float));
  buffer.copy_from_host(host, stream);
  DEVICE_CHECK(on_host(buffer, stream) == host);
}

DEVICE_TEST(device_buffer_copies_a_part_and_leaves_the_rest) {
  const Stream stream;
  const std::vector<int> part = {7, 8, 9};
  std::vector<int> all(elements);
  std::vector<int> two(2);
  DeviceBuffer<int> buffer(elements);
  buffer.zero(stream);
  buffer.copy_part_from_host(elements - 3, part, stream);
  buffer.copy_to_host(all, stream);
  buffer.copy_part_to_host(elements - 4, two, stream);
  stream.synchronize();
  for (std::size_t i = 0; i < elements - 3; ++i) DEVICE_CHECK(all[i] == 0);
  DEVICE_CHECK(all[elements - 3] == 7 && all[elements - 1] == 9);
  DEVICE_CHECK(two[0] == 0 && two[1] == 7);
}

DEVICE_TEST(device_buffer_fills_bytes_up_to_its_end) {
  const Stream stream;
  DeviceBuffer<std::uint32_t> buffer(elements);
  std::vector<std::uint32_t> host(elements);
  buffer.fill_bytes(0xA5, stream);
  buffer.copy_to_host(host, stream);
  stream.synchronize();
  for (const std::uint32_t value : host) DEVICE_CHECK(value == 0xA5A5A5A5u);
  buffer.zero(stream);
  buffer.copy_to_host(host, stream);
  stream.synchronize();
  for (const std::uint32_t value : host) DEVICE_CHECK(value == 0);
}

DEVICE_TEST(device_buffer_moves_and_what_was_moved_from_is_empty) {
  const Stream stream;
  const std::vector<float> host = whole_numbers(elements, 2);
  DeviceBuffer<float> first(elements);
  first.copy_from_host(host, stream);
  const float* data = first.data();
  DeviceBuffer<float> second(std::move(first));
  DEVICE_CHECK(first.size() == 0 && first.data() == nullptr);
  DEVICE_CHECK(second.data() == data);
  DeviceBuffer<float> third(3);
  third = std::move(second);
  DEVICE_CHECK(second.size() == 0 && third.data() == data);
  DeviceBuffer<float>& itself = third;
  third = std::move(itself);
  DEVICE_CHECK(third.size() == elements);
  DEVICE_CHECK(on_host(third, stream) == host);
}

DEVICE_TEST(empty_buffers_copy_nothing) {
  const Stream stream;
  DeviceBuffer<float> buffer(0);
  std::vector<float> none;
  buffer.copy_from_host(none, stream);
  buffer.copy_to_host(none, stream);
  buffer.zero(stream);
  DEVICE_CHECK(buffer.data() == nullptr && PinnedBuffer<int>(0).size() == 0);
}

DEVICE_TEST(copies_that_do_not_fit_are_shape_errors) {
  using candist::ShapeError;
  const Stream stream;
  DeviceBuffer<float> buffer(4);
  std::vector<float> host(5);
  const std::string all = thrown<ShapeError>([&] { buffer.copy_from_host(host, stream); });
  DEVICE_CHECK(has(all, "5 and 4 must be equal"));
  DEVICE_CHECK(has(thrown<ShapeError>([&] { buffer.copy_to_host(host, stream); }), "5 and 4"));
  host.resize(2);
  const std::string part = thrown<ShapeError>([&] { buffer.copy_part_from_host(3, host, stream); });
  DEVICE_CHECK(has(part, "2 elements from element 3 on does not fit a buffer of 4"));
  constexpr std::size_t far = std::numeric_limits<std::size_t>::max();  // far + 2 wraps to 1
  DEVICE_CHECK(!thrown<ShapeError>([&] { buffer.copy_part_to_host(far, host, stream); }).empty());
  buffer.copy_part_from_host(2, host, stream);  // the last place that fits
}

DEVICE_TEST(an_impossible_allocation_says_how_much_was_wanted_and_free) {
  const std::string text =
      thrown<candist::CudaError>([] { DeviceBuffer<float> buffer(std::size_t{1} << 48); });
  DEVICE_CHECK(has(text, "cannot allocate 1.00 PiB of device memory"));
  DEVICE_CHECK(has(text, "cudaErrorMemoryAllocation (out of memory)"));
  DEVICE_CHECK(has(text, "GiB are free on the device"));
  DEVICE_CHECK(has(text, "smaller batch"));
  DEVICE_CHECK(has(text, "cuda_foundation_test.cu:"));
  DEVICE_CHECK(!has(text, "\n"));
  DEVICE_CHECK(no_error_is_left());
  try {  // more bytes than can be counted must not wrap around to a small number
    DeviceBuffer<double> buffer(std::numeric_limits<std::size_t>::max() / 8 + 2);
    DEVICE_CHECK(buffer.size() == 0);  // not reached
  } catch (const candist::CudaError& error) {
    DEVICE_CHECK(error.code == cudaErrorMemoryAllocation);
  }
  DEVICE_CHECK(no_error_is_left());
  const Stream stream;
  DeviceBuffer<float> small(elements);  // the device is as good as before
  small.zero(stream);
  DEVICE_CHECK(on_host(small, stream) == std::vector<float>(elements));
}

DEVICE_TEST(a_failed_call_names_itself_and_is_forgotten) {
  const std::string text =
      thrown<candist::RunError>([] { CANDIST_CUDA(cudaSetDevice(1'000'000)); });
  DEVICE_CHECK(has(text, "cudaSetDevice(1'000'000): cudaErrorInvalidDevice"));
  DEVICE_CHECK(has(text, "nvidia-smi"));
  DEVICE_CHECK(has(text, "cuda_foundation_test.cu:"));
  DEVICE_CHECK(no_error_is_left());
  CANDIST_CUDA(cudaGetLastError());
}

DEVICE_TEST(a_launch_that_is_too_large_is_found_and_forgotten) {
  const std::string text = thrown<candist::CudaError>([] {
    scale_and_add_kernel<<<1, 4096>>>(nullptr, 0, 1.0f);
    CANDIST_CUDA(cudaGetLastError());
  });
  DEVICE_CHECK(has(text, "cudaErrorInvalid"));  // ...Configuration or ...Value, as the driver likes
  DEVICE_CHECK(no_error_is_left());
}

DEVICE_TEST(pinned_buffer_stages_copies_both_ways) {
  const Stream stream;
  const std::vector<float> values = whole_numbers(elements, 3);
  PinnedBuffer<float> up(elements);
  PinnedBuffer<float> down(elements);
  DeviceBuffer<float> buffer(elements);
  for (std::size_t i = 0; i < elements; ++i) up[i] = values[i];
  buffer.copy_from_host(up, stream);
  buffer.copy_to_host(down, stream);
  stream.synchronize();
  DEVICE_CHECK(std::vector<float>(down.begin(), down.end()) == values);
  cudaPointerAttributes attributes = {};
  DEVICE_CALL(cudaPointerGetAttributes(&attributes, up.data()));
  DEVICE_CHECK(attributes.type == cudaMemoryTypeHost);
  const float* data = up.data();
  PinnedBuffer<float> moved(std::move(up));
  DEVICE_CHECK(up.size() == 0 && up.data() == nullptr && moved.data() == data);
}

DEVICE_TEST(a_pinned_allocation_too_large_is_an_error_of_the_host) {
  const std::string text =
      thrown<candist::CudaError>([] { PinnedBuffer<float> buffer(std::size_t{1} << 48); });
  DEVICE_CHECK(has(text, "cannot allocate 1.00 PiB of pinned host memory"));
  DEVICE_CHECK(no_error_is_left());
}

DEVICE_TEST(events_measure_what_lies_between_them) {
  const Stream stream;
  Event start(EventUse::timing);
  Event stop(EventUse::timing);
  start.record(stream);
  wait_kernel<<<1, 1, 0, stream>>>();
  stop.record(stream);
  const float milliseconds = candist::milliseconds_between(start, stop);
  // __nanosleep waits between nothing and twice what it is told: only the order is certain.
  DEVICE_CHECK(milliseconds > 0.0f && milliseconds < 1000.0f);
}

DEVICE_TEST(an_event_without_timing_measures_nothing) {
  const Stream stream;
  Event start;
  Event stop;
  start.record(stream);
  stop.record(stream);
  const auto measure = [&] { candist::milliseconds_between(start, stop); };
  DEVICE_CHECK(!thrown<candist::CudaError>(measure).empty());
  DEVICE_CHECK(no_error_is_left());
}

DEVICE_TEST(an_event_holds_another_stream_back) {
  const Stream producer;
  const Stream consumer;
  Event ready;
  DeviceBuffer<float> buffer(elements);
  buffer.zero(producer);
  for (int i = 0; i < 8; ++i) wait_kernel<<<1, 1, 0, producer>>>();
  scale_and_add(buffer, 2.0f, producer);
  ready.record(producer);
  ready.hold_back(consumer);
  DEVICE_CHECK(on_host(buffer, consumer) == std::vector<float>(elements, 1.0f));
}

DEVICE_TEST(streams_and_events_move) {
  Stream first;
  const cudaStream_t handle = first.get();
  Stream second(std::move(first));
  DEVICE_CHECK(first.get() == nullptr && second.get() == handle);
  second = Stream();
  DEVICE_CHECK(second.get() != nullptr);
  Event event;
  const cudaEvent_t point = event.get();
  Event moved(std::move(event));
  moved.record(second);
  moved.synchronize();
  DEVICE_CHECK(event.get() == nullptr && moved.get() == point);
}

DEVICE_TEST(a_replayed_graph_gives_what_the_launches_give) {
  const Stream stream;
  const std::vector<float> start = whole_numbers(elements, 4);
  DeviceBuffer<float> eager(elements);
  DeviceBuffer<float> replayed(elements);
  const auto step = [&](DeviceBuffer<float>& values) {
    scale_and_add(values, 0.5f, stream);
    scale_and_add(values, -3.0f, stream);
  };
  eager.copy_from_host(start, stream);
  replayed.copy_from_host(start, stream);
  Graph recorded = Graph::captured(stream, [&] { step(replayed); });
  const Graph graph(std::move(recorded));
  DEVICE_CHECK(graph.nodes() == 2);
  DEVICE_CHECK(on_host(replayed, stream) == start);  // recording runs nothing
  for (int i = 0; i < 3; ++i) {
    step(eager);
    graph.replay(stream);
  }
  DEVICE_CHECK(on_host(replayed, stream) == on_host(eager, stream));
  DEVICE_CHECK(on_host(replayed, stream) != start);
}

DEVICE_TEST(an_exception_ends_the_recording_and_comes_through) {
  const Stream stream;
  DeviceBuffer<float> buffer(elements);
  buffer.zero(stream);
  const std::string text = thrown<std::logic_error>([&] {
    Graph::captured(stream, [&] {
      scale_and_add(buffer, 1.0f, stream);
      throw std::logic_error("from inside");
    });
  });
  DEVICE_CHECK(text == "from inside");
  DEVICE_CHECK(no_error_is_left());
  scale_and_add(buffer, 1.0f, stream);  // runs, and only this one
  DEVICE_CHECK(on_host(buffer, stream) == std::vector<float>(elements, 1.0f));
}

DEVICE_TEST(waiting_inside_a_recording_is_an_error_and_the_stream_goes_on) {
  const Stream stream;
  DeviceBuffer<float> buffer(elements);
  buffer.zero(stream);
  const std::string text = thrown<candist::CudaError>([&] {
    Graph::captured(stream, [&] {
      scale_and_add(buffer, 1.0f, stream);
      stream.synchronize();
    });
  });
  DEVICE_CHECK(has(text, "cudaErrorStreamCapture"));
  DEVICE_CHECK(has(text, "before the capture"));
  DEVICE_CHECK(no_error_is_left());
  scale_and_add(buffer, 1.0f, stream);
  DEVICE_CHECK(on_host(buffer, stream) == std::vector<float>(elements, 1.0f));
}

DEVICE_TEST(a_recording_without_work_is_an_error) {
  const Stream stream;
  const Stream other;
  DeviceBuffer<float> buffer(elements);
  buffer.zero(other);
  const std::string text = thrown<candist::RunError>(
      [&] { Graph::captured(stream, [&] { scale_and_add(buffer, 1.0f, other); }); });
  DEVICE_CHECK(has(text, "nothing was recorded"));
  const auto on_default = [&] { Graph::captured(nullptr, [&] { buffer.zero(nullptr); }); };
  DEVICE_CHECK(has(thrown<candist::CudaError>(on_default), "use a candist::Stream"));
  DEVICE_CHECK(no_error_is_left());
  other.synchronize();
}

DEVICE_TEST(cublas_products_equal_the_host_loop) {
  constexpr int rows = 33;  // sizes that no tile divides
  constexpr int inner = 65;
  constexpr int columns = 17;
  const Stream stream;
  const std::vector<float> a = whole_numbers(rows * inner, 5);
  const std::vector<float> b = whole_numbers(inner * columns, 6);
  const std::vector<float> expected = host_product(a, b, rows, inner, columns);
  DeviceBuffer<float> device_a(a.size());
  DeviceBuffer<float> device_b(b.size());
  DeviceBuffer<float> device_c(expected.size());
  device_a.copy_from_host(a, stream);
  device_b.copy_from_host(b, stream);
  const float one = 1.0f;
  const float zero = 0.0f;
  for (const FloatProducts products : {FloatProducts::full, FloatProducts::tf32}) {
    CublasHandle made(stream, products);
    const CublasHandle cublas(std::move(made));
    DEVICE_CHECK(cublas.stream() == stream.get());
    const auto multiply = [&] {  // row-major C = A B is column-major C' = B' A'
      CANDIST_CUBLAS(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, columns, rows, inner, &one,
                                 device_b.data(), columns, device_a.data(), inner, &zero,
                                 device_c.data(), columns));
    };
    device_c.fill_bytes(0xFF, stream);
    multiply();
    DEVICE_CHECK(on_host(device_c, stream) == expected);
    const Graph graph = Graph::captured(stream, multiply);
    device_c.fill_bytes(0xFF, stream);
    graph.replay(stream);
    DEVICE_CHECK(on_host(device_c, stream) == expected);
  }
}

DEVICE_TEST(full_float_products_keep_bits_that_tf32_drops) {
  constexpr int size = 256;  // large enough for tensor cores to be worth it
  constexpr std::size_t cells = std::size_t{size} * size;
  const Stream stream;
  // (1 + 2^-14) * 1, a sum of one term: exact in float, and 1 in TF32, which ends at 2^-10.
  std::vector<float> a(cells);
  std::vector<float> b(cells);
  for (std::size_t i = 0; i < size; ++i) a[i * size + i] = 1.0f + 0x1p-14f;
  for (std::size_t i = 0; i < cells; ++i) b[i] = 1.0f;
  DeviceBuffer<float> device_a(cells);
  DeviceBuffer<float> device_b(cells);
  DeviceBuffer<float> device_c(cells);
  device_a.copy_from_host(a, stream);
  device_b.copy_from_host(b, stream);
  const float one = 1.0f;
  const float zero = 0.0f;
  const CublasHandle cublas(stream);
  CANDIST_CUBLAS(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, size, size, size, &one,
                             device_a.data(), size, device_b.data(), size, &zero, device_c.data(),
                             size));
  DEVICE_CHECK(on_host(device_c, stream) == std::vector<float>(cells, 1.0f + 0x1p-14f));
}

DEVICE_TEST(a_wrong_leading_dimension_is_a_cublas_error) {
  const Stream stream;
  const CublasHandle cublas(stream);
  DeviceBuffer<float> matrix(16);
  const float one = 1.0f;
  const std::string text = thrown<candist::CublasError>([&] {
    CANDIST_CUBLAS(cublasSgemm(cublas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, matrix.data(), 1,
                               matrix.data(), 4, &one, matrix.data(), 4));
  });
  DEVICE_CHECK(has(text, "CUBLAS_STATUS_INVALID_VALUE"));
  DEVICE_CHECK(has(text, "leading dimension"));
  DEVICE_CHECK(has(text, "cuda_foundation_test.cu:"));
}

DEVICE_TEST(cublas_lt_products_equal_the_host_loop) {
  constexpr int rows = 32;  // 16 bytes of alignment everywhere, as cuBLASLt likes it
  constexpr int inner = 64;
  constexpr int columns = 16;
  const Stream stream;
  const std::vector<float> a = whole_numbers(rows * inner, 7);
  const std::vector<float> b = whole_numbers(inner * columns, 8);
  const std::vector<float> expected = host_product(a, b, rows, inner, columns);
  DeviceBuffer<float> device_a(a.size());
  DeviceBuffer<float> device_b(b.size());
  DeviceBuffer<float> device_c(expected.size());
  device_a.copy_from_host(a, stream);
  device_b.copy_from_host(b, stream);
  device_c.fill_bytes(0xFF, stream);
  CublasLtHandle lt(stream);
  DEVICE_CHECK(lt.compute_type() == CUBLAS_COMPUTE_32F);
  DEVICE_CHECK(lt.workspace_bytes() == candist::cublas_workspace_bytes);
  cublasLtMatmulDesc_t product = nullptr;
  cublasLtMatrixLayout_t layouts[3] = {};  // column-major B', A', C'
  const std::uint64_t sizes[3][2] = {{columns, inner}, {inner, rows}, {columns, rows}};
  CANDIST_CUBLAS(cublasLtMatmulDescCreate(&product, lt.compute_type(), CUDA_R_32F));
  for (int i = 0; i < 3; ++i) {
    CANDIST_CUBLAS(cublasLtMatrixLayoutCreate(&layouts[i], CUDA_R_32F, sizes[i][0], sizes[i][1],
                                              static_cast<std::int64_t>(sizes[i][0])));
  }
  cublasLtMatmulPreference_t preference = nullptr;
  const std::size_t room = lt.workspace_bytes();
  CANDIST_CUBLAS(cublasLtMatmulPreferenceCreate(&preference));
  CANDIST_CUBLAS(cublasLtMatmulPreferenceSetAttribute(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &room, sizeof room));
  cublasLtMatmulHeuristicResult_t chosen = {};
  int found = 0;
  CANDIST_CUBLAS(cublasLtMatmulAlgoGetHeuristic(lt, product, layouts[0], layouts[1], layouts[2],
                                                layouts[2], preference, 1, &chosen, &found));
  DEVICE_CHECK(found == 1);
  const float one = 1.0f;
  const float zero = 0.0f;
  CANDIST_CUBLAS(cublasLtMatmul(lt, product, &one, device_b.data(), layouts[0], device_a.data(),
                                layouts[1], &zero, device_c.data(), layouts[2], device_c.data(),
                                layouts[2], &chosen.algo, lt.workspace(), lt.workspace_bytes(),
                                lt.stream()));
  DEVICE_CHECK(on_host(device_c, stream) == expected);
  cublasLtMatmulPreferenceDestroy(preference);
  for (const cublasLtMatrixLayout_t layout : layouts) cublasLtMatrixLayoutDestroy(layout);
  cublasLtMatmulDescDestroy(product);
}
