// SPDX-FileCopyrightText: 2026 The candist authors
// SPDX-License-Identifier: Apache-2.0
#include "resolve.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <type_traits>

#include "choose.hpp"

namespace candist::program {
namespace {

template <class T>
void check_range(const char* option, const std::optional<T>& value, double low, double high,
                 const char* expected) {
  if (value && !(static_cast<double>(*value) >= low && static_cast<double>(*value) <= high)) {
    throw InputError(std::string(option) + ": found " + std::to_string(*value) + ", expected " +
                     expected);
  }
}

void check_ranges(const RunSettings& s) {
  check_range("--epochs", s.epochs, 1, 1e6, "a whole number >= 1");
  check_range("--batch", s.batch, 1, 1e6, "a whole number >= 1");
  check_range("--lr", s.learning_rate, 1e-12, 1e6, "a number > 0");
  check_range("--weight-decay", s.weight_decay, 0, 1e6, "a number >= 0");
  check_range("--lr-warmup", s.lr_warmup, 0, 1, "a share between 0 and 1");
  check_range("--max-gradient-norm", s.max_gradient_norm, 0, 1e6, "a number >= 0");
  check_range("--max-length", s.max_length, 3, 1 << 20, "a whole number >= 3");
  check_range("--dropout", s.dropout, 0, 0.999, "a probability below 1");
  check_range("--layers", s.layers, 1, 1000, "a whole number from 1 to 1000");
  check_range("--width", s.width, 8, 1 << 16, "a whole number from 8 to 65536");
  check_range("--heads", s.heads, 1, 1 << 13, "a whole number from 1 to 8192");
  check_range("--warmup-epochs", s.warmup_epochs, 0, 1e6, "a whole number >= 0");
  check_range("--delta", s.delta, 0, 1, "a share between 0 and 1");
  check_range("--gamma", s.gamma, 1e-3, 1e3, "a temperature > 0");
  check_range("--tau", s.tau, 0, 1e3, "a probability (>= 1 switches the rescue off)");
  check_range("--hold-out", s.hold_out, 0.001, 0.9, "a share between 0.001 and 0.9");
  check_range("--word-dropout", s.word_dropout, 0, 0.999, "a probability below 1");
  check_range("--buckets-log2", s.buckets_log2, 8, 28, "a whole number from 8 to 28");
  check_range("--word-ngrams", s.word_ngrams, 0, 8, "a whole number from 0 to 8");
  check_range("--char-min", s.char_min, 0, 64, "a whole number from 0 to 64");
  check_range("--char-max", s.char_max, 1, 64, "a whole number from 1 to 64");
  check_range("--ramp-epochs", s.ramp_epochs, 0, 1e6, "a number >= 0");
  check_range("--mixup-beta", s.mixup_beta, 1, 1000, "a whole number >= 1");
  check_range("--consistency", s.consistency, 0, 1e6, "a weight >= 0");
  check_range("--mixup", s.mixup, 0, 1e6, "a weight >= 0");
  check_range("--threads", std::optional(s.threads), 0, 1024, "a whole number from 0 to 1024");
  if (s.keep != "last" && s.keep != "best")
    throw InputError("--keep " + shown(s.keep) + " does not exist; there are: last, best");
  if (s.keep == "best" && s.files.valid.empty())
    throw InputError("--keep best needs texts to judge by: give them with --valid FILE");
}

/// What only the effective values can tell.
void check_together(const RunSettings& s) {
  // Decay multiplies every weight by 1 - lr * decay: below 0 it would swing, and its log is no number.
  if (*s.learning_rate * *s.weight_decay >= 1.0f) {
    throw InputError("--lr times --weight-decay: found " +
                     std::to_string(*s.learning_rate * *s.weight_decay) +
                     ", expected less than 1, for one step would decay everything");
  }
  if (s.width && (*s.width % 8 != 0 || *s.width % *s.heads != 0)) {
    throw InputError("--width: found " + std::to_string(*s.width) +
                     ", expected a multiple of 8 and of --heads, which is " +
                     std::to_string(*s.heads));
  }
  if (!s.word_ngrams) return;  // of another kind of student
  if (*s.word_ngrams == 0 && *s.char_min == 0)
    throw InputError(
        "--word-ngrams 0 with --char-min 0 leaves nothing of a text; raise one of them");
  if (*s.char_min > *s.char_max) {
    throw InputError("--char-min: found " + std::to_string(*s.char_min) +
                     ", expected at most --char-max, which is " + std::to_string(*s.char_max));
  }
}

}  // namespace

RunSettings resolved(RunSettings s, std::vector<std::string>* without_effect) {
  check_ranges(s);
  if (!s.pretrained.empty())
    s.pretrained = std::filesystem::absolute(s.pretrained).lexically_normal().string();
  std::set<const void*> effective;
  choose(s, &effective);
  for_each_option(s, [&](const char* key, auto& value, const char*) {
    using Field = std::decay_t<decltype(value)>;
    if constexpr (!std::is_arithmetic_v<Field>) {
      const std::string name = key;
      // These name the composition itself.
      for (const char* part : {"method", "loss", "refinery", "candidate_set", "student", "keep"}) {
        if (name == part) return;
      }
      const bool given = value != Field{};
      if (!given || effective.contains(&value)) return;
      value = Field{};
      if (without_effect != nullptr) without_effect->push_back(name);
    }
  });
  check_together(s);
  if (s.threads == 0)
    s.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return s;
}

MethodNames method_names(const RunSettings& settings) {
  RunSettings copy = settings;
  const NamedMethod method = choose(copy).method;
  return {method.name, method.loss, method.refinery};
}

}  // namespace candist::program
