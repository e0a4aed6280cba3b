// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Training steps of CudaTransformer with random weights in the shapes of MiniLM-L6 and
// RoBERTa-base, in bf16 and in float, on texts of TREC's lengths, of 128 and of 512 tokens; several
// engines at once; and where a step's time goes. transformer_torch.py does the same steps in
// PyTorch.
//   bench_transformer [--csv FILE] [--seconds S]   nothing new is begun after S seconds
//   bench_transformer --check                      tiny engines: launches and replays agree, the
//                                                  same bits twice and beside another engine; the
//                                                  parts run
// Exit code 77: no GPU (1 with CANDIST_REQUIRE_GPU=1). CMake calls it bench_device_transformer.
//
// A step: pack a batch on the host, forward with dropout, cross entropy by the row kernel, backward,
// AdamW with clipping at 1; the host waits for the losses alone. The batches take turns, so that
// graphs of several sizes are replayed; each is seen three times before the clock starts: as
// launches, recorded, replayed.
// Timed on the host's clock over whole rounds of the batches, everything included:
//   p50, p20, p80   of the time from the end of one step's calls to the end of the next one's
//   tokens/s        valid tokens of all rounds / time to the end of the last step on the device
//   % of ceiling    model FLOP utilisation: the operations of model_operations()
//                     6 (L (4 D^2 + 2 D F)) T + 12 L D sum of t^2
//                   a second, over the card's peak (bf16 dense, or fp32; both and the sources in
//                   transformer_work.hpp)
//   MB              TransformerEngine::memory(), without cuBLAS's workspace and the graphs
// Several engines: each in a thread with a stream of its own, the same work, all of them over the
// same time.
//
// The parts (transformer_parts.cuh): a batch's launches of one kind as a graph, replayed; what of
// that lies in the L2 cache stays there. % of ceiling: of the peak, or of the bytes a second of the
// faster of two plain copies (a kernel of 16 bytes a thread, cudaMemcpyAsync) of 2 GiB read and
// written, where a part has more bytes than twice the cache. Forward, backward and AdamW whole:
// events in a step as it runs. % of step: of p50.
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <future>
#include <latch>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "candist/cuda/compute_stream.cuh"
#include "candist/methods.hpp"
#include "candist/students/cuda_transformer.cuh"
#include "device/device_report.hpp"
#include "device/transformer_parts.cuh"
#include "device/transformer_work.hpp"

using namespace candist;
using namespace candist::bench;

namespace {

using Clock = std::chrono::steady_clock;
constexpr AdamWOptions options{.weight_decay = 0.01f, .max_gradient_norm = 1.0f};
constexpr float learning_rate = 3e-5f;
constexpr double seconds_a_measurement = 1.5;
constexpr double seconds_a_part = 0.05;
constexpr int rounds_before = 3;
constexpr int rounds_of_events = 3;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}
void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("the result is wrong, so it is not timed: " + what);
}

struct Times {
  double p50 = 0.0, p20 = 0.0, p80 = 0.0;  ///< microseconds
};
Times times_of(std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    const double last = static_cast<double>(microseconds.size() - 1);
    return microseconds[static_cast<std::size_t>(share * last + 0.5)];
  };
  return {at(0.5), at(0.2), at(0.8)};
}

/// Whole rounds of the batches.
struct Rounds {
  std::vector<double> microseconds;  ///< of each step
  double seconds = 0.0;
  std::int64_t count = 0;
  double a_second() const { return static_cast<double>(count) / seconds; }
};

using Compiled = TypeList<RowComposition<SoftTargetCe, KeepPrior>>;

/// An engine and the batches that it is trained on.
template <class T>
class Training {
 public:
  Training(const TransformerConfig& config, std::span<const ParameterBlock> blocks,
           const std::vector<Batch>& batches, ComputeStream compute = ComputeStream{})
      : config_(config),
        batches_(batches),
        stream_(compute.get()),
        engine_(config, blocks, capacity_of(batches), 7, std::move(compute),
                make_row_engine<Compiled, ComputeStream>) {
    DenseView labels;  // 0, 1, 2, ... in every batch
    std::vector<float> weights;
    std::size_t largest = 0;
    for (const Batch& batch : batches) {
      first_rows_.push_back(rows_.size());
      largest = std::max(largest, batch.texts.size());
      for (std::size_t n = 0; n < batch.texts.size(); ++n) {
        rows_.push_back(static_cast<std::int64_t>(rows_.size()));
        for (int c = 0; c < config.classes; ++c)
          weights.push_back(static_cast<int>(n) % config.classes == c ? 1.0f : 0.0f);
      }
    }
    first_rows_.push_back(rows_.size());
    labels.weights = {weights.data(), static_cast<std::int64_t>(rows_.size()), config.classes};
    program_ = engine_.row_engine(row_request(policy_ref(SoftTargetCe{}), policy_ref(KeepPrior{}),
                                              labels, static_cast<int>(largest)));
    program_->begin_epoch(0);
  }

  CudaTransformer<T, ComputeStream>& engine() { return engine_; }
  cudaStream_t stream() const { return stream_; }
  void go_to_step(std::int64_t step) { step_ = step; }

  /// The loss; behind(0) to behind(2) stand behind forward with the loss, backward and AdamW.
  template <class Behind>
  double step(Behind&& behind) {
    const std::size_t i = static_cast<std::size_t>(step_) % batches_.size();
    engine_.forward_rows(packed_.pack(batches_[i], config_), {}, EnginePass::training, step_++);
    program_->visit(std::span(rows_).subspan(first_rows_[i], first_rows_[i + 1] - first_rows_[i]),
                    Denominator::batch_rows, {}, TargetCopy::none);
    behind(0);
    engine_.backward_rows();
    behind(1);
    engine_.step(options, learning_rate);
    behind(2);
    const VisitReport report = program_->report();
    return report.loss / static_cast<double>(report.with_target);
  }
  double step() {
    return step([](int) {});
  }
  void round() {
    for (std::size_t i = 0; i < batches_.size(); ++i)
      expect(std::isfinite(step()), "a loss is not finite");
  }
  void warm_up() {
    for (int i = 0; i < rounds_before; ++i) round();
    engine_.gradient_norm();  // waits
  }
  /// At least one, as many as begin in the given time.
  Rounds rounds(double seconds) {
    Rounds found;
    const Clock::time_point begin = Clock::now();
    Clock::time_point last = begin;
    do {
      for (std::size_t i = 0; i < batches_.size(); ++i) {
        expect(std::isfinite(step()), "a loss is not finite");
        const Clock::time_point now = Clock::now();
        found.microseconds.push_back(1e6 * std::chrono::duration<double>(now - last).count());
        last = now;
      }
      ++found.count;
    } while (seconds_since(begin) < seconds);
    expect(std::isfinite(engine_.gradient_norm()), "the gradients are not finite");  // waits
    found.seconds = seconds_since(begin);
    return found;
  }

 private:
  TransformerConfig config_;
  const std::vector<Batch>& batches_;
  cudaStream_t stream_;  ///< the engine's
  CudaTransformer<T, ComputeStream> engine_;
  PackedRoom packed_;
  std::vector<std::int64_t> rows_;
  std::vector<std::size_t> first_rows_;  ///< of the batches, and of the end
  std::unique_ptr<RowEngine> program_;
  std::int64_t step_ = 0;
};

/// Microseconds of forward, backward and AdamW on the device, each behind the other.
template <class T>
std::array<Times, 3> phases(Training<T>& training, std::size_t steps) {
  struct Marks {
    Event at[4] = {Event(EventUse::timing), Event(EventUse::timing), Event(EventUse::timing),
                   Event(EventUse::timing)};
  };
  std::vector<Marks> all(steps);  // read afterwards, so that no step waits for the one before
  for (Marks& marks : all) {
    marks.at[0].record(training.stream());
    training.step([&](int phase) { marks.at[phase + 1].record(training.stream()); });
  }
  std::array<std::vector<double>, 3> microseconds;
  for (const Marks& marks : all) {
    for (std::size_t i = 0; i < 3; ++i)
      microseconds[i].push_back(1e3 * milliseconds_between(marks.at[i], marks.at[i + 1]));
  }
  return {times_of(microseconds[0]), times_of(microseconds[1]), times_of(microseconds[2])};
}

/// A row of results; the columns are told of in bench/results/README.md.
struct Row {
  std::string model, texts, work, variant, dtype;
  Times times;
  double rate = 0.0;
  const char* unit = "";
  double of_ceiling = 0.0;  ///< shares; 0: none
  double of_step = 0.0;
  double megabytes = 0.0;
};

/// Rows on the terminal and in a file.
class Report {
 public:
  explicit Report(std::string csv) : csv_(std::move(csv)) {
    tail_ = run_facts();
    std::printf("%s\n", tail_.c_str());
  }
  void head(const std::string& title) {
    std::printf(
        "\n%s\n\n| model | texts | work | variant | dtype | p50 us | p20 | p80 | rate | unit | "
        "%% of ceiling | %% of step | MB |\n"
        "|---|---|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|\n",
        title.c_str());
  }
  void add(const Row& row) {
    const auto number = [](const char* format, double value) {
      char text[32] = "";
      if (value > 0.0) std::snprintf(text, sizeof text, format, value);
      return std::string(text);
    };
    std::string line;
    for (const std::string& cell :
         {row.model, row.texts, row.work, row.variant, row.dtype, number("%.1f", row.times.p50),
          number("%.1f", row.times.p20), number("%.1f", row.times.p80), number("%.1f", row.rate),
          std::string(row.unit), number("%.1f", 100 * row.of_ceiling),
          number("%.1f", 100 * row.of_step), number("%.0f", row.megabytes)})
      line += cell + ",";
    std::string shown = "| " + line.substr(0, line.size() - 1) + " |";
    for (std::size_t i = 0; (i = shown.find(',', i)) != std::string::npos; i += 3)
      shown.replace(i, 1, " | ");
    std::puts(shown.c_str());
    std::fflush(stdout);
    if (csv_.empty()) return;
    std::ofstream file(csv_, std::ios::app);
    if (file.tellp() == 0)
      file << "model,texts,work,variant,dtype,p50_us,p20_us,p80_us,rate,unit,% of ceiling,% of "
              "step,MB,gpu,driver,commit,date\n";
    file << line << tail_ << "\n";
    if (!file.flush()) throw std::runtime_error("cannot write " + csv_);
  }

 private:
  std::string csv_, tail_;
};

__global__ void copy_kernel(const float4* from, float4* to, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) to[i] = from[i];
}
/// Bytes a second, read and written.
double copy_rate() {
  const Stream stream;
  DeviceBuffer<float4> from(std::size_t{1} << 26), to(from.size());  // 1 GiB each
  const auto n = static_cast<long long>(from.size());
  launch(fill_normal_kernel<float>, {static_cast<unsigned>(4 * n / 256), 256}, stream,
         reinterpret_cast<float*>(from.data()), 4 * n);
  const auto rate = [&](auto&& copy) {
    const auto times = microseconds_of(stream, nullptr, 30, 0.2, copy);
    return 2.0 * static_cast<double>(from.bytes()) / (1e-6 * times[times.size() / 2]);
  };
  const double kernel = rate([&] {
    launch(copy_kernel, {static_cast<unsigned>(n / 256), 256}, stream,
           static_cast<const float4*>(from.data()), to.data(), n);
  });
  return std::max(kernel, rate([&] {
                    CANDIST_CUDA(cudaMemcpyAsync(to.data(), from.data(), from.bytes(),
                                                 cudaMemcpyDeviceToDevice, stream));
                  }));
}

class Bench {
 public:
  Bench(const std::string& csv, double seconds)
      : report_(csv), seconds_(seconds), facts_(device_facts()), copy_rate_(copy_rate()) {
    std::printf("plain copy: %.0f GB/s\n", 1e-9 * copy_rate_);
  }

  /// A step of a shape, and where its time goes.
  template <class T>
  void shape(const ModelShape& model, const RandomParameters& parameters, const TextShape& texts);
  /// The step of several engines at once.
  template <class T>
  void engines(const ModelShape& model, const RandomParameters& parameters, const TextShape& texts);
  int skipped() const { return skipped_; }

 private:
  template <class T>
  Row row(const ModelShape& model, const TextShape& texts, const std::string& work) const {
    return {model.name, texts.name, work, "candist", std::is_same_v<T, float> ? "float" : "bf16",
            {}};
  }
  template <class T>
  void profile(const ModelShape& model, const RandomParameters& parameters, const TextShape& texts,
               const std::vector<Batch>& batches, const Row& step,
               const std::array<Times, 3>& of_phases);
  Row step_row(Row step, const ModelShape& model, const std::vector<Batch>& batches,
               std::vector<double> microseconds, double rounds_a_second) const;
  /// Is there time, and memory for `engines` of them? Else it says so.
  template <class T>
  bool can_begin(const std::string& what, const ModelShape& model,
                 const RandomParameters& parameters, const std::vector<Batch>& batches,
                 std::size_t engines);
  void add_part(Row part, double operations, double bytes);

  Report report_;
  double seconds_;
  DeviceFacts facts_;
  double copy_rate_;
  Clock::time_point begin_ = Clock::now();
  int skipped_ = 0;
};

template <class T>
bool Bench::can_begin(const std::string& what, const ModelShape& model,
                      const RandomParameters& parameters, const std::vector<Batch>& batches,
                      std::size_t engines) {
  const std::size_t needed = engines * CudaTransformer<T, ComputeStream>::memory_of(
                                           model.config, parameters.blocks(), capacity_of(batches))
                                           .total();
  const std::size_t free = ComputeStream::free_bytes();
  const bool has_time = seconds_since(begin_) < seconds_;
  if (has_time && needed <= free) return true;
  const std::string reason = has_time ? std::to_string(needed) + " bytes of memory are needed, " +
                                            std::to_string(free) + " are free"
                                      : "no time is left";
  std::printf("\n%s: skipped, %s\n", what.c_str(), reason.c_str());
  ++skipped_;
  return false;
}

Row Bench::step_row(Row step, const ModelShape& model, const std::vector<Batch>& batches,
                    std::vector<double> microseconds, double rounds_a_second) const {
  double tokens = 0.0;
  for (const Batch& batch : batches) tokens += static_cast<double>(batch.tokens);
  const double peak = peak_of(facts_.name, step.dtype == "bf16");
  step.times = times_of(std::move(microseconds));
  step.rate = rounds_a_second * tokens;
  step.unit = "tokens/s";
  if (peak > 0.0)
    step.of_ceiling = rounds_a_second * model_operations(model.config, batches) / peak;
  return step;
}

template <class T>
void Bench::shape(const ModelShape& model, const RandomParameters& parameters,
                  const TextShape& texts) {
  Row step = row<T>(model, texts, "step");
  const std::string what = step.model + " " + step.texts + " " + step.dtype;
  const std::vector<Batch> batches = draw_batches(texts, model.config.vocabulary);
  if (!can_begin<T>(what, model, parameters, batches, 1)) return;
  std::array<Times, 3> of_phases;
  {
    Training<T> training(model.config, parameters.blocks(), batches);
    training.warm_up();
    const Rounds rounds = training.rounds(seconds_a_measurement);
    step = step_row(step, model, batches, rounds.microseconds, rounds.a_second());
    step.megabytes = 1e-6 * static_cast<double>(training.engine().memory().total());
    of_phases = phases(training, rounds_of_events * batches.size());
  }
  char title[160];
  std::snprintf(title, sizeof title, "%s: %lld parameters, %zu batches, digest %016llx",
                what.c_str(), static_cast<long long>(parameter_count(model.config)), batches.size(),
                static_cast<unsigned long long>(digest(batches)));
  report_.head(title);
  report_.add(step);
  profile<T>(model, parameters, texts, batches, step, of_phases);
}

void Bench::add_part(Row part, double operations, double bytes) {
  const double seconds = 1e-6 * part.times.p50;
  if (operations > 0.0) {
    const double peak = peak_of(facts_.name, part.dtype == "bf16");
    part.rate = 1e-12 * operations / seconds;
    part.unit = "TFLOP/s";
    if (peak > 0.0) part.of_ceiling = operations / seconds / peak;
  } else {
    part.rate = 1e-9 * bytes / seconds;
    part.unit = "GB/s";
    if (bytes > 2.0 * static_cast<double>(facts_.l2_bytes))
      part.of_ceiling = bytes / seconds / copy_rate_;
  }
  report_.add(part);
}

template <class T>
void Bench::profile(const ModelShape& model, const RandomParameters& parameters,
                    const TextShape& texts, const std::vector<Batch>& batches, const Row& step,
                    const std::array<Times, 3>& of_phases) {
  const auto part_row = [&](const std::string& name, const Times& times) {
    Row part = row<T>(model, texts, name);
    part.times = times;
    part.of_step = times.p50 / step.times.p50;
    return part;
  };
  ComputeStream compute;
  StepParts<T, ComputeStream> parts(model.config, parameters.blocks(), batches.front(),
                                    capacity_of(batches), compute);
  const int replays = batches.front().tokens < 2048 ? 10 : 1;  // the host stays ahead of the device
  const Stream stream;
  double all = of_phases[2].p50;
  for (const StepPart& part : parts.list()) {
    part.run();  // kernels are loaded, products known
    compute.wait();
    const Graph graph = Graph::captured(compute.get(), part.run);
    std::vector<double> times = microseconds_of(stream, nullptr, 50, seconds_a_part, [&] {
      for (int i = 0; i < replays; ++i) graph.replay(stream);
    });
    for (double& time : times) time /= replays;
    const Row of_part = part_row(part.name, times_of(std::move(times)));
    add_part(of_part, part.operations, part.bytes);
    all += of_part.times.p50;
  }
  add_part(part_row("AdamW and norm", of_phases[2]), 0.0, parts.adamw_bytes());
  report_.add(part_row("sum of the above", {all, all, all}));
  report_.add(part_row("forward whole", of_phases[0]));
  report_.add(part_row("backward whole", of_phases[1]));
}

template <class T>
void Bench::engines(const ModelShape& model, const RandomParameters& parameters,
                    const TextShape& texts) {
  const std::vector<Batch> batches = draw_batches(texts, model.config.vocabulary);
  report_.head(std::string(model.name) + " " + texts.name + ", engines at once");
  std::vector<std::unique_ptr<Training<T>>> all;
  for (const int count : {1, 2, 4, 8}) {
    Row step = row<T>(model, texts, "step");
    step.variant += " x" + std::to_string(count);
    const auto more = static_cast<std::size_t>(count) - all.size();
    if (!can_begin<T>(step.model + " " + step.variant, model, parameters, batches, more)) return;
    for (std::size_t i = 0; i < more; ++i) {
      all.push_back(std::make_unique<Training<T>>(model.config, parameters.blocks(), batches));
      all.back()->warm_up();
    }
    std::latch start(count);
    std::vector<std::future<Rounds>> running;
    for (const auto& training : all) {
      running.push_back(std::async(std::launch::async, [&start, &training] {
        start.arrive_and_wait();
        return training->rounds(seconds_a_measurement);
      }));
    }
    std::vector<double> microseconds;
    double rounds_a_second = 0.0;
    for (std::future<Rounds>& one : running) {
      const Rounds rounds = one.get();
      microseconds.insert(microseconds.end(), rounds.microseconds.begin(),
                          rounds.microseconds.end());
      rounds_a_second += rounds.a_second();
    }
    step = step_row(step, model, batches, std::move(microseconds), rounds_a_second);
    for (const auto& training : all)
      step.megabytes += 1e-6 * static_cast<double>(training->engine().memory().total());
    report_.add(step);
  }
}

// ---- check

ModelShape tiny(const ModelShape& of) {
  ModelShape model = of;
  model.config.vocabulary = 500;
  model.config.positions = 64 + model.config.first_position;
  model.config.width = 128;
  model.config.heads = model.config.width / (of.config.width / of.config.heads);
  model.config.layers = 2;
  model.config.inner_width = 256;
  return model;
}

struct Trained {
  std::vector<double> losses;
  std::vector<float> values;
  bool operator==(const Trained&) const = default;
};
template <class T>
Trained train(Training<T>& training, RandomParameters& room, int steps) {
  Trained trained;
  for (int i = 0; i < steps; ++i) trained.losses.push_back(training.step());
  training.engine().settle();
  training.engine().get(room.blocks());
  for (const ParameterBlock& block : room.blocks())
    trained.values.insert(trained.values.end(), block.values.begin(), block.values.end());
  return trained;
}

template <class T>
void check(const ModelShape& of) {
  const ModelShape model = tiny(of);
  const std::vector<Batch> batches = draw_batches({"", 6, 0, 3}, model.config.vocabulary);
  const int few = static_cast<int>(batches.size());  // every size comes once
  const int many = 4 * few;
  const RandomParameters begin(model.config, 5);
  const std::string what = std::string(" of a tiny ") + model.name;
  const auto fresh = [&] {
    return std::make_unique<Training<T>>(model.config, begin.blocks(), batches);
  };
  const auto trained = [&](Training<T>& training, int steps) {
    RandomParameters room(model.config, 6);
    return train(training, room, steps);
  };
  const auto one = fresh();
  std::ostringstream state;
  one->engine().save_optimizer(state);
  const Trained launched = trained(*one, few);
  const auto other = fresh();
  const Trained all = trained(*other, many);
  for (const double loss : all.losses) expect(std::isfinite(loss), "a loss" + what);
  expect(std::equal(launched.losses.begin(), launched.losses.end(), all.losses.begin()),
         "first losses of two engines" + what);
  expect(trained(*fresh(), many) == all, "weights and losses of two engines" + what);

  // From the start again, with every size recorded.
  std::istringstream from(state.str());
  other->engine().put(begin.blocks());
  other->engine().load_optimizer(from);
  other->go_to_step(0);
  expect(trained(*other, few) == launched, "replays beside launches" + what);

  const auto left = fresh(), right = fresh();
  std::latch start(2);
  const auto beside = [&](Training<T>& training) {
    return std::async(std::launch::async, [&] {
      start.arrive_and_wait();
      return trained(training, many);
    });
  };
  std::future<Trained> of_left = beside(*left), of_right = beside(*right);
  expect(of_left.get() == all && of_right.get() == all, "engines beside each other" + what);

  ComputeStream compute;
  StepParts<T, ComputeStream> parts(model.config, begin.blocks(), batches.front(),
                                    capacity_of(batches), compute);
  for (const StepPart& part : parts.list()) {
    part.run();
    compute.wait();
  }
}

void check_all() {
  // Published sizes, with this classifier: 22,713,216 with a pooler, 124,055,040 without.
  const std::int64_t output = 6, dense = 768 * 768 + 768;
  expect(parameter_count(minilm().config) == 22713216 + output * 384 + output, "size of MiniLM-L6");
  expect(parameter_count(roberta_base().config) == 124055040 + dense + output * 768 + output,
         "size of RoBERTa-base");
  for (const ModelShape& model : {minilm(), roberta_base()}) {
    check<float>(model);
    check<__nv_bfloat16>(model);
    for (const TextShape& texts : text_shapes) {
      std::printf(
          "%s %s: digest %016llx\n", model.name, texts.name,
          static_cast<unsigned long long>(digest(draw_batches(texts, model.config.vocabulary))));
    }
  }
  std::puts("bench_transformer: launches and replays agree, the same bits twice and side by side");
}

}  // namespace

int main(int argc, char** argv) try {
  std::string csv;
  double seconds = 1e9;
  bool check_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--check") {
      check_only = true;
    } else if (option == "--csv" && i + 1 < argc) {
      csv = argv[++i];
    } else if (option == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: bench_transformer [--csv FILE] [--seconds S] | --check\n");
      return 2;
    }
  }
  if (const int code = exit_code_without_device()) return code;
  if (check_only) {
    check_all();
    return 0;
  }
  Bench bench(csv, seconds);
  // What the goals speak of first.
  const ModelShape models[] = {roberta_base(), minilm()};
  const RandomParameters parameters[] = {{models[0].config, 1}, {models[1].config, 1}};
  for (const int m : {0, 1}) {
    for (const TextShape& texts : text_shapes)
      bench.shape<__nv_bfloat16>(models[m], parameters[m], texts);
    bench.engines<__nv_bfloat16>(models[m], parameters[m], text_shapes[0]);
  }
  for (const int m : {0, 1}) {
    for (const TextShape& texts : text_shapes) bench.shape<float>(models[m], parameters[m], texts);
  }
  if (bench.skipped() > 0) std::printf("\nbench_transformer: %d skipped\n", bench.skipped());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bench: FAILED: %s\n", error.what());
  return 1;
}
