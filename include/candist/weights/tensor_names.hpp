// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "candist/weights/transformer_config.hpp"
#include "candist/weights/transformer_config_json.hpp"

namespace candist {

/// What the tensors of a model (NamedTensor) are called in the files of its family:
///
///   encoder       bert.NAME, roberta.NAME; or NAME alone, in files of the encoder without a head
///   bert_pooler   head.dense: bert.pooler.dense,  head.output: classifier
///   roberta_head  head.dense: classifier.dense,   head.output: classifier.out_proj
///   mean                                          head.output: classifier
class TensorNames {
 public:
  /// Throws InputError for a head that the family has not.
  explicit TensorNames(const TransformerConfig& config)
      : prefix_(config.family == EncoderFamily::bert ? "bert." : "roberta."),
        pooling_(config.pooling) {
    expect_head_of_family(config);
  }

  static bool is_of_head(std::string_view name) { return name.starts_with("head."); }
  /// The name in a file of the family's classifier.
  std::string saved(std::string_view name) const {
    if (const std::string_view dense = "head.dense."; name.starts_with(dense))
      return (pooling_ == Pooling::bert_pooler ? prefix_ + "pooler.dense." : "classifier.dense.") +
             std::string(name.substr(dense.size()));
    if (const std::string_view output = "head.output."; name.starts_with(output))
      return (pooling_ == Pooling::roberta_head ? "classifier.out_proj." : "classifier.") +
             std::string(name.substr(output.size()));
    return prefix_ + std::string(name);
  }
  /// All names it may have in a file: the saved one, that without the prefix, and both with the
  /// gamma and beta of TensorFlow's layer norms.
  std::vector<std::string> possible(std::string_view name) const {
    std::vector<std::string> names{saved(name)};
    if (names[0].starts_with(prefix_)) names.push_back(names[0].substr(prefix_.size()));
    for (const auto& [now, once] : {std::pair{"LayerNorm.weight", "LayerNorm.gamma"},
                                    std::pair{"LayerNorm.bias", "LayerNorm.beta"}}) {
      if (!name.ends_with(now)) continue;
      for (std::size_t i = 0, count = names.size(); i < count; ++i) {
        const std::size_t stem = names[i].size() - std::string_view(now).size();
        names.push_back(names[i].substr(0, stem) + once);
      }
    }
    return names;
  }
  /// Is it, where nothing wanted it, something that such files are known to hold and that the model
  /// has no use for: another task's head, another pooling's, a buffer?
  bool is_without_use(std::string_view stored) const {
    for (const std::string_view head : {"cls.", "lm_head.", "qa_outputs.", "classifier."}) {
      if (stored.starts_with(head)) return true;
    }
    if (stored.starts_with(prefix_)) stored.remove_prefix(prefix_.size());
    return stored.ends_with(".position_ids") ||
           (stored.starts_with("pooler.") && pooling_ != Pooling::bert_pooler);
  }

 private:
  std::string prefix_;
  Pooling pooling_;
};

}  // namespace candist
