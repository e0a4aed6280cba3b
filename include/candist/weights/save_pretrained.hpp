// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
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

/// Makes the tokenizer of the folder `to` that of the folder `from`: copies every file that belongs
/// to one, and removes those in `to` that `from` has not, which would contradict it. Does nothing
/// where both are the same folder. Throws InputError where `from` has none of them.
inline void copy_tokenizer_files(const std::filesystem::path& from,
                                 const std::filesystem::path& to);

// ---- definitions

namespace detail {

inline constexpr const char* tokenizer_files[] = {"tokenizer.json",
                                                  "vocab.txt",
                                                  "vocab.json",
                                                  "merges.txt",
                                                  "tokenizer_config.json",
                                                  "special_tokens_map.json",
                                                  "added_tokens.json"};

inline void write_whole(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

inline void make_folder(const std::filesystem::path& folder) {
  std::error_code ignored;  // AtomicFile says what is wrong with the place
  std::filesystem::create_directories(folder, ignored);
}

inline std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path.string(), 0, std::strerror(errno), "a file that can be read");
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) throw RunError("cannot read " + path.string());
  return bytes;
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

inline void copy_tokenizer_files(const std::filesystem::path& from,
                                 const std::filesystem::path& to) {
  std::error_code error;
  if (std::filesystem::equivalent(from, to, error)) return;
  std::vector<std::pair<const char*, std::string>> copies;  // all are read before any is written
  for (const char* file : detail::tokenizer_files) {
    if (std::filesystem::exists(from / file))
      copies.emplace_back(file, detail::read_whole(from / file));
  }
  if (copies.empty()) {
    throw InputError(from.string(), 0, "no tokenizer",
                     "tokenizer.json, vocab.txt, or vocab.json and merges.txt");
  }
  detail::make_folder(to);
  for (const char* file : detail::tokenizer_files) {
    if (!std::filesystem::exists(from / file)) std::filesystem::remove(to / file, error);
  }
  for (const auto& [file, bytes] : copies) detail::write_whole(to / file, bytes);
}

}  // namespace candist
