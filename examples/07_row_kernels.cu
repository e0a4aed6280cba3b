// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The row part of a training on the GPU, for a training loop of your own: softmax, refined targets, loss and
// gradient of a batch in one launch, here beside the host loop that specifies them. Without a GPU it says
// so and ends with 77.
//
//   build-cuda/bin/07_row_kernels
//
// Last line: "ok: host and device agree"
#include <cmath>
#include <cstdio>
#include <numeric>
#include <vector>

#include "candist/candidates/mask.hpp"
#include "candist/counter_rng.hpp"
#include "candist/cuda/device_stream.cuh"
#include "candist/losses/soft_target_ce.hpp"
#include "candist/refineries/distribution_refinery.hpp"
#include "candist/training/device_row_program.cuh"
#include "candist/training/row_program.hpp"

using namespace candist;

int main() try {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("skipped: no GPU");
    return 77;
  }
  constexpr std::int64_t n = 1000;
  constexpr int classes = 6;
  constexpr std::size_t cells = n * classes;
  std::vector<float> logits, weights;
  for (std::uint64_t i = 0; i < cells; ++i) {
    CounterRng rng(1, RandomPurpose::resampling, 0, i);
    logits.push_back(rng.normal());
    weights.push_back(rng.uniform() < 0.3f ? 1.0f : 0.0f);
  }
  const MaskCandidates set(MatrixView<const float>{weights.data(), n, classes});

  // Logits and gradients lie on the device, where the student left and wants them.
  DeviceStream stream;
  DeviceBuffer<float> device_logits(cells), dlogits(cells);
  device_logits.copy_from_host(logits, stream);
  std::vector<std::int64_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  const MatrixView<const float> logits_there{device_logits.data(), n, classes};
  const MatrixView<float> dlogits_there{dlogits.data(), n, classes};
  // [program]
  DeviceRowProgram program(SoftTargetCe{}, DistributionRefinery{}, set.view(), n, stream);
  program.note(0, logits_there);  // summaries of an evaluation pass
  program.begin_epoch(5);         // plans, on the host, from the summaries
  program.visit(rows, logits_there, Denominator::rows_with_target, dlogits_there, {});
  const VisitReport report = program.report();  // waits; names a row that is not finite
  // [/program]

  RowProgram twin(SoftTargetCe{}, DistributionRefinery{}, set.view());
  std::vector<float> expected(cells), targets(cells), gradients(cells);
  const MatrixView<const float> host_logits{logits.data(), n, classes};
  twin.note(0, host_logits);
  twin.begin_epoch(5);
  const VisitReport host = twin.visit(rows, host_logits, Denominator::rows_with_target,
                                      {expected.data(), n, classes}, {targets.data(), n, classes});
  dlogits.copy_to_host(gradients, stream);
  stream.wait();
  float furthest = 0.0f;
  for (std::size_t i = 0; i < cells; ++i)
    furthest = std::fmax(furthest, std::fabs(gradients[i] - expected[i]));
  std::printf("loss %.5f on the device, %.5f on the host; gradients at most %.1e apart\n",
              report.loss / static_cast<double>(report.with_target),
              host.loss / static_cast<double>(host.with_target), furthest);
  const bool good = report.with_target == host.with_target && furthest < 1e-7f;
  std::puts(good ? "ok: host and device agree" : "FAILED: see above");
  return good ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
