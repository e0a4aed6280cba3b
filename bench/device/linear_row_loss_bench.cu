// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// From pooled features through a linear head and CanDist's row step (SoftTargetCe + DistributionRefinery on
// masks, summaries, refreshed targets) to the gradients of features, weights and bias: linear_row_loss, two
// launches, beside row_loss between the products of cuBLAS, six launches. The two have to agree before they
// are timed: alone, with nothing in the L2 cache, and, where launches decide, as 50 steps in a graph.
//   bench_linear_row_loss [--csv FILE]     exit code 77: no GPU (1 with CANDIST_REQUIRE_GPU=1)
//
// Bytes of a step, each input read once, each output written once, whatever is between:
//   8 N D features, their gradients;  12 C (D + 1) weights, their gradients before and after
//   + N (8 C targets + 8 mask + 4 weight of a candidate + 4 loss + 20 summary)
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "candist/candidates/device_candidates.cuh"
#include "candist/counter_rng.hpp"
#include "candist/cuda/cublas_handle.cuh"
#include "candist/cuda/device_stream.cuh"
#include "candist/cuda/graph.cuh"
#include "candist/kernels/linear_row_loss.cuh"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "device/device_report.hpp"

using namespace candist;
using namespace candist::bench;

namespace {

constexpr int class_counts[] = {5, 6, 25};
constexpr std::int64_t row_counts[] = {32, 1024, 8192};
constexpr int width = 768;
constexpr int graph_steps = 50;

template <class>
__global__ void repeat_row_kernel(const float* row, float* rows, int columns, long long size) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < size) rows[i] = row[i % columns];
}

std::vector<float> random_floats(std::size_t count, float scale, std::uint64_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i)
    values[i] = scale * CounterRng(seed, RandomPurpose::resampling, 3, i).normal();
  return values;
}
/// Up to three candidates a row.
MaskCandidates random_sets(std::int64_t n, int classes) {
  std::vector<float> weights(static_cast<std::size_t>(n * classes));
  for (std::int64_t row = 0; row < n; ++row) {
    CounterRng rng(7, RandomPurpose::resampling, 2, static_cast<std::uint64_t>(row));
    for (int i = 0; i < 3; ++i) {
      const auto label = rng.below(static_cast<std::uint32_t>(classes));
      weights[static_cast<std::size_t>(row * classes + label)] = 1.0f;
    }
  }
  return MaskCandidates(MatrixView<const float>{weights.data(), n, classes});
}

/// All rows of a random set as one batch.
class Problem {
 public:
  Problem(std::int64_t n, int classes, DeviceStream& stream)
      : n_(n),
        classes_(classes),
        cublas_(stream),
        candidates_(random_sets(n, classes).view(), stream),
        features_(size(n, width)),
        dfeatures_(features_.size()),
        weights_(size(classes, width)),
        dweights_(weights_.size()),
        bias_(size(classes, 1)),
        dbias_(bias_.size()),
        targets_(size(n, classes)),
        logits_(targets_.size()),
        dlogits_(targets_.size()),
        losses_(size(n, 1)),
        ones_(losses_.size()),
        summaries_(losses_.size()) {
    const auto put = [&](DeviceBuffer<float>& buffer, const std::vector<float>& values) {
      buffer.copy_from_host(values, stream);
    };
    put(features_, random_floats(features_.size(), 1.0f, 1));
    put(weights_, random_floats(weights_.size(), 0.05f, 2));
    put(bias_, random_floats(bias_.size(), 0.1f, 3));
    put(ones_, std::vector<float>(ones_.size(), 1.0f));
    head_.width = width;
    head_.features = features_.data();
    head_.weights = weights_.data();
    head_.bias = bias_.data();
    head_.dfeatures = dfeatures_.data();
    head_.dweights = dweights_.data();
    head_.dbias = dbias_.data();
    partials_ = DeviceBuffer<float>(head_.partial_count(n, classes));
    head_.partials = partials_.data();
  }

  /// As before training; outputs are NaN.
  void reset(const Stream& stream) {
    RowBatch<float, MaskView> all = batch();
    all.pass = RowPass::initialize;
    row_loss(SoftTargetCe{}, DistributionRefinery{}, all, stream);
    dweights_.zero(stream);
    dbias_.zero(stream);
    for (DeviceBuffer<float>* buffer : {&dfeatures_, &logits_, &dlogits_, &losses_, &partials_})
      buffer->fill_bytes(0xFF, stream);
  }
  void fused_step(const Stream& stream) {
    linear_row_loss(SoftTargetCe{}, DistributionRefinery{}, batch(), head_, stream);
  }
  /// cuBLAS counts columns first: a row-major [N, C] is its C by N.
  void step_of_products(const Stream& stream) {
    const int n = static_cast<int>(n_);
    const float one = 1.0f;
    const float zero = 0.0f;
    const auto all = static_cast<long long>(logits_.size());
    launch(repeat_row_kernel<void>, {static_cast<unsigned>((all + 255) / 256), 256}, stream,
           bias_.data(), logits_.data(), classes_, all);
    CANDIST_CUBLAS(cublasSgemm(cublas_, CUBLAS_OP_T, CUBLAS_OP_N, classes_, n, width, &one,
                               weights_.data(), width, features_.data(), width, &one,
                               logits_.data(), classes_));
    row_loss(SoftTargetCe{}, DistributionRefinery{}, batch(), stream);
    CANDIST_CUBLAS(cublasSgemm(cublas_, CUBLAS_OP_N, CUBLAS_OP_N, width, n, classes_, &one,
                               weights_.data(), width, dlogits_.data(), classes_, &zero,
                               dfeatures_.data(), width));
    CANDIST_CUBLAS(cublasSgemm(cublas_, CUBLAS_OP_N, CUBLAS_OP_T, width, classes_, n, &one,
                               features_.data(), width, dlogits_.data(), classes_, &one,
                               dweights_.data(), width));
    CANDIST_CUBLAS(cublasSgemv(cublas_, CUBLAS_OP_N, classes_, n, &one, dlogits_.data(), classes_,
                               ones_.data(), 1, &one, dbias_.data(), 1));
  }
  double bytes() const {
    const auto n = static_cast<double>(n_);
    return 8.0 * n * width + 12.0 * classes_ * (width + 1) + n * (8.0 * classes_ + 36.0);
  }

  /// Throws unless both ways give the same.
  void check(const Stream& stream) {
    const auto results = [&](auto&& step) {
      reset(stream);
      step();
      step();  // from refreshed targets, onto gradients that are there
      std::vector<std::vector<float>> found;
      for (const DeviceBuffer<float>* buffer :
           {&dfeatures_, &dweights_, &dbias_, &targets_, &losses_}) {
        found.emplace_back(buffer->size());
        buffer->copy_to_host(found.back(), stream);
      }
      stream.synchronize();
      return found;
    };
    const auto fused = results([&] { fused_step(stream); });
    const auto products = results([&] { step_of_products(stream); });
    for (std::size_t which = 0; which < fused.size(); ++which) {
      float largest = 0.0f;
      float apart = 0.0f;
      for (std::size_t i = 0; i < fused[which].size(); ++i) {
        const float difference = std::fabs(fused[which][i] - products[which][i]);
        largest = std::fmax(largest, std::fabs(products[which][i]));
        apart = difference <= apart ? apart : difference;  // NaN stays
      }
      if (apart <= 1e-4f * largest && largest > 0.0f) continue;
      throw std::runtime_error(
          "the results differ, so they are not timed: N = " + std::to_string(n_) +
          ", C = " + std::to_string(classes_) + ", output " + std::to_string(which) + ": by " +
          std::to_string(apart) + " of " + std::to_string(largest));
    }
  }

 private:
  static std::size_t size(std::int64_t rows, std::int64_t columns) {
    return static_cast<std::size_t>(rows * columns);
  }
  RowBatch<float, MaskView> batch() {
    RowBatch<float, MaskView> batch;
    batch.count = n_;
    batch.candidates = candidates_.view();
    batch.logits = logits_.data();
    batch.targets = targets_.data();
    batch.summaries = summaries_.data();
    batch.scale = 1.0f / static_cast<float>(n_);
    batch.dlogits = dlogits_.data();
    batch.losses = losses_.data();
    return batch;
  }

  std::int64_t n_;
  int classes_;
  CublasHandle cublas_;
  DeviceCandidates<MaskView, DeviceStream> candidates_;
  DeviceBuffer<float> features_, dfeatures_, weights_, dweights_, bias_, dbias_;
  DeviceBuffer<float> targets_, logits_, dlogits_, losses_, ones_, partials_;
  DeviceBuffer<RowSummary> summaries_;
  LinearHead head_;
};

void measure(DeviceReport& report, CacheScrub& scrub, std::int64_t n, int classes,
             DeviceStream& stream) {
  Problem problem(n, classes, stream);
  problem.check(stream);
  const auto time = [&](const std::string& variant, auto&& step) {
    problem.reset(stream);
    const std::string shape = variant + " D=" + std::to_string(width);
    report.add("linear_row_loss", shape, n, classes, "float",
               microseconds_of(stream, &scrub, 100, 0.5, step), problem.bytes(), 0.0);
    if (n > 1024) return;
    const Graph graph = Graph::captured(stream, [&] {
      for (int i = 0; i < graph_steps; ++i) step();
    });
    auto times = microseconds_of(stream, nullptr, 100, 0.5, [&] { graph.replay(stream); });
    for (double& one : times) one /= graph_steps;
    report.add("linear_row_loss", shape + " in a graph", n, classes, "float", times,
               problem.bytes(), 0.0);
  };
  time("candist", [&] { problem.fused_step(stream); });
  time("cuBLAS and row_loss", [&] { problem.step_of_products(stream); });
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 1 && !(argc == 3 && std::string_view(argv[1]) == "--csv")) {
    std::fprintf(stderr, "usage: bench_linear_row_loss [--csv FILE]\n");
    return 2;
  }
  if (const int code = exit_code_without_device()) return code;
  DeviceStream stream;
  DeviceReport report(argc == 3 ? argv[2] : "");
  CacheScrub scrub(stream);
  for (const int classes : class_counts) {
    for (const std::int64_t n : row_counts) measure(report, scrub, n, classes, stream);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: FAILED: %s\n", error.what());
  return 1;
}
