// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cuda_engine.hpp"
#include "students.hpp"

namespace candist::program {

namespace {

CudaEngineRequest request_for(Transformer& host, const RunSettings& settings) {
  // A batch with its second views, at most a text's length each, and a mixture a text; evaluation fills
  // the same room.
  const std::int64_t batch = *settings.batch;
  const TransformerCapacity capacity{std::max<std::int64_t>(2 * batch, 256),
                                     2 * batch * *settings.max_length, 3 * batch};
  const auto precision = settings.precision == "fp32" ? CudaEngineRequest::Precision::fp32
                                                      : CudaEngineRequest::Precision::bf16;
  return {host.config(), host.blocks(), capacity, host.options().seed, precision};
}

}  // namespace

DeviceTransformer CudaTransformerStudent::make(const RunSettings& settings, const Corpus& corpus) {
  Transformer host = TransformerStudent::make(settings, corpus);
  auto engine = make_cuda_engine(request_for(host, settings));
  return DeviceTransformer(std::move(host), std::move(engine));
}

double CudaTransformerStudent::device_memory(Transformer host, const RunSettings& settings,
                                             const Corpus& corpus) {
  // Candidate weights, targets, a second table of some refineries.
  const double tables = 3.0 * static_cast<double>(corpus.train.rows()) *
                        static_cast<double>(corpus.labels.size()) * sizeof(float);
  // The room of cuBLASLt's products and the recorded graphs, which nobody counts.
  constexpr double beside = 128.0 * 0x1p20;
  return static_cast<double>(cuda_engine_memory(request_for(host, settings)).total()) + tables +
         beside;
}

void CudaTransformerStudent::check(const RunSettings& settings, const Corpus& corpus) {
  TransformerConfig shape;
  if (settings.pretrained.empty()) {
    shape.layers = *settings.layers;
    shape.width = *settings.width;
    shape.heads = *settings.heads;
  } else {
    shape = read_transformer_config(settings.pretrained);
  }
  check_device_shape(shape);
  if (settings.optimizer != DefaultOptimizer::name) {
    throw InputError("--optimizer " + shown(settings.optimizer) + ": found with --student " + name +
                     ", expected adamw, which is the one that runs on the GPU");
  }
  TransformerStudent::check(settings, corpus);
  check_cuda();
}

DeviceAdamW CudaTransformerStudent::optimizer(const RunSettings& settings,
                                              const DeviceTransformer& student) {
  return DeviceAdamW(
      {.weight_decay = *settings.weight_decay, .max_gradient_norm = *settings.max_gradient_norm},
      student.engine());
}

}  // namespace candist::program
