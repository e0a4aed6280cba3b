// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// CanDist's row step (SoftTargetCe + DistributionRefinery on masks, summaries, refreshed targets, plans, a
// batch in random order) by row_loss, beside a naive kernel, a thread a row. Both are checked against the
// host twin, then timed: alone, with nothing in the L2 cache, and, where launches decide, as 50 steps in a
// graph, with everything there.
//   bench_row_kernel [--csv FILE]     exit code 77: no GPU (1 with CANDIST_REQUIRE_GPU=1)
//   bench_row_kernel --check          the results alone, of small batches in every shape of launch
//
// Bytes of a step, each input read once, each output written once, whatever the kernel does:
//   N C (logit + 4 stored target + logit gradient + 4 refreshed target)
//   + N (8 ceil(C / 64) mask + 4 weight of a candidate + 8 number of the row + 8 plan + 4 loss + 20 summary)
// "% of copy": their rate over that of the faster of two plain copies (a kernel of 16 bytes a thread and
// cudaMemcpyAsync) that read and write, together, the nearest power of two of bytes.
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "candist/candidates/mask.hpp"
#include "candist/counter_rng.hpp"
#include "candist/cuda/graph.cuh"
#include "candist/kernels/row_loss.cuh"
#include "candist/kernels/row_refine.hpp"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "device/device_report.hpp"

using namespace candist;
using namespace candist::bench;

namespace {

constexpr int class_counts[] = {5, 6, 25, 77, 128, 256, 1024, 4096, 8192, 32768, 131072, 250000};
constexpr std::int64_t row_counts[] = {32, 1024, 32768};
constexpr int checked_class_counts[] = {5,    25,   77,   256,  1000,  1001,  4096,
                                        4097, 8192, 8200, 9001, 20000, 132000};
constexpr std::int64_t checked_rows = 37;
constexpr double most_cells = 1.2e9;  // 19 GB of float tables
constexpr int graph_steps = 50;
bool launches_decide(std::int64_t n, int classes) { return classes <= 128 && n <= 1024; }

static_assert(sizeof(RowPlan) == 8 && sizeof(RowSummary) == 20, "the formula above counts these");

__device__ long long thread_number() {
  return static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
}
LaunchShape a_thread_each(long long count, unsigned threads) {
  return {static_cast<unsigned>((count + threads - 1) / threads), threads};
}

__global__ void copy_kernel(const float4* from, float4* to, long long n) {
  const long long i = thread_number();
  if (i < n) to[i] = from[i];
}

template <class T>
__global__ void normal_kernel(T* values, long long n) {
  const long long i = thread_number();
  if (i >= n) return;
  CounterRng rng(7, RandomPurpose::resampling, 1, static_cast<std::uint64_t>(i));
  values[i] = from_float<T>(1.5f * rng.normal());
}

/// One to three random candidates a row.
__global__ void mask_kernel(std::uint64_t* bits, float* row_weight, long long n, int classes) {
  const long long row = thread_number();
  if (row >= n) return;
  const int words = (classes + 63) / 64;
  CounterRng rng(7, RandomPurpose::resampling, 2, static_cast<std::uint64_t>(row));
  int candidates = 0;
  for (int i = 0; i < 3; ++i) {
    const int label = static_cast<int>(rng.below(static_cast<std::uint32_t>(classes)));
    std::uint64_t& word = bits[row * words + label / 64];
    candidates += (word >> (label % 64) & 1u) == 0 ? 1 : 0;
    word |= std::uint64_t{1} << (label % 64);
  }
  row_weight[row] = 1.0f / static_cast<float>(candidates);
}

/// The targets before training.
__global__ void prior_kernel(MaskView candidates, float* targets) {
  const long long i = thread_number();
  if (i < candidates.rows() * candidates.classes())
    targets[i] =
        candidates.weight(i / candidates.classes(), static_cast<int>(i % candidates.classes()));
}

template <class T>
__global__ void count_nans_kernel(const T* values, long long n, unsigned* nans) {
  const long long i = thread_number();
  if (i < n && isnan(to_float(values[i]))) atomicAdd(nans, 1u);
}

/// The same step, as one would first write it: a thread a row, everything read again for every sum.
template <class Logit>
__global__ void naive_kernel(RowBatch<Logit, MaskView> batch, float sharpening) {
  const long long b = thread_number();
  if (b >= batch.count) return;
  const int classes = batch.candidates.classes();
  const long long row = batch.rows[b];
  const Logit* logits = batch.logits + b * classes;
  float* targets = batch.targets + row * classes;
  Logit* dlogits = batch.dlogits + b * classes;
  const auto is_candidate = [&](int j) { return batch.candidates.weight(row, j) > 0.0f; };
  float top = -INFINITY;
  float inside_top = -INFINITY;
  int argmax = 0;
  for (int j = 0; j < classes; ++j) {
    const float z = to_float(logits[j]);
    if (z > top) top = z, argmax = j;
    if (is_candidate(j)) inside_top = fmaxf(inside_top, z);
  }
  float all = 0.0f;
  float inside = 0.0f;
  float best = 0.0f;
  for (int j = 0; j < classes; ++j) {
    all += expf(to_float(logits[j]) - top);
    if (is_candidate(j)) inside += expf(to_float(logits[j]) - inside_top);
    best = fmaxf(best, targets[j]);
  }
  const float lse = logf(all);
  const float inside_lse = inside_top + logf(inside);
  RowSummary summary{argmax, expf(-lse), inside > 0.0f, is_candidate(argmax), 0.0f, 0.0f};
  float powers = 0.0f;
  for (int j = 0; j < classes; ++j) {
    const float z = to_float(logits[j]);
    if (is_candidate(j)) summary.renormalised_loss -= expf(z - inside_lse) * (z - top - lse);
    if (targets[j] > 0.0f) {
      summary.stored_loss -= targets[j] * (z - top - lse);
      powers += powf(targets[j] / best, sharpening);
    }
  }
  const RowPlan plan = batch.plans[row];
  const auto treated = [&](int j) {
    if (plan.treatment == Treatment::one_hot) return j == plan.label ? 1.0f : 0.0f;
    if (plan.treatment == Treatment::sharpened && targets[j] > 0.0f)
      return powf(targets[j] / best, sharpening) / powers;
    return targets[j];
  };
  float mass = 0.0f;
  float loss = 0.0f;
  if (inside > 0.0f && plan.treatment != Treatment::without_target) {
    for (int j = 0; j < classes; ++j) {
      mass += treated(j);
      loss -= treated(j) * (to_float(logits[j]) - top - lse);
    }
  }
  for (int j = 0; j < classes; ++j) {
    const float z = to_float(logits[j]);
    dlogits[j] = from_float<Logit>(
        mass > 0.0f ? batch.scale * (mass * expf(z - top - lse) - treated(j)) : 0.0f);
    if (inside > 0.0f) targets[j] = is_candidate(j) ? expf(z - inside_lse) : 0.0f;
  }
  batch.losses[b] = loss;
  batch.summaries[row] = summary;
}

template <class T>
std::vector<T> downloaded(const DeviceBuffer<T>& buffer, const Stream& stream) {
  std::vector<T> values(buffer.size());
  buffer.copy_to_host(values, stream);
  stream.synchronize();
  return values;
}
template <class T>
DeviceBuffer<T> uploaded(const std::vector<T>& values, const Stream& stream) {
  DeviceBuffer<T> buffer(values.size());
  buffer.copy_from_host(values, stream);
  stream.synchronize();
  return buffer;
}
/// Row `row` of a table [., C], as floats.
template <class T>
std::vector<float> row_of(const DeviceBuffer<T>& table, std::int64_t row, int classes,
                          const Stream& stream) {
  std::vector<T> values(static_cast<std::size_t>(classes));
  table.copy_part_to_host(static_cast<std::size_t>(row * classes), values, stream);
  stream.synchronize();
  return std::vector<float>(values.begin(), values.end());
}

/// All N rows of a random set as one batch in random order; every treatment in turn.
template <class Logit>
class Problem {
 public:
  Problem(std::int64_t n, int classes, const Stream& stream)
      : n_(n),
        classes_(classes),
        order_(random_order(n, 7, RandomPurpose::epoch_order, 0)),
        plans_(rows()),
        logits_(cells()),
        dlogits_(cells()),
        targets_(cells()),
        losses_(rows()),
        bits_(rows() * static_cast<std::size_t>((classes + 63) / 64)),
        row_weight_(rows()),
        summaries_(rows()),
        bad_row_(1),
        nans_(1) {
    for (std::size_t row = 0; row < rows(); ++row) {
      plans_[row].treatment = std::array{Treatment::as_stored, Treatment::sharpened,
                                         Treatment::one_hot, Treatment::without_target}[row % 4];
      plans_[row].label = static_cast<std::int32_t>(row % static_cast<std::size_t>(classes));
    }
    device_order_ = uploaded(order_, stream);
    device_plans_ = uploaded(plans_, stream);
    const auto all = static_cast<long long>(cells());
    launch(normal_kernel<Logit>, a_thread_each(all, 256), stream, logits_.data(), all);
    bits_.zero(stream);
    launch(mask_kernel, a_thread_each(n, 256), stream, bits_.data(), row_weight_.data(),
           static_cast<long long>(n), classes);
    host_bits_ = downloaded(bits_, stream);
    host_row_weight_ = downloaded(row_weight_, stream);
  }

  /// As before training; outputs are NaN.
  void reset(const Stream& stream) {
    launch(prior_kernel, a_thread_each(static_cast<long long>(cells()), 256), stream,
           MaskView{bits_.data(), row_weight_.data(), n_, classes_}, targets_.data());
    dlogits_.fill_bytes(0xFF, stream);
    losses_.fill_bytes(0xFF, stream);
    summaries_.fill_bytes(0xFF, stream);
    bad_row_.fill_bytes(0xFF, stream);
  }
  RowBatch<Logit, MaskView> batch() {
    RowBatch<Logit, MaskView> batch;
    batch.count = n_;
    batch.rows = device_order_.data();
    batch.logits = logits_.data();
    batch.candidates = {bits_.data(), row_weight_.data(), n_, classes_};
    batch.targets = targets_.data();
    batch.plans = device_plans_.data();
    batch.summaries = summaries_.data();
    batch.scale = 1.0f / static_cast<float>(n_);
    batch.dlogits = dlogits_.data();
    batch.losses = losses_.data();
    batch.first_bad_row = bad_row_.data();
    return batch;
  }
  double bytes() const {
    const auto n = static_cast<double>(n_);
    return n * classes_ * (2.0 * sizeof(Logit) + 8.0) +
           n * (8.0 * ((classes_ + 63) / 64) + 4.0 + 8.0 + sizeof(RowPlan) + 4.0 +
                sizeof(RowSummary));
  }
  /// Throws unless a sample of rows is, after `visits` of them, what the host twin makes of it, and every
  /// number was written.
  void check(int visits, const char* what, const Stream& stream) {
    const std::string where =
        std::string(what) + ", N = " + std::to_string(n_) + ", C = " + std::to_string(classes_);
    const std::vector<float> losses = downloaded(losses_, stream);
    const std::vector<RowSummary> summaries = downloaded(summaries_, stream);
    nans_.zero(stream);
    count_nans(dlogits_, stream);
    count_nans(targets_, stream);
    count_nans(losses_, stream);
    expect(downloaded(nans_, stream)[0] == 0, where + ": NaN, or not written");
    expect(downloaded(bad_row_, stream)[0] == ~0ull, where + ": a finite row is said not to be");

    const MaskView set{host_bits_.data(), host_row_weight_.data(), n_, classes_};
    const DistributionRefinery refinery;
    std::vector<Cell> given(static_cast<std::size_t>(classes_));
    std::vector<float> gradient(given.size());
    const std::int64_t sample = classes_ > 8192 ? 8 : 64;
    const float places = 64 * 1.1920929e-7f * std::sqrt(static_cast<float>(classes_));
    const auto close = [&](float ours, float theirs, float allowed, const char* number) {
      expect(std::fabs(ours - theirs) <= allowed, where + ": " + number + " is " +
                                                      std::to_string(ours) + ", expected " +
                                                      std::to_string(theirs));
    };
    // An odd step, so that every treatment comes up.
    for (std::int64_t b = 0; b < n_; b += std::max<std::int64_t>(1, n_ / sample | 1)) {
      const std::int64_t row = order_[static_cast<std::size_t>(b)];
      load_candidates(set, row, given);
      RowStats stats = row_stats(row_of(logits_, b, classes_, stream).data(), given);
      if (visits > 1) refresh_row(refinery, stats, std::span<Cell>(given));
      const RowSummary summary = summarize_row(stats, given);
      std::vector<Cell> refreshed = given;
      refresh_row(refinery, stats, std::span<Cell>(refreshed));
      const RowPlan& plan = plans_[static_cast<std::size_t>(row)];
      float value = 0.0f;
      std::fill(gradient.begin(), gradient.end(), 0.0f);
      if (plan.treatment != Treatment::without_target) {
        treat_row(plan, refinery.sharpening(), given);
        add_target_sums(stats, given);
        value = row_loss(SoftTargetCe{}, stats, std::span<const Cell>(given),
                         1.0f / static_cast<float>(n_), gradient.data());
      }
      const RowSummary& ours = summaries[static_cast<std::size_t>(row)];
      expect(ours.argmax == summary.argmax && ours.labelled == summary.labelled &&
                 ours.inside == summary.inside,
             where + ": argmax of a summary, or whether it is inside");
      close(ours.confidence, summary.confidence, places * summary.confidence, "confidence");
      close(ours.renormalised_loss, summary.renormalised_loss,
            places * (1.0f + summary.renormalised_loss), "renormalised loss");
      close(ours.stored_loss, summary.stored_loss, places * (1.0f + summary.stored_loss),
            "stored loss");
      close(losses[static_cast<std::size_t>(b)], value, places * (1.0f + value), "loss");
      const std::vector<float> our_gradient = row_of(dlogits_, b, classes_, stream);
      const std::vector<float> our_targets = row_of(targets_, row, classes_, stream);
      for (std::size_t j = 0; j < gradient.size(); ++j) {
        const float rounding = sizeof(Logit) == 4 ? 0.0f : std::fabs(gradient[j]) / 256.0f;
        close(our_gradient[j], gradient[j], places / static_cast<float>(n_) + rounding, "gradient");
        close(our_targets[j], refreshed[j].target, places, "refreshed target");
      }
    }
  }

 private:
  std::size_t rows() const { return static_cast<std::size_t>(n_); }
  std::size_t cells() const { return rows() * static_cast<std::size_t>(classes_); }
  static void expect(bool holds, const std::string& what) {
    if (!holds) throw std::runtime_error("the result is wrong, so it is not timed: " + what);
  }
  template <class T>
  void count_nans(const DeviceBuffer<T>& values, const Stream& stream) {
    const auto n = static_cast<long long>(values.size());
    launch(count_nans_kernel<T>, a_thread_each(n, 256), stream, values.data(), n, nans_.data());
  }

  std::int64_t n_;
  int classes_;
  std::vector<std::int64_t> order_;
  std::vector<RowPlan> plans_;
  std::vector<std::uint64_t> host_bits_;
  std::vector<float> host_row_weight_;
  DeviceBuffer<Logit> logits_, dlogits_;
  DeviceBuffer<float> targets_, losses_;
  DeviceBuffer<std::uint64_t> bits_;
  DeviceBuffer<float> row_weight_;
  DeviceBuffer<RowSummary> summaries_;
  DeviceBuffer<unsigned long long> bad_row_;
  DeviceBuffer<unsigned> nans_;
  DeviceBuffer<std::int64_t> device_order_;
  DeviceBuffer<RowPlan> device_plans_;
};

template <class Logit>
void row_step(Problem<Logit>& problem, const Stream& stream) {
  row_loss(SoftTargetCe{}, DistributionRefinery{}, problem.batch(), stream);
}
template <class Logit>
void naive_step(Problem<Logit>& problem, const Stream& stream) {
  launch(naive_kernel<Logit>, a_thread_each(problem.batch().count, 128), stream, problem.batch(),
         DistributionRefinery{}.sharpening());
}

template <class Logit>
void check(int classes, const Stream& stream) {
  Problem<Logit> problem(checked_rows, classes, stream);
  const auto twice = [&](const char* what, auto&& step) {
    problem.reset(stream);
    for (int visits : {1, 2}) {
      step(problem, stream);
      problem.check(visits, what, stream);
    }
  };
  twice("candist", row_step<Logit>);
  if (classes <= 8192) twice("naive", naive_step<Logit>);  // a thread a row: minutes in a sanitizer
}

class Bench {
 public:
  explicit Bench(const std::string& csv) : report_(csv), scrub_(stream_) {}

  template <class Logit>
  void measure(std::int64_t n, int classes, const char* dtype);

 private:
  /// Bytes a second, read and written, of a plain copy of about as many bytes.
  double copy_rate(double bytes);

  Stream stream_;
  DeviceReport report_;
  CacheScrub scrub_;
  std::map<int, double> copy_rates_;
};

double Bench::copy_rate(double bytes) {
  const int power = std::max(12, static_cast<int>(std::lround(std::log2(bytes))));
  if (copy_rates_.contains(power)) return copy_rates_[power];
  const std::size_t floats = (std::size_t{1} << power) / 8;  // a half is read, a half written
  DeviceBuffer<float> from(floats), to(floats);
  const auto n = static_cast<long long>(floats);
  launch(normal_kernel<float>, a_thread_each(n, 256), stream_, from.data(), n);
  const double moved = std::ldexp(1.0, power);
  const auto time = [&](const char* variant, auto&& copy) {
    const auto times = microseconds_of(stream_, &scrub_, 100, 0.2, copy);
    report_.add("copy", variant, n, 1, "float", times, moved, 0.0);
    return moved / (times[times.size() / 2] * 1e-6);
  };
  const double kernel = time("16 bytes a thread", [&] {
    launch(copy_kernel, a_thread_each(n / 4, 256), stream_,
           reinterpret_cast<const float4*>(from.data()), reinterpret_cast<float4*>(to.data()),
           n / 4);
  });
  const double memcpy = time("cudaMemcpyAsync", [&] {
    CANDIST_CUDA(
        cudaMemcpyAsync(to.data(), from.data(), from.bytes(), cudaMemcpyDeviceToDevice, stream_));
  });
  return copy_rates_[power] = std::max(kernel, memcpy);
}

template <class Logit>
void Bench::measure(std::int64_t n, int classes, const char* dtype) {
  Problem<Logit> problem(n, classes, stream_);
  const double copy = copy_rate(problem.bytes());
  const auto time = [&](const std::string& variant, double seconds, auto&& work) {
    problem.reset(stream_);
    work();
    problem.check(1, variant.c_str(), stream_);
    report_.add("row_loss", variant, n, classes, dtype,
                microseconds_of(stream_, &scrub_, 100, seconds, work), problem.bytes(), copy);
    if (!launches_decide(n, classes)) return;
    problem.reset(stream_);
    const Graph graph = Graph::captured(stream_, [&] {
      for (int i = 0; i < graph_steps; ++i) work();
    });
    graph.replay(stream_);
    problem.check(graph_steps, (variant + " in a graph").c_str(), stream_);
    auto times = microseconds_of(stream_, nullptr, 100, seconds, [&] { graph.replay(stream_); });
    for (double& step : times) step /= graph_steps;
    report_.add("row_loss", variant + " in a graph", n, classes, dtype, times, problem.bytes(),
                0.0);
  };
  time("candist", 2.0, [&] { row_step(problem, stream_); });
  time("naive", 0.3, [&] { naive_step(problem, stream_); });
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view option = argc > 1 ? argv[1] : "";
  const bool check_only = option == "--check" && argc == 2;
  if (argc != 1 && !check_only && !(option == "--csv" && argc == 3)) {
    std::fprintf(stderr, "usage: bench_row_kernel [--csv FILE | --check]\n");
    return 2;
  }
  if (const int code = exit_code_without_device()) return code;
  if (check_only) {
    const Stream stream;
    for (const int classes : checked_class_counts) {
      check<float>(classes, stream);
      check<__nv_bfloat16>(classes, stream);
    }
    std::puts("bench_row_kernel: the results are those of the host twin");
    return 0;
  }
  Bench bench(argc == 3 ? argv[2] : "");
  for (const int classes : class_counts) {
    for (const std::int64_t n : row_counts) {
      if (static_cast<double>(n) * classes > most_cells) continue;
      bench.measure<float>(n, classes, "float");
      bench.measure<__nv_bfloat16>(n, classes, "bf16");
    }
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: FAILED: %s\n", error.what());
  return 1;
}
