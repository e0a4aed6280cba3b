// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/text/json_file.hpp"
#include "candist/weights/safetensors_file.hpp"

namespace candist {

/// The tensors of a Hugging Face model folder: model.safetensors, or else the shards that
/// model.safetensors.index.json names. Throws InputError for what is missing or broken, for an
/// index that does not say of every tensor of its shards where it is, and for a folder with pickled
/// weights alone, with the way to convert them.
class WeightFiles {
 public:
  explicit WeightFiles(const std::filesystem::path& folder);

  /// A tensor and the file that it is in.
  struct Place {
    const SafetensorsFile* file = nullptr;
    const TensorEntry* tensor = nullptr;

    explicit operator bool() const { return tensor != nullptr; }
    /// Throws as SafetensorsFile::read does.
    void read(std::span<float> values) const { file->read(*tensor, values); }
  };
  /// No place where there is no such tensor.
  Place find(std::string_view name) const {
    for (const SafetensorsFile& file : files_) {
      if (const TensorEntry* tensor = file.find(name)) return {&file, tensor};
    }
    return {};
  }
  /// Calls visit(place) for every tensor.
  template <class Visit>
  void each(Visit&& visit) const {
    for (const SafetensorsFile& file : files_) {
      for (const TensorEntry& tensor : file.tensors()) visit(Place{&file, &tensor});
    }
  }
  /// The file, or the index of the shards.
  const std::string& name() const { return name_; }

 private:
  void open_shards(const std::filesystem::path& folder);
  [[noreturn]] static void refuse(const std::filesystem::path& folder);

  std::string name_;
  std::vector<SafetensorsFile> files_;
};

// ---- definitions

inline WeightFiles::WeightFiles(const std::filesystem::path& folder) {
  constexpr const char* single = "model.safetensors";
  constexpr const char* index = "model.safetensors.index.json";
  if (std::filesystem::exists(folder / single)) {
    name_ = (folder / single).string();
    files_.emplace_back(folder / single);
  } else if (std::filesystem::exists(folder / index)) {
    name_ = (folder / index).string();
    open_shards(folder);
  } else {
    refuse(folder);
  }
}

inline void WeightFiles::open_shards(const std::filesystem::path& folder) {
  const JsonFile index(name_);
  const JsonNode map = index.root()["weight_map"];
  std::map<std::string, std::size_t, std::less<>> shards;  // file name to place in files_
  std::map<std::string, std::size_t, std::less<>> places;  // tensor to place in files_
  for (const auto& [tensor, value] : map.object()) {
    std::string_view shard_name;
    if (value.get(shard_name) != simdjson::SUCCESS) map[tensor].fail("a string");
    const std::string shard(shard_name);
    // Nothing outside the folder is opened, whoever wrote the index.
    if (std::filesystem::path(shard).filename() != shard || !shard.ends_with(".safetensors"))
      map[tensor].fail("the name of a .safetensors file of the folder");
    const auto [found, is_new] = shards.emplace(shard, files_.size());
    if (is_new) files_.emplace_back(folder / shard);
    if (!places.emplace(tensor, found->second).second)
      throw InputError(name_, 0, "tensor " + quoted(tensor) + " twice", "every name once");
    if (files_[found->second].find(tensor) == nullptr) {
      throw InputError(files_[found->second].name(), 0, "no tensor " + quoted(tensor),
                       "what the index says");
    }
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    for (const TensorEntry& tensor : files_[i].tensors()) {
      const auto found = places.find(tensor.name);
      if (found != places.end() && found->second == i) continue;
      throw InputError(files_[i].name(), 0, "tensor " + quoted(tensor.name),
                       "none that the index does not say to be there");
    }
  }
}

inline void WeightFiles::refuse(const std::filesystem::path& folder) {
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (!std::filesystem::exists(folder / pickle)) continue;
    throw InputError(
        folder.string(), 0, std::string(pickle) + " without model.safetensors",
        "weights as safetensors; to convert them, in that folder: python3 -c \"import glob, torch, "
        "safetensors.torch as s; s.save_file({n: t.contiguous().clone() for f in "
        "glob.glob('pytorch_model*.bin') for n, t in torch.load(f, weights_only=True).items()}, "
        "'model.safetensors', {'format': 'pt'})\"");
  }
  throw InputError(folder.string(), 0, "no model.safetensors", "the weights of a model");
}

}  // namespace candist
