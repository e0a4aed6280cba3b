// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <mutex>
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
#include "candist/training/device_steps.hpp"

namespace candist {

/// A transformer whose passes run on a device; DeviceAdamW steps it. Its weights' folder, tokenizer and names
/// are those of the Transformer that it was made from, which is also where its weights are on the host. A
/// copy has weights of its own and shares the device, where one of them is at a time: whoever is used
/// moves in. No evaluation and no other copy may stand between a training forward and its step.
/// Evaluation may be shared by threads, which take turns.
class DeviceTransformer {
 public:
  static constexpr const char* name = "cuda-transformer";

  /// `engine` was made with host's blocks.
  DeviceTransformer(Transformer host, std::shared_ptr<TransformerEngine> engine)
      : host_(std::make_shared<Transformer>(std::move(host))),
        seat_(std::make_shared<Seat>(std::move(engine))) {
    seat_->holder = host_;
  }
  DeviceTransformer(const DeviceTransformer& other)
      : host_(std::make_shared<Transformer>(other.on_host())), seat_(other.seat_) {}
  DeviceTransformer& operator=(const DeviceTransformer& other) {
    return *this = DeviceTransformer(other);
  }
  DeviceTransformer(DeviceTransformer&&) = default;
  DeviceTransformer& operator=(DeviceTransformer&&) = default;

  const TransformerConfig& config() const { return host_->config(); }
  const Tokenizer& tokenizer() const { return host_->tokenizer(); }
  const std::shared_ptr<TransformerEngine>& engine() const { return seat_->engine; }
  int classes() const { return host_->classes(); }
  int width() const { return host_->width(); }
  void encode(std::string_view text, std::vector<std::int32_t>& ids) const {
    host_->encode(text, ids);
  }

  /// Evaluation: logits [N, C], in parts that there is room for.
  void forward(TextBatch batch, MatrixView<float> logits) const;
  void forward(TextBatch batch, Mode mode, MatrixView<float> logits);
  void backward(MatrixView<const float> dlogits) { seat_->engine->backward(dlogits); }
  void embed(TextBatch batch, Mode mode, MatrixView<float> embeddings);
  void classify(MatrixView<const float> embeddings, Mode mode, MatrixView<float> logits);
  void classify_backward(MatrixView<const float> dlogits, MatrixView<float> dembeddings) {
    seat_->engine->classify_backward(dlogits, dembeddings);
  }
  void embed_backward(MatrixView<const float> dembeddings) {
    seat_->engine->embed_backward(dembeddings);
  }

  /// DeviceStudent's: the logits stay on the device, where the row program works on them.
  template <class LossPolicy, class RefineryPolicy, class View>
  std::unique_ptr<RowEngine> row_engine(const LossPolicy& loss, const RefineryPolicy& refinery,
                                        const View& candidates, int largest_batch);
  void forward_rows(TextBatch batch, std::span<const Mixture> mixtures, Mode mode);
  void backward_rows() { seat_->engine->backward_rows(); }
  template <class Work>
  void evaluate_rows(TextBatch batch, Work&& work) const;

  void zero_gradients() { seat_->engine->zero_gradients(); }
  /// None on the host.
  std::span<ParameterBlock> blocks() { return {}; }

  /// The Transformer with the weights of the device: what is saved, and what evaluates without a device.
  const Transformer& on_host() const {
    const std::lock_guard lock(seat_->mutex);
    if (seat_->holder.lock() == host_) seat_->engine->get(host_->blocks());
    return *host_;
  }
  /// Takes over a folder that save_student wrote; the model has to be of the same shape.
  void reload(const std::filesystem::path& folder) {
    const std::lock_guard lock(seat_->mutex);
    *host_ = Transformer::load(folder);
    if (seat_->holder.lock() == host_) seat_->holder.reset();  // its weights there are the old ones
    move_in();
  }
  /// Writes what Transformer writes.
  friend void save_student(const std::filesystem::path& folder, const DeviceTransformer& student) {
    save_student(folder, student.on_host());
  }

 private:
  /// The one place on the device.
  struct Seat {
    std::shared_ptr<TransformerEngine> engine;
    std::weak_ptr<Transformer> holder;  ///< whose weights are there
    std::mutex mutex;                   ///< of evaluation
    explicit Seat(std::shared_ptr<TransformerEngine> its_engine) : engine(std::move(its_engine)) {}
  };
  /// A batch, packed.
  struct Packed {
    PackedBatch batch;
    std::vector<std::int32_t> offsets;

    Packed(TextBatch texts, const TransformerConfig& config) {
      batch.pack(texts, config);
      for (const PackedText& text : batch.with_all_queries())
        offsets.push_back(static_cast<std::int32_t>(text.first));
      offsets.push_back(static_cast<std::int32_t>(batch.tokens()));
    }
    PackedTexts view() const { return {batch.ids(), batch.positions(), offsets}; }
  };

  void move_in() const;
  /// run(texts, first, n) for parts of a batch that there is room for.
  template <class Run>
  void in_parts(TextBatch batch, Run&& run) const;

  std::shared_ptr<Transformer> host_;
  std::shared_ptr<Seat> seat_;
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

inline void DeviceTransformer::move_in() const {
  const std::shared_ptr<Transformer> holder = seat_->holder.lock();
  if (holder == host_) return;
  if (holder) seat_->engine->get(holder->blocks());
  seat_->engine->put(host_->blocks());
  seat_->holder = host_;
}

template <class Run>
void DeviceTransformer::in_parts(TextBatch batch, Run&& run) const {
  const std::lock_guard lock(seat_->mutex);
  move_in();
  const TransformerCapacity& room = seat_->engine->capacity();
  for (std::size_t first = 0; first < batch.size();) {
    std::size_t last = first;
    std::int64_t tokens = 0;
    while (last < batch.size() && static_cast<std::int64_t>(last - first) < room.texts) {
      const auto more = static_cast<std::int64_t>(batch[last].size());
      if (last > first && tokens + more > room.tokens) break;
      tokens += more;
      ++last;
    }
    run(Packed(batch.subspan(first, last - first), config()).view(),
        static_cast<std::int64_t>(first), static_cast<std::int64_t>(last - first));
    first = last;
  }
}

inline void DeviceTransformer::forward(TextBatch batch, MatrixView<float> logits) const {
  in_parts(batch, [&](const PackedTexts& texts, std::int64_t first, std::int64_t n) {
    seat_->engine->forward(texts, EnginePass::evaluation, 0, logits.slice(first, n));
  });
}

inline void DeviceTransformer::forward(TextBatch batch, Mode mode, MatrixView<float> logits) {
  if (mode == Mode::evaluation) return std::as_const(*this).forward(batch, logits);
  move_in();
  seat_->engine->forward(Packed(batch, config()).view(), EnginePass::training, host_->steps(),
                         logits);
  host_->set_steps(host_->steps() + 1);
}

inline void DeviceTransformer::embed(TextBatch batch, Mode mode, MatrixView<float> embeddings) {
  if (mode == Mode::evaluation) {
    return in_parts(batch, [&](const PackedTexts& texts, std::int64_t first, std::int64_t n) {
      seat_->engine->embed(texts, EnginePass::evaluation, 0, embeddings.slice(first, n));
    });
  }
  move_in();
  seat_->engine->embed(Packed(batch, config()).view(), EnginePass::training, host_->steps(),
                       embeddings);
}

template <class LossPolicy, class RefineryPolicy, class View>
std::unique_ptr<RowEngine> DeviceTransformer::row_engine(const LossPolicy& loss,
                                                         const RefineryPolicy& refinery,
                                                         const View& candidates,
                                                         int largest_batch) {
  return seat_->engine->row_engine(
      row_request(policy_ref(loss), policy_ref(refinery), candidates, largest_batch));
}

inline void DeviceTransformer::forward_rows(TextBatch batch, std::span<const Mixture> mixtures,
                                            Mode mode) {
  const bool training = mode == Mode::training;
  move_in();
  seat_->engine->forward_rows(Packed(batch, config()).view(), mixtures,
                              training ? EnginePass::training : EnginePass::evaluation,
                              training ? host_->steps() : 0);
  if (training) host_->set_steps(host_->steps() + 1);
}

template <class Work>
void DeviceTransformer::evaluate_rows(TextBatch batch, Work&& work) const {
  in_parts(batch, [&](const PackedTexts& texts, std::int64_t first, std::int64_t n) {
    seat_->engine->forward_rows(texts, {}, EnginePass::evaluation, 0);
    work(first, n);
  });
}

inline void DeviceTransformer::classify(MatrixView<const float> embeddings, Mode mode,
                                        MatrixView<float> logits) {
  if (mode == Mode::evaluation) {
    move_in();
    return seat_->engine->classify(embeddings, EnginePass::evaluation, logits);
  }
  seat_->engine->classify(embeddings, EnginePass::training, logits);
  host_->set_steps(host_->steps() + 1);
}

static_assert(EmbeddingStudent<DeviceTransformer>);
static_assert(DeviceStudent<DeviceTransformer>);
static_assert(Optimizer<DeviceAdamW>);

}  // namespace candist
