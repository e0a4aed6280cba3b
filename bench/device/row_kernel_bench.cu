// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// CanDist's row step (SoftTargetCe + DistributionRefinery on masks, summaries, refreshed targets, plans) by
// row_loss, beside a naive kernel, a thread a row; checked against the host twin, then timed: alone, and as
// replays of a graph where launches decide.
//   bench_row_kernel [--csv FILE]
// Bytes of a visit: N C (logit + 4 stored target + logit gradient + 4 refreshed target), N ceil(C/64) 8 of
// masks, N (4 of 1/k + 8 row number + 12 plan + 4 loss + 24 summary).
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "candist/candidates/mask.hpp"
#include "candist/cuda/graph.cuh"
#include "candist/kernels/row_loss.cuh"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "candist/training/row_program.hpp"
#include "device/device_report.hpp"

using namespace candist;
using namespace candist::bench;

namespace {

__global__ void copy_kernel(const float4* from, float4* to, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) to[i] = from[i];
}

/// The same step, as one would first write it: a thread a row, everything read again for every sum.
template <class Logit>
__global__ void naive_kernel(RowBatch<Logit, MaskView> batch, float sharpening) {
  const long long b = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (b >= batch.count) return;
  const int classes = batch.candidates.classes();
  const long long row = batch.rows[b];
  const Logit* logits = batch.logits + b * classes;
  float* targets = batch.targets + row * classes;
  Logit* dlogits = batch.dlogits + b * classes;
  float top = -INFINITY;
  int argmax = 0;
  for (int j = 0; j < classes; ++j) {
    if (to_float(logits[j]) > top) top = to_float(logits[j]), argmax = j;
  }
  float all = 0.0f, inside = 0.0f;
  for (int j = 0; j < classes; ++j) {
    const float e = expf(to_float(logits[j]) - top);
    all += e;
    if (batch.candidates.weight(row, j) > 0.0f) inside += e;
  }
  const float lse = logf(all);
  RowSummary summary{argmax, 1.0f / all, inside > 0.0f, batch.candidates.weight(row, argmax) > 0.0f,
                     0.0f,   0.0f};
  const RowPlan plan = batch.plans[row];
  float best = 0.0f, sum = 0.0f;
  for (int j = 0; j < classes; ++j) best = fmaxf(best, targets[j]);
  for (int j = 0; j < classes; ++j) {
    const float log_prob = to_float(logits[j]) - top - lse;
    if (batch.candidates.weight(row, j) > 0.0f)
      summary.renormalised_loss -= expf(log_prob) * all / inside * log_prob;
    if (targets[j] > 0.0f) {
      summary.stored_loss -= targets[j] * log_prob;
      sum += powf(targets[j] / best, sharpening);
    }
  }
  const bool trains = inside > 0.0f && plan.treatment != Treatment::without_target;
  float loss = 0.0f;
  for (int j = 0; j < classes; ++j) {
    const float log_prob = to_float(logits[j]) - top - lse;
    float target = targets[j];
    if (plan.treatment == Treatment::sharpened)
      target = target > 0.0f ? powf(target / best, sharpening) / sum : 0.0f;
    if (plan.treatment == Treatment::one_hot) target = j == plan.label ? 1.0f : 0.0f;
    if (target > 0.0f && trains) loss -= target * log_prob;
    dlogits[j] = from_float<Logit>(trains ? batch.scale * (expf(log_prob) - target) : 0.0f);
    targets[j] =
        batch.candidates.weight(row, j) > 0.0f ? expf(to_float(logits[j]) - top) / inside : 0.0f;
  }
  batch.losses[b] = loss;
  batch.summaries[row] = summary;
}

/// A batch whose rows are those of the set, in order.
template <class Logit>
struct Problem {
  std::int64_t n;
  int classes;
  std::vector<float> host_logits, weights;
  std::vector<RowPlan> plans;
  MaskCandidates set;
  DeviceBuffer<Logit> logits, dlogits;
  DeviceBuffer<float> targets, losses;
  DeviceBuffer<std::uint64_t> bits;
  DeviceBuffer<float> row_weight;
  DeviceBuffer<RowPlan> device_plans;
  DeviceBuffer<RowSummary> summaries;
  DeviceBuffer<std::int64_t> rows;
  DeviceBuffer<float> final_targets;
  std::vector<float> prior;

  Problem(std::int64_t count, int c, const Stream& stream)
      : n(count),
        classes(c),
        host_logits(size()),
        weights(size()),
        plans(n_rows()),
        set(filled()),
        logits(size()),
        dlogits(size()),
        targets(size()),
        losses(n_rows()),
        bits(n_rows() * static_cast<std::size_t>((c + 63) / 64)),
        row_weight(n_rows()),
        device_plans(n_rows()),
        summaries(n_rows()),
        rows(n_rows()),
        final_targets(c > detail::most_classes_in_registers ? size() : 0) {
    const MaskView view = set.view();
    std::vector<Logit> stored(size());
    std::vector<std::int64_t> numbers(n_rows());
    for (std::size_t i = 0; i < size(); ++i) {
      stored[i] = Logit(host_logits[i]);
      host_logits[i] = static_cast<float>(stored[i]);
    }
    for (std::int64_t row = 0; row < n; ++row) {
      const auto at = static_cast<std::size_t>(row);
      numbers[at] = row;
      plans[at].treatment = std::array{Treatment::as_stored, Treatment::sharpened,
                                       Treatment::one_hot, Treatment::without_target}[at % 4];
      plans[at].label = static_cast<std::int32_t>(row % classes);
      for (int j = 0; j < classes; ++j) prior.push_back(view.weight(row, j));
    }
    logits.copy_from_host(stored, stream);
    rows.copy_from_host(numbers, stream);
    device_plans.copy_from_host(plans, stream);
    bits.copy_from_host({view.bits, bits.size()}, stream);
    row_weight.copy_from_host({view.row_weight, row_weight.size()}, stream);
    reset(stream);
    stream.synchronize();
  }
  void reset(const Stream& stream) {
    targets.copy_from_host(prior, stream);
    dlogits.fill_bytes(0xFF, stream);
    losses.fill_bytes(0xFF, stream);
  }
  RowBatch<Logit, MaskView> batch() {
    RowBatch<Logit, MaskView> batch;
    batch.count = n;
    batch.rows = rows.data();
    batch.logits = logits.data();
    batch.candidates = {bits.data(), row_weight.data(), n, classes};
    batch.targets = targets.data();
    batch.plans = device_plans.data();
    batch.summaries = summaries.data();
    batch.scale = 1.0f / static_cast<float>(n);
    batch.dlogits = dlogits.data();
    batch.losses = losses.data();
    if (final_targets.size() > 0) batch.final_targets = final_targets.data();
    return batch;
  }
  double bytes() const {
    const double cells = static_cast<double>(n) * classes;
    return cells * (2.0 * sizeof(Logit) + 8.0) +
           static_cast<double>(n) *
               (8.0 * ((classes + 63) / 64) + 4 + 8 + sizeof(RowPlan) + 4 + sizeof(RowSummary));
  }
  /// Throws where gradients, losses or refreshed targets are not those of the host twin.
  void check(const Stream& stream, const char* what) {
    std::vector<Logit> ours(size());
    std::vector<float> our_losses(n_rows()), our_targets(size());
    dlogits.copy_to_host(ours, stream);
    losses.copy_to_host(our_losses, stream);
    targets.copy_to_host(our_targets, stream);
    stream.synchronize();
    std::vector<Cell> cells(static_cast<std::size_t>(classes));
    std::vector<float> gradient(cells.size());
    const DistributionRefinery refinery;
    const std::int64_t step = std::max<std::int64_t>(1, n / 64);
    for (std::int64_t row = 0; row < n; row += step) {
      load_candidates(set.view(), row, cells);
      RowStats stats = row_stats(host_logits.data() + row * classes, cells);
      std::vector<Cell> refreshed = cells;
      refresh_row(refinery, stats, refreshed);
      const RowPlan& plan = plans[static_cast<std::size_t>(row)];
      float value = 0.0f;
      std::fill(gradient.begin(), gradient.end(), 0.0f);
      if (plan.treatment != Treatment::without_target) {
        treat_row(plan, refinery.sharpening(), cells);
        add_target_sums(stats, cells);
        value = row_loss(SoftTargetCe{}, stats, std::span<const Cell>(cells),
                         1.0f / static_cast<float>(n), gradient.data());
      }
      const auto close = [&](float a, float b, float scale, float relative) {
        if (!(std::fabs(a - b) <= relative * scale)) {
          throw std::runtime_error(std::string("the result is wrong, so it is not timed: ") + what +
                                   ", row " + std::to_string(row) + ": " + std::to_string(a) +
                                   " against " + std::to_string(b));
        }
      };
      close(our_losses[static_cast<std::size_t>(row)], value, 1.0f + std::fabs(value), 1e-4f);
      for (int j = 0; j < classes; ++j) {
        const auto at = static_cast<std::size_t>(row * classes + j);
        close(static_cast<float>(ours[at]), gradient[static_cast<std::size_t>(j)],
              1.0f / static_cast<float>(n), sizeof(Logit) == 4 ? 1e-4f : 1e-2f);
        close(our_targets[at], refreshed[static_cast<std::size_t>(j)].target, 1.0f, 1e-4f);
      }
    }
  }

 private:
  std::size_t size() const {
    return static_cast<std::size_t>(n) * static_cast<std::size_t>(classes);
  }
  std::size_t n_rows() const { return static_cast<std::size_t>(n); }
  MaskCandidates filled() {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0.0f, 1.5f);
    std::uniform_int_distribution<int> label(0, classes - 1);
    for (float& z : host_logits) z = normal(random);
    for (std::size_t row = 0; row < n_rows(); ++row) {
      for (int i = 0; i < 3; ++i)
        weights[row * static_cast<std::size_t>(classes) + static_cast<std::size_t>(label(random))] =
            1.0f;
    }
    return MaskCandidates(MatrixView<const float>{weights.data(), n, classes});
  }
};

double copy_rate(DeviceReport& report, const Stream& stream, DeviceBuffer<char>& scrub) {
  constexpr long long n = 64ll << 20;  // 16 bytes each: 1 GiB read, 1 GiB written
  DeviceBuffer<float4> from(n), to(n);
  from.fill_bytes(0x3F, stream);
  const auto times = microseconds_of(stream, scrub, 30, 1, [&] {
    launch(copy_kernel, {static_cast<unsigned>((n + 255) / 256), 256}, stream, from.data(),
           to.data(), n);
  });
  report.add("copy", "1 GiB", n, 4, "float", times, 32.0 * n, 0.0);
  return 32.0 * n / (times[times.size() / 2] * 1e-6);
}

template <class Logit>
void measure(DeviceReport& report, const Stream& stream, DeviceBuffer<char>& scrub, double copy,
             std::int64_t n, int classes, const char* dtype) {
  if (static_cast<double>(n) * classes > 1.2e9 / 4) return;  // minutes of preparation on the host
  Problem<Logit> problem(n, classes, stream);
  const DistributionRefinery refinery;
  const auto ours = [&] { row_loss(SoftTargetCe{}, refinery, problem.batch(), stream); };
  const auto naive = [&] {
    launch(naive_kernel<Logit>, {static_cast<unsigned>((n + 127) / 128), 128}, stream,
           problem.batch(), refinery.sharpening());
  };
  DeviceBuffer<char> no_scrub;
  const auto time = [&](const char* variant, int runs, auto&& work) {
    problem.reset(stream);
    work();
    problem.check(stream, variant);
    report.add("row_loss", variant, n, classes, dtype,
               microseconds_of(stream, scrub, runs, 1, work), problem.bytes(), copy);
  };
  time("candist", 100, ours);
  time("naive", classes > 4096 ? 3 : 20, naive);
  if (classes > 128 || n > 1024) return;
  // Fifty steps in one graph: what a step costs where launches decide.
  constexpr int steps = 50;
  const Graph graph = Graph::captured(stream, [&] {
    for (int i = 0; i < steps; ++i) ours();
  });
  auto times = microseconds_of(stream, no_scrub, 100, 1, [&] { graph.replay(stream); });
  for (double& t : times) t /= steps;
  report.add("row_loss", "candist in a graph", n, classes, dtype, times, problem.bytes(), 0.0);
}

}  // namespace

int main(int argc, char** argv) try {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no CUDA device");
    return 77;
  }
  std::string csv;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--csv") != 0 || ++i == argc) {
      std::fprintf(stderr, "usage: bench_row_kernel [--csv FILE]\n");
      return 2;
    }
    csv = argv[i];
  }
  check_device();
  DeviceReport report(csv);
  const Stream stream;
  DeviceBuffer<char> scrub(256u << 20);
  const double copy = copy_rate(report, stream, scrub);
  for (const int classes : {5, 6, 25, 77, 128}) {
    for (const std::int64_t n : {32, 1024, 32768}) {
      measure<float>(report, stream, scrub, copy, n, classes, "float");
      measure<__nv_bfloat16>(report, stream, scrub, copy, n, classes, "bf16");
    }
  }
  for (const int classes : {256, 1024, 4096, 8192}) {
    measure<float>(report, stream, scrub, copy, 32768, classes, "float");
    measure<__nv_bfloat16>(report, stream, scrub, copy, 32768, classes, "bf16");
  }
  for (const int classes : {32768, 131072})
    measure<float>(report, stream, scrub, copy, classes == 32768 ? 8192 : 2048, classes, "float");
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: FAILED: %s\n", error.what());
  return 1;
}
