// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
//
// Everything a run can be told, in one struct: read from the command line or from a run folder's
// config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace candist::program {

/// Files of a run; empty = not given.
struct DataFiles {
  std::string data;
  std::string test;
  std::string valid;
  std::string labels;
  std::string candidates;
  std::string augmented;
};

/// One training run. Unset numbers take the student's or the method's default; so do empty names:
/// resolved() (resolve.hpp) fills them in.
struct RunSettings {
  DataFiles files;
  std::string method;
  std::string loss;
  std::string refinery;
  std::string candidate_set = "sparse";
  std::string student = "linear";
  std::string optimizer;
  std::optional<int> epochs;
  std::optional<int> batch;
  std::optional<float> learning_rate;
  std::optional<float> lr_warmup;
  std::optional<float> weight_decay;
  std::optional<float> max_gradient_norm;
  std::string pretrained;
  std::optional<int> max_length;
  std::string pooling;
  std::optional<float> dropout;
  std::optional<int> layers;
  std::optional<int> width;
  std::optional<int> heads;
  std::string precision;
  std::optional<int> buckets_log2;
  std::optional<int> word_ngrams;
  std::optional<int> char_min;
  std::optional<int> char_max;
  std::optional<int> warmup_epochs;
  std::optional<float> delta;
  std::optional<float> gamma;
  std::optional<float> tau;
  std::string refresh;
  std::string predictions;
  std::string selection_loss;
  std::string rounding;
  std::string denominator;
  std::optional<float> consistency;
  std::optional<float> mixup;
  std::optional<float> ramp_epochs;
  std::optional<int> mixup_beta;
  std::string mixing;
  std::string divergence;
  std::string outside_rows;
  std::optional<float> word_dropout;
  std::string keep = "last";
  std::optional<float> hold_out;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> init_seed;
  std::optional<std::uint64_t> order_seed;
  int threads = 0;
};

/// Calls visit(key, member, help) for every file.
template <class Files, class Visitor>
void for_each_file(Files& f, Visitor&& visit) {
  visit("data", f.data, "texts: .jsonl, .tsv, .csv, or one a line");
  visit("test", f.test, "texts to test on, with labels");
  visit("valid", f.valid, "texts with labels, judged after every epoch");
  visit("labels", f.labels, "label names: one a line, or JSON; default: those of the texts");
  visit("candidates", f.candidates, "annotations, joined to the texts by id");
  visit("augmented", f.augmented, "second views, joined to the texts by id");
}

/// Calls visit(key, member, help) for everything else: the one list behind the options of `distill`,
/// the lists of `ablate` and config.json. An option is its key with dashes. A help that ends in
/// a colon is completed with what resolved() takes for candist.
template <class Settings, class Visitor>
void for_each_option(Settings& s, Visitor&& visit) {
  visit("method", s.method, "a published method, see candist list; default: candist");
  visit("loss", s.loss, "with --refinery, instead of --method");
  visit("refinery", s.refinery, "with --loss, instead of --method");
  visit("candidate_set", s.candidate_set, "form of the sets in memory, see candist list");
  visit("student", s.student, "see candist list");
  visit("optimizer", s.optimizer, "see candist list; default:");
  visit("epochs", s.epochs, "visits of every text; default:");
  visit("batch", s.batch, "texts a step; default:");
  visit("lr", s.learning_rate, "learning rate, falling linearly to 0; default:");
  visit("lr_warmup", s.lr_warmup,
        "share of the training over which the learning rate grows from 0; default:");
  visit("weight_decay", s.weight_decay, "decoupled; default:");
  visit("max_gradient_norm", s.max_gradient_norm,
        "gradients of a larger norm are scaled to it, 0 = never; default:");
  visit("pretrained", s.pretrained,
        "folder of a Hugging Face model (BERT or RoBERTa family) that the transformer starts from, "
        "with 5 epochs and --lr 0.0002, or 0.00003 beyond width 384; default: fresh weights");
  visit("max_length", s.max_length, "tokens of a text at most, the rest is cut off; default:");
  visit("pooling", s.pooling,
        "embedding of a text: head (the first token, as the model's family classifies) or mean (of "
        "all tokens); default: what the model's folder says");
  visit("dropout", s.dropout, "default: what the model's folder says, else:");
  visit("layers", s.layers, "of a transformer with fresh weights; default:");
  visit("width", s.width, "of a transformer with fresh weights; default:");
  visit("heads", s.heads, "of a transformer with fresh weights; default:");
  visit("precision", s.precision,
        "of activations and products on the GPU, bf16 or fp32; sums are float in both; default:");
  visit("buckets_log2", s.buckets_log2, "hash buckets of the n-grams, as a power of 2; default:");
  visit("word_ngrams", s.word_ngrams, "words, word pairs, ... up to this length; default:");
  visit("char_min", s.char_min, "shortest character n-gram, 0 = none; default:");
  visit("char_max", s.char_max, "longest character n-gram; default:");
  visit("warmup_epochs", s.warmup_epochs,
        "epochs before the refinery selects; default of candist:");
  visit("delta", s.delta, "share of small-loss texts that is sharpened; default:");
  visit("gamma", s.gamma, "sharpening temperature; default:");
  visit("tau", s.tau, "confidence of the rescue, 1 = off; default:");
  visit("refresh", s.refresh,
        "prediction behind Eq. 1: same_forward, before_loss or after_step; default: the method's");
  visit("predictions", s.predictions,
        "predictions behind Eq. 2-4: evaluation_pass (default) or last_visit");
  visit("selection_loss", s.selection_loss,
        "targets in the loss of Eq. 3: renormalised (default) or stored");
  visit("rounding", s.rounding, "of delta n_c: up_at_least_one (default) or down");
  visit("denominator", s.denominator,
        "of a batch's loss: rows_with_target (default) or batch_rows");
  visit("consistency", s.consistency,
        "weight of the consistency terms; 0 but for candist and its ablations:");
  visit("mixup", s.mixup, "weight of mixup; 0 but for candist and its ablations:");
  visit("ramp_epochs", s.ramp_epochs, "epochs over which both weights grow from 0; default:");
  visit("mixup_beta", s.mixup_beta, "omega ~ Beta(b, b); default:");
  visit("mixing", s.mixing, "omega: at_least_half (default) or as_drawn");
  visit("divergence", s.divergence,
        "of two views outside the set: toward_first_view (default) or symmetric");
  visit("outside_rows", s.outside_rows, "that it applies to: all (default) or without_target");
  visit("word_dropout", s.word_dropout, "second views by dropping n-grams with this probability");
  visit("keep", s.keep, "which student of the run: last, or best on --valid");
  visit(
      "hold_out", s.hold_out,
      "share of the training texts whose candidates the student does not learn from, but is judged "
      "by: covering rate and approximated accuracy need no gold labels");
  visit("seed", s.seed, "of everything random");
  visit("init_seed", s.init_seed, "of the student: first weights, dropout; default: --seed");
  visit("order_seed", s.order_seed,
        "of the order of the texts, their second views and mixtures; default: --seed");
}

/// "candidate_set" -> "--candidate-set".
std::string option_of(std::string key);

nlohmann::json to_json(const RunSettings& settings);
/// Throws InputError naming `source` for a key that is unknown and for a value that is not exactly
/// of the option's type.
RunSettings settings_from_json(const nlohmann::json& json, const std::string& source);

}  // namespace candist::program
