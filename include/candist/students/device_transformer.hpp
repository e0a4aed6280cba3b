// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/concepts.hpp"
#include "candist/optimizers/adamw_options.hpp"
#include "candist/students/packed_batch.hpp"
#include "candist/students/transformer.hpp"
#include "candist/students/transformer_engine.hpp"

namespace candist {

/// A transformer whose passes run on a device; DeviceAdamW steps it. Its weights' folder, tokenizer and names
/// are those of the Transformer that it was made from, whose host memory serves for reading and saving
/// weights. Copies share one device transformer. An evaluation may not stand between a training forward and
/// its backward. The bits of a training depend on nothing but its batches.
class DeviceTransformer {
 public:
  static constexpr const char* name = "cuda-transformer";

  /// `engine` was made with host's blocks.
  DeviceTransformer(Transformer host, std::shared_ptr<TransformerEngine> engine)
      : host_(std::make_shared<Transformer>(std::move(host))), engine_(std::move(engine)) {}

  const TransformerConfig& config() const { return host_->config(); }
  TransformerEngine& engine() { return *engine_; }
  const std::shared_ptr<TransformerEngine>& shared_engine() const { return engine_; }
  int classes() const { return host_->classes(); }
  int width() const { return host_->width(); }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    host_->encode(text, ids);
  }

  void forward(TextBatch batch, Mode mode, MatrixView<float> logits);
  void backward(MatrixView<const float> dlogits) { engine_->backward(dlogits); }
  void embed(TextBatch batch, Mode mode, MatrixView<float> embeddings);
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits);
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) {
    engine_->classify_backward(dlogits, dembeddings);
  }
  void embed_backward(MatrixView<const float> dembeddings) { engine_->embed_backward(dembeddings); }
  void zero_gradients() { engine_->zero_gradients(); }
  /// None on the host.
  std::span<ParameterBlock> blocks() { return {}; }

  /// The Transformer with the weights of the device: what is saved, and what evaluates without a device.
  const Transformer& on_host() const {
    engine_->get(host_->blocks());
    return *host_;
  }
  friend void save_student(const std::filesystem::path& folder, const DeviceTransformer& student) {
    save_student(folder, student.on_host());
  }

 private:
  PackedTexts pack(TextBatch batch);
  static EnginePass pass_of(Mode mode) {
    return mode == Mode::training ? EnginePass::training : EnginePass::evaluation;
  }
  /// run(texts, rows of out) for parts of a batch that there is room for.
  template <class Run>
  void in_parts(TextBatch batch, MatrixView<float> out, Run&& run);

  std::shared_ptr<Transformer> host_;
  std::shared_ptr<TransformerEngine> engine_;
  PackedBatch packed_;
  std::vector<std::int32_t> offsets_;
};

/// AdamW of a DeviceTransformer, whose state is on the device; host twin: AdamW.
class DeviceAdamW {
 public:
  static constexpr const char* name = "adamw";

  explicit DeviceAdamW(AdamWOptions options, std::shared_ptr<TransformerEngine> engine)
      : options_(options), engine_(std::move(engine)) {}

  void step(std::span<ParameterBlock>, float learning_rate) {
    engine_->step(options_, learning_rate);
  }
  void settle(std::span<ParameterBlock>) { engine_->settle(); }
  /// Of the last step's gradients, before clipping.
  double gradient_norm() const { return engine_->gradient_norm(); }
  void save(std::ostream& out) const { engine_->save_optimizer(out); }
  void load(std::istream& in) { engine_->load_optimizer(in); }

 private:
  AdamWOptions options_;
  std::shared_ptr<TransformerEngine> engine_;
};

// ---- definitions

inline PackedTexts DeviceTransformer::pack(TextBatch batch) {
  packed_.pack(batch, config());
  offsets_.clear();
  for (const PackedText& text : packed_.with_all_queries())
    offsets_.push_back(static_cast<std::int32_t>(text.first));
  offsets_.push_back(static_cast<std::int32_t>(packed_.tokens()));
  return {packed_.ids(), packed_.positions(), offsets_};
}

template <class Run>
void DeviceTransformer::in_parts(TextBatch batch, MatrixView<float> out, Run&& run) {
  const TransformerCapacity& room = engine_->capacity();
  for (std::size_t first = 0; first < batch.size();) {
    std::size_t last = first;
    std::int64_t tokens = 0;
    while (last < batch.size() && static_cast<std::int64_t>(last - first) < room.texts) {
      const auto more = static_cast<std::int64_t>(batch[last].size());
      if (last > first && tokens + more > room.tokens) break;
      tokens += more;
      ++last;
    }
    run(pack(batch.subspan(first, last - first)),
        out.slice(static_cast<std::int64_t>(first), static_cast<std::int64_t>(last - first)));
    first = last;
  }
}

inline void DeviceTransformer::forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
  if (mode == Mode::evaluation) {
    return in_parts(batch, logits, [&](const PackedTexts& texts, MatrixView<float> rows) {
      engine_->forward(texts, EnginePass::evaluation, 0, rows);
    });
  }
  engine_->forward(pack(batch), EnginePass::training, host_->steps(), logits);
  host_->set_steps(host_->steps() + 1);
}

inline void DeviceTransformer::embed(TextBatch batch, Mode mode, MatrixView<float> embeddings) {
  if (mode == Mode::evaluation) {
    return in_parts(batch, embeddings, [&](const PackedTexts& texts, MatrixView<float> rows) {
      engine_->embed(texts, EnginePass::evaluation, 0, rows);
    });
  }
  engine_->embed(pack(batch), EnginePass::training, host_->steps(), embeddings);
}

inline void DeviceTransformer::classify(MatrixView<const float> embeddings, Mode mode,
                                        MatrixView<float> logits) {
  engine_->classify(embeddings, pass_of(mode), logits);
  if (mode == Mode::training) host_->set_steps(host_->steps() + 1);
}

static_assert(EmbeddingStudent<DeviceTransformer>);
static_assert(Optimizer<DeviceAdamW>);

}  // namespace candist
