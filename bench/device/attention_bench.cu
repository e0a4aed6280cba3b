// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Attention over packed texts between arrays of bf16, forward and backward: on tensor cores beside the kernels
// for the CUDA cores, which do the same work. The two have to agree before they are timed: alone, with nothing
// in the L2 cache, and, of short texts, as 50 passes in a graph.
//   bench_attention [--csv FILE]     exit code 77: no GPU (1 with CANDIST_REQUIRE_GPU=1)
//
// N: tokens; C: tokens of the longest text. Bytes of a pass, each input read once, each output written once:
//   forward   N (8 D qkv, context + 4 H log sums)
//   backward  N (16 D qkv, context, gradients of both + 4 H)
// Operations, for the TFLOP/s behind the table: 4 t^2 D of a text of t tokens forward, 10 t^2 D backward, as
// everybody counts them, whatever a kernel computes again.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "candist/counter_rng.hpp"
#include "candist/cuda/graph.cuh"
#include "candist/kernels/attention_backward.cuh"
#include "device/device_report.hpp"
#include "device/transformer_work.hpp"

using namespace candist;
using namespace candist::bench;

namespace {

constexpr int heads = 12;
constexpr int graph_passes = 50;

/// Texts of one length, or of TREC's (0).
struct Work {
  const char* name;
  int texts;
  int length;
};
constexpr Work works[] = {{"TREC B=32", 32, 0},      {"TREC B=256", 256, 0},
                          {"T=16 B=256", 256, 16},   {"T=64 B=256", 256, 64},
                          {"T=128 B=256", 256, 128}, {"T=512 B=64", 64, 512}};

std::vector<int> lengths_of(const Work& work) {
  std::vector<int> lengths, trec;
  for (const auto& [tokens, texts] : trec_lengths)
    trec.insert(trec.end(), static_cast<std::size_t>(texts), tokens);
  CounterRng rng(7, RandomPurpose::resampling, 4);
  for (int n = 0; n < work.texts; ++n) {
    const int drawn = trec[rng.below(static_cast<std::uint32_t>(trec.size()))];
    lengths.push_back(work.length > 0 ? work.length : drawn);
  }
  return lengths;
}

std::vector<__nv_bfloat16> random_numbers(std::size_t count, std::uint64_t seed) {
  std::vector<__nv_bfloat16> values(count);
  CounterRng rng(seed, RandomPurpose::resampling, 5);
  for (__nv_bfloat16& value : values) value = __float2bfloat16(rng.normal());
  return values;
}

class Problem {
 public:
  Problem(const Work& work, int head_width, float dropped, const Stream& stream)
      : head_width_(head_width) {
    std::vector<std::int32_t> offsets{0};
    for (const int length : lengths_of(work)) {
      offsets.push_back(offsets.back() + length);
      batch_.longest = std::max<std::int64_t>(batch_.longest, length);
      squares_ += static_cast<double>(length) * length;
    }
    tokens_ = offsets.back();
    batch_.texts = work.texts;
    batch_.heads = heads;
    batch_.width = heads * head_width;
    batch_.dropout = UnitDropout::of(dropped, 7, 1, 1);
    const auto room = [&](std::int64_t columns) {
      return DeviceBuffer<__nv_bfloat16>(static_cast<std::size_t>(tokens_ * columns));
    };
    offsets_ = DeviceBuffer<std::int32_t>(offsets.size());
    offsets_.copy_from_host(offsets, stream);
    qkv_ = room(3 * batch_.width);
    context_ = room(batch_.width);
    dcontext_ = room(batch_.width);
    dqkv_ = room(3 * batch_.width);
    log_sums_ = DeviceBuffer<float>(static_cast<std::size_t>(tokens_ * heads));
    qkv_.copy_from_host(random_numbers(qkv_.size(), 1), stream);
    dcontext_.copy_from_host(random_numbers(dcontext_.size(), 2), stream);
    stream.synchronize();
    batch_.offsets = offsets_.data();
    batch_.qkv = qkv_.data();
    batch_.context = context_.data();
    batch_.dcontext = dcontext_.data();
    batch_.dqkv = dqkv_.data();
    batch_.log_sums = log_sums_.data();
  }

  std::int64_t tokens() const { return tokens_; }
  std::int64_t longest() const { return batch_.longest; }
  double bytes(bool backward) const {
    return static_cast<double>(tokens_) *
           ((backward ? 16.0 : 8.0) * static_cast<double>(batch_.width) + 4.0 * heads);
  }
  double operations(bool backward) const {
    return (backward ? 10.0 : 4.0) * squares_ * static_cast<double>(batch_.width);
  }

  void on_tensor_cores(bool backward, const Stream& stream) const {
    if (backward) {
      attention_backward(batch_, stream);
    } else {
      attention(batch_, stream);
    }
  }
  void on_cuda_cores(bool backward, const Stream& stream) const {
    if (head_width_ == 32) {
      on_cuda_cores<detail::CudaCoreTiles<32>>(backward, stream);
    } else {
      on_cuda_cores<detail::CudaCoreTiles<64>>(backward, stream);
    }
  }

  /// Throws unless both ways give the same, but for roundings to bf16.
  void check(const Stream& stream) {
    const auto results = [&](auto&& pass) {
      for (DeviceBuffer<__nv_bfloat16>* buffer : {&context_, &dqkv_})
        buffer->fill_bytes(0xFF, stream);
      pass(false);
      pass(true);
      std::vector<__nv_bfloat16> found(context_.size() + dqkv_.size());
      const std::span<__nv_bfloat16> all(found);
      context_.copy_to_host(all.first(context_.size()), stream);
      dqkv_.copy_to_host(all.subspan(context_.size()), stream);
      stream.synchronize();
      return found;
    };
    const auto ours = results([&](bool backward) { on_tensor_cores(backward, stream); });
    const auto others = results([&](bool backward) { on_cuda_cores(backward, stream); });
    double apart = 0.0, whole = 0.0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double other = __bfloat162float(others[i]);
      apart += std::pow(__bfloat162float(ours[i]) - other, 2);
      whole += other * other;
    }
    if (std::sqrt(apart / whole) <= 1e-2) return;
    throw std::runtime_error("the results differ, so they are not timed: by " +
                             std::to_string(std::sqrt(apart / whole)) + " of their norm, of " +
                             std::to_string(tokens_) + " tokens");
  }

 private:
  template <class Tiles>
  void on_cuda_cores(bool backward, const Stream& stream) const {
    const std::int64_t tiles = detail::attention_tiles<Tiles>(batch_);
    if (backward) {
      launch(attention_backward_kernel<Tiles, __nv_bfloat16>,
             detail::attention_shape<Tiles>(batch_, tiles > 1 ? 2 * tiles : tiles), stream, batch_,
             static_cast<int>(tiles));
    } else {
      launch(attention_kernel<Tiles, __nv_bfloat16>, detail::attention_shape<Tiles>(batch_, tiles),
             stream, batch_);
    }
  }

  int head_width_;
  std::int64_t tokens_ = 0;
  double squares_ = 0.0;  ///< of the lengths
  AttentionBatch<__nv_bfloat16> batch_;
  DeviceBuffer<std::int32_t> offsets_;
  DeviceBuffer<__nv_bfloat16> qkv_, context_, dcontext_, dqkv_;
  DeviceBuffer<float> log_sums_;
};

/// Prints rows at once, and keeps rates for the end.
class Report {
 public:
  explicit Report(const std::string& csv) : rows_(csv) {}
  ~Report() {
    for (const std::string& rate : rates_) std::puts(rate.c_str());
  }
  void add(const Problem& problem, bool backward, const std::string& variant,
           const std::vector<double>& times) {
    const std::string kernel = backward ? "attention_backward" : "attention";
    rows_.add(kernel, variant, problem.tokens(), problem.longest(), "bf16", times,
              problem.bytes(backward), 0.0);
    char rate[32];
    std::snprintf(rate, sizeof rate, ": %.1f TFLOP/s",
                  problem.operations(backward) / times[times.size() / 2] * 1e-6);
    rates_.push_back(kernel + ", " + variant + rate);
  }

 private:
  DeviceReport rows_;
  std::vector<std::string> rates_;
};

void measure(Report& report, CacheScrub& scrub, const Work& work, int head_width, float dropped,
             const Stream& stream) {
  Problem problem(work, head_width, dropped, stream);
  problem.check(stream);
  const std::string shape = std::string(" ") + work.name + " heads of " +
                            std::to_string(head_width) + (dropped > 0 ? " dropout" : "");
  for (const bool backward : {false, true}) {
    const auto time = [&](const std::string& cores, auto&& pass) {
      report.add(problem, backward, cores + shape, microseconds_of(stream, &scrub, 100, 0.2, pass));
      if (work.length > 16) return;
      const Graph graph = Graph::captured(stream, [&] {
        for (int i = 0; i < graph_passes; ++i) pass();
      });
      auto times = microseconds_of(stream, nullptr, 100, 0.2, [&] { graph.replay(stream); });
      for (double& one : times) one /= graph_passes;
      report.add(problem, backward, cores + shape + " in a graph", times);
    };
    time("tensor cores", [&] { problem.on_tensor_cores(backward, stream); });
    time("CUDA cores", [&] { problem.on_cuda_cores(backward, stream); });
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 1 && !(argc == 3 && std::string_view(argv[1]) == "--csv")) {
    std::fprintf(stderr, "usage: bench_attention [--csv FILE]\n");
    return 2;
  }
  if (const int code = exit_code_without_device()) return code;
  const Stream stream;
  Report report(argc == 3 ? argv[2] : "");
  CacheScrub scrub(stream);
  for (const Work& work : works) {
    for (const int head_width : {32, 64}) {
      for (const float dropped : {0.0f, 0.1f})
        measure(report, scrub, work, head_width, dropped, stream);
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: FAILED: %s\n", error.what());
  return 1;
}
