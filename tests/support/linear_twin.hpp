// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// linear_row_loss beside a plain head around RowProgram::visit.
#pragma once

#include "support/row_twin.hpp"

namespace candist::testing {

template <class Runner>
std::string compare_linear_head(Runner& runner, std::int64_t n, int classes, int width) {
  const RowTable table(n, classes, 8);
  const MaskCandidates set(table.weight_view());
  const auto c = static_cast<std::size_t>(classes);
  const auto d = static_cast<std::size_t>(width);
  const auto rows = static_cast<std::size_t>(n);
  const auto random = [&](std::size_t count, std::uint64_t seed) {
    std::vector<float> values;
    for (std::size_t i = 0; i < count; ++i)
      values.push_back(CounterRng(seed, RandomPurpose::resampling, 0, i).normal());
    return values;
  };
  const std::vector<float> features = random(rows * d, 1), weights = random(c * d, 2),
                           bias = random(c, 3), dweights = random(c * d, 4), dbias = random(c, 5);

  std::vector<float> logits(rows * c);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < c; ++j) {
      double sum = bias[j];
      for (std::size_t k = 0; k < d; ++k)
        sum += static_cast<double>(features[i * d + k]) * weights[j * d + k];
      logits[i * c + j] = static_cast<float>(sum);
    }
  }
  RowProgram program(SoftTargetCe{}, RenormalisedPrediction{}, set.view());
  program.begin_epoch(0);
  std::vector<std::int64_t> order;
  for (std::int64_t row = 0; row < n; ++row) order.push_back(row);
  std::vector<float> dlogits(rows * c), targets(rows * c);
  const VisitReport report =
      program.visit(order, {logits.data(), n, classes}, Denominator::rows_with_target,
                    {dlogits.data(), n, classes}, {targets.data(), n, classes});
  std::vector<float> expected_features(rows * d), expected_weights = dweights,
                                                  expected_bias = dbias;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < c; ++j) {
      expected_bias[j] += dlogits[i * c + j];
      for (std::size_t k = 0; k < d; ++k) {
        expected_features[i * d + k] += dlogits[i * c + j] * weights[j * d + k];
        expected_weights[j * d + k] += dlogits[i * c + j] * features[i * d + k];
      }
    }
  }

  RowBatch<float, MaskView> batch;
  batch.candidates = upload(runner, set.view());
  batch.count = n;
  batch.targets = runner.upload(table.weights);
  const RowPass passes[] = {RowPass::initialize, RowPass::visit};
  batch.pass = passes[0];
  row_loss(SoftTargetCe{}, RenormalisedPrediction{}, batch, nullptr);
  batch.pass = passes[1];
  batch.scale = report.with_target > 0 ? 1.0f / static_cast<float>(report.with_target) : 0.0f;
  batch.losses = runner.upload(std::vector<float>(rows, -77.0f));
  batch.final_targets = runner.upload(std::vector<float>(rows * c, -77.0f));
  LinearHead head;
  head.width = width;
  head.features = runner.upload(features);
  head.weights = runner.upload(weights);
  head.bias = runner.upload(bias);
  head.dfeatures = runner.upload(std::vector<float>(rows * d, -77.0f));
  head.dweights = runner.upload(dweights);
  head.dbias = runner.upload(dbias);
  head.partials = runner.upload(std::vector<float>(head.partial_count(n, classes), -77.0f));
  linear_row_loss(SoftTargetCe{}, RenormalisedPrediction{}, batch, head, nullptr);

  Complaints complaints("linear head, N = " + std::to_string(n) +
                        ", C = " + std::to_string(classes) + ", D = " + std::to_string(width));
  const double allowed = 2e-6 * (4.0 + std::sqrt(static_cast<double>(width)));
  complaints.compare("gradients of the features", runner.download(head.dfeatures, rows * d),
                     expected_features, allowed);
  complaints.compare("gradients of the weights", runner.download(head.dweights, c * d),
                     expected_weights, allowed);
  complaints.compare("gradients of the bias", runner.download(head.dbias, c), expected_bias,
                     allowed);
  complaints.compare("targets", runner.download(batch.final_targets, rows * c), targets, allowed);
  complaints.compare(
      "stored targets", runner.download(batch.targets, rows * c),
      std::vector<float>(program.store().targets().data, program.store().targets().data + rows * c),
      allowed);
  double sum = 0.0;
  for (const float value : runner.download(batch.losses, rows)) sum += value;
  complaints.expect(
      std::abs(sum - report.loss) <= 1e-4 * (1.0 + std::abs(report.loss)),
      "sum of the losses: " + std::to_string(sum) + " against " + std::to_string(report.loss));
  return complaints.text();
}

}  // namespace candist::testing
