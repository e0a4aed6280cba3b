// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "candist/data/atomic_file.hpp"
#include "candist/error.hpp"
#include "candist/weights/mean_pooling_code.hpp"
#include "candist/weights/safetensors_writer.hpp"
#include "candist/weights/tensor_names.hpp"
#include "candist/weights/transformer_config.hpp"
#include "candist/weights/transformer_config_json.hpp"

namespace candist {

/// Writes a model into a folder, made where there is none, such that transformers opens it:
///
///   AutoModelForSequenceClassification.from_pretrained(folder)
///
/// With Pooling::mean, for which transformers has no class, also modeling_mean_pooling.py; it is
/// opened with trust_remote_code=True. (Without that, transformers takes its own class, with a new
/// pooler at random, and only warns.) `tensors` are all of the model, `label_names` those of its
/// classes [C]. Every file appears whole, config.json last. Throws InputError for labels, a head or
/// a place that will not do, RunError where a value is not finite or writing fails.
inline void save_pretrained(const std::filesystem::path& folder, const TransformerConfig& config,
                            std::span<const std::string> label_names,
                            std::span<const NamedTensor> tensors,
                            StoredAs stored_as = StoredAs::f32);

// ---- definitions

namespace detail {

inline void write_whole(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

inline void make_folder(const std::filesystem::path& folder) {
  std::error_code ignored;  // AtomicFile says what is wrong with the place
  std::filesystem::create_directories(folder, ignored);
}

}  // namespace detail

inline void save_pretrained(const std::filesystem::path& folder, const TransformerConfig& config,
                            std::span<const std::string> label_names,
                            std::span<const NamedTensor> tensors, StoredAs stored_as) {
  nlohmann::ordered_json json = transformer_config_json(config, label_names);
  // The name up to transformers 4 and that since; both read the one they know.
  json["torch_dtype"] = json["dtype"] = stored_as == StoredAs::f32   ? "float32"
                                        : stored_as == StoredAs::f16 ? "float16"
                                                                     : "bfloat16";
  const TensorNames names(config);
  SafetensorsWriter writer;
  for (const NamedTensor& tensor : tensors) {
    std::vector<std::int64_t> shape{tensor.rows};
    if (tensor.columns != 0) shape.push_back(tensor.columns);
    writer.add(names.saved(tensor.name), std::move(shape), tensor.values, stored_as);
  }
  detail::make_folder(folder);
  if (config.pooling == Pooling::mean)
    detail::write_whole(folder / "modeling_mean_pooling.py", mean_pooling_code);
  writer.write(folder / "model.safetensors");
  detail::write_whole(folder / "config.json", json.dump(2) + "\n");
}

}  // namespace candist
