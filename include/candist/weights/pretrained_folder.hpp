// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Hugging Face model folders: their shape is read by read_transformer_config, their tensors by
// load_weights; save_pretrained writes one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "candist/error.hpp"
#include "candist/weights/safetensors_file.hpp"
#include "candist/weights/tensor_names.hpp"
#include "candist/weights/transformer_config.hpp"
#include "candist/weights/transformer_config_json.hpp"
#include "candist/weights/weight_files.hpp"

namespace candist {

/// What load_weights did not find or did not want.
struct LoadedWeights {
  std::vector<std::string> fresh;    ///< tensors of the head that stayed as they were
  std::vector<std::string> ignored;  ///< tensors of the files that the model has no use for
};

/// Fills all tensors of a model from the folder's weights, whatever their type (F32, F16, BF16,
/// F64) and with or without the family's prefix. Every tensor but the head's must be there in
/// exactly its shape. Of the head, a layer (weight and bias) that is not there stays as it is, and
/// so does head.output where the folder's model has another number of classes. What else is in the
/// files must be of a known kind (another task's head, position_ids). Throws InputError naming file
/// and tensor; the tensors are untouched then, unless a value was not finite.
inline LoadedWeights load_weights(const std::filesystem::path& folder,
                                  const TransformerConfig& config, std::span<NamedTensor> tensors);

/// Throws InputError where a tokenizer's ids, 0 to ids-1 (the size of its vocabulary), do not all
/// have a row in the table of tokens.
inline void check_vocabulary(const std::filesystem::path& folder, const TransformerConfig& config,
                             std::int64_t ids);

// ---- definitions

namespace detail {

class WeightLoader {
 public:
  WeightLoader(const std::filesystem::path& folder, const TransformerConfig& config,
               std::span<NamedTensor> tensors)
      : names_(config), files_(folder), tensors_(tensors) {}

  LoadedWeights load() {
    for (NamedTensor& tensor : tensors_) places_.push_back(find(tensor));
    for (std::size_t i = 0; i < tensors_.size(); ++i) expect_shape(i);
    for (std::size_t i = 0; i < tensors_.size(); ++i) expect_partner(i);
    files_.each([&](const WeightFiles::Place& place) {
      const std::string& name = place.tensor->name;
      if (wanted_.contains(name)) return;
      if (!names_.is_without_use(name)) {
        throw InputError(place.file->name(), 0,
                         "tensor " + quoted(name) + " " + shown_shape(place.tensor->shape),
                         "only those of the model that config.json describes");
      }
      result_.ignored.push_back(name);
    });
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (places_[i]) {
        places_[i].read(tensors_[i].values);
      } else {
        result_.fresh.push_back(tensors_[i].name);
      }
    }
    return std::move(result_);
  }

 private:
  static std::vector<std::int64_t> shape(const NamedTensor& tensor) {
    if (tensor.columns == 0) return {tensor.rows};
    return {tensor.rows, tensor.columns};
  }
  WeightFiles::Place find(const NamedTensor& tensor) const {
    CANDIST_EXPECT_EQ(tensor.values.size(), tensor.rows * std::max<std::int64_t>(tensor.columns, 1),
                      "values of a tensor, its rows times its columns");
    WeightFiles::Place place;
    for (const std::string& name : names_.possible(tensor.name)) {
      const WeightFiles::Place other = files_.find(name);
      if (place && other) {
        throw InputError(files_.name(), 0,
                         "tensors " + quoted(place.tensor->name) + " and " + quoted(name),
                         "one of them");
      }
      if (other) place = other;
    }
    if (!place && !TensorNames::is_of_head(tensor.name)) {
      throw InputError(files_.name(), 0, "no tensor " + quoted(names_.saved(tensor.name)),
                       "it or " + quoted(tensor.name) + ", of shape " + shown_shape(shape(tensor)));
    }
    return place;
  }
  /// Lets go of the output of other classes.
  void expect_shape(std::size_t i) {
    const NamedTensor& tensor = tensors_[i];
    WeightFiles::Place& place = places_[i];
    if (!place) return;
    const std::vector<std::int64_t> expected = shape(tensor);
    std::vector<std::int64_t> found = place.tensor->shape;
    if (found == expected) {
      wanted_.insert(place.tensor->name);
      return;
    }
    if (tensor.name.starts_with("head.output.") && found.size() == expected.size()) {
      found[0] = expected[0];
      if (found == expected) {
        place = {};
        return;
      }
    }
    throw InputError(
        place.file->name(), 0,
        "tensor " + quoted(place.tensor->name) + " of shape " + shown_shape(place.tensor->shape),
        shown_shape(expected));
  }
  /// A layer of the head is loaded whole or not at all.
  void expect_partner(std::size_t i) const {
    const std::string& name = tensors_[i].name;
    if (!places_[i] || !TensorNames::is_of_head(name)) return;
    const std::string layer = name.substr(0, name.rfind('.'));
    for (std::size_t j = 0; j < tensors_.size(); ++j) {
      const std::string& other = tensors_[j].name;
      if (places_[j] || other.substr(0, other.rfind('.')) != layer) continue;
      throw InputError(places_[i].file->name(), 0,
                       "tensor " + quoted(places_[i].tensor->name) + " but no " +
                           quoted(names_.saved(other)) + " that fits it",
                       "both, or neither");
    }
  }

  TensorNames names_;
  WeightFiles files_;
  std::span<NamedTensor> tensors_;
  std::vector<WeightFiles::Place> places_;  ///< of each tensor; none: it stays as it is
  std::set<std::string, std::less<>> wanted_;
  LoadedWeights result_;
};

}  // namespace detail

inline LoadedWeights load_weights(const std::filesystem::path& folder,
                                  const TransformerConfig& config, std::span<NamedTensor> tensors) {
  return detail::WeightLoader(folder, config, tensors).load();
}

inline void check_vocabulary(const std::filesystem::path& folder, const TransformerConfig& config,
                             std::int64_t ids) {
  if (ids <= config.vocabulary) return;
  throw InputError(folder.string(), 0,
                   "a vocabulary that does not fit the weights: ids up to " +
                       std::to_string(ids - 1) + " of the tokenizer",
                   "ids below " + std::to_string(config.vocabulary) +
                       ", the rows of embeddings.word_embeddings.weight");
}

}  // namespace candist
