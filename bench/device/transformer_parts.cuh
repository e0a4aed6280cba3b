// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// The parts of a transformer's training step, each for itself: the launches that CudaEncoder gives
// to a stream for it in all layers, over rooms laid out as CudaTransformer lays them, filled with
// random numbers. Not here: the classifier and the rows of first tokens, which are small, and
// AdamW, which is timed in the step itself.
//   operations   products: 2 a row and element of the matrix, rows that fill up included;
//                attention: 4 t^2 D a text forward (2 products), 10 t^2 D backward (5, the scores
//                again)
//   bytes        as the kernels' essays count them, rows that fill up included
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "candist/counter_rng.hpp"
#include "candist/cuda/launch.cuh"
#include "candist/cuda/linear_shape.hpp"
#include "candist/kernels/attention_backward.cuh"
#include "candist/kernels/embedding.cuh"
#include "candist/kernels/gelu.cuh"
#include "candist/kernels/layer_norm.cuh"
#include "candist/students/cuda_parameter_rooms.cuh"
#include "candist/students/cuda_pass_rooms.cuh"
#include "device/transformer_work.hpp"

namespace candist::bench {

/// Puts a part's launches into the stream. One of the two numbers is 0.
struct StepPart {
  std::string name;
  std::function<void()> run;
  double operations = 0.0;
  double bytes = 0.0;
};

template <class T>
__global__ void fill_normal_kernel(T* values, long long n) {
  const long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  CounterRng rng(7, RandomPurpose::resampling, 4, static_cast<std::uint64_t>(i));
  values[i] = from_float<T>(0.1f * rng.normal());
}

/// `compute` has to outlive it. T, Compute: as CudaTransformer has them.
template <class T, class Compute>
class StepParts {
 public:
  StepParts(const TransformerConfig& config, std::span<const ParameterBlock> blocks,
            const Batch& batch, const TransformerCapacity& capacity, Compute& compute);

  /// In an order in which each finds what it reads.
  std::vector<StepPart> list();
  /// Of global_norm and adamw: 4 an element read for the norm, 16 read and 12 written for the step,
  /// 2 for the copies in bf16; of tables the touched rows alone.
  double adamw_bytes() const;

 private:
  using Numbers = ParameterNumbers;
  /// One of a layer's four products and where its factors lie.
  struct Linear {
    const char* name;
    Numbers::Part weight;
    std::int64_t in, out;
    bool has_bias;
  };
  struct Places {
    std::int64_t rows;
    const T* x;
    T* y;
    const T* dy;
    T* dx;
    ProductInto into;
  };

  Places places(const Linear& linear, int layer) const;
  void add_products(std::vector<StepPart>& parts);
  void add_attention(std::vector<StepPart>& parts);
  void add_norms(std::vector<StepPart>& parts);
  void add_gelu(std::vector<StepPart>& parts);
  void add_embedding(std::vector<StepPart>& parts);

  bool first_only(int layer) const { return first_queries_only(config_, layer); }
  std::int64_t queries(int layer) const { return first_only(layer) ? size_.texts : size_.tokens; }
  double all_queries() const {
    double rows = 0.0;
    for (int layer = 0; layer < config_.layers; ++layer)
      rows += static_cast<double>(queries(layer));
    return rows;
  }
  const LayerRooms<T>& room(int layer) const {
    return pass_.layers[static_cast<std::size_t>(layer)];
  }
  const T* input_of(int layer) const { return layer == 0 ? pass_.embedded : room(layer - 1).out; }
  UnitDropout dropout(float probability, int layer) const {
    return dropout_of_batch(pass_.batch, probability, 7, static_cast<std::uint32_t>(layer) * 3);
  }
  NormBatch<T> norm(std::int64_t rows, int gamma, const NormRooms<T>& kept, int layer) const;
  NormGradients<T> norm_gradients(int gamma, const T* dout, T* dsum, T* dbranch) const;
  AttentionBatch<T> attention_of(int layer) const;
  GeluBatch<T> gelu_of(int layer) const;
  void bias_gradient_of(std::int64_t rows, std::int64_t width, const T* dy, int bias) const;

  TransformerConfig config_;
  Compute& compute_;
  BatchSize size_;
  double squares_ = 0.0;  ///< of the valid texts' lengths
  double touched_ = 0.0;  ///< rows of the three tables
  ParameterRooms<T> parameters_;
  PassRooms<T> pass_;
  typename Compute::Memory memory_;
};

// ---- definitions

template <class T, class Compute>
StepParts<T, Compute>::StepParts(const TransformerConfig& config,
                                 std::span<const ParameterBlock> blocks, const Batch& batch,
                                 const TransformerCapacity& capacity, Compute& compute)
    : config_(config), compute_(compute), squares_(batch.squares) {
  const BatchSize largest = BatchSize::of(capacity, config);
  parameters_ = list_parameters<T>(blocks, largest);
  const auto lay = [&](Arena& arena) {
    lay_parameters(parameters_, arena);
    lay_gradients(parameters_, largest, arena);
    lay_pass(pass_, config_, capacity, arena);
  };
  Arena counted;
  lay(counted);
  memory_ = typename Compute::Memory(counted.used());
  Arena arena(memory_.data());
  lay(arena);
  const auto numbers = static_cast<long long>(memory_.size() / sizeof(T));
  launch(fill_normal_kernel<T>, {static_cast<unsigned>((numbers + 255) / 256), 256}, compute_.get(),
         reinterpret_cast<T*>(memory_.data()), numbers);

  PackedRoom packed;
  const PackedTexts texts = packed.pack(batch, config_);
  size_ = BatchSize::of(texts);
  Arena device(reinterpret_cast<std::byte*>(pass_.batch.ids));
  pass_.batch = BatchArrays(device, size_);
  std::vector<std::byte> staged(device.used());
  Arena host(staged.data());
  std::array<std::int64_t, embedding_tables> rows = {};
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = parameters_.list[i].rows;
  for (const std::int64_t touched :
       BatchArrays(host, size_).fill(texts, size_, 0, config_.first_position, rows))
    touched_ += static_cast<double>(touched);
  compute_.to_device(pass_.batch.ids, staged.data(), staged.size());
  compute_.wait();
}

template <class T, class Compute>
std::vector<StepPart> StepParts<T, Compute>::list() {
  std::vector<StepPart> parts;
  add_embedding(parts);
  add_products(parts);
  add_attention(parts);
  add_norms(parts);
  add_gelu(parts);
  // Forward before backward, so that what backward reads is what forward left.
  std::stable_partition(parts.begin(), parts.end(), [](const StepPart& part) {
    return part.name.find("backward") == std::string::npos &&
           part.name.find("gradient") == std::string::npos;
  });
  return parts;
}

template <class T, class Compute>
typename StepParts<T, Compute>::Places StepParts<T, Compute>::places(const Linear& linear,
                                                                     int layer) const {
  const LayerRooms<T>& r = room(layer);
  const bool first = first_only(layer);
  switch (linear.weight) {
    case Numbers::query_weight:
      return {size_.tokens, input_of(layer), r.qkv,
              pass_.dqkv,   pass_.din,       first ? ProductInto::replaces : ProductInto::adds};
    case Numbers::output_weight:
      return {queries(layer), first ? r.query_context : r.context,      pass_.branch,
              pass_.dbranch,  first ? pass_.dattended : pass_.dcontext, ProductInto::replaces};
    case Numbers::inner_weight:
      return {queries(layer), r.attended,      r.inner,
              pass_.dinner,   pass_.dattended, ProductInto::adds};
    default:
      return {queries(layer), r.activated,  pass_.branch,
              pass_.dbranch,  pass_.dinner, ProductInto::replaces};
  }
}

template <class T, class Compute>
void StepParts<T, Compute>::add_products(std::vector<StepPart>& parts) {
  const std::int64_t d = config_.width;
  const std::int64_t f = config_.inner_width;
  for (const Linear& linear : {Linear{"qkv", Numbers::query_weight, d, 3 * d, true},
                               Linear{"attention output", Numbers::output_weight, d, d, true},
                               Linear{"inner", Numbers::inner_weight, d, f, false},
                               Linear{"outer", Numbers::outer_weight, f, d, true}}) {
    // run(shape, places, number of the weight) for all layers.
    const auto add = [&](const char* kind, auto run) {
      StepPart part{std::string("product ") + linear.name + kind, {}};
      for (int layer = 0; layer < config_.layers; ++layer)
        part.operations += 2.0 * static_cast<double>(places(linear, layer).rows) *
                           static_cast<double>(linear.in) * static_cast<double>(linear.out);
      part.run = [this, linear, run] {
        for (int layer = 0; layer < config_.layers; ++layer) {
          const Places p = places(linear, layer);
          run(LinearShape{p.rows, linear.in, linear.out}, p, Numbers::of(layer, linear.weight));
        }
      };
      parts.push_back(std::move(part));
    };
    add("", [this, linear](LinearShape shape, const Places& p, int weight) {
      const T* bias = linear.has_bias ? parameters_.factor(weight + 1) : nullptr;
      compute_.products().forward(shape, p.x, parameters_.factor(weight), bias, p.y);
    });
    add(" input gradient", [this](LinearShape shape, const Places& p, int weight) {
      compute_.products().input_gradient(shape, p.dy, parameters_.factor(weight), p.dx, p.into);
    });
    add(" weight gradient", [this](LinearShape shape, const Places& p, int weight) {
      compute_.products().weight_gradient(shape, p.x, p.dy, parameters_.gradient(weight));
    });
  }
}

template <class T, class Compute>
AttentionBatch<T> StepParts<T, Compute>::attention_of(int layer) const {
  AttentionBatch<T> batch;
  batch.texts = size_.texts;
  batch.longest = size_.longest;
  batch.width = config_.width;
  batch.heads = config_.heads;
  batch.offsets = pass_.batch.offsets;
  batch.dropout = dropout(config_.attention_dropout, layer);
  batch.qkv = room(layer).qkv;
  batch.context = room(layer).context;
  batch.log_sums = room(layer).log_sums;
  batch.dcontext = pass_.dcontext;
  batch.dqkv = pass_.dqkv;
  return batch;
}

template <class T, class Compute>
void StepParts<T, Compute>::add_attention(std::vector<StepPart>& parts) {
  const double product = 2.0 * squares_ * config_.width * config_.layers;
  const auto add = [&](const char* name, double products, auto attend) {
    parts.push_back({name,
                     [this, attend] {
                       for (int layer = 0; layer < config_.layers; ++layer)
                         attend(attention_of(layer));
                     },
                     products * product});
  };
  add("attention", 2.0,
      [this](const AttentionBatch<T>& batch) { attention(batch, compute_.get()); });
  add("attention backward", 5.0,
      [this](const AttentionBatch<T>& batch) { attention_backward(batch, compute_.get()); });
}

template <class T, class Compute>
NormBatch<T> StepParts<T, Compute>::norm(std::int64_t rows, int gamma, const NormRooms<T>& kept,
                                         int layer) const {
  NormBatch<T> batch;
  batch.rows = rows;
  batch.width = config_.width;
  batch.gamma = parameters_.value(gamma);
  batch.beta = parameters_.value(gamma + 1);
  batch.epsilon = config_.norm_epsilon;
  batch.dropout = dropout(config_.hidden_dropout, layer);
  batch.sum = kept.sum;
  batch.mean = kept.mean;
  batch.scale = kept.scale;
  if (rows == size_.texts) batch.row_ids = pass_.batch.first_tokens;
  return batch;
}
template <class T, class Compute>
NormGradients<T> StepParts<T, Compute>::norm_gradients(int gamma, const T* dout, T* dsum,
                                                       T* dbranch) const {
  NormGradients<T> gradients;
  gradients.dout = dout;
  gradients.dsum = dsum;
  gradients.dbranch = dbranch;
  gradients.dgamma = parameters_.gradient(gamma);
  gradients.dbeta = parameters_.gradient(gamma + 1);
  gradients.partials = pass_.partials;
  return gradients;
}

template <class T, class Compute>
void StepParts<T, Compute>::add_norms(std::vector<StepPart>& parts) {
  // Two a layer: elements, and mean and scale.
  const double bytes =
      2.0 * all_queries() * (4.0 * config_.width * sizeof(T) + 2.0 * sizeof(float));
  const auto of_attention = [this](int layer) {
    return norm(queries(layer), Numbers::of(layer, Numbers::attention_gamma),
                room(layer).attention_norm, layer);
  };
  const auto last = [this](int layer) {
    return norm(queries(layer), Numbers::of(layer, Numbers::gamma), room(layer).norm, layer);
  };
  parts.push_back({"layer norm",
                   [=, this] {
                     for (int layer = 0; layer < config_.layers; ++layer) {
                       const LayerRooms<T>& r = room(layer);
                       const T* branch = pass_.branch;
                       const T* input = first_only(layer) ? r.query_input : input_of(layer);
                       layer_norm(of_attention(layer), input, branch, r.attended, compute_.get());
                       layer_norm(last(layer), static_cast<const T*>(r.attended), branch, r.out,
                                  compute_.get());
                     }
                   },
                   0.0, bytes});
  parts.push_back(
      {"layer norm backward",
       [=, this] {
         for (int layer = config_.layers; layer-- > 0;) {
           layer_norm_backward(last(layer),
                               norm_gradients(Numbers::of(layer, Numbers::gamma), pass_.dout,
                                              pass_.dattended, pass_.dbranch),
                               compute_.get());
           layer_norm_backward(
               of_attention(layer),
               norm_gradients(Numbers::of(layer, Numbers::attention_gamma), pass_.dattended,
                              first_only(layer) ? pass_.dresidual : pass_.din, pass_.dbranch),
               compute_.get());
         }
       },
       0.0, bytes});
}

template <class T, class Compute>
GeluBatch<T> StepParts<T, Compute>::gelu_of(int layer) const {
  GeluBatch<T> batch;
  batch.rows = queries(layer);
  batch.width = config_.inner_width;
  batch.x = room(layer).inner;
  batch.bias = parameters_.value(Numbers::of(layer, Numbers::inner_bias));
  return batch;
}
template <class T, class Compute>
void StepParts<T, Compute>::bias_gradient_of(std::int64_t rows, std::int64_t width, const T* dy,
                                             int bias) const {
  GeluGradients<T> gradients;
  gradients.dout = dy;
  gradients.dbias = parameters_.gradient(bias);
  gradients.partials = pass_.partials;
  bias_gradient(rows, static_cast<int>(width), gradients, compute_.get());
}

template <class T, class Compute>
void StepParts<T, Compute>::add_gelu(std::vector<StepPart>& parts) {
  const double d = config_.width;
  const double elements = all_queries() * config_.inner_width;
  parts.push_back({"bias and GELU",
                   [this] {
                     for (int layer = 0; layer < config_.layers; ++layer)
                       bias_gelu(gelu_of(layer), room(layer).activated, compute_.get());
                   },
                   0.0, 2.0 * elements * sizeof(T)});
  parts.push_back({"bias and GELU backward",
                   [this] {
                     for (int layer = config_.layers; layer-- > 0;) {
                       GeluGradients<T> gradients;
                       // Not in place as in a step: run again and again, that would end at 0.
                       gradients.dout = room(layer).activated;
                       gradients.dx = pass_.dinner;
                       gradients.dbias =
                           parameters_.gradient(Numbers::of(layer, Numbers::inner_bias));
                       gradients.partials = pass_.partials;
                       bias_gelu_backward(gelu_of(layer), gradients, compute_.get());
                     }
                   },
                   0.0, 3.0 * elements * sizeof(T)});
  const double tokens = static_cast<double>(size_.tokens);
  parts.push_back({"bias gradients",
                   [this] {
                     for (int layer = config_.layers; layer-- > 0;) {
                       const std::int64_t width = config_.width;
                       bias_gradient_of(queries(layer), width, pass_.dbranch,
                                        Numbers::of(layer, Numbers::outer_bias));
                       bias_gradient_of(queries(layer), width, pass_.dbranch,
                                        Numbers::of(layer, Numbers::output_bias));
                       bias_gradient_of(size_.tokens, 3 * width, pass_.dqkv,
                                        Numbers::of(layer, Numbers::query_bias));
                     }
                   },
                   0.0, (2.0 * all_queries() * d + 3.0 * config_.layers * tokens * d) * sizeof(T)});
}

template <class T, class Compute>
void StepParts<T, Compute>::add_embedding(std::vector<StepPart>& parts) {
  const double d = config_.width;
  const double tokens = static_cast<double>(size_.tokens);
  const auto batch = [this] {
    EmbeddingBatch<T, float> made;
    made.norm = norm(size_.tokens, Numbers::embedding_gamma, pass_.embedding_norm, 0);
    made.words = parameters_.value(Numbers::words);
    made.positions = parameters_.value(Numbers::positions);
    made.types = parameters_.value(Numbers::types);
    made.word_ids = pass_.batch.ids;
    made.position_ids = pass_.batch.positions;
    return made;
  };
  const double rows = touched_ * d * sizeof(float);
  parts.push_back({"embedding", [=, this] { embed(batch(), pass_.embedded, compute_.get()); }, 0.0,
                   rows + tokens * (2.0 * d * sizeof(T) + 16.0)});
  parts.push_back({"embedding backward",
                   [=, this] {
                     std::array<TableGradient, embedding_tables> tables;
                     for (std::size_t i = 0; i < embedding_tables; ++i) {
                       const BatchArrays::Table& of_batch = pass_.batch.tables[i];
                       TokensByRow& by_row = tables[i].tokens;
                       by_row.tokens = size_.tokens;
                       by_row.spanning = TokensByRow::chunks(size_.tokens);
                       by_row.order = of_batch.order;
                       by_row.begins = of_batch.begins;
                       by_row.first_rows = of_batch.first_rows;
                       by_row.spanning_rows = of_batch.spanning_rows;
                       tables[i].gradient = parameters_.row_gradients[i];
                     }
                     embed_backward(batch().norm,
                                    norm_gradients(Numbers::embedding_gamma, pass_.dout, pass_.din,
                                                   static_cast<T*>(nullptr)),
                                    std::span<const TableGradient>(tables), pass_.partials,
                                    compute_.get());
                   },
                   0.0, rows + tokens * (6.0 * d * sizeof(T) + 8.0)});
}

template <class T, class Compute>
double StepParts<T, Compute>::adamw_bytes() const {
  double bytes = 32.0 * touched_ * config_.width;
  for (std::size_t i = embedding_tables; i < parameters_.list.size(); ++i) {
    const int number = static_cast<int>(i);
    const bool copied = ParameterRooms<T>::has_copies && number > Numbers::embedding_beta &&
                        number < Numbers::of(config_.layers, Numbers::query_weight);
    bytes += (copied ? 34.0 : 32.0) * static_cast<double>(parameters_.list[i].size());
  }
  return bytes;
}

}  // namespace candist::bench
